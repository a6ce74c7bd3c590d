//! The program: starts one device, says where it listens, runs until it is told to stop.

mod args;

use anyhow::Context;
use args::Args;
use clap::Parser;
use panos_sim::{Running, Simulator};
use serde_json::json;
use std::{
    io::Write,
    path::{Path, PathBuf},
};
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .init();
    let args = Args::parse();
    let ready_file = args.ready_file.clone();
    let (options, ca_out) = args.into_options()?;
    let running = Simulator::start(options).await?;
    announce(&running, ca_out, ready_file.as_deref())?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot wait for signals")?;
    tokio::select! {
        _ = terminate.recv() => {}
        stopped = tokio::signal::ctrl_c() => stopped.context("cannot wait for signals")?,
    }
    running.stop().await;
    Ok(())
}

/// Writes the certificate first and the ready file last: who sees the latter finds everything.
fn announce(running: &Running, ca_out: Option<PathBuf>, ready_file: Option<&Path>) -> anyhow::Result<()> {
    if let Some(path) = &ca_out {
        write_whole(path, &running.ca_pem)?;
    }
    let addresses = json!({
        "api": format!("https://{}", running.api_addr),
        "control": format!("http://{}", running.control_addr),
        "data_plane": running.data_plane.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "ca_file": ca_out,
    });
    if let Some(path) = ready_file {
        write_whole(path, &addresses.to_string())?;
    }
    writeln!(std::io::stdout(), "panos-sim ready {addresses}").context("cannot write to standard output")
}

/// A reader sees the whole file or none.
fn write_whole(path: &Path, text: &str) -> anyhow::Result<()> {
    let mut draft = path.as_os_str().to_owned();
    draft.push(".draft");
    std::fs::write(&draft, text).with_context(|| format!("cannot write {}", path.display()))?;
    std::fs::rename(&draft, path).with_context(|| format!("cannot write {}", path.display()))
}
