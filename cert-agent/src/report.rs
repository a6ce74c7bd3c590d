//! What people read on an identity: `CertificateIssued`, the certificate, and since when nobody wants it.

use jiff::Timestamp;
use sallyport_contract::{
    Reason, keys,
    object::{
        CertificateStatus, Condition, ConditionStatus, PodCertificates, WorkloadIdentity, set_condition,
    },
};
use serde_json::{Value, json};

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

    /// The condition to store.
    #[must_use]
    pub fn condition(&self, identity: &WorkloadIdentity, now: Timestamp) -> Condition {
        let previous = identity.status.as_ref().map_or(&[][..], |status| &status.conditions);
        let status = ConditionStatus::from(self.reason == Reason::Issued);
        let generation = identity.metadata.generation;
        set_condition(
            previous,
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
    pub fn stands_in(&self, identity: &WorkloadIdentity) -> bool {
        let Some(status) = &identity.status else { return false };
        let condition = status.conditions.iter().find(|condition| condition.kind == CERTIFICATE_ISSUED);
        let same = condition.is_some_and(|condition| {
            condition.reason == self.reason.code()
                && condition.message == self.message
                && condition.observed_generation == identity.metadata.generation
        });
        same && status.certificate.as_ref() == self.certificate.as_deref()
            && status.certificates == self.certificates
            && status.unwanted_since == self.unwanted_since
    }

    /// Whether people should be told by an event: only when the reason is another one, or the words of a
    /// trouble are.
    #[must_use]
    pub fn is_news_to(&self, identity: &WorkloadIdentity) -> bool {
        let conditions = identity.status.iter().flat_map(|status| &status.conditions);
        let before = conditions.into_iter().find(|condition| condition.kind == CERTIFICATE_ISSUED);
        before.is_none_or(|before| {
            before.reason != self.reason.code() || (self.is_trouble() && before.message != self.message)
        })
    }

    /// Whether somebody has to do something, or may want to know.
    #[must_use]
    pub fn is_trouble(&self) -> bool {
        !matches!(self.reason, Reason::Issued | Reason::AwaitingCertificate)
    }

    /// The fields that are the agent's, to be applied to the status.
    #[must_use]
    pub fn to_apply(&self, identity: &WorkloadIdentity, now: Timestamp) -> Value {
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
            "metadata": {"name": identity.metadata.name, "namespace": identity.metadata.namespace},
            "status": status,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn identity(condition: Value) -> WorkloadIdentity {
        serde_json::from_value(json!({
            "apiVersion": "sallyport.dev/v1alpha1", "kind": "WorkloadIdentity",
            "metadata": {"name": "web-1", "namespace": "shop", "generation": 1},
            "spec": {"dnsNames": ["web.x.example"], "delivery": "Secret", "action": "Allow", "policy": "p",
                "certificate": {"authority": "ca"}, "firewall": "fw"},
            "status": {"conditions": condition}}))
        .unwrap()
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
        let other = Report::waiting(Reason::Throttled, "other words");
        assert!(!other.stands_in(&said) && other.is_news_to(&said));
        let applied = report.to_apply(&blank, now);
        assert_eq!(applied["status"]["conditions"][0]["status"], "False");
        assert_eq!(applied["status"].as_object().unwrap().len(), 1, "nothing that is not ours");
    }
}
