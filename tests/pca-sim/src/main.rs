//! The program: starts the stand-in, says where it is, and stops on SIGINT or SIGTERM.

mod args;

use std::{io::stderr, path::Path};

use anyhow::Context;
use clap::Parser;
use pca_sim::{Running, Simulator};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::args::Args;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr).init();

    let mut interrupted = signal(SignalKind::interrupt()).context("could not watch for SIGINT")?;
    let mut terminated = signal(SignalKind::terminate()).context("could not watch for SIGTERM")?;
    let running = Simulator::start(args.options()).await.context("pca-sim did not start")?;
    announce(&args, &running)?;
    tracing::info!(
        endpoint = running.endpoint,
        control = running.control,
        ca_arn = running.ca_arn,
        "serving"
    );

    tokio::select! {
        _ = interrupted.recv() => {}
        _ = terminated.recv() => {}
    }
    running.stop().await;
    Ok(())
}

/// Writes the certificates first and the ready file last, so that who sees the one can read the others.
fn announce(args: &Args, running: &Running) -> anyhow::Result<()> {
    let root_out = args.root_out();
    write_whole(&args.ca_out, &running.tls_ca_pem)?;
    write_whole(&root_out, &running.root_pem)?;
    let Some(ready_file) = &args.ready_file else { return Ok(()) };
    let ready = json!({
        "endpoint": running.endpoint,
        "control": running.control,
        "region": running.region,
        "ca_file": args.ca_out,
        "ca_arn": running.ca_arn,
        "ca_arns": running.ca_arns,
        "root_pem_file": root_out,
    });
    write_whole(ready_file, &ready.to_string())
}

/// Writes a file so that nobody sees a part of it.
fn write_whole(path: &Path, text: &str) -> anyhow::Result<()> {
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    std::fs::write(&partial, text)
        .and_then(|()| std::fs::rename(&partial, path))
        .with_context(|| format!("could not write {}", path.display()))
}
