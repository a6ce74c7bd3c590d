//! Two replicas. A leader that is only paused: it hangs in the middle of a call, the other one takes over, and then the
//! call goes through after all and the first one wakes. And one that is killed while its commit runs.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use ground::{
    Ground, Team,
    interposer::rules::{Action, Rule},
    program::Program,
    team::{Authority, TeamOptions},
    wait,
};
use serde_json::Value;
use tokio::time::Instant;

use crate::{
    census::{self, Foreign},
    interposed::{AUTHORITY, PATIENCE, PROGRAMS, Side, joined, options, travel},
    run::{Test, interposed},
};

/// So long the call hangs: longer than the other one needs to take over.
const HANGS: Duration = Duration::from_secs(25);

/// So long the commit takes in which the leader is killed.
const COMMIT: Duration = Duration::from_secs(40);

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
    let killed = interposed(
        "replicas::law_9_the_other_replica_takes_over_the_job_of_a_leader_that_was_killed".to_owned(),
        |g| Box::pin(killed(g)),
    );
    POINTS.iter().enumerate().map(test).chain([killed]).collect()
}

/// The leader dies while its commit runs, which goes on for longer than the other one needs to take over.
async fn killed(ground: &Ground) -> Result<()> {
    let options = TeamOptions { commit_time: COMMIT, ..options(Authority::Aws) };
    let team = Team::lay(ground, "killed", &options).await?;
    let foreign = Foreign::of(&team).await?;
    let turn = PROGRAMS.write().await;
    let mut first = ground.policy_sync.lock().await;
    let mut second = ground.another_policy_sync().await?;
    travel(ground, &team, &options).await?;
    let job = wait::until("a job in Firewall.status", wait::GENEROUS, || running_job(ground, &team)).await?;
    first.kill().await?;
    let asked = jobs_asked(&team, &job).await?;
    let taken_over = async {
        wait::until("the other replica to ask about the job", wait::GENEROUS, || async {
            ensure!(jobs_asked(&team, &job).await? > asked, "it has not");
            Ok(())
        })
        .await?;
        ensure!(running_job(ground, &team).await? == job, "the job is still the one that was started");
        team.gate_opens("web").await
    }
    .await;
    second.kill().await?;
    drop(first);
    ground.restart_policy_sync().await?;
    drop(turn);
    taken_over?;
    let log = team.firewall.log().await?;
    let commits: Vec<&Value> = log.iter().filter(|line| line["type"] == "commit").collect();
    ensure!(commits.len() == 1, "{commits:?}");
    let made = commits.first().and_then(|commit| commit["job"].as_u64());
    ensure!(made.is_some() && made == job.parse().ok(), "{commits:?}, not job {job}");
    census::exactly_one(ground, &team, Authority::Aws).await?;
    foreign.untouched(&team).await
}

/// The job that the team's `Firewall` says runs.
async fn running_job(ground: &Ground, team: &Team<'_>) -> Result<String> {
    let object = ground.cluster.kubectl.get(&["fw", &team.name]).await?;
    Ok(object["status"]["job"]["id"].as_str().context("no job yet")?.to_owned())
}

/// How often the firewall was asked about a job.
async fn jobs_asked(team: &Team<'_>, job: &str) -> Result<usize> {
    let question = format!("<show><jobs><id>{job}</id></jobs></show>");
    Ok(team.firewall.log().await?.iter().filter(|line| line["cmd"] == question.as_str()).count())
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
