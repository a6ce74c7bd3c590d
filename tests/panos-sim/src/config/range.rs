//! Which part of the configuration a partial commit is about, besides whose changes.
//!
//! `PaloAltoNetworks/pango:commit/firewall.go` and `commit/panorama.go`; naming device groups leaves everything
//! that is in no device group in the commit (<https://github.com/PaloAltoNetworks/pan-os-ansible/issues/520>).

use super::store::Model;
use crate::{
    scope::Scope,
    tree::{Element, NodePath},
};
use std::collections::BTreeSet;

/// The words of `<partial>` besides `admin`. The default leaves nothing out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Range {
    groups: Option<BTreeSet<String>>,
    without_shared_objects: bool,
    without_policy_and_objects: bool,
    without_device_and_network: bool,
}

impl Range {
    /// # Errors
    /// The word that this kind of device does not have.
    pub(crate) fn parse(partial: &Element, model: Model) -> Result<Self, String> {
        const PANORAMA: &[&str] = &[
            "template",
            "template-stack",
            "log-collector",
            "log-collector-group",
            "wildfire-appliance",
            "wildfire-appliance-cluster",
            "no-template",
            "no-template-stack",
            "no-log-collector",
            "no-log-collector-group",
            "no-wildfire-appliance",
            "no-wildfire-appliance-cluster",
        ];
        let mut range = Self::default();
        for child in &partial.children {
            let excluded = child.text == "excluded";
            match (child.name.as_str(), model) {
                ("admin", _) | ("vsys" | "no-vsys", Model::Firewall) => {}
                ("shared-object", _) => range.without_shared_objects = excluded,
                ("policy-and-objects", _) => range.without_policy_and_objects = excluded,
                ("device-and-network", _) => range.without_device_and_network = excluded,
                ("device-group", Model::Panorama) => {
                    range.groups = Some(partial.members_of("device-group").map(str::to_owned).collect());
                }
                (word, Model::Panorama) if PANORAMA.contains(&word) => {}
                (word, _) => return Err(word.to_owned()),
            }
        }
        Ok(range)
    }

    /// Is nothing left out?
    pub(crate) fn is_whole(&self) -> bool {
        *self == Self::default()
    }

    pub(crate) fn covers(&self, path: &NodePath) -> bool {
        match Scope::of(path) {
            Some(Scope::DeviceGroup(name)) => {
                !self.without_policy_and_objects && self.groups.as_ref().is_none_or(|g| g.contains(&name))
            }
            Some(Scope::Vsys(_) | Scope::Pushed(_)) => !self.without_policy_and_objects,
            Some(Scope::Shared) => !self.without_shared_objects,
            None => !self.without_device_and_network,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::address,
        tree::{parse_one, print},
    };

    #[test]
    fn a_range_names_device_groups_and_leaves_classes_out() {
        let group = |name: &str| {
            format!(
                "/config/devices/entry[@name='localhost.localdomain']/device-group/entry[@name='{name}']/tag"
            )
        };
        let covers = |words: &str, path: &str| {
            let partial = parse_one(&format!("<partial>{words}</partial>")).unwrap();
            Range::parse(&partial, Model::Panorama).unwrap().covers(&address(path).unwrap())
        };
        let only_a = "<device-group><member>a</member></device-group>";
        assert!(covers(only_a, &group("a")));
        assert!(!covers(only_a, &group("b")));
        assert!(covers(only_a, "/config/shared/tag"), "listing groups does not leave shared out");
        assert!(!covers("<shared-object>excluded</shared-object>", "/config/shared/tag"));
        assert!(!covers("<policy-and-objects>excluded</policy-and-objects>", &group("a")));
        let network = "/config/mgt-config/devices";
        assert!(!covers("<device-and-network>excluded</device-and-network>", network));
        assert!(covers("<no-template/>", network) && Range::default().is_whole());
        let word = parse_one(&format!("<partial>{only_a}</partial>")).unwrap();
        assert_eq!(Range::parse(&word, Model::Firewall), Err("device-group".to_owned()), "{}", print(&word));
    }
}
