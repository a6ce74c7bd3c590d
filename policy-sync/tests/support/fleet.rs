//! A Panorama with four firewalls in two groups, and a cluster that writes to the group above both.

use panos_sim::{DeviceGroup, ManagedFirewall, PanoramaOptions, RunningPanorama, Simulator, Topology};
use serde_json::{Value, json};

use super::{Colleague, Ground, PASSWORD, Twin, USER, count, objects, options};

/// Two in `prod`, two in `dev`, both below `eks`.
pub(crate) const SERIALS: [&str; 4] =
    ["007951000000001", "007951000000002", "007951000000003", "007951000000004"];

fn topology() -> Topology {
    let group = |name: &str, parent: Option<&str>| DeviceGroup {
        name: name.to_owned(),
        parent: parent.map(ToOwned::to_owned),
    };
    let firewall = |(n, serial): (usize, &&str)| ManagedFirewall {
        serial: (*serial).to_owned(),
        hostname: format!("fw-{}", n + 1),
        device_group: Some(if n < 2 { "prod" } else { "dev" }.to_owned()),
        vsys: "vsys1".to_owned(),
        connected: true,
        data_plane: Vec::new(),
        config: None,
    };
    Topology {
        device_groups: vec![group("eks", None), group("prod", Some("eks")), group("dev", Some("eks"))],
        devices: SERIALS.iter().enumerate().map(firewall).collect(),
    }
}

impl Ground<RunningPanorama> {
    /// A ground with the Panorama as its one firewall `edge`, and the Firewall's spec changed.
    pub(crate) async fn fleet(change: impl FnOnce(&mut Value)) -> Self {
        let sim = PanoramaOptions { base: options(), topology: topology(), paired: false };
        let sim = Simulator::start_panorama(sim).await.unwrap();
        // Whoever onboards a firewall pushes to it once.
        let colleague = Colleague::new(&sim.panorama).await;
        for group in ["prod", "dev"] {
            colleague.push(group).await;
        }
        let mut spec = objects::firewall_spec("", &sim.panorama.ca_pem);
        spec.as_object_mut().unwrap().remove("standalone");
        spec["panorama"] = json!({"hosts": [sim.panorama.api_addr.to_string()], "deviceGroup": "eks"});
        spec["rules"] = json!({"at": "Top"});
        change(&mut spec);
        let twin = Twin::default();
        twin.put_firewall("edge", spec);
        twin.put_policy("shop", objects::policy_spec("shop"));
        twin.login("edge", USER, PASSWORD, "1");
        twin.complete();
        Self::around(sim, twin)
    }

    /// How many commits Panorama got, and how many pushes beside the first two.
    pub(crate) fn sent(&self) -> (usize, usize) {
        let panorama = &self.sim.panorama;
        (count(panorama, "commit", ""), count(panorama, "commit", "all") - 2)
    }
}
