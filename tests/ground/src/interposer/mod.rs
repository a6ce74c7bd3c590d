//! A proxy in the test process between one program and one far side: it names every call, keeps their
//! sequence, and at a chosen call does what a test asks for.
//!
//! [`call`] what a call is called · [`rules`] which call is struck, and how · `tls` both ends' trust ·
//! `forward` the way of one request.

pub mod call;
mod forward;
pub mod rules;
mod tls;

use std::{net::SocketAddr, sync::Arc};

use anyhow::Result;
use call::{Call, FarSide};
use rules::{Armed, Book, Rule};
pub use tls::ServerIdentity;
use tls::Trust;
use tokio::{net::TcpListener, sync::watch, task::JoinSet};

/// A proxy that runs. It ends with this.
pub struct Interposer {
    /// Where the program finds it.
    pub address: SocketAddr,
    /// The certificate authority of its own certificate, in PEM.
    pub ca_pem: String,
    book: Arc<Book>,
    upstream: watch::Sender<SocketAddr>,
    _tasks: JoinSet<()>,
}

impl Interposer {
    /// Stands between whoever dials it and `upstream`, whose certificate `upstream_ca` signed.
    ///
    /// # Errors
    /// No port is free, or `upstream_ca` is not PEM.
    pub async fn start(far: FarSide, upstream: SocketAddr, upstream_ca: &str) -> Result<Self> {
        Self::start_as(far, upstream, upstream_ca, ServerIdentity::fresh()?).await
    }

    /// [`Interposer::start`] with a certificate that its clients trust already.
    ///
    /// # Errors
    /// As [`Interposer::start`].
    pub async fn start_as(
        far: FarSide,
        upstream: SocketAddr,
        upstream_ca: &str,
        identity: ServerIdentity,
    ) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let ca_pem = identity.ca_pem.clone();
        let trust = Trust::new(identity, upstream_ca)?;
        let (sender, receiver) = watch::channel(upstream);
        let book = Arc::new(Book::default());
        let mut tasks = JoinSet::new();
        tasks.spawn(forward::serve(listener, trust, far, receiver, Arc::clone(&book)));
        Ok(Self { address, ca_pem, book, upstream: sender, _tasks: tasks })
    }

    /// Goes on to another address from the next call on: the far side was started again.
    pub fn turn_to(&self, upstream: SocketAddr) {
        self.upstream.send_replace(upstream);
    }

    /// Adds a rule, which holds until what is handed back is dropped.
    pub fn arm(&self, rule: Rule) -> Armed {
        self.book.arm(rule)
    }

    /// Every call so far that `about` occurs in, oldest first.
    #[must_use]
    pub fn calls(&self, about: &str) -> Vec<Call> {
        self.book.calls(about)
    }
}
