//! From `kubectl apply` to a call through the firewall, and what holds before the gate opens.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, ensure};
use ground::{
    team::{TeamOptions, condition, gate},
    wait,
};
use node::{NodeGround, workload};
use serde_json::json;

use crate::{
    run::{Test, test},
    scene::Scene,
};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test("journey::a_container_serves_what_was_mounted_and_the_firewall_lets_its_name_through", |g| {
            Box::pin(served(g))
        }),
        test("journey::law_2_no_traffic_reaches_a_pod_before_its_gate_opens", |g| Box::pin(gated(g))),
    ]
}

async fn served(ground: &NodeGround) -> Result<String> {
    let scene = Scene::ready(ground, "shop", TeamOptions::default(), 1).await?;
    let (name, roots, shop) = (scene.name(), scene.roots().await?, &scene.team);
    let straight = scene.answers().await?;
    ensure!(straight.serial == scene.serial().await?, "it serves another certificate: {straight:?}");
    let plane = shop.firewall.data_plane_to(scene.service).await?;
    let through = scene.client.call(plane, &name, &roots).await?;
    ensure!(through.outcome == "verified", "through the firewall the client saw {through:?}");
    let unknown = scene.client.call(plane, "nobody.shop.corp.example", &roots).await?;
    ensure!(unknown.outcome != "verified", "an unknown name gets through: {unknown:?}");

    let kubectl = &ground.cluster.kubectl;
    let denied = json!({"sallyport.dev/action": "deny"});
    kubectl.apply(&workload::deployment("shop", "old", 1, &denied).to_string()).await?;
    kubectl.apply(&workload::service("shop", "old").to_string()).await?;
    shop.ready("old", 1).await?;
    let old = workload::address(&ground.cluster, "shop", "old").await?;
    let straight = scene.client.reaches(old, &shop.dns_name("old"), &roots).await?;
    let plane = shop.firewall.data_plane_to(old).await?;
    let reset = scene.client.call(plane, &shop.dns_name("old"), &roots).await?;
    ensure!(reset.outcome == "reset", "of the denied name the client saw {reset:?}");
    Ok(format!(
        "{name} through the firewall: {}, answered by {}, serial {}\nnobody.shop.corp.example: {}\n{}: {}, and past the firewall {}",
        through.outcome,
        through.said.trim(),
        through.serial,
        unknown.outcome,
        shop.dns_name("old"),
        reset.outcome,
        straight.outcome
    ))
}

async fn gated(ground: &NodeGround) -> Result<String> {
    let scene = Scene::start(ground, "gated", TeamOptions::default()).await?;
    let team = &scene.team;
    team.firewall.fault(&json!({"where": "job", "action": "never_finish", "times": 1})).await?;
    scene.apply(1).await?;
    let pod = wait::until("the container to serve", wait::GENEROUS, || async {
        let pods = team.pods("web").await?;
        let pod = pods.first().context("no pod yet")?;
        ensure!(pod["status"]["containerStatuses"][0]["ready"] == true, "{}", pod["status"]);
        Ok(pod.clone())
    })
    .await?;
    let closed = gate(&pod).context("no gate")?;
    ensure!(closed["status"] == "False", "the gate is open already: {closed}");
    let before = workload::endpoints(&ground.cluster, &team.name, "web").await?;
    ensure!(before.is_empty(), "endpoints before the gate: {before:?}");
    let roots = scene.roots().await?;
    let ip = pod["status"]["podIP"].as_str().context("no address")?.parse()?;
    let itself = scene.client.call(SocketAddr::new(ip, 8443), &scene.name(), &roots).await?;
    ensure!(itself.outcome == "verified", "the container does not serve: {itself:?}");
    let refused = scene.call().await?;
    ensure!(refused.outcome != "verified", "the Service reaches it before its gate opens");
    team.firewall.heal().await?;
    team.ready("web", 1).await?;
    let after = wait::until("the endpoint", wait::GENEROUS, || async {
        let after = workload::endpoints(&ground.cluster, &team.name, "web").await?;
        ensure!(after.len() == 1, "{after:?}");
        Ok(after)
    })
    .await?;
    let served = scene.answers().await?;
    let pods = team.pods("web").await?;
    let ready = pods.first().and_then(|pod| condition(pod, "ContainersReady")).context("no condition")?;
    Ok(format!(
        "containers ready since {}, gate: {}\nendpoints before: none, the Service: {}\nendpoints after: {after:?}, the Service: {}",
        ready["lastTransitionTime"], closed["message"], refused.outcome, served.outcome
    ))
}
