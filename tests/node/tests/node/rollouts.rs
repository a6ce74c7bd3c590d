//! Rolling updates under traffic, and planted mistakes that show that a loss would be seen.

use anyhow::{Result, bail, ensure};
use ground::{team::TeamOptions, wait};
use node::NodeGround;

use crate::{
    run::{Test, test},
    scene::{self, Scene},
};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test("rollouts::a_rolling_update_under_ten_calls_a_second_loses_none", |g| Box::pin(lossless(g))),
        test("rollouts::planted_traffic_before_the_gate_loses_calls", |g| Box::pin(before_the_gate(g))),
        test("rollouts::planted_servers_without_grace_lose_calls", |g| Box::pin(without_grace(g))),
    ]
}

async fn lossless(ground: &NodeGround) -> Result<String> {
    let scene = Scene::ready(ground, "rolling", TeamOptions::default(), 3).await?;
    let before = scene.uids().await?;
    let calls = scene.without_loss(rolled(&scene)).await?;
    let after = scene.uids().await?;
    ensure!(after.iter().all(|uid| !before.contains(uid)), "a pod stayed");
    Ok(format!("three pods gave way to three others; {calls} calls meanwhile, none lost"))
}

/// A rolling update, until the old pods are gone.
async fn rolled(scene: &Scene<'_>) -> Result<()> {
    let (kubectl, namespace) = (&scene.ground.cluster.kubectl, &scene.team.name);
    kubectl.run(&["rollout", "restart", "deployment/web", "-n", namespace]).await?;
    kubectl.run(&["rollout", "status", "deployment/web", "-n", namespace, "--timeout=120s"]).await?;
    wait::until("the old pods to be gone", wait::GENEROUS, || async {
        let left = scene.team.pods("web").await?.len();
        ensure!(left == 3, "{left} pods");
        Ok(())
    })
    .await
}

/// A Service that asks for no readiness: what there would be without gates.
async fn before_the_gate(ground: &NodeGround) -> Result<String> {
    let scene = Scene::ready(ground, "ungated", TeamOptions::default(), 3).await?;
    let patch = r#"{"spec": {"publishNotReadyAddresses": true}}"#;
    ground.cluster.kubectl.run(&["patch", "service", "web", "-n", "ungated", "-p", patch]).await?;
    lost(&scene).await
}

/// Servers that end at once when they are told to, before anybody has taken them out of the Service.
async fn without_grace(ground: &NodeGround) -> Result<String> {
    let scene = Scene::start(ground, "graceless", TeamOptions::default()).await?;
    scene.apply_with(3, &["serve", "--drain=0s"]).await?;
    scene.team.ready("web", 3).await?;
    scene.answers().await?;
    lost(&scene).await
}

/// The same update under the same traffic loses calls. Chance decides which, so it is repeated until one is lost.
async fn lost(scene: &Scene<'_>) -> Result<String> {
    let traffic = scene.traffic(scene.service).await?;
    for update in 1..=5 {
        rolled(scene).await?;
        let all = traffic.seen().await?;
        let lost = scene::lost(&all);
        if let Some(one) = lost.first() {
            let (lost, all) = (lost.len(), all.len());
            return Ok(format!("after {update} updates {lost} of {all} calls were lost, the first: {one:?}"));
        }
    }
    bail!("five updates lost nothing: a loss would not be seen")
}
