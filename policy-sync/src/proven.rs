//! What is proven of an identity: a delivered certificate and an enforcing firewall. A [`Proven`] can be
//! made from nothing else.

use jiff::{Timestamp, tz::TimeZone};
use sallyport_contract::{
    DnsName, Reason, firewall_names,
    object::{ClaimedFirewall, ConditionStatus, Delivery, Firewall, FirewallSpec},
};

use crate::{
    diff::Held,
    identity::{Certificate, Identity},
    ledger::{Worth, worth},
    standing::Standing,
    wish::refusal,
    world::{Key, World},
};

/// A verified certificate for the identity's names is delivered, and has not ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered(());

impl Delivered {
    /// What cert-agent says of the identity's certificate.
    ///
    /// # Errors
    /// Why there is none.
    pub fn of(identity: &Identity, now: Timestamp) -> Result<Self, Held> {
        let awaiting = |words: &str| Err((Reason::AwaitingCertificate, words.to_owned()));
        let Certificate { issued, not_after, of_pods } = &identity.certificate;
        match issued {
            None => return awaiting("cert-agent has not said anything about the certificate yet"),
            Some(Err(held)) => return Err(held.clone()),
            Some(Ok(_)) => {}
        }
        // Each pod has its own, and its kubelet begins no container without.
        if identity.delivery == Delivery::Pod {
            return match of_pods.filter(|count| *count > 0) {
                Some(_) => Ok(Self(())),
                None => awaiting("no pod of this identity has its certificate yet"),
            };
        }
        match not_after {
            None => awaiting("cert-agent has not said yet which certificate is delivered"),
            Some(not_after) if *not_after <= now => {
                awaiting("the certificate has ended and is not renewed yet")
            }
            Some(_) => Ok(Self(())),
        }
    }
}

/// The firewall enforces every name of the identity, by a proof that is fresh enough.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enforced {
    reason: Reason,
    words: String,
}

/// What an identity is judged by, beside itself: the cluster, how its firewall stands, and the time.
#[derive(Clone, Copy)]
pub struct Scene<'a> {
    /// What is seen of the cluster.
    pub world: &'a World,
    /// How the identity's firewall stands; `None` if there is none of that name.
    pub standing: Option<&'a Standing>,
    /// The time.
    pub now: Timestamp,
}

impl Enforced {
    /// What the identity's firewall was shown to hold for it, and whether it may still have it.
    ///
    /// # Errors
    /// The first thing that is missing.
    pub fn of(key: &Key, identity: &Identity, scene: Scene<'_>) -> Result<Self, Held> {
        let firewall = identity.firewall.as_str();
        if identity.meta.leaving {
            return Err((Reason::AwaitingCertificate, "the identity is being deleted".to_owned()));
        }
        let Some(names) = identity.dns_names() else {
            return Err((Reason::Malformed, "spec.dnsNames are not in normal form".to_owned()));
        };
        let (Some(standing), Some(object)) = (scene.standing, scene.world.firewalls.get(firewall)) else {
            return Err((Reason::NotFound, format!("there is no Firewall {firewall}")));
        };
        if let Some(refused) = standing.refused.get(key) {
            return Err(refused.clone());
        }
        if let Some(refused) = refusal(&object.spec, scene.world, key, identity) {
            return Err(refused);
        }
        let mut newest: Option<&ClaimedFirewall> = None;
        let mut permissive = None;
        for name in names.iter() {
            let Some(state) = standing.names.get(name) else {
                let words = format!("firewall {firewall} has not been asked about {name} yet");
                return Err((Reason::AwaitingFirewall, words));
            };
            if !state.enforced() {
                return Err((state.reason, state.words.clone()));
            }
            if state.reason == Reason::EnforcedPermissive {
                permissive = Some(state.words.as_str());
            }
            let entry = state.entry.as_deref();
            fresh(identity, &object.spec, name, entry, scene.now)?;
            newest = newest.into_iter().chain(entry).max_by_key(|entry| proven_at(entry));
        }
        let devices =
            newest.and_then(|entry| entry.evidence.as_ref()).map_or(0, |evidence| evidence.devices.len());
        let at = newest.and_then(proven_at).map(clock).unwrap_or_default();
        let path = if path_proven(object) { "path proven" } else { "path not proven" };
        let proven = format!("{firewall}, {devices} of {devices} devices, {at}; {path}");
        Ok(match permissive {
            None => Self { reason: Reason::Enforced, words: proven },
            Some(words) => Self { reason: Reason::EnforcedPermissive, words: format!("{proven}; {words}") },
        })
    }

    /// [`Reason::Enforced`], or [`Reason::EnforcedPermissive`] where other traffic passes too.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        self.reason
    }

    /// When it was proven, by whom, and what was not.
    #[must_use]
    pub fn words(&self) -> &str {
        &self.words
    }
}

/// Whether probes have shown that packets cross the firewall, as its status says. It is told, and nothing waits for it.
fn path_proven(firewall: &Firewall) -> bool {
    let conditions = firewall.status.iter().flat_map(|status| &status.conditions);
    conditions.into_iter().any(|c| c.kind == "PathProven" && c.status == ConditionStatus::True)
}

/// Looks at the evidence itself once more: who posted how the name stands may have been held up since.
fn fresh(
    identity: &Identity,
    spec: &FirewallSpec,
    name: &DnsName,
    entry: Option<&ClaimedFirewall>,
    now: Timestamp,
) -> Result<(), Held> {
    let firewall = identity.firewall.as_str();
    let action = identity.action;
    let rule = firewall_names::rule_of(&spec.cluster_name, spec.rules.style, &identity.policy, action, name);
    let evidence = entry.and_then(|entry| entry.evidence.as_ref());
    // What another cluster lends stands in a rule of its own.
    let lent = entry.filter(|entry| {
        !spec.shared_with.is_empty() && entry.app != firewall_names::app_id(&spec.cluster_name, name)
    });
    let rule = lent.map_or(rule, |entry| entry.rule.clone());
    match worth(evidence, &rule, action, spec.proof_max_age, now) {
        Worth::Proof => Ok(()),
        Worth::TooOld(at) => {
            let words = format!("{}; it is about to be repeated", too_old(firewall, spec, at));
            Err((Reason::AwaitingFirewall, words))
        }
        Worth::Nothing => {
            let words = format!("firewall {firewall} has not been shown to do what the identity asks for");
            Err((Reason::AwaitingFirewall, words))
        }
    }
}

/// The words for a proof that opens no gate any more.
#[must_use]
pub fn too_old(firewall: &str, spec: &FirewallSpec, at: Timestamp) -> String {
    format!(
        "the last proof is of {at:.0}, longer ago than Firewall {firewall} spec.proofMaxAge allows ({})",
        spec.proof_max_age
    )
}

/// Certificate and firewall are proven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proven {
    reason: Reason,
    words: String,
}

impl Proven {
    /// Both together.
    #[must_use]
    pub fn both(_: &Delivered, firewall: &Enforced) -> Self {
        Self { reason: firewall.reason, words: firewall.words.clone() }
    }

    /// [`Reason::Enforced`], or [`Reason::EnforcedPermissive`] where other traffic passes too.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        self.reason
    }

    /// What was proven and what not.
    #[must_use]
    pub fn words(&self) -> &str {
        &self.words
    }

    /// What a test takes as given.
    #[cfg(test)]
    pub(crate) fn assumed(words: &str) -> Self {
        Self { reason: Reason::Enforced, words: words.to_owned() }
    }
}

/// When a name was last proven.
#[must_use]
pub fn proven_at(entry: &ClaimedFirewall) -> Option<Timestamp> {
    entry.evidence.as_ref().map(|evidence| evidence.proven_at)
}

/// The time of day as people read it, in UTC.
#[must_use]
pub fn clock(time: Timestamp) -> String {
    time.to_zoned(TimeZone::UTC).strftime("%H:%M:%S").to_string()
}

#[cfg(test)]
mod tests {
    use sallyport_contract::object::WorkloadIdentity;
    use serde_json::{Value, json};

    use super::*;

    fn identity(delivery: &str, status: Value) -> Identity {
        let object: WorkloadIdentity = serde_json::from_value(json!({
            "apiVersion": "sallyport.dev/v1alpha1", "kind": "WorkloadIdentity",
            "metadata": {"name": "web-1", "namespace": "shop"},
            "spec": {"dnsNames": ["web.x.example"], "delivery": delivery, "action": "Allow", "policy": "p",
                "certificate": {"authority": "ca"}, "firewall": "fw"},
            "status": status}))
        .unwrap();
        object.into()
    }

    #[test]
    fn law_2_delivered_means_one_certificate_for_all_or_one_that_a_pod_has() {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let said = |status: &str, more: Value| {
            let mut said = json!({"conditions": [{"type": "CertificateIssued", "status": status, "reason": "Issued",
                "message": "", "lastTransitionTime": "2027-01-01T00:00:00Z"}]});
            said.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            said
        };
        let one = json!({"certificate": {"serial": "1", "notBefore": "2027-01-01T00:00:00Z",
            "notAfter": "2027-02-01T00:00:00Z", "renewAt": "2027-01-20T00:00:00Z", "secretName": "s"}});
        let pods = |count: i64| json!({"certificates": {"count": count}});
        for (what, delivery, status, delivered) in [
            ("a Secret", "Secret", said("True", one.clone()), true),
            ("pods' own, and no Secret", "Secret", said("True", pods(1)), false),
            ("a pod's own", "Pod", said("True", pods(1)), true),
            ("nobody's yet", "Pod", said("True", pods(0)), false),
            ("one for all, where each should have its own", "Pod", said("True", one), false),
            ("a pod's own, and it is said not to be", "Pod", said("False", pods(1)), false),
            ("nothing said", "Pod", json!({"conditions": []}), false),
        ] {
            assert_eq!(Delivered::of(&identity(delivery, status), now).is_ok(), delivered, "{what}");
        }
    }
}
