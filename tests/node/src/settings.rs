//! What the node's programs are told: addresses, and the text of each configuration file.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::Path,
};

use serde_json::{Value, json};

/// The node's address. It stands on a bridge, for the address of a kubelet may not be a loopback one.
pub const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 88, 0, 1));
/// Where the firewalls' management interfaces are.
pub(crate) const FIREWALL_NETWORK: &str = "10.88.1.0/24";
/// The bridge.
pub(crate) const BRIDGE: &str = "sp0";
/// Where pods live.
pub(crate) const POD_NETWORK: &str = "10.244.0.0/24";
/// Where Services live, as the control plane has it.
pub(crate) const SERVICE_NETWORK: &str = "10.0.0.0/24";
/// The node's name, as the control plane knows it.
pub const NODE: &str = "real-node";
/// The image of pauses, test servers and test clients.
pub const POD_IMAGE: &str = "sallyport.test/pod:1";

/// The management interface of one firewall: HTTPS's own port, as devices have it.
pub(crate) fn firewall(number: u8) -> SocketAddr {
    (Ipv4Addr::new(10, 88, 1, number), 443).into()
}

/// containerd's configuration. `oom_score_adj` is left alone where the machine does not let root lower it.
pub(crate) fn containerd(folder: &Path, programs: &Path) -> String {
    let (folder, programs) = (folder.display(), programs.display());
    format!(
        "version = 3
root = '{folder}/containerd'
state = '/run/containerd'
[grpc]
address = '{SOCKET}'
[plugins.'io.containerd.cri.v1.runtime']
restrict_oom_score_adj = true
[plugins.'io.containerd.cri.v1.runtime'.cni]
bin_dirs = ['{programs}']
conf_dir = '{folder}/cni'
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
runtime_type = 'io.containerd.runc.v2'
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
SystemdCgroup = false
[plugins.'io.containerd.cri.v1.images'.pinned_images]
sandbox = '{POD_IMAGE}'
"
    )
}

/// Where containerd listens.
pub(crate) const SOCKET: &str = "/run/containerd/containerd.sock";

/// The pods' network: one bridge, which is their way to everything.
pub(crate) fn cni(folder: &Path) -> Value {
    json!({"cniVersion": "1.0.0", "name": "pods", "plugins": [{
        "type": "bridge", "bridge": "cni0", "isGateway": true, "hairpinMode": true,
        "ipam": {"type": "host-local", "dataDir": folder.join("addresses"), "ranges": [[{"subnet": POD_NETWORK}]],
            "routes": [{"dst": "0.0.0.0/0"}]}}]})
}

/// The kubelet's configuration: no control groups but the run's own, no evictions for a full disk, and Secrets that are
/// seen when they change, as kubelets do by default, within seconds.
pub(crate) fn kubelet(folder: &Path, pki: &Path, group: &str) -> Value {
    json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
        "authentication": {"anonymous": {"enabled": false}, "x509": {"clientCAFile": pki.join("ca.crt")}},
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": pki.join("kubelet.crt"), "tlsPrivateKeyFile": pki.join("kubelet.key"),
        "containerRuntimeEndpoint": format!("unix://{SOCKET}"),
        "failCgroupV1": false, "failSwapOn": false,
        "cgroupDriver": "cgroupfs", "cgroupsPerQOS": false, "cgroupRoot": format!("/{group}"),
        "enforceNodeAllocatable": [],
        "resolvConf": "", "makeIPTablesUtilChains": false,
        "syncFrequency": "5s", "nodeStatusUpdateFrequency": "5s",
        "imageGCHighThresholdPercent": 100,
        "evictionHard": {"memory.available": "1Mi", "nodefs.available": "0%", "nodefs.inodesFree": "0%", "imagefs.available": "0%", "imagefs.inodesFree": "0%"},
        "podLogsDir": folder.join("pod-logs"), "volumePluginDir": folder.join("volume-plugins"),
    })
}

/// kube-proxy's configuration.
pub(crate) fn kube_proxy(kubeconfig: &Path) -> Value {
    json!({
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1", "kind": "KubeProxyConfiguration",
        "clientConnection": {"kubeconfig": kubeconfig},
        "hostnameOverride": NODE, "mode": "nftables", "clusterCIDR": POD_NETWORK,
        "conntrack": {"maxPerCore": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
    })
}
