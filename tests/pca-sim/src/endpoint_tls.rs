//! The endpoint's own TLS: a CA of its own, which has nothing to do with the CAs that it plays.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::{ServerConfig, crypto::aws_lc_rs, pki_types::PrivatePkcs8KeyDer};
use tokio_rustls::TlsAcceptor;

/// What stands in the way of TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A certificate could not be made.
    #[error("the endpoint's certificate could not be made")]
    Certificate(#[from] rcgen::Error),
    /// The certificate could not be used.
    #[error("the endpoint's certificate could not be used")]
    Config(#[from] rustls::Error),
}

/// A TLS acceptor for `names` (DNS names and IP addresses), and the PEM of the CA to trust.
///
/// # Errors
/// When a name cannot stand in a certificate.
pub fn acceptor(names: &[String]) -> Result<(TlsAcceptor, String), TlsError> {
    let mut ca = CertificateParams::default();
    ca.distinguished_name.push(DnType::CommonName, "pca-sim endpoint CA");
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    ca.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let ca_key = KeyPair::generate()?;
    let ca_certificate = ca.self_signed(&ca_key)?;

    let mut server = CertificateParams::new(names)?;
    server.distinguished_name.push(DnType::CommonName, "pca-sim endpoint");
    server.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate()?;
    let certificate = server.signed_by(&key, &Issuer::from_params(&ca, &ca_key))?;

    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        )?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok((TlsAcceptor::from(Arc::new(config)), ca_certificate.pem()))
}
