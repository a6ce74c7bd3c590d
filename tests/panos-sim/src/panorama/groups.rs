//! The hierarchy of device groups and who is in them, as a Panorama's configuration tells.
//!
//! Parents stand at `/config/readonly/…/device-group/entry/parent-dg`, where public clients read them
//! (`PaloAltoNetworks/pan-os-php:lib/device-and-system-classes/PanoramaConf.php`); a group holds firewalls by serial number
//! (`PaloAltoNetworks/pan-os-codegen:specs/panorama/device-group.yaml`).

use crate::{
    scope::Scope,
    tree::{Element, find},
};

/// Deeper than any hierarchy that Panorama allows; a loaded file may hold a loop.
const MAX_DEPTH: usize = 8;

/// A firewall's place in a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) serial: String,
    pub(crate) group: String,
}

/// The groups above a group, nearest first; `shared` is above them all and not named.
pub(crate) fn ancestors(config: &Element, group: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut at = group.to_owned();
    while let Some(parent) = parent(config, &at).filter(|_| found.len() < MAX_DEPTH) {
        found.push(parent.clone());
        at = parent;
    }
    found
}

/// The group above a group.
pub(crate) fn parent(config: &Element, group: &str) -> Option<String> {
    let (_, entry) = parents(config)?.entries().find(|(name, _)| *name == group)?;
    entry.text_of("parent-dg").filter(|parent| !parent.is_empty()).map(str::to_owned)
}

fn parents(config: &Element) -> Option<&Element> {
    let devices = config.descend(&["readonly", "devices"])?;
    devices.entries().next().and_then(|(_, device)| device.child("device-group"))
}

/// Every device group, in the order of the configuration.
pub(crate) fn groups(config: &Element) -> impl Iterator<Item = (&str, &Element)> {
    let devices = config.child("devices").into_iter().flat_map(Element::entries);
    devices.flat_map(|(_, device)| device.child("device-group").into_iter().flat_map(Element::entries))
}

/// Do two scopes of a Panorama see the same rule names: is one of them the other, or above it?
pub(crate) fn related(config: &Element, one: &Scope, other: &Scope) -> bool {
    one.visible(config).contains(other) || other.visible(config).contains(one)
}

/// The firewalls of one group, and not those of its children.
pub(crate) fn members(config: &Element, group: &str) -> Vec<Member> {
    let base = find(config, &Scope::DeviceGroup(group.to_owned()).base());
    let devices = base.and_then(|group| group.child("devices")).into_iter();
    let serials = devices.flat_map(Element::entries).map(|(serial, _)| serial);
    serials.map(|serial| Member { serial: serial.to_owned(), group: group.to_owned() }).collect()
}

/// The group that a firewall is in.
pub(crate) fn group_of(config: &Element, serial: &str) -> Option<String> {
    let mut all = groups(config).flat_map(|(name, _)| members(config, name));
    all.find(|member| member.serial == serial).map(|member| member.group)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::parse_one;

    #[test]
    fn groups_have_ancestors_and_firewalls_of_their_own() {
        let config = parse_one(
            "<config><devices><entry name='localhost.localdomain'><device-group><entry name='eks'/>\
             <entry name='prod'><devices><entry name='007'/></devices></entry><entry name='web'/></device-group></entry></devices>\
             <readonly><devices><entry name='localhost.localdomain'><device-group>\
             <entry name='prod'><parent-dg>eks</parent-dg></entry><entry name='web'><parent-dg>prod</parent-dg></entry>\
             <entry name='loop'><parent-dg>loop</parent-dg></entry></device-group></entry></devices></readonly></config>",
        )
        .unwrap();
        assert_eq!(ancestors(&config, "web"), ["prod", "eks"]);
        assert_eq!(ancestors(&config, "eks"), Vec::<String>::new());
        assert_eq!(ancestors(&config, "loop").len(), MAX_DEPTH, "a loop ends");
        assert_eq!(group_of(&config, "007").as_deref(), Some("prod"));
        assert_eq!(group_of(&config, "008"), None);
        assert_eq!(members(&config, "eks"), [], "the firewalls of children are not the parent's");
        let group = |name: &str| Scope::DeviceGroup(name.to_owned());
        assert!(
            related(&config, &group("eks"), &group("web")) && related(&config, &Scope::Shared, &group("web"))
        );
        assert!(!related(&config, &group("web"), &group("other")));
    }
}
