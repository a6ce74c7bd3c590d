//! Both ends of the proxy: a certificate of its own for whoever dials it, and trust in one far side.

use std::{net::SocketAddr, sync::Arc};

use anyhow::Result;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    crypto::{CryptoProvider, aws_lc_rs},
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};

/// What the proxy shows to whoever dials it.
pub struct ServerIdentity {
    /// The certificate and what signed it, in PEM.
    pub chain: String,
    /// Its key, in PEM.
    pub key: String,
    /// What clients trust, in PEM.
    pub ca_pem: String,
}

impl ServerIdentity {
    /// A new CA, and a certificate for the loopback interface.
    ///
    /// # Errors
    /// It could not be signed.
    pub fn fresh() -> Result<Self> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "interposer");
        let ca = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let key = KeyPair::generate()?;
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let certificate = CertificateParams::new(names)?.signed_by(&key, &ca)?;
        Ok(Self { chain: certificate.pem(), key: key.serialize_pem(), ca_pem: ca.pem() })
    }
}

/// How both ends are secured.
#[derive(Clone)]
pub(super) struct Trust {
    acceptor: TlsAcceptor,
    connector: TlsConnector,
}

impl Trust {
    pub(super) fn new(identity: ServerIdentity, upstream_ca: &str) -> Result<Self> {
        let provider: Arc<CryptoProvider> = Arc::new(aws_lc_rs::default_provider());
        let chain = CertificateDer::pem_slice_iter(identity.chain.as_bytes()).collect::<Result<_, _>>()?;
        let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes())?;
        // No ALPN: both sides then speak HTTP/1.1, in which one call after another is one call.
        let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(upstream_ca.as_bytes()) {
            roots.add(certificate?)?;
        }
        let client = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { acceptor: Arc::new(server).into(), connector: Arc::new(client).into() })
    }

    pub(super) async fn accept(&self, stream: TcpStream) -> std::io::Result<server::TlsStream<TcpStream>> {
        self.acceptor.accept(stream).await
    }

    pub(super) async fn connect(&self, to: SocketAddr) -> std::io::Result<client::TlsStream<TcpStream>> {
        let stream = TcpStream::connect(to).await?;
        stream.set_nodelay(true)?;
        self.connector.connect(ServerName::IpAddress(to.ip().into()), stream).await
    }
}
