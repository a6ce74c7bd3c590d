//! `sallyport path-probe`: answers other probes, tries them from network to network, and reports what it met.
//!
//! It runs in small pods near the workloads, and holds no right but to read one `Firewall` and to write its own report.

mod choose;
mod listener;
mod report;
mod round;
mod session;

use std::{
    collections::BTreeSet,
    io::{self, Write as _},
    net::{IpAddr, SocketAddr},
    process::ExitCode,
    time::Duration,
};

use sallyport_contract::object::PathProof;
use sallyport_process::{clock::Clock, report::chain, shutdown::Signals};
use tokio::{net::TcpListener, time::sleep};

use crate::{cluster, people};

/// Runs in pods: show which ways between the networks of the cluster cross the firewall, by sessions under two names.
///
/// Exit codes: 0 told to stop, 2 it cannot listen.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The Firewall whose spec.pathProof says what is to be tried.
    #[arg(long)]
    firewall: String,
    /// The host name that has the addresses of all probes: a headless Service's.
    #[arg(long)]
    peers: String,
    /// Where this probe listens, at its own address, and where the others are reached.
    #[arg(long, default_value_t = 8443)]
    port: u16,
    /// This pod's address.
    #[arg(long, env = "POD_IP")]
    address: IpAddr,
    /// This pod's name, which is the report's.
    #[arg(long, env = "POD_NAME")]
    pod: String,
    /// This pod's UID: the report goes with the pod.
    #[arg(long, env = "POD_UID")]
    pod_uid: String,
}

/// Until the next try where nothing could be tried.
const AGAIN: Duration = Duration::from_secs(30);

/// Probes until it is told to stop.
pub(crate) fn run(args: &Args) -> ExitCode {
    people::run(answer(args))
}

async fn answer(args: &Args) -> Result<ExitCode, String> {
    let mut signals = Signals::install().map_err(|error| chain(&error))?;
    let own = SocketAddr::new(args.address, args.port);
    let listener = TcpListener::bind(own).await;
    let listener = listener.map_err(|error| format!("cannot listen at {own}: {error}"))?;
    tokio::select! {
        () = signals.next() => {}
        () = listener::serve(listener) => {}
        () = probe(args) => {}
    }
    Ok(ExitCode::SUCCESS)
}

/// Round after round, for ever. What cannot be done is told, and tried again.
async fn probe(args: &Args) {
    let clock = Clock::system();
    let (mut told, mut turn) = (String::new(), 0);
    loop {
        let (words, pause) = match once(args, &clock, turn).await {
            Ok((words, period)) => (words, period),
            Err(words) => (words, AGAIN),
        };
        if words != told {
            // For `kubectl logs`. Who closed standard error does not want to hear it.
            drop(writeln!(io::stderr(), "sallyport path-probe: {words}"));
            told = words;
        }
        turn += 1;
        sleep(pause).await;
    }
}

/// One round and its report; hands back what it came to, and how long until the next.
async fn once(args: &Args, clock: &Clock, turn: usize) -> Result<(String, Duration), String> {
    let client = cluster::client().await?;
    let at = clock.now();
    let proof = report::proof(&client, &args.firewall).await?;
    let others = peers(args).await?;
    let chosen = choose::chosen(&proof, args.address, &others, turn)?;
    let targets = chosen.into_iter().map(|address| SocketAddr::new(address, args.port)).collect();
    let met = round::round(&names(&proof)?, targets).await;
    let words = told(&met);
    report::store(&client, args, at, met).await?;
    Ok((words, proof.period.as_std()))
}

fn names(proof: &PathProof) -> Result<round::Hellos, String> {
    Ok(round::Hellos { control: session::hello(&proof.control)?, canary: session::hello(&proof.canary)? })
}

/// The addresses of all other probes.
async fn peers(args: &Args) -> Result<BTreeSet<IpAddr>, String> {
    let found = tokio::net::lookup_host((args.peers.as_str(), args.port)).await;
    let found = found.map_err(|error| format!("cannot find the other probes at {}: {error}", args.peers))?;
    Ok(found.map(|peer| peer.ip().to_canonical()).filter(|peer| *peer != args.address).collect())
}

/// A round in one line, in which nothing changes while nothing changes.
fn told(met: &[sallyport_contract::object::Met]) -> String {
    let outcomes: BTreeSet<String> = met
        .iter()
        .map(|met| format!("the control {}, the canary {}", met.control.as_str(), met.canary.as_str()))
        .collect();
    match outcomes.is_empty() {
        true => "there is no probe in another network to try".to_owned(),
        false => outcomes.into_iter().collect::<Vec<_>>().join("; elsewhere "),
    }
}
