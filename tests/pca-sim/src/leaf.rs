//! A certificate with exactly the extensions of its template.
//!
//! <https://docs.aws.amazon.com/privateca/latest/userguide/template-definitions.html>: basic constraints `CA:FALSE`
//! (not critical: there are other templates for that) or critical `CA:TRUE, pathlen: 0`, authority and subject key identifier, key usage (critical),
//! extended key usage, and the CSR's subject and SANs. No CRL distribution point: the stand-in's CAs have no CRL.

use rcgen::{
    CertificateParams, CustomExtension, ExtendedKeyUsagePurpose, KeyUsagePurpose, PublicKeyData,
    SerialNumber, SignatureAlgorithm,
};
use sha2::{Digest, Sha256};

use crate::{
    authority::{Authority, hex},
    rules::{constraints::Constraints, csr::Csr, san::San, validity::Window},
};

const BASIC_CONSTRAINTS: [u64; 4] = [2, 5, 29, 19];
const SUBJECT_KEY_IDENTIFIER: [u64; 4] = [2, 5, 29, 14];

/// Everything that makes a leaf, before it is signed.
#[derive(Clone, Debug)]
pub struct Leaf {
    /// Key, subject and names.
    pub csr: Csr,
    /// Whether it may sign certificates, as its template says or a planted fault.
    pub is_ca: IsCa,
    /// Its name constraints.
    pub constraints: Option<Constraints>,
    /// The key usages.
    pub key_usages: Vec<KeyUsagePurpose>,
    /// The extended key usages.
    pub extended_key_usages: Vec<ExtendedKeyUsagePurpose>,
    /// From when until when.
    pub window: Window,
    /// The serial number.
    pub serial: [u8; 16],
    /// What the CA signs with.
    pub algorithm: &'static SignatureAlgorithm,
}

/// What the basic constraints say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum IsCa {
    /// No CA.
    No,
    /// A CA without CAs below it.
    PathLen0,
    /// A CA with any number of CAs below it.
    Unbounded,
}

impl Leaf {
    /// The serial number in lower-case hex.
    pub fn serial_hex(&self) -> String {
        hex(&self.serial)
    }

    /// The names for people, or the empty list.
    pub fn names(&self) -> Vec<String> {
        self.csr.san.as_ref().map(San::texts).unwrap_or_default()
    }

    /// The certificate, PEM without a newline at the end.
    ///
    /// # Errors
    /// When the CA cannot sign.
    pub fn sign(&self, ca: &Authority) -> Result<String, rcgen::Error> {
        let mut params = CertificateParams::default();
        params.distinguished_name = self.csr.subject.clone();
        params.serial_number = Some(SerialNumber::from_slice(&self.serial));
        params.not_before = self.window.not_before;
        params.not_after = self.window.not_after;
        params.use_authority_key_identifier_extension = true;
        params.key_usages.clone_from(&self.key_usages);
        params.extended_key_usages.clone_from(&self.extended_key_usages);
        let mut basic = CustomExtension::from_oid_content(&BASIC_CONSTRAINTS, basic_constraints(self.is_ca));
        basic.set_criticality(self.is_ca == IsCa::PathLen0);
        params.custom_extensions = vec![
            basic,
            CustomExtension::from_oid_content(&SUBJECT_KEY_IDENTIFIER, key_identifier(&self.csr.public_key)),
        ];
        params.custom_extensions.extend(self.csr.san.as_ref().map(San::extension));
        params.custom_extensions.extend(self.constraints.as_ref().map(Constraints::extension));
        ca.sign(&params, &self.csr.public_key, self.algorithm)
    }
}

/// `CA:FALSE` is the default and has no bytes of its own; `CA:TRUE` is a boolean in the sequence, a path length an integer.
fn basic_constraints(is_ca: IsCa) -> Vec<u8> {
    match is_ca {
        IsCa::No => vec![0x30, 0],
        IsCa::PathLen0 => vec![0x30, 6, 1, 1, 0xff, 2, 1, 0],
        IsCa::Unbounded => vec![0x30, 3, 1, 1, 0xff],
    }
}

/// The leftmost 160 bits of the key's SHA-256 (<https://datatracker.ietf.org/doc/html/rfc7093#section-2>), in DER.
fn key_identifier(key: &impl PublicKeyData) -> Vec<u8> {
    let digest = Sha256::digest(key.der_bytes());
    [0x04, 20].into_iter().chain(digest.into_iter().take(20)).collect()
}
