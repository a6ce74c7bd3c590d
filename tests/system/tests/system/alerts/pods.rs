//! Pods that wait, that were missed, and that a person let in.

use anyhow::{Context as _, Result, ensure};
use ground::{Team, person::Verb, team::TeamOptions, wait};
use serde_json::json;

use super::Drill;
use crate::overrides::{asked, on_call, overrides};

pub(super) async fn all(drill: &Drill<'_>) -> Result<()> {
    wait_and_let_in(drill).await?;
    missed(drill).await
}

async fn wait_and_let_in(drill: &Drill<'_>) -> Result<()> {
    let ground = drill.ground;
    let quiet = drill.quiet("SallyportPodsWaitTooLong").await?;
    let not_in_sync = drill.quiet("SallyportFirewallNotInSync").await?;
    let options = TeamOptions { firewall_spec: json!({"suspend": true}), ..TeamOptions::default() };
    let team = Team::start(ground, "al-waits", options).await?;
    ground.cluster.kubectl.apply(&team.deployment("web", 1, &json!({})).to_string()).await?;
    team.gate_waits("web", "Suspended", "suspend").await?;
    let pods = team.pods("web").await?;
    let pod = pods.first().and_then(|pod| pod["metadata"]["name"].as_str()).context("no pod")?;
    let filled = [("NAMESPACE", &*team.name), ("NAME", pod)];
    let fires = quiet.fires().await?;
    fires.command("sallyport explain pod/", &filled, &["Suspended", "spec.suspend", "al-waits"]).await?;
    let fires = not_in_sync.fires().await?;
    fires.command("sallyport firewall status", &[("NAME", "al-waits")], &["Suspended"]).await?;

    let quiet = drill.quiet("SallyportOverrideInForce").await?;
    let person = on_call(ground, &team).await?;
    let wish = asked(&person, "incident-4242", 300)?;
    let granted = person.ask(Verb::Create, &overrides(&team.name), Some(&wish)).await?;
    ensure!(granted.done(), "{}", granted.text);
    let words = ["incident-4242", "CHG-4242", &person.name];
    quiet.fires().await?.command("kubectl get gor -A", &[], &words).await
}

async fn missed(drill: &Drill<'_>) -> Result<()> {
    let kubectl = &drill.ground.cluster.kubectl;
    let quiet = drill.quiet("SallyportPodsMissed").await?;
    let team = Team::start(drill.ground, "al-missed", TeamOptions::default()).await?;
    kubectl.run(&["label", "namespace", &team.name, "sallyport.dev/inject-"]).await?;
    kubectl.apply(&team.deployment("web", 1, &json!({})).to_string()).await?;
    wait::until("a pod without an identity", wait::GENEROUS, || async {
        let pods = team.pods("web").await?;
        let pod = pods.first().context("no pod")?;
        ensure!(pod["metadata"]["labels"]["sallyport.dev/identity"].is_null(), "{pod}");
        Ok(())
    })
    .await?;
    kubectl.run(&["label", "namespace", &team.name, "sallyport.dev/inject=enabled"]).await?;
    let words = ["PodsInjected", "Deployment al-missed/web", "rollout restart deployment/web"];
    quiet.fires().await?.command("kubectl describe nsb", &[("NAMESPACE", &team.name)], &words).await
}
