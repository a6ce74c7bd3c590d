//! Every kind of workload, with containers that really run.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, ensure};
use ground::team::TeamOptions;
use node::{NodeGround, settings, workload};
use serde_json::{Value, json};

use crate::{
    run::{Test, test},
    scene::Scene,
};

pub(crate) fn tests() -> Vec<Test> {
    vec![test("kinds::every_kind_of_workload_has_its_certificate_in_its_containers", |g| Box::pin(kinds(g)))]
}

/// The template of a pod that says once which names its certificate holds.
fn once(app: &str) -> Value {
    json!({"metadata": {"labels": {"app": app}}, "spec": {"restartPolicy": "Never",
        "containers": [{"name": "main", "image": settings::POD_IMAGE, "args": ["show"]}]}})
}

async fn kinds(ground: &NodeGround) -> Result<String> {
    let scene = Scene::ready(ground, "kinds", TeamOptions::default(), 1).await?;
    let (team, kubectl) = (&scene.team, &ground.cluster.kubectl);
    let meta = |name: &str| json!({"name": name, "namespace": "kinds"});
    let server = |name: &str| json!({"selector": {"matchLabels": {"app": name}}, "template": workload::template(name, &json!({}))});
    let mut stateful = server("stateful");
    stateful["replicas"] = json!(2);
    stateful["serviceName"] = json!("stateful");
    for object in [
        json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": meta("stateful"), "spec": stateful}),
        json!({"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": meta("daemon"), "spec": server("daemon")}),
        json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": meta("job"), "spec": {"template": once("job")}}),
        json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": meta("cron"), "spec": {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": {"template": once("cron")}}}}),
    ] {
        kubectl.apply(&object.to_string()).await?;
    }
    kubectl.run(&["create", "job", "cron-29000001", "--from=cronjob/cron", "-n", "kinds"]).await?;
    let roots = scene.roots().await?;
    let mut told = Vec::new();
    for (name, count) in [("web", 1), ("stateful", 2), ("daemon", 1)] {
        for pod in team.ready(name, count).await? {
            let ip = pod["status"]["podIP"].as_str().context("no address")?.parse()?;
            let seen = scene.client.call(SocketAddr::new(ip, 8443), &team.dns_name(name), &roots).await?;
            ensure!(seen.outcome == "verified", "{name}: {seen:?}");
            told.push(format!("{}: serves {}", seen.said.trim(), team.dns_name(name)));
        }
    }
    for (name, job) in [("job", "job/job"), ("cron", "job/cron-29000001")] {
        kubectl.run(&["wait", "--for=condition=Complete", job, "-n", "kinds", "--timeout=120s"]).await?;
        let log = kubectl.run(&["logs", job, "-n", "kinds"]).await?;
        ensure!(log.contains(&team.dns_name(name)), "{job} said {log}");
        told.push(format!("{job}: {}", log.trim()));
    }
    Ok(told.join("\n"))
}
