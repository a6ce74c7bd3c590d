//! One root: a certificate that signs itself and may sign others.

use jiff::Timestamp;
use sallyport_contract::object::TrustRoot;
use sha2::{Digest as _, Sha256};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::chain;

/// By what a client finds and checks a root: its subject and its key. Two certificates with the same anchor vouch for the
/// same leaves, so a root that was renewed with its key is trusted by whoever trusted it before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Anchor([u8; 32]);

impl Anchor {
    /// The anchor of a certificate, DER.
    #[must_use]
    pub fn of(der: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let mut hasher = Sha256::new();
        hasher.update(certificate.subject().as_raw());
        hasher.update(certificate.public_key().raw);
        Some(Self(hasher.finalize().into()))
    }

    /// The anchor of the one certificate in a PEM text.
    #[must_use]
    pub fn of_pem(text: &str) -> Option<Self> {
        Self::of(chain::read("the root", text).ok()?.first()?)
    }
}

/// A root of an authority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// Its anchor.
    pub anchor: Anchor,
    /// The certificate, PEM.
    pub pem: String,
    /// SHA-256 of the certificate in lower-case hex.
    pub sha256: String,
    /// When it ends.
    pub not_after: Timestamp,
    /// When it was first seen.
    pub since: Timestamp,
    /// When it had been written to everybody who is told.
    pub published: Option<Timestamp>,
    /// When the last certificate ends that was asked for under it.
    pub last_leaf_ends: Option<Timestamp>,
}

/// A larger certificate is no root that anybody has.
const LARGEST: usize = 12 * 1024;

impl Root {
    /// A root that was just seen; none if the certificate does not sign itself or may not sign others.
    #[must_use]
    pub fn new(der: &[u8], now: Timestamp) -> Option<Self> {
        let (rest, certificate) = X509Certificate::from_der(der).ok()?;
        let signs_itself = certificate.subject().as_raw() == certificate.issuer().as_raw()
            && certificate.verify_signature(None).is_ok();
        if !rest.is_empty() || der.len() > LARGEST || !certificate.is_ca() || !signs_itself {
            return None;
        }
        Some(Self {
            anchor: Anchor::of(der)?,
            pem: chain::pem(der),
            sha256: sha256(der),
            not_after: Timestamp::from_second(certificate.validity().not_after.timestamp()).ok()?,
            since: now,
            published: None,
            last_leaf_ends: None,
        })
    }

    /// A root as it was stored; what is stored is judged again.
    #[must_use]
    pub fn read(stored: &TrustRoot) -> Option<Self> {
        let der = chain::read("the stored root", &stored.certificate).ok()?;
        let new = Self::new(der.first()?, stored.since)?;
        let TrustRoot { published, last_leaf_ends, .. } = stored;
        Some(Self { published: *published, last_leaf_ends: *last_leaf_ends, ..new })
    }

    /// As it is stored.
    #[must_use]
    pub fn to_store(&self) -> TrustRoot {
        TrustRoot {
            sha256: self.sha256.clone(),
            certificate: self.pem.clone(),
            not_after: self.not_after,
            since: self.since,
            published: self.published,
            last_leaf_ends: self.last_leaf_ends,
        }
    }
}

/// SHA-256 in lower-case hex.
pub(super) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
