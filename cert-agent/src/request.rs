//! What is asked of a certificate authority: decided once, stored, and repeated byte by byte.

use jiff::{SignedDuration, Timestamp};
use rcgen::{CertificateParams, DistinguishedName, SanType};
use sallyport_contract::{
    DnsNames,
    object::{KeyKind, Usage},
};
use sha2::{Digest as _, Sha256};

use crate::key::{KeyError, PrivateKey};

/// One request for one certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The certificate signing request, PEM.
    pub csr: String,
    /// The public key in it (SubjectPublicKeyInfo, DER).
    pub public_key: Vec<u8>,
    /// The names in it.
    pub dns_names: DnsNames,
    /// What the certificate is for, sorted.
    pub usages: Vec<Usage>,
    /// When it is to begin.
    pub not_before: Timestamp,
    /// When it is to end.
    pub not_after: Timestamp,
    /// By this the authority knows the request again: 36 hex digits.
    pub token: String,
}

/// What a request is made of, beside the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The `CertificateAuthority`.
    pub authority: String,
    /// The authority as it knows itself: its ARN.
    pub issuer: String,
    /// The names.
    pub dns_names: DnsNames,
    /// What the certificate is for, sorted, each once.
    pub usages: Vec<Usage>,
    /// How long it lives, in seconds.
    pub lifetime: u32,
    /// The kind of its key.
    pub key: KeyKind,
}

/// What the authority's own limits leave of the asked lifetime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// When the authority's own certificate ends.
    pub authority_ends: Timestamp,
    /// The longest lifetime that it gives, in seconds.
    pub longest: Option<u32>,
}

/// Why there is no request.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// The authority gives shorter certificates only.
    #[error("the policy asks for certificates of {asked} s, and the authority gives {longest} s at most")]
    TooLong {
        /// What the policy asks.
        asked: u32,
        /// What the authority gives.
        longest: u32,
    },
    /// The authority is about to end.
    #[error("the authority's own certificate ends at {0}; a certificate from it would not be worth having")]
    AuthorityEnds(Timestamp),
    /// The names make a request that is too large.
    #[error("the certificate signing request has {0} bytes, and AWS takes 32768 at most")]
    TooLarge(usize),
    /// The key was not made.
    #[error("making the key broke off")]
    Broken,
    /// The key cannot be used.
    #[error("the key cannot be used")]
    Key(#[source] KeyError),
    /// The request could not be signed.
    #[error("the certificate signing request could not be made")]
    Sign(#[source] rcgen::Error),
}

/// Our clock may be ahead of a client's by so much.
const SKEW: SignedDuration = SignedDuration::from_mins(5);
/// So far we stay from a limit, because the authority's clock decides.
pub const MARGIN: SignedDuration = SignedDuration::from_mins(10);
/// A certificate that would live shorter is not worth asking for.
const SHORTEST: SignedDuration = SignedDuration::from_mins(30);
/// <https://docs.aws.amazon.com/privateca/latest/APIReference/API_IssueCertificate.html>, `Csr`.
const LARGEST_CSR: usize = 32_768;
/// The same page, `IdempotencyToken`.
const TOKEN_LENGTH: usize = 36;

impl Request {
    /// Decides what to ask for: validity from `now` on, within the authority's limits.
    ///
    /// # Errors
    /// The limits leave nothing, or the key cannot sign.
    pub fn new(
        key: &PrivateKey,
        terms: &Terms,
        limits: Limits,
        generation: u32,
        now: Timestamp,
    ) -> Result<Self, RequestError> {
        let (not_before, not_after) = validity(terms.lifetime, limits, now)?;
        let csr = csr(key, &terms.dns_names)?;
        let public_key = key.public().map_err(RequestError::Key)?;
        let mut request = Self {
            csr,
            public_key,
            dns_names: terms.dns_names.clone(),
            usages: terms.usages.clone(),
            not_before,
            not_after,
            token: String::new(),
        };
        request.token = request.token_for(&terms.issuer, generation);
        Ok(request)
    }

    /// Everything that makes one request differ from another. Not the CSR's bytes: ECDSA signatures differ
    /// each time.
    pub(crate) fn token_for(&self, issuer: &str, generation: u32) -> String {
        let usages: Vec<String> = self.usages.iter().map(|usage| format!("{usage:?}")).collect();
        token(&[
            issuer.as_bytes(),
            usages.join(",").as_bytes(),
            &self.public_key,
            self.dns_names.to_string().as_bytes(),
            &self.not_before.as_second().to_be_bytes(),
            &self.not_after.as_second().to_be_bytes(),
            &generation.to_be_bytes(),
        ])
    }
}

/// A token for everything that makes one request differ from another: 36 hex digits.
pub(crate) fn token(parts: &[&[u8]]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part.len().to_be_bytes());
        hasher.update(part);
    }
    let hex: String = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    hex.chars().take(TOKEN_LENGTH).collect()
}

fn validity(lifetime: u32, limits: Limits, now: Timestamp) -> Result<(Timestamp, Timestamp), RequestError> {
    if let Some(longest) = limits.longest.filter(|longest| lifetime > *longest) {
        return Err(RequestError::TooLong { asked: lifetime, longest });
    }
    let ends = || RequestError::AuthorityEnds(limits.authority_ends);
    let at_most = |limit: Timestamp| limit.checked_sub(MARGIN).map_err(|_| ends());
    let mut not_after =
        now.checked_add(SignedDuration::from_secs(i64::from(lifetime))).map_err(|_| ends())?;
    not_after = not_after.min(at_most(limits.authority_ends)?);
    if let Some(longest) = limits.longest {
        let limit = now.saturating_add(SignedDuration::from_secs(i64::from(longest))).map_err(|_| ends())?;
        not_after = not_after.min(at_most(limit)?);
    }
    if not_after.duration_since(now) < SHORTEST {
        return Err(ends());
    }
    let whole = |time: Timestamp| Timestamp::from_second(time.as_second()).map_err(|_| ends());
    Ok((whole(now.checked_sub(SKEW).map_err(|_| ends())?)?, whole(not_after)?))
}

/// Names stand in the SAN only; with an empty subject the extension is critical (RFC 5280, section
/// 4.2.1.6), which AWS demands.
fn csr(key: &PrivateKey, dns_names: &DnsNames) -> Result<String, RequestError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    for name in dns_names.iter() {
        let name = name.as_str().try_into().map_err(RequestError::Sign)?;
        params.subject_alt_names.push(SanType::DnsName(name));
    }
    let pair = key.pair().map_err(RequestError::Key)?;
    let csr = params.serialize_request(&pair).and_then(|csr| csr.pem()).map_err(RequestError::Sign)?;
    if csr.len() > LARGEST_CSR { Err(RequestError::TooLarge(csr.len())) } else { Ok(csr) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms() -> Terms {
        Terms {
            authority: "ca".to_owned(),
            issuer: "arn".to_owned(),
            dns_names: DnsNames::new(["b.x.example".parse().unwrap(), "a.x.example".parse().unwrap()])
                .unwrap(),
            usages: vec![Usage::ServerAuth],
            lifetime: 144 * 3600,
            key: KeyKind::P256,
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    const YEARS: i64 = 10 * 365 * 86_400;

    #[test]
    fn law_8_the_token_is_of_the_request_and_not_of_its_signature() {
        let key = PrivateKey::generate().unwrap();
        let limits = Limits { authority_ends: at(YEARS), longest: None };
        let one = Request::new(&key, &terms(), limits, 1, at(0)).unwrap();
        let again = Request::new(&key, &terms(), limits, 1, at(0)).unwrap();
        assert_ne!(one.csr, again.csr, "each signature is another one");
        assert_eq!((one.token.len(), &one.token), (36, &again.token));
        let other_key = PrivateKey::generate().unwrap();
        for other in [
            Request::new(&key, &terms(), limits, 2, at(0)).unwrap(),
            Request::new(&key, &terms(), limits, 1, at(1)).unwrap(),
            Request::new(&key, &Terms { issuer: "b".to_owned(), ..terms() }, limits, 1, at(0)).unwrap(),
            Request::new(&key, &Terms { usages: vec![Usage::ClientAuth], ..terms() }, limits, 1, at(0))
                .unwrap(),
            Request::new(&other_key, &terms(), limits, 1, at(0)).unwrap(),
        ] {
            assert_ne!(one.token, other.token);
        }
    }

    #[test]
    fn validity_stays_within_the_authority() {
        let week: u32 = 7 * 86_400;
        for (lifetime, ends, longest, end) in [
            (144 * 3600, YEARS, None, Some(144 * 3600)),
            (144 * 3600, YEARS, Some(week), Some(144 * 3600)),
            (week, YEARS, Some(week), Some(i64::from(week) - 600)),
            (week + 1, YEARS, Some(week), None),
            (week, 86_400, None, Some(86_400 - 600)),
            (week, 1800, None, None),
            (week, -5, None, None),
        ] {
            let limits = Limits { authority_ends: at(ends), longest };
            let got = validity(lifetime, limits, at(0)).ok();
            assert_eq!(got, end.map(|end| (at(-300), at(end))), "{lifetime} {ends} {longest:?}");
        }
    }

    #[test]
    fn the_csr_has_names_only_and_they_are_critical() {
        let key = PrivateKey::generate().unwrap();
        let text = csr(&key, &terms().dns_names).unwrap();
        let (_, pem) = x509_parser::pem::parse_x509_pem(text.as_bytes()).unwrap();
        let (_, csr) = x509_parser::prelude::FromDer::from_der(&pem.contents).unwrap();
        let csr: x509_parser::certification_request::X509CertificationRequest<'_> = csr;
        assert_eq!(csr.certification_request_info.subject.iter().count(), 0);
        let shown = format!("{:?}", csr.requested_extensions().unwrap().collect::<Vec<_>>());
        assert!(shown.contains("a.x.example") && shown.contains("b.x.example"), "{shown}");
        let oid = x509_parser::oid_registry::OID_X509_EXT_SUBJECT_ALT_NAME;
        let critical = csr.certification_request_info.iter_attributes().any(|attribute| {
            matches!(attribute.parsed_attribute(), x509_parser::cri_attributes::ParsedCriAttribute::ExtensionRequest(request)
                if request.extensions.iter().any(|extension| extension.oid == oid && extension.critical))
        });
        assert!(critical);
    }
}
