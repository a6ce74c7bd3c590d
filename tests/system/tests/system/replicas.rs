//! Two replicas, and a leader that is only paused: it hangs in the middle of a call, the other one takes
//! over, and then the call goes through after all and the first one wakes.

use std::time::Duration;

use anyhow::{Result, ensure};
use ground::{
    Ground, Team,
    interposer::rules::{Action, Rule},
    program::Program,
    team::Authority,
};
use tokio::time::Instant;

use crate::{
    census::{self, Foreign},
    interposed::{AUTHORITY, PATIENCE, PROGRAMS, Side, joined, options, travel},
    run::{Test, interposed},
};

/// So long the call hangs: longer than the other one needs to take over.
const HANGS: Duration = Duration::from_secs(25);

const POINTS: &[(Side, &str)] = &[
    (Side::Authority, "IssueCertificate"),
    (Side::Firewall, "config multi-config"),
    (Side::Firewall, "commit"),
];

pub(crate) fn tests() -> Vec<Test> {
    let test = |(index, (side, call)): (usize, &(Side, &'static str))| {
        let (side, call) = (*side, *call);
        let name = format!("replicas::a_leader_that_is_only_paused_does_no_harm_at_{}", joined(call, "_"));
        interposed(name, move |g| {
            Box::pin(async move { paused(g, side, call, &format!("paused-{index}")).await })
        })
    };
    POINTS.iter().enumerate().map(test).collect()
}

async fn paused(ground: &Ground, side: Side, call: &str, name: &str) -> Result<()> {
    let options = options(Authority::Aws);
    let team = Team::lay(ground, name, &options).await?;
    let foreign = Foreign::of(&team).await?;
    let turns = (PROGRAMS.write().await, AUTHORITY.write().await);
    let mut armed = side.arm(ground, &team, Rule::first(call, "", Action::Slow(HANGS)))?;
    travel(ground, &team, &options).await?;
    armed.struck(PATIENCE).await?;
    let goes_on = Instant::now() + HANGS;
    let agent = matches!(side, Side::Agent | Side::Authority);
    let mut first = if agent { ground.cert_agent.lock().await } else { ground.policy_sync.lock().await };
    first.pause().await?;
    let mut second =
        if agent { ground.another_cert_agent().await? } else { ground.another_policy_sync().await? };
    let seen = handed_over(&team, &mut first, goes_on).await;
    second.kill().await?;
    drop(first);
    if agent {
        ground.restart_cert_agent().await?
    } else {
        ground.restart_policy_sync().await?
    }
    drop((armed, turns));
    seen?;
    census::exactly_one(ground, &team, Authority::Aws).await?;
    foreign.untouched(&team).await
}

/// The second replica opens the gate; the first, once it wakes, finds that it leads no more and ends.
async fn handed_over(team: &Team<'_>, first: &mut Program, goes_on: Instant) -> Result<()> {
    team.gate_opens("web").await?;
    // The call must arrive while its sender is still there to have sent it.
    tokio::time::sleep_until(goes_on + Duration::from_secs(1)).await;
    first.resume().await?;
    let ended = first.ends().await?;
    ensure!(!ended.success(), "a leader that lost its Lease ends with an error: {ended}");
    Ok(())
}
