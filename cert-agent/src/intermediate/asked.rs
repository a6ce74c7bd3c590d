//! What AWS is asked for: decided once, stored, and repeated byte by byte.

use jiff::{SignedDuration, Timestamp};
use rcgen::{CertificateParams, DistinguishedName, DnType};
use sallyport_contract::object::IntermediateCa;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::constraints::{ConstraintsError, Permitted};
use crate::{
    key::{KeyError, PrivateKey},
    request::{MARGIN, token},
};

/// The template that writes a subordinate CA without CAs below it, and takes the name constraints beside the CSR. AWS's own
/// example of a constrained CA uses it, with the extension marked critical:
/// <https://docs.aws.amazon.com/privateca/latest/userguide/JavaApi-CustomExtensions.html>. Everything else of the
/// certificate stands in the template, whatever a CSR says:
/// <https://docs.aws.amazon.com/privateca/latest/userguide/template-definitions.html>.
pub const TEMPLATE: &str = "SubordinateCACertificate_PathLen0_APIPassthrough/V1";

/// So far it begins before it is asked for, as AWS's certificates do by default, so that no leaf begins before it.
const BACK: SignedDuration = SignedDuration::from_mins(60);
/// An intermediate that lives shorter is work without end.
const SHORTEST: u32 = 24 * 3600;
/// One that lives longer is worth too much to a thief.
const LONGEST: u32 = 366 * 24 * 3600;
/// X.520 gives a common name 64 characters.
const NAME_PART: usize = 30;

/// One request for one intermediate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Asked {
    /// The certificate signing request, PEM: a subject and a key.
    pub csr: String,
    /// The value of the name constraints, DER.
    pub constraints: Vec<u8>,
    /// When it is to begin.
    pub not_before: Timestamp,
    /// When it is to end.
    pub not_after: Timestamp,
    /// By this AWS knows the request again for five minutes: 36 hex digits.
    pub token: String,
}

/// Why nothing is asked.
#[derive(Debug, thiserror::Error)]
pub enum AskedError {
    /// An odd lifetime.
    #[error("spec.intermediate.lifetime is {0}; it must be a day at least and a year at most")]
    Lifetime(sallyport_contract::duration::Duration),
    /// The parent is about to end.
    #[error("the parent's own certificate ends at {0}, so an intermediate would live for less than a day")]
    ParentEnds(Timestamp),
    /// Constraints that are none.
    #[error(transparent)]
    Constraints(#[from] ConstraintsError),
    /// The key cannot be used.
    #[error("the key cannot be used")]
    Key(#[source] KeyError),
    /// The request could not be signed.
    #[error("the certificate signing request could not be made")]
    Sign(#[source] rcgen::Error),
}

impl Asked {
    /// Decides what to ask the CA `parent` for, whose own certificate ends then.
    ///
    /// # Errors
    /// The spec or the parent's end leave nothing, or the key cannot sign.
    pub fn new(
        key: &PrivateKey,
        authority: &str,
        spec: &IntermediateCa,
        (parent, parent_ends): (&str, Timestamp),
        now: Timestamp,
    ) -> Result<Self, AskedError> {
        if !(SHORTEST..=LONGEST).contains(&spec.lifetime.as_secs()) {
            return Err(AskedError::Lifetime(spec.lifetime));
        }
        let ends = || AskedError::ParentEnds(parent_ends);
        let whole = |time: Timestamp| Timestamp::from_second(time.as_second()).map_err(|_| ends());
        let not_before = whole(now.checked_sub(BACK).map_err(|_| ends())?)?;
        let wished = now.checked_add(spec.lifetime.as_signed()).map_err(|_| ends())?;
        let not_after = whole(wished.min(parent_ends.checked_sub(MARGIN).map_err(|_| ends())?))?;
        if not_after.duration_since(now).as_secs() < i64::from(SHORTEST) - 1 {
            return Err(ends());
        }
        let constraints = Permitted::from_spec(&spec.permitted_dns_domains)?.extension(key)?;
        let public_key = key.public().map_err(AskedError::Key)?;
        let csr = csr(key, authority, &public_key)?;
        let token = token(&[
            parent.as_bytes(),
            TEMPLATE.as_bytes(),
            &public_key,
            &constraints,
            &not_before.as_second().to_be_bytes(),
            &not_after.as_second().to_be_bytes(),
        ]);
        Ok(Self { csr, constraints, not_before, not_after, token })
    }
}

/// The subject is another one for each key, so that issuer and serial number never stand for two leaves.
fn csr(key: &PrivateKey, authority: &str, public_key: &[u8]) -> Result<String, AskedError> {
    let mark: String = Sha256::digest(public_key).iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    let name: String = authority.chars().take(NAME_PART).collect();
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, format!("Sallyport {name} {mark}"));
    let pair = key.pair().map_err(AskedError::Key)?;
    params.serialize_request(&pair).and_then(|csr| csr.pem()).map_err(AskedError::Sign)
}
