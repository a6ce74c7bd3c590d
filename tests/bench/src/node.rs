//! From `kubectl apply` to Ready on a real node: how long a pod takes where AWS takes 0.2, 2, 10 and 60 s for a certificate,
//! and how much of that is the kubelet's. Commits take 300 ms.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use futures::future::try_join_all;
use ground::{
    Team,
    team::{Authority, TeamOptions, condition},
    wait,
};
use k8s_openapi::api::{certificates::v1::PodCertificateRequest, core::v1::Secret};
use kube::{Api, ResourceExt as _, api::ListParams};
use node::{NodeGround, workload};
use serde_json::json;

use crate::report::{Report, line, quantile};

/// How many workloads are measured; the median of them counts.
const ROUNDS: usize = 3;
/// What the CA takes, and what the figures' names end in.
const LATENCIES: [(Duration, &str); 4] = [
    (Duration::from_millis(200), ""),
    (Duration::from_secs(2), "_ca_2s"),
    (Duration::from_secs(10), "_ca_10s"),
    (Duration::from_secs(60), "_ca_60s"),
];
/// The templates: a pod's own request cannot say its names, so they are passed beside it.
const PASSED: &str = "EndEntityServerAuthCertificate_APIPassthrough/V1";
const PLAIN: &str = "EndEntityServerAuthCertificate/V1";
/// From here on the machine has nothing to do most of the time, and workloads do not disturb each other.
const LONG: Duration = Duration::from_secs(10);
/// Between two tries of a mount a kubelet waits up to two minutes and two seconds, besides what the CA takes.
const PATIENCE: Duration = Duration::from_secs(300);

/// Seconds of one workload.
struct Sample {
    /// From apply to Ready, with a name that nobody had before.
    cold: f64,
    /// From the certificate to Ready.
    delivered: f64,
    /// From scaling up to Ready, with a name that is proven.
    warm: f64,
}

/// Measures on a node of its own.
pub(crate) async fn measure(report: &mut Report) -> Result<()> {
    let ground = NodeGround::start("bench-node", |what| line(&format!("node: starting {what}"))).await?;
    for (delivery, template, names) in [
        ("Pod", PASSED, ["node.pod_cold_s", "node.pod_certificate_to_ready_s", "node.pod_warm_s"]),
        ("Secret", PLAIN, ["node.cold_s", "node.secret_to_ready_s", "node.warm_s"]),
    ] {
        let policy_spec = json!({"certificate": {"delivery": delivery, "lifetime": "24h"}});
        let authority_spec = json!({"awsPrivateCA": {"templates": [template]}});
        let options =
            TeamOptions { authority: Authority::Aws, authority_spec, policy_spec, ..TeamOptions::default() };
        let team = Team::start(&ground, &delivery.to_lowercase(), options).await?;
        for (latency, suffix) in LATENCIES {
            line(&format!("delivery {delivery}, the CA takes {} s", latency.as_secs_f64()));
            ground.pca.delay(latency).await?;
            let samples = rounds(&ground, &team, latency).await?;
            let columns = [
                samples.iter().map(|sample| sample.cold).collect::<Vec<f64>>(),
                samples.iter().map(|sample| sample.delivered).collect(),
                samples.iter().map(|sample| sample.warm).collect(),
            ];
            for (name, mut values) in names.into_iter().zip(columns) {
                values.sort_by(f64::total_cmp);
                report.note(format!("{name}{suffix}"), quantile(&values, 0.5));
            }
        }
    }
    Ok(())
}

/// One after the other, or side by side where each mostly waits.
async fn rounds(ground: &NodeGround, team: &Team<'_>, latency: Duration) -> Result<Vec<Sample>> {
    let names: Vec<String> =
        (0..ROUNDS).map(|round| format!("web-{}-{round}", latency.as_millis())).collect();
    if latency >= LONG {
        return try_join_all(names.iter().map(|name| one(ground, team, name))).await;
    }
    let mut samples = Vec::with_capacity(ROUNDS);
    for name in &names {
        samples.push(one(ground, team, name).await?);
    }
    Ok(samples)
}

async fn one(ground: &NodeGround, team: &Team<'_>, name: &str) -> Result<Sample> {
    let kubectl = &ground.cluster.kubectl;
    let begun = Instant::now();
    kubectl.apply(&workload::deployment(&team.name, name, 1, &json!({})).to_string()).await?;
    let delivered = wait::until("the certificate", PATIENCE, || async {
        ensure!(is_delivered(ground, team, name).await?, "not yet");
        Ok(begun.elapsed().as_secs_f64())
    });
    let ready = async {
        team.ready_within(PATIENCE, name, 1).await?;
        Ok(begun.elapsed().as_secs_f64())
    };
    let (delivered, cold) = tokio::try_join!(delivered, ready)?;
    let begun = Instant::now();
    let deployment = format!("deployment/{name}");
    kubectl.run(&["scale", &deployment, "--replicas=2", "-n", &team.name]).await?;
    team.ready_within(PATIENCE, name, 2).await?;
    let warm = begun.elapsed().as_secs_f64();
    line(&format!("  {name}: certificate {delivered:.1} s, Ready {cold:.1} s, the second pod {warm:.1} s"));
    // Its pods would take their share of the machine from the next one.
    kubectl.run(&["delete", &deployment, "-n", &team.name, "--wait=false"]).await?;
    Ok(Sample { cold, delivered: cold - delivered, warm })
}

/// Whether a Secret or an answered request holds the certificate of this workload.
async fn is_delivered(ground: &NodeGround, team: &Team<'_>, name: &str) -> Result<bool> {
    let client = &ground.cluster.client;
    let begins = format!("{name}-");
    let secrets: Api<Secret> = Api::namespaced(client.clone(), &team.name);
    let secrets = secrets.list_metadata(&ListParams::default()).await?;
    if secrets.items.iter().any(|secret| secret.name_any().starts_with(&begins)) {
        return Ok(true);
    }
    let requests: Api<PodCertificateRequest> = Api::namespaced(client.clone(), &team.name);
    let requests = requests.list(&ListParams::default()).await.context("requests of pods")?;
    let requests = requests.items.iter().filter(|request| request.spec.pod_name.starts_with(&begins));
    for request in requests {
        if condition(&serde_json::to_value(request)?, "Issued").is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}
