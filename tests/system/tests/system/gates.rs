//! Gates: latches that open on a stored proof for as long as it is fresh, or because a policy only observes.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context as _, Result, ensure};
use ground::{
    Ground, Team,
    firewall::FirewallSim,
    team::{TeamOptions, condition, gate},
    wait,
};
use sallyport_contract::{firewall_names, object::Action};
use serde_json::{Value, json};

use crate::{
    census::Foreign,
    run::{Test, alone, test},
};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test("gates::law_2_a_rule_deleted_under_100_ready_pods_closes_no_gate_and_is_repaired", |g| {
            Box::pin(deleted(g))
        }),
        alone("gates::law_2_a_new_pod_opens_while_the_firewall_is_away", |g| Box::pin(away(g))),
        test("gates::law_2_a_new_pod_waits_when_the_proof_is_too_old", |g| Box::pin(too_old(g))),
        test("gates::law_2_observe_opens_at_once_and_enforce_closes_nothing", |g| Box::pin(observe(g))),
    ]
}

const PODS: u32 = 100;
/// A hundred pods take a loaded machine a while.
const PATIENCE: Duration = Duration::from_secs(240);

/// When each pod's gate opened; an error if one is not open.
async fn opened(team: &Team<'_>, count: usize) -> Result<BTreeMap<String, String>> {
    let pods = team.pods("web").await?;
    ensure!(pods.len() == count, "{} pods", pods.len());
    pods.iter()
        .map(|pod| {
            let gate = gate(pod).context("no gate condition yet")?;
            ensure!(gate["status"] == "True", "{gate}");
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            Ok((text(&pod["metadata"]["uid"]), text(&gate["lastTransitionTime"])))
        })
        .collect()
}

/// Has another administrator delete the team's rule and commit that.
async fn delete_rule(firewall: &FirewallSim, rule: &str) -> Result<()> {
    let xpath = format!(
        "/config/devices/entry[@name='localhost.localdomain']/vsys/entry[@name='vsys1']/rulebase/security/rules/entry[@name='{rule}']"
    );
    for call in [
        [("type", "config"), ("action", "delete"), ("xpath", xpath.as_str())].as_slice(),
        &[("type", "commit"), ("cmd", "<commit></commit>")],
    ] {
        let said = firewall.colleague(call).await?;
        ensure!(said.contains("success"), "{said}");
    }
    wait::until("the rule to be gone", wait::GENEROUS, || async {
        ensure!(!firewall.running().await?.contains(&format!("<entry name=\"{rule}\"")), "still there");
        Ok(())
    })
    .await
}

async fn deleted(ground: &Ground) -> Result<()> {
    let team = Team::start(ground, "hundred", TeamOptions::default()).await?;
    let foreign = Foreign::of(&team).await?;
    ground.cluster.kubectl.apply(&team.deployment("web", PODS, &json!({})).to_string()).await?;
    let all = PODS as usize;
    let before = wait::until("a hundred open gates", PATIENCE, || opened(&team, all)).await?;
    let rule = firewall_names::rule("hundred", "hundred", Action::Allow);
    // The repair is held up, so that the loss is there to be seen.
    let locked = json!({"refuse": {"code": 13, "text": "Configuration is locked by administrator alice"}});
    team.firewall.fault(&json!({"where": "multi_config", "action": locked, "times": "forever"})).await?;
    delete_rule(&team.firewall, &rule).await?;
    // Any change of the Firewall makes the syncer look at once.
    team.patch("fw", &json!({"bounds": {"maxNames": 1999}})).await?;
    shows_the_loss(&team, "LockedByOther").await?;
    ensure!(opened(&team, all).await? == before, "a gate was closed");
    let scale = format!("--replicas={}", PODS + 1);
    ground.cluster.kubectl.run(&["scale", "deployment/web", &scale, "-n", "hundred"]).await?;
    wait::until("the new pod to wait", wait::GENEROUS, || async {
        let pods = team.pods("web").await?;
        let gates = pods.iter().filter_map(gate);
        let waiting: Vec<&Value> = gates.filter(|gate| gate["status"] == "False").collect();
        ensure!(
            waiting.len() == 1 && waiting.iter().all(|gate| gate["reason"] == "LockedByOther"),
            "{waiting:?}"
        );
        Ok(())
    })
    .await?;
    team.firewall.heal().await?;
    let after = wait::until("the new pod's gate to open", PATIENCE, || opened(&team, all + 1)).await?;
    ensure!(before.iter().all(|(pod, since)| after.get(pod) == Some(since)), "a gate was closed and opened");
    let running = team.firewall.running().await?;
    ensure!(running.matches(&format!("<entry name=\"{rule}\"")).count() == 1, "the rule is not back");
    foreign.untouched(&team).await
}

/// Also when policy-sync has just started and has never reached the firewall.
async fn away(ground: &Ground) -> Result<()> {
    let team = Team::start(ground, "absent", TeamOptions::default()).await?;
    let kubectl = &ground.cluster.kubectl;
    kubectl.apply(&team.deployment("web", 1, &json!({})).to_string()).await?;
    team.ready("web", 1).await?;
    team.firewall.vanish().await?;
    ground.restart_policy_sync().await?;
    kubectl.run(&["scale", "deployment/web", "--replicas=3", "-n", "absent"]).await?;
    team.ready("web", 3).await?;
    Ok(())
}

async fn too_old(ground: &Ground) -> Result<()> {
    let spec = json!({"proofMaxAge": "12s"});
    let team = Team::start(ground, "outdated", TeamOptions { firewall_spec: spec, ..TeamOptions::default() })
        .await?;
    let kubectl = &ground.cluster.kubectl;
    kubectl.apply(&team.deployment("web", 1, &json!({})).to_string()).await?;
    let before = wait::until("the first gate to open", wait::GENEROUS, || opened(&team, 1)).await?;
    team.firewall.vanish().await?;
    shows_the_loss(&team, "FirewallUnreachable").await?;
    kubectl.run(&["scale", "deployment/web", "--replicas=2", "-n", "outdated"]).await?;
    wait::until("the new pod to wait", wait::GENEROUS, || async {
        let pods = team.pods("web").await?;
        let shut =
            pods.iter().filter_map(gate).find(|gate| gate["status"] == "False").context("none waits")?;
        let said = shut["message"].as_str().unwrap_or_default();
        ensure!(
            shut["reason"] == "FirewallUnreachable"
                && said.contains("longer ago than Firewall outdated spec.proofMaxAge allows (12s)"),
            "{shut}"
        );
        Ok(())
    })
    .await?;
    team.firewall.heal().await?;
    let after = wait::until("both gates to be open", wait::GENEROUS * 2, || opened(&team, 2)).await?;
    ensure!(before.iter().all(|(pod, since)| after.get(pod) == Some(since)), "the open gate was closed");
    Ok(())
}

async fn observe(ground: &Ground) -> Result<()> {
    let team = Team::start(ground, "watcher", TeamOptions::default()).await?;
    let kubectl = &ground.cluster.kubectl;
    team.firewall.vanish().await?;
    kubectl.apply(&team.deployment("web", 1, &json!({})).to_string()).await?;
    team.gate_waits("web", "FirewallUnreachable", "").await?;
    team.patch("idpol", &json!({"mode": "Observe"})).await?;
    let before = wait::until("the gate to open", wait::GENEROUS, || opened(&team, 1)).await?;
    let pods = team.pods("web").await?;
    let shown = pods.first().and_then(gate).context("no gate")?;
    let said = shown["message"].as_str().unwrap_or_default();
    ensure!(shown["reason"] == "Observed" && said.contains("not proven: FirewallUnreachable"), "{shown}");
    let name = team.dns_name("web");
    wait::until("the identity to say both", wait::GENEROUS, || async {
        let identity = team.identity(&name).await?;
        let said =
            |kind: &str| condition(&identity, kind).map(|c| (c["status"].clone(), c["reason"].clone()));
        ensure!(said("Ready") == Some((json!("True"), json!("Observed"))), "{:?}", said("Ready"));
        let enforced = said("FirewallEnforced");
        ensure!(enforced == Some((json!("False"), json!("FirewallUnreachable"))), "{enforced:?}");
        Ok(())
    })
    .await?;
    team.patch("idpol", &json!({"mode": "Enforce"})).await?;
    kubectl.run(&["scale", "deployment/web", "--replicas=2", "-n", "watcher"]).await?;
    wait::until("only the new pod to wait", wait::GENEROUS, || async {
        let pods = team.pods("web").await?;
        let shut = pods.iter().filter_map(gate).filter(|gate| gate["status"] == "False").count();
        ensure!(pods.len() == 2 && shut == 1, "{shut} of {} wait", pods.len());
        Ok(())
    })
    .await?;
    team.firewall.heal().await?;
    let after = wait::until("both gates to be open", wait::GENEROUS * 2, || opened(&team, 2)).await?;
    ensure!(before.iter().all(|(pod, since)| after.get(pod) == Some(since)), "the open gate was closed");
    Ok(())
}

/// The identity of `web` says that the firewall no longer enforces its name, and why.
async fn shows_the_loss(team: &Team<'_>, reason: &str) -> Result<()> {
    let name = team.dns_name("web");
    wait::until("the identity to show the loss", wait::GENEROUS, || async {
        let identity = team.identity(&name).await?;
        let enforced = condition(&identity, "FirewallEnforced").context("no condition")?;
        ensure!(enforced["status"] == "False" && enforced["reason"] == reason, "{enforced}");
        Ok(())
    })
    .await
}
