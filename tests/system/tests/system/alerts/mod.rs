//! Alerts, rehearsed: the fault is caused, what the programs then export makes the alert fire in Prometheus' own
//! evaluation of the shipped rules, and the command that docs/ALERTS.md gives for it names the cause.

mod certificates;
mod firewalls;
mod pods;
mod prometheus;
mod runbook;
mod webhook;

use std::{collections::BTreeSet, time::Duration};

use anyhow::{Result, ensure};
use ground::{Ground, Options, program::Program, wait};
use tokio::sync::Mutex;

use self::{
    prometheus::{Prometheus, Scrape},
    runbook::Runbook,
};
use crate::run::{Test, by_itself};

/// Those that are not rehearsed here, and why.
const ELSEWHERE: [(&str, &str); 2] = [
    (
        "SallyportWebhookCacheBehind",
        "a watch that breaks off: webhook/tests/outages.rs has an API server that does it",
    ),
    (
        "SallyportRenewalsOverdue",
        "takes seven eighths of a life: cert-agent's flow tests have a clock that jumps",
    ),
];

pub(crate) fn tests() -> Vec<Test> {
    vec![by_itself("alerts::each_fires_at_its_fault_and_its_runbook_leads_to_the_cause", |_| {
        Box::pin(rehearsals())
    })]
}

async fn rehearsals() -> Result<()> {
    let options = Options {
        resync: Duration::from_secs(5),
        job_poll: Duration::from_millis(300),
        ..Options::fresh("alerts")?
    };
    let ground = Ground::start(options, |_| {}).await?;
    let drill = Drill {
        prometheus: Prometheus::new(&ground.folder).await?,
        runbook: Runbook::new(&ground)?,
        rehearsed: std::sync::Mutex::default(),
        ground: &ground,
    };
    pods::all(&drill).await?;
    certificates::all(&drill).await?;
    firewalls::all(&drill).await?;
    webhook::all(&drill).await?;
    // These end what the others need.
    leaderless(&drill, "SallyportCertAgentHasNoLeader", &ground.cert_agent).await?;
    webhook::certificate_ends(&drill).await?;
    leaderless(&drill, "SallyportPolicySyncHasNoLeader", &ground.policy_sync).await?;
    webhook::down(&drill).await?;
    let mut known: BTreeSet<String> = drill.rehearsed.lock().map(|all| all.clone()).unwrap_or_default();
    known.extend(ELSEWHERE.map(|(alert, _)| alert.to_owned()));
    let all = drill.prometheus.alerts();
    ensure!(known == all, "rehearsed or excused are {known:?}, and the alerts are {all:?}");
    drop(drill);
    ground.stop().await
}

/// The only replica of a program is gone.
async fn leaderless(drill: &Drill<'_>, alert: &'static str, program: &Mutex<Program>) -> Result<()> {
    let quiet = drill.quiet(alert).await?;
    let mut program = program.lock().await;
    program.kill().await?;
    quiet.fires().await?.names_the_last_holder_of_the_lease(&program.name).await
}

/// Rehearsals on one ground.
struct Drill<'g> {
    ground: &'g Ground,
    prometheus: Prometheus,
    runbook: Runbook,
    rehearsed: std::sync::Mutex<BTreeSet<String>>,
}

/// A rehearsal that has begun: the alert is quiet, and the fault is about to come.
struct Quiet<'d> {
    drill: &'d Drill<'d>,
    alert: &'static str,
    before: Scrape,
}

impl Drill<'_> {
    /// Waits until the alert does not fire.
    async fn quiet(&self, alert: &'static str) -> Result<Quiet<'_>> {
        let before = wait::until(&format!("{alert} to be quiet"), wait::GENEROUS, || async {
            let now = self.prometheus.scrape(self.ground).await?;
            ensure!(!self.prometheus.fires(alert, &now, &now).await?, "it fires: {now:?}");
            Ok(now)
        })
        .await?;
        Ok(Quiet { drill: self, alert, before })
    }
}

impl Quiet<'_> {
    /// Waits until the alert would fire if things stay as they are.
    async fn fires(self) -> Result<Fires> {
        let Self { drill, alert, before } = self;
        wait::until(&format!("{alert} to fire"), wait::GENEROUS, || async {
            let now = drill.prometheus.scrape(drill.ground).await?;
            ensure!(drill.prometheus.fires(alert, &before, &now).await?, "it does not: {now:?}");
            Ok(())
        })
        .await?;
        if let Ok(mut rehearsed) = drill.rehearsed.lock() {
            rehearsed.insert(alert.to_owned());
        }
        Ok(Fires { section: drill.runbook.section(alert)? })
    }
}

/// An alert that fires, for the person who is called.
struct Fires {
    section: runbook::Section,
}

impl Fires {
    /// Types the section's command that begins so, with its placeholders filled in, until it says all of these words.
    async fn command(&self, begins: &str, filled: &[(&str, &str)], words: &[&str]) -> Result<()> {
        let command = self.section.command(begins, filled)?;
        wait::until(&format!("`{command}` to name the cause"), wait::GENEROUS, || async {
            let said = self.section.typed(&command).await?;
            let missing: Vec<_> = words.iter().filter(|words| !said.contains(**words)).collect();
            ensure!(missing.is_empty(), "no {missing:?} in: {said}");
            Ok(())
        })
        .await
    }

    /// Types the section's command for the Lease of a program: it says who held it, and when that was renewed last.
    async fn names_the_last_holder_of_the_lease(&self, program: &str) -> Result<()> {
        let lease = format!("kubectl -n sallyport-system get lease sallyport-{program}");
        self.command(&lease, &[], &[&format!("holderIdentity: {program}"), "renewTime"]).await
    }

    /// The section sends its reader to a log; there stand these words. Here the programs are no pods, so their log is a file.
    fn log(&self, program: &Program, words: &str) -> Result<()> {
        ensure!(self.section.text.contains("log"), "the section names no log: {}", self.section.text);
        let log = std::fs::read_to_string(&program.log)?;
        ensure!(log.contains(words), "no {words:?} in {}", program.log.display());
        Ok(())
    }
}
