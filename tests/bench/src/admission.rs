//! Admission: the judgement by itself, and the program over TLS.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use futures::future::try_join_all;
use ground::{Ground, Team, manifests, team::TeamOptions};
use sallyport_contract::{object::IdentityPolicy, policy::PolicyBook};
use sallyport_webhook::{
    facts::Snapshot,
    judge::{Outcome, judge},
    review::Entry,
};
use serde_json::json;

use crate::report::{Report, line, quantile};

const ROUNDS: usize = 20_000;
const CONNECTIONS: usize = 8;
const LOAD: Duration = Duration::from_secs(5);

/// A pod as a ReplicaSet creates it, in its review.
fn review() -> String {
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
        "uid": "0d3a2c9e-7f0e-4c59-9a3c-000000000001", "operation": "CREATE", "dryRun": false, "namespace": "shop",
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "resource": {"group": "", "version": "v1", "resource": "pods"},
        "userInfo": {"username": "system:serviceaccount:kube-system:replicaset-controller"},
        "object": {"apiVersion": "v1", "kind": "Pod",
            "metadata": {"generateName": "web-5d89bdfbf9-", "labels": {"app": "web", "pod-template-hash": "5d89bdfbf9"},
                "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-5d89bdfbf9",
                    "uid": "0d3a2c9e-7f0e-4c59-9a3c-000000000002", "controller": true, "blockOwnerDeletion": true}]},
            "spec": {"serviceAccountName": "default", "nodeName": "node-1", "restartPolicy": "Always",
                "volumes": [{"name": "kube-api-access-x", "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}}],
                "containers": [
                    {"name": "nginx", "image": "nginx", "ports": [{"containerPort": 443}],
                        "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
                        "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}},
                        "volumeMounts": [{"name": "kube-api-access-x", "mountPath": "/var/run/secrets"}]},
                    {"name": "side", "image": "side"}]}}}})
    .to_string()
}

fn snapshot() -> Result<Snapshot> {
    let policy: IdentityPolicy = serde_json::from_value(manifests::example("identity-policy")?)?;
    let labels = [("sallyport.dev/inject".to_owned(), "enabled".to_owned())].into();
    let namespaces = [("shop".to_owned(), Arc::new(labels))].into();
    Ok(Snapshot {
        namespaces: Arc::new(namespaces),
        policies: Arc::new(PolicyBook::new([&policy])),
        pod_certificates: true,
    })
}

/// From the body of a review to its answer, without TLS and HTTP.
pub(crate) fn in_process(report: &mut Report) -> Result<()> {
    line("admission in process");
    let (body, facts) = (review(), snapshot()?);
    let mut times = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let judged = judge(Entry::Pods, body.as_bytes(), &facts)?;
        times.push(start.elapsed().as_secs_f64() * 1e6);
        ensure!(judged.outcome == Outcome::Granted, "{judged:?}");
    }
    times.sort_by(f64::total_cmp);
    report.note("admission.in_process_p50_us", quantile(&times, 0.5));
    report.note("admission.in_process_p99_us", quantile(&times, 0.99));
    Ok(())
}

/// The program itself, over TLS on loopback, with connections that stay open.
pub(crate) async fn over_https(report: &mut Report, ground: &Ground) -> Result<()> {
    line(&format!("admission over TLS, {CONNECTIONS} connections, {} s", LOAD.as_secs()));
    // The namespace and the policy that the review names.
    let _team = Team::start(ground, "shop", TeamOptions::default()).await?;
    let object = ground.cluster.kubectl.get(&["mutatingwebhookconfiguration", "sallyport"]).await?;
    let bundle = object["webhooks"][0]["clientConfig"]["caBundle"].as_str().context("no caBundle")?;
    let bundle = base64::engine::general_purpose::STANDARD.decode(bundle)?;
    let workers = (0..CONNECTIONS).map(|_| worker(ground.webhook_address, &bundle));
    let start = Instant::now();
    let counts = try_join_all(workers).await?;
    let total: u32 = counts.iter().sum();
    report.note("admission.https_rps", f64::from(total) / start.elapsed().as_secs_f64());
    report.note("admission.rss_mib", ground.webhook.lock().await.rss_mib()?);
    Ok(())
}

async fn worker(address: std::net::SocketAddr, bundle: &[u8]) -> Result<u32> {
    let client = reqwest::Client::builder()
        .tls_certs_only(reqwest::Certificate::from_pem_bundle(bundle)?)
        .http1_only()
        .pool_max_idle_per_host(1)
        .build()?;
    let (url, body) = (format!("https://{address}/pods"), review());
    let (start, mut count) = (Instant::now(), 0);
    while start.elapsed() < LOAD {
        let request = client.post(&url).header("content-type", "application/json").body(body.clone());
        let answer = request.send().await?.error_for_status()?;
        answer.bytes().await?;
        count += 1;
    }
    Ok(count)
}
