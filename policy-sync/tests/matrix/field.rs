//! Where a cell happens: a firewall or a pair with one name of ours on it, a cluster in memory, and a colleague.

use std::time::Duration;

use panos_sim::{Options, Running, RunningPair, Simulator};
use sallyport_contract::{identity::claim_of, object::ClaimedFirewall};
use sallyport_policy_sync::{cluster::Cluster as _, world::Version};
use sallyport_process::clock::Clock;
use serde_json::{Value, json};

use super::support::{
    Colleague, PASSWORD, Twin, USER, VSYS, counts, dns, foreign, objects, options,
    turns::{Replica, Turns},
};

pub(crate) const OLD: &str = "old.shop.corp.example";
pub(crate) const WEB: &str = "web.shop.corp.example";
pub(crate) const PAY: &str = "pay.shop.corp.example";

/// Which kind of firewall.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Standalone,
    Pair,
}

/// How it is when a journey begins: the name `OLD` stands.
#[derive(Clone)]
pub(crate) struct Start {
    shape: Shape,
    config: String,
    entry: ClaimedFirewall,
}

enum Devices {
    One(Running),
    Two(RunningPair),
}

/// The devices, the cluster and the colleague of one cell.
pub(crate) struct Field {
    devices: Devices,
    pub(crate) twin: Twin,
    pub(crate) clock: Clock,
    pub(crate) colleague: Colleague,
    /// What of others is in force.
    pub(crate) running: String,
}

fn fast(config: Option<String>) -> Options {
    Options { commit_time: Duration::from_millis(4), config, ..options() }
}

impl Devices {
    async fn start(shape: Shape, config: Option<&String>) -> Self {
        let options = || fast(config.cloned());
        match shape {
            Shape::Standalone => Self::One(Simulator::start(options()).await.unwrap()),
            Shape::Pair => Self::Two(Simulator::start_pair(options(), options()).await.unwrap()),
        }
    }

    fn active(&self) -> &Running {
        match self {
            Self::One(device) => device,
            Self::Two(pair) => pair.active(),
        }
    }

    fn all(&self) -> Vec<&Running> {
        match self {
            Self::One(device) => vec![device],
            Self::Two(pair) => vec![&pair.first, &pair.second],
        }
    }

    fn spec(&self) -> Value {
        let mut spec = objects::firewall_spec(&self.active().api_addr.to_string(), &self.ca());
        if let Self::Two(pair) = self {
            spec.as_object_mut().unwrap().remove("standalone");
            let hosts = [&pair.first, &pair.second].map(|device| device.api_addr.to_string());
            spec["haPair"] = json!({"hosts": hosts, "vsys": "vsys1"});
        }
        spec["removal"]["quarantine"] = "0s".into();
        spec
    }

    fn ca(&self) -> String {
        self.all().iter().map(|device| device.ca_pem.as_str()).collect()
    }
}

fn cluster(devices: &Devices) -> Twin {
    let twin = Twin::default();
    twin.put_firewall("edge", devices.spec());
    twin.put_policy("shop", objects::policy_spec("shop"));
    twin.login("edge", USER, PASSWORD, "1");
    twin.complete();
    twin
}

/// A clock for one cell. Nothing depends on what time it is.
fn clock() -> Clock {
    Clock::manual("2026-11-21T09:00:00Z".parse().unwrap())
}

impl Start {
    /// Puts the first name on a firewall, as it is done every day.
    pub(crate) async fn new(shape: Shape) -> Self {
        let devices = Devices::start(shape, None).await;
        let twin = cluster(&devices);
        twin.want("old-1", &[OLD], "Allow");
        let mut replica = Replica::by(&twin, Turns::free(), clock());
        replica.until("enforced", |replica| replica.enforces(OLD)).await;
        let config = devices.active().running_xml();
        Self { shape, config, entry: twin.entry(OLD).unwrap() }
    }
}

impl Field {
    /// A field of its own for one cell. The colleague has an object half done; the names change.
    pub(crate) async fn new(start: &Start) -> Self {
        let devices = Devices::start(start.shape, Some(&start.config)).await;
        let twin = cluster(&devices);
        twin.claim("shop", &[OLD]);
        let claim = claim_of(&dns(OLD));
        twin.store_claim(&claim, Version::default(), "edge", Some(&start.entry)).await.unwrap();
        let colleague = Colleague::new(devices.active()).await;
        let address = format!("{VSYS}/address/entry[@name='pending']");
        colleague.config("set", &address, "<ip-netmask>10.1.1.1</ip-netmask>").await;
        twin.want("web-1", &[WEB], "Allow");
        twin.want("pay-1", &[PAY], "Deny");
        let running = foreign(&devices.active().running_xml());
        Self { devices, twin, clock: clock(), colleague, running }
    }

    /// The device that is active now.
    pub(crate) fn device(&self) -> &Running {
        self.devices.active()
    }

    /// Whether the active device holds these names, once, in both configurations.
    pub(crate) fn holds(&self, names: &[&str]) -> bool {
        let configurations = [self.device().candidate_xml(), self.device().running_xml()];
        configurations.iter().all(|xml| names.iter().all(|name| counts(xml, name) == (1, 1)))
    }

    /// How many commit jobs our administrator made, also by commands whose answer was lost.
    pub(crate) fn commits(&self) -> usize {
        let logs = self.devices.all().into_iter().flat_map(Running::log_lines);
        let ours = logs.filter(|line| line.kind == "commit" && line.user == USER);
        ours.filter(|line| line.job.is_some() || line.status == "dropped").count()
    }

    pub(crate) async fn lock(&self, lock: &str, what: &str) {
        let cmd = format!("<request><{lock}><{what}/></{lock}></request>");
        self.colleague.send(&[("type", "op"), ("cmd", &cmd)]).await;
    }

    /// The peer takes over; the one that was active starts again, if it is away for a while.
    pub(crate) fn fail_over(&self, away: Option<Duration>) {
        let Devices::Two(pair) = &self.devices else { return };
        let was_active = pair.active();
        pair.fail_over();
        if let Some(away) = away {
            was_active.restart(away);
        }
    }

    /// A replica of ours.
    pub(crate) fn replica(&self, turns: Turns) -> Replica {
        Replica::by(&self.twin, turns, self.clock.clone())
    }
}
