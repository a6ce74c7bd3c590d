//! What a Secret carries beside `tls.crt`, `tls.key` and `ca.crt`: the same certificate in other forms.

use p12_keystore::{Certificate, KeyStore, KeyStoreEntry, Pkcs12ImportPolicy, PrivateKeyChain};
use zeroize::Zeroizing;

use crate::{
    chain::{self, VerifiedLeaf},
    key::PrivateKey,
};

/// Key and chain in one file.
pub const COMBINED: &str = "tls-combined.pem";
/// Key and chain in PKCS#12.
pub const KEYSTORE: &str = "keystore.p12";
/// The key of the password in its Secret.
pub const PASSWORD: &str = "password";
/// Under this name a keystore holds the certificate.
const ALIAS: &str = "tls";

/// A keystore's password. It has no `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// The password in the bytes of a Secret; none if there is none.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok().filter(|text| !text.is_empty())?;
        Some(Self(Zeroizing::new(text.to_owned())))
    }
}

/// What is delivered beside the certificate itself, with what it takes to make it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Further {
    /// The roots that stand in `ca.crt` beside the certificate's own, PEM: through a change of the CA both are trusted.
    pub more_roots: String,
    /// [`COMBINED`].
    pub combined_pem: bool,
    /// [`KEYSTORE`].
    pub keystore: Keystore,
}

/// Whether there is to be a keystore.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum Keystore {
    /// No.
    #[default]
    No,
    /// Yes, and its password is not there: what lies there stays, and none can be made.
    Locked,
    /// Yes, under this password.
    Under(Password),
}

/// Why a keystore could not be written.
#[derive(Debug, thiserror::Error)]
#[error("the PKCS#12 keystore cannot be made")]
pub struct KeystoreError;

/// The file [`COMBINED`].
#[must_use]
pub fn combined(key: &PrivateKey, leaf: &VerifiedLeaf) -> Zeroizing<String> {
    let end = if key.pem().ends_with('\n') { "" } else { "\n" };
    Zeroizing::new(format!("{}{end}{}{}", key.pem(), leaf.leaf(), leaf.intermediates()))
}

/// The file [`KEYSTORE`]: AES-256 and HMAC with SHA-256, as Java 8u301, OpenSSL 1.1 and Windows Server 2019
/// and all later ones read it. Another one each time.
///
/// # Errors
/// Key or chain cannot be read.
pub fn keystore(
    key: &PrivateKey,
    leaf: &VerifiedLeaf,
    password: &Password,
) -> Result<Vec<u8>, KeystoreError> {
    let mut store = KeyStore::new();
    store.add_entry(ALIAS, KeyStoreEntry::PrivateKeyChain(entry(key, leaf)?));
    store.writer(&password.0).write().map_err(|_| KeystoreError)
}

/// Whether a keystore opens by the password and holds exactly this.
#[must_use]
pub fn holds(bytes: &[u8], key: &PrivateKey, leaf: &VerifiedLeaf, password: &Password) -> bool {
    let opened = KeyStore::from_pkcs12(bytes, &password.0, Pkcs12ImportPolicy::Strict);
    let (Ok(store), Ok(wanted)) = (opened, entry(key, leaf)) else { return false };
    let found = store.private_key_chain().map(|(_, chain)| chain);
    store.entries_len() == 1
        && found.is_some_and(|found| {
            found.key().as_der() == wanted.key().as_der()
                && found
                    .certs()
                    .iter()
                    .map(Certificate::as_der)
                    .eq(wanted.certs().iter().map(Certificate::as_der))
        })
}

/// Key, leaf and all that stands above it, the root last.
fn entry(key: &PrivateKey, leaf: &VerifiedLeaf) -> Result<PrivateKeyChain, KeystoreError> {
    let der = key.pkcs8().map_err(|_| KeystoreError)?;
    let private = p12_keystore::PrivateKey::from_der(&der).map_err(|_| KeystoreError)?;
    let mut chain = chain::read("the leaf", leaf.leaf()).map_err(|_| KeystoreError)?;
    chain.extend(chain::read("the chain", leaf.intermediates()).unwrap_or_default());
    chain.extend(chain::read("the root", leaf.root()).map_err(|_| KeystoreError)?);
    let certificates = chain.iter().map(|der| Certificate::from_der(der).map_err(|_| KeystoreError));
    Ok(PrivateKeyChain::new(leaf.serial(), private, certificates.collect::<Result<Vec<_>, _>>()?))
}
