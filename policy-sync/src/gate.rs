//! Whether a pod's readiness gate opens. A latch: once open it is never closed.

use std::{collections::BTreeMap, fmt};

use jiff::Timestamp;
use sallyport_contract::Reason;

use crate::{breakglass::BreakGlass, diff::Held, identity::Identity, proven::Proven, world::Version};

/// What is known of a pod that carries an identity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Carrier {
    /// The pod's UID.
    pub uid: String,
    /// The version of the pod that was seen.
    pub version: Version,
    /// When it was created.
    pub created: Timestamp,
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
    pub fn not_asked(identity: &Identity) -> Self {
        let names = identity.dns_names();
        let words = format!("firewall {} has not been looked at since policy-sync began", identity.firewall);
        Self {
            dns_names: names.map(|names| names.to_string()).unwrap_or_default(),
            action: identity.action.as_str(),
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

    /// Whether certificate and firewall opened it.
    #[must_use]
    pub fn is_proven(&self) -> bool {
        let reason = Reason::from_code(&self.reason);
        self.open && matches!(reason, Some(Reason::Enforced | Reason::EnforcedPermissive))
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
mod tests;
