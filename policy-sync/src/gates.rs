//! The flow of the gates: whenever an identity, one of its pods or its firewall changed, judge it again.
//!
//! It does not depend on any firewall's worker: a new pod of a proven identity opens on what is stored.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use futures::StreamExt as _;
use sallyport_contract::{
    Reason,
    object::{Condition, WorkloadIdentity, WorkloadIdentityStatus},
};
use sallyport_process::{clock::Clock, report::chain};

use crate::{
    board::Board,
    cluster::{About, Cluster, ClusterError, Note},
    gate::{Carrier, Gate, decide},
    metrics::Metrics,
    observe::Seen,
    standing::Standing,
    status::{Judged, judge},
    world::Key,
};

/// Identities that are judged at once.
const AT_ONCE: usize = 16;

/// The flow of the gates.
pub struct Gates<C> {
    seen: Seen,
    board: Board,
    cluster: C,
    clock: Clock,
    metrics: Metrics,
    written: BTreeMap<Key, Written>,
}

/// What was last stored, which is newer than a watch that lags behind.
#[derive(Clone, Default)]
struct Written {
    status: Option<WorkloadIdentityStatus>,
    /// By UID of the pod.
    gates: BTreeMap<String, Gate>,
}

/// A firewall's worker has not posted anything yet.
struct NotPosted;

/// What judging one identity came to.
struct Outcome {
    key: Key,
    written: Option<Written>,
    failed: bool,
}

impl<C: Cluster> Gates<C> {
    /// The flow over what is seen and what the firewalls' workers post.
    #[must_use]
    pub fn new(seen: Seen, board: Board, cluster: C, clock: Clock, metrics: Metrics) -> Self {
        Self { seen, board, cluster, clock, metrics, written: BTreeMap::new() }
    }

    /// Judges these identities and stores what differs. Hands back those that could not be stored.
    pub async fn judge(&mut self, keys: BTreeSet<Key>) -> BTreeSet<Key> {
        let work: Vec<(Key, Written)> = keys
            .into_iter()
            .map(|key| {
                let written = self.written.get(&key).cloned().unwrap_or_default();
                (key, written)
            })
            .collect();
        let this = &*self;
        let outcomes: Vec<Outcome> = futures::stream::iter(work)
            .map(|(key, written)| this.one(key, written))
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        let mut failed = BTreeSet::new();
        for Outcome { key, written, failed: again } in outcomes {
            if again {
                failed.insert(key.clone());
            }
            match written {
                Some(written) => drop(self.written.insert(key, written)),
                None => drop(self.written.remove(&key)),
            }
        }
        failed
    }

    async fn one(&self, key: Key, mut written: Written) -> Outcome {
        let (identity, pods) = self.seen.identity(&key);
        let living: BTreeSet<&str> = pods.iter().map(|(_, pod)| pod.uid.as_str()).collect();
        written.gates.retain(|uid, _| living.contains(uid.as_str()));
        let pods: Vec<(String, Carrier)> =
            pods.iter().map(|(name, pod)| (name.clone(), with_written(pod, &written))).collect();
        let Ok(standing) = self.standing(identity.as_deref()) else {
            return Outcome { key, written: Some(written), failed: false };
        };
        let standing = standing.as_deref();
        let judged = identity.as_ref().map(|identity| self.judged(&key, identity, standing, &pods, &written));
        let mut failed = false;
        for (name, pod) in &pods {
            let expected = judged.as_ref().map(|judged| &judged.expected);
            let Some(gate) = decide(pod, &key.name, expected) else { continue };
            let turned = pod.gate.as_ref().is_none_or(|before| before.open != gate.open);
            match self.cluster.store_gate(&Key::new(&key.namespace, name), &pod.uid, &gate, turned).await {
                Ok(()) => {
                    self.metrics.gate(&gate.reason);
                    written.gates.insert(pod.uid.clone(), gate);
                }
                Err(error) => failed |= self.failed(&error),
            }
        }
        let Some(identity) = identity else {
            return Outcome { key, written: (!written.gates.is_empty()).then_some(written), failed };
        };
        // The gates just written count; the watch will show them in a moment.
        let pods: Vec<(String, Carrier)> =
            pods.into_iter().map(|(name, pod)| (name, with_written(&pod, &written))).collect();
        let Judged { status, .. } = self.judged(&key, &identity, standing, &pods, &written);
        if stored(&identity, &written) != ours(&status) {
            match self.cluster.store_identity(&key, &status).await {
                Ok(()) => {
                    self.tell(&key, &identity, &written, &status).await;
                    written.status = Some(status);
                }
                Err(error) => failed |= self.failed(&error),
            }
        }
        Outcome { key, written: Some(written), failed }
    }

    fn judged(
        &self,
        key: &Key,
        identity: &WorkloadIdentity,
        standing: Option<&Standing>,
        pods: &[(String, Carrier)],
        written: &Written,
    ) -> Judged {
        let previous = conditions(identity, written);
        judge(key, identity, standing, pods.iter().map(|(_, pod)| pod), &previous, self.clock.now())
    }

    /// How an identity's firewall stands; `None` if there is no such firewall. Before its worker has posted
    /// anything nothing is judged, so that a restart takes nothing back.
    fn standing(&self, identity: Option<&WorkloadIdentity>) -> Result<Option<Arc<Standing>>, NotPosted> {
        let Some(identity) = identity else { return Ok(None) };
        let firewall = &identity.spec.firewall;
        match (self.board.standing(firewall), self.seen.world()) {
            (Some(standing), _) => Ok(Some(standing)),
            (None, Some(world)) if !world.firewalls.contains_key(firewall) => Ok(None),
            (None, Some(_) | None) => Err(NotPosted),
        }
    }

    fn failed(&self, error: &ClusterError) -> bool {
        if !error.gone {
            self.metrics.store_failed();
            tracing::warn!(error = chain(error), "a status was not stored; it is tried again");
        }
        !error.gone
    }

    /// Tells people when an identity's firewall reason changed, unless it only says that things take their course.
    async fn tell(
        &self,
        key: &Key,
        identity: &WorkloadIdentity,
        before: &Written,
        after: &WorkloadIdentityStatus,
    ) {
        let of = |conditions: &[Condition]| {
            conditions
                .iter()
                .find(|c| c.kind == "FirewallEnforced")
                .map(|c| (c.reason.clone(), c.message.clone()))
        };
        let was = of(&conditions(identity, before)).map(|(reason, _)| reason);
        let Some((code, words)) = of(&after.conditions) else { return };
        let Some(reason) = Reason::from_code(&code) else { return };
        if was.as_deref() == Some(code.as_str())
            || matches!(reason, Reason::AwaitingFirewall | Reason::AwaitingCommit)
        {
            return;
        }
        let uid = identity.metadata.uid.clone().unwrap_or_default();
        let about = About::Identity(key.clone(), uid);
        self.cluster.tell(&Note { about, reason, words, warning: reason != Reason::Enforced }).await;
    }
}

/// The pod with the gate that we wrote, if the watch does not show it yet.
fn with_written(pod: &Carrier, written: &Written) -> Carrier {
    let mut pod = pod.clone();
    if let Some(gate) = written.gates.get(&pod.uid) {
        pod.gate = Some(gate.clone());
    }
    pod
}

/// The conditions as they were last stored by us.
fn conditions(identity: &WorkloadIdentity, written: &Written) -> Vec<Condition> {
    let seen = || identity.status.as_ref().map(|status| status.conditions.clone());
    written.status.as_ref().map(|status| status.conditions.clone()).or_else(seen).unwrap_or_default()
}

/// Our fields as they were last stored.
fn stored(identity: &WorkloadIdentity, written: &Written) -> WorkloadIdentityStatus {
    written.status.as_ref().or(identity.status.as_ref()).map(ours).unwrap_or_default()
}

/// Only our fields, in one order.
fn ours(status: &WorkloadIdentityStatus) -> WorkloadIdentityStatus {
    let mut conditions: Vec<Condition> = status
        .conditions
        .iter()
        .filter(|c| matches!(c.kind.as_str(), "FirewallEnforced" | "Ready"))
        .cloned()
        .collect();
    conditions.sort_by(|a, b| a.kind.cmp(&b.kind));
    WorkloadIdentityStatus {
        certificate: None,
        unwanted_since: None,
        firewall: status.firewall.clone(),
        pods: status.pods.clone(),
        conditions,
    }
}
