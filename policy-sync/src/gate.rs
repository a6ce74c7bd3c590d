//! Whether a pod's readiness gate opens. A latch: once open it is never closed.

use std::{collections::BTreeMap, fmt};

use sallyport_contract::{DnsNames, Reason, object::WorkloadIdentity};

use crate::{breakglass::BreakGlass, diff::Held, proven::Proven, world::Version};

/// What is known of a pod that carries an identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carrier {
    /// The pod's UID.
    pub uid: String,
    /// The version of the pod that was seen.
    pub version: Version,
    /// Its labels, by which overrides select it.
    pub labels: BTreeMap<String, String>,
    /// The answer `resolved.sallyport.dev/dns-names`.
    pub dns_names: Option<String>,
    /// The answer `resolved.sallyport.dev/action`.
    pub action: Option<String>,
    /// Whether it waits for our gate.
    pub gated: bool,
    /// Whether its containers wait for our annotation, and it is not there yet.
    pub held: bool,
    /// Neither ended nor being deleted.
    pub living: bool,
    /// The gate's condition as it stands.
    pub gate: Option<Gate>,
}

/// The gate's condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gate {
    /// Whether it is open.
    pub open: bool,
    /// The code.
    pub reason: String,
    /// For people; begins with the code.
    pub message: String,
}

/// What a pod must say and what is proven of its identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// The identity's names, as the annotation writes them.
    pub dns_names: String,
    /// The identity's action, as the annotation writes it.
    pub action: &'static str,
    /// Certificate and firewall, or what is missing.
    pub proven: Result<Proven, Held>,
}

/// A policy in mode `Observe`, which opens gates without proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observer {
    /// The policy's name.
    pub policy: String,
}

impl Observer {
    /// What is told of a gate that opens although something is missing.
    #[must_use]
    pub fn words(&self, (reason, words): &Held) -> String {
        format!("IdentityPolicy {} has spec.mode: Observe; not proven: {reason}: {words}", self.policy)
    }
}

/// Who lets a pod in without proof.
#[derive(Clone, Copy, Debug, Default)]
pub struct Leave<'a> {
    /// The policy that holds its namespace, where that one only observes.
    pub observer: Option<&'a Observer>,
    /// The override that covers it now.
    pub glass: Option<&'a BreakGlass>,
}

/// The condition to write for a pod; `None` if it is to stay as it is. `identity`: what its label names.
#[must_use]
pub fn decide(pod: &Carrier, label: &str, identity: Option<&Expected>, leave: Leave<'_>) -> Option<Gate> {
    if !pod.gated || !pod.living {
        return None;
    }
    let standing = pod.gate.as_ref().filter(|gate| gate.open);
    // What one write should have done: the gate is a latch, and so is what starts the containers.
    let again = standing.filter(|_| pod.held).cloned();
    if standing.is_some_and(|gate| !gate.is_by_person()) {
        return again;
    }
    let judged = proven(pod, label, identity);
    if let Some(gate) = standing {
        return opened(gate, judged, leave.glass).or(again);
    }
    let gate = match (judged, leave) {
        (Ok(proven), _) => Gate::proven(proven),
        (Err(held), Leave { observer: Some(observer), .. }) => Gate::observed(observer, &held),
        (Err(held), Leave { glass: Some(glass), .. }) => Gate::by_person(glass, &held),
        (Err((reason, words)), Leave { observer: None, glass: None }) => Gate::closed(reason, &words),
    };
    (pod.gate.as_ref() != Some(&gate)).then_some(gate)
}

/// A gate that a person's word opened stays open, and tells whether that word still holds, until there is proof.
fn opened(gate: &Gate, judged: Result<&Proven, Held>, glass: Option<&BreakGlass>) -> Option<Gate> {
    match (judged, glass) {
        (Ok(proven), _) => Some(Gate::proven(proven)),
        (Err(_), Some(glass)) if gate.tells(glass) => None,
        (Err(held), Some(glass)) => Some(Gate::by_person(glass, &held)),
        (Err(_), None) if gate.has_ended() => None,
        (Err(held), None) => Some(gate.ended(&held)),
    }
}

fn proven<'a>(pod: &Carrier, label: &str, identity: Option<&'a Expected>) -> Result<&'a Proven, Held> {
    let Some(expected) = identity else {
        let words = format!(
            "WorkloadIdentity {label} does not exist; cert-agent makes it once it has derived the pod's names itself"
        );
        return Err((Reason::AwaitingCertificate, words));
    };
    if !expected.agrees(pod) {
        let words = format!(
            "the pod's annotations say {} and {}, WorkloadIdentity {label} says {} and {}; delete the pod to have it made anew",
            pod.dns_names.as_deref().unwrap_or("no names"),
            pod.action.as_deref().unwrap_or("no action"),
            expected.dns_names,
            expected.action,
        );
        return Err((Reason::Tampered, words));
    }
    expected.proven.as_ref().map_err(Held::clone)
}

impl Expected {
    /// While nobody knows how the identity's firewall stands.
    #[must_use]
    pub fn not_asked(identity: &WorkloadIdentity) -> Self {
        let names = DnsNames::from_strings(&identity.spec.dns_names);
        let words =
            format!("firewall {} has not been looked at since policy-sync began", identity.spec.firewall);
        Self {
            dns_names: names.map(|names| names.to_string()).unwrap_or_default(),
            action: identity.spec.action.as_str(),
            proven: Err((Reason::AwaitingFirewall, words)),
        }
    }

    fn agrees(&self, pod: &Carrier) -> bool {
        pod.dns_names.as_deref() == Some(self.dns_names.as_str())
            && pod.action.as_deref() == Some(self.action)
    }
}

impl Gate {
    fn proven(proven: &Proven) -> Self {
        Self::new(true, proven.reason(), proven.words())
    }

    fn observed(observer: &Observer, missing: &Held) -> Self {
        Self::new(true, Reason::Observed, &observer.words(missing))
    }

    fn by_person(glass: &BreakGlass, missing: &Held) -> Self {
        Self::new(true, Reason::BreakGlass, &glass.instead_of(missing))
    }

    /// The same when the word of the person has ended: who it was stays to be read.
    fn ended(&self, (reason, words): &Held) -> Self {
        let code = format!("{}: ", Reason::BreakGlass);
        let said = self.message.strip_prefix(&code).unwrap_or(&self.message);
        let granted = said.split("; not proven: ").next().unwrap_or_default();
        let words = format!(
            "{ENDED}{granted}; still not proven: {reason}: {words}; an open gate is never closed: delete the pod to have \
             it wait for proof"
        );
        Self::new(true, Reason::BreakGlass, &words)
    }

    /// Whether a person's word opened it, and nothing has been proven since.
    #[must_use]
    pub fn is_by_person(&self) -> bool {
        self.open && self.reason == Reason::BreakGlass.code()
    }

    /// Whether that word has ended.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.message.starts_with(&words_with(Reason::BreakGlass, ENDED))
    }

    fn tells(&self, glass: &BreakGlass) -> bool {
        self.message.starts_with(&format!("{};", words_with(Reason::BreakGlass, glass.words())))
    }

    fn closed(reason: Reason, words: &str) -> Self {
        Self::new(false, reason, words)
    }

    fn new(open: bool, reason: Reason, words: &str) -> Self {
        Self { open, reason: reason.code().to_owned(), message: words_with(reason, words) }
    }
}

/// How the message begins once the override has ended.
const ENDED: &str = "ended: ";

/// Living pods that a person let in and that have no proof yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Overridden {
    /// The override still runs.
    pub running: i64,
    /// It has ended.
    pub ended: i64,
}

impl Overridden {
    /// Counts the pods of one identity.
    #[must_use]
    pub fn of<'a>(pods: impl Iterator<Item = &'a Carrier>) -> Self {
        let gates = pods.filter(|pod| pod.living).filter_map(|pod| pod.gate.as_ref());
        gates.filter(|gate| gate.is_by_person()).fold(Self::default(), |sum, gate| {
            let ended = i64::from(gate.has_ended());
            sum.and(Self { running: 1 - ended, ended })
        })
    }

    /// Both together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self { running: self.running + other.running, ended: self.ended + other.ended }
    }
}

fn words_with(reason: Reason, words: &str) -> String {
    // The longest message of a condition: https://github.com/kubernetes/kubernetes/blob/master/staging/src/k8s.io/apimachinery/pkg/apis/meta/v1/types.go
    const LIMIT: usize = 4096;
    format!("{reason}: {words}").chars().take(LIMIT).collect()
}

impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod() -> Carrier {
        Carrier {
            uid: "1".into(),
            version: Version::default(),
            labels: BTreeMap::new(),
            dns_names: Some("web.shop.example".into()),
            action: Some("allow".into()),
            gated: true,
            held: false,
            living: true,
            gate: None,
        }
    }

    fn identity(proven: Result<Proven, Held>) -> Expected {
        Expected { dns_names: "web.shop.example".into(), action: "allow", proven }
    }

    fn proven() -> Expected {
        identity(Ok(Proven::assumed("edge")))
    }

    fn waits() -> Expected {
        identity(Err((Reason::AwaitingCommit, "job 1".into())))
    }

    fn shown(pod: &Carrier, identity: Option<&Expected>) -> Option<(bool, String)> {
        decide(pod, "web-1", identity, Leave::default()).map(|gate| (gate.open, gate.reason))
    }

    #[test]
    fn law_2_a_gate_opens_on_proof_alone_and_is_a_latch() {
        let (proven, waits) = (proven(), waits());
        assert_eq!(shown(&pod(), Some(&proven)), Some((true, "Enforced".into())));
        assert_eq!(shown(&pod(), Some(&waits)), Some((false, "AwaitingCommit".into())));
        assert_eq!(shown(&pod(), None), Some((false, "AwaitingCertificate".into())));
        let open = Carrier { gate: decide(&pod(), "web-1", Some(&proven), Leave::default()), ..pod() };
        assert_eq!((shown(&open, Some(&waits)), shown(&open, None)), (None, None));
        let closed = Carrier { gate: decide(&pod(), "web-1", Some(&waits), Leave::default()), ..pod() };
        assert_eq!(shown(&closed, Some(&waits)), None, "nothing new, nothing written");
        assert_eq!(shown(&closed, Some(&proven)), Some((true, "Enforced".into())));
    }

    #[test]
    fn law_2_a_policy_that_observes_opens_at_once_and_says_what_is_missing() {
        let observer = Observer { policy: "shop".into() };
        let leave = Leave { observer: Some(&observer), glass: None };
        let shown = |pod: &Carrier, identity: Option<&Expected>| {
            decide(pod, "web-1", identity, leave).map(|gate| (gate.open, gate.message))
        };
        let said = |what: &str| {
            Some((true, format!("Observed: IdentityPolicy shop has spec.mode: Observe; not proven: {what}")))
        };
        assert_eq!(shown(&pod(), Some(&waits())), said("AwaitingCommit: job 1"));
        let (open, words) = shown(&pod(), None).unwrap();
        assert!(open && words.contains("WorkloadIdentity web-1 does not exist"), "{words}");
        let other = Carrier { action: Some("deny".into()), ..pod() };
        let (open, words) = shown(&other, Some(&proven())).unwrap();
        assert!(open && words.contains("not proven: Tampered"), "{words}");
        assert_eq!(shown(&pod(), Some(&proven())), Some((true, "Enforced: edge".into())), "proof is proof");
        let open = Carrier { gate: decide(&pod(), "web-1", Some(&waits()), leave), ..pod() };
        assert_eq!(
            decide(&open, "web-1", Some(&waits()), Leave::default()),
            None,
            "back to Enforce closes nothing"
        );
    }

    #[test]
    fn law_2_an_override_opens_says_so_and_never_closes_when_it_ends() {
        let (first, second) =
            (BreakGlass::assumed("GateOverride a of jane"), BreakGlass::assumed("GateOverride b of joe"));
        let (proven, waits) = (proven(), waits());
        let by = |gate: Option<Gate>, identity: &Expected, glass: Option<&BreakGlass>| {
            decide(&Carrier { gate, ..pod() }, "web-1", Some(identity), Leave { observer: None, glass })
        };
        let granted = by(None, &waits, Some(&first));
        let told = granted.as_ref().map(|gate| (gate.open, gate.message.as_str()));
        assert_eq!(
            told,
            Some((true, "BreakGlass: GateOverride a of jane; not proven: AwaitingCommit: job 1"))
        );
        let ended = by(granted.clone(), &waits, None);
        let told = ended.as_ref().map(|gate| (gate.open, gate.message.as_str()));
        let words = "BreakGlass: ended: GateOverride a of jane; still not proven: AwaitingCommit: job 1; an open gate is never \
                     closed: delete the pod to have it wait for proof";
        assert_eq!(told, Some((true, words)));
        let other = identity(Err((Reason::AwaitingCommit, "job 2".into())));
        let opened = |gate: Option<Gate>| gate.map(|gate| (gate.open, gate.reason));
        for (what, gate, identity, glass, becomes) in [
            ("still covered, and something else is missing", &granted, &other, Some(&first), None),
            ("ended, and something else is missing", &ended, &other, None, None),
            ("covered by another", &granted, &waits, Some(&second), Some((true, "BreakGlass".to_owned()))),
            ("covered again", &ended, &waits, Some(&second), Some((true, "BreakGlass".to_owned()))),
            ("proven meanwhile", &granted, &proven, Some(&first), Some((true, "Enforced".to_owned()))),
            ("proven after its end", &ended, &proven, None, Some((true, "Enforced".to_owned()))),
        ] {
            assert_eq!(opened(by(gate.clone(), identity, glass)), becomes, "{what}");
        }
        let after = by(None, &waits, None);
        assert_eq!(opened(after), Some((false, "AwaitingCommit".to_owned())), "a new pod waits again");
        let proof = by(None, &proven, Some(&first));
        assert_eq!(opened(proof.clone()), Some((true, "Enforced".to_owned())), "proof is proof");
        assert_eq!(by(proof, &waits, Some(&first)), None, "what proof opened is no override's");
    }

    #[test]
    fn living_pods_that_an_override_let_in_are_counted_by_whether_it_runs() {
        let glass = BreakGlass::assumed("GateOverride a of jane");
        let leave = Leave { observer: None, glass: Some(&glass) };
        let waits = waits();
        let running = Carrier { gate: decide(&pod(), "web-1", Some(&waits), leave), ..pod() };
        let ended = Carrier { gate: decide(&running, "web-1", Some(&waits), Leave::default()), ..pod() };
        let gone = Carrier { living: false, ..running.clone() };
        let pods = [running.clone(), running, ended, gone, pod()];
        assert_eq!(Overridden::of(pods.iter()), Overridden { running: 2, ended: 1 });
    }

    #[test]
    fn law_2_an_open_gate_whose_containers_still_wait_is_written_again_as_it_is() {
        let (glass, waits) = (BreakGlass::assumed("GateOverride a of jane"), waits());
        let by_person = Leave { observer: None, glass: Some(&glass) };
        for (identity, leave) in [(&proven(), Leave::default()), (&waits, by_person)] {
            let gate = decide(&pod(), "web-1", Some(identity), leave);
            let open = Carrier { gate: gate.clone(), ..pod() };
            assert_eq!(
                decide(&open, "web-1", Some(&waits), leave),
                None,
                "nothing waits: nothing is written"
            );
            let held = Carrier { held: true, ..open };
            assert_eq!(decide(&held, "web-1", Some(&waits), leave), gate);
        }
        let held = Carrier { held: true, ..pod() };
        assert_eq!(shown(&held, Some(&waits)), Some((false, "AwaitingCommit".into())));
    }

    #[test]
    fn law_4_a_pod_that_says_something_else_is_tampered() {
        let proven = proven();
        for changed in [
            Carrier { dns_names: Some("pay.shop.example".into()), ..pod() },
            Carrier { dns_names: None, ..pod() },
            Carrier { action: Some("deny".into()), ..pod() },
        ] {
            assert_eq!(shown(&changed, Some(&proven)), Some((false, "Tampered".into())));
        }
        for left_alone in [Carrier { gated: false, ..pod() }, Carrier { living: false, ..pod() }] {
            assert_eq!(shown(&left_alone, Some(&proven)), None);
        }
    }
}
