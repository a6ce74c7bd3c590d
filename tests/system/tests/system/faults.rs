//! Faults: while one lasts, the gate, the identity and an event tell it in the far side's own words; when it
//! ends, everything heals by itself; others are not held back.

use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use ground::{
    Ground, Team,
    team::{Authority, TeamOptions, condition},
    wait,
};
use serde_json::{Value, json};

use crate::run::{Test, alone, test};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test("faults::firewall_unreachable", |g| Box::pin(unreachable(g))),
        test("faults::firewall_refuses_the_password", |g| Box::pin(wrong_password(g))),
        test("faults::firewall_shows_another_certificate", |g| Box::pin(wrong_certificate(g))),
        test("faults::commit_fails_in_the_job", |g| Box::pin(commit_fails(g))),
        test("faults::law_2_a_commit_that_never_ends_leaves_the_gate_shut", |g| {
            Box::pin(commit_never_ends(g))
        }),
        test("faults::law_2_committed_but_not_compiled_leaves_the_gate_shut", |g| Box::pin(not_compiled(g))),
        alone("faults::ca_unreachable", |g| {
            Box::pin(ca(g, "ca-away", json!("drop_before"), "AuthorityUnavailable", ""))
        }),
        alone("faults::ca_denies_access", |g| {
            let denied = json!({"error": {"type": "AccessDeniedException", "message": "not authorized to perform: acm-pca:IssueCertificate", "status": 400}});
            Box::pin(ca(g, "ca-denies", denied, "AuthorityUnavailable", "not authorized to perform"))
        }),
        alone("faults::ca_refuses_the_request", |g| {
            let refused = json!({"error": {"type": "InvalidArgsException", "message": "the arguments are not to my taste", "status": 400}});
            Box::pin(ca(g, "ca-refuses", refused, "CertificateRefused", "not to my taste"))
        }),
        alone("faults::ca_throttles", |g| {
            let throttled =
                json!({"error": {"type": "ThrottlingException", "message": "Rate exceeded", "status": 400}});
            Box::pin(ca(g, "ca-throttles", throttled, "Throttled", "Rate exceeded"))
        }),
    ]
}

/// The gate, the identity and an event say `reason` and `words`.
async fn told(ground: &Ground, team: &Team<'_>, reason: &str, words: &str, kind: &str) -> Result<()> {
    team.gate_waits("web", reason, words).await?;
    let name = team.dns_name("web");
    wait::until("the identity to say so", wait::GENEROUS, || async {
        let identity = team.identity(&name).await?;
        let condition = condition(&identity, kind).with_context(|| format!("no condition {kind}"))?;
        let message = condition["message"].as_str().unwrap_or_default();
        ensure!(condition["reason"] == reason && message.contains(words), "{condition}");
        Ok(())
    })
    .await?;
    wait::until("an event to say so", wait::GENEROUS, || async {
        let namespaced = ground.cluster.kubectl.get(&["events.events.k8s.io", "-n", &team.name]).await?;
        let events = namespaced["items"].as_array().context("no list")?;
        let said = |event: &Value| {
            event["reason"] == reason && event["note"].as_str().is_some_and(|note| note.contains(words))
        };
        ensure!(events.iter().any(said), "{} events, none of it", events.len());
        Ok(())
    })
    .await
}

/// Another team, whose firewall works, is not held back.
pub(crate) async fn others_go_on(ground: &Ground, name: &str) -> Result<()> {
    let other = Team::start(ground, name, TeamOptions::default()).await?;
    ground.cluster.kubectl.apply(&other.deployment("web", 1, &json!({})).to_string()).await?;
    other.ready("web", 1).await?;
    Ok(())
}

async fn start<'g>(ground: &'g Ground, name: &str) -> Result<Team<'g>> {
    Team::start(ground, name, TeamOptions::default()).await
}

async fn apply(ground: &Ground, team: &Team<'_>) -> Result<()> {
    ground.cluster.kubectl.apply(&team.deployment("web", 1, &json!({})).to_string()).await?;
    Ok(())
}

async fn unreachable(ground: &Ground) -> Result<()> {
    let team = start(ground, "fw-away").await?;
    team.firewall.vanish().await?;
    apply(ground, &team).await?;
    told(ground, &team, "FirewallUnreachable", &team.firewall.api.to_string(), "FirewallEnforced").await?;
    others_go_on(ground, "fw-away-other").await?;
    team.firewall.heal().await?;
    team.ready("web", 1).await?;
    Ok(())
}

async fn wrong_password(ground: &Ground) -> Result<()> {
    let team = start(ground, "fw-password").await?;
    team.apply_credentials("wrong").await?;
    team.firewall.expire_keys().await?;
    apply(ground, &team).await?;
    told(ground, &team, "CredentialsRefused", "Invalid", "FirewallEnforced").await?;
    let logins = team.firewall.log().await?.into_iter().filter(|call| call["type"] == "keygen").count();
    ensure!(logins <= 3, "{logins} key generations with a wrong password: the account would be locked");
    team.apply_credentials(ground::firewall::ADMINISTRATOR.1).await?;
    team.ready("web", 1).await?;
    Ok(())
}

async fn wrong_certificate(ground: &Ground) -> Result<()> {
    let team = start(ground, "fw-tls").await?;
    let other = format!("SHA256:{}", "ab".repeat(32));
    team.patch("fw", &json!({"tls": {"caBundle": null, "fingerprint": other}})).await?;
    apply(ground, &team).await?;
    told(ground, &team, "FirewallUnreachable", "SHA256:", "FirewallEnforced").await?;
    team.patch("fw", &json!({"tls": {"caBundle": team.firewall.ca_pem, "fingerprint": null}})).await?;
    team.ready("web", 1).await?;
    Ok(())
}

async fn commit_fails(ground: &Ground) -> Result<()> {
    let team = start(ground, "fw-commit").await?;
    let text = "rule deny-east-west: something else is wrong";
    team.firewall.fault(&json!({"where": "job", "action": {"fail_job": text}, "times": "forever"})).await?;
    apply(ground, &team).await?;
    told(ground, &team, "CommitFailed", text, "FirewallEnforced").await?;
    others_go_on(ground, "fw-commit-other").await?;
    team.firewall.heal().await?;
    // By now the name may have been set aside for some minutes; a change of the object ends every pause. A job that began
    // before may fail after it, and set the name aside once more.
    for period in ["9m", "8m", "7m"] {
        team.patch("firewall", &json!({"drift": {"period": period}})).await?;
        if let Ok(ready) = tokio::time::timeout(Duration::from_secs(60), team.ready("web", 1)).await {
            return ready.map(drop);
        }
    }
    bail!("the name did not come into force after the firewall was well again")
}

async fn commit_never_ends(ground: &Ground) -> Result<()> {
    let team = start(ground, "fw-endless").await?;
    team.firewall.fault(&json!({"where": "job", "action": "never_finish", "times": 1})).await?;
    apply(ground, &team).await?;
    team.gate_waits("web", "AwaitingCommit", "job").await?;
    others_go_on(ground, "fw-endless-other").await?;
    let pods = team.pods("web").await?;
    let ready = pods.first().and_then(|pod| condition(pod, "Ready")).context("no condition Ready")?;
    ensure!(ready["status"] == "False", "{ready}");
    Ok(())
}

async fn not_compiled(ground: &Ground) -> Result<()> {
    let team = start(ground, "fw-compile").await?;
    team.firewall
        .fault(&json!({"where": "job", "action": {"commit_not_compiled": []}, "times": "forever"}))
        .await?;
    apply(ground, &team).await?;
    told(ground, &team, "SignatureNotCompiled", "sp-web-", "FirewallEnforced").await?;
    ensure!(team.firewall.running().await?.contains("sp-web-"), "it was not even committed");
    team.firewall.heal().await?;
    // A device compiles signatures when it commits, and there is nothing of ours left to commit: the next
    // commit of anybody mends it.
    let address = "/config/devices/entry[@name='localhost.localdomain']/vsys/entry[@name='vsys1']/address/entry[@name='legacy-net']";
    let element = "<description>moved</description>";
    let set = [("type", "config"), ("action", "set"), ("xpath", address), ("element", element)];
    let said = team.firewall.colleague(&set).await?;
    ensure!(said.contains("success"), "{said}");
    team.firewall.colleague(&[("type", "commit"), ("cmd", "<commit></commit>")]).await?;
    team.gate_opens("web").await
}

async fn ca(ground: &Ground, name: &str, action: Value, reason: &str, words: &str) -> Result<()> {
    let team = Team::start(ground, name, TeamOptions { authority: Authority::Aws, ..TeamOptions::default() })
        .await?;
    ground.pca.fault(&json!({"operation": "IssueCertificate", "action": action, "times": "forever"})).await?;
    apply(ground, &team).await?;
    let seen = told(ground, &team, reason, words, "CertificateIssued").await;
    let others = others_go_on(ground, &format!("{name}-other")).await;
    ground.pca.heal().await?;
    seen.and(others)?;
    // The longer it lasted the longer is the pause before the next try, up to five minutes.
    team.gate_opens_within(wait::GENEROUS * 2 + Duration::from_secs(300), "web").await
}
