//! The one binary `sallyport`: the programs that run in the cluster, and the commands for people and CI.

mod breakglass;
mod cert;
mod check;
mod cluster;
mod crds;
mod explain;
mod firewall;
mod people;
mod table;
mod terminal;

use std::{io::Write as _, process::ExitCode};

use clap::{Parser, Subcommand};
use sallyport_process::{args::ProcessArgs, logs, report};

/// Certificates and firewall rules for the same name, proven before a pod is Ready.
#[derive(Parser)]
#[command(name = "sallyport", version, disable_help_subcommand = true)]
struct Sallyport {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the admission server: derives names and injects them. Reads only.
    Webhook(sallyport_webhook::args::Args),
    /// Run the certificate agent: makes identities, claims names, issues and renews certificates.
    CertAgent(sallyport_cert_agent::args::Args),
    /// Run the policy syncer: makes the firewall agree, proves it, opens the pods' gates.
    PolicySync(sallyport_policy_sync::args::Args),
    Check(check::Args),
    Explain(explain::Args),
    Breakglass(breakglass::Args),
    /// For people: how a firewall stands, what would be changed on it, what stands in the way, and the brake on one name.
    #[command(subcommand)]
    Firewall(firewall::Command),
    /// For people: how certificates stand, and what may be asked of one identity: a new one, or the end of its own.
    #[command(subcommand)]
    Cert(cert::Command),
    /// Print the custom resource definitions, as manifests/crds holds them.
    Crds(crds::Args),
}

fn main() -> ExitCode {
    match run(Sallyport::parse().command) {
        Ok(code) => code,
        Err(error) => {
            // Who closed standard error does not want to hear it.
            drop(writeln!(std::io::stderr(), "sallyport: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<ExitCode, String> {
    match command {
        Command::Webhook(args) => program(&args.process.clone(), sallyport_webhook::run(args)),
        Command::CertAgent(args) => program(&args.process.clone(), sallyport_cert_agent::run(args)),
        Command::PolicySync(args) => program(&args.process.clone(), sallyport_policy_sync::run(args)),
        Command::Check(args) => return Ok(check::run(&args)),
        Command::Explain(args) => return Ok(explain::run(&args)),
        Command::Breakglass(args) => return Ok(breakglass::run(&args)),
        Command::Firewall(command) => return Ok(firewall::run(command)),
        Command::Cert(command) => return Ok(cert::run(command)),
        Command::Crds(args) => crds::run(&args),
    }
    .map(|()| ExitCode::SUCCESS)
}

/// Runs one of the programs until it ends.
fn program<E: std::error::Error>(
    args: &ProcessArgs,
    work: impl Future<Output = Result<(), E>>,
) -> Result<(), String> {
    logs::init(&args.log, args.log_format).map_err(|error| report::chain(&error))?;
    // Two worker threads: each program waits far more than it computes, and stacks cost memory.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|error| report::chain(&error))?;
    runtime.block_on(work).map_err(|error| {
        let text = report::chain(&error);
        tracing::error!(error = text, "stopped");
        text
    })
}
