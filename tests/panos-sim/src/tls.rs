//! The management certificate: a fresh CA and a serving certificate, or one that a client should not accept.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    IsCa, KeyPair, KeyUsagePurpose,
};
use rustls::{ServerConfig, crypto::aws_lc_rs};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;

/// How the device presents itself.
#[derive(Debug, Clone, Default)]
pub struct TlsOptions {
    /// Names and addresses of the certificate; empty means `localhost` and `127.0.0.1`.
    pub sans: Vec<String>,
    /// A certificate that signs itself, as a device has from the factory.
    pub self_signed: bool,
}

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The certificate could not be made, mostly for a name that is none.
    #[error("the management certificate cannot be made (names: {names})")]
    Certificate {
        /// The names asked for.
        names: String,
        /// Why.
        #[source]
        source: rcgen::Error,
    },
    /// rustls does not take the certificate.
    #[error("the management certificate is not usable")]
    Server(#[from] rustls::Error),
}

/// What serves, and the PEM that a client needs to trust it.
pub(crate) struct Identity {
    pub(crate) acceptor: TlsAcceptor,
    pub(crate) ca_pem: String,
}

pub(crate) fn identity(options: &TlsOptions) -> Result<Identity, TlsError> {
    let sans = if options.sans.is_empty() {
        vec!["localhost".to_owned(), "127.0.0.1".to_owned()]
    } else {
        options.sans.clone()
    };
    let names = sans.join(", ");
    let (certificate, key, ca_pem) =
        make(sans, options.self_signed).map_err(|source| TlsError::Certificate { names, source })?;
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let mut server = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)?;
    server.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Identity { acceptor: TlsAcceptor::from(Arc::new(server)), ca_pem })
}

fn make(
    sans: Vec<String>,
    self_signed: bool,
) -> Result<(CertificateDer<'static>, KeyPair, String), rcgen::Error> {
    let mut leaf = CertificateParams::new(sans)?;
    leaf.distinguished_name = name("fw-sim");
    leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate()?;
    if self_signed {
        let certificate = leaf.self_signed(&key)?;
        return Ok((certificate.der().clone(), key, certificate.pem()));
    }
    let mut ca = CertificateParams::new(Vec::new())?;
    ca.distinguished_name = name("panos-sim CA");
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let ca = CertifiedIssuer::self_signed(ca, KeyPair::generate()?)?;
    let certificate = leaf.signed_by(&key, &ca)?;
    Ok((certificate.der().clone(), key, ca.pem()))
}

fn name(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    name
}
