//! The hand that signs with a key of our own: what AWS's end-entity templates sign.

use jiff::Timestamp;
use rcgen::{
    CertificateSigningRequestParams, ExtendedKeyUsagePurpose, IsCa, Issuer as Signer, KeyUsagePurpose,
    SanType, SerialNumber,
};
use sallyport_contract::object::Usage;
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;

use super::IssueError;
use crate::{key::PrivateKey, request::Request};

/// The ticket for a request, if it is one at all: the request's own token, so that nothing has to be remembered.
pub(super) fn ticket(authority: &str, request: &Request) -> Result<String, IssueError> {
    let read = CertificateSigningRequestParams::from_pem(&request.csr);
    read.map_err(|error| IssueError::Refused(error.to_string()))?;
    Ok(format!("{authority}:{}", request.token))
}

/// Whether a ticket is that of a request.
pub(super) fn is_ticket(authority: &str, request: &Request, ticket: &str) -> Result<(), IssueError> {
    if ticket == format!("{authority}:{}", request.token) {
        return Ok(());
    }
    Err(IssueError::NotFound(format!("ticket {ticket} is not of this request")))
}

/// Signs a request by the CA with this certificate, PEM, and key. The extensions are those of AWS's templates:
/// <https://docs.aws.amazon.com/privateca/latest/userguide/template-definitions.html>.
pub(super) fn sign(certificate: &str, key: &PrivateKey, request: &Request) -> Result<String, IssueError> {
    let refused = |error: rcgen::Error| IssueError::Refused(error.to_string());
    let mut asked = CertificateSigningRequestParams::from_pem(&request.csr).map_err(refused)?;
    let params = &mut asked.params;
    if params.subject_alt_names.is_empty() {
        // A pod's own request carries a key and no names.
        for name in request.dns_names.iter() {
            params.subject_alt_names.push(SanType::DnsName(name.as_str().try_into().map_err(refused)?));
        }
    }
    params.not_before = time_of(request.not_before)?;
    params.not_after = time_of(request.not_after)?;
    params.is_ca = IsCa::ExplicitNoCa;
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
    params.extended_key_usages = request
        .usages
        .iter()
        .map(|usage| match usage {
            Usage::ServerAuth => ExtendedKeyUsagePurpose::ServerAuth,
            Usage::ClientAuth => ExtendedKeyUsagePurpose::ClientAuth,
        })
        .collect();
    params.serial_number = Some(serial(&request.token));
    let pair = key.pair().map_err(|error| IssueError::NotActive(format!("the CA's own key: {error}")))?;
    let signer = Signer::from_ca_cert_pem(certificate, pair).map_err(refused)?;
    Ok(asked.signed_by(&signer).map_err(refused)?.pem())
}

/// A time as certificates have it.
pub(super) fn time_of(time: Timestamp) -> Result<OffsetDateTime, IssueError> {
    OffsetDateTime::from_unix_timestamp(time.as_second())
        .map_err(|error| IssueError::Refused(format!("a validity that no certificate can say: {error}")))
}

/// The same request gets the same serial number, however often it is signed: 127 bits of a hash.
fn serial(token: &str) -> SerialNumber {
    let mut bytes: Vec<u8> = Sha256::digest(token).iter().take(16).copied().collect();
    if let Some(first) = bytes.first_mut() {
        *first &= 0x7f;
    }
    SerialNumber::from(bytes)
}
