//! The firewall: what is written there, what is left alone, and how it goes again.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use ground::{Ground, Team, team::TeamOptions, wait};
use serde_json::json;

use crate::run::{Test, alone, test};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test("firewall::law_10_what_nobody_wants_goes_after_the_quarantine", |g| Box::pin(removal(g))),
        test("firewall::law_6_a_foreign_app_id_for_the_same_name_is_refused", |g| Box::pin(overlap(g))),
        test("firewall::a_deleted_object_takes_with_it_what_its_policy_says", |g| Box::pin(farewell(g))),
        test("firewall::a_missing_anchor_stops_us", |g| Box::pin(anchor(g))),
        test("firewall::what_is_outside_the_bounds_is_refused", |g| Box::pin(bounds(g))),
        test("firewall::suspend_writes_nothing", |g| Box::pin(suspend(g))),
        test("firewall::law_2_a_rule_deleted_by_hand_closes_no_gate_and_is_repaired", |g| Box::pin(drift(g))),
        alone("firewall::law_9_a_killed_syncer_picks_its_job_up", |g| Box::pin(restarted(g))),
    ]
}

/// The foreign parts of a configuration: all lines that do not name an object of ours.
pub(crate) fn entries(xml: &str, of: &str) -> usize {
    xml.matches(&format!("<entry name=\"{of}")).count()
}

async fn removal(ground: &Ground) -> Result<()> {
    let spec = json!({"removal": {"quarantine": "3s"}});
    let team =
        Team::start(ground, "leaver", TeamOptions { firewall_spec: spec, ..TeamOptions::default() }).await?;
    let kubectl = &ground.cluster.kubectl;
    let before = team.firewall.running().await?;
    kubectl.apply(&team.deployment("web", 1, &json!({})).to_string()).await?;
    kubectl.apply(&team.deployment("pay", 1, &json!({})).to_string()).await?;
    team.ready("web", 1).await?;
    team.ready("pay", 1).await?;
    kubectl.run(&["delete", "deployment/web", "-n", "leaver"]).await?;
    wait::until("the first App-ID to be gone", wait::GENEROUS, || async {
        let xml = team.firewall.running().await?;
        ensure!(entries(&xml, "sp-web-") == 0, "still there");
        ensure!(
            entries(&xml, "sp-pay-") > 0 && entries(&xml, "sp-leaver-allow-") > 0,
            "too much was removed"
        );
        Ok(())
    })
    .await?;
    team.ready("pay", 1).await?;
    kubectl.run(&["delete", "deployment/pay", "-n", "leaver"]).await?;
    wait::until("everything of ours to be gone", wait::GENEROUS, || async {
        let xml = team.firewall.running().await?;
        ensure!(xml == before, "still there: {} of ours", entries(&xml, "sp-"));
        Ok(())
    })
    .await?;
    wait::until("the claims to end", wait::GENEROUS, || async {
        let claims = kubectl.run(&["get", "nclaim", "-o", "jsonpath={.items[*].spec.dnsName}"]).await?;
        ensure!(!claims.contains("leaver.corp.example"), "{claims}");
        Ok(())
    })
    .await
}

async fn farewell(ground: &Ground) -> Result<()> {
    let spec = json!({"deletionPolicy": "Remove"});
    let team = Team::start(ground, "farewell", TeamOptions { firewall_spec: spec, ..TeamOptions::default() })
        .await?;
    let kubectl = &ground.cluster.kubectl;
    let before = team.firewall.running().await?;
    kubectl.apply(&team.deployment("web", 1, &json!({})).to_string()).await?;
    team.ready("web", 1).await?;
    // Whoever steals policy-sync's token can make it no wider bounds.
    let us = "--as=system:serviceaccount:sallyport-system:sallyport-policy-sync";
    for (what, patch) in [
        ("spec", json!({"spec": {"bounds": {"maxNames": 6000}}})),
        ("labels", json!({"metadata": {"labels": {"a": "b"}}})),
        ("others' finalizers", json!({"metadata": {"finalizers": ["example.org/mine"]}})),
    ] {
        let patch = patch.to_string();
        let said = kubectl.attempt(&["patch", "fw/farewell", "--type=merge", "-p", &patch, us], None).await?;
        ensure!(said.stderr.contains("change nothing else of it"), "{what}: {} {}", said.stdout, said.stderr);
    }
    kubectl.run(&["delete", "fw/farewell", "--wait=false"]).await?;
    wait::until("the object to be gone", wait::GENEROUS, || async {
        let left = kubectl.run(&["get", "fw", "farewell", "--ignore-not-found", "-o", "name"]).await?;
        ensure!(left.trim().is_empty(), "still there");
        Ok(())
    })
    .await?;
    ensure!(team.firewall.running().await? == before, "something of ours is left, or something else is gone");
    team.ready("web", 1).await?;
    Ok(())
}

async fn overlap(ground: &Ground) -> Result<()> {
    let spec = json!({"dnsNames": {"allowed": ["*.corp.example"]}});
    let team =
        Team::start(ground, "overlap", TeamOptions { policy_spec: spec, ..TeamOptions::default() }).await?;
    let kubectl = &ground.cluster.kubectl;
    // The device has an App-ID of somebody else for legacy.corp.example.
    let wish = json!({"sallyport.dev/san": "legacy.corp.example"});
    kubectl.apply(&team.deployment("web", 1, &wish).to_string()).await?;
    team.gate_waits("web", "ForeignSignatureOverlap", "legacy").await?;
    kubectl.apply(&team.deployment("other", 1, &json!({})).to_string()).await?;
    team.ready("other", 1).await?;
    Ok(())
}

async fn anchor(ground: &Ground) -> Result<()> {
    let team = Team::start(
        ground,
        "anchor",
        TeamOptions { firewall_spec: json!({"rules": {"before": "not-there"}}), ..TeamOptions::default() },
    )
    .await?;
    ground.cluster.kubectl.apply(&team.deployment("web", 1, &json!({})).to_string()).await?;
    team.gate_waits("web", "AnchorMissing", "not-there").await?;
    team.patch("fw", &json!({"rules": {"before": "deny-east-west"}})).await?;
    team.ready("web", 1).await?;
    Ok(())
}

async fn bounds(ground: &Ground) -> Result<()> {
    let spec = json!({"bounds": {"destinations": ["192.168.0.0/16"]}});
    let team =
        Team::start(ground, "bounds", TeamOptions { firewall_spec: spec, ..TeamOptions::default() }).await?;
    ground.cluster.kubectl.apply(&team.deployment("web", 1, &json!({})).to_string()).await?;
    team.gate_waits("web", "OutsideFirewallBounds", "10.20.0.0/16").await?;
    ensure!(!team.firewall.candidate().await?.contains("sp-web-"), "written all the same");
    team.patch("fw", &json!({"bounds": {"destinations": ["10.0.0.0/8"]}})).await?;
    team.ready("web", 1).await?;
    Ok(())
}

async fn suspend(ground: &Ground) -> Result<()> {
    let team = Team::start(
        ground,
        "suspend",
        TeamOptions { firewall_spec: json!({"suspend": true}), ..TeamOptions::default() },
    )
    .await?;
    ground.cluster.kubectl.apply(&team.deployment("web", 1, &json!({})).to_string()).await?;
    team.gate_waits("web", "Suspended", "suspend").await?;
    ensure!(!team.firewall.candidate().await?.contains("sp-web-"), "written all the same");
    team.patch("fw", &json!({"suspend": false})).await?;
    team.ready("web", 1).await?;
    Ok(())
}

async fn drift(ground: &Ground) -> Result<()> {
    let team = Team::start(ground, "drift", TeamOptions::default()).await?;
    let kubectl = &ground.cluster.kubectl;
    kubectl.apply(&team.deployment("web", 2, &json!({})).to_string()).await?;
    team.ready("web", 2).await?;
    let rule =
        sallyport_contract::firewall_names::rule("drift", "drift", sallyport_contract::object::Action::Allow);
    let xpath = format!(
        "/config/devices/entry[@name='localhost.localdomain']/vsys/entry[@name='vsys1']/rulebase/security/rules/entry[@name='{rule}']"
    );
    let said =
        team.firewall.colleague(&[("type", "config"), ("action", "delete"), ("xpath", &xpath)]).await?;
    ensure!(said.contains("success"), "{said}");
    team.firewall.colleague(&[("type", "commit"), ("cmd", "<commit></commit>")]).await?;
    wait::until("the rule to be gone", wait::GENEROUS, || async {
        ensure!(entries(&team.firewall.running().await?, &rule) == 0, "still there");
        Ok(())
    })
    .await?;
    team.ready("web", 2).await?;
    // Any change of the Firewall makes the syncer look at once.
    team.patch("fw", &json!({"bounds": {"maxNames": 1999}})).await?;
    wait::until("the rule to be repaired", wait::GENEROUS, || async {
        ensure!(entries(&team.firewall.running().await?, &rule) == 1, "not yet");
        Ok(())
    })
    .await?;
    team.ready("web", 2).await?;
    Ok(())
}

async fn restarted(ground: &Ground) -> Result<()> {
    let team = Team::start(
        ground,
        "resume",
        TeamOptions { commit_time: Duration::from_secs(6), ..TeamOptions::default() },
    )
    .await?;
    ground.cluster.kubectl.apply(&team.deployment("web", 1, &json!({})).to_string()).await?;
    team.gate_waits("web", "AwaitingCommit", "job").await?;
    let firewall = ground.cluster.kubectl.get(&["fw", "resume"]).await?;
    let job = firewall["status"]["job"]["id"].as_str().context("no job is stored")?.to_owned();
    ground.restart_policy_sync().await?;
    team.ready("web", 1).await?;
    let commits = team.firewall.log().await?.into_iter().filter(|call| call["type"] == "commit").count();
    ensure!(commits == 1, "{commits} commits");
    let firewall = ground.cluster.kubectl.get(&["fw", "resume"]).await?;
    ensure!(firewall["status"]["lastCommit"]["job"] == job.as_str(), "{}", firewall["status"]);
    Ok(())
}
