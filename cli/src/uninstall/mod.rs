//! `sallyport uninstall`: what is left of Sallyport in a cluster, what it does there, and how it goes.
//!
//! [`kinds`] what an install consists of · [`left`] what of it is found · [`words`] what is told · [`undo`] how it goes.

mod kinds;
mod left;
mod undo;
mod words;

use std::process::ExitCode;

use crate::{
    cluster::client,
    people::{self, print},
};

/// The exit code of something that is left.
const LEFT: u8 = 1;

/// Tell what is left of Sallyport in the cluster after, or instead of, an uninstall, and what it does there; with --yes, take
/// it away: first what refuses requests. Entries on firewalls are not touched.
///
/// Exit codes: 0 nothing is left, or it was taken away; 1 something is left; 2 it could not be found out or done.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Take it away: webhook, guards, programs and their rights, and what keeps a deleted Firewall from going.
    #[arg(long)]
    yes: bool,
    /// Also the definitions, with every policy, firewall, identity and claim; and our namespaces, with the firewalls'
    /// credentials and the state of certificates.
    #[arg(long)]
    purge: bool,
}

/// Tells it, and does it if so told.
pub(crate) fn run(args: &Args) -> ExitCode {
    people::run(answer(args.yes, args.purge))
}

async fn answer(yes: bool, purge: bool) -> Result<ExitCode, String> {
    let client = client().await?;
    let found = left::read(&client).await;
    print(&words::of(&found, purge))?;
    if !yes {
        print(&words::offer(&found, purge))?;
        let clean = found.objects.is_empty() && found.unread.is_empty();
        return Ok(if clean { ExitCode::SUCCESS } else { ExitCode::from(LEFT) });
    }
    // Who closed standard output does not want to hear it, and what was begun is ended all the same.
    undo::run(&client, &found, purge, |step| drop(print(&format!("{step}\n")))).await?;
    Ok(ExitCode::SUCCESS)
}
