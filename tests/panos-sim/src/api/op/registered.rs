//! What is registered: addresses with their tags, the members of dynamic groups, user mappings.
//!
//! `PaloAltoNetworks/pan-os-codegen:assets/terraform/internal/provider/ip_tag_crud.go`,
//! `PaloAltoNetworks/pan-os-python:panos/userid.py`; a reader gets 500 addresses at most
//! (<https://github.com/PaloAltoNetworks/ansible-pan/issues/361>).

use super::{Command, refuse};
use crate::{api::envelope::Answer, clock, policy::dynamic_groups, tree::Element, user_id::Wanted};

/// The most addresses that one answer holds.
const PAGE: usize = 500;

pub(super) fn handle(command: &Command<'_>) -> Option<Answer> {
    if let Some(asked) = command.at(&["show", "object", "registered-ip"]) {
        return Some(addresses(command, asked).unwrap_or_else(|line| refuse(&line)));
    }
    if let Some(asked) = command.at(&["show", "object", "dynamic-address-group"]) {
        return Some(groups(command, asked.text_of("name")));
    }
    if let Some(asked) = command.at(&["show", "user", "ip-user-mapping"]) {
        return Some(users(command, asked.text_of("ip")));
    }
    if command.at(&["debug", "object", "registered-ip", "clear", "all"]).is_some() {
        command.device.registered.clear_addresses();
        return Some(Answer::result_text("registered-ip cleared"));
    }
    None
}

fn addresses(command: &Command<'_>, asked: &Element) -> Result<Answer, String> {
    let number = |word: &str, most: usize| match asked.text_of(word) {
        None => Ok(None),
        Some(text) => match text.parse::<usize>() {
            Ok(number) if (1..=most).contains(&number) => Ok(Some(number)),
            Ok(_) | Err(_) => Err(format!(" show -> object -> registered-ip -> {word} '{text}' is invalid")),
        },
    };
    let limit = number("limit", PAGE)?.unwrap_or(PAGE);
    let start = number("start-point", usize::MAX)?.unwrap_or(1);
    let tag = asked.child("tag").and_then(|tag| tag.entries().next()).map(|(name, _)| name);
    let wanted = Wanted { ip: asked.text_of("ip"), tag };
    let listed = command.device.registered.list(wanted, clock::instant());
    if asked.descend(&["all", "option", "count"]).is_some() {
        return Ok(Answer::result([&Element::leaf("count", listed.len().to_string())]));
    }
    let page = listed.into_iter().skip(start - 1).take(limit).map(|(ip, tags)| {
        let members = tags.into_iter().map(|tag| Element::leaf("member", tag));
        Element::new("entry").with_attr("ip", &ip).with(Element::new("tag").with_all(members))
    });
    let page: Vec<Element> = page.collect();
    let count = Element::leaf("count", page.len().to_string());
    Ok(Answer::result(page.iter().chain([&count])))
}

/// Only groups that a committed rule names have members
/// (<https://docs.paloaltonetworks.com/plugins/vm-series-and-panorama-plugins-release-notes/panorama-plugin-for-azure/azure-plugin-100/known-issues-in-panorama-plugin-for-azure-100>, PLUG-718).
fn groups(command: &Command<'_>, name: Option<&str>) -> Answer {
    let device = command.device;
    let running = device.lock().store.running.clone();
    let used = dynamic_groups(&running, &device.vsys);
    let entries = used.into_iter().filter(|group| name.is_none_or(|name| group.name == name)).map(|group| {
        let members = device.registered.members(&group.filter, clock::instant());
        let members = members.iter().map(|ip| Element::entry(ip).with_attr("type", "registered-ip"));
        Element::new("entry")
            .with(Element::leaf("vsys", device.vsys.to_string()))
            .with(Element::leaf("group-name", group.name))
            .with(Element::leaf("filter", group.text))
            .with(Element::new("member-list").with_all(members))
    });
    Answer::status_result([&Element::new("dyn-addr-grp").with_all(entries)])
}

fn users(command: &Command<'_>, ip: Option<&str>) -> Answer {
    let known = command.device.registered.users(clock::instant());
    let entries: Vec<Element> = known
        .into_iter()
        .filter(|(known, ..)| ip.is_none_or(|ip| ip == known))
        .map(|(ip, user, left)| {
            let left = left.map_or_else(|| "Never".to_owned(), |seconds| seconds.to_string());
            Element::new("entry")
                .with(Element::leaf("ip", ip))
                .with(Element::leaf("vsys", command.device.vsys.to_string()))
                .with(Element::leaf("type", "XMLAPI"))
                .with(Element::leaf("user", user))
                .with(Element::leaf("idle_timeout", left.as_str()))
                .with(Element::leaf("timeout", left))
        })
        .collect();
    let count = Element::leaf("count", entries.len().to_string());
    Answer::result(entries.iter().chain([&count]))
}
