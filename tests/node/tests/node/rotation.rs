//! What becomes of a renewed certificate on a real node.

use anyhow::{Result, ensure};
use ground::{team::TeamOptions, wait};
use node::NodeGround;
use serde_json::json;

use crate::{
    run::{Test, test},
    scene::Scene,
};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test("rotation::the_running_container_serves_the_renewed_certificate", |g| Box::pin(seen(g))),
        test("rotation::restart_workload_rolls_what_reads_its_certificate_once_and_loses_no_call", |g| {
            Box::pin(restarted(g))
        }),
    ]
}

async fn seen(ground: &NodeGround) -> Result<String> {
    let scene = Scene::ready(ground, "rotating", TeamOptions::default(), 1).await?;
    let (before, pods) = (scene.call().await?, scene.uids().await?);
    let renewed = scene.renewed().await?;
    let began = std::time::Instant::now();
    let after = wait::until("the container to serve it", wait::GENEROUS, || async {
        let after = scene.call().await?;
        ensure!(after.outcome == "verified" && after.serial == renewed, "it still serves {after:?}");
        Ok(after)
    })
    .await?;
    ensure!(before.serial != after.serial, "it served {} before", before.serial);
    ensure!(scene.uids().await? == pods, "it is another pod");
    let pods = scene.team.pods("web").await?;
    let restarts = pods.iter().map(|pod| pod["status"]["containerStatuses"][0]["restartCount"].clone());
    ensure!(restarts.into_iter().all(|count| count == 0), "the container was restarted");
    Ok(format!(
        "served {} before and {} after, by the same container, {:.1} s after the Secret changed",
        before.serial,
        after.serial,
        began.elapsed().as_secs_f64()
    ))
}

async fn restarted(ground: &NodeGround) -> Result<String> {
    let spec = json!({"certificate": {"onRenewal": "RestartWorkload"}});
    let options = TeamOptions { policy_spec: spec, ..TeamOptions::default() };
    let scene = Scene::start(ground, "restarting", options).await?;
    let kubectl = &ground.cluster.kubectl;
    let role = "--clusterrole=sallyport-workload-restarter";
    let account = "--serviceaccount=sallyport-system:sallyport-cert-agent";
    kubectl.run(&["create", "rolebinding", "restarts", role, account, "-n", "restarting"]).await?;
    scene.apply_with(2, &["serve", "--once"]).await?;
    scene.team.ready("web", 2).await?;
    scene.answers().await?;
    let before = scene.uids().await?;
    let mut renewed = String::new();
    let calls = scene
        .without_loss(async {
            renewed = scene.renewed().await?;
            // It comes once the certificate is a minute younger than the containers.
            wait::until("other pods, which serve it", wait::GENEROUS * 2, || async {
                let now = scene.uids().await?;
                ensure!(now.len() == 2 && now.iter().all(|uid| !before.contains(uid)), "{now:?}");
                let served = scene.call().await?;
                ensure!(served.serial == renewed, "{served:?}");
                Ok(())
            })
            .await?;
            scene.team.ready("web", 2).await.map(drop)
        })
        .await?;
    Ok(format!("two pods gave way to two that serve {renewed}; {calls} calls meanwhile, none lost"))
}
