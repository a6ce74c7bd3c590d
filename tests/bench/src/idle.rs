//! What the programs hold when there is nothing to do, and how soon the webhook answers.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use ground::{Ground, wait};

use crate::report::{Report, line, quantile};

/// How often the webhook is started.
const STARTS: usize = 11;

/// The memory of each program on a ground that nobody uses yet, and the median of the webhook's starts.
pub(crate) async fn programs(report: &mut Report, ground: &Ground) -> Result<()> {
    line("memory of the programs without work");
    for (name, program) in [
        ("webhook", &ground.webhook),
        ("cert_agent", &ground.cert_agent),
        ("policy_sync", &ground.policy_sync),
    ] {
        let program = program.lock().await;
        report.note(format!("idle.{name}_mib"), program.rss_mib()?);
        report.note(format!("idle.{name}_own_mib"), program.own_mib()?);
    }
    line("from the start of a webhook's process until it is ready");
    let mut times = Vec::with_capacity(STARTS);
    for _ in 0..STARTS {
        times.push(start(ground).await?.as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    report.note("start.webhook_ms", quantile(&times, 0.5));
    report.note("start.webhook_slowest_ms", times.last().copied().context("no start")?);
    Ok(())
}

/// How long one more replica takes.
async fn start(ground: &Ground) -> Result<Duration> {
    let (mut program, replica) = ground.aside_webhook("webhook-started").await?;
    wait::closely("the webhook to be ready", wait::GENEROUS, || async {
        ensure!(replica.is_ready().await?, "not yet");
        Ok(())
    })
    .await?;
    let took = program.begun.elapsed();
    program.kill().await?;
    Ok(took)
}
