//! The flow of the gates: whenever an identity, one of its pods or its firewall changed, judge it again.
//!
//! It does not depend on any firewall's worker: a new pod of a proven identity opens on what is stored.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use futures::StreamExt as _;
use sallyport_contract::{
    Reason,
    object::{Mode, WorkloadIdentityStatus},
    policy::Holder,
};
use sallyport_process::{clock::Clock, report::chain};

use crate::{
    arrivals::{Arrivals, Opening},
    board::Board,
    breakglass::{self, BreakGlass},
    cluster::{About, Cluster, ClusterError, Loss, Note},
    gate::{Carrier, Expected, Gate, Leave, Observer, Overridden, decide},
    identity::{FIREWALL_ENFORCED, Identity, Told},
    journey::{Journey, Waiting},
    member::Member,
    metrics::Metrics,
    observe::{Pods, Seen},
    proven::Scene,
    standing::Standing,
    status::{Judged, judge},
    world::{Key, Version, World},
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
    overridden: BTreeMap<Key, Overridden>,
    waiting: BTreeMap<Key, Waiting>,
    arrivals: Arrivals,
}

/// What was last stored. It counts until the watch shows something newer, which another replica may have
/// written.
#[derive(Clone, Default)]
struct Written {
    status: Option<(Told, Version)>,
    /// By UID of the pod.
    gates: BTreeMap<String, (Gate, Version)>,
}

/// What all identities of one round are judged by.
struct Round<'a> {
    world: &'a World,
}

/// A firewall's worker has not posted anything yet.
struct NotPosted;

/// What judging one identity came to.
struct Outcome {
    key: Key,
    written: Option<Written>,
    overridden: Overridden,
    waiting: Waiting,
    failed: bool,
}

impl<C: Cluster> Gates<C> {
    /// The flow over what is seen and what the firewalls' workers post.
    #[must_use]
    pub fn new(seen: Seen, board: Board, cluster: C, clock: Clock, metrics: Metrics) -> Self {
        let (written, overridden, waiting) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let arrivals = Arrivals::new(metrics.clone());
        Self { seen, board, cluster, clock, metrics, written, overridden, waiting, arrivals }
    }

    /// The same, with pods told of in another way.
    #[must_use]
    pub fn telling(self, arrivals: Arrivals) -> Self {
        Self { arrivals, ..self }
    }

    /// Judges these identities and stores what differs. Hands back those that could not be stored.
    pub async fn judge(&mut self, world: &World, keys: BTreeSet<Key>) -> BTreeSet<Key> {
        let round = &Round { world };
        let work: Vec<(Key, Written)> = keys
            .into_iter()
            .map(|key| {
                let written = self.written.remove(&key).unwrap_or_default();
                (key, written)
            })
            .collect();
        let this = &*self;
        let outcomes: Vec<Outcome> = futures::stream::iter(work)
            .map(|(key, written)| this.one(round, key, written))
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        let mut failed = BTreeSet::new();
        for Outcome { key, written, overridden, waiting, failed: again } in outcomes {
            if again {
                failed.insert(key.clone());
            }
            keep(&mut self.overridden, &key, Some(overridden).filter(|pods| *pods != Overridden::default()));
            keep(&mut self.waiting, &key, Some(waiting).filter(|pods| !pods.is_empty()));
            keep(&mut self.written, &key, written);
        }
        self.metrics
            .overridden(self.overridden.values().fold(Overridden::default(), |sum, one| sum.and(*one)));
        self.metrics.waiting(&self.waiting.values().fold(Waiting::default(), Waiting::and));
        failed
    }

    /// How long until an override ends, and pods have to be told.
    #[must_use]
    pub fn wake(&self, world: &World) -> Option<Duration> {
        let now = self.clock.now();
        Duration::try_from(breakglass::next_end(world, now)?.duration_since(now)).ok()
    }

    async fn one(&self, round: &Round<'_>, key: Key, mut written: Written) -> Outcome {
        let (identity, pods) = self.seen.identity(&key);
        written.forget_what_is_seen(identity.as_deref(), &pods);
        let pods: Vec<(String, Carrier)> =
            pods.iter().map(|(name, pod)| (name.clone(), with_written(pod, &written))).collect();
        let (observer, now) = (round.observer(&key.namespace), self.clock.now());
        let glass_of = |pod: &Carrier| BreakGlass::of(round.world, &key.namespace, &pod.labels, now);
        let gate_of = |pod: &Carrier, expected: Option<&Expected>| {
            let glass = glass_of(pod);
            let leave = Leave { observer: observer.as_ref(), glass: glass.as_ref() };
            decide(pod, &key.name, expected, leave)
        };
        let Ok(standing) = self.standing(identity.as_deref(), round.world) else {
            // A person's word does not wait for a firewall.
            let expected = identity.as_deref().map(Expected::not_asked);
            let opens = |pod: &Carrier| {
                let shut = pod.gate.as_ref().is_none_or(|gate| !gate.open);
                gate_of(pod, expected.as_ref()).filter(|gate| shut && gate.is_by_person())
            };
            let failed = self.write_gates(&key, &pods, opens, glass_of, |_| None, &mut written).await;
            return Outcome::new(key, &pods, written, failed);
        };
        let scene = Scene { world: round.world, standing: standing.as_deref(), now };
        let judged = |identity: &Identity, pods: &[(String, Carrier)], written: &Written| {
            let pods = pods.iter().map(|(_, pod)| pod);
            judge(&key, identity, scene, observer.as_ref(), pods, written.told(identity))
        };
        let expected = identity.as_ref().map(|identity| judged(identity, &pods, &written).expected);
        let decided = |pod: &Carrier| gate_of(pod, expected.as_ref());
        let journey = |pod: &Carrier| {
            let identity = identity.as_deref()?;
            let journey = Journey::of(pod.created, identity, standing.as_deref(), self.clock.now());
            Some((identity.firewall.to_string(), journey))
        };
        let mut failed = self.write_gates(&key, &pods, decided, glass_of, journey, &mut written).await;
        let Some(identity) = identity else { return Outcome::new(key, &pods, written, failed) };
        // The gates just written count; the watch will show them in a moment.
        let pods: Vec<(String, Carrier)> =
            pods.into_iter().map(|(name, pod)| (name, with_written(&pod, &written))).collect();
        let Judged { status, .. } = judged(&identity, &pods, &written);
        let told = Told::of(&status);
        if *written.told(&identity) != told {
            match self.cluster.store_identity(&key, &status).await {
                Ok(version) => {
                    self.tell(&key, &identity, written.told(&identity), &status).await;
                    written.status = Some((told, version));
                }
                Err(error) => failed |= self.failed(&key, &error),
            }
        }
        Outcome::new(key, &pods, written, failed)
    }

    /// Writes the conditions of pods that are to say something else. Whether some are to be tried again.
    async fn write_gates(
        &self,
        identity: &Key,
        pods: &[(String, Carrier)],
        decided: impl Fn(&Carrier) -> Option<Gate>,
        glass: impl Fn(&Carrier) -> Option<BreakGlass>,
        journey: impl Fn(&Carrier) -> Option<(String, Journey)>,
        written: &mut Written,
    ) -> bool {
        let mut failed = false;
        for (name, pod) in pods {
            let Some(gate) = decided(pod) else { continue };
            let key = Key::new(&identity.namespace, name);
            match self.cluster.store_gate(&key, pod, &gate).await {
                Ok(version) => {
                    self.metrics.gate(&gate.reason);
                    let opening = Opening { identity, pod: name, before: pod, gate: &gate };
                    self.arrivals.opened(opening, || journey(pod));
                    let by = glass(pod).filter(|_| gate.is_by_person());
                    self.tell_of_override(&key, pod, &gate, by.map(|glass| glass.name().clone())).await;
                    self.tell_whose_turn(key, pod, &gate).await;
                    written.gates.insert(pod.uid.clone(), (gate, version));
                }
                Err(error) => failed |= self.failed(identity, &error),
            }
        }
        failed
    }

    /// Tells people when an override lets a pod in, and what became of it.
    async fn tell_of_override(&self, key: &Key, pod: &Carrier, gate: &Gate, related: Option<Key>) {
        let was = pod.gate.as_ref().is_some_and(Gate::is_by_person);
        let Some(reason) = Reason::from_code(&gate.reason).filter(|_| was || gate.is_by_person()) else {
            return;
        };
        let words = words_of(gate, reason).to_owned();
        let about = About::Pod(key.clone(), pod.uid.clone());
        self.cluster.tell(&Note { about, related, reason, words, warning: gate.is_by_person() }).await;
    }

    /// Tells people on the pod when it begins to wait for one of them: `kubectl describe pod` shows events, and of a
    /// condition neither reason nor message.
    async fn tell_whose_turn(&self, key: Key, pod: &Carrier, gate: &Gate) {
        let news = pod.gate.as_ref().is_none_or(|before| before.reason != gate.reason);
        let Some(reason) = Reason::from_code(&gate.reason).filter(|_| news && !gate.open) else { return };
        if !reason.turn().is_a_persons() {
            return;
        }
        let words = format!("{} (whose turn: {})", words_of(gate, reason), reason.turn().as_str());
        let about = About::Pod(key, pod.uid.clone());
        self.cluster.tell(&Note { about, related: None, reason, words, warning: true }).await;
    }

    /// How an identity's firewall stands; `None` if there is no such firewall. Before its worker has posted
    /// anything nothing is judged, so that a restart takes nothing back.
    fn standing(
        &self,
        identity: Option<&Identity>,
        world: &World,
    ) -> Result<Option<Arc<Standing>>, NotPosted> {
        let Some(identity) = identity else { return Ok(None) };
        let name = identity.firewall.as_str();
        let Some(firewall) = world.firewalls.get(name) else { return Ok(None) };
        let members = Member::of(name, &firewall.spec);
        let posted = members.iter().map(|member| self.board.standing(&member.to_string()));
        let posted: Vec<Arc<Standing>> = posted.collect::<Option<_>>().ok_or(NotPosted)?;
        Ok(Some(Standing::of_all(posted)))
    }

    /// Whether what could not be stored is to be tried again.
    fn failed(&self, identity: &Key, error: &ClusterError) -> bool {
        let (namespace, identity) = (identity.namespace.as_str(), identity.name.as_str());
        match error.loss {
            Loss::Gone => return false,
            Loss::Outrun => tracing::debug!(
                namespace,
                identity,
                error = chain(error),
                "somebody wrote since; judged again"
            ),
            Loss::Failed => {
                self.metrics.store_failed();
                tracing::warn!(
                    namespace,
                    identity,
                    error = chain(error),
                    "a status was not stored; it is tried again"
                );
            }
        }
        true
    }

    /// Tells people when an identity's firewall reason changed, unless it only says that things take their course.
    async fn tell(&self, key: &Key, identity: &Identity, before: &Told, after: &WorkloadIdentityStatus) {
        let was = before.enforced.and_then(|said| said.reason);
        let Some(is) = after.conditions.iter().find(|c| c.kind == FIREWALL_ENFORCED) else { return };
        let Some(reason) = Reason::from_code(&is.reason) else { return };
        if was == Some(reason) || matches!(reason, Reason::AwaitingFirewall | Reason::AwaitingCommit) {
            return;
        }
        let about = About::Identity(key.clone(), identity.meta.uid.to_string());
        let warning = !matches!(reason, Reason::Enforced | Reason::EnforcedPermissive);
        self.cluster.tell(&Note { about, related: None, reason, words: is.message.clone(), warning }).await;
    }
}

impl Outcome {
    /// `pods` as they were seen; what was written of them counts.
    fn new(key: Key, pods: &[(String, Carrier)], written: Written, failed: bool) -> Self {
        let pods: Vec<Carrier> = pods.iter().map(|(_, pod)| with_written(pod, &written)).collect();
        let anything = written.status.is_some() || !written.gates.is_empty();
        let (overridden, waiting) = (Overridden::of(pods.iter()), Waiting::of(pods.iter()));
        Self { key, overridden, waiting, written: anything.then_some(written), failed }
    }
}

impl Round<'_> {
    /// The policy that holds the namespace now, where it only observes. What a pod says does not count.
    fn observer(&self, namespace: &str) -> Option<Observer> {
        let none = BTreeMap::new();
        let labels = self.world.namespaces.get(namespace).map_or(&none, AsRef::as_ref);
        let (policy, mode) = match self.world.policies.book().holder(namespace, labels) {
            Holder::Held { policy, .. } => (policy.name.as_str(), policy.mode),
            Holder::Broken { name, mode, .. } => (name, mode),
            Holder::Nobody => return None,
        };
        (mode == Mode::Observe).then(|| Observer { policy: policy.to_owned() })
    }
}

impl Written {
    /// Our part of the identity's status, as it was last stored.
    fn told<'a>(&'a self, identity: &'a Identity) -> &'a Told {
        self.status.as_ref().map_or(&identity.told, |(told, _)| told)
    }

    /// Forgets what the watch shows, or something newer instead.
    fn forget_what_is_seen(&mut self, identity: Option<&Identity>, pods: &Pods) {
        let seen = identity.map(|identity| identity.meta.version);
        self.status = self.status.take().filter(|(_, version)| seen.is_some_and(|seen| seen < *version));
        let seen: BTreeMap<&str, Version> =
            pods.iter().map(|(_, pod)| (pod.uid.as_str(), pod.version)).collect();
        self.gates.retain(|uid, (_, version)| seen.get(uid.as_str()).is_some_and(|seen| *seen < *version));
    }
}

/// A gate's message without the reason before it, which an event has in a field of its own.
fn words_of(gate: &Gate, reason: Reason) -> &str {
    gate.message.strip_prefix(&format!("{reason}: ")).unwrap_or(&gate.message)
}

/// Keeps what there is, and forgets what there is no more.
fn keep<V>(table: &mut BTreeMap<Key, V>, key: &Key, value: Option<V>) {
    match value {
        Some(value) => drop(table.insert(key.clone(), value)),
        None => drop(table.remove(key)),
    }
}

/// The pod with the gate that we wrote, if the watch does not show it yet.
fn with_written(pod: &Carrier, written: &Written) -> Carrier {
    let mut pod = pod.clone();
    if let Some((gate, version)) = written.gates.get(&pod.uid) {
        pod.gate = Some(gate.clone());
        pod.held &= !gate.open;
        pod.version = *version;
    }
    pod
}
