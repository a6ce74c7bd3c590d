//! How long it takes from `kubectl apply` to Ready on a real node, noted in `target/bench/report.json` beside what
//! `make bench` measures. The programs are development builds, and commits take 300 ms.

use std::{collections::BTreeMap, time::Instant};

use anyhow::{Context as _, Result, ensure};
use ground::{
    Team,
    team::{TeamOptions, condition},
    wait,
};
use node::{NodeGround, workload};
use serde_json::{Value, json};

use crate::run::{Test, alone};

pub(crate) fn tests() -> Vec<Test> {
    vec![alone("figures::from_apply_to_ready", |g| Box::pin(measured(g)))]
}

/// How many workloads are measured; the median of them counts.
const ROUNDS: usize = 3;

/// Seconds, one for each round.
#[derive(Default)]
struct Samples {
    /// From apply to Ready, with a name that nobody had before.
    cold: Vec<f64>,
    /// From the certificate to Ready.
    delivered: Vec<f64>,
    /// From scaling up to Ready, with a name that is proven.
    warm: Vec<f64>,
}

async fn measured(ground: &NodeGround) -> Result<String> {
    let mut figures = BTreeMap::new();
    let pod = json!({"certificate": {"delivery": "Pod", "lifetime": "24h"}});
    for (team, policy_spec, names) in [
        ("figures", json!({}), ["node.cold_s", "node.secret_to_ready_s", "node.warm_s"]),
        ("figures-pods", pod, ["node.pod_cold_s", "node.pod_certificate_to_ready_s", "node.pod_warm_s"]),
    ] {
        let options = TeamOptions { policy_spec, ..TeamOptions::default() };
        let team = Team::start(ground, team, options).await?;
        let mut samples = Samples::default();
        for round in 0..ROUNDS {
            one(ground, &team, &format!("web-{round}"), &mut samples).await?;
        }
        for (name, mut values) in names.into_iter().zip([samples.cold, samples.delivered, samples.warm]) {
            values.sort_by(f64::total_cmp);
            figures.insert(name, values.get(values.len() / 2).copied().context("no sample")?);
        }
    }
    note(&figures)?;
    Ok(figures.iter().map(|(name, value)| format!("{name} {value:.2}")).collect::<Vec<_>>().join("\n"))
}

async fn one(ground: &NodeGround, team: &Team<'_>, name: &str, samples: &mut Samples) -> Result<()> {
    let kubectl = &ground.cluster.kubectl;
    let begun = Instant::now();
    kubectl.apply(&workload::deployment(&team.name, name, 1, &json!({})).to_string()).await?;
    let delivered = wait::until("the certificate", wait::GENEROUS, || async {
        ensure!(is_delivered(ground, team, name).await?, "not yet");
        Ok(begun.elapsed().as_secs_f64())
    });
    let ready = async {
        team.ready(name, 1).await?;
        Ok(begun.elapsed().as_secs_f64())
    };
    let (delivered, ready) = tokio::try_join!(delivered, ready)?;
    samples.cold.push(ready);
    samples.delivered.push(ready - delivered);
    let begun = Instant::now();
    let deployment = format!("deployment/{name}");
    kubectl.run(&["scale", &deployment, "--replicas=2", "-n", &team.name]).await?;
    team.ready(name, 2).await?;
    samples.warm.push(begun.elapsed().as_secs_f64());
    Ok(())
}

/// Whether a Secret or an answered request holds the certificate of this workload.
async fn is_delivered(ground: &NodeGround, team: &Team<'_>, name: &str) -> Result<bool> {
    let found = ground.cluster.kubectl.get(&["secrets,podcertificaterequests", "-n", &team.name]).await?;
    let found = found["items"].as_array().context("no list")?;
    let belongs = |object: &&Value| {
        let pod = object["spec"]["podName"].as_str().unwrap_or_default();
        let secret = object["metadata"]["name"].as_str().unwrap_or_default();
        secret.starts_with(&format!("{name}-"))
            || pod.starts_with(&format!("{name}-")) && condition(object, "Issued").is_some()
    };
    Ok(found.iter().any(|object| belongs(&object)))
}

/// Adds the figures to those that are there.
fn note(figures: &BTreeMap<&str, f64>) -> Result<()> {
    let folder = ground::target()?.join("bench");
    std::fs::create_dir_all(&folder)?;
    let file = folder.join("report.json");
    let mut all: BTreeMap<String, Value> = match std::fs::read_to_string(&file) {
        Ok(text) => serde_json::from_str(&text).context("report.json is no report")?,
        Err(_) => BTreeMap::new(),
    };
    all.extend(
        figures.iter().map(|(name, value)| ((*name).to_owned(), json!((value * 100.0).round() / 100.0))),
    );
    std::fs::write(&file, serde_json::to_string_pretty(&all)?)?;
    Ok(())
}
