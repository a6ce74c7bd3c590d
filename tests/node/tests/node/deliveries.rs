//! Certificates that the real kubelet asks for, and containers that it holds back.

use std::{collections::BTreeSet, net::SocketAddr};

use anyhow::{Context as _, Result, ensure};
use ground::{
    team::{Authority, TeamOptions},
    wait,
};
use node::NodeGround;
use serde_json::{Value, json};

use crate::{
    run::{Test, test},
    scene::{Scene, embedded_root},
};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test("deliveries::the_kubelet_makes_each_pods_key_and_its_container_serves_with_it", |g| {
            Box::pin(to_the_pod(g))
        }),
        test("deliveries::aws_signs_for_both_over_tls_that_the_charts_bundle_verifies", |g| {
            Box::pin(by_aws(g))
        }),
        test("deliveries::law_2_a_held_job_starts_with_its_gate", |g| Box::pin(held(g))),
    ]
}

async fn to_the_pod(ground: &NodeGround) -> Result<String> {
    let policy_spec = json!({"certificate": {"delivery": "Pod", "lifetime": "24h"}});
    let options = TeamOptions { policy_spec, ..TeamOptions::default() };
    let scene = Scene::start(ground, "own-keys", options).await?;
    scene.apply(2).await?;
    scene.team.ready("web", 2).await?;
    let roots = embedded_root(ground, "own-keys").await?;
    let mut serials = BTreeSet::new();
    for pod in scene.team.pods("web").await? {
        let ip = pod["status"]["podIP"].as_str().context("no address")?.parse()?;
        let seen = scene.client.call(SocketAddr::new(ip, 8443), &scene.name(), &roots).await?;
        ensure!(seen.outcome == "verified", "{seen:?}");
        serials.insert(seen.serial);
    }
    ensure!(serials.len() == 2, "both pods serve one certificate: {serials:?}");
    let kubectl = &ground.cluster.kubectl;
    let secrets = kubectl.get(&["secrets", "-n", "own-keys"]).await?;
    ensure!(secrets["items"].as_array().is_some_and(Vec::is_empty), "there is a Secret: {secrets}");
    let requests = kubectl.run(&["get", "podcertificaterequests", "-n", "own-keys"]).await?;
    Ok(format!("two pods, two certificates and no Secret: {serials:?}\n{requests}"))
}

/// The stand-in's endpoint has a CA that no public one knows: the programs reach it by the chart's `awsCaBundle` alone.
async fn by_aws(ground: &NodeGround) -> Result<String> {
    let mut told = Vec::new();
    for (name, delivery, template) in [
        ("aws-secrets", "Secret", "EndEntityServerAuthCertificate/V1"),
        ("aws-pods", "Pod", "EndEntityServerAuthCertificate_APIPassthrough/V1"),
    ] {
        let authority_spec = json!({"awsPrivateCA": {"templates": [template]}});
        let policy_spec = json!({"certificate": {"delivery": delivery, "lifetime": "24h"}});
        let options =
            TeamOptions { authority: Authority::Aws, authority_spec, policy_spec, ..TeamOptions::default() };
        let scene = Scene::start(ground, name, options).await?;
        scene.apply(1).await?;
        scene.team.ready("web", 1).await?;
        let seen = scene.client.reaches(scene.service, &scene.name(), &ground.pca.root_pem).await?;
        let issued = ground.pca.issued().await?.to_string().to_lowercase().replace(':', "");
        ensure!(issued.contains(&seen.serial), "AWS issued no {}: {issued}", seen.serial);
        told.push(format!("delivery {delivery}: the container serves {}, which AWS signed", seen.serial));
    }
    Ok(told.join("\n"))
}

/// A Job whose container says when it ran.
fn job() -> Value {
    json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "web", "namespace": "held"},
        "spec": {"backoffLimit": 0, "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"restartPolicy": "Never",
            "containers": [{"name": "main", "image": node::settings::POD_IMAGE, "args": ["show"]}]}}}})
}

async fn held(ground: &NodeGround) -> Result<String> {
    let image = format!("ghcr.io/sallyport/sallyport:{}", env!("CARGO_PKG_VERSION"));
    let policy_spec = json!({"hold": {"startInit": {"image": image}}});
    let options = TeamOptions { policy_spec, ..TeamOptions::default() };
    let scene = Scene::start(ground, "held", options).await?;
    let (team, kubectl) = (&scene.team, &ground.cluster.kubectl);
    team.firewall.fault(&json!({"where": "job", "action": "never_finish", "times": 1})).await?;
    kubectl.apply(&job().to_string()).await?;
    let waits = wait::until("the init container to wait", wait::GENEROUS, || async {
        let pods = team.pods("web").await?;
        let pod = pods.first().context("no pod yet")?;
        let state = &pod["status"]["initContainerStatuses"][0]["state"];
        ensure!(state["running"].is_object(), "{state}");
        ensure!(pod["status"]["containerStatuses"][0]["state"]["waiting"].is_object(), "{}", pod["status"]);
        team.gate_waits("web", "AwaitingCommit", "job").await
    })
    .await?;
    let log = wait::until("the init container to say so", wait::GENEROUS, || async {
        let log = kubectl.run(&["logs", "job/web", "-n", "held", "-c", "sallyport-hold"]).await?;
        ensure!(!log.trim().is_empty(), "it says nothing");
        Ok(log)
    })
    .await?;
    team.firewall.heal().await?;
    kubectl.run(&["wait", "--for=condition=Complete", "job/web", "-n", "held", "--timeout=180s"]).await?;
    let pods = team.pods("web").await?;
    let pod = pods.first().context("no pod")?;
    let ended = &pod["status"]["initContainerStatuses"][0]["state"]["terminated"];
    let began = &pod["status"]["containerStatuses"][0]["state"]["terminated"]["startedAt"];
    let proven = &pod["metadata"]["annotations"]["sallyport.dev/proven"];
    let told = kubectl.run(&["logs", "job/web", "-n", "held", "-c", "main"]).await?;
    ensure!(ended["exitCode"] == 0, "{ended}");
    ensure!(told.contains(&scene.name()), "its container had another certificate: {told}");
    Ok(format!(
        "gate: {}\nthe init container said: {}\nproven: {proven}, the Job's container began: {began}\nand read: {}",
        waits["message"],
        log.trim(),
        told.trim()
    ))
}
