//! An identity as policy-sync knows it. There are thousands: nothing is kept of the object that nobody here looks at.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use compact_str::CompactString;
use jiff::Timestamp;
use sallyport_contract::{
    DnsName, DnsNames, Reason,
    object::{
        Action, Condition, ConditionStatus, Delivery, FirewallEnforcement, PodCounts, WorkloadIdentity,
        WorkloadIdentityStatus,
    },
};

use crate::{diff::Held, world::Meta};

/// The condition that cert-agent writes.
const CERTIFICATE_ISSUED: &str = "CertificateIssued";
/// The conditions that we write.
pub(crate) const FIREWALL_ENFORCED: &str = "FirewallEnforced";
/// See [`FIREWALL_ENFORCED`].
pub(crate) const READY: &str = "Ready";

/// One identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Which object it is, and how new.
    pub meta: Meta,
    /// Its names; of one that is not in normal form the text.
    pub names: Box<[Result<DnsName, Box<str>>]>,
    /// How the certificate reaches the pods.
    pub delivery: Delivery,
    /// What the firewall does with traffic for the names.
    pub action: Action,
    /// The policy that decided.
    pub policy: CompactString,
    /// The firewall that must hold the names.
    pub firewall: CompactString,
    /// What cert-agent says of its certificate.
    pub certificate: Certificate,
    /// What we say of it.
    pub told: Told,
}

impl Identity {
    /// All names in order; `None` if one is not in normal form or none is there.
    #[must_use]
    pub fn dns_names(&self) -> Option<DnsNames> {
        let names = self.names.iter().map(|name| name.as_ref().ok().cloned());
        DnsNames::new(names.collect::<Option<Vec<_>>>()?)
    }
}

impl From<WorkloadIdentity> for Identity {
    fn from(object: WorkloadIdentity) -> Self {
        let (spec, status) = (object.spec, object.status.unwrap_or_default());
        let normal = |text: String| DnsName::in_normal_form(&text).ok_or_else(|| text.into());
        Self {
            meta: Meta::of(&object.metadata),
            names: spec.dns_names.into_iter().map(normal).collect(),
            delivery: spec.delivery,
            action: spec.action,
            policy: spec.policy.into(),
            firewall: spec.firewall.into(),
            certificate: Certificate::of(&status),
            told: Told::of(&status),
        }
    }
}

/// What cert-agent says of an identity's certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Certificate {
    /// Since when it is issued, or why it is not; `None` before anything is said.
    pub issued: Option<Result<Timestamp, Held>>,
    /// When the one that is delivered ends.
    pub not_after: Option<Timestamp>,
    /// How many pods have one of their own; `None` where that is not said.
    pub of_pods: Option<i64>,
}

impl Certificate {
    fn of(status: &WorkloadIdentityStatus) -> Self {
        let issued = status.conditions.iter().find(|condition| condition.kind == CERTIFICATE_ISSUED);
        let issued = issued.map(|condition| match condition.status {
            ConditionStatus::True => Ok(condition.last_transition_time),
            ConditionStatus::False | ConditionStatus::Unknown => {
                let reason = Reason::from_code(&condition.reason).unwrap_or(Reason::AwaitingCertificate);
                Err((reason, condition.message.clone()))
            }
        });
        Self {
            issued,
            not_after: status.certificate.as_ref().map(|certificate| certificate.not_after),
            of_pods: status.certificates.as_ref().map(|certificates| certificates.count),
        }
    }
}

/// Our part of an identity's status: what the next one rests on, and of the rest whether it differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Of `FirewallEnforced`.
    pub enforced: Option<Said>,
    /// Of `Ready`.
    pub ready: Option<Said>,
    /// A checksum over the whole of it.
    checksum: u64,
}

/// What a condition says, but for its words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said {
    /// The judgement.
    pub status: ConditionStatus,
    /// Since when.
    pub since: Timestamp,
    /// Its code, if it is of the closed list.
    pub reason: Option<Reason>,
}

impl Told {
    /// Our part of a whole status.
    #[must_use]
    pub fn of(status: &WorkloadIdentityStatus) -> Self {
        let condition = |kind: &str| status.conditions.iter().find(|condition| condition.kind == kind);
        let (enforced, ready) = (condition(FIREWALL_ENFORCED), condition(READY));
        let checksum = checksum(enforced, ready, status.firewall.as_ref(), status.pods.as_ref());
        Self { enforced: enforced.map(Said::of), ready: ready.map(Said::of), checksum }
    }
}

fn checksum(
    enforced: Option<&Condition>,
    ready: Option<&Condition>,
    firewall: Option<&FirewallEnforcement>,
    pods: Option<&PodCounts>,
) -> u64 {
    let mut hasher = DefaultHasher::new();
    (enforced, ready, firewall, pods).hash(&mut hasher);
    hasher.finish()
}

impl Said {
    fn of(condition: &Condition) -> Self {
        Self {
            status: condition.status,
            since: condition.last_transition_time,
            reason: Reason::from_code(&condition.reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn identity(names: &[&str], status: Value) -> Identity {
        let object: WorkloadIdentity = serde_json::from_value(json!({
            "apiVersion": "sallyport.dev/v1alpha1", "kind": "WorkloadIdentity",
            "metadata": {"name": "web-1", "namespace": "shop"},
            "spec": {"dnsNames": names, "delivery": "Secret", "action": "Allow", "policy": "p",
                "certificate": {"authority": "ca"}, "firewall": "fw"},
            "status": status}))
        .unwrap();
        object.into()
    }

    #[test]
    fn one_name_that_is_not_in_normal_form_spoils_all() {
        let names = |names: &[&str]| identity(names, json!({})).dns_names().map(|names| names.to_string());
        assert_eq!(names(&["a.x.example", "b.x.example"]).as_deref(), Some("a.x.example,b.x.example"));
        assert_eq!(names(&["a.x.example", "B.x.example"]), None);
        assert_eq!(names(&[]), None);
    }

    #[test]
    fn our_part_of_a_status_differs_when_anything_in_it_does() {
        let condition = |kind: &str, message: &str| {
            json!({"type": kind, "status": "True", "reason": "Enforced",
            "message": message, "lastTransitionTime": "2026-11-21T09:00:00Z"})
        };
        let told = |status: Value| identity(&["a.x.example"], status).told;
        let said = |words: &str| json!({"conditions": [condition("Ready", "r"), condition("FirewallEnforced", words)]});
        let with = |part: &str, value: Value| {
            let mut status = said("w");
            status[part] = value;
            status
        };
        let before = told(said("w"));
        assert_eq!(before.ready.and_then(|said| said.reason), Some(Reason::Enforced));
        let turned = json!({"conditions": [condition("FirewallEnforced", "w"), condition("Ready", "r")]});
        assert_eq!(told(turned), before, "their order says nothing");
        let certificate = with("certificates", json!({"count": 3}));
        assert_eq!(told(certificate), before, "cert-agent's part is not ours");
        let app = json!({"dnsName": "a.x.example", "app": "a", "rule": "r", "devices": ["1"]});
        for other in [
            said("other words"),
            json!({"conditions": [condition("FirewallEnforced", "w")]}),
            with("pods", json!({"total": 1, "ready": 0, "summary": "0/1"})),
            with("firewall", json!({"apps": [app]})),
        ] {
            assert_ne!(told(other.clone()), before, "{other}");
        }
    }
}
