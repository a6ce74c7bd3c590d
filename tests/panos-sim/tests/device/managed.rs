//! A Panorama with three firewalls in two levels of groups, and what tests ask of it.

use crate::support::{Client, Reply, app, between, options, rule};
use panos_sim::{
    DeviceGroup, ManagedFirewall, Options, PanoramaOptions, RunningPanorama, Simulator, Topology,
};

/// In `prod`, below `eks`.
pub(crate) const FW_1: &str = "007951000000001";
/// In `prod` too.
pub(crate) const FW_2: &str = "007951000000002";
/// In `dev`, below `eks`.
pub(crate) const FW_3: &str = "007951000000003";

/// The node of a device group.
pub(crate) fn group(name: &str) -> String {
    format!("/config/devices/entry[@name='localhost.localdomain']/device-group/entry[@name='{name}']")
}

/// A rule of a group's rulebase.
pub(crate) fn rule_at(scope: &str, rulebase: &str, name: &str) -> String {
    format!("{scope}/{rulebase}/security/rules/entry[@name='{name}']")
}

pub(crate) fn topology() -> Topology {
    let group = |name: &str, parent: Option<&str>| DeviceGroup {
        name: name.to_owned(),
        parent: parent.map(str::to_owned),
    };
    let firewall = |serial: &str, hostname: &str, group: &str| ManagedFirewall {
        serial: serial.to_owned(),
        hostname: hostname.to_owned(),
        device_group: Some(group.to_owned()),
        vsys: "vsys1".to_owned(),
        connected: true,
        data_plane: Vec::new(),
        config: None,
    };
    Topology {
        device_groups: vec![group("eks", None), group("prod", Some("eks")), group("dev", Some("eks"))],
        devices: vec![
            firewall(FW_1, "fw-1", "prod"),
            firewall(FW_2, "fw-2", "prod"),
            firewall(FW_3, "fw-3", "dev"),
        ],
    }
}

pub(crate) async fn start() -> (RunningPanorama, Client) {
    start_with(options()).await
}

pub(crate) async fn start_with(base: Options) -> (RunningPanorama, Client) {
    let options = PanoramaOptions { base, topology: topology(), paired: false };
    let running = Simulator::start_panorama(options).await.unwrap();
    let client = Client::login(&running.panorama, "sallyport", "s3cret").await;
    (running, client)
}

/// An App-ID and a rule for it before all others, in a group, as automation writes them.
pub(crate) async fn write_pair(us: &Client, scope: &str, name: &str, pattern: &str, action: &str) {
    us.at("set", &format!("{scope}/tag/entry[@name='ours']"), "<color>color1</color>")
        .await
        .has("code=\"20\"");
    us.at("set", &format!("{scope}/application/entry[@name='{name}']"), &app(pattern))
        .await
        .has("code=\"20\"");
    let path = rule_at(scope, "pre-rulebase", &format!("{name}-rule"));
    us.at("set", &path, &rule(name, action)).await.has("code=\"20\"");
}

/// A push to a group as policy automation sends it, with more words if wanted.
pub(crate) fn push_cmd(group: &str, more: &str) -> String {
    format!(
        "<commit-all><shared-policy><device-group><entry name=\"{group}\"/></device-group>\
         <merge-with-candidate-cfg>no</merge-with-candidate-cfg><include-template>no</include-template>\
         <force-template-values>no</force-template-values>{more}</shared-policy></commit-all>"
    )
}

impl Client {
    /// Sends a push and tells the number of its job.
    pub(crate) async fn push(&self, cmd: &str) -> String {
        let reply = self.send(&[("type", "commit"), ("action", "all"), ("cmd", cmd)]).await;
        between(&reply.body, "<job>", "</job>")
    }

    /// Pushes to a group and waits for the job's end.
    pub(crate) async fn pushed(&self, group: &str) -> Reply {
        let job = self.push(&push_cmd(group, "")).await;
        self.finished(&job).await
    }

    /// An operational command on a managed firewall.
    pub(crate) async fn op_on(&self, serial: &str, cmd: &str) -> Reply {
        self.send(&[("type", "op"), ("target", serial), ("cmd", cmd)]).await
    }

    /// Which rule decides a session from trust to trust on a managed firewall?
    pub(crate) async fn match_on(&self, serial: &str, app: &str) -> Reply {
        let cmd = format!(
            "<test><security-policy-match><from>trust</from><to>trust</to><source>10.20.1.1</source>\
             <destination>10.20.2.7</destination><destination-port>443</destination-port><protocol>6</protocol>\
             <application>{app}</application></security-policy-match></test>"
        );
        self.op_on(serial, &cmd).await
    }

    /// A configuration request on a managed firewall.
    pub(crate) async fn config_on(&self, serial: &str, action: &str, xpath: &str, element: &str) -> Reply {
        let form = [
            ("type", "config"),
            ("target", serial),
            ("action", action),
            ("xpath", xpath),
            ("element", element),
        ];
        self.send(&form).await
    }

    /// Is a group's policy in force on a firewall, as Panorama sees it?
    pub(crate) async fn sync_status(&self, serial: &str) -> String {
        let reply = self.op("<show><devicegroups/></show>").await;
        let entry = between(&reply.body, &format!("<serial>{serial}</serial>"), "<vsys/>");
        between(&entry, "<shared-policy-status>", "</shared-policy-status>")
    }
}
