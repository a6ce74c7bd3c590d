//! Which groups and firewalls a simulated Panorama starts with, and the configuration that this makes.

use crate::{
    config::{InitialError, validate},
    data_plane::Flow,
    quirks::Quirks,
    tree::{Element, parse_one},
};
use serde::{Deserialize, Serialize};

const BUILT_IN: &str = include_str!("initial.xml");

/// Device groups and managed firewalls.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Topology {
    /// Parents may come before or after their children.
    pub device_groups: Vec<DeviceGroup>,
    /// The firewalls.
    pub devices: Vec<ManagedFirewall>,
}

/// A device group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceGroup {
    /// Its name.
    pub name: String,
    /// The group above it; none stands directly below `shared`.
    #[serde(default)]
    pub parent: Option<String>,
}

/// A managed firewall.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManagedFirewall {
    /// Its serial number, by which `target` names it.
    pub serial: String,
    /// Its host name.
    pub hostname: String,
    /// The group that it is in.
    #[serde(default)]
    pub device_group: Option<String>,
    /// The virtual system that gets the pushed policy.
    #[serde(default = "vsys1")]
    pub vsys: String,
    /// Is it connected at first?
    #[serde(default = "connected")]
    pub connected: bool,
    /// Its data plane.
    #[serde(default)]
    pub data_plane: Vec<Flow>,
    /// The text of its own first configuration; the built-in one if absent.
    #[serde(default)]
    pub config: Option<String>,
}

fn vsys1() -> String {
    "vsys1".to_owned()
}

fn connected() -> bool {
    true
}

/// The first configuration of a Panorama: the given or built-in one, with the groups and firewalls of the topology.
///
/// # Errors
/// The text is not XML, a name is there twice or not at all, or it would not pass a commit's validation.
pub(crate) fn first_config(
    text: Option<&str>,
    topology: &Topology,
    quirks: &Quirks,
) -> Result<Element, InitialError> {
    let refused = |why: String| Err(InitialError::Refused(why));
    let mut config = parse_one(text.unwrap_or(BUILT_IN))?;
    let names: Vec<&str> = topology.device_groups.iter().map(|group| group.name.as_str()).collect();
    let named = topology.device_groups.iter().filter_map(|group| group.parent.as_deref());
    let named = named.chain(topology.devices.iter().filter_map(|device| device.device_group.as_deref()));
    for name in named {
        if !names.contains(&name) {
            return refused(format!("the topology has no device group '{name}'"));
        }
    }
    for (at, name) in names.iter().enumerate() {
        if names.iter().take(at).any(|earlier| earlier == name) {
            return refused(format!("the device group '{name}' is there twice"));
        }
    }
    let mut groups = Element::new("device-group");
    let mut parents = Element::new("device-group");
    for (at, group) in topology.device_groups.iter().enumerate() {
        let inside = topology.devices.iter().filter(|d| d.device_group.as_deref() == Some(&group.name));
        let devices = inside.map(|device| {
            Element::entry(&device.serial).with(Element::new("vsys").with(Element::entry(&device.vsys)))
        });
        groups.children.push(Element::entry(&group.name).with(Element::new("devices").with_all(devices)));
        let id = Element::leaf("id", (at + 11).to_string());
        let parent = group.parent.iter().map(|parent| Element::leaf("parent-dg", parent.as_str()));
        parents.children.push(Element::entry(&group.name).with(id).with_all(parent));
    }
    put(&mut config, &["devices"], groups);
    put(&mut config, &["readonly", "devices"], parents);
    let serials = topology.devices.iter().map(|device| Element::entry(&device.serial));
    let managed = Element::new("devices").with_all(serials);
    if let Some(management) = config.children.iter_mut().find(|child| child.name == "mgt-config") {
        management.children.push(managed);
    }
    validate(&config, quirks).map_err(|refusal| InitialError::Refused(refusal.text()))?;
    Ok(config)
}

/// Adds what the topology says to the one device entry below a chain of names; what a file says already stays.
fn put(config: &mut Element, names: &[&str], list: Element) {
    let mut node = config;
    for name in names {
        if node.child(name).is_none() {
            node.children.push(Element::new(name));
        }
        let Some(next) = node.children.iter_mut().find(|child| child.name == *name) else { return };
        node = next;
    }
    if node.children.is_empty() {
        node.children.push(Element::entry("localhost.localdomain"));
    }
    let Some(device) = node.children.first_mut() else { return };
    match device.children.iter_mut().find(|child| child.name == list.name) {
        Some(there) => {
            for entry in list.children {
                match there.children.iter_mut().find(|old| old.attr("name") == entry.attr("name")) {
                    Some(old) => {
                        let new = entry.children.into_iter().filter(|child| old.child(&child.name).is_none());
                        let new: Vec<Element> = new.collect();
                        old.children.extend(new);
                    }
                    None => there.children.push(entry),
                }
            }
        }
        None => device.children.push(list),
    }
}
