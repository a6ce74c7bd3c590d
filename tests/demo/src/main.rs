//! `make demo`: the journey from `kubectl apply` to Ready, told to a person who has never seen it.
//!
//! Each step says what it does, shows what came of it, and checks it. A step whose fact is false fails.

mod journey;
mod show;
mod stage;
mod story;

use std::{process::ExitCode, time::Duration};

use clap::Parser;
use ground::{Ground, Options, Site, Team, team};
use node::{NodeGround, workload::Client};

use crate::{stage::Stage, story::Story};

/// The journey from kubectl apply to Ready.
#[derive(Parser)]
struct Args {
    /// Leave everything running at the end, to look around.
    #[arg(long, env = "KEEP")]
    keep: Option<String>,
    /// Only start everything but a firewall, and leave it running: for docs/FIRST-FIREWALL.md.
    #[arg(long)]
    ground: bool,
    /// On a real node, in the namespaces of tests/node/run.sh: containers run, and the chart is installed.
    #[arg(long)]
    node: bool,
    /// How long the simulated firewall's commits take, in seconds.
    #[arg(long, default_value_t = 4)]
    commit_seconds: u64,
}

impl Args {
    fn keeps(&self) -> bool {
        self.keep.as_deref().is_some_and(|value| !value.is_empty() && value != "0")
    }
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
    keep(&ground, None, None).await?;
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
    if args.node { on_a_node(story, args).await } else { on_this_machine(story, args).await }
}

async fn on_this_machine(story: &mut Story, args: &Args) -> anyhow::Result<()> {
    let ground = start("demo").await?;
    let shop = team(&ground, args).await?;
    journey::travel(story, &Stage::Machine(&ground), &shop).await?;
    if args.keeps() {
        keep(&ground, Some(&shop), None).await?;
    }
    drop(shop);
    ground.stop().await
}

/// There is nothing to stop: the namespaces end it all.
async fn on_a_node(story: &mut Story, args: &Args) -> anyhow::Result<()> {
    story::line("Starting, on a real node in namespaces of its own:");
    let ground = NodeGround::start("demo-node", |what| story::line(&format!("  · {what}"))).await?;
    let client = Client::start(&ground.cluster, "callers").await?;
    let shop = team(&ground, args).await?;
    journey::travel(story, &Stage::Node(&ground, client), &shop).await?;
    if args.keeps() {
        keep(&ground, Some(&shop), Some("nsenter --all --target $(pgrep -nx demo) bash")).await?;
    }
    Ok(())
}

/// What the platform and security teams write, and their firewall.
async fn team<'g>(ground: &'g dyn Site, args: &Args) -> anyhow::Result<Team<'g>> {
    story::line(
        "  · a PAN-OS firewall (simulated), and the objects that the platform and security teams write\n",
    );
    let options = team::TeamOptions {
        authority: team::Authority::Aws,
        commit_time: Duration::from_secs(args.commit_seconds),
        ..team::TeamOptions::default()
    };
    Team::start(ground, "shop", options).await
}

/// Tells how to look around, and waits. `enter` is what to say first, where that is not enough.
async fn keep(ground: &dyn Site, shop: Option<&Team<'_>>, enter: Option<&str>) -> anyhow::Result<()> {
    let kubectl = &ground.cluster().kubectl;
    let enter = enter.map(|command| format!("{command}\n  ")).unwrap_or_default();
    let firewall = shop.map(|shop| format!(" The firewall listens on https://{}.", shop.firewall.api));
    story::line(&format!(
        "\nEverything is running. In another terminal:\n\n  {enter}export KUBECONFIG={}\n  alias kubectl={}\n  \
         kubectl get wid,fw,nclaim,nsb -A\n\nLogs are in {}.{}\nCtrl-C stops it all.",
        kubectl.kubeconfig.display(),
        kubectl.program.display(),
        ground.folder().display(),
        firewall.unwrap_or_default(),
    ));
    tokio::signal::ctrl_c().await?;
    Ok(())
}
