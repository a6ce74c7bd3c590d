//! `make bench`: measures admission, the journey, thousands of identities and their certificates, prints the figures, and
//! writes `target/bench/report.json`. These machines may be shared: compare medians, not single runs. Words on the command
//! line limit it to `admission` (with the journey and the firewall) or `certificates`.

mod admission;
mod certificates;
mod firewall;
mod journey;
mod report;

use std::{process::ExitCode, time::Duration};

use anyhow::Result;
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

async fn measure(report: &mut Report) -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let asked = |part: &str| words.is_empty() || words.iter().any(|word| word == part);
    if asked("admission") {
        admission_to_firewall(report).await?;
    }
    if asked("certificates") {
        certificates::measure(report).await?;
    }
    Ok(())
}

async fn admission_to_firewall(report: &mut Report) -> Result<()> {
    admission::in_process(report)?;
    let mut options = Options::fresh("bench")?;
    options.job_poll = Duration::from_secs(2);
    let ground = Ground::start(options, |what| report::line(&format!("starting {what}"))).await?;
    admission::over_https(report, &ground).await?;
    journey::cold_and_warm(report, &ground).await?;
    firewall::thousands(report, &ground).await?;
    ground.stop().await?;
    firewall::of_the_sdk(report).await
}
