//! The program: watches, one worker for each firewall, the gates, and the health endpoint.

use std::{path::PathBuf, sync::Arc, time::Duration};

use prometheus_client::registry::Registry;
use sallyport_process::{
    clock::Clock,
    endpoint::Endpoint,
    kubernetes::{ConnectError, connect, connect_behind},
    lease::{Campaign, Fence, Leadership},
    readiness::Readiness,
    shutdown::{Signals, Stop},
    tasks::{TaskError, TaskResult, Tasks},
};

use crate::{
    args::Args,
    arrivals::Arrivals,
    board::Board,
    cycle::{Ports, Settings},
    gates::Gates,
    kubernetes::Kubernetes,
    metrics::Metrics,
    observe::{self, Seen},
    otlp::Exporter,
    panos::Panos,
    worker,
};

/// The Lease of the replica that works.
const LEASE: &str = "sallyport-policy-sync";
/// Longest wait for the tasks to end after a stop: one call to the API server, not one to a firewall.
const GRACE: Duration = Duration::from_secs(10);

/// Why the program ended other than by a signal.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// No way to the API server.
    #[error("no connection to Kubernetes")]
    Connect(#[source] ConnectError),
    /// The health address cannot be used.
    #[error("cannot listen on --health-address")]
    Listen(#[source] std::io::Error),
    /// The ready file cannot be written.
    #[error("cannot write --ready-file {0}")]
    ReadyFile(PathBuf, #[source] std::io::Error),
    /// Traces cannot be sent to that address.
    #[error("cannot send traces to --otlp-endpoint")]
    Collector(#[source] reqwest::Error),
    /// Signals cannot be taken over.
    #[error("cannot wait for signals")]
    Signals(#[source] std::io::Error),
    /// A task ended.
    #[error(transparent)]
    Task(#[from] TaskError),
}

/// Runs until a signal.
///
/// # Errors
/// The program cannot start, or one of its tasks ended by itself.
pub async fn run(args: Args) -> Result<(), RunError> {
    let Args { process, lease, namespace, job_poll, resync, otlp_endpoint, ready_file } = args;
    let signals = Signals::install().map_err(RunError::Signals)?;
    let mut registry = Registry::default();
    let metrics = Metrics::new(&mut registry);
    let (stop, readiness, clock) = (Stop::new(), Readiness::new(), Clock::system());
    let unfenced = connect().await.map_err(RunError::Connect)?;
    let campaign = Campaign::new(unfenced, &namespace, LEASE, lease, clock.clone());
    let leadership = campaign.leadership();
    let client = connect_behind(Fence(leadership.clone())).await.map_err(RunError::Connect)?;
    let (seen, board) = (Seen::default(), Board::default());
    let cluster = Kubernetes::new(client.clone(), clock.clone());
    let mut tasks = Tasks::new(stop.clone());

    let registry = Arc::new(registry);
    observe::kubernetes::start(&mut tasks, &client, &seen, &readiness, &stop);
    let endpoint =
        Endpoint::bind(process.health_address, readiness, registry).await.map_err(RunError::Listen)?;
    let address = endpoint.address().map_err(RunError::Listen)?;
    tasks.start("health endpoint", endpoint.serve(stop.clone()));

    let gates = Gates::new(seen.clone(), board.clone(), cluster.clone(), clock.clone(), metrics.clone());
    let gates = match &otlp_endpoint {
        None => gates,
        Some(endpoint) => {
            let (arrivals, waiting) = Arrivals::traced(metrics.clone());
            let exporter = Exporter::new(endpoint, waiting, metrics.clone()).map_err(RunError::Collector)?;
            tasks.start("traces", exporter.run(stop.clone()));
            gates.telling(arrivals)
        }
    };
    let judging = worker::gates(gates, seen.clone(), board.watch(), stop.clone());
    tasks.start("gates", once_leading(leadership.clone(), stop.clone(), judging));
    let leads = metrics.clone();
    let ports = Ports {
        connect: Panos::new,
        cluster,
        board,
        clock,
        draw: rand::random::<f64>,
        metrics,
        leadership: leadership.clone(),
    };
    let settings = Settings { job_poll, resync };
    let writing = worker::firewalls(seen, ports, settings, stop.clone());
    let writing = async move {
        leads.leads();
        writing.await
    };
    tasks.start("firewalls", once_leading(leadership, stop.clone(), writing));
    tasks.start("lease", campaign.clone().run(stop));

    if let Some(path) = ready_file {
        let text = serde_json::json!({"health": address.to_string()}).to_string();
        sallyport_process::ready_file::write(&path, &text)
            .map_err(|error| RunError::ReadyFile(path, error))?;
    }
    tracing::info!(health = %address, "policy-sync runs");
    let ended = tasks.run(signals, GRACE).await.map_err(RunError::Task);
    campaign.give_back().await;
    ended
}

/// Work that begins when this replica leads.
async fn once_leading(
    leadership: Leadership,
    stop: Stop,
    work: impl Future<Output = TaskResult> + Send,
) -> TaskResult {
    tokio::select! {
        () = stop.wait() => Ok(()),
        () = leadership.won() => work.await,
    }
}
