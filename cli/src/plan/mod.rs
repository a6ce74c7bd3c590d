//! `sallyport plan`: what a merge would change on the firewall and at the CA, before it is merged.
//!
//! [`side`] judges what is and what would be · [`changes`] what differs between them · [`firewall`] what that is on each
//! firewall, by the policy syncer's own code · [`live`] what is, where a cluster is asked · [`print`] for people.

mod changes;
mod firewall;
mod live;
mod print;
mod side;

use std::{path::PathBuf, process::ExitCode};

use side::{Given, Side};

use crate::people;

/// What a merge would change: names, App-IDs, rules, commits and certificates. Reads only.
///
/// Exit codes: 0 nothing is refused, 1 something is, 2 nothing is but something could not be judged.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Files and folders with the manifests as they would be; `-` reads standard input.
    #[arg(long, required = true, num_args = 1.., value_name = "PATH")]
    after: Vec<PathBuf>,
    /// The same as they are. Without it, and without --from-cluster, there is nothing yet.
    #[arg(long, num_args = 1.., value_name = "PATH", conflicts_with = "from_cluster")]
    before: Vec<PathBuf>,
    /// What is, is what the cluster of KUBECONFIG holds of the same workloads. Policies, namespaces and firewalls are
    /// taken from there too, where the manifests do not hold them. Workloads that are not among the manifests stay as they
    /// are.
    #[arg(long)]
    from_cluster: bool,
    /// Policies, firewalls and namespaces that are the same on both sides.
    #[arg(long, num_args = 1.., value_name = "PATH")]
    with: Vec<PathBuf>,
    /// The namespace of manifests that name none.
    #[arg(long, short, default_value = "default")]
    namespace: String,
    /// A namespace that carries the label `sallyport.dev/inject: enabled`, where no manifest of it says so. May be given
    /// more than once.
    #[arg(long, value_name = "NAMESPACE")]
    enabled: Vec<String>,
    /// Each change on a firewall as a line of its CLI.
    #[arg(long)]
    lines: bool,
    /// The bodies of the multi-config requests instead, as they would be sent.
    #[arg(long, conflicts_with = "lines")]
    xml: bool,
}

/// Tells what would change; what keeps it from an answer is told and ends with 2.
pub(crate) fn run(args: &Args) -> ExitCode {
    people::run(answer(args))
}

async fn answer(args: &Args) -> Result<ExitCode, String> {
    let (before, mut after) = if args.from_cluster { live::sides(args).await? } else { of_files(args) };
    after.keep(&before);
    people::print(&tell(args, &before, &after)?)?;
    Ok(ExitCode::from(after.code()))
}

fn of_files(args: &Args) -> (Side, Side) {
    let side = |paths: &[PathBuf]| Side::of(Given::new(args).files(paths));
    (side(&args.before), side(&args.after))
}

fn tell(args: &Args, before: &Side, after: &Side) -> Result<String, String> {
    let changes = changes::between(before, after);
    let firewalls = firewall::plans(before, after)?;
    let how = match (args.lines, args.xml) {
        (_, true) => print::Detail::Requests,
        (true, false) => print::Detail::Lines,
        (false, false) => print::Detail::Counts,
    };
    Ok(print::print(&changes, &firewalls, after, how))
}

#[cfg(test)]
mod tests;
