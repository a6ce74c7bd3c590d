//! Real TLS from end to end: a server with the delivered certificate, and a client that checks it.

use std::{
    collections::HashMap,
    io::ErrorKind,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context as _, Result};
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    crypto::{CryptoProvider, aws_lc_rs},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// What a client saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The handshake ended well, the served certificate verified, and the server answered this.
    Verified(String),
    /// The connection was reset.
    Reset,
    /// The connection was closed before the handshake ended.
    Closed,
    /// Nothing came back.
    Silence,
    /// The certificate did not verify, or TLS failed otherwise.
    Tls(String),
}

const PATIENCE: Duration = Duration::from_secs(10);

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// Dials `address` with `server_name` in the ClientHello and trusts only `root`.
///
/// # Errors
/// The root is not PEM, the name is not one, or nobody listens.
pub async fn dial(address: SocketAddr, server_name: &str, root: &str) -> Result<Outcome> {
    dial_for(PATIENCE, address, server_name, root).await
}

/// [`dial`] for a name that is not expected to get through: [`Outcome::Silence`] after `patience`.
///
/// # Errors
/// As [`dial`].
pub async fn dial_for(
    patience: Duration,
    address: SocketAddr,
    server_name: &str,
    root: &str,
) -> Result<Outcome> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(root.as_bytes()) {
        roots.add(certificate?)?;
    }
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(server_name.to_owned())?;
    let stream = TcpStream::connect(address).await.with_context(|| format!("nobody listens on {address}"))?;
    let talk = async {
        let mut tls = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
        let mut text = String::new();
        tls.read_to_string(&mut text).await?;
        std::io::Result::Ok(text)
    };
    Ok(match tokio::time::timeout(patience, talk).await {
        Err(_) => Outcome::Silence,
        Ok(Ok(text)) => Outcome::Verified(text),
        Ok(Err(error)) => outcome(&error),
    })
}

fn outcome(error: &std::io::Error) -> Outcome {
    if error.kind() == ErrorKind::ConnectionReset {
        Outcome::Reset
    } else if error.kind() == ErrorKind::UnexpectedEof {
        Outcome::Closed
    } else {
        Outcome::Tls(error.to_string())
    }
}

/// A TLS server that answers with the certificate of the name that the client says.
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    certificates: Arc<Certificates>,
    _tasks: JoinSet<()>,
}

#[derive(Debug, Default)]
struct Certificates(Mutex<HashMap<String, Arc<CertifiedKey>>>);

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name()?.to_owned();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&name).cloned()
    }
}

impl Server {
    /// Listens on a free port of the loopback interface, without certificates yet.
    ///
    /// # Errors
    /// No port is free.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let certificates = Arc::new(Certificates::default());
        let config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&certificates) as Arc<dyn ResolvesServerCert>);
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, acceptor));
        Ok(Self { address, certificates, _tasks: tasks })
    }

    /// Serves `name` with what a Secret delivers: `tls.crt` and `tls.key`.
    ///
    /// # Errors
    /// They are not a certificate and its key.
    pub fn serve(&self, name: &str, chain: &str, key: &str) -> Result<()> {
        let chain = CertificateDer::pem_slice_iter(chain.as_bytes()).collect::<Result<Vec<_>, _>>()?;
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes())?;
        let certified = CertifiedKey::from_der(chain, key, &provider())?;
        let mut certificates = self.certificates.0.lock().unwrap_or_else(PoisonError::into_inner);
        certificates.insert(name.to_owned(), Arc::new(certified));
        Ok(())
    }
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor) {
    let mut sessions = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        while sessions.try_join_next().is_some() {}
        let acceptor = acceptor.clone();
        sessions.spawn(async move {
            let answer = async {
                let mut tls = acceptor.accept(stream).await?;
                let name = tls.get_ref().1.server_name().unwrap_or_default().to_owned();
                tls.write_all(format!("hello from {name}").as_bytes()).await?;
                tls.shutdown().await
            };
            // A client that goes away in the middle is the client's affair.
            drop(tokio::time::timeout(PATIENCE, answer).await);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_certificate_of_another_root_does_not_verify() {
        let server = Server::start().await.unwrap();
        let issued = rcgen::generate_simple_self_signed(["web.example".to_owned()]).unwrap();
        let other = rcgen::generate_simple_self_signed(["web.example".to_owned()]).unwrap();
        server.serve("web.example", &issued.cert.pem(), &issued.signing_key.serialize_pem()).unwrap();
        let good = dial(server.address, "web.example", &issued.cert.pem()).await.unwrap();
        assert_eq!(good, Outcome::Verified("hello from web.example".to_owned()));
        let bad = dial(server.address, "web.example", &other.cert.pem()).await.unwrap();
        assert!(matches!(bad, Outcome::Tls(_)), "{bad:?}");
    }
}
