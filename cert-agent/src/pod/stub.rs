//! The key of a request, by the PKCS#10 that the kubelet signed with it. The API server has verified that
//! signature; nothing else in it is read, and there must be nothing else
//! (<https://github.com/kubernetes/api/blob/v0.37.0/certificates/v1/types.go>, `StubPKCS10Request`).

use x509_parser::{
    certification_request::X509CertificationRequest,
    prelude::FromDer as _,
    public_key::{ECPoint, PublicKey},
};

use crate::chain::armoured;

/// A key, and the proof that the node has the other half.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stub {
    /// The PKCS#10 request, PEM: it carries no names.
    pub csr: String,
    /// The public key (SubjectPublicKeyInfo, DER).
    pub public_key: Vec<u8>,
}

/// Why a request's PKCS#10 is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StubError {
    /// Not one.
    #[error("spec.stubPKCS10Request cannot be read as a PKCS#10 request")]
    Unreadable,
    /// It carries more than a key.
    #[error(
        "spec.stubPKCS10Request asks for a subject or extensions, and Sallyport gives names by its policy alone"
    )]
    NotEmpty,
    /// Its key is of a kind that not every authority signs.
    #[error("the key is neither P-256, P-384 nor RSA of 3072 or 4096 bits; use keyType ECDSAP256")]
    KeyType,
}

impl Stub {
    /// Reads what the kubelet signed.
    ///
    /// # Errors
    /// It is not what a kubelet makes, or of a kind of key that we do not take.
    pub fn read(der: &[u8]) -> Result<Self, StubError> {
        let (rest, request) = X509CertificationRequest::from_der(der).map_err(|_| StubError::Unreadable)?;
        if !rest.is_empty() {
            return Err(StubError::Unreadable);
        }
        let info = &request.certification_request_info;
        if info.subject.iter().next().is_some() || info.iter_attributes().next().is_some() {
            return Err(StubError::NotEmpty);
        }
        let known = match info.subject_pki.parsed() {
            Ok(PublicKey::EC(point)) => is_known_curve(&point),
            Ok(PublicKey::RSA(key)) => matches!(key.key_size(), 3072 | 4096),
            Ok(_) | Err(_) => false,
        };
        if !known {
            return Err(StubError::KeyType);
        }
        Ok(Self { csr: armoured("CERTIFICATE REQUEST", der), public_key: info.subject_pki.raw.to_vec() })
    }

    /// Whether a CSR (PEM) is one that a kubelet made, and so carries no names.
    #[must_use]
    pub fn is_one(csr: &str) -> bool {
        let block = x509_parser::pem::parse_x509_pem(csr.as_bytes());
        block.is_ok_and(|(_, block)| Self::read(&block.contents).is_ok())
    }
}

/// The curves that AWS Private CA and the programs that check its certificates have in common.
fn is_known_curve(point: &ECPoint<'_>) -> bool {
    matches!(point.key_size(), 256 | 384)
}

#[cfg(test)]
mod tests {
    use rcgen::{
        CertificateParams, DistinguishedName, DnType, KeyPair, PKCS_ECDSA_P256_SHA256,
        PKCS_ECDSA_P384_SHA384, PKCS_ECDSA_P521_SHA512, PKCS_ED25519, PublicKeyData as _, SanType,
        SignatureAlgorithm,
    };

    use super::*;

    fn made(
        algorithm: &'static SignatureAlgorithm,
        fill: impl FnOnce(&mut CertificateParams),
    ) -> (Vec<u8>, KeyPair) {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        fill(&mut params);
        (params.serialize_request(&key).unwrap().der().to_vec(), key)
    }

    #[test]
    fn a_stub_is_a_key_and_nothing_else() {
        for algorithm in [&PKCS_ECDSA_P256_SHA256, &PKCS_ECDSA_P384_SHA384] {
            let (der, key) = made(algorithm, |_| {});
            let stub = Stub::read(&der).unwrap();
            assert_eq!(stub.public_key, key.subject_public_key_info());
            let (_, block) = x509_parser::pem::parse_x509_pem(stub.csr.as_bytes()).unwrap();
            assert_eq!(block.contents, der, "the kubelet's own bytes, for they carry its signature");
            assert!(Stub::is_one(&stub.csr) && !Stub::is_one(""));
        }
        for algorithm in [&PKCS_ECDSA_P521_SHA512, &PKCS_ED25519] {
            assert_eq!(Stub::read(&made(algorithm, |_| {}).0), Err(StubError::KeyType));
        }
        let (subject, _) = made(&PKCS_ECDSA_P256_SHA256, |params| {
            params.distinguished_name.push(DnType::CommonName, "pay.bank.example");
        });
        let (names, _) = made(&PKCS_ECDSA_P256_SHA256, |params| {
            params.subject_alt_names.push(SanType::DnsName("pay.bank.example".try_into().unwrap()));
        });
        for der in [subject, names] {
            assert_eq!(Stub::read(&der), Err(StubError::NotEmpty));
        }
        assert_eq!(Stub::read(b"no"), Err(StubError::Unreadable));
        let mut trailing = made(&PKCS_ECDSA_P256_SHA256, |_| {}).0;
        trailing.push(0);
        assert_eq!(Stub::read(&trailing), Err(StubError::Unreadable));
    }
}
