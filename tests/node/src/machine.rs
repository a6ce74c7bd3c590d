//! The node itself: its network, its programs, and their restarts.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use ground::{control_plane::ControlPlane, wait};
use tokio::sync::Mutex;

use crate::{
    service::{self, Service},
    settings,
};

/// Of <https://www.kube-router.io>, what obeys NetworkPolicies.
const KUBE_ROUTER: &str = "kube-router";

/// A node that runs in the namespaces of `run.sh`.
pub struct Node {
    folder: PathBuf,
    programs: PathBuf,
    group: String,
    cluster: PathBuf,
    containerd: Mutex<Service>,
    kubelet: Mutex<Service>,
    kube_proxy: Mutex<Service>,
    /// It asks for the node at its start, so it begins when that is there.
    kube_router: Mutex<Option<Service>>,
}

/// What `run.sh` says.
fn told(name: &str) -> Result<String> {
    std::env::var(name).with_context(|| format!("{name} is not set: run this by tests/node/run.sh"))
}

/// What `make image PROFILE=dev` writes.
fn sallyport_image() -> Result<PathBuf> {
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let file = ground::target()?.join(format!("image/sallyport-{architecture}.tar"));
    ensure!(file.exists(), "{} is not there: run `make image PROFILE=dev` first", file.display());
    Ok(file)
}

/// The folder with the node's programs.
pub(crate) fn programs() -> Result<PathBuf> {
    told("SALLYPORT_NODE_PROGRAMS").map(PathBuf::from)
}

/// Whether the node's network obeys NetworkPolicies: whether `build.sh` could build what does that.
#[must_use]
pub fn obeys_policies() -> bool {
    programs().is_ok_and(|programs| programs.join(KUBE_ROUTER).exists())
}

/// Gives the machine the node's address. The route lets its own programs begin a connection to a Service, which
/// kube-proxy then turns.
///
/// # Errors
/// A command failed.
pub(crate) async fn network() -> Result<()> {
    let (bridge, address) = (settings::BRIDGE, settings::ADDRESS.to_string());
    for line in [
        format!("link add {bridge} type bridge"),
        format!("addr add {address}/32 dev {bridge}"),
        format!("link set {bridge} up"),
        // So that any address of the network can be listened on.
        format!("route add local {} dev lo", settings::FIREWALL_NETWORK),
        format!("route add {} dev {bridge} src {address}", settings::SERVICE_NETWORK),
    ] {
        service::run("ip", &line.split(' ').collect::<Vec<_>>()).await?;
    }
    std::fs::write("/proc/sys/net/ipv4/ip_forward", "1").context("cannot turn forwarding on")
}

impl Node {
    /// Joins the cluster and waits until the node is Ready and has the images of Sallyport and of the test pods.
    ///
    /// # Errors
    /// A program does not start, or the node is not Ready in a minute and a half.
    pub async fn start(folder: &Path, cluster: &ControlPlane) -> Result<Self> {
        let programs = programs()?;
        let group = told("SALLYPORT_NODE_GROUP")?;
        for sub in ["cni", "kubelet"] {
            std::fs::create_dir_all(folder.join(sub))?;
        }
        let pki = cluster.folder.join("pki");
        let proxy = settings::kube_proxy(&cluster.folder.join("kubeconfigs/kube-proxy"));
        for (file, text) in [
            ("containerd.toml", settings::containerd(folder, &programs)),
            ("cni/pods.conflist", settings::cni(folder).to_string()),
            ("kubelet.yaml", settings::kubelet(folder, &pki, &group).to_string()),
            ("kube-proxy.yaml", proxy.to_string()),
        ] {
            std::fs::write(folder.join(file), text)?;
        }
        make_groups(&group)?;
        let at = Place { folder, programs: &programs, cluster: &cluster.folder };
        let containerd = at.containerd()?;
        at.answers().await?;
        for image in [programs.join("pod.tar"), sallyport_image()?] {
            at.ctr(&["-n", "k8s.io", "images", "import", &image.display().to_string()]).await?;
        }
        let (kube_proxy, kubelet) = (at.kube_proxy()?, at.kubelet()?);
        let node = Self {
            folder: folder.to_owned(),
            group,
            cluster: cluster.folder.clone(),
            containerd: Mutex::new(containerd),
            kubelet: Mutex::new(kubelet),
            kube_proxy: Mutex::new(kube_proxy),
            kube_router: Mutex::new(None),
            programs,
        };
        node.ready(cluster).await?;
        if obeys_policies() {
            *node.kube_router.lock().await = Some(node.place().kube_router(cluster)?);
        }
        Ok(node)
    }

    fn place(&self) -> Place<'_> {
        Place { folder: &self.folder, programs: &self.programs, cluster: &self.cluster }
    }

    /// Waits until the node is Ready.
    ///
    /// # Errors
    /// A program has ended, or it takes too long.
    pub async fn ready(&self, cluster: &ControlPlane) -> Result<()> {
        wait::until("the node to be Ready", wait::GENEROUS, || async {
            for service in [&self.containerd, &self.kubelet, &self.kube_proxy] {
                service.lock().await.runs()?;
            }
            let args = ["wait", "--for=condition=Ready", "--timeout=1s", "node", settings::NODE];
            let done = cluster.kubectl.attempt(&args, None).await?;
            ensure!(done.ok, "{}", done.stderr);
            Ok(())
        })
        .await
    }

    /// Kills the kubelet and starts it again; containers go on.
    ///
    /// # Errors
    /// It does not start.
    pub async fn restart_kubelet(&self) -> Result<()> {
        let mut kubelet = self.kubelet.lock().await;
        kubelet.kill().await?;
        *kubelet = self.place().kubelet()?;
        Ok(())
    }

    /// Kills containerd and starts it again; containers go on, held by their shims.
    ///
    /// # Errors
    /// It does not start.
    pub async fn restart_containerd(&self) -> Result<()> {
        let mut containerd = self.containerd.lock().await;
        containerd.kill().await?;
        *containerd = self.place().containerd()?;
        self.place().answers().await
    }

    /// The control group that holds every container.
    #[must_use]
    pub fn group(&self) -> &str {
        &self.group
    }
}

/// The run's own control group in every hierarchy: one of version 2, or one for each controller of version 1.
fn make_groups(group: &str) -> Result<()> {
    let root = Path::new("/sys/fs/cgroup");
    let mut hierarchies = vec![root.to_owned()];
    if !root.join("cgroup.controllers").exists() {
        let entries = std::fs::read_dir(root)?;
        hierarchies = entries.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    }
    for hierarchy in hierarchies.iter().filter(|path| path.is_dir() && !path.is_symlink()) {
        let folder = hierarchy.join(group);
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    Ok(())
}

/// Where the node's programs are and what they are started with.
struct Place<'a> {
    folder: &'a Path,
    programs: &'a Path,
    cluster: &'a Path,
}

impl Place<'_> {
    fn start(&self, name: &'static str, program: &str, args: &[String]) -> Result<Service> {
        let path = format!("{}:{}", self.programs.display(), std::env::var("PATH").unwrap_or_default());
        Service::start(name, &self.programs.join(program), args, &path, self.folder)
    }

    fn containerd(&self) -> Result<Service> {
        let config = self.folder.join("containerd.toml").display().to_string();
        self.start("containerd", "containerd", &["--config".to_owned(), config])
    }

    fn kubelet(&self) -> Result<Service> {
        let kubeconfig = self.cluster.join("kubeconfigs").join(settings::NODE);
        let args = [
            "kubelet".to_owned(),
            format!("--config={}", self.folder.join("kubelet.yaml").display()),
            format!("--kubeconfig={}", kubeconfig.display()),
            format!("--root-dir={}", self.folder.join("kubelet").display()),
            format!("--hostname-override={}", settings::NODE),
            format!("--node-ip={}", settings::ADDRESS),
        ];
        self.start("kubelet", "kubelet", &args)
    }

    fn kube_proxy(&self) -> Result<Service> {
        let config = format!("--config={}", self.folder.join("kube-proxy.yaml").display());
        self.start("kube-proxy", "kubelet", &["kube-proxy".to_owned(), config])
    }

    /// Nothing of it but what obeys NetworkPolicies.
    fn kube_router(&self, cluster: &ControlPlane) -> Result<Service> {
        let args = [
            "--run-firewall=true".to_owned(),
            "--run-router=false".to_owned(),
            "--run-service-proxy=false".to_owned(),
            "--run-loadbalancer=false".to_owned(),
            format!("--kubeconfig={}", cluster.kubectl.kubeconfig.display()),
            format!("--hostname-override={}", settings::NODE),
            format!("--service-cluster-ip-range={}", settings::SERVICE_NETWORK),
            "--health-port=0".to_owned(),
            "--metrics-port=0".to_owned(),
        ];
        self.start(KUBE_ROUTER, KUBE_ROUTER, &args)
    }

    async fn ctr(&self, args: &[&str]) -> Result<String> {
        service::run(self.programs.join("ctr"), &[&["--address", settings::SOCKET], args].concat()).await
    }

    /// Waits until containerd answers.
    async fn answers(&self) -> Result<()> {
        wait::until("containerd", wait::GENEROUS, || self.ctr(&["version"])).await.map(drop)
    }
}
