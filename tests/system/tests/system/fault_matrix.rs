//! Every fault at every stage: while it lasts the gate says why, in the far side's words; others go on;
//! afterwards it heals by itself, with one of everything and nothing of others' touched.

use std::time::Duration;

use anyhow::Result;
use ground::{
    Ground, Team,
    interposer::rules::{Action, Refusal, Rule, Times},
    team::Authority,
};
use serde_json::json;

use crate::{
    census::{self, Foreign},
    faults::others_go_on,
    interposed::{AUTHORITY, PATIENCE, PROGRAMS, Side, joined, options, travel},
    run::{Test, interposed},
};

/// What is wrong with the far side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// The connection ends, and nothing took effect.
    Unreachable,
    /// The answer takes its time.
    Slow,
    /// The far side refuses, in words of its own.
    Refused,
    /// It takes effect, and the answer is lost.
    Cut,
}

impl Fault {
    const ALL: [Self; 4] = [Self::Unreachable, Self::Slow, Self::Refused, Self::Cut];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Slow => "slow",
            Self::Refused => "refused",
            Self::Cut => "cut_after_it_took_effect",
        }
    }

    fn action(self, side: Side) -> Action {
        match self {
            Self::Unreachable => Action::CutBefore,
            Self::Slow => Action::Slow(SLOW),
            Self::Refused => Action::Refuse(refusal(side)),
            Self::Cut => Action::Cut,
        }
    }

    /// What the gate says of it, the far side's words included.
    const fn words(self) -> &'static str {
        match self {
            Self::Refused => WORDS,
            Self::Unreachable | Self::Slow | Self::Cut => "peer closed connection",
        }
    }
}

const SLOW: Duration = Duration::from_secs(2);
const WORDS: &str = "closed for stocktaking";
/// Strikes of a fault that is too short to be told.
const SHORT: Times = Times::Number(2);

/// How a far side says that it cannot serve anybody now.
fn refusal(side: Side) -> Refusal {
    let (status, content_type, body) = match side {
        Side::Firewall => {
            let body =
                format!("<response status=\"error\" code=\"11\"><msg><line>{WORDS}</line></msg></response>");
            (200, "application/xml", body)
        }
        Side::Authority => {
            let body = json!({"__type": "InternalFailure", "message": WORDS});
            (500, "application/x-amz-json-1.1", body.to_string())
        }
        Side::Agent | Side::Syncer | Side::Webhook => {
            let body = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                "message": WORDS, "reason": "ServiceUnavailable", "code": 503});
            (503, "application/json", body.to_string())
        }
    };
    Refusal { status, content_type, body }
}

/// What is told of a fault at a stage.
#[derive(Clone, Copy)]
enum Told {
    /// This reason, as long as the fault lasts.
    Always(&'static str),
    /// This reason, but once the call took effect the journey goes on without its answer.
    UnlessItTookEffect(&'static str),
    /// Nothing: what fails is the telling itself, or it is tried again before anybody would have read it.
    Nothing,
}

struct Stage {
    side: Side,
    call: &'static str,
    told: Told,
    /// Whether another team is watched meanwhile: at one stage of each side, for it takes long.
    others: bool,
}

const fn stage(side: Side, call: &'static str, told: Told) -> Stage {
    Stage { side, call, told, others: false }
}

const fn watched(side: Side, call: &'static str, told: Told) -> Stage {
    Stage { side, call, told, others: true }
}

const AWAY: Told = Told::Always("FirewallUnreachable");
const WRITTEN: Told = Told::UnlessItTookEffect("FirewallUnreachable");
const NO_CA: Told = Told::Always("AuthorityUnavailable");
const NOT_STORED: Told = Told::Always("AwaitingFirewall");
const NO_ENTRY: Told = Told::UnlessItTookEffect("AwaitingFirewall");
const NO_STATE: Told = Told::UnlessItTookEffect("AwaitingCertificate");

const STAGES: &[Stage] = &[
    stage(Side::Firewall, "keygen", AWAY),
    stage(Side::Firewall, "op system", AWAY),
    stage(Side::Firewall, "config get application", AWAY),
    stage(Side::Firewall, "config get rules", AWAY),
    stage(Side::Firewall, "config get service", AWAY),
    stage(Side::Firewall, "config get tag", AWAY),
    stage(Side::Firewall, "config get shared application", AWAY),
    stage(Side::Firewall, "config show application", AWAY),
    stage(Side::Firewall, "config show rules", AWAY),
    stage(Side::Firewall, "config show shared application", AWAY),
    stage(Side::Firewall, "op bad-custom-signature", AWAY),
    stage(Side::Firewall, "op custom-signature-type", AWAY),
    stage(Side::Firewall, "op config", AWAY),
    stage(Side::Firewall, "config show address", AWAY),
    stage(Side::Firewall, "config multi-config", WRITTEN),
    watched(Side::Firewall, "commit", WRITTEN),
    stage(Side::Firewall, "op jobs", AWAY),
    stage(Side::Firewall, "op security-policy-match", AWAY),
    stage(Side::Authority, "DescribeCertificateAuthority", NO_CA),
    stage(Side::Authority, "GetCertificateAuthorityCertificate", NO_CA),
    watched(Side::Authority, "IssueCertificate", NO_CA),
    stage(Side::Authority, "GetCertificate", NO_CA),
    stage(Side::Agent, "create rolebindings", Told::Nothing),
    stage(Side::Agent, "apply namespacebindings", Told::Nothing),
    stage(Side::Agent, "apply namespacebindings/status", Told::Nothing),
    stage(Side::Agent, "apply workloadidentities", Told::Nothing),
    watched(Side::Agent, "create nameclaims", NO_STATE),
    stage(Side::Agent, "create secrets", NO_STATE),
    stage(Side::Agent, "replace secrets", NO_STATE),
    stage(Side::Agent, "apply workloadidentities/status", Told::Nothing),
    stage(Side::Agent, "apply certificateauthorities/status", Told::Nothing),
    stage(Side::Agent, "apply identitypolicies/status", Told::Nothing),
    stage(Side::Agent, "create events", Told::Nothing),
    watched(Side::Syncer, "apply nameclaims/status", NO_ENTRY),
    stage(Side::Syncer, "apply firewalls/status", NOT_STORED),
    stage(Side::Syncer, "apply workloadidentities/status", Told::Nothing),
    stage(Side::Syncer, "patch pods/status", Told::Nothing),
    stage(Side::Syncer, "create events", Told::Nothing),
];

pub(crate) fn tests() -> Vec<Test> {
    let mut tests = Vec::new();
    for (index, stage) in STAGES.iter().enumerate() {
        for fault in Fault::ALL {
            let (side, call) = (stage.side.as_str(), joined(stage.call, "_"));
            let name = format!("fault_matrix::{side}::{call}_{}", fault.as_str());
            let letter = fault.as_str().get(..1).unwrap_or_default();
            let team = format!("fault-{index}-{letter}");
            tests.push(interposed(name, move |g| {
                let team = team.clone();
                Box::pin(async move { suffered(g, stage, fault, &team).await })
            }));
        }
    }
    tests
}

/// Whether this call is disturbed by each fault.
pub(crate) fn has_stage(side: Side, call: &str) -> bool {
    STAGES.iter().any(|stage| stage.side == side && stage.call == call)
}

/// A journey during which the far side is ill at the stage.
async fn suffered(ground: &Ground, stage: &Stage, fault: Fault, name: &str) -> Result<()> {
    let aws = matches!(stage.side, Side::Authority | Side::Agent);
    let authority = if aws { Authority::Aws } else { Authority::Embedded };
    let options = options(authority);
    let team = Team::lay(ground, name, &options).await?;
    let foreign = Foreign::of(&team).await?;
    let _programs = PROGRAMS.read().await;
    let reason = match (fault, stage.told) {
        (Fault::Slow, _) | (_, Told::Nothing) | (Fault::Cut, Told::UnlessItTookEffect(_)) => None,
        (_, Told::Always(reason) | Told::UnlessItTookEffect(reason)) => Some(reason),
    };
    let _disturbing = if stage.side == Side::Authority { Some(AUTHORITY.write().await) } else { None };
    let _disturbed = if stage.side == Side::Agent { Some(AUTHORITY.read().await) } else { None };
    let times = if reason.is_some() { Times::Forever } else { SHORT };
    let rule = Rule { times, ..Rule::first(stage.call, "", fault.action(stage.side)) };
    let mut armed = stage.side.arm(ground, &team, rule)?;
    travel(ground, &team, &options).await?;
    armed.struck(PATIENCE).await?;
    if let Some(reason) = reason {
        team.gate_waits("web", reason, fault.words()).await?;
        if stage.others {
            // The name must not hold the team's, by which the fault tells whom it is about.
            others_go_on(ground, &name.replace("fault", "beside")).await?;
        }
        drop(armed);
    }
    team.gate_opens("web").await?;
    census::exactly_one(ground, &team, authority).await?;
    foreign.untouched(&team).await
}
