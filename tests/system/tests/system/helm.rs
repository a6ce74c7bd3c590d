//! The chart by the real Helm: the programs run as processes of the host, so its Deployments have no replicas, and the
//! webhook is reached by its address.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use ground::{Ground, repository};
use tokio::process::Command;

const SYSTEM: &str = "sallyport-system";

/// Helm, and the chart in a folder where it may be changed.
pub(crate) struct Helm {
    program: PathBuf,
    chart: PathBuf,
    kubeconfig: PathBuf,
    url: String,
}

impl Helm {
    /// Builds Helm, if this is the first time, and copies the chart with the definitions that stand beside it.
    pub(crate) async fn new(ground: &Ground) -> Result<Self> {
        let program = ground::tool("helm").await?;
        let chart = ground.folder.join("chart");
        let copied =
            Command::new("cp").arg("-rL").arg(repository().join("manifests/helm")).arg(&chart).status();
        ensure!(copied.await?.success(), "the chart cannot be copied");
        let kubeconfig = ground.cluster.kubectl.kubeconfig.clone();
        Ok(Self { program, chart, kubeconfig, url: format!("https://{}", ground.webhook_address) })
    }

    /// Changes a file of the chart, as a later version would.
    pub(crate) fn change(&self, file: &str, from: &str, to: &str) -> Result<()> {
        let file = self.chart.join(file);
        let text = std::fs::read_to_string(&file)?;
        ensure!(text.contains(from), "no {from:?} in {}", file.display());
        Ok(std::fs::write(&file, text.replacen(from, to, 1))?)
    }

    pub(crate) async fn install(&self) -> Result<()> {
        self.with_values(&["install", "--create-namespace"]).await
    }

    pub(crate) async fn upgrade(&self) -> Result<()> {
        self.with_values(&["upgrade", "--set=log.level=debug"]).await
    }

    pub(crate) async fn rollback(&self) -> Result<()> {
        self.run(&["rollback", "sallyport"]).await
    }

    async fn with_values(&self, verb: &[&str]) -> Result<()> {
        let (chart, url) = (self.chart.display().to_string(), format!("--set=webhook.url={}", self.url));
        let none =
            ["webhook", "certAgent", "policySync"].map(|program| format!("--set={program}.replicas=0"));
        let mut args = verb.to_vec();
        args.extend(["sallyport", &chart, &url]);
        args.extend(none.iter().map(String::as_str));
        self.run(&args).await
    }

    async fn run(&self, args: &[&str]) -> Result<()> {
        let mut command = Command::new(&self.program);
        command.arg("--kubeconfig").arg(&self.kubeconfig).args(["--namespace", SYSTEM]).args(args);
        // As for kubectl: by the address another cluster may be remembered.
        command.env("KUBECACHEDIR", self.kubeconfig.with_extension("discovered"));
        let done = command.kill_on_drop(true).output().await?;
        ensure!(done.status.success(), "helm {}: {}", args.join(" "), String::from_utf8_lossy(&done.stderr));
        Ok(())
    }
}
