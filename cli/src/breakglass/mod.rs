//! `sallyport breakglass`: the exact change that lets pods start without the webhook, and the one that undoes it.
//!
//! [`found`] reads what stands in the cluster, as far as it answers; [`words`] tells what to run. Nothing is changed.

mod found;
mod words;

use std::process::ExitCode;

use crate::people::{self, print};

/// For a webhook that is gone: print the exact commands that let pods start without it, and those that undo
/// that. Reads what stands in the cluster where it can, and changes nothing.
///
/// Exit codes: 0 printed, 2 it could not be printed.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Read no cluster: print the change for an install as it stands in manifests/install.
    #[arg(long)]
    offline: bool,
}

/// Prints the change.
pub(crate) fn run(args: &Args) -> ExitCode {
    people::run(answer(args.offline))
}

async fn answer(offline: bool) -> Result<ExitCode, String> {
    let found = if offline { found::Found::default() } else { found::read().await };
    print(&words::of(&found))?;
    Ok(ExitCode::SUCCESS)
}
