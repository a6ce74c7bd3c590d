//! What can be asked of a CA itself: its description and its certificate.
//!
//! <https://docs.aws.amazon.com/privateca/latest/APIReference/API_DescribeCertificateAuthority.html>,
//! <https://docs.aws.amazon.com/privateca/latest/APIReference/API_GetCertificateAuthorityCertificate.html>.

use serde::Deserialize;
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::{Memory, Service};
use crate::{
    authority::{Authority, Status},
    error::{AwsError, Code},
};

/// The parameters of both operations.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Request {
    certificate_authority_arn: String,
}

/// DescribeCertificateAuthority: in every state.
pub(super) fn describe(
    service: &Service,
    memory: &Memory,
    request: &Request,
    now: OffsetDateTime,
) -> Result<Value, AwsError> {
    let arn = service.ca_arn(&request.certificate_authority_arn)?;
    Ok(json!({"CertificateAuthority": description(memory.authority(&arn)?, now)}))
}

/// GetCertificateAuthorityCertificate: only in states in which the CA has a certificate.
pub(super) fn certificate(
    service: &Service,
    memory: &Memory,
    request: &Request,
    now: OffsetDateTime,
) -> Result<Value, AwsError> {
    let arn = service.ca_arn(&request.certificate_authority_arn)?;
    let ca = memory.authority(&arn)?;
    match ca.status_at(now) {
        Status::Active | Status::Disabled | Status::Expired => Ok(match &ca.parent {
            Some(parent) => json!({"Certificate": ca.certificate, "CertificateChain": parent}),
            None => json!({"Certificate": ca.certificate}),
        }),
        Status::Creating | Status::PendingCertificate | Status::Deleted | Status::Failed => {
            let text = format!(
                "The certificate authority {arn} is not in the correct state to have a certificate authority certificate."
            );
            Err(AwsError::new(Code::InvalidState, text))
        }
    }
}

fn description(ca: &Authority, now: OffsetDateTime) -> Value {
    json!({
        "Arn": ca.arn.to_string(),
        "OwnerAccount": ca.arn.account(),
        "CreatedAt": ca.created_at.unix_timestamp(),
        "LastStateChangeAt": ca.status_changed_at.unix_timestamp(),
        "Type": if ca.parent.is_some() { "SUBORDINATE" } else { "ROOT" },
        "Serial": ca.serial,
        "Status": ca.status_at(now),
        "NotBefore": ca.not_before.unix_timestamp(),
        "NotAfter": ca.not_after.unix_timestamp(),
        "CertificateAuthorityConfiguration": {
            "KeyAlgorithm": ca.key_algorithm,
            "SigningAlgorithm": ca.key_algorithm.default_signing(),
            "Subject": {"Organization": "pca-sim", "CommonName": ca.common_name},
        },
        "RevocationConfiguration": {
            "CrlConfiguration": {"Enabled": false},
            "OcspConfiguration": {"Enabled": false},
        },
        "KeyStorageSecurityStandard": "FIPS_140_2_LEVEL_3_OR_HIGHER",
        "UsageMode": ca.usage_mode,
    })
}
