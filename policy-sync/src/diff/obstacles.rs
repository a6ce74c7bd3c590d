//! What keeps a name from being written: its place is taken, or the anchor of its rule is missing.

use std::collections::BTreeMap;

use sallyport_contract::{DnsName, Reason, firewall_names};

use super::{Sides, rules::place};
use crate::{
    actual::{Owner, owner_of_application, owner_of_rule, owner_of_service},
    operation::Place,
    xml::Element,
};

/// Why a name is held back.
pub type Held = (Reason, String);

/// The names that cannot be written, and the objects that carry our mark but are none of ours.
#[must_use]
pub fn obstacles(sides: Sides<'_>) -> (BTreeMap<DnsName, Held>, Vec<String>) {
    let mut held = BTreeMap::new();
    // A rule carries thousands of names.
    let rules: BTreeMap<&str, Held> =
        sides.desired.rules().keys().filter_map(|name| Some((name.as_str(), rule(sides, name)?))).collect();
    for (dns, name) in sides.desired.names().iter().filter(|(_, name)| name.lender.is_none()) {
        let of_rule = || rules.get(name.rule.as_str()).cloned();
        if let Some(obstacle) = application(sides, &name.app).or_else(of_rule) {
            held.insert(dns.clone(), obstacle);
        }
    }
    (held, copies(sides))
}

fn application(Sides { spec, candidate, inventory, .. }: Sides<'_>, app: &str) -> Option<Held> {
    let entry = candidate.applications.get(app)?;
    taken("App-ID", app, owner_of_application(entry, &spec.cluster_name, inventory))
}

fn rule(sides: Sides<'_>, name: &str) -> Option<Held> {
    let Sides { spec, desired, candidate, inventory, .. } = sides;
    let cluster = &spec.cluster_name;
    if let Some(place) = candidate.other_rules.get(name) {
        let words = format!(
            "security rule {name} exists in {place}, where it is none of ours, and rule names are unique over related device \
             groups: rename or remove it there"
        );
        return Some((Reason::CopiedMark, words));
    }
    match candidate.rule(name) {
        Some(entry) => taken("security rule", name, owner_of_rule(entry, cluster, inventory)),
        None => anchor_missing(sides, name),
    }
    .or_else(|| {
        let terms = desired.rules().get(name)?.terms.as_ref()?;
        terms.ports.iter().find_map(|port| {
            let service = firewall_names::service(cluster, *port);
            let entry = candidate.services.get(&service)?;
            taken("service", &service, owner_of_service(entry, cluster))
        })
    })
}

fn anchor_missing(Sides { spec, site, candidate, .. }: Sides<'_>, rule: &str) -> Option<Held> {
    let anchor = match place(&spec.rules) {
        Place::Before(anchor) | Place::After(anchor) => anchor,
        Place::Top | Place::Bottom => return None,
    };
    if candidate.rule(&anchor).is_some() {
        return None;
    }
    let words = format!(
        "rule {rule} is to be placed at rule {anchor} (Firewall.spec.rules), which does not exist in {site}; make it, or change the anchor"
    );
    Some((Reason::AnchorMissing, words))
}

fn taken(what: &str, name: &str, owner: Owner) -> Option<Held> {
    match owner {
        Owner::Ours => None,
        Owner::Foreign => {
            let words = format!(
                "{what} {name} exists on the firewall and does not carry our mark; it is left alone: rename or remove it"
            );
            Some((Reason::EntryRefused, words))
        }
        Owner::Copied => {
            let words = format!(
                "{what} {name} carries our mark but is not one that we made; it is left alone: remove it, or its mark"
            );
            Some((Reason::CopiedMark, words))
        }
    }
}

/// Everything that carries our mark and is none of ours, for a report.
fn copies(Sides { spec, candidate, inventory, .. }: Sides<'_>) -> Vec<String> {
    let cluster = &spec.cluster_name;
    let named = |what: &'static str, entry: &Element| format!("{what} {}", entry.entry_name());
    let apps = candidate.applications.values();
    let apps = apps.filter(|entry| owner_of_application(entry, cluster, inventory) == Owner::Copied);
    let rules =
        candidate.rules.iter().filter(|entry| owner_of_rule(entry, cluster, inventory) == Owner::Copied);
    let services =
        candidate.services.values().filter(|entry| owner_of_service(entry, cluster) == Owner::Copied);
    apps.map(|entry| named("App-ID", entry))
        .chain(rules.map(|entry| named("rule", entry)))
        .chain(services.map(|entry| named("service", entry)))
        .collect()
}
