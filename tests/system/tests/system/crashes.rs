//! Crashes: each program is killed, as by `kill -9`, before and after every call of the journey that leaves
//! it; afterwards there is one of everything.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use ground::{
    Ground, Team,
    interposer::rules::{Action, Rule},
    team::Authority,
};

use crate::{
    census::{self, Foreign},
    fault_matrix,
    interposed::{AUTHORITY, PATIENCE, PROGRAMS, Side, joined, options, travel},
    run::{Test, interposed, part_of},
};

/// A call at which a program is killed: the n-th of this name that is about the team.
#[derive(Clone, Copy)]
struct Point {
    side: Side,
    call: &'static str,
    nth: u32,
}

const fn point(side: Side, call: &'static str) -> Point {
    Point { side, call, nth: 1 }
}

const fn second(side: Side, call: &'static str) -> Point {
    Point { side, call, nth: 2 }
}

/// Every call of the journey; of the reads from the API server, and of the lists that foreign rules refer to, which
/// change nothing, one.
const POINTS: &[Point] = &[
    point(Side::Agent, "get secrets"),
    point(Side::Agent, "create rolebindings"),
    point(Side::Agent, "apply namespacebindings"),
    point(Side::Agent, "apply namespacebindings/status"),
    point(Side::Agent, "apply workloadidentities"),
    point(Side::Agent, "create nameclaims"),
    point(Side::Agent, "create secrets"),
    second(Side::Agent, "create secrets"),
    point(Side::Agent, "replace secrets"),
    point(Side::Agent, "apply workloadidentities/status"),
    point(Side::Agent, "apply certificateauthorities/status"),
    point(Side::Agent, "apply identitypolicies/status"),
    point(Side::Agent, "create events"),
    point(Side::Authority, "DescribeCertificateAuthority"),
    point(Side::Authority, "GetCertificateAuthorityCertificate"),
    point(Side::Authority, "IssueCertificate"),
    point(Side::Authority, "GetCertificate"),
    point(Side::Syncer, "apply nameclaims/status"),
    second(Side::Syncer, "apply nameclaims/status"),
    point(Side::Syncer, "apply firewalls/status"),
    point(Side::Syncer, "apply workloadidentities/status"),
    point(Side::Syncer, "patch pods/status"),
    point(Side::Syncer, "create events"),
    point(Side::Firewall, "keygen"),
    point(Side::Firewall, "op system"),
    point(Side::Firewall, "config get application"),
    point(Side::Firewall, "config get rules"),
    point(Side::Firewall, "config get service"),
    point(Side::Firewall, "config get tag"),
    point(Side::Firewall, "config get shared application"),
    point(Side::Firewall, "config show application"),
    point(Side::Firewall, "config show rules"),
    point(Side::Firewall, "config show shared application"),
    point(Side::Firewall, "op bad-custom-signature"),
    point(Side::Firewall, "op custom-signature-type"),
    point(Side::Firewall, "op config"),
    point(Side::Firewall, "config show address"),
    point(Side::Firewall, "config multi-config"),
    point(Side::Firewall, "commit"),
    point(Side::Firewall, "op jobs"),
    point(Side::Firewall, "op security-policy-match"),
    point(Side::Webhook, "review deployments"),
    point(Side::Webhook, "review pods"),
];

pub(crate) fn tests() -> Vec<Test> {
    let mut tests = vec![
        interposed("crashes::every_call_of_the_journey_has_its_kill_point_and_its_faults".to_owned(), |g| {
            Box::pin(complete(g))
        }),
        interposed("crashes::the_census_cuts_only_what_is_ours".to_owned(), |_| {
            Box::pin(async { census::only_ours_is_cut() })
        }),
    ];
    let mut sweep = Vec::new();
    for (index, point) in POINTS.iter().enumerate() {
        for (moment, action) in [("before", Action::HoldBefore), ("after", Action::HoldAfter)] {
            let nth = if point.nth == 1 { String::new() } else { format!("_{}", point.nth) };
            let name = format!("crashes::{}::{moment}_{}{nth}", point.side.as_str(), joined(point.call, "_"));
            let team = format!("crash-{index}-{moment}");
            sweep.push(interposed(name, move |g| {
                let (action, team) = (action.clone(), team.clone());
                Box::pin(async move { killed(g, *point, action, &team).await })
            }));
        }
    }
    tests.extend(part_of(sweep));
    tests
}

/// A journey on which the program is killed at the point.
async fn killed(ground: &Ground, point: Point, action: Action, name: &str) -> Result<()> {
    let options = options(Authority::Aws);
    let team = Team::lay(ground, name, &options).await?;
    let foreign = Foreign::of(&team).await?;
    let turn = PROGRAMS.write().await;
    let rule = Rule { nth: point.nth, ..Rule::first(point.call, "", action) };
    let mut armed = point.side.arm(ground, &team, rule)?;
    let crash = async {
        armed.struck(PATIENCE).await?;
        restart(ground, point.side).await?;
        drop(armed);
        anyhow::Ok(())
    };
    // kubectl itself waits for the webhook, which may be the one that is killed.
    tokio::try_join!(travel(ground, &team, &options), crash)?;
    team.gate_opens("web").await?;
    drop(turn);
    census::exactly_one(ground, &team, Authority::Aws).await?;
    foreign.untouched(&team).await
}

async fn restart(ground: &Ground, side: Side) -> Result<()> {
    match side {
        Side::Agent | Side::Authority => ground.restart_cert_agent().await,
        Side::Syncer | Side::Firewall => ground.restart_policy_sync().await,
        Side::Webhook => ground.restart_webhook().await,
    }
}

/// Lists of the firewall that foreign rules refer to: they are read together, and [`POINTS`] has the first.
const REFERRED: [&str; 7] = [
    "address",
    "address-group",
    "application-container",
    "application-filter",
    "application-group",
    "service",
    "service-group",
];

fn is_referred(call: &str) -> bool {
    let list = call.strip_prefix("config show ").unwrap_or_default();
    REFERRED.contains(&list.strip_prefix("shared ").unwrap_or(list))
}

/// A journey without a crash makes no call that has no kill point, or that is never disturbed.
async fn complete(ground: &Ground) -> Result<()> {
    let options = options(Authority::Aws);
    let team = Team::lay(ground, "recorded", &options).await?;
    let foreign = Foreign::of(&team).await?;
    let turn = PROGRAMS.read().await;
    let authority = AUTHORITY.read().await;
    travel(ground, &team, &options).await?;
    team.gate_opens("web").await?;
    drop((authority, turn));
    census::exactly_one(ground, &team, Authority::Aws).await?;
    let known: BTreeSet<(&str, &str)> =
        POINTS.iter().map(|point| (point.side.as_str(), point.call)).collect();
    let mut missing = BTreeSet::new();
    for side in Side::ALL {
        for call in side.proxy(ground, &team)?.calls(side.about(&team, "")) {
            // An event that says the same again is a patch of the first: whether it does is chance.
            let quiet = ["get ", "list ", "watch ", "patch events"];
            let reads = quiet.iter().any(|verb| call.name.starts_with(verb));
            let passed_over = match side {
                Side::Agent | Side::Syncer => reads,
                Side::Firewall => is_referred(&call.name),
                Side::Authority | Side::Webhook => false,
            };
            let killed = known.contains(&(side.as_str(), call.name.as_str()));
            // Faults of the webhook itself are admission's: it fails open or closed, and heals nothing.
            let ill = side == Side::Webhook || fault_matrix::has_stage(side, &call.name);
            if !(passed_over || killed && ill) {
                missing.insert(format!("{} {}", side.as_str(), call.name));
            }
        }
    }
    ensure!(missing.is_empty(), "calls without a kill point or a stage of faults: {missing:?}");
    foreign.untouched(&team).await
}
