//! What people read on an identity: `CertificateIssued`, the certificate, and since when nobody wants it.

use jiff::{SignedDuration, Timestamp};
use sallyport_contract::{
    Reason, keys,
    object::{CertificateStatus, Condition, ConditionStatus, PodCertificates, set_condition},
};
use serde_json::{Value, json};

use crate::observe::made::{Made, Told};

/// The condition that is the agent's.
pub const CERTIFICATE_ISSUED: &str = "CertificateIssued";

/// What is to be said of an identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// `Issued`, or why not.
    pub reason: Reason,
    /// What, and the far side's own words.
    pub message: String,
    /// The delivered certificate.
    pub certificate: Option<Box<CertificateStatus>>,
    /// The certificates of its pods.
    pub certificates: Option<PodCertificates>,
    /// Since when nobody wants the identity.
    pub unwanted_since: Option<Timestamp>,
}

/// A certificate comes within so long, if nothing is in the way.
pub const SOON: SignedDuration = SignedDuration::from_secs(3);
/// The longest message that Kubernetes' own conditions take:
/// <https://kubernetes.io/docs/reference/generated/kubernetes-api/v1.34/#condition-v1-meta>.
const LONGEST_MESSAGE: usize = 2000;

impl Report {
    /// Why there is no certificate.
    #[must_use]
    pub fn waiting(reason: Reason, message: impl Into<String>) -> Self {
        let message = message.into().chars().take(LONGEST_MESSAGE).collect();
        Self { reason, message, certificate: None, certificates: None, unwanted_since: None }
    }

    /// A certificate is delivered.
    #[must_use]
    pub fn issued(certificate: CertificateStatus, message: impl Into<String>) -> Self {
        Self { certificate: Some(Box::new(certificate)), ..Self::waiting(Reason::Issued, message) }
    }

    /// Pods have certificates of their own.
    #[must_use]
    pub fn issued_to_pods(certificates: PodCertificates, message: impl Into<String>) -> Self {
        Self { certificates: Some(certificates), ..Self::waiting(Reason::Issued, message) }
    }

    /// What an identity says now, to be said again.
    #[must_use]
    pub fn of(found: &Made) -> Self {
        let told = found.told.as_ref();
        let reason = told.and_then(|told| Reason::from_code(&told.reason));
        Self {
            reason: reason.unwrap_or(Reason::AwaitingCertificate),
            message: told.map_or_else(|| "nobody wants it".to_owned(), |told| String::from(&told.message)),
            certificate: found.certificate().map(Box::new),
            certificates: found.certificates().cloned(),
            unwanted_since: None,
        }
    }

    /// The condition to store.
    #[must_use]
    pub fn condition(&self, identity: &Made, now: Timestamp) -> Condition {
        let previous: Vec<Condition> = identity.told.iter().map(Told::condition).collect();
        let status = ConditionStatus::from(self.reason == Reason::Issued);
        let generation = identity.generation;
        set_condition(
            &previous,
            CERTIFICATE_ISSUED,
            status,
            self.reason,
            self.message.clone(),
            generation,
            now,
        )
    }

    /// Whether the identity says all this already.
    #[must_use]
    pub fn stands_in(&self, identity: &Made) -> bool {
        let same = identity.told.as_ref().is_some_and(|told| {
            told.reason == *self.reason.code()
                && told.message == self.message
                && told.generation == identity.generation
        });
        same && identity.certificate().as_ref() == self.certificate.as_deref()
            && identity.certificates() == self.certificates.as_ref()
            && identity.unwanted_since == self.unwanted_since
    }

    /// Whether people should be told by an event: of a trouble, of other words for it, and of its end. What goes as
    /// it should stands in the status alone.
    #[must_use]
    pub fn is_news_to(&self, identity: &Made) -> bool {
        let before = identity.told.as_ref();
        if self.is_trouble() {
            let same = |told: &Told| told.reason == *self.reason.code() && told.message == self.message;
            return !before.is_some_and(same);
        }
        before.and_then(|before| Reason::from_code(&before.reason)).is_some_and(is_trouble)
    }

    /// Whether to write it now. That a certificate is awaited is not said of an identity so young that it may
    /// have it before anybody reads the words.
    #[must_use]
    pub fn is_worth_saying(&self, identity: &Made, now: Timestamp) -> bool {
        let young = identity.created.is_some_and(|made| now.duration_since(made) < SOON);
        self.reason != Reason::AwaitingCertificate || !young || identity.told.is_some()
    }

    /// Whether somebody has to do something, or may want to know.
    #[must_use]
    pub fn is_trouble(&self) -> bool {
        is_trouble(self.reason)
    }

    /// The fields that are the agent's, to be applied to the status.
    #[must_use]
    pub fn to_apply(&self, identity: &Made, now: Timestamp) -> Value {
        let mut status = json!({"conditions": [self.condition(identity, now)]});
        if let Some(certificate) = &self.certificate {
            status["certificate"] = json!(certificate);
        }
        if let Some(certificates) = &self.certificates {
            status["certificates"] = json!(certificates);
        }
        if let Some(since) = self.unwanted_since {
            status["unwantedSince"] = json!(since);
        }
        json!({
            "apiVersion": format!("{}/{}", keys::GROUP, keys::VERSION),
            "kind": "WorkloadIdentity",
            "metadata": {"name": identity.name, "namespace": identity.namespace},
            "status": status,
        })
    }
}

fn is_trouble(reason: Reason) -> bool {
    !matches!(reason, Reason::Issued | Reason::AwaitingCertificate | Reason::AwaitingTrust)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn identity(condition: Value) -> Made {
        let object = serde_json::from_value(json!({
            "apiVersion": "sallyport.dev/v1alpha1", "kind": "WorkloadIdentity",
            "metadata": {"name": "web-1", "namespace": "shop", "generation": 1},
            "spec": {"dnsNames": ["web.x.example"], "delivery": "Secret", "action": "Allow", "policy": "p",
                "certificate": {"authority": "ca"}, "firewall": "fw"},
            "status": {"conditions": condition}}));
        Made::read(&object.unwrap())
    }

    #[test]
    fn that_a_certificate_is_awaited_is_said_when_it_does_not_come_at_once() {
        let made = Timestamp::from_second(1_800_000_000).unwrap();
        let later = made + SOON;
        let mut young = identity(json!([]));
        young.created = Some(made);
        let awaiting = Report::waiting(Reason::AwaitingCertificate, "asked");
        assert!(!awaiting.is_worth_saying(&young, made) && awaiting.is_worth_saying(&young, later));
        assert!(Report::waiting(Reason::Throttled, "Rate exceeded").is_worth_saying(&young, made));
        let mut told = young;
        told.told = identity(json!([awaiting.condition(&told, made)])).told;
        assert!(awaiting.is_worth_saying(&told, made), "other words than before");
    }

    #[test]
    fn only_what_changed_is_written_and_only_news_are_told() {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let report = Report::waiting(Reason::Throttled, "Rate exceeded");
        let blank = identity(json!([]));
        assert!(!report.stands_in(&blank) && report.is_news_to(&blank));
        let said = identity(json!([report.condition(&blank, now)]));
        assert!(report.stands_in(&said) && !report.is_news_to(&said));
        let awaiting = Report::waiting(Reason::AwaitingCertificate, "asked");
        assert!(awaiting.is_news_to(&said));
        let again = identity(json!([awaiting.condition(&blank, now)]));
        assert!(!awaiting.is_news_to(&blank), "all goes as it should");
        assert!(!Report::waiting(Reason::Issued, "issued").is_news_to(&again));
        let other = Report::waiting(Reason::Throttled, "other words");
        assert!(!other.stands_in(&said) && other.is_news_to(&said));
        let applied = report.to_apply(&blank, now);
        assert_eq!(applied["status"]["conditions"][0]["status"], "False");
        assert_eq!(applied["status"].as_object().unwrap().len(), 1, "nothing that is not ours");
    }
}
