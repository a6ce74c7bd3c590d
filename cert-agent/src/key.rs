//! The private key of one certificate: made here, printed nowhere.

use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PublicKeyData as _};
use zeroize::Zeroizing;

/// A private key (P-256). It has no `Debug` and is wiped from memory when it goes.
#[derive(Clone)]
pub struct PrivateKey(Zeroizing<String>);

/// Why a text is not a private key.
#[derive(Debug, thiserror::Error)]
#[error("the private key cannot be used")]
pub struct KeyError(#[source] rcgen::Error);

impl PrivateKey {
    /// Makes a new key from the operating system's randomness.
    ///
    /// # Errors
    /// There is no randomness.
    pub fn generate() -> Result<Self, KeyError> {
        let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(KeyError)?;
        Ok(Self(Zeroizing::new(pair.serialize_pem())))
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
