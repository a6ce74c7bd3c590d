//! The program: starts a firewall, a pair or a Panorama, says where it listens, runs until it is told to stop.

mod args;

use anyhow::Context;
use args::{Args, Role};
use clap::Parser;
use panos_sim::{Running, RunningPair, Simulator};
use serde_json::{Map, Value, json};
use std::{io::Write, path::Path};
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .init();
    let args = Args::parse();
    let started = Started::of(args.role()?).await?;
    announce(&args, &started)?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot wait for signals")?;
    tokio::select! {
        _ = terminate.recv() => {}
        stopped = tokio::signal::ctrl_c() => stopped.context("cannot wait for signals")?,
    }
    started.stop().await;
    Ok(())
}

/// Everything that runs in this process.
struct Started {
    first: Running,
    peer: Option<Running>,
    firewalls: Vec<Running>,
}

impl Started {
    async fn of(role: Role) -> anyhow::Result<Self> {
        Ok(match role {
            Role::Firewall(options) => {
                Self { first: Simulator::start(*options).await?, peer: None, firewalls: Vec::new() }
            }
            Role::Pair(pair) => {
                let (first, second) = *pair;
                let RunningPair { first, second } = Simulator::start_pair(first, second).await?;
                Self { first, peer: Some(second), firewalls: Vec::new() }
            }
            Role::Panorama(options) => {
                let running = Simulator::start_panorama(*options).await?;
                Self { first: running.panorama, peer: running.peer, firewalls: running.firewalls }
            }
        })
    }

    fn all(&self) -> impl Iterator<Item = &Running> {
        std::iter::once(&self.first).chain(&self.peer).chain(&self.firewalls)
    }

    async fn stop(self) {
        self.first.stop().await;
        for running in self.peer.into_iter().chain(self.firewalls) {
            running.stop().await;
        }
    }
}

/// Writes the certificates first and the ready file last: who sees the latter finds everything.
fn announce(args: &Args, started: &Started) -> anyhow::Result<()> {
    if let Some(path) = &args.ca_out {
        let bundle: String = started.all().map(|running| running.ca_pem.as_str()).collect();
        write_whole(path, &bundle)?;
    }
    if let (Some(path), Some(peer)) = (&args.peer_ready_file, &started.peer) {
        write_whole(path, &addresses(args, peer, &started.firewalls).to_string())?;
    }
    let addresses = addresses(args, &started.first, &started.firewalls);
    if let Some(path) = &args.ready_file {
        write_whole(path, &addresses.to_string())?;
    }
    writeln!(std::io::stdout(), "panos-sim ready {addresses}").context("cannot write to standard output")
}

/// Where a device listens, and of a Panorama each firewall by its serial number.
fn addresses(args: &Args, running: &Running, firewalls: &[Running]) -> Value {
    let mut told = listening(running);
    told.insert("ca_file".to_owned(), json!(args.ca_out));
    if !firewalls.is_empty() {
        let devices: Map<String, Value> = firewalls
            .iter()
            .map(|firewall| (firewall.serial.clone(), Value::Object(listening(firewall))))
            .collect();
        told.insert("devices".to_owned(), Value::Object(devices));
    }
    Value::Object(told)
}

fn listening(running: &Running) -> Map<String, Value> {
    let data_plane: Vec<String> = running.data_plane.iter().map(ToString::to_string).collect();
    Map::from_iter([
        ("api".to_owned(), json!(format!("https://{}", running.api_addr))),
        ("control".to_owned(), json!(format!("http://{}", running.control_addr))),
        ("data_plane".to_owned(), json!(data_plane)),
    ])
}

/// A reader sees the whole file or none.
fn write_whole(path: &Path, text: &str) -> anyhow::Result<()> {
    let mut draft = path.as_os_str().to_owned();
    draft.push(".draft");
    std::fs::write(&draft, text).with_context(|| format!("cannot write {}", path.display()))?;
    std::fs::rename(&draft, path).with_context(|| format!("cannot write {}", path.display()))
}
