//! The parts of a firewall's configuration that do not come from its own administrators, and those that stay its own
//! when its peer's configuration comes over.

use super::{
    partial::transplant,
    store::Store,
    units::{Unit, Units},
};
use crate::tree::{Element, NodePath, Segment};

/// The same configuration with another pushed part.
pub(crate) fn with_pushed(config: &Element, content: &Element) -> Element {
    let panorama = Element::new("panorama").with(Element::new("vsys").with(content.clone()));
    with_child(config, "panorama", Some(&panorama))
}

/// The same configuration with the pushed part of another one.
pub(crate) fn with_pushed_of(config: &Element, other: &Element) -> Element {
    with_child(config, "panorama", other.child("panorama"))
}

fn with_child(config: &Element, name: &str, child: Option<&Element>) -> Element {
    let mut config = config.clone();
    config.children.retain(|there| there.name != name);
    config.children.extend(child.cloned());
    config
}

impl Store {
    /// The pushed part becomes another one, in both configurations.
    pub(crate) fn take_push(&mut self, content: &Element) {
        self.candidate = with_pushed(&self.candidate, content);
        self.running = with_pushed(&self.running, content);
    }

    /// The peer's running configuration becomes this device's, except for what is each device's own: its settings
    /// (`deviceconfig`) and what was pushed to it
    /// (<https://docs.paloaltonetworks.com/ngfw/administration/high-availability/reference-ha-synchronization>).
    pub(crate) fn take_over(&mut self, peer: &Element, keep_pending: bool) {
        let mut running = with_pushed_of(peer, &self.running);
        keep_settings(&mut running, &self.running);
        let pending: Vec<(NodePath, Unit)> =
            self.units.iter().map(|(path, unit)| (path.clone(), unit.clone())).collect();
        let borrowed: Vec<_> = pending.iter().map(|(path, unit)| (path, unit)).collect();
        let rebased = if keep_pending { transplant(&self.candidate, &running, &borrowed).ok() } else { None };
        if rebased.is_none() {
            self.units = Units::default();
        }
        self.candidate = rebased.unwrap_or_else(|| running.clone());
        self.running = running;
    }
}

fn keep_settings(config: &mut Element, own: &Element) {
    let settings = own.child("devices").into_iter().flat_map(Element::entries);
    let settings: Vec<_> = settings.filter_map(|(name, d)| Some((name, d.child("deviceconfig")?))).collect();
    let Some(devices) = config.children.iter_mut().find(|child| child.name == "devices") else { return };
    for (name, own) in settings {
        let Some(device) = devices.children.iter_mut().find(|d| Segment::entry(name).matches(d)) else {
            continue;
        };
        device.children.retain(|child| child.name != "deviceconfig");
        device.children.insert(0, own.clone());
    }
}
