//! A management interface that answers every request with whatever a test wants.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use prometheus_client::registry::Registry;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::{ServerConfig, crypto::aws_lc_rs};
use rustls_pki_types::PrivateKeyDer;
use sallyport_contract::object::FirewallTls;
use sallyport_policy_sync::{
    member::{Access, Site},
    metrics::Metrics,
    panos::Panos,
    world::Login,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;

/// What a request is answered with.
#[derive(Clone)]
pub(crate) enum Answer {
    /// A status and a body.
    Body(u16, Vec<u8>),
    /// This body, and the connection ends before so many more bytes that were promised.
    Short(Vec<u8>, usize),
    /// This stretch again and again, for as long as somebody reads.
    Endless(Vec<u8>),
}

type Oracle = dyn Fn(&str) -> Answer + Send + Sync;

/// The interface. Dropping it ends it.
pub(crate) struct Endpoint {
    address: SocketAddr,
    ca_pem: String,
    /// How many bytes went out.
    pub(crate) sent: Arc<AtomicUsize>,
    _tasks: JoinSet<()>,
}

impl Endpoint {
    /// Listens; `oracle` gets the whole request, head and body.
    pub(crate) async fn start(oracle: impl Fn(&str) -> Answer + Send + Sync + 'static) -> Self {
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(names).unwrap();
        let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, sent) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
        let (acceptor, oracle): (_, Arc<Oracle>) = (TlsAcceptor::from(Arc::new(config)), Arc::new(oracle));
        let mut tasks = JoinSet::new();
        tasks.spawn(serve(listener, acceptor, oracle, Arc::clone(&sent)));
        Self { address, ca_pem: cert.pem(), sent, _tasks: tasks }
    }

    /// The adapter to it.
    pub(crate) fn panos(&self, site: Site, login: Login) -> Panos {
        let tls = FirewallTls { ca_bundle: Some(self.ca_pem.clone()), fingerprint: None };
        let access = Access { hosts: vec![self.address.to_string()], site, tls };
        let metrics = Metrics::new(&mut Registry::default());
        Panos::new(&access, Arc::new(login), &metrics).unwrap()
    }
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, oracle: Arc<Oracle>, sent: Arc<AtomicUsize>) {
    let mut connections = JoinSet::new();
    loop {
        let (tcp, _) = listener.accept().await.unwrap();
        let (acceptor, oracle, sent) = (acceptor.clone(), Arc::clone(&oracle), Arc::clone(&sent));
        // A client that goes away is no matter.
        connections.spawn(async move { drop(converse(acceptor, tcp, &*oracle, &sent).await) });
    }
}

/// Answers the requests of one connection, one after another.
async fn converse(
    acceptor: TlsAcceptor,
    tcp: tokio::net::TcpStream,
    oracle: &Oracle,
    sent: &AtomicUsize,
) -> std::io::Result<()> {
    let mut stream = acceptor.accept(tcp).await?;
    let mut read = Vec::new();
    loop {
        let length = loop {
            if let Some(length) = whole(&read) {
                break length;
            }
            if stream.read_buf(&mut read).await? == 0 {
                return Ok(());
            }
        };
        let request: Vec<u8> = read.drain(..length).collect();
        let mut send = async |bytes: &[u8]| {
            sent.fetch_add(bytes.len(), Ordering::Relaxed);
            stream.write_all(bytes).await?;
            stream.flush().await
        };
        let head = |status: u16, length: usize| {
            format!(
                "HTTP/1.1 {status} so\r\ncontent-type: application/xml\r\ncontent-length: {length}\r\n\r\n"
            )
        };
        match oracle(&String::from_utf8_lossy(&request)) {
            Answer::Body(status, body) => {
                send(&[head(status, body.len()).as_bytes(), &body].concat()).await?;
            }
            Answer::Short(body, missing) => {
                return send(&[head(200, body.len() + missing).as_bytes(), &body].concat()).await;
            }
            Answer::Endless(stretch) => {
                send(b"HTTP/1.1 200 so\r\nconnection: close\r\n\r\n").await?;
                loop {
                    send(&stretch).await?;
                }
            }
        }
    }
}

/// The length of the first request, once all of it is there.
fn whole(read: &[u8]) -> Option<usize> {
    let text = String::from_utf8_lossy(read).to_ascii_lowercase();
    let head = text.find("\r\n\r\n")? + 4;
    let body = text[..head]
        .split("content-length: ")
        .nth(1)
        .map_or(0, |rest| rest.split("\r\n").next().unwrap_or_default().parse().unwrap());
    (read.len() >= head + body).then_some(head + body)
}
