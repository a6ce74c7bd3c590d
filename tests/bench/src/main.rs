//! `make bench`: measures admission, the check, the journey, thousands of identities and their certificates, prints the
//! figures, and writes `target/bench/report.json`. These machines may be shared: compare medians, not single runs. Words
//! on the command line limit it to those parts; `node` is measured by its word alone, in the namespaces of tests/node/run.sh.

mod admission;
mod certificates;
mod check;
mod firewall;
mod idle;
mod journey;
mod node;
mod report;
mod webhook;

use std::{process::ExitCode, time::Duration};

use anyhow::{Result, ensure};
use ground::{Ground, Options};

use crate::report::Report;

#[tokio::main]
async fn main() -> ExitCode {
    let mut report = Report::default();
    let measured = measure(&mut report).await;
    let written = report.write();
    match measured.and(written) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report::line(&format!("bench: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// The parts, in their order.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Idle,
    Admission,
    Check,
    Journey,
    Firewall,
    Certificates,
    Node,
}

impl Part {
    const ALL: [Self; 7] = [
        Self::Idle,
        Self::Admission,
        Self::Check,
        Self::Journey,
        Self::Firewall,
        Self::Certificates,
        Self::Node,
    ];

    const fn word(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Admission => "admission",
            Self::Check => "check",
            Self::Journey => "journey",
            Self::Firewall => "firewall",
            Self::Certificates => "certificates",
            Self::Node => "node",
        }
    }

    /// What the command line asks for; without a word all that needs no root.
    fn asked() -> Result<Vec<Self>> {
        let words: Vec<String> = std::env::args().skip(1).collect();
        for word in &words {
            ensure!(Self::ALL.iter().any(|part| part.word() == word), "{word:?} is no part of the bench");
        }
        Ok(Self::ALL
            .into_iter()
            .filter(|part| match words.as_slice() {
                [] => *part != Self::Node,
                words => words.iter().any(|word| word == part.word()),
            })
            .collect())
    }
}

async fn measure(report: &mut Report) -> Result<()> {
    let parts = Part::asked()?;
    let asked = |part: Part| parts.contains(&part);
    if asked(Part::Admission) {
        admission::in_process(report)?;
    }
    if asked(Part::Check) {
        check::deployments(report).await?;
    }
    if [Part::Idle, Part::Admission, Part::Journey, Part::Firewall].into_iter().any(asked) {
        on_one_ground(report, asked).await?;
    }
    if asked(Part::Firewall) {
        firewall::of_the_sdk(report).await?;
    }
    if asked(Part::Certificates) {
        certificates::measure(report).await?;
    }
    if asked(Part::Node) {
        node::measure(report).await?;
    }
    Ok(())
}

async fn on_one_ground(report: &mut Report, asked: impl Fn(Part) -> bool) -> Result<()> {
    let mut options = Options::fresh("bench")?;
    options.job_poll = Duration::from_secs(2);
    let ground = Ground::start(options, |what| report::line(&format!("starting {what}"))).await?;
    if asked(Part::Idle) {
        idle::programs(report, &ground).await?;
    }
    // Before the crowd of policies and namespaces: the journey is that of a quiet cluster.
    if asked(Part::Journey) {
        journey::cold_and_warm(report, &ground, "journey").await?;
    }
    if asked(Part::Admission) {
        webhook::over_https(report, &ground).await?;
        if asked(Part::Journey) {
            journey::cold_and_warm(report, &ground, "crowded_journey").await?;
        }
    }
    if asked(Part::Firewall) {
        firewall::thousands(report, &ground).await?;
    }
    ground.stop().await
}
