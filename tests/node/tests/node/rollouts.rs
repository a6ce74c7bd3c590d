//! Rolling updates under traffic.

use anyhow::{Result, ensure};
use ground::{team::TeamOptions, wait};
use node::NodeGround;

use crate::{
    run::{Test, test},
    scene::Scene,
};

pub(crate) fn tests() -> Vec<Test> {
    vec![test("rollouts::a_rolling_update_under_ten_calls_a_second_loses_none", |g| Box::pin(rolled(g)))]
}

async fn rolled(ground: &NodeGround) -> Result<String> {
    let scene = Scene::ready(ground, "rolling", TeamOptions::default(), 3).await?;
    let before = scene.uids().await?;
    let kubectl = &ground.cluster.kubectl;
    let calls = scene
        .without_loss(async {
            kubectl.run(&["rollout", "restart", "deployment/web", "-n", "rolling"]).await?;
            kubectl.run(&["rollout", "status", "deployment/web", "-n", "rolling", "--timeout=120s"]).await?;
            wait::until("the old pods to be gone", wait::GENEROUS, || async {
                let left = scene.team.pods("web").await?.len();
                ensure!(left == 3, "{left} pods");
                Ok(())
            })
            .await
        })
        .await?;
    let after = scene.uids().await?;
    ensure!(after.iter().all(|uid| !before.contains(uid)), "a pod stayed");
    Ok(format!("three pods gave way to three others; {calls} calls meanwhile, none lost"))
}
