//! Panorama's device groups and the firewalls in them.
//!
//! The commands and the places in their answers are those that
//! <https://github.com/PaloAltoNetworks/pan-os-python/blob/develop/panos/panorama.py> uses.

use std::collections::BTreeSet;

use super::{
    Panos,
    envelope::Reply,
    replies::{LONGEST_NAME, name_in},
};
use crate::{
    firewall::{Fault, Managed},
    xml::{Element, excerpt},
};

impl Panos {
    /// Which group is under which.
    pub(super) async fn hierarchy(&self) -> Result<Hierarchy, Fault> {
        let command = "<show><dg-hierarchy/></show>";
        let reply = self.operate("asking for the device groups", None, command).await?;
        Ok(Hierarchy::read(&reply))
    }

    /// The firewalls of a group and of the groups below it.
    pub(super) async fn managed(&self, group: &str, vsys: &str) -> Result<Vec<Managed>, Fault> {
        let groups = self.hierarchy().await?.with_descendants(group);
        let command = "<show><devicegroups/></show>";
        let members = self.operate("asking which firewalls are in which group", None, command).await?;
        let mut found = managed(&members, &groups, vsys);
        if found.iter().any(|one| one.in_sync.is_none()) {
            // Some releases tell it only here.
            let command = "<show><devices><all/></devices></show>";
            let devices = self.operate("asking how the firewalls stand", None, command).await?;
            add_status(&mut found, &devices, vsys);
        }
        Ok(found)
    }
}

/// Which group is under which, as the tree that Panorama shows.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Hierarchy(Element);

impl Hierarchy {
    fn read(reply: &Reply) -> Self {
        Self(reply.result().and_then(|result| result.child("dg-hierarchy")).cloned().unwrap_or_default())
    }

    /// The groups from the top down to this one, which is the last; empty if there is no such group.
    fn path_to<'a>(at: &'a Element, group: &str) -> Vec<&'a Element> {
        for child in children(at) {
            if child.entry_name() == group {
                return vec![child];
            }
            let mut path = Self::path_to(child, group);
            if !path.is_empty() {
                path.insert(0, child);
                return path;
            }
        }
        Vec::new()
    }

    fn with_descendants(&self, group: &str) -> BTreeSet<String> {
        let top = Self::path_to(&self.0, group).pop();
        let below = top.into_iter().flat_map(Element::walk).filter(|element| element.name == "dg");
        below.map(|element| element.entry_name().to_owned()).chain([group.to_owned()]).collect()
    }

    /// The groups above and below, without itself.
    pub(super) fn relatives(&self, group: &str) -> Vec<String> {
        let above = Self::path_to(&self.0, group).into_iter().rev().map(|one| one.entry_name().to_owned());
        let below = self.with_descendants(group);
        above.filter(|other| other != group).chain(below.into_iter().filter(|other| other != group)).collect()
    }
}

fn children(element: &Element) -> impl Iterator<Item = &Element> {
    element.children.iter().filter(|child| child.name == "dg")
}

fn entries<'a>(reply: &'a Reply, list: &str) -> impl Iterator<Item = &'a Element> {
    reply.result().and_then(|result| result.child(list)).into_iter().flat_map(|list| &list.children)
}

fn managed(members: &Reply, groups: &BTreeSet<String>, vsys: &str) -> Vec<Managed> {
    let groups = entries(members, "devicegroups").filter(|group| groups.contains(group.entry_name()));
    groups
        .flat_map(|group| {
            let devices = group.child("devices").into_iter().flat_map(|devices| &devices.children);
            devices.map(|device| Managed {
                serial: serial(device),
                hostname: name_in(device, "hostname"),
                group: group.entry_name().to_owned(),
                connected: device.text_of("connected") == Some("yes"),
                in_sync: in_sync(device, vsys),
            })
        })
        .collect()
}

fn add_status(found: &mut [Managed], devices: &Reply, vsys: &str) {
    for device in entries(devices, "devices") {
        let serial = serial(device);
        for one in found.iter_mut().filter(|one| one.serial == serial) {
            one.connected |= device.text_of("connected") == Some("yes");
            one.in_sync = one.in_sync.or_else(|| in_sync(device, vsys));
        }
    }
}

fn serial(entry: &Element) -> String {
    let serial = entry.text_of("serial").filter(|serial| !serial.is_empty()).unwrap_or(entry.entry_name());
    excerpt(serial, LONGEST_NAME)
}

/// The status stands on the firewall, or on its virtual system.
fn in_sync(device: &Element, vsys: &str) -> Option<bool> {
    let entries = device.child("vsys").into_iter().flat_map(|list| &list.children);
    let system = entries.into_iter().find(|entry| entry.entry_name() == vsys);
    let status = [Some(device), system].into_iter().flatten().find_map(|e| e.text_of("shared-policy-status"));
    status.filter(|status| !status.is_empty()).map(|status| status.eq_ignore_ascii_case("in sync"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(inner: &str) -> Reply {
        Reply::read(&format!(r#"<response status="success"><result>{inner}</result></response>"#)).unwrap()
    }

    #[test]
    fn groups_above_and_below_are_relatives_and_siblings_are_not() {
        let hierarchy = Hierarchy::read(&reply(
            "<dg-hierarchy><dg name='eks'><dg name='prod'><dg name='eu'/></dg><dg name='test'/></dg><dg name='office'/></dg-hierarchy>",
        ));
        assert_eq!(hierarchy.relatives("prod"), ["eks", "eu"]);
        assert_eq!(hierarchy.with_descendants("eks"), ["eks", "eu", "prod", "test"].map(String::from).into());
        assert_eq!(hierarchy.relatives("unknown"), Vec::<String>::new());
    }

    #[test]
    fn firewalls_are_found_in_the_group_and_below_it_and_their_status_in_either_place() {
        let members = reply(
            "<devicegroups><entry name='eks'><devices><entry name='01'><serial>01</serial><hostname>fw-1</hostname><connected>yes</connected><shared-policy-status>In Sync</shared-policy-status></entry></devices></entry>\
             <entry name='prod'><devices><entry name='02'><connected>no</connected><shared-policy-status/></entry><entry name='03'/></devices></entry><entry name='office'><devices><entry name='04'/></devices></entry></devicegroups>",
        );
        let devices = reply(
            "<devices><entry name='02'><serial>02</serial><connected>no</connected><vsys><entry name='vsys1'><shared-policy-status>Out of Sync</shared-policy-status></entry></vsys></entry></devices>",
        );
        let mut found = managed(&members, &["eks".to_owned(), "prod".to_owned()].into(), "vsys1");
        add_status(&mut found, &devices, "vsys1");
        let told: Vec<_> =
            found.iter().map(|d| (d.serial.as_str(), d.group.as_str(), d.connected, d.in_sync)).collect();
        assert_eq!(
            told,
            [
                ("01", "eks", true, Some(true)),
                ("02", "prod", false, Some(false)),
                ("03", "prod", false, None)
            ]
        );
    }
}
