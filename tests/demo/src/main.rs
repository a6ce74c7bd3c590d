//! `make demo`: the journey from `kubectl apply` to Ready, told to a person who has never seen it.
//!
//! Each step says what it does, shows what came of it, and checks it. A step whose fact is false fails.

mod journey;
mod show;
mod story;

use std::{process::ExitCode, time::Duration};

use clap::Parser;
use ground::{Ground, Options, Team, team};
use serde_json::json;

use crate::story::Story;

/// The journey from kubectl apply to Ready.
#[derive(Parser)]
struct Args {
    /// Leave everything running at the end, to look around.
    #[arg(long, env = "KEEP")]
    keep: Option<String>,
    /// Only start everything but a firewall, and leave it running: for docs/FIRST-FIREWALL.md.
    #[arg(long)]
    ground: bool,
    /// How long the simulated firewall's commits take, in seconds.
    #[arg(long, default_value_t = 4)]
    commit_seconds: u64,
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    if args.ground {
        return match only_ground().await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                story::line(&format!("{error:#}"));
                ExitCode::FAILURE
            }
        };
    }
    let mut story = Story::begin(journey::STEPS);
    let result = tell(&mut story, &args).await;
    story.end(result)
}

async fn only_ground() -> anyhow::Result<()> {
    let ground = start("ground").await?;
    keep(&ground, None).await?;
    ground.stop().await
}

/// Everything but a firewall.
async fn start(folder: &str) -> anyhow::Result<Ground> {
    story::line("Starting, on this machine and without root:");
    let mut options = Options::fresh(folder)?;
    options.job_poll = Duration::from_millis(500);
    Ground::start(options, |what| story::line(&format!("  · {what}"))).await
}

async fn tell(story: &mut Story, args: &Args) -> anyhow::Result<()> {
    story.say("Sallyport: one name, from kubectl apply to the certificate and the firewall rule.\n");
    let ground = start("demo").await?;
    story::line(
        "  · a PAN-OS firewall (simulated), and the objects that the platform and security teams write\n",
    );
    let set_up = team::TeamOptions {
        authority: team::Authority::Aws,
        commit_time: Duration::from_secs(args.commit_seconds),
        firewall_spec: json!({}),
        ..team::TeamOptions::default()
    };
    let shop = Team::start(&ground, "shop", set_up).await?;
    journey::travel(story, &ground, &shop).await?;
    if args.keep.as_deref().is_some_and(|value| !value.is_empty() && value != "0") {
        keep(&ground, Some(&shop)).await?;
    }
    drop(shop);
    ground.stop().await
}

async fn keep(ground: &Ground, shop: Option<&Team<'_>>) -> anyhow::Result<()> {
    let kubectl = &ground.cluster.kubectl;
    let firewall = shop.map(|shop| format!(" The firewall listens on https://{}.", shop.firewall.api));
    story::line(&format!(
        "\nEverything is running. In another terminal:\n\n  export KUBECONFIG={}\n  alias kubectl={}\n  \
         kubectl get wid,fw,nclaim,nsb -A\n\nLogs are in {}.{}\nCtrl-C stops it all.",
        kubectl.kubeconfig.display(),
        kubectl.program.display(),
        ground.folder.display(),
        firewall.unwrap_or_default(),
    ));
    tokio::signal::ctrl_c().await?;
    Ok(())
}
