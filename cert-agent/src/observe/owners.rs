//! Whose pod it is: the workload by owner UIDs in our own stores, never by what the pod tells.

use std::{collections::HashMap, sync::Arc};

use sallyport_contract::workload::Subject;

use super::facts::{Owner, PodFacts, Workload, WorkloadKind};
use crate::uid::Uid;

/// The workloads of one namespace by UID.
pub struct Owners<'a>(HashMap<&'a Uid, &'a Workload>);

/// Whose pod it is, and as what it is derived.
pub struct Owned {
    /// The UID of its workload, or its own if it is nobody's.
    pub uid: Uid,
    /// What it is derived from. More than one only for a bare pod with a generated name: the webhook saw
    /// it before it had one.
    pub subjects: Vec<Subject>,
    /// What our own stores say to the owner that it names.
    pub owner: Claimed,
}

/// What our own stores say to the owner that a pod names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// It is there, or it is of a kind that we do not keep, or the pod names none.
    Known,
    /// It is not there: a watch may be behind, or the owner has gone and the pod follows.
    Missing,
    /// Under that UID stands an object of another kind.
    Forged,
}

enum Top<'a> {
    Found(&'a Workload),
    Foreign,
    Missing(&'a Uid),
    Forged,
}

impl<'a> Owners<'a> {
    /// Indexes the workloads of a namespace.
    #[must_use]
    pub fn new(workloads: &'a [Arc<Workload>]) -> Self {
        Self(workloads.iter().map(|workload| (&workload.uid, &**workload)).collect())
    }

    /// The workload at the end of the chain of controllers: Pod, ReplicaSet, Deployment or Pod, Job, CronJob
    /// and no other is longer than one link.
    fn top<'o>(&'o self, owner: &'o Owner) -> Top<'o> {
        let Some(first) = self.0.get(&owner.uid) else {
            return if WorkloadKind::of(owner).is_some() { Top::Missing(&owner.uid) } else { Top::Foreign };
        };
        if WorkloadKind::of(owner) != Some(first.kind) {
            return Top::Forged;
        }
        let Some(next) = first.owner.as_ref().filter(|next| leads(first.kind, next)) else {
            return Top::Found(first);
        };
        match self.0.get(&next.uid) {
            Some(workload) if WorkloadKind::of(next) == Some(workload.kind) => Top::Found(workload),
            Some(_) => Top::Forged,
            None => Top::Missing(&next.uid),
        }
    }

    /// The workload at the end of a pod's chain of controllers, if it is one that we know.
    #[must_use]
    pub fn workload<'o>(&'o self, pod: &'o PodFacts) -> Option<&'o Workload> {
        match self.top(pod.owner.as_ref()?) {
            Top::Found(workload) => Some(workload),
            Top::Foreign | Top::Missing(_) | Top::Forged => None,
        }
    }

    /// Whose pod this is.
    #[must_use]
    pub fn of(&self, pod: &PodFacts) -> Owned {
        let subject = || pod.template.subject();
        let Some(owner) = &pod.owner else {
            let mut subjects = vec![subject()];
            subjects.extend(pod.generated.as_ref().map(|name| subject().with_workload(name.into())));
            return Owned { uid: pod.uid.clone(), subjects, owner: Claimed::Known };
        };
        let owned = |uid: &Uid, subject, owner| Owned { uid: uid.clone(), subjects: vec![subject], owner };
        match self.top(owner) {
            Top::Found(workload) => {
                let subject = subject().with_workload(String::from(&workload.called));
                owned(&workload.uid, subject, Claimed::Known)
            }
            Top::Foreign => owned(&owner.uid, subject(), Claimed::Known),
            Top::Missing(uid) => owned(uid, subject(), Claimed::Missing),
            Top::Forged => owned(&pod.uid, subject(), Claimed::Forged),
        }
    }
}

/// Whether a controller of that kind stands behind a workload of this one.
fn leads(kind: WorkloadKind, owner: &Owner) -> bool {
    matches!(
        (kind, WorkloadKind::of(owner)),
        (WorkloadKind::ReplicaSet, Some(WorkloadKind::Deployment))
            | (WorkloadKind::Job, Some(WorkloadKind::CronJob))
    )
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pod(name: &str, version: &str, kind: &str, uid: &str) -> PodFacts {
        let owner =
            json!([{"apiVersion": version, "kind": kind, "name": "o", "uid": uid, "controller": true}]);
        read_pod(json!({"name": name, "namespace": "shop", "uid": "p", "ownerReferences": owner}))
    }

    fn read_pod(metadata: Value) -> PodFacts {
        let pod = json!({"metadata": metadata, "spec": {"containers": []}});
        PodFacts::read(&serde_json::from_value(pod).unwrap())
    }

    fn replica_set(name: &str, uid: &str, labels: Value, owner: Value) -> Workload {
        let metadata = json!({"name": name, "namespace": "shop", "uid": uid, "labels": labels, "ownerReferences": owner});
        Workload::replica_set(&serde_json::from_value(json!({"metadata": metadata})).unwrap())
    }

    fn workloads() -> Vec<Arc<Workload>> {
        let of = |version: &str, kind: &str, uid: &str| json!([{"apiVersion": version, "kind": kind, "name": "forged", "uid": uid, "controller": true}]);
        let (apps, hash) = ("apps/v1", json!({"pod-template-hash": "5d"}));
        let deployment = serde_json::from_value(json!({
            "metadata": {"name": "web", "namespace": "shop", "uid": "d"},
            "spec": {"selector": {}, "template": {}}}))
        .unwrap();
        let job = serde_json::from_value(json!({
            "metadata": {"name": "report-28000000", "namespace": "shop", "uid": "j"},
            "spec": {"template": {}}}))
        .unwrap();
        [
            Workload::deployment(&deployment),
            Workload::job(&job),
            replica_set("web-5d", "r", hash.clone(), of(apps, "Deployment", "d")),
            replica_set("gone-5d", "r-of-gone", hash.clone(), of(apps, "Deployment", "gone")),
            replica_set("old-5d", "orphan", hash.clone(), json!([])),
            replica_set("own-5d", "own", json!({}), json!([])),
            replica_set("roll-5d", "r-of-rollout", hash, of("argoproj.io/v1alpha1", "Rollout", "x")),
            replica_set("liar-5d", "liar", json!({}), of(apps, "Deployment", "j")),
        ]
        .map(Arc::new)
        .to_vec()
    }

    #[test]
    fn law_4_the_owner_is_found_by_uid_and_kind_and_not_by_name() {
        let workloads = workloads();
        let owners = Owners::new(&workloads);
        let (apps, foreign) = ("apps/v1", "apps.kruise.io/v1beta1");
        for (what, pod, uid, workload, claimed) in [
            ("a Deployment's", pod("web-5d-x", apps, "ReplicaSet", "r"), "d", "web", Claimed::Known),
            ("a Job's", pod("x", "batch/v1", "Job", "j"), "j", "report", Claimed::Known),
            ("an orphan's", pod("x", apps, "ReplicaSet", "orphan"), "orphan", "old", Claimed::Known),
            ("a ReplicaSet's own", pod("x", apps, "ReplicaSet", "own"), "own", "own-5d", Claimed::Known),
            (
                "a Rollout's",
                pod("x", apps, "ReplicaSet", "r-of-rollout"),
                "r-of-rollout",
                "roll",
                Claimed::Known,
            ),
            ("a foreign kind's", pod("x", foreign, "StatefulSet", "k"), "k", "o", Claimed::Known),
            ("nobody's", pod("x", apps, "ReplicaSet", "nobody"), "nobody", "o", Claimed::Missing),
            ("of one that goes", pod("x", apps, "ReplicaSet", "r-of-gone"), "gone", "o", Claimed::Missing),
            ("another kind's UID", pod("x", apps, "StatefulSet", "d"), "p", "o", Claimed::Forged),
            ("a foreign kind with our UID", pod("x", foreign, "Thing", "d"), "p", "o", Claimed::Forged),
            ("through a forged link", pod("x", apps, "ReplicaSet", "liar"), "p", "o", Claimed::Forged),
        ] {
            let owned = owners.of(&pod);
            assert_eq!((owned.uid, owned.owner), (Uid::from(uid), claimed), "{what}");
            assert_eq!(owned.subjects[0].workload.as_deref(), Some(workload), "{what}");
        }
    }

    #[test]
    fn law_4_a_hash_that_only_the_pod_carries_leads_to_no_deployment() {
        let workloads = workloads();
        let owner = json!([{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "own-5d", "uid": "own", "controller": true}]);
        let labels = json!({"pod-template-hash": "5d"});
        let forged = read_pod(
            json!({"name": "x", "namespace": "shop", "uid": "p", "labels": labels, "ownerReferences": owner}),
        );
        let owned = Owners::new(&workloads).of(&forged);
        assert_eq!(owned.subjects[0].workload.as_deref(), Some("own-5d"));
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
