//! Whose pod it is: the workload by owner UIDs in our own stores, never by what the pod tells.

use std::{collections::HashMap, sync::Arc};

use sallyport_contract::workload::Subject;

use super::facts::{PodFacts, Workload};

/// The workloads of one namespace by UID.
pub struct Owners<'a>(HashMap<&'a str, &'a Workload>);

/// Whose pod it is, and as what it is derived.
pub struct Owned {
    /// The UID of its workload, or its own if it is bare.
    pub uid: String,
    /// What it is derived from. More than one only for a bare pod with a generated name: the webhook saw
    /// it before it had one.
    pub subjects: Vec<Subject>,
    /// Whether the workload was found; a watch may be behind.
    pub known: bool,
}

/// Pod, ReplicaSet, Deployment; Pod, Job, CronJob: no chain that we know is longer.
const LONGEST_CHAIN: usize = 3;

impl<'a> Owners<'a> {
    /// Indexes the workloads of a namespace.
    #[must_use]
    pub fn new(workloads: &'a [Arc<Workload>]) -> Self {
        Self(workloads.iter().map(|workload| (workload.uid.as_str(), &**workload)).collect())
    }

    /// The workload at the end of the chain of controllers; `None` where a link is not in our stores.
    fn top(&self, pod: &PodFacts) -> Option<&'a Workload> {
        let mut workload = *self.0.get(pod.owner.as_ref()?.uid.as_str())?;
        for _ in 0..LONGEST_CHAIN {
            match &workload.owner {
                Some(owner) if is_ours(&owner.kind) => workload = *self.0.get(owner.uid.as_str())?,
                Some(_) | None => return Some(workload),
            }
        }
        None
    }

    /// Whose pod this is.
    #[must_use]
    pub fn of(&self, pod: &PodFacts) -> Owned {
        let subject = || pod.subject.clone();
        let Some(owner) = &pod.owner else {
            let mut subjects = vec![subject()];
            subjects.extend(pod.generated.clone().map(|name| subject().with_workload(name)));
            return Owned { uid: pod.uid.clone(), subjects, known: true };
        };
        match self.top(pod) {
            Some(workload) => {
                // A Job of its own may be called like a scheduled one; its template's subject knows.
                let name = workload.subject.as_ref().and_then(|subject| subject.workload.clone());
                let subjects = vec![subject().with_workload(name.unwrap_or_else(|| workload.name.clone()))];
                Owned { uid: workload.uid.clone(), subjects, known: true }
            }
            None => Owned { uid: owner.uid.clone(), subjects: vec![subject()], known: !is_ours(&owner.kind) },
        }
    }
}

/// Whether objects of this kind are in our stores.
fn is_ours(kind: &str) -> bool {
    matches!(kind, "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet" | "Job" | "CronJob")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pod(name: &str, kind: &str, uid: &str) -> PodFacts {
        let owner = json!([{"apiVersion": "v1", "kind": kind, "name": "o", "uid": uid, "controller": true}]);
        read_pod(json!({"name": name, "namespace": "shop", "uid": "p", "ownerReferences": owner}))
    }

    fn read_pod(metadata: Value) -> PodFacts {
        let pod = json!({"metadata": metadata, "spec": {"containers": []}});
        PodFacts::read(&serde_json::from_value(pod).unwrap())
    }

    fn workloads() -> Vec<Arc<Workload>> {
        let deployment = serde_json::from_value(json!({
            "metadata": {"name": "web", "namespace": "shop", "uid": "d"},
            "spec": {"selector": {}, "template": {}}}))
        .unwrap();
        let replica_set = serde_json::from_value(json!({"metadata": {"name": "web-5d", "namespace": "shop",
            "uid": "r", "ownerReferences":
                [{"apiVersion": "apps/v1", "kind": "Deployment", "name": "forged", "uid": "d", "controller": true}]}}))
        .unwrap();
        let job = serde_json::from_value(json!({
            "metadata": {"name": "report-28000000", "namespace": "shop", "uid": "j"},
            "spec": {"template": {}}}))
        .unwrap();
        [Workload::deployment(&deployment), Workload::replica_set(&replica_set), Workload::job(&job)]
            .map(Arc::new)
            .to_vec()
    }

    #[test]
    fn law_4_the_owner_is_found_by_uid_and_not_by_name() {
        let workloads = workloads();
        let owners = Owners::new(&workloads);
        for (pod, uid, workload, known) in [
            (pod("web-5d-x", "ReplicaSet", "r"), "d", "web", true),
            (pod("x", "Job", "j"), "j", "report", true),
            (pod("x", "ReplicaSet", "nobody"), "nobody", "o", false),
            (pod("x", "Rollout", "foreign"), "foreign", "o", true),
        ] {
            let owned = owners.of(&pod);
            assert_eq!((owned.uid.as_str(), owned.known), (uid, known), "{pod:?}");
            assert_eq!(owned.subjects[0].workload.as_deref(), Some(workload), "{pod:?}");
        }
    }

    #[test]
    fn a_bare_pod_may_have_been_seen_before_it_had_a_name() {
        let workloads = workloads();
        let bare =
            read_pod(json!({"name": "once-x7", "generateName": "once-", "namespace": "shop", "uid": "p"}));
        let names: Vec<_> =
            Owners::new(&workloads).of(&bare).subjects.into_iter().map(|s| s.workload.unwrap()).collect();
        assert_eq!(names, ["once-x7", "once"]);
    }
}
