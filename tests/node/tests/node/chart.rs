//! The chart's life: an upgrade, a removal and a second install, while workloads go on.

use anyhow::{Result, ensure};
use ground::{team::TeamOptions, wait};
use node::{NodeGround, settings};
use serde_json::json;

use crate::{
    run::{Test, alone},
    scene::Scene,
};

pub(crate) fn tests() -> Vec<Test> {
    vec![alone("chart::upgraded_removed_and_installed_again_while_no_call_is_lost", |g| Box::pin(life(g)))]
}

async fn life(ground: &NodeGround) -> Result<String> {
    let scene = Scene::ready(ground, "charted", TeamOptions::default(), 1).await?;
    let (helm, kubectl) = (&ground.helm, &ground.cluster.kubectl);
    let (serial, uids) = (scene.serial().await?, scene.uids().await?);
    let mut told = Vec::new();
    let calls = scene
        .without_loss(async {
            helm.upgrade(&ground.cluster, "log.level=debug").await?;
            let image = ["get", "deployment", "sallyport-webhook", "-n", "sallyport-system", "-o", "yaml"];
            ensure!(kubectl.run(&image).await?.contains("debug"), "the upgrade changed nothing");
            scene.apply(2).await?;
            scene.team.ready("web", 2).await?;
            told.push("upgraded: a second pod became Ready under the new programs".to_owned());

            helm.uninstall().await?;
            let gone = kubectl.attempt(&["get", "mutatingwebhookconfiguration", "sallyport"], None).await?;
            ensure!(!gone.ok, "the webhook configuration is left");
            let plain = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "plain", "namespace": "charted"},
                "spec": {"terminationGracePeriodSeconds": 0, "containers": [{"name": "main", "image": settings::POD_IMAGE}]}});
            // For a moment the API server still decides by the admission policies that it has just let go.
            wait::until("a pod that nobody changes", wait::GENEROUS, || kubectl.create(&plain)).await?;
            let plain = kubectl.get(&["pod", "plain", "-n", "charted"]).await?;
            ensure!(plain["spec"]["readinessGates"].is_null(), "somebody still changes pods: {}", plain["spec"]);
            kubectl.run(&["delete", "pod", "plain", "-n", "charted"]).await?;
            scene.team.ready("web", 2).await?;
            told.push("removed: the two pods stayed Ready, a new pod was let in and left alone".to_owned());

            helm.install(&ground.cluster).await?;
            scene.apply(3).await?;
            scene.team.ready("web", 3).await?;
            ensure!(scene.serial().await? == serial, "it did not go on where it stopped");
            told.push(format!("installed again: a third pod became Ready with the certificate {serial} that was there"));
            Ok(())
        })
        .await?;
    let after = scene.uids().await?;
    ensure!(uids.iter().all(|uid| after.contains(uid)), "the first pod is gone");
    told.push(format!("{calls} calls meanwhile, none lost"));
    Ok(told.join("\n"))
}
