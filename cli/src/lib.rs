//! The one binary `sallyport`: the programs that run in the cluster, and the commands for people and CI.
//!
//! A library with a thin front, so that what reads files of strangers can be fuzzed: [`document`].

mod breakglass;
mod cert;
mod check;
mod cluster;
mod crds;
mod explain;
mod firewall;
mod hold;
mod manual;
mod people;
mod plan;
mod status;
mod table;
mod terminal;
mod uninstall;
mod version;

use std::{ffi::OsString, io::Write as _, path::Path, process::ExitCode};

pub use check::document;
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
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
    Hold(hold::Args),
    Check(check::Args),
    Plan(plan::Args),
    Status(status::Args),
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
    Uninstall(uninstall::Args),
    Version(version::Args),
    Completion(manual::Completion),
    Man(manual::Man),
}

/// The name under which kubectl finds a plugin, and how people then call it
/// (<https://kubernetes.io/docs/tasks/extend-kubectl/kubectl-plugins/>).
const PLUGIN: (&str, &str) = ("kubectl-sallyport", "kubectl sallyport");

/// Runs what the command line says, the program's own name first.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    let named = args.first().and_then(|path| Path::new(path).file_stem());
    let mut command = Sallyport::command();
    if named.is_some_and(|name| name == PLUGIN.0) {
        command = command.bin_name(PLUGIN.1);
    }
    let read = command.try_get_matches_from(args).and_then(|matches| Sallyport::from_arg_matches(&matches));
    match read {
        Ok(read) => done(read.command),
        Err(told) => {
            // Help and version come this way too. Who closed standard error does not want to hear it.
            drop(told.print());
            ExitCode::from(u8::try_from(told.exit_code()).unwrap_or(u8::MAX))
        }
    }
}

fn done(command: Command) -> ExitCode {
    match command {
        Command::Webhook(args) => program(&args.process.clone(), sallyport_webhook::run(args)),
        Command::CertAgent(args) => program(&args.process.clone(), sallyport_cert_agent::run(args)),
        Command::PolicySync(args) => program(&args.process.clone(), sallyport_policy_sync::run(args)),
        Command::Hold(args) => return hold::run(&args),
        Command::Check(args) => return check::run(&args),
        Command::Plan(args) => return plan::run(&args),
        Command::Status(args) => return status::run(&args),
        Command::Explain(args) => return explain::run(&args),
        Command::Breakglass(args) => return breakglass::run(&args),
        Command::Firewall(command) => return firewall::run(command),
        Command::Cert(command) => return cert::run(command),
        Command::Uninstall(args) => return uninstall::run(&args),
        Command::Version(args) => version::run(&args),
        Command::Crds(args) => crds::run(&args),
        Command::Completion(args) => manual::complete(&args, Sallyport::command()),
        Command::Man(args) => manual::pages(&args, Sallyport::command()),
    }
    .map_or_else(
        |error| {
            // Who closed standard error does not want to hear it.
            drop(writeln!(std::io::stderr(), "sallyport: {error}"));
            ExitCode::FAILURE
        },
        |()| ExitCode::SUCCESS,
    )
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
