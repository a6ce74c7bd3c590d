//! The device about itself: `show system info`, high availability, audit comments, and `type=version`.

use super::Command;
use crate::{api::envelope::Answer, clock, config::address, device::Device, tree::Element};

pub(super) fn handle(command: &Command<'_>) -> Option<Answer> {
    if command.at(&["show", "system", "info"]).is_some() {
        return Some(Answer::result([&info(command.device)]));
    }
    if command.at(&["show", "high-availability", "state"]).is_some()
        || command.at(&["show", "high-availability", "all"]).is_some()
    {
        return Some(Answer::result(&command.device.ha.to_xml(command.device)));
    }
    if command.at(&["show", "plugins", "packages"]).is_some() {
        // Asked by `PaloAltoNetworks/pango:client.go` when it connects.
        return Some(Answer::result([&Element::new("plugins")]));
    }
    if let Some(comment) = command.at(&["set", "audit-comment"]) {
        // At most 256 characters (`PaloAltoNetworks/pango:audit/audit.go`).
        let text = comment.text_of("comment").filter(|text| text.chars().count() <= 256);
        return Some(match (comment.text_of("xpath").and_then(address), text) {
            (Some(node), Some(text)) => {
                command.device.lock().store.audit_comments.insert(node, text.to_owned());
                Answer::result_text("Audit comment set successfully")
            }
            (Some(_), None) | (None, _) => super::refuse(" set -> audit-comment -> comment is invalid"),
        });
    }
    None
}

/// `type=version`.
pub(crate) fn version(device: &Device) -> Answer {
    Answer::result(&[
        Element::leaf("sw-version", device.identity.sw_version.as_str()),
        Element::leaf("multi-vsys", "off"),
        Element::leaf("model", device.identity.model_name()),
        Element::leaf("serial", device.identity.serial.as_str()),
        Element::leaf("url-filtering-version", "0000.00.00.000"),
    ])
}

/// Fields as `PaloAltoNetworks/pan-os-python:panos/firewall.py` and `PaloAltoNetworks/pango:client.go` read them.
fn info(device: &Device) -> Element {
    let facts = [
        ("hostname", device.identity.hostname.as_str()),
        ("ip-address", "127.0.0.1"),
        ("netmask", "255.0.0.0"),
        ("default-gateway", "127.0.0.1"),
        ("is-dhcp", "no"),
        ("ipv6-address", "unknown"),
        ("mac-address", "00:00:5e:00:53:01"),
        ("devicename", device.identity.hostname.as_str()),
        ("family", if device.is_panorama() { "pc" } else { "vm" }),
        ("model", device.identity.model_name()),
        ("serial", device.identity.serial.as_str()),
        ("vm-mode", "VMware ESXi"),
        ("sw-version", device.identity.sw_version.as_str()),
        ("app-version", "8900-9000"),
        ("threat-version", "8900-9000"),
        ("multi-vsys", "off"),
        ("operational-mode", "normal"),
    ];
    Element::new("system")
        .with(Element::leaf("time", clock::now().date_time()))
        .with_all(facts.map(|(name, value)| Element::leaf(name, value)))
}
