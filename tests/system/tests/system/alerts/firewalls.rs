//! A firewall that is gone, whose commits fail, where somebody changes what is ours, or that is nearly full.

use anyhow::{Result, ensure};
use ground::{Team, team::TeamOptions};
use sallyport_contract::{firewall_names, object::Action};
use serde_json::json;

use super::Drill;

pub(super) async fn all(drill: &Drill<'_>) -> Result<()> {
    unreachable(drill).await?;
    commits_fail(drill).await?;
    drifts(drill).await?;
    nearly_full(drill).await
}

async fn served<'g>(drill: &Drill<'g>, name: &str) -> Result<Team<'g>> {
    let team = Team::start(drill.ground, name, TeamOptions::default()).await?;
    drill.ground.cluster.kubectl.apply(&team.deployment("web", 1, &json!({})).to_string()).await?;
    team.ready("web", 1).await?;
    Ok(team)
}

async fn unreachable(drill: &Drill<'_>) -> Result<()> {
    let quiet = drill.quiet("SallyportFirewallUnreachable").await?;
    let team = served(drill, "al-away").await?;
    team.firewall.vanish().await?;
    let words = ["Reachable", "FirewallUnreachable"];
    quiet.fires().await?.command("kubectl describe fw", &[("NAME", &team.name)], &words).await
}

async fn commits_fail(drill: &Drill<'_>) -> Result<()> {
    let quiet = drill.quiet("SallyportCommitFails").await?;
    let team = Team::start(drill.ground, "al-commit", TeamOptions::default()).await?;
    let words = "rule deny-east-west: something else is wrong";
    team.firewall.fault(&json!({"where": "job", "action": {"fail_job": words}, "times": "forever"})).await?;
    drill.ground.cluster.kubectl.apply(&team.deployment("web", 1, &json!({})).to_string()).await?;
    let fires = quiet.fires().await?;
    fires.command("kubectl describe fw", &[("NAME", &team.name)], &["InSync", words]).await
}

async fn drifts(drill: &Drill<'_>) -> Result<()> {
    let quiet = drill.quiet("SallyportFirewallDrift").await?;
    let team = served(drill, "al-drift").await?;
    let rule = firewall_names::rule(&team.name, &team.name, Action::Allow);
    let xpath = format!(
        "/config/devices/entry[@name='localhost.localdomain']/vsys/entry[@name='vsys1']/rulebase/security/rules/entry[@name='{rule}']"
    );
    let delete = [("type", "config"), ("action", "delete"), ("xpath", &*xpath)];
    let said = team.firewall.colleague(&delete).await?;
    ensure!(said.contains("success"), "{said}");
    team.firewall.colleague(&[("type", "commit"), ("cmd", "<commit></commit>")]).await?;
    let words = ["al-drift", ground::firewall::COLLEAGUE.0];
    quiet.fires().await?.command("kubectl get events -A", &[], &words).await
}

async fn nearly_full(drill: &Drill<'_>) -> Result<()> {
    let quiet = drill.quiet("SallyportFirewallNearlyFull").await?;
    let team = served(drill, "al-full").await?;
    team.patch("firewall", &json!({"bounds": {"maxNames": 1}})).await?;
    let words = ["CapacityLeft", "maxNames", "1 of 1"];
    quiet.fires().await?.command("kubectl describe fw", &[("NAME", &team.name)], &words).await
}
