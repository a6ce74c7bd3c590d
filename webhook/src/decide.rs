//! Whether a review is ours to judge, and what the contract's one derivation says about it.

use k8s_openapi::{
    api::{
        apps::v1::{DaemonSet, Deployment, StatefulSet},
        batch::v1::{CronJob, Job},
        core::v1::Pod,
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use sallyport_contract::{
    Reason, Refusal,
    derive::{Verdict, derive},
    keys,
    workload::{Subject, controller},
};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    facts::{Known, Labels},
    patch::Path,
    review::{Entry, ObjectKind, Operation, Review},
};

/// The kinds that Sallyport judges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// v1 Pod.
    Pod,
    /// apps/v1 Deployment.
    Deployment,
    /// apps/v1 StatefulSet.
    StatefulSet,
    /// apps/v1 DaemonSet.
    DaemonSet,
    /// batch/v1 Job.
    Job,
    /// batch/v1 CronJob.
    CronJob,
}

impl Kind {
    fn of(entry: Entry, kind: &ObjectKind) -> Option<Self> {
        match (entry, kind.group.as_str(), kind.version.as_str(), kind.kind.as_str()) {
            (Entry::Pods, "", "v1", "Pod") => Some(Self::Pod),
            (Entry::Workloads, "apps", "v1", "Deployment") => Some(Self::Deployment),
            (Entry::Workloads, "apps", "v1", "StatefulSet") => Some(Self::StatefulSet),
            (Entry::Workloads, "apps", "v1", "DaemonSet") => Some(Self::DaemonSet),
            (Entry::Workloads, "batch", "v1", "Job") => Some(Self::Job),
            (Entry::Workloads, "batch", "v1", "CronJob") => Some(Self::CronJob),
            _ => None,
        }
    }

    /// The kind's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pod => "Pod",
            Self::Deployment => "Deployment",
            Self::StatefulSet => "StatefulSet",
            Self::DaemonSet => "DaemonSet",
            Self::Job => "Job",
            Self::CronJob => "CronJob",
        }
    }

    /// Where the pods' template stands; the root for a pod itself.
    #[must_use]
    pub fn template(self) -> Path {
        match self {
            Self::Pod => Path::of(&[]),
            Self::Deployment | Self::StatefulSet | Self::DaemonSet | Self::Job => {
                Path::of(&["spec", "template"])
            }
            Self::CronJob => Path::of(&["spec", "jobTemplate", "spec", "template"]),
        }
    }
}

/// A pod or workload that Sallyport has to judge. Built by [`Case::of`] only.
#[derive(Clone, Debug)]
pub struct Case {
    /// What it is.
    pub kind: Kind,
    /// What the derivation looks at.
    pub subject: Subject,
    /// Its own name; `None` while it is to be generated.
    pub name: Option<String>,
    /// Whether a Job controls it, so that its template may carry a CronJob's name.
    pub of_job: bool,
}

impl Case {
    /// Reads a review; `None` if it is let through untouched.
    ///
    /// # Errors
    /// The object cannot be read as what it claims to be.
    pub fn of(entry: Entry, review: &Review) -> Result<Option<Self>, Refusal> {
        let Some(kind) = Kind::of(entry, &review.kind).filter(|_| review.sub_resource.is_empty()) else {
            return Ok(None);
        };
        let may_concern = match (kind, review.operation) {
            (_, Operation::Other) | (Kind::Pod, Operation::Update) => false,
            (_, Operation::Create) => true,
            (_, Operation::Update) => template_changed(kind, review),
        };
        if !may_concern {
            return Ok(None);
        }
        Self::read(kind, review).map_err(|error| malformed(kind, review, &error))
    }

    fn read(kind: Kind, review: &Review) -> Result<Option<Self>, serde_json::Error> {
        let namespace = review.namespace.as_str();
        let (subject, meta) = match kind {
            Kind::Pod => {
                let object = Pod::deserialize(&review.object)?;
                (Subject::of_pod(namespace, &object), object.metadata)
            }
            Kind::Deployment => {
                let object = Deployment::deserialize(&review.object)?;
                (Subject::of_deployment(namespace, &object), object.metadata)
            }
            Kind::StatefulSet => {
                let object = StatefulSet::deserialize(&review.object)?;
                (Subject::of_stateful_set(namespace, &object), object.metadata)
            }
            Kind::DaemonSet => {
                let object = DaemonSet::deserialize(&review.object)?;
                (Subject::of_daemon_set(namespace, &object), object.metadata)
            }
            Kind::Job => {
                let object = Job::deserialize(&review.object)?;
                (Subject::of_job(namespace, &object), object.metadata)
            }
            Kind::CronJob => {
                let object = CronJob::deserialize(&review.object)?;
                (Subject::of_cron_job(namespace, &object), object.metadata)
            }
        };
        let owner = controller(&meta);
        if kind == Kind::Pod && is_mirror(&meta) {
            return Ok(None);
        }
        // A workload that something else controls is that owner's business, and one that is being deleted
        // must never be kept from going.
        if kind != Kind::Pod && (owner.is_some() || meta.deletion_timestamp.is_some()) {
            return Ok(None);
        }
        let of_job = owner.is_some_and(|owner| owner.kind == "Job");
        Ok(Some(Self { kind, subject, name: own_name(meta), of_job }))
    }

    /// A place in the pod, or in the template of the pods.
    #[must_use]
    pub fn of_pod(&self, keys: &[&'static str]) -> Path {
        keys.iter().fold(self.kind.template(), |place, key| place.key(key))
    }

    /// What the policies say. The labels are those of a namespace that is turned on.
    #[must_use]
    pub fn decide(&self, labels: &Labels, known: &Known) -> Verdict {
        derive(&self.subject, labels, &known.policies)
    }
}

/// The kubelet's picture of a static pod, which runs already and may name no Secret
/// (<https://kubernetes.io/docs/reference/labels-annotations-taints/#kubernetes-io-config-mirror>). A kubelet runs no pod
/// that says so and has no static pod behind it.
fn is_mirror(meta: &ObjectMeta) -> bool {
    meta.annotations.as_ref().is_some_and(|annotations| annotations.contains_key(keys::MIRROR))
}

fn own_name(meta: ObjectMeta) -> Option<String> {
    meta.name.filter(|name| !name.is_empty())
}

/// Scaling, a label, a status: nothing of it is judged, so nothing of it can be refused.
fn template_changed(kind: Kind, review: &Review) -> bool {
    fn at<'a>(path: &Path, object: &'a Value) -> Option<&'a Value> {
        path.value(object).ok().flatten()
    }
    let template = kind.template();
    at(&template, &review.object) != at(&template, &review.old_object)
}

fn malformed(kind: Kind, review: &Review, error: &serde_json::Error) -> Refusal {
    let kind = kind.as_str();
    Refusal {
        reason: Reason::Malformed,
        what: format!("the object cannot be read as a {kind}: {error}"),
        place: format!("{kind} {}/{}", review.namespace, review.name),
        rule: format!("the schema of {kind} in Kubernetes 1.37"),
        remedy: "correct the manifest".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn case(entry: Entry, request: Value) -> Result<Option<Case>, Refusal> {
        let mut whole = json!({"uid": "u", "namespace": "shop", "operation": "CREATE"});
        whole.as_object_mut().unwrap().extend(request.as_object().unwrap().clone());
        Case::of(entry, &serde_json::from_value(whole).unwrap())
    }

    fn kind(group: &str, kind: &str) -> Value {
        json!({"group": group, "version": "v1", "kind": kind})
    }

    #[test]
    fn law_13_what_is_not_ours_goes_through() {
        let pod = kind("", "Pod");
        let web = kind("apps", "Deployment");
        let owned = json!([{"apiVersion": "v1", "kind": "X", "name": "x", "uid": "u", "controller": true}]);
        for (entry, request) in [
            (Entry::Pods, json!({"kind": pod, "operation": "UPDATE"})),
            (Entry::Pods, json!({"kind": pod, "operation": "DELETE"})),
            (Entry::Pods, json!({"kind": pod, "operation": "CONNECT", "subResource": "exec"})),
            (Entry::Pods, json!({"kind": pod, "subResource": "eviction"})),
            (
                Entry::Pods,
                json!({"kind": pod, "object": {"metadata": {"annotations": {"kubernetes.io/config.mirror": "hash"}}}}),
            ),
            (Entry::Pods, json!({"kind": web})),
            (Entry::Workloads, json!({"kind": pod})),
            (Entry::Workloads, json!({"kind": kind("apps", "ReplicaSet")})),
            (Entry::Workloads, json!({"kind": kind("argoproj.io", "Rollout")})),
            (Entry::Workloads, json!({"kind": web, "object": {"metadata": {"ownerReferences": owned}}})),
            (
                Entry::Workloads,
                json!({"kind": web, "object": {"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}}),
            ),
            (
                Entry::Workloads,
                json!({"kind": web, "operation": "UPDATE", "object": {"spec": {"replicas": 0, "template": {"a": 1}}},
                "oldObject": {"spec": {"replicas": 3, "template": {"a": 1}}}}),
            ),
        ] {
            assert!(case(entry, request.clone()).unwrap().is_none(), "{request}");
        }
    }

    #[test]
    fn pods_and_new_templates_are_judged() {
        let labels = |value: &str| json!({"spec": {"template": {"metadata": {"labels": {"app": value}}}}});
        let update = json!({"kind": kind("apps", "Deployment"), "operation": "UPDATE", "object": labels("b"), "oldObject": labels("a")});
        assert_eq!(case(Entry::Workloads, update).unwrap().unwrap().kind, Kind::Deployment);
        let pod = json!({"kind": kind("", "Pod"), "object": {"metadata": {"name": "solo"}, "spec": {"containers": []}}});
        assert_eq!(case(Entry::Pods, pod).unwrap().unwrap().name.as_deref(), Some("solo"));
    }

    #[test]
    fn law_13_odd_objects_are_refused_as_malformed() {
        for object in [
            json!(5),
            json!({"metadata": []}),
            json!({"spec": {"containers": 5}}),
            json!({"spec": {"volumes": "x"}}),
        ] {
            let refusal = case(Entry::Pods, json!({"kind": kind("", "Pod"), "object": object})).unwrap_err();
            assert_eq!(refusal.reason, Reason::Malformed);
        }
    }
}
