//! An identity as we keep it: what it is to be and what is ours to say of it, in little room, for there are many.
//! What policy-sync tells in its status is not kept.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex, PoisonError, Weak},
};

use jiff::Timestamp;
use sallyport_contract::{
    DnsNames, Identity, IdentityName,
    identity::secret_of,
    object::{
        Action, CertificateStatus, CertificateTerms, Condition, ConditionStatus, Delivery, PodCertificates,
        WorkloadIdentity,
    },
};

use super::{shelf::Same, wanted::MADE_FOR};
use crate::{
    cluster::{Exactly, version_of},
    report::CERTIFICATE_ISSUED,
    text::Text,
    uid::Uid,
};

/// What all identities of a policy have in common.
#[derive(Debug, PartialEq, Eq)]
pub struct Terms {
    /// The `IdentityPolicy` that decided.
    pub policy: Text,
    /// What the certificate is to be.
    pub certificate: CertificateTerms,
    /// The `Firewall` that must hold the names.
    pub firewall: Text,
}

/// The terms that were last read, by policy.
static KNOWN: LazyLock<Mutex<HashMap<Text, Weak<Terms>>>> = LazyLock::new(Mutex::default);

impl Terms {
    /// These terms: those that are known, where they are the same.
    #[must_use]
    pub fn shared(policy: &str, certificate: &CertificateTerms, firewall: &str) -> Arc<Self> {
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |terms: &Arc<Self>| terms.certificate == *certificate && terms.firewall == *firewall;
        if let Some(terms) = known.get(policy).and_then(Weak::upgrade).filter(same) {
            return terms;
        }
        // Policies come and go; those that nothing is under any more are not remembered.
        known.retain(|_, terms| terms.strong_count() > 0);
        let (policy, firewall) = (Text::from(policy), Text::from(firewall));
        let terms = Arc::new(Self { policy: policy.clone(), certificate: certificate.clone(), firewall });
        known.insert(policy, Arc::downgrade(&terms));
        terms
    }
}

/// An identity that stands in the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// Its namespace.
    pub namespace: Text,
    /// Its name.
    pub name: Text,
    /// Its UID.
    pub uid: Option<Uid>,
    /// The version of the object; 0 if it is not told.
    pub version: u64,
    /// The version of its spec.
    pub generation: Option<i64>,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// Whether it is being deleted.
    pub ending: bool,
    /// The UIDs of the workloads that it was made for.
    pub made_for: Box<[Uid]>,
    /// The names, as they are written.
    pub dns_names: Box<[Text]>,
    /// How the certificate reaches the pods.
    pub delivery: Delivery,
    /// What the firewall does with traffic for the names.
    pub action: Action,
    /// What it has in common with others.
    pub terms: Arc<Terms>,
    /// Since when nobody wants it.
    pub unwanted_since: Option<Timestamp>,
    /// What is said of the certificate.
    pub told: Option<Told>,
    certificate: Option<Box<Certificate>>,
    certificates: Option<Box<PodCertificates>>,
}

/// The condition `CertificateIssued`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Whether it holds.
    pub status: ConditionStatus,
    /// The code.
    pub reason: Text,
    /// For people.
    pub message: Text,
    /// Since when.
    pub since: Timestamp,
    /// The generation that was judged.
    pub generation: Option<i64>,
}

/// A delivered certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Certificate {
    serial: Box<str>,
    not_before: Timestamp,
    not_after: Timestamp,
    renew_at: Timestamp,
    /// The authority, which many have in common, and what is its own.
    arn: Option<(Text, Box<str>)>,
    /// Where it is not the one that the identity's name gives.
    secret_name: Option<Box<str>>,
}

impl Certificate {
    fn read(status: &CertificateStatus, name: &str) -> Self {
        let cut = |arn: &String| {
            let (authority, own) = arn.split_at(arn.rfind('/').unwrap_or(0));
            (authority.into(), own.into())
        };
        let other = Some(status.secret_name.as_str()).filter(|secret| *secret != secret_of(name));
        Self {
            serial: status.serial.as_str().into(),
            not_before: status.not_before,
            not_after: status.not_after,
            renew_at: status.renew_at,
            arn: status.arn.as_ref().map(cut),
            secret_name: other.map(Into::into),
        }
    }

    fn status(&self, name: &str) -> CertificateStatus {
        CertificateStatus {
            serial: self.serial.to_string(),
            not_before: self.not_before,
            not_after: self.not_after,
            renew_at: self.renew_at,
            arn: self.arn.as_ref().map(|(authority, own)| format!("{authority}{own}")),
            secret_name: self.secret_name.as_ref().map_or_else(|| secret_of(name), ToString::to_string),
        }
    }
}

impl Made {
    /// Reads an object.
    #[must_use]
    pub fn read(object: &WorkloadIdentity) -> Self {
        let (metadata, spec, status) = (&object.metadata, &object.spec, object.status.as_ref());
        let name = metadata.name.as_deref().unwrap_or_default();
        let made_for = metadata.annotations.as_ref().and_then(|annotations| annotations.get(MADE_FOR));
        let made_for = made_for.map_or("", String::as_str).split(',').filter(|uid| !uid.is_empty());
        let certificate = status.and_then(|status| status.certificate.as_ref());
        Self {
            namespace: metadata.namespace.as_deref().unwrap_or_default().into(),
            name: name.into(),
            uid: metadata.uid.as_ref().map(Into::into),
            version: version_of(metadata),
            generation: metadata.generation,
            created: metadata.creation_timestamp.as_ref().map(|time| time.0),
            ending: metadata.deletion_timestamp.is_some(),
            made_for: made_for.map(Into::into).collect(),
            dns_names: spec.dns_names.iter().map(Into::into).collect(),
            delivery: spec.delivery,
            action: spec.action,
            terms: Terms::shared(&spec.policy, &spec.certificate, &spec.firewall),
            unwanted_since: status.and_then(|status| status.unwanted_since),
            told: object.condition(CERTIFICATE_ISSUED).map(Told::read),
            certificate: certificate.map(|status| Box::new(Certificate::read(status, name))),
            certificates: status.and_then(|status| status.certificates.clone()).map(Box::new),
        }
    }

    /// The delivered certificate, as it is told.
    #[must_use]
    pub fn certificate(&self) -> Option<CertificateStatus> {
        self.certificate.as_ref().map(|certificate| certificate.status(&self.name))
    }

    /// When the delivered certificate ends.
    #[must_use]
    pub fn not_after(&self) -> Option<Timestamp> {
        self.certificate.as_ref().map(|certificate| certificate.not_after)
    }

    /// The certificates of its pods, as they are told.
    #[must_use]
    pub fn certificates(&self) -> Option<&PodCertificates> {
        self.certificates.as_deref()
    }

    /// Exactly this object, as far as it tells.
    #[must_use]
    pub fn exactly(&self) -> Option<Exactly> {
        Exactly::of(self.uid.as_ref(), self.version)
    }

    /// What it is to be; none if its names are not in their normal form.
    #[must_use]
    pub fn identity(&self) -> Option<Identity> {
        let names: Vec<String> = self.dns_names.iter().map(ToString::to_string).collect();
        let dns_names = DnsNames::from_strings(&names)?;
        Some(
            Content {
                dns_names,
                delivery: self.delivery,
                action: self.action,
                terms: Arc::clone(&self.terms),
            }
            .in_namespace(&self.namespace),
        )
    }
}

impl Told {
    fn read(condition: &Condition) -> Self {
        Self {
            status: condition.status,
            reason: (&condition.reason).into(),
            message: (&condition.message).into(),
            since: condition.last_transition_time,
            generation: condition.observed_generation,
        }
    }

    /// The condition as it is stored.
    #[must_use]
    pub fn condition(&self) -> Condition {
        Condition {
            kind: CERTIFICATE_ISSUED.to_owned(),
            status: self.status,
            reason: String::from(&self.reason),
            message: String::from(&self.message),
            last_transition_time: self.since,
            observed_generation: self.generation,
        }
    }
}

impl Same for Made {
    fn same(&self, other: &Self) -> bool {
        Self { version: self.version, ..other.clone() } == *self
    }
}

/// What an identity is to be, in little room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// The names.
    pub dns_names: DnsNames,
    /// How the certificate reaches the pods.
    pub delivery: Delivery,
    /// What the firewall does with traffic for the names.
    pub action: Action,
    /// What it has in common with others.
    pub terms: Arc<Terms>,
}

impl Content {
    /// Of an identity.
    #[must_use]
    pub fn of(identity: Identity) -> Self {
        Self {
            terms: Terms::shared(&identity.policy, &identity.certificate, &identity.firewall),
            dns_names: identity.dns_names,
            delivery: identity.delivery,
            action: identity.action,
        }
    }

    /// The identity of a namespace that this is.
    #[must_use]
    pub fn in_namespace(&self, namespace: &str) -> Identity {
        Identity {
            name: IdentityName::of(namespace, &self.dns_names, self.delivery),
            namespace: namespace.to_owned(),
            dns_names: self.dns_names.clone(),
            delivery: self.delivery,
            action: self.action,
            policy: String::from(&self.terms.policy),
            certificate: self.terms.certificate.clone(),
            firewall: String::from(&self.terms.firewall),
        }
    }

    /// Whether an object says this.
    #[must_use]
    pub fn is_said_by(&self, made: &Made) -> bool {
        let names = self.dns_names.iter().map(|name| name.as_str());
        self.delivery == made.delivery
            && self.action == made.action
            && self.terms == made.terms
            && names.eq(made.dns_names.iter().map(Text::as_str))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(status: serde_json::Value) -> WorkloadIdentity {
        serde_json::from_value(json!({
            "apiVersion": "sallyport.dev/v1alpha1", "kind": "WorkloadIdentity",
            "metadata": {"name": "web-1", "namespace": "shop", "uid": "u", "resourceVersion": "7", "generation": 2,
                "annotations": {MADE_FOR: "d1,d2"}},
            "spec": {"dnsNames": ["web.x.example"], "delivery": "Secret", "action": "Allow", "policy": "p",
                "certificate": {"authority": "ca"}, "firewall": "fw"},
            "status": status}))
        .unwrap()
    }

    #[test]
    fn what_is_ours_is_kept_word_for_word() {
        let condition = json!({"type": CERTIFICATE_ISSUED, "status": "True", "reason": "Issued", "message": "delivered",
            "lastTransitionTime": "2027-01-01T00:00:00Z", "observedGeneration": 2});
        for (arn, secret) in [
            (Some("arn:aws:acm-pca:eu:1:certificate-authority/2/certificate/3"), "web-1-tls"),
            (Some("not one of AWS"), "another"),
            (None, "web-1-tls"),
        ] {
            let certificate = json!({"serial": "5c:1f", "notBefore": "2027-01-01T00:00:00Z", "arn": arn,
                "notAfter": "2027-01-07T00:00:00Z", "renewAt": "2027-01-05T00:00:00Z", "secretName": secret});
            let object = object(json!({"certificate": certificate, "conditions": [condition]}));
            let made = Made::read(&object);
            let status = object.status.clone().unwrap();
            assert_eq!(made.certificate(), status.certificate);
            assert_eq!(made.told.as_ref().map(Told::condition), status.conditions.first().cloned());
            assert_eq!(*made.made_for, [Uid::from("d1"), Uid::from("d2")]);
            assert_eq!(made.exactly().unwrap().resource_version, "7");
            assert_eq!(made.identity().unwrap().spec(), object.spec);
        }
    }

    #[test]
    fn what_others_tell_is_no_change_and_what_is_ours_is() {
        let made = Made::read(&object(json!({})));
        let mut later = object(json!({"pods": {"total": 1, "ready": 0, "summary": "0/1"}}));
        later.metadata.resource_version = Some("8".to_owned());
        assert!(made.same(&Made::read(&later)));
        later.spec.action = Action::Deny;
        assert!(!made.same(&Made::read(&later)));
    }

    #[test]
    fn identities_of_one_policy_have_one_copy_of_its_terms() {
        let mut other = object(json!({}));
        let made = Made::read(&other);
        assert!(Arc::ptr_eq(&made.terms, &Made::read(&other).terms));
        other.spec.firewall = "another".to_owned();
        let other = Made::read(&other);
        assert_ne!(made.terms, other.terms);
        assert_eq!(other.terms.firewall, *"another");
    }
}
