//! Sallyport as its users install it: from `manifests/`, by kubectl, in pods.

use anyhow::{Context as _, Result, ensure};
use ground::{control_plane::ControlPlane, manifests, wait};

const PROGRAMS: [&str; 3] = ["sallyport-webhook", "sallyport-cert-agent", "sallyport-policy-sync"];

/// Settings for a test's patience instead of a day's: what each program finds in its environment.
const SETTINGS: [(&str, &[&str]); 3] = [
    ("sallyport-webhook", &["SALLYPORT_WEBHOOK_DRAIN_DELAY=5s"]),
    (
        "sallyport-cert-agent",
        &["SALLYPORT_IDENTITY_GRACE=2s", "SALLYPORT_RESTART_WITHIN=1s", "SALLYPORT_RESYNC=15s"],
    ),
    ("sallyport-policy-sync", &["SALLYPORT_JOB_POLL=300ms", "SALLYPORT_RESYNC=15s"]),
];

/// Applies everything and waits until the programs are available and the API server trusts the webhook.
///
/// # Errors
/// Something was refused, or does not come up.
pub(crate) async fn by_manifests(cluster: &ControlPlane) -> Result<()> {
    let kubectl = &cluster.kubectl;
    kubectl.apply(&manifests::stream(&manifests::definitions()?)).await?;
    kubectl.run(&["wait", "--for=condition=Established", "--timeout=60s", "crd", "--all"]).await?;
    kubectl.apply(&manifests::stream(&manifests::install()?)).await?;
    for (program, settings) in SETTINGS {
        let deployment = format!("deployment/{program}");
        kubectl.run(&[&["set", "env", "-n", "sallyport-system", &deployment], settings].concat()).await?;
    }
    available(cluster).await
}

/// Waits until every program is available and the API server trusts the webhook.
///
/// # Errors
/// It takes too long.
pub(crate) async fn available(cluster: &ControlPlane) -> Result<()> {
    for program in PROGRAMS {
        let deployment = format!("deployment/{program}");
        let args = ["rollout", "status", "-n", "sallyport-system", "--timeout=90s", &deployment];
        cluster.kubectl.run(&args).await?;
    }
    wait::until("the webhook's caBundle", wait::GENEROUS, || async {
        let object = cluster.kubectl.get(&["mutatingwebhookconfiguration", "sallyport"]).await?;
        let entries = object["webhooks"].as_array().context("no webhooks")?;
        let trusted = entries
            .iter()
            .all(|entry| entry["clientConfig"]["caBundle"].as_str().is_some_and(|bundle| !bundle.is_empty()));
        ensure!(trusted, "no caBundle yet");
        Ok(())
    })
    .await
}
