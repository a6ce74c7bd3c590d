//! The server's own certificate: where it comes from, and whether it can be served.

use std::sync::Arc;

use futures::stream::BoxStream;
use jiff::Timestamp;
use rustls::{crypto::CryptoProvider, sign::CertifiedKey};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// A certificate chain and its key as they lie in a Secret. Has no Debug: the key stays silent.
pub struct Pem {
    /// `tls.crt`, leaf first.
    pub certificate: Vec<u8>,
    /// `tls.key`.
    pub key: Vec<u8>,
}

/// Where the serving certificate comes from.
pub trait ServingCertificate: Send + Sync {
    /// What lies there now, and then whatever comes to lie there. Does not end by itself.
    fn updates(&self) -> BoxStream<'static, Pem>;
}

/// Why a certificate cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// `tls.crt` holds no certificate.
    #[error("tls.crt holds no certificate that can be read")]
    Chain,
    /// `tls.key` holds no key.
    #[error("tls.key holds no private key that can be read")]
    Key,
    /// The leaf is not X.509.
    #[error("the first certificate of tls.crt is not an X.509 certificate")]
    Leaf,
    /// Its time is over.
    #[error("the certificate ended at {0}")]
    Ended(Timestamp),
    /// Key and certificate do not belong together, or are of a kind that is not served.
    #[error("certificate and key cannot be used together")]
    Pair(#[source] rustls::Error),
}

/// A certificate that can be served. Built by [`Usable::read`] only.
pub struct Usable {
    pub(crate) key: Arc<CertifiedKey>,
    /// When it ends.
    pub not_after: Timestamp,
}

/// Longer chains are nobody's; each certificate is sent in every handshake.
const CHAIN_LIMIT: usize = 10;

impl Usable {
    /// Reads and checks a certificate.
    ///
    /// # Errors
    /// It cannot be read, its time is over, or its key is another's.
    pub fn read(pem: &Pem, now: Timestamp, provider: &CryptoProvider) -> Result<Self, CertificateError> {
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&pem.certificate)
            .take(CHAIN_LIMIT)
            .collect::<Result<_, _>>()
            .map_err(|_| CertificateError::Chain)?;
        let leaf = chain.first().ok_or(CertificateError::Chain)?;
        let (_, parsed) = X509Certificate::from_der(leaf).map_err(|_| CertificateError::Leaf)?;
        let not_after = Timestamp::from_second(parsed.validity().not_after.timestamp())
            .map_err(|_| CertificateError::Leaf)?;
        if not_after <= now {
            return Err(CertificateError::Ended(not_after));
        }
        let key = PrivateKeyDer::from_pem_slice(&pem.key).map_err(|_| CertificateError::Key)?;
        let key = CertifiedKey::from_der(chain, key, provider).map_err(CertificateError::Pair)?;
        Ok(Self { key: Arc::new(key), not_after })
    }
}
