//! What a push carries to one firewall: the objects and rules of its group, of the groups above it, and of `shared`,
//! as one tree that the firewall shows under `/config/panorama`.
//!
//! Order of rules: <https://docs.paloaltonetworks.com/ngfw/help/12-2/panorama-web-interface/defining-policies-on-panorama>.
//! The attributes `loc` and `panorama` are as recorded in
//! `demisto/content:Packs/PAN-OS/Integrations/Panorama/test_data/get_rule_hitcounts_pushed_policy.xml`.

use crate::{
    scope::Scope,
    tree::{Element, find},
};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// The lists of objects that are pushed; an object of a group hides one of the same name above it.
const OBJECTS: &[&[&str]] = &[
    &["tag"],
    &["address"],
    &["address-group"],
    &["service"],
    &["service-group"],
    &["application"],
    &["application-group"],
    &["application-filter"],
    &["external-list"],
    &["profile-group"],
    &["log-settings", "profiles"],
    &["schedule"],
];

/// The content of `/config/panorama/vsys/entry` for one firewall of a group.
pub(crate) fn shipment(config: &Element, group: &str, serial: &str, vsys: &str) -> Element {
    let nearest_first = Scope::DeviceGroup(group.to_owned()).visible(config);
    let bases: Vec<(String, &Element)> = nearest_first
        .iter()
        .filter_map(|scope| Some((scope.to_string(), find(config, &scope.base())?)))
        .collect();
    let mut content = Element::entry(vsys);
    for list in OBJECTS {
        let entries = objects(&bases, list);
        if !entries.is_empty() {
            wrap(&mut content, list, entries);
        }
    }
    let pre: Vec<Element> = bases.iter().rev().flat_map(|base| rules(base, "pre-rulebase", serial)).collect();
    let post: Vec<Element> = bases.iter().flat_map(|base| rules(base, "post-rulebase", serial)).collect();
    wrap(&mut content, &["pre-rulebase", "security", "rules"], pre);
    wrap(&mut content, &["post-rulebase", "security", "rules"], post);
    let defaults = objects(&bases, &["post-rulebase", "default-security-rules", "rules"]);
    wrap(&mut content, &["post-rulebase", "default-security-rules", "rules"], defaults);
    content
}

/// 32 hexadecimal digits that differ when the content does.
pub(crate) fn checksum(content: &Element) -> String {
    let digest = Sha256::digest(crate::tree::print(content));
    digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

fn objects(bases: &[(String, &Element)], list: &[&str]) -> Vec<Element> {
    let mut seen = BTreeSet::new();
    let mut entries = Vec::new();
    for (location, base) in bases {
        let here = base.descend(list).into_iter().flat_map(Element::entries);
        let new = here.filter(|(name, _)| seen.insert(*name));
        entries.extend(new.map(|(_, entry)| located(entry, location)));
    }
    entries
}

fn rules(base: &(String, &Element), rulebase: &str, serial: &str) -> Vec<Element> {
    let (location, base) = base;
    let list = base.descend(&[rulebase, "security", "rules"]).into_iter().flat_map(Element::entries);
    let meant = list.filter(|(_, rule)| is_target(rule, serial));
    meant
        .map(|(_, rule)| {
            let mut rule = located(rule, location);
            rule.children.retain(|child| child.name != "target");
            rule.with_attr("panorama", "true")
        })
        .collect()
}

/// Is a rule meant for this firewall? `target` names some, or with `negate` all but some.
fn is_target(rule: &Element, serial: &str) -> bool {
    let Some(target) = rule.child("target") else { return true };
    let mut listed = target.child("devices").into_iter().flat_map(Element::entries).peekable();
    let negated = target.text_of("negate") == Some("yes");
    listed.peek().is_none() || listed.any(|(name, _)| name == serial) != negated
}

fn located(element: &Element, location: &str) -> Element {
    let copy =
        Element { attrs: element.attrs.clone(), ..Element::leaf(&element.name, element.text.as_str()) };
    let children = element.children.iter().map(|child| located(child, location));
    copy.with_attr("loc", location).with_all(children)
}

fn wrap(parent: &mut Element, names: &[&str], entries: Vec<Element>) {
    let Some((first, rest)) = names.split_first() else {
        parent.children = entries;
        return;
    };
    if parent.child(first).is_none() {
        parent.children.push(Element::new(first));
    }
    if let Some(child) = parent.children.iter_mut().find(|child| child.name == *first) {
        wrap(child, rest, entries);
    }
}
