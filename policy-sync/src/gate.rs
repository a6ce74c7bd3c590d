//! Whether a pod's readiness gate opens. A latch: once open it is never closed.

use std::fmt;

use sallyport_contract::Reason;

use crate::{diff::Held, proven::Proven, world::Version};

/// What is known of a pod that carries an identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carrier {
    /// The pod's UID.
    pub uid: String,
    /// The version of the pod that was seen.
    pub version: Version,
    /// The answer `resolved.sallyport.dev/dns-names`.
    pub dns_names: Option<String>,
    /// The answer `resolved.sallyport.dev/action`.
    pub action: Option<String>,
    /// Whether it waits for our gate.
    pub gated: bool,
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

/// The condition to write for a pod; `None` if it is to stay as it is. `identity`: what its label names;
/// `observer`: the policy that holds its namespace, where that one only observes.
#[must_use]
pub fn decide(
    pod: &Carrier,
    label: &str,
    identity: Option<&Expected>,
    observer: Option<&Observer>,
) -> Option<Gate> {
    if !pod.gated || !pod.living || pod.gate.as_ref().is_some_and(|gate| gate.open) {
        return None;
    }
    let gate = match (proven(pod, label, identity), observer) {
        (Ok(proven), _) => Gate::proven(proven),
        (Err(held), Some(observer)) => Gate::observed(observer, &held),
        (Err((reason, words)), None) => Gate::closed(reason, &words),
    };
    (pod.gate.as_ref() != Some(&gate)).then_some(gate)
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

    fn closed(reason: Reason, words: &str) -> Self {
        Self::new(false, reason, words)
    }

    fn new(open: bool, reason: Reason, words: &str) -> Self {
        Self { open, reason: reason.code().to_owned(), message: words_with(reason, words) }
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
            dns_names: Some("web.shop.example".into()),
            action: Some("allow".into()),
            gated: true,
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
        decide(pod, "web-1", identity, None).map(|gate| (gate.open, gate.reason))
    }

    #[test]
    fn law_2_a_gate_opens_on_proof_alone_and_is_a_latch() {
        let (proven, waits) = (proven(), waits());
        assert_eq!(shown(&pod(), Some(&proven)), Some((true, "Enforced".into())));
        assert_eq!(shown(&pod(), Some(&waits)), Some((false, "AwaitingCommit".into())));
        assert_eq!(shown(&pod(), None), Some((false, "AwaitingCertificate".into())));
        let open = Carrier { gate: decide(&pod(), "web-1", Some(&proven), None), ..pod() };
        assert_eq!((shown(&open, Some(&waits)), shown(&open, None)), (None, None));
        let closed = Carrier { gate: decide(&pod(), "web-1", Some(&waits), None), ..pod() };
        assert_eq!(shown(&closed, Some(&waits)), None, "nothing new, nothing written");
        assert_eq!(shown(&closed, Some(&proven)), Some((true, "Enforced".into())));
    }

    #[test]
    fn law_2_a_policy_that_observes_opens_at_once_and_says_what_is_missing() {
        let observer = Observer { policy: "shop".into() };
        let shown = |pod: &Carrier, identity: Option<&Expected>| {
            decide(pod, "web-1", identity, Some(&observer)).map(|gate| (gate.open, gate.message))
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
        let open = Carrier { gate: decide(&pod(), "web-1", Some(&waits()), Some(&observer)), ..pod() };
        assert_eq!(decide(&open, "web-1", Some(&waits()), None), None, "back to Enforce closes nothing");
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
