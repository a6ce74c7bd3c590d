//! A real Kubernetes: etcd, API server, controller manager, scheduler, and a stand-in for the kubelet.

use std::{
    net::IpAddr,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use kube::{Client, Config, config::Kubeconfig};
use serde::Deserialize;
use tokio::process::{Child, Command};

use crate::{
    accounts::Route,
    kubectl::{Kubectl, Output},
    paths, wait,
};

/// A cluster that runs. It stops when this is dropped or the process ends, however it ends.
pub struct ControlPlane {
    /// The administrator.
    pub client: Client,
    /// The administrator's kubectl.
    pub kubectl: Kubectl,
    /// `https://127.0.0.1:PORT`.
    pub server: String,
    /// The cluster's CA in PEM, base64 as in kubeconfigs.
    pub ca_data: String,
    /// The folder with everything the cluster writes.
    pub folder: PathBuf,
    /// Holds the pipe whose end tells the cluster to stop.
    child: Child,
}

#[derive(Deserialize)]
struct Ready {
    server: String,
    kubeconfig: PathBuf,
    kubectl: PathBuf,
}

/// The program that is a whole Kubernetes, built if it is not there yet (minutes, the first time).
///
/// # Errors
/// It cannot be built; the build's own words are on standard error.
pub async fn build() -> Result<PathBuf> {
    let script = paths::repository().join("tests/control-plane/build.sh");
    let done = Command::new(&script)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .await
        .with_context(|| format!("cannot run {}", script.display()))?;
    let text = String::from_utf8_lossy(&done.stdout);
    match (done.status.success(), text.lines().last()) {
        (true, Some(path)) => Ok(PathBuf::from(path)),
        (_, _) => bail!("the control plane could not be built"),
    }
}

impl ControlPlane {
    /// Starts a cluster with a stand-in for its node in `folder`, which must be new or empty. Its API server is
    /// given these further flags, each as `name=value`.
    ///
    /// # Errors
    /// It cannot be built or does not come up.
    pub async fn start(folder: &Path, api_server: &[String]) -> Result<Self> {
        let flags: Vec<String> = api_server.iter().map(|flag| format!("--apiserver-arg={flag}")).collect();
        Self::start_with(folder, &flags).await
    }

    /// Starts a cluster that a real node can join at `address`.
    ///
    /// # Errors
    /// It cannot be built or does not come up.
    pub async fn start_for_node(folder: &Path, address: IpAddr) -> Result<Self> {
        Self::start_with(folder, &["--nodes=0".to_owned(), format!("--node-address={address}")]).await
    }

    async fn start_with(folder: &Path, flags: &[String]) -> Result<Self> {
        let program = build().await?;
        let log = std::fs::File::create(folder.with_extension("log"))?;
        let mut child = Command::new(program)
            .args(["up", "--stop-on-stdin-close", "--audit-log", "--dir"])
            .arg(folder)
            .args(flags)
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("cannot start the control plane")?;
        let file = folder.join("ready.json");
        let text = wait::until("the control plane", Duration::from_secs(240), || {
            let ended = child.try_wait();
            let file = &file;
            async move {
                if let Ok(Some(status)) = ended {
                    return Ok(Err(status));
                }
                Ok(Ok(tokio::fs::read_to_string(file).await?))
            }
        })
        .await?;
        let text = match text {
            Ok(text) => text,
            Err(status) => {
                bail!("the control plane ended ({status}); see {}", folder.with_extension("log").display())
            }
        };
        let ready: Ready = serde_json::from_str(&text).context("ready.json is not what was agreed")?;
        let kubeconfig = Kubeconfig::read_from(&ready.kubeconfig)?;
        let ca_data = kubeconfig.clusters.first().and_then(|named| {
            named.cluster.as_ref().and_then(|cluster| cluster.certificate_authority_data.clone())
        });
        let config =
            Config::from_custom_kubeconfig(kubeconfig, &kube::config::KubeConfigOptions::default()).await?;
        Ok(Self {
            client: Client::try_from(config)?,
            kubectl: Kubectl { program: ready.kubectl, kubeconfig: ready.kubeconfig },
            server: ready.server,
            ca_data: ca_data.context("the kubeconfig has no CA")?,
            folder: folder.to_owned(),
            child,
        })
    }

    /// Whether its API server serves a kind of object, by its plural.
    ///
    /// # Errors
    /// It did not say.
    pub async fn serves(&self, group_version: &str, plural: &str) -> Result<bool> {
        match self.client.list_api_group_resources(group_version).await {
            Ok(list) => Ok(list.resources.iter().any(|resource| resource.name == plural)),
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(false),
            Err(error) => Err(error).context("the API server does not say what it serves"),
        }
    }

    /// `sallyport ARGS`, as this cluster's administrator types it; it may fail.
    ///
    /// # Errors
    /// It is not built, or could not be started.
    pub async fn sallyport(&self, args: &[&str]) -> Result<Output> {
        let mut command = Command::new(paths::built("sallyport")?);
        let done = command.args(args).env("KUBECONFIG", &self.kubectl.kubeconfig).output().await?;
        Ok(Output {
            ok: done.status.success(),
            stdout: String::from_utf8_lossy(&done.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&done.stderr).into_owned(),
        })
    }

    /// The straight way to its API server.
    pub(crate) fn route(&self) -> Route {
        Route { server: self.server.clone(), ca_data: self.ca_data.clone() }
    }

    /// Stops the cluster and waits for its end.
    ///
    /// # Errors
    /// It did not end in a minute.
    pub async fn stop(mut self) -> Result<()> {
        drop(self.child.stdin.take());
        tokio::time::timeout(Duration::from_secs(60), self.child.wait())
            .await
            .context("the control plane did not stop")??;
        Ok(())
    }
}
