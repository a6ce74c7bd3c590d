//! Puts the program together and runs it.

use std::{io, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use prometheus_client::registry::Registry;
use rustls::crypto::aws_lc_rs;
use sallyport_process::{
    clock::Clock,
    endpoint::Endpoint,
    kubernetes::{self, ConnectError},
    readiness::Readiness,
    shutdown::{Signals, Stop},
    tasks::{TaskError, Tasks},
};

use crate::{
    adapter::{Cluster, ServingSecret},
    args::Args,
    metrics::Metrics,
    server::{
        self, InUse, Server, in_use,
        router::{self, router},
    },
};

/// After the drain delay, running requests have so long to finish.
const GRACE: Duration = Duration::from_secs(20);

/// Why the webhook stopped or did not start.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The operating system gives us no signals.
    #[error("cannot listen for signals")]
    Signals(#[source] io::Error),
    /// No way to the API server.
    #[error("cannot reach Kubernetes")]
    Connect(#[source] ConnectError),
    /// An address cannot be bound.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The ready file cannot be written.
    #[error("cannot write the ready file")]
    ReadyFile(#[source] io::Error),
    /// A task failed.
    #[error("the webhook stopped")]
    Task(#[source] TaskError),
}

/// Runs the webhook until a signal.
///
/// # Errors
/// It cannot start, or a part of it failed.
pub async fn run(args: Args) -> Result<(), RunError> {
    let Args { process, listen, namespace, drain_delay, ready_file } = args;
    let signals = Signals::install().map_err(RunError::Signals)?;
    let client = kubernetes::connect().await.map_err(RunError::Connect)?;
    let (stop, readiness, clock) = (Stop::new(), Readiness::new(), Clock::system());
    let mut registry = Registry::default();
    let metrics = Metrics::new(&mut registry);
    let listening = readiness.wait_for("listening");
    let namespaces = readiness.wait_for("namespaces listed");
    let policies = readiness.wait_for("policies listed");
    let discovered = readiness.wait_for("what the cluster serves");
    let certified = readiness.wait_for("serving certificate");

    let provider = Arc::new(aws_lc_rs::default_provider());
    let certificate = InUse::default();
    let cluster = Arc::new(Cluster::new(client.clone(), clock.clone(), metrics.clone()));
    let secret = Arc::new(ServingSecret::new(client, namespace));

    let health = process.health_address;
    let endpoint = Endpoint::bind(health, readiness, Arc::new(registry)).await;
    let endpoint = endpoint.map_err(|source| RunError::Listen { address: health, source })?;
    let limits = server::Limits::with_drain_delay(drain_delay.as_std());
    let bound = Server::bind(listen, certificate.clone(), Arc::clone(&provider), limits).await;
    let server = bound.map_err(|source| RunError::Listen { address: listen, source })?;
    announce(&server, &endpoint, ready_file.as_deref()).map_err(RunError::ReadyFile)?;

    let mut tasks = Tasks::new(stop.clone());
    tasks.start("health endpoint", endpoint.serve(stop.clone()));
    tasks.start("namespaces", Arc::clone(&cluster).watch_namespaces(namespaces, stop.clone()));
    tasks.start("policies", Arc::clone(&cluster).watch_policies(policies, stop.clone()));
    tasks.start("discovery", Arc::clone(&cluster).discover(discovered, stop.clone()));
    tasks.start(
        "serving certificate",
        in_use::keep(certificate, secret, provider, clock, metrics.clone(), certified, stop.clone()),
    );
    tasks.start("server", server.serve(router(cluster, metrics, router::Limits::default()), stop));
    listening.done();
    tasks.run(signals, drain_delay.as_std() + GRACE).await.map_err(RunError::Task)
}

/// Tells where we listen: in the log and, for whoever started us on port 0, in a file that appears whole.
fn announce(server: &Server, endpoint: &Endpoint, ready_file: Option<&Path>) -> io::Result<()> {
    let (listen, health) = (server.address()?, endpoint.address()?);
    tracing::info!(%listen, %health, "listening");
    let Some(file) = ready_file else { return Ok(()) };
    let text = serde_json::json!({"listen": listen, "health": health}).to_string();
    sallyport_process::ready_file::write(file, &text)
}
