//! The node, and everything on it, in the order in which an operator would do it.

use std::{
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU8, Ordering},
    time::Duration,
};

use anyhow::{Context as _, Result};
use ground::{Site, control_plane::ControlPlane, pca::PcaSim};

use crate::{install::Helm, machine, machine::Node, settings};

/// A cluster with a real node, on which Sallyport runs.
pub struct NodeGround {
    /// The folder with everything that is written.
    pub folder: PathBuf,
    /// The cluster.
    pub cluster: ControlPlane,
    /// The node.
    pub node: Node,
    /// The AWS Private CA stand-in.
    pub pca: PcaSim,
    /// What installed Sallyport.
    pub helm: Helm,
    /// How many firewalls there are.
    firewalls: AtomicU8,
}

impl NodeGround {
    /// Lays the ground under `target/NAME`; `tell` hears of each step.
    ///
    /// # Errors
    /// The first step that failed.
    pub async fn start(name: &str, tell: impl Fn(&str)) -> Result<Self> {
        let folder = ground::target()?.join(name);
        if folder.exists() {
            std::fs::remove_dir_all(&folder).with_context(|| format!("cannot clear {}", folder.display()))?;
        }
        std::fs::create_dir_all(&folder)?;
        machine::network().await?;
        tell("a Kubernetes control plane");
        let cluster = ControlPlane::start_for_node(&folder.join("cluster"), settings::ADDRESS).await?;
        tell("a node: containerd, kubelet, kube-proxy");
        let node = Node::start(&folder, &cluster).await?;
        tell("the AWS Private CA stand-in");
        let pca = PcaSim::start_at(settings::ADDRESS, &folder, Duration::from_millis(200)).await?;
        tell("helm install: definitions, accounts, roles, guards, and the programs as pods");
        let helm = Helm::new(&cluster, &pca, &folder)?;
        helm.install(&cluster).await?;
        Ok(Self { folder, cluster, node, pca, helm, firewalls: AtomicU8::new(0) })
    }
}

impl Site for NodeGround {
    fn cluster(&self) -> &ControlPlane {
        &self.cluster
    }

    fn pca(&self) -> &PcaSim {
        &self.pca
    }

    fn folder(&self) -> &Path {
        &self.folder
    }

    fn address(&self) -> IpAddr {
        settings::ADDRESS
    }

    /// Each at an address of its own.
    fn management_interface(&self) -> SocketAddr {
        settings::firewall(self.firewalls.fetch_add(1, Ordering::Relaxed))
    }
}
