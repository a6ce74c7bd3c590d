//! What a request says by its status.

use jiff::Timestamp;
use k8s_openapi::api::certificates::v1::PodCertificateRequest;

/// Whether it is issued, denied or failed: its status never changes again.
#[must_use]
pub fn is_answered(request: &PodCertificateRequest) -> bool {
    let conditions = request.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions.is_some_and(|conditions| !conditions.is_empty())
}

/// When the certificate ends that it was answered with.
#[must_use]
pub fn ends(request: &PodCertificateRequest) -> Option<Timestamp> {
    request.status.as_ref()?.not_after.as_ref().map(|time| time.0)
}
