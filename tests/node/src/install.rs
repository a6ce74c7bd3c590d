//! Sallyport as its users install it: the chart, by Helm.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use ground::{control_plane::ControlPlane, manifests, pca::PcaSim, wait};
use serde_json::{Value, json};

use crate::{machine, service, settings};

const PROGRAMS: [&str; 3] = ["sallyport-webhook", "sallyport-cert-agent", "sallyport-policy-sync"];

/// The ConfigMap with the CA that AWS's endpoint is trusted by.
const AWS_CAS: &str = "aws-cas";

/// Settings for a test's patience instead of a day's, and the way to AWS as docs/AWS.md has it for endpoints under a CA
/// of one's own.
fn values(cluster: &ControlPlane, pca: &PcaSim) -> Result<Value> {
    let access = PcaSim::access(&pca.endpoint);
    let env: Vec<Value> = access.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
    let port = |of: &str| -> Result<u16> {
        let after = of.trim_end_matches('/').rsplit(':').next().unwrap_or_default();
        after.parse().with_context(|| format!("{of} has no port"))
    };
    Ok(json!({
        "networkPolicy": {
            "apiServer": {"ports": [port(&cluster.server)?]},
            "aws": {"ports": [port(&pca.endpoint)?]},
            "firewall": {"cidrs": [settings::FIREWALL_NETWORK]},
        },
        "certAgent": {
            "extraArgs": ["--identity-grace=2s", "--restart-within=1s", "--resync=15s"],
            "extraEnv": env,
            "awsCaBundle": {"configMap": AWS_CAS},
        },
        "policySync": {"extraArgs": ["--job-poll=300ms", "--resync=15s"]},
    }))
}

/// Helm, for the one release in the cluster.
pub struct Helm {
    program: PathBuf,
    kubeconfig: PathBuf,
    values: PathBuf,
    aws_ca: String,
}

impl Helm {
    /// Writes the values of every install into `folder`.
    ///
    /// # Errors
    /// They cannot be written.
    pub(crate) fn new(cluster: &ControlPlane, pca: &PcaSim, folder: &Path) -> Result<Self> {
        let file = folder.join("values.json");
        std::fs::write(&file, values(cluster, pca)?.to_string())?;
        Ok(Self {
            program: machine::programs()?.join("helm"),
            kubeconfig: cluster.kubectl.kubeconfig.clone(),
            values: file,
            aws_ca: std::fs::read_to_string(&pca.ca_file)?,
        })
    }

    /// `helm install` of the chart, as docs/INSTALL.md has it, until the programs are available and the API server trusts
    /// the webhook.
    ///
    /// # Errors
    /// It was refused, or does not come up.
    pub async fn install(&self, cluster: &ControlPlane) -> Result<String> {
        cluster.kubectl.apply(&manifests::stream(&self.beforehand())).await?;
        let values = format!("--values={}", self.values.display());
        let said = self.run(&["install", "sallyport", &chart(), &values]).await?;
        available(cluster).await?;
        Ok(said)
    }

    /// What must be there before the chart: the namespace, and in it what cert-agent's pods mount.
    fn beforehand(&self) -> [Value; 2] {
        let meta = json!({"name": AWS_CAS, "namespace": "sallyport-system"});
        let labels = json!({"pod-security.kubernetes.io/enforce": "restricted"});
        let namespace = json!({"name": "sallyport-system", "labels": labels});
        [
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": namespace}),
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"ca.crt": self.aws_ca}}),
        ]
    }

    /// `helm upgrade` with one value changed, until the new programs are available.
    ///
    /// # Errors
    /// It was refused, or does not come up.
    pub async fn upgrade(&self, cluster: &ControlPlane, set: &str) -> Result<String> {
        let args = ["upgrade", "sallyport", &chart(), "--reset-then-reuse-values", "--set", set];
        let said = self.run(&args).await?;
        available(cluster).await?;
        Ok(said)
    }

    /// `helm uninstall`, until everything is gone.
    ///
    /// # Errors
    /// It was refused.
    pub async fn uninstall(&self) -> Result<String> {
        self.run(&["uninstall", "sallyport", "--wait"]).await
    }

    async fn run(&self, args: &[&str]) -> Result<String> {
        let kubeconfig = self.kubeconfig.display().to_string();
        let always = ["--namespace", "sallyport-system", "--kubeconfig", &kubeconfig];
        service::run(&self.program, &[args, &always].concat()).await
    }
}

fn chart() -> String {
    ground::repository().join("manifests/helm").display().to_string()
}

/// Waits until every program is available and the API server trusts the webhook.
async fn available(cluster: &ControlPlane) -> Result<()> {
    for program in PROGRAMS {
        let deployment = format!("deployment/{program}");
        let args = ["rollout", "status", "-n", "sallyport-system", "--timeout=120s", &deployment];
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
