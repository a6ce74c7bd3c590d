//! What the programs hold when there is nothing to do.

use anyhow::Result;
use ground::Ground;

use crate::report::{Report, line};

/// The memory of each program on a ground that nobody uses yet.
pub(crate) async fn programs(report: &mut Report, ground: &Ground) -> Result<()> {
    line("memory of the programs without work");
    for (name, program) in [
        ("idle.webhook_mib", &ground.webhook),
        ("idle.cert_agent_mib", &ground.cert_agent),
        ("idle.policy_sync_mib", &ground.policy_sync),
    ] {
        report.note(name, program.lock().await.rss_mib()?);
    }
    Ok(())
}
