//! The private key of one certificate: made here, printed nowhere.

use rcgen::{
    KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_RSA_SHA256, PublicKeyData as _, RsaKeySize,
};
use sallyport_contract::object::KeyKind;
use zeroize::Zeroizing;

/// A private key. It has no `Debug` and is wiped from memory when it goes.
#[derive(Clone)]
pub struct PrivateKey(Zeroizing<String>);

/// Why a text is not a private key.
#[derive(Debug, thiserror::Error)]
#[error("the private key cannot be used")]
pub struct KeyError(#[source] rcgen::Error);

impl PrivateKey {
    /// Makes a new key on P-256 from the operating system's randomness.
    ///
    /// # Errors
    /// There is no randomness.
    pub fn generate() -> Result<Self, KeyError> {
        Self::generate_for(KeyKind::P256)
    }

    /// Makes a new key of a kind.
    ///
    /// # Errors
    /// There is no randomness.
    pub fn generate_for(kind: KeyKind) -> Result<Self, KeyError> {
        let rsa = |size| KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, size);
        let pair = match kind {
            KeyKind::P256 => KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256),
            KeyKind::P384 => KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384),
            KeyKind::Rsa2048 => rsa(RsaKeySize::_2048),
            KeyKind::Rsa3072 => rsa(RsaKeySize::_3072),
            KeyKind::Rsa4096 => rsa(RsaKeySize::_4096),
        };
        Ok(Self(Zeroizing::new(pair.map_err(KeyError)?.serialize_pem())))
    }

    /// Whether making such a key takes so long that others would wait: a tenth of a second and more.
    #[must_use]
    pub const fn is_slow(kind: KeyKind) -> bool {
        match kind {
            KeyKind::P256 | KeyKind::P384 => false,
            KeyKind::Rsa2048 | KeyKind::Rsa3072 | KeyKind::Rsa4096 => true,
        }
    }

    /// Reads a key (PKCS#8, PEM).
    ///
    /// # Errors
    /// It is not one.
    pub fn from_pem(text: String) -> Result<Self, KeyError> {
        let key = Self(Zeroizing::new(text));
        key.pair()?;
        Ok(key)
    }

    /// The key as PKCS#8 in PEM, for the Secret.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.0
    }

    /// The key as PKCS#8 in DER, for a keystore.
    ///
    /// # Errors
    /// The text is not a key.
    pub fn pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        Ok(Zeroizing::new(self.pair()?.serialize_der()))
    }

    /// The key as something that signs.
    ///
    /// # Errors
    /// The text is not a key.
    pub fn pair(&self) -> Result<KeyPair, KeyError> {
        KeyPair::from_pem(&self.0).map_err(KeyError)
    }

    /// The public half (SubjectPublicKeyInfo, DER).
    ///
    /// # Errors
    /// The text is not a key.
    pub fn public(&self) -> Result<Vec<u8>, KeyError> {
        Ok(self.pair()?.subject_public_key_info())
    }
}

#[cfg(test)]
mod tests {
    use x509_parser::{prelude::FromDer as _, public_key::PublicKey, x509::SubjectPublicKeyInfo};

    use super::*;

    #[test]
    fn each_kind_of_key_is_made_and_read_back() {
        for (kind, bits) in [
            (KeyKind::P256, 256),
            (KeyKind::P384, 384),
            (KeyKind::Rsa2048, 2048),
            (KeyKind::Rsa3072, 3072),
            (KeyKind::Rsa4096, 4096),
        ] {
            let key = PrivateKey::generate_for(kind).unwrap();
            let read = PrivateKey::from_pem(key.pem().to_owned()).unwrap();
            assert_eq!(read.public().unwrap(), key.public().unwrap());
            let public = key.public().unwrap();
            let (_, info) = SubjectPublicKeyInfo::from_der(&public).unwrap();
            let found = match info.parsed().unwrap() {
                PublicKey::EC(point) => (point.key_size(), false),
                PublicKey::RSA(rsa) => (rsa.key_size(), true),
                other @ (PublicKey::DSA(_)
                | PublicKey::GostR3410(_)
                | PublicKey::GostR3410_2012(_)
                | PublicKey::Unknown(_)) => panic!("{other:?}"),
            };
            assert_eq!(found, (bits, PrivateKey::is_slow(kind)), "{kind:?}");
        }
    }
}
