//! Is this an intermediate that may sign? Forbid unless listed, as for leaves: whoever holds the key answers for every name
//! that its certificate lets pass.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use x509_parser::{
    extensions::ParsedExtension,
    prelude::{FromDer as _, X509Certificate},
};

use super::{
    asked::Asked,
    constraints::{ConstraintsError, Permitted},
};
use crate::{
    chain::{self, Wrong},
    key::PrivateKey,
};

/// An intermediate with its key, fit to sign. Only [`Held::new`] makes one.
#[derive(Clone)]
pub struct Held {
    key: PrivateKey,
    path: Vec<Vec<u8>>,
    permitted: Permitted,
    not_after: Timestamp,
    serial: String,
}

/// Why a certificate is not that of an intermediate that may sign.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// As with any certificate.
    #[error(transparent)]
    Wrong(#[from] Wrong),
    /// It is on no leash.
    #[error(transparent)]
    Constraints(#[from] ConstraintsError),
    /// It is no CA, or one that may have CAs below it.
    #[error("it must be a CA with a path length of 0, and its basic constraints say something else")]
    BasicConstraints,
    /// Its name constraints are not those that were asked for.
    #[error("its name constraints are not those that were asked for; it permits {0}")]
    OtherConstraints(Permitted),
    /// It stands below another CA.
    #[error("it was not signed by the parent's own certificate")]
    OtherParent,
}

/// AWS's clock may differ from ours by so much.
const SKEW: SignedDuration = SignedDuration::from_mins(5);

impl Held {
    /// Judges a certificate and its key. `path` begins with the certificate and ends with the root, DER.
    ///
    /// # Errors
    /// The first thing that is not as it must be.
    pub fn new(key: PrivateKey, path: Vec<Vec<u8>>, now: Timestamp) -> Result<Self, Unfit> {
        let (der, above) = path.split_first().ok_or(Wrong::Pem("the intermediate"))?;
        let Ok(([], certificate)) = X509Certificate::from_der(der) else {
            return Err(Wrong::Pem("the intermediate").into());
        };
        if key.public().ok().as_deref() != Some(certificate.public_key().raw) {
            return Err(Wrong::Key.into());
        }
        extensions(&certificate)?;
        let permitted = Permitted::of_certificate(&certificate)?;
        let (from, to) = chain::validity(&certificate)?;
        if now < from.saturating_sub(SKEW).unwrap_or(from) || now >= to {
            return Err(Wrong::NotNow { from, to, now }.into());
        }
        chain::verify_authority(der, above, now)?;
        let serial = certificate.raw_serial_as_string();
        let serial = serial.strip_prefix("00:").unwrap_or(&serial).to_owned();
        Ok(Self { key, permitted, not_after: to, serial, path })
    }

    /// Whether this is what was asked for, signed by the parent with this certificate and those above it, DER.
    ///
    /// # Errors
    /// The first difference.
    pub fn is_what_was_asked(&self, asked: &Asked, parent: &[Vec<u8>]) -> Result<(), Unfit> {
        let (der, above) = self.path.split_first().ok_or(Wrong::Pem("the intermediate"))?;
        let (_, certificate) = X509Certificate::from_der(der).map_err(|_| Wrong::Pem("the intermediate"))?;
        let oid = x509_parser::oid_registry::OID_X509_EXT_NAME_CONSTRAINTS;
        let constraints = certificate.extensions().iter().find(|one| one.oid == oid);
        if constraints.map(|one| one.value) != Some(asked.constraints.as_slice()) {
            return Err(Unfit::OtherConstraints(self.permitted.clone()));
        }
        let earliest = asked.not_after.saturating_sub(SKEW).unwrap_or(asked.not_after);
        if self.not_after > asked.not_after || self.not_after < earliest {
            return Err(Wrong::End { asked: asked.not_after, got: self.not_after }.into());
        }
        if above == parent { Ok(()) } else { Err(Unfit::OtherParent) }
    }

    /// Its key.
    #[must_use]
    pub fn key(&self) -> &PrivateKey {
        &self.key
    }

    /// Its certificate and those above it up to the root, DER.
    #[must_use]
    pub fn path(&self) -> &[Vec<u8>] {
        &self.path
    }

    /// What it may sign.
    #[must_use]
    pub fn permitted(&self) -> &Permitted {
        &self.permitted
    }

    /// When it ends.
    #[must_use]
    pub fn not_after(&self) -> Timestamp {
        self.not_after
    }

    /// Its serial number in lower-case hex with colons.
    #[must_use]
    pub fn serial(&self) -> &str {
        &self.serial
    }
}

/// What AWS's template writes, the name constraints, and what a CA's configuration adds.
fn extensions(certificate: &X509Certificate<'_>) -> Result<(), Unfit> {
    let mut seen = BTreeSet::new();
    let (mut is_ca, mut signs) = (false, false);
    for extension in certificate.extensions() {
        let unexpected = || Wrong::Extension(extension.oid.to_id_string());
        if !seen.insert(extension.oid.to_id_string()) {
            return Err(unexpected().into());
        }
        match extension.parsed_extension() {
            ParsedExtension::BasicConstraints(basic) => {
                is_ca = basic.ca && basic.path_len_constraint == Some(0) && extension.critical;
            }
            ParsedExtension::KeyUsage(usage) => {
                // digitalSignature, keyCertSign and cRLSign: bits 0, 5 and 6.
                if usage.flags & !0b110_0001 != 0 {
                    return Err(Wrong::KeyUsage(usage.to_string()).into());
                }
                signs = usage.key_cert_sign();
            }
            ParsedExtension::NameConstraints(_)
            | ParsedExtension::AuthorityKeyIdentifier(_)
            | ParsedExtension::SubjectKeyIdentifier(_)
            | ParsedExtension::CRLDistributionPoints(_)
            | ParsedExtension::AuthorityInfoAccess(_)
            | ParsedExtension::CertificatePolicies(_) => {}
            ParsedExtension::UnsupportedExtension { .. }
            | ParsedExtension::ParseError { .. }
            | ParsedExtension::SubjectAlternativeName(_)
            | ParsedExtension::ExtendedKeyUsage(_)
            | ParsedExtension::PolicyMappings(_)
            | ParsedExtension::IssuerAlternativeName(_)
            | ParsedExtension::PolicyConstraints(_)
            | ParsedExtension::InhibitAnyPolicy(_)
            | ParsedExtension::SubjectInfoAccess(_)
            | ParsedExtension::NSCertType(_)
            | ParsedExtension::NsCertComment(_)
            | ParsedExtension::IssuingDistributionPoint(_)
            | ParsedExtension::CRLNumber(_)
            | ParsedExtension::ReasonCode(_)
            | ParsedExtension::InvalidityDate(_)
            | ParsedExtension::SCT(_)
            | ParsedExtension::Unparsed => return Err(unexpected().into()),
        }
    }
    if !is_ca {
        return Err(Unfit::BasicConstraints);
    }
    if signs { Ok(()) } else { Err(Wrong::Missing("key usage to sign certificates").into()) }
}
