//! Pods that run in an enabled namespace without what the webhook gives: why they were missed, and what mends it.
//!
//! The webhook was away or told to fail open, the label or the policy came later, or the policy says something
//! else since. Each pod is asked what it would be given today, by its own labels and annotations.

use std::collections::BTreeMap;

use sallyport_contract::{
    Identity,
    derive::{Verdict, derive},
    keys,
    policy::PolicyBook,
};

use super::{
    facts::{PodFacts, WorkloadKind},
    owners::{Claimed, Owned, Owners},
    wanted::{About, Scene},
};

/// Why pods run without what their policy gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// They came in while the webhook was away, or before the label or the policy.
    NotInjected,
    /// They have no identity, and today they would be refused.
    Refused,
    /// They carry an identity, but today's policy would give them another one.
    Outdated,
}

impl Why {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::NotInjected, Self::Refused, Self::Outdated];

    /// The word in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotInjected => "not_injected",
            Self::Refused => "refused",
            Self::Outdated => "outdated",
        }
    }
}

/// Pods of one workload that were missed for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missed {
    /// The workload, or the pod itself if it is nobody's.
    pub about: About,
    /// Why.
    pub why: Why,
    /// How many.
    pub pods: usize,
    /// What is wrong with them.
    pub what: String,
    /// The command that mends it.
    pub mend: String,
}

impl Missed {
    /// Both together, without the number, which changes while it is mended.
    #[must_use]
    pub fn words(&self) -> String {
        format!("pods of {} {}; do: {}", self.about.shown(), self.what, self.mend)
    }
}

/// The pods of a namespace that were missed, by their workloads.
#[must_use]
pub fn missed(scene: &Scene, book: &PolicyBook, owners: &Owners<'_>) -> Vec<Missed> {
    let mut found: BTreeMap<(About, Why), Missed> = BTreeMap::new();
    for pod in scene.pods.iter().filter(|pod| scene.enabled && pod.living && !is_mirror(pod)) {
        let Some((why, what)) = judge(scene, book, &owners.of(pod), pod) else { continue };
        let (about, mend) = remedy(scene, owners, pod);
        let first = || Missed { about: about.clone(), why, pods: 0, what, mend };
        found.entry((about.clone(), why)).or_insert_with(first).pods += 1;
    }
    found.into_values().collect()
}

/// The picture of a static pod: nobody injects those.
fn is_mirror(pod: &PodFacts) -> bool {
    let of_a_node = pod.owner.as_ref().is_some_and(|owner| owner.kind.1 == *"Node");
    of_a_node && pod.template.is_annotated(keys::MIRROR)
}

fn judge(scene: &Scene, book: &PolicyBook, owned: &Owned, pod: &PodFacts) -> Option<(Why, String)> {
    let verdicts: Vec<Verdict> =
        owned.subjects.iter().map(|subject| derive(subject, &scene.labels, book)).collect();
    let Some(carried) = &pod.identity else { return without_identity(verdicts.first()?) };
    // Of an owner that we do not know, or that is forged, others tell.
    let granted =
        verdicts.iter().filter(|_| owned.owner == Claimed::Known).filter_map(|verdict| match verdict {
            Verdict::Granted(grant) => Some(&grant.first),
            Verdict::LeftOut | Verdict::Refused(_) | Verdict::Audited(_) => None,
        });
    let granted: Vec<&Identity> = granted.collect();
    if granted.iter().any(|identity| *carried == *identity.name.as_str()) {
        let what = "carry an identity and have no readiness gate, so nothing holds them back";
        return (!pod.gated).then(|| (Why::NotInjected, what.to_owned()));
    }
    let today = granted.first()?;
    let what = format!(
        "carry identity {carried}, and today IdentityPolicy {} gives them {}",
        today.policy, today.dns_names
    );
    Some((Why::Outdated, what))
}

fn without_identity(verdict: &Verdict) -> Option<(Why, String)> {
    match verdict {
        Verdict::Granted(_) => {
            let what = "run without an identity: they are older than the label or the policy, or came in while the \
                        webhook was away";
            Some((Why::NotInjected, what.to_owned()))
        }
        Verdict::Refused(refusal) => {
            let what = format!("run without an identity, and would be refused: {}", refusal.on_one_line());
            Some((Why::Refused, what))
        }
        Verdict::LeftOut | Verdict::Audited(_) => None,
    }
}

/// Whose pods they are, and what makes them anew.
fn remedy(scene: &Scene, owners: &Owners<'_>, pod: &PodFacts) -> (About, String) {
    let namespace = &scene.namespace;
    let delete = format!("kubectl -n {namespace} delete pod {}", pod.name);
    let Some(workload) = owners.workload(pod) else {
        let about = About {
            api_version: "v1",
            kind: "Pod",
            namespace: namespace.clone(),
            name: pod.name.to_string(),
            uid: pod.uid.to_string(),
        };
        let again = if pod.owner.is_some() { "its owner makes it anew" } else { "and apply it again" };
        return (about, format!("{delete}, {again}"));
    };
    let about = About {
        api_version: workload.kind.api_version(),
        kind: workload.kind.as_str(),
        namespace: namespace.clone(),
        name: workload.name.to_string(),
        uid: workload.uid.to_string(),
    };
    let name = &workload.name;
    let mend = match workload.kind {
        WorkloadKind::Deployment => format!("kubectl -n {namespace} rollout restart deployment/{name}"),
        WorkloadKind::StatefulSet => format!("kubectl -n {namespace} rollout restart statefulset/{name}"),
        WorkloadKind::DaemonSet => format!("kubectl -n {namespace} rollout restart daemonset/{name}"),
        WorkloadKind::ReplicaSet => format!("{delete}, its ReplicaSet makes it anew; likewise its others"),
        WorkloadKind::Job => format!("kubectl -n {namespace} delete job/{name}, and apply it again"),
        WorkloadKind::CronJob => format!("nothing, the next run has it; to end this one: {delete}"),
    };
    (about, mend)
}
