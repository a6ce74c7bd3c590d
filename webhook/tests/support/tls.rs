//! A server as it runs, and clients of the kinds that the API server and attackers are.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::body::Body;
use http_body_util::BodyExt as _;
use hyper::{Request, Response, body::Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo};
use jiff::Timestamp;
use prometheus_client::registry::Registry;
use rcgen::{CertificateParams, KeyPair};
use rustls::{ClientConfig, RootCertStore, crypto::CryptoProvider, pki_types::ServerName};
use sallyport_process::{shutdown::Stop, tasks::TaskResult};
use sallyport_webhook::{
    certificate::{Pem, Usable},
    facts::Facts,
    metrics::Metrics,
    server::{
        InUse, Limits, Server,
        router::{self, router},
    },
};
use tokio::{net::TcpStream, task::JoinSet};
use tokio_rustls::{TlsConnector, client::TlsStream};

/// Longer than anything takes, so that a hang is a failure and not an end.
pub(crate) const GENEROUS: Duration = Duration::from_secs(20);

/// A certificate for `localhost` and who made it.
pub(crate) struct Issued {
    pub(crate) pem: Pem,
    pub(crate) roots: RootCertStore,
}

/// A certificate for `localhost` that ends when `days` are over, counted from today.
pub(crate) fn issue(days: i64) -> Issued {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let today = now().as_second();
    let day =
        |days: i64| rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs((today + days * 86_400) as u64);
    params.not_before = day(-30);
    params.not_after = day(days);
    let certificate = params.self_signed(&key).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(certificate.der().clone()).unwrap();
    let pem = Pem { certificate: certificate.pem().into_bytes(), key: key.serialize_pem().into_bytes() };
    Issued { pem, roots }
}

pub(crate) fn now() -> Timestamp {
    sallyport_process::clock::Clock::system().now()
}

pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// A server on a free port.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) in_use: InUse,
    pub(crate) stop: Stop,
    pub(crate) task: JoinSet<TaskResult>,
}

/// Limits that keep a test short.
pub(crate) fn short() -> Limits {
    Limits { connections: 16, handshake: GENEROUS, first_request: GENEROUS, drain_delay: Duration::ZERO }
}

impl Running {
    pub(crate) async fn start(facts: Arc<dyn Facts>, limits: Limits, room: router::Limits) -> Self {
        let (in_use, stop) = (InUse::default(), Stop::new());
        let server =
            Server::bind("127.0.0.1:0".parse().unwrap(), in_use.clone(), provider(), limits).await.unwrap();
        let address = server.address().unwrap();
        let metrics = Metrics::new(&mut Registry::default());
        let mut task = JoinSet::new();
        task.spawn(server.serve(router(facts, metrics, room), stop.clone()));
        Self { address, in_use, stop, task }
    }

    /// A server with usual limits and a good certificate.
    pub(crate) async fn usual(facts: Arc<dyn Facts>) -> (Self, Issued) {
        let (running, issued) = (Self::start(facts, short(), router::Limits::default()).await, issue(30));
        running.serve(&issued.pem);
        (running, issued)
    }

    pub(crate) fn serve(&self, pem: &Pem) {
        self.in_use.swap(Usable::read(pem, now(), &provider()).unwrap());
    }

    /// A TLS connection that has said nothing yet.
    pub(crate) async fn connect(
        &self,
        issued: &Issued,
        protocol: &[u8],
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let mut config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(issued.roots.clone())
            .with_no_client_auth();
        config.alpn_protocols = vec![protocol.to_vec()];
        let stream = TcpStream::connect(self.address).await?;
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, stream).await
    }

    /// Sends one request and gives its status and body.
    pub(crate) async fn send(
        &self,
        issued: &Issued,
        protocol: &[u8],
        request: Request<Body>,
    ) -> (u16, String) {
        let stream = TokioIo::new(self.connect(issued, protocol).await.unwrap());
        let mut driver = JoinSet::new();
        let response = if protocol == b"h2" {
            let (mut sender, connection) =
                hyper::client::conn::http2::handshake(TokioExecutor::new(), stream).await.unwrap();
            driver.spawn(connection);
            sender.send_request(request).await
        } else {
            let (mut sender, connection) = hyper::client::conn::http1::handshake(stream).await.unwrap();
            driver.spawn(connection);
            sender.send_request(request).await
        };
        read(response.unwrap()).await
    }

    /// Posts a body as JSON over HTTP/2.
    pub(crate) async fn post(&self, issued: &Issued, path: &str, body: Vec<u8>) -> (u16, String) {
        self.send(issued, b"h2", post(path, body)).await
    }
}

pub(crate) fn post(path: &str, body: Vec<u8>) -> Request<Body> {
    let request =
        Request::post(format!("https://localhost{path}")).header("content-type", "application/json");
    request.body(Body::from(body)).unwrap()
}

async fn read(response: Response<Incoming>) -> (u16, String) {
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}
