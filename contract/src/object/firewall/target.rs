//! Which firewalls a `Firewall` is: one, a pair, several, or a device group of Panorama.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::FirewallSpec;
use crate::duration::Duration;

/// One firewall by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Standalone {
    /// Host name or address of the management interface, with `:port` if it is not 443.
    #[schemars(length(min = 1, max = 260), regex(pattern = r"^[A-Za-z0-9._:\[\]-]+$"))]
    pub host: String,
    /// The virtual system.
    #[serde(default = "default_vsys")]
    #[schemars(regex(pattern = r"^vsys[0-9]{1,3}$"))]
    pub vsys: String,
}

/// Two firewalls in high availability. The active one is written; it carries what is committed to its peer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct HaPair {
    /// Their management interfaces, as in `standalone.host`.
    #[schemars(
        length(min = 2, max = 2),
        inner(length(min = 1, max = 260), regex(pattern = r"^[A-Za-z0-9._:\[\]-]+$"))
    )]
    pub hosts: Vec<String>,
    /// The virtual system.
    #[serde(default = "default_vsys")]
    #[schemars(regex(pattern = r"^vsys[0-9]{1,3}$"))]
    pub vsys: String,
}

/// Several firewalls that know nothing of each other, as behind an AWS load balancer. A name is enforced once every
/// one of them was shown to enforce it. What is ours on a host that is taken out of the list stays there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Independent {
    /// Their management interfaces, as in `standalone.host`.
    #[schemars(
        length(min = 1, max = 16),
        inner(length(min = 1, max = 260), regex(pattern = r"^[A-Za-z0-9._:\[\]-]+$"))
    )]
    pub hosts: Vec<String>,
    /// The virtual system.
    #[serde(default = "default_vsys")]
    #[schemars(regex(pattern = r"^vsys[0-9]{1,3}$"))]
    pub vsys: String,
}

/// A device group of Panorama: objects and rules are written there, committed, pushed to the firewalls, and read back
/// from each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Panorama {
    /// Panorama's management interface, or both of a pair, as in `standalone.host`.
    #[schemars(
        length(min = 1, max = 2),
        inner(length(min = 1, max = 260), regex(pattern = r"^[A-Za-z0-9._:\[\]-]+$"))
    )]
    pub hosts: Vec<String>,
    /// The device group. Groups below it inherit what stands there.
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[A-Za-z0-9._ -]+$"))]
    pub device_group: String,
    /// The virtual system of the firewalls.
    #[serde(default = "default_vsys")]
    #[schemars(regex(pattern = r"^vsys[0-9]{1,3}$"))]
    pub vsys: String,
    /// Which firewalls must enforce a name.
    #[serde(default)]
    pub devices: Devices,
}

/// Which firewalls of the device group, and of the groups below it, must enforce a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.count == 'Serials' ? self.serials.size() > 0 : !has(self.serials)")
    .message("serials go with count: Serials, and only with it"))]
pub struct Devices {
    /// Which ones count.
    #[serde(default)]
    pub count: Count,
    /// The serial numbers that count.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 500), inner(regex(pattern = r"^[0-9A-Za-z]{1,20}$")))]
    pub serials: Vec<String>,
    /// How long a firewall that lost its connection still counts. Terminated firewalls stay in Panorama's list.
    #[serde(default = "default_patience")]
    pub ignore_disconnected_after: Duration,
}

/// Which firewalls count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Count {
    /// Those that are connected to Panorama, or were until a while ago.
    #[default]
    Connected,
    /// All that Panorama knows in the group.
    All,
    /// Those that are listed.
    Serials,
}

const fn default_patience() -> Duration {
    Duration::from_secs(900)
}

impl Default for Devices {
    fn default() -> Self {
        Self { count: Count::default(), serials: Vec::new(), ignore_disconnected_after: default_patience() }
    }
}

fn default_vsys() -> String {
    "vsys1".to_owned()
}

/// Which firewalls a `Firewall` is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target<'a> {
    /// One by itself.
    Standalone(&'a Standalone),
    /// A pair.
    HaPair(&'a HaPair),
    /// Several.
    Independent(&'a Independent),
    /// A device group.
    Panorama(&'a Panorama),
}

impl FirewallSpec {
    /// Which firewalls it is; `None` if it says nothing or several things, which the API server refuses.
    #[must_use]
    pub fn target(&self) -> Option<Target<'_>> {
        match (&self.standalone, &self.ha_pair, &self.independent, &self.panorama) {
            (Some(standalone), None, None, None) => Some(Target::Standalone(standalone)),
            (None, Some(pair), None, None) => Some(Target::HaPair(pair)),
            (None, None, Some(independent), None) => Some(Target::Independent(independent)),
            (None, None, None, Some(panorama)) => Some(Target::Panorama(panorama)),
            _ => None,
        }
    }
}
