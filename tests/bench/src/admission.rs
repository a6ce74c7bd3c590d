//! The judgement of one pod by itself, from the body of a review to its answer.

use std::{sync::Arc, time::Instant};

use anyhow::{Result, ensure};
use ground::manifests;
use sallyport_contract::{object::IdentityPolicy, policy::PolicyBook};
use sallyport_webhook::{
    facts::Snapshot,
    judge::{Outcome, judge},
    review::Entry,
};
use serde_json::json;

use crate::report::{Report, line, quantile};

const ROUNDS: usize = 20_000;

/// A pod as a ReplicaSet creates it, in its review.
pub(crate) fn review() -> String {
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

/// Without TLS and HTTP.
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
