//! Whose pods they are: the workload behind a pod or a template, told without any look-up.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::{
        apps::v1::{DaemonSet, Deployment, StatefulSet},
        batch::v1::{CronJob, Job},
        core::v1::{Container, Pod, PodSpec, PodTemplateSpec},
    },
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference},
};

use crate::keys;

/// Everything about a pod, or about the pods of a template, that the derivation looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The object that was written, for messages: `Deployment shop/web`.
    pub object: String,
    /// The path of the pod's metadata in that object, for messages: `spec.template.metadata`.
    pub metadata_path: &'static str,
    /// The namespace.
    pub namespace: String,
    /// The name of the workload; none for a bare pod that has no name yet.
    pub workload: Option<String>,
    /// The pods' own names.
    pub pods: PodNames,
    /// `spec.serviceAccountName`, or `default`.
    pub service_account: String,
    /// A StatefulSet's `serviceName`, or the pod's `subdomain`.
    pub service: Option<String>,
    /// The names of the containers, without init containers.
    pub containers: Vec<String>,
    /// The names of the init containers, sidecars among them.
    pub init_containers: Vec<String>,
    /// The pod's labels.
    pub labels: BTreeMap<String, String>,
    /// The pod's annotations.
    pub annotations: BTreeMap<String, String>,
}

/// The names of the pods, where `{pod}` can stand for them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PodNames {
    /// Not a StatefulSet's: `{pod}` stands for nothing.
    Unstable,
    /// One pod of a StatefulSet.
    One(String),
    /// All pods of a StatefulSet: `<set>-<start>` and on.
    Ordinals {
        /// The StatefulSet's name.
        set: String,
        /// The first ordinal.
        start: u32,
        /// How many; at zero replicas still one, so that the identity is prepared.
        count: u32,
    },
}

/// The most ordinals for which names are derived; more than etcd holds of anything sensible.
const MOST_ORDINALS: u32 = 5000;

impl PodNames {
    /// The names one by one; a single `None` where `{pod}` stands for nothing.
    pub fn each(&self) -> Vec<Option<String>> {
        match self {
            Self::Unstable => vec![None],
            Self::One(name) => vec![Some(name.clone())],
            Self::Ordinals { set, start, count } => (0..(*count).clamp(1, MOST_ORDINALS))
                .map(|n| Some(format!("{set}-{}", start.saturating_add(n))))
                .collect(),
        }
    }
}

impl Subject {
    /// A pod as it stands. `namespace` is the request's; an object at admission may not repeat it.
    #[must_use]
    pub fn of_pod(namespace: &str, pod: &Pod) -> Self {
        let meta = &pod.metadata;
        let owner = controller(meta);
        let own_name = meta.name.clone().filter(|name| !name.is_empty());
        let generated = || meta.generate_name.as_deref().map(|name| name.trim_end_matches('-').to_owned());
        let (workload, pods) = match owner {
            Some(owner) => owned(owner, meta, own_name.as_deref()),
            None => (bare_workload(meta), PodNames::Unstable),
        };
        let shown = own_name.or_else(generated).unwrap_or_default();
        let object = match owner {
            Some(owner) => format!("Pod {namespace}/{shown} of {} {}", owner.kind, owner.name),
            None => format!("Pod {namespace}/{shown}"),
        };
        let service = pod.spec.as_ref().and_then(|spec| spec.subdomain.clone());
        Self::new(object, "metadata", namespace, workload, pods, service, meta, pod.spec.as_ref())
    }

    /// The template of a Deployment.
    #[must_use]
    pub fn of_deployment(namespace: &str, object: &Deployment) -> Self {
        Self::of_template("Deployment", namespace, &object.metadata, Some(&object.spec.template))
    }

    /// The template of a DaemonSet.
    #[must_use]
    pub fn of_daemon_set(namespace: &str, object: &DaemonSet) -> Self {
        Self::of_template("DaemonSet", namespace, &object.metadata, Some(&object.spec.template))
    }

    /// The template of a StatefulSet, with the ordinals of its pods.
    #[must_use]
    pub fn of_stateful_set(namespace: &str, object: &StatefulSet) -> Self {
        let spec = &object.spec;
        let mut subject = Self::of_template("StatefulSet", namespace, &object.metadata, Some(&spec.template));
        let whole = |n: Option<i32>| n.and_then(|n| u32::try_from(n).ok());
        subject.pods = PodNames::Ordinals {
            set: object.metadata.name.clone().unwrap_or_default(),
            start: whole(spec.ordinals.as_ref().and_then(|ordinals| ordinals.start)).unwrap_or(0),
            count: whole(spec.replicas).unwrap_or(1),
        };
        // The StatefulSet controller writes its serviceName into the subdomain of every pod.
        if let Some(service) = spec.service_name.clone().filter(|name| !name.is_empty()) {
            subject.service = Some(service);
        }
        subject
    }

    /// The template of a Job that no CronJob owns.
    #[must_use]
    pub fn of_job(namespace: &str, object: &Job) -> Self {
        let template = object.spec.as_ref().map(|spec| &spec.template);
        let mut subject = Self::of_template("Job", namespace, &object.metadata, template);
        subject.workload = subject.workload.map(|name| without_schedule(&name).to_owned());
        subject
    }

    /// The template of a CronJob's Jobs.
    #[must_use]
    pub fn of_cron_job(namespace: &str, object: &CronJob) -> Self {
        let template = object.spec.job_template.spec.as_ref().map(|spec| &spec.template);
        let mut subject = Self::of_template("CronJob", namespace, &object.metadata, template);
        subject.metadata_path = "spec.jobTemplate.spec.template.metadata";
        subject
    }

    fn of_template(
        kind: &str,
        namespace: &str,
        meta: &ObjectMeta,
        template: Option<&PodTemplateSpec>,
    ) -> Self {
        let generated = || meta.generate_name.as_deref().map(|name| name.trim_end_matches('-').to_owned());
        let name = meta.name.clone().filter(|name| !name.is_empty()).or_else(generated);
        let object = format!("{kind} {namespace}/{}", name.as_deref().unwrap_or_default());
        let spec = template.and_then(|template| template.spec.as_ref());
        let empty = ObjectMeta::default();
        let pod_meta = template.and_then(|template| template.metadata.as_ref()).unwrap_or(&empty);
        let service = spec.and_then(|spec| spec.subdomain.clone());
        Self::new(
            object,
            "spec.template.metadata",
            namespace,
            name,
            PodNames::Unstable,
            service,
            pod_meta,
            spec,
        )
    }

    #[expect(clippy::too_many_arguments, reason = "the one place where a subject is put together")]
    fn new(
        object: String,
        metadata_path: &'static str,
        namespace: &str,
        workload: Option<String>,
        pods: PodNames,
        service: Option<String>,
        meta: &ObjectMeta,
        spec: Option<&PodSpec>,
    ) -> Self {
        let account = spec.and_then(|spec| spec.service_account_name.clone()).filter(|name| !name.is_empty());
        Self {
            object,
            metadata_path,
            namespace: namespace.to_owned(),
            workload,
            pods,
            service_account: account.unwrap_or_else(|| "default".to_owned()),
            service: service.filter(|name| !name.is_empty()),
            containers: spec.map(|spec| names(&spec.containers)).unwrap_or_default(),
            init_containers: spec
                .and_then(|spec| spec.init_containers.as_deref())
                .map(names)
                .unwrap_or_default(),
            labels: meta.labels.clone().unwrap_or_default(),
            annotations: meta.annotations.clone().unwrap_or_default(),
        }
    }

    /// Where an annotation stands, for messages.
    #[must_use]
    pub fn annotation_place(&self, key: &str) -> String {
        format!("{}, {}.annotations[{key:?}]", self.object, self.metadata_path)
    }

    /// The same subject as a pod of another workload: cert-agent knows the owner by UID where the pod
    /// alone can only tell its name.
    #[must_use]
    pub fn with_workload(self, workload: String) -> Self {
        Self { workload: Some(workload), ..self }
    }
}

fn names(containers: &[Container]) -> Vec<String> {
    containers.iter().map(|container| container.name.clone()).collect()
}

/// The owner that controls an object, if one does.
#[must_use]
pub fn controller(meta: &ObjectMeta) -> Option<&OwnerReference> {
    meta.owner_references.iter().flatten().find(|owner| owner.controller == Some(true))
}

/// A bare pod is its own workload. One with a generated name has none yet at admission, so that what it
/// was generated from is its name before and after.
fn bare_workload(meta: &ObjectMeta) -> Option<String> {
    // https://github.com/kubernetes/kubernetes/blob/master/staging/src/k8s.io/apiserver/pkg/storage/names/generate.go
    const SUFFIX: usize = 5;
    let name = meta.name.as_deref().filter(|name| !name.is_empty());
    let stem = meta.generate_name.as_deref().filter(|stem| !stem.is_empty());
    match (name, stem) {
        (Some(name), Some(stem)) if name.strip_prefix(stem).is_some_and(|rest| rest.len() == SUFFIX) => {
            Some(stem.trim_end_matches('-').to_owned())
        }
        (Some(name), _) => Some(name.to_owned()),
        (None, Some(stem)) => Some(stem.trim_end_matches('-').to_owned()),
        (None, None) => None,
    }
}

fn owned(owner: &OwnerReference, pod: &ObjectMeta, pod_name: Option<&str>) -> (Option<String>, PodNames) {
    match owner.kind.as_str() {
        "ReplicaSet" => (Some(deployment_of(&owner.name, pod).to_owned()), PodNames::Unstable),
        "StatefulSet" => {
            let names = pod_name.map_or(PodNames::Unstable, |name| PodNames::One(name.to_owned()));
            (Some(owner.name.clone()), names)
        }
        "Job" => (Some(cron_job_of(&owner.name, pod)), PodNames::Unstable),
        _ => (Some(owner.name.clone()), PodNames::Unstable),
    }
}

/// A Deployment calls its ReplicaSets `<deployment>-<pod-template-hash>`; the hash stands in a label of the
/// ReplicaSet and of its pods, and `labelled` is either.
#[must_use]
pub fn deployment_of<'a>(replica_set: &'a str, labelled: &ObjectMeta) -> &'a str {
    let hash = labelled.labels.as_ref().and_then(|labels| labels.get("pod-template-hash"));
    hash.and_then(|hash| replica_set.strip_suffix(hash.as_str())?.strip_suffix('-')).unwrap_or(replica_set)
}

/// A CronJob's pods carry its name; where they do not, its Jobs are called `<cron job>-<8+ digits>`.
fn cron_job_of(job: &str, pod: &ObjectMeta) -> String {
    let carried = pod.annotations.as_ref().and_then(|annotations| annotations.get(keys::RESOLVED_WORKLOAD));
    carried.map_or_else(|| without_schedule(job).to_owned(), Clone::clone)
}

/// Cuts the scheduled time off the name of a CronJob's Job.
#[must_use]
pub fn without_schedule(job: &str) -> &str {
    match job.rsplit_once('-') {
        Some((name, digits))
            if !name.is_empty() && digits.len() >= 8 && digits.bytes().all(|b| b.is_ascii_digit()) =>
        {
            name
        }
        _ => job,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pod(value: Value) -> Subject {
        Subject::of_pod("shop", &serde_json::from_value(value).unwrap())
    }

    fn owned_pod(kind: &str, owner: &str, more: Value) -> Subject {
        let mut meta = json!({"generateName": format!("{owner}-"), "ownerReferences":
            [{"apiVersion": "v1", "kind": kind, "name": owner, "uid": "u", "controller": true}]});
        meta.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        pod(json!({"metadata": meta, "spec": {"containers": []}}))
    }

    #[test]
    fn the_workload_is_told_without_look_up() {
        let hash = json!({"labels": {"pod-template-hash": "5d89bdfbf9"}});
        let cron = json!({"annotations": {"resolved.sallyport.dev/workload": "report"}});
        for (kind, owner, more, workload) in [
            ("ReplicaSet", "web-5d89bdfbf9", hash.clone(), "web"),
            ("ReplicaSet", "web-other", hash, "web-other"),
            ("ReplicaSet", "web", json!({}), "web"),
            ("StatefulSet", "db", json!({"name": "db-0"}), "db"),
            ("DaemonSet", "agent", json!({}), "agent"),
            ("Job", "report-29384756", json!({}), "report"),
            ("Job", "report-1234567", json!({}), "report-1234567"),
            ("Job", "-29384756", json!({}), "-29384756"),
            ("Job", "by-hand", cron, "report"),
            ("Rollout", "canary", json!({}), "canary"),
        ] {
            assert_eq!(owned_pod(kind, owner, more).workload.as_deref(), Some(workload), "{kind} {owner}");
        }
    }

    #[test]
    fn bare_pods_are_their_own_workload() {
        assert_eq!(pod(json!({"metadata": {"name": "solo"}})).workload.as_deref(), Some("solo"));
        assert_eq!(pod(json!({"metadata": {"generateName": "solo-"}})).workload.as_deref(), Some("solo"));
        let created = json!({"metadata": {"generateName": "solo-", "name": "solo-x2x1z"}});
        assert_eq!(pod(created).workload.as_deref(), Some("solo"), "the same after its creation");
        let both = json!({"metadata": {"generateName": "solo-", "name": "other"}});
        assert_eq!(pod(both).workload.as_deref(), Some("other"));
        assert_eq!(pod(json!({"metadata": {}})).workload, None);
    }

    #[test]
    fn only_stateful_sets_have_stable_pod_names() {
        assert_eq!(
            owned_pod("StatefulSet", "db", json!({"name": "db-0"})).pods,
            PodNames::One("db-0".into())
        );
        assert_eq!(owned_pod("ReplicaSet", "web", json!({"name": "web-x"})).pods, PodNames::Unstable);
        let set: StatefulSet = serde_json::from_value(json!({"metadata": {"name": "db"}, "spec":
            {"replicas": 2, "ordinals": {"start": 5}, "serviceName": "db-svc", "selector": {}, "template": {}}}))
        .unwrap();
        let subject = Subject::of_stateful_set("shop", &set);
        assert_eq!(subject.pods.each(), [Some("db-5".to_owned()), Some("db-6".to_owned())]);
        assert_eq!(subject.service.as_deref(), Some("db-svc"));
    }
}
