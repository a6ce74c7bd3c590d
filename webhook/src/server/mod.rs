//! TLS on a port: handshakes, connections and their limits, and an end that lets running requests finish.

pub mod in_use;
pub mod router;

pub use in_use::InUse;

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{Router, extract::Request, middleware::Next};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
    service::TowerToHyperService,
};
use rustls::{ServerConfig, crypto::CryptoProvider};
use sallyport_process::{shutdown::Stop, tasks::TaskResult};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

/// Time limits and numbers of connections.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at one time; more wait in the operating system's queue.
    pub connections: usize,
    /// How long a TLS handshake may take.
    pub handshake: Duration,
    /// How long a connection may stay without its first request, and a request's head may take.
    pub first_request: Duration,
    /// How long connections are still taken after the stop, until every API server has heard of it.
    pub drain_delay: Duration,
}

impl Limits {
    /// The usual limits.
    #[must_use]
    pub const fn with_drain_delay(drain_delay: Duration) -> Self {
        Self {
            connections: 256,
            handshake: Duration::from_secs(5),
            first_request: Duration::from_secs(10),
            drain_delay,
        }
    }
}

/// Requests of one HTTP/2 connection at one time.
const STREAMS: u32 = 128;
/// Whether the far side of an HTTP/2 connection still lives is asked so often, and given so long.
const KEEP_ALIVE: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(10));
/// After a failure to take a connection (most often: no file descriptor is free).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Names of the protocols in TLS: <https://www.iana.org/assignments/tls-extensiontype-values/>.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// A server that listens.
pub struct Server {
    listener: TcpListener,
    acceptor: TlsAcceptor,
    limits: Limits,
}

impl Server {
    /// Binds the address.
    ///
    /// # Errors
    /// The address is taken or not ours, or the TLS library refuses its own defaults.
    pub async fn bind(
        address: SocketAddr,
        certificate: InUse,
        provider: Arc<CryptoProvider>,
        limits: Limits,
    ) -> io::Result<Self> {
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(certificate));
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        Ok(Self { listener: TcpListener::bind(address).await?, acceptor, limits })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// The operating system does not say.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until the stop; then takes connections for the drain delay more, and ends when the last
    /// request has its answer.
    ///
    /// # Errors
    /// None: a connection that breaks concerns only itself.
    pub async fn serve(self, router: Router, stop: Stop) -> TaskResult {
        let Self { listener, acceptor, limits } = self;
        let slots = Arc::new(Semaphore::new(limits.connections));
        let closing = Stop::new();
        let mut connections = JoinSet::new();
        let mut end = std::pin::pin!(async {
            stop.wait().await;
            tokio::time::sleep(limits.drain_delay).await;
        });
        loop {
            let slot = Arc::clone(&slots).acquire_owned();
            let next = async { (slot.await, listener.accept().await) };
            tokio::select! {
                () = &mut end => break,
                Some(_) = connections.join_next() => {}
                (slot, accepted) = next => match accepted {
                    Ok((stream, _)) => {
                        let connection = Connection { acceptor: acceptor.clone(), limits, closing: closing.clone() };
                        let router = router.clone();
                        connections.spawn(async move {
                            connection.serve(stream, router).await;
                            drop(slot);
                        });
                    }
                    Err(error) => {
                        tracing::warn!(%error, "cannot take a connection");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                },
            }
        }
        drop(listener);
        closing.now();
        while connections.join_next().await.is_some() {}
        Ok(())
    }
}

struct Connection {
    acceptor: TlsAcceptor,
    limits: Limits,
    closing: Stop,
}

impl Connection {
    async fn serve(self, stream: TcpStream, router: Router) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "cannot turn Nagle's algorithm off");
        }
        match tokio::time::timeout(self.limits.handshake, self.acceptor.accept(stream)).await {
            Ok(Ok(stream)) => self.speak(stream, router).await,
            Ok(Err(error)) => tracing::debug!(%error, "TLS handshake failed"),
            Err(_) => tracing::debug!("TLS handshake took too long"),
        }
    }

    async fn speak(&self, stream: TlsStream<TcpStream>, router: Router) {
        let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        let asked = Arc::new(AtomicBool::new(false));
        let mark = Arc::clone(&asked);
        let router = router.layer(axum::middleware::from_fn(move |request: Request, next: Next| {
            mark.store(true, Ordering::Relaxed);
            next.run(request)
        }));
        let builder = self.builder(http2);
        let service = TowerToHyperService::new(router);
        let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(stream), service));
        let first_request = tokio::time::sleep(self.limits.first_request);
        let ended = tokio::select! {
            ended = connection.as_mut() => Some(ended),
            () = self.closing.wait() => None,
            () = first_request => {
                // Nobody may hold a connection without ever asking anything.
                if !asked.load(Ordering::Relaxed) {
                    return;
                }
                tokio::select! {
                    ended = connection.as_mut() => Some(ended),
                    () = self.closing.wait() => None,
                }
            }
        };
        let ended = match ended {
            Some(ended) => ended,
            None => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(error, "connection broke off");
        }
    }

    fn builder(&self, http2: bool) -> Builder<TokioExecutor> {
        let mut builder = Builder::new(TokioExecutor::new());
        builder.http1().timer(TokioTimer::new()).header_read_timeout(self.limits.first_request);
        builder
            .http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(KEEP_ALIVE.0)
            .keep_alive_timeout(KEEP_ALIVE.1)
            .max_concurrent_streams(STREAMS);
        if http2 { builder.http2_only() } else { builder.http1_only() }
    }
}
