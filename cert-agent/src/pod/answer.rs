//! The one answer that a request gets. There are two: issued, from a verified leaf alone, and denied, for what
//! a rule forbids. `Failed` is never said: it would be for good, and no fault of an authority is.

use jiff::Timestamp;
use k8s_openapi::{
    api::certificates::v1::{PodCertificateRequest, PodCertificateRequestStatus},
    apimachinery::pkg::apis::meta::v1::{Condition, Time},
};

use super::step::refresh_at;
use crate::chain::VerifiedLeaf;

/// The longest message of a condition:
/// <https://kubernetes.io/docs/reference/generated/kubernetes-api/v1.34/#condition-v1-meta>.
const LONGEST_MESSAGE: usize = 2000;

/// The request with its certificate, in the version that it has.
#[must_use]
pub fn issued(
    request: &PodCertificateRequest,
    leaf: &VerifiedLeaf,
    authority: &str,
    now: Timestamp,
    draw: u16,
) -> PodCertificateRequest {
    let (from, to) = (leaf.not_before(), leaf.not_after());
    let message =
        format!("signed by CertificateAuthority {authority} and verified; serial {}", leaf.serial());
    let status = PodCertificateRequestStatus {
        certificate_chain: Some(format!("{}{}", leaf.leaf(), leaf.intermediates())),
        not_before: Some(Time(from)),
        not_after: Some(Time(to)),
        begin_refresh_at: Some(Time(refresh_at(from, to, now, draw))),
        conditions: Some(vec![condition("Issued", "Issued", &message, now)]),
    };
    PodCertificateRequest { status: Some(status), ..request.clone() }
}

/// The request, denied, in the version that it has.
#[must_use]
pub fn denied(
    request: &PodCertificateRequest,
    reason: &str,
    message: &str,
    now: Timestamp,
) -> PodCertificateRequest {
    let conditions = Some(vec![condition("Denied", reason, message, now)]);
    let status = PodCertificateRequestStatus { conditions, ..PodCertificateRequestStatus::default() };
    PodCertificateRequest { status: Some(status), ..request.clone() }
}

fn condition(kind: &str, reason: &str, message: &str, now: Timestamp) -> Condition {
    Condition {
        type_: kind.to_owned(),
        status: "True".to_owned(),
        reason: reason.to_owned(),
        message: message.chars().take(LONGEST_MESSAGE).collect(),
        last_transition_time: Time(Timestamp::from_second(now.as_second()).unwrap_or(now)),
        observed_generation: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_denial_says_why_and_carries_nothing_else() {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let answered = denied(&PodCertificateRequest::default(), "NameRefused", &"w".repeat(3000), now);
        let status = answered.status.unwrap();
        assert!(status.certificate_chain.is_none() && status.not_after.is_none());
        let condition = &status.conditions.unwrap()[0];
        assert_eq!((condition.type_.as_str(), condition.reason.as_str()), ("Denied", "NameRefused"));
        assert_eq!(condition.message.len(), LONGEST_MESSAGE);
    }
}
