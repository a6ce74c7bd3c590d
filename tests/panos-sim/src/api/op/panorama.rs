//! What only a Panorama answers: its device groups and its firewalls.
//!
//! Shapes as recorded in `demisto/content:Packs/PAN-OS/Integrations/Panorama/test_data/show_device_groups.xml` and
//! `panorama_show_devices_all.xml`; `PaloAltoNetworks/pan-os-python:panos/panorama.py` reads the hierarchy.

use super::Command;
use crate::{
    api::envelope::Answer,
    device::{Device, State},
    panorama::{Managed, groups, members, parent},
    tree::Element,
};

pub(super) fn handle(command: &Command<'_>) -> Option<Answer> {
    let device = command.device;
    if !device.is_panorama() {
        return None;
    }
    for (word, only_connected) in [("all", false), ("connected", true)] {
        if command.at(&["show", "devices", word]).is_some() {
            return Some(Answer::result([&devices(device, only_connected)]));
        }
    }
    if let Some(show) = command.at(&["show", "devicegroups"]) {
        return Some(Answer::result([&device_groups(device, show.text_of("name"))]));
    }
    if command.at(&["show", "dg-hierarchy"]).is_some() {
        let state = device.lock();
        let hierarchy = Element::new("dg-hierarchy").with_all(children_of(&state.store.running, None));
        return Some(Answer::result([&hierarchy]));
    }
    None
}

/// Groups inside of groups; the ids count from 11, as the first one of a new Panorama does.
fn children_of(config: &Element, above: Option<&str>) -> Vec<Element> {
    let all = groups(config).enumerate();
    let below = all.filter(|(_, (name, _))| parent(config, name).as_deref() == above);
    below
        .map(|(at, (name, _))| {
            Element::new("dg")
                .with_attr("name", name)
                .with_attr("dg_id", &(at + 11).to_string())
                .with_all(children_of(config, Some(name)))
        })
        .collect()
}

fn devices(device: &Device, only_connected: bool) -> Element {
    let state = device.lock();
    let wanted = device.fleet.iter().filter(|managed| managed.is_connected() || !only_connected);
    let entries = wanted.map(|managed| {
        let sync = Sync::of(device, &state, managed);
        let told = device.quirks.devices_tell_sync_status;
        let vsys = Element::entry(&managed.vsys)
            .with(Element::leaf("display-name", managed.vsys.as_str()))
            .with(Element::leaf("shared-policy-status", if told { sync.status() } else { "" }))
            .with(Element::leaf("shared-policy-md5sum", sync.there.as_str()))
            .with(Element::leaf("shared-policy-version", ""));
        facts(managed).with(Element::new("vsys").with(vsys))
    });
    Element::new("devices").with_all(entries)
}

fn device_groups(device: &Device, name: Option<&str>) -> Element {
    let state = device.lock();
    let running = &state.store.running;
    let wanted = groups(running).filter(|(group, _)| name.is_none_or(|name| name == *group));
    let entries = wanted.map(|(group, _)| {
        let inside = members(running, group).into_iter();
        let managed: Vec<_> = inside.filter_map(|member| device.fleet.get(&member.serial)).collect();
        let sums: Vec<Sync> = managed.iter().map(|managed| Sync::of(device, &state, managed)).collect();
        let wanted = sums.first().map(|sync| sync.wanted.clone()).unwrap_or_default();
        let entries = managed.iter().zip(&sums).map(|(managed, sync)| in_group(managed, sync));
        Element::entry(group)
            .with(Element::leaf("shared-policy-md5sum", wanted))
            .with(Element::new("devices").with_all(entries))
    });
    Element::new("devicegroups").with_all(entries)
}

fn in_group(managed: &Managed, sync: &Sync) -> Element {
    let last = managed.device.lock().installs.last().map(|install| install.at.date_time());
    let state = if last.is_some() { "commit succeeded" } else { "none" };
    facts(managed)
        .with(Element::leaf("last-commit-all-state-sp", state))
        .with(Element::leaf("last-commit-all-upd-sp", last.unwrap_or_else(|| "none".to_owned())))
        .with(Element::leaf("shared-policy-status", sync.status()))
        .with(Element::leaf("shared-policy-md5sum", sync.there.as_str()))
        .with(Element::leaf("shared-policy-version", ""))
        .with(Element::new("vsys"))
}

fn facts(managed: &Managed) -> Element {
    let identity = &managed.device.identity;
    let connected = if managed.is_connected() { "yes" } else { "no" };
    Element::entry(&managed.serial)
        .with(Element::leaf("serial", managed.serial.as_str()))
        .with(Element::leaf("connected", connected))
        .with(Element::leaf("unsupported-version", "no"))
        .with(Element::leaf("deactivated", "no"))
        .with(Element::leaf("hostname", identity.hostname.as_str()))
        .with(Element::leaf("ip-address", "127.0.0.1"))
        .with(Element::leaf("family", "vm"))
        .with(Element::leaf("model", identity.model_name()))
        .with(Element::leaf("sw-version", identity.sw_version.as_str()))
        .with(Element::leaf("app-version", "8900-9000"))
        .with(Element::leaf("operational-mode", "normal"))
        .with(Element::leaf("multi-vsys", "no"))
}

/// Whether a firewall has what a push would bring it now.
struct Sync {
    wanted: String,
    there: String,
}

impl Sync {
    fn of(device: &Device, state: &State, managed: &Managed) -> Self {
        let there = managed.device.lock().installs.last().map(|install| install.checksum.clone());
        let wanted = device.fleet.wanted(&state.store.running, state.archive.latest(), managed);
        Self { wanted: wanted.unwrap_or_default(), there: there.unwrap_or_default() }
    }

    fn status(&self) -> &'static str {
        if self.wanted == self.there { "In Sync" } else { "Out of Sync" }
    }
}
