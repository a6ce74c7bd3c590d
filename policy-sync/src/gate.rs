//! Whether a pod's readiness gate opens. A latch: once open it is never closed.

use std::fmt;

use sallyport_contract::Reason;

/// What is known of a pod that carries an identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carrier {
    /// The pod's UID.
    pub uid: String,
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
    /// What is proven.
    pub verdict: Verdict,
}

/// Whether everything about an identity is proven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Certificate and firewall; the words say what was proven and what not.
    Proven(String),
    /// Something is missing.
    Waits(Reason, String),
}

/// The condition to write for a pod; `None` if it is to stay as it is. `identity`: what its label names.
#[must_use]
pub fn decide(pod: &Carrier, label: &str, identity: Option<&Expected>) -> Option<Gate> {
    if !pod.gated || !pod.living || pod.gate.as_ref().is_some_and(|gate| gate.open) {
        return None;
    }
    let gate = match identity {
        None => Gate::closed(
            Reason::AwaitingCertificate,
            &format!(
                "WorkloadIdentity {label} does not exist; cert-agent makes it once it has derived the pod's names itself"
            ),
        ),
        Some(expected) if !expected.agrees(pod) => Gate::closed(
            Reason::Tampered,
            &format!(
                "the pod's annotations say {} and {}, WorkloadIdentity {label} says {} and {}; delete the pod to have it made anew",
                pod.dns_names.as_deref().unwrap_or("no names"),
                pod.action.as_deref().unwrap_or("no action"),
                expected.dns_names,
                expected.action,
            ),
        ),
        Some(Expected { verdict: Verdict::Proven(words), .. }) => Gate::open(words),
        Some(Expected { verdict: Verdict::Waits(reason, words), .. }) => Gate::closed(*reason, words),
    };
    (pod.gate.as_ref() != Some(&gate)).then_some(gate)
}

impl Expected {
    fn agrees(&self, pod: &Carrier) -> bool {
        pod.dns_names.as_deref() == Some(self.dns_names.as_str())
            && pod.action.as_deref() == Some(self.action)
    }
}

impl Gate {
    fn open(words: &str) -> Self {
        Self {
            open: true,
            reason: Reason::Enforced.code().to_owned(),
            message: words_with(Reason::Enforced, words),
        }
    }

    fn closed(reason: Reason, words: &str) -> Self {
        Self { open: false, reason: reason.code().to_owned(), message: words_with(reason, words) }
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
            dns_names: Some("web.shop.example".into()),
            action: Some("allow".into()),
            gated: true,
            living: true,
            gate: None,
        }
    }

    fn identity(verdict: Verdict) -> Expected {
        Expected { dns_names: "web.shop.example".into(), action: "allow", verdict }
    }

    fn shown(pod: &Carrier, identity: Option<&Expected>) -> Option<(bool, String)> {
        decide(pod, "web-1", identity).map(|gate| (gate.open, gate.reason))
    }

    #[test]
    fn law_2_a_gate_opens_on_proof_alone_and_is_a_latch() {
        let proven = identity(Verdict::Proven("edge".into()));
        let waits = identity(Verdict::Waits(Reason::AwaitingCommit, "job 1".into()));
        assert_eq!(shown(&pod(), Some(&proven)), Some((true, "Enforced".into())));
        assert_eq!(shown(&pod(), Some(&waits)), Some((false, "AwaitingCommit".into())));
        assert_eq!(shown(&pod(), None), Some((false, "AwaitingCertificate".into())));
        let open = Carrier { gate: decide(&pod(), "web-1", Some(&proven)), ..pod() };
        assert_eq!((shown(&open, Some(&waits)), shown(&open, None)), (None, None));
        let closed = Carrier { gate: decide(&pod(), "web-1", Some(&waits)), ..pod() };
        assert_eq!(shown(&closed, Some(&waits)), None, "nothing new, nothing written");
        assert_eq!(shown(&closed, Some(&proven)), Some((true, "Enforced".into())));
    }

    #[test]
    fn law_4_a_pod_that_says_something_else_is_tampered() {
        let proven = identity(Verdict::Proven("edge".into()));
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
