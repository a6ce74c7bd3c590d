//! RevokeCertificate: <https://docs.aws.amazon.com/privateca/latest/APIReference/API_RevokeCertificate.html>.
//!
//! The serial number is hexadecimal; openssl's form with colons, which that page tells people to copy, is taken too.

use serde::Deserialize;
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::{Memory, Service};
use crate::{
    authority::{Authority, Status},
    error::{AwsError, Code},
};

const REASONS: [&str; 8] = [
    "UNSPECIFIED",
    "KEY_COMPROMISE",
    "CERTIFICATE_AUTHORITY_COMPROMISE",
    "AFFILIATION_CHANGED",
    "SUPERSEDED",
    "CESSATION_OF_OPERATION",
    "PRIVILEGE_WITHDRAWN",
    "A_A_COMPROMISE",
];

/// The parameters.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Request {
    certificate_authority_arn: String,
    certificate_serial: String,
    revocation_reason: String,
}

/// Revokes a certificate by its serial number.
pub(super) fn revoke(
    service: &Service,
    memory: &mut Memory,
    request: &Request,
    now: OffsetDateTime,
) -> Result<Value, AwsError> {
    if !REASONS.contains(&request.revocation_reason.as_str()) {
        let rule = format!("Member must satisfy enum value set: [{}]", REASONS.join(", "));
        return Err(AwsError::constraint("revocationReason", &request.revocation_reason, &rule));
    }
    let arn = service.ca_arn(&request.certificate_authority_arn)?;
    let ca = memory.authority(&arn)?;
    check_state(ca, now)?;
    let serial = normal(&request.certificate_serial)
        .ok_or_else(|| AwsError::new(Code::InvalidRequest, "The serial number is not hexadecimal."))?;
    if Some(&serial) == normal(&ca.serial).as_ref() {
        return Err(AwsError::new(Code::InvalidRequest, "A CA's own certificate cannot be revoked."));
    }
    let record = memory
        .ledger
        .get_mut(&arn.certificate(&serial))
        .ok_or_else(|| AwsError::new(Code::ResourceNotFound, "Could not find the certificate."))?;
    if record.revoked {
        return Err(AwsError::new(Code::RequestAlreadyProcessed, "The certificate is already revoked."));
    }
    record.revoked = true;
    Ok(json!({}))
}

/// The states in which "certificates can be revoked":
/// <https://docs.aws.amazon.com/privateca/latest/userguide/PcaUpdateStatus.html>.
fn check_state(ca: &Authority, now: OffsetDateTime) -> Result<(), AwsError> {
    match ca.status_at(now) {
        Status::Active | Status::Disabled => Ok(()),
        Status::Creating
        | Status::PendingCertificate
        | Status::Deleted
        | Status::Expired
        | Status::Failed => {
            let text = "The certificate authority is not in a valid state for revoking certificates";
            Err(AwsError::new(Code::InvalidState, text))
        }
    }
}

/// Lower-case digits without colons and leading zeros.
fn normal(serial: &str) -> Option<String> {
    let digits = serial.replace(':', "").to_ascii_lowercase();
    let hexadecimal = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    hexadecimal.then(|| digits.trim_start_matches('0').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serials_in_every_form() {
        for (text, expected) in [
            ("00:E8:cb:d2", Some("e8cbd2")),
            ("e8cbd2", Some("e8cbd2")),
            ("0E8CBD2", Some("e8cbd2")),
            ("", None),
            ("0x12", None),
            ("xyz", None),
        ] {
            assert_eq!(normal(text).as_deref(), expected, "{text}");
        }
    }
}
