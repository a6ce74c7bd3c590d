//! From what the device holds to what it is to hold: ordered operations, and nothing where nothing differs.
//!
//! Order: tag, services, App-IDs, rules, new members; then what was adopted from other clusters, out of the rules, rules,
//! App-IDs, services, tag.

mod adoption;
mod obstacles;
mod rules;

use std::collections::{BTreeMap, BTreeSet};

pub use adoption::give_back;
pub use obstacles::{Held, obstacles};
pub use rules::place as placement;
use sallyport_contract::{DnsName, firewall_names, object::FirewallSpec};

use crate::{
    actual::{Configuration, Inventory, Owner, owner_of_application, owner_of_rule, owner_of_service, same},
    desired::Desired,
    elements,
    lending::Loan,
    member::Site,
    operation::{Change, Node, Operation, Subject},
    xml::Element,
};

/// What is left as it is, in both directions, because something holds it back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frozen {
    /// Names.
    pub names: BTreeSet<DnsName>,
    /// Services and the tag, by name.
    pub objects: BTreeSet<String>,
}

/// What the difference is computed from.
#[derive(Clone, Copy)]
pub struct Sides<'a> {
    /// The `Firewall`.
    pub spec: &'a FirewallSpec,
    /// Where we write.
    pub site: &'a Site,
    /// What is wanted.
    pub desired: &'a Desired,
    /// What the candidate holds.
    pub candidate: &'a Configuration,
    /// What is in force.
    pub running: &'a Configuration,
    /// What we remember having written.
    pub inventory: &'a Inventory,
    /// What other clusters hold for names that are ours from now on.
    pub adoptions: &'a BTreeMap<DnsName, Loan>,
}

/// The operations that make the candidate hold what is wanted, in their order.
#[must_use]
pub fn diff(sides: Sides<'_>, frozen: &Frozen) -> Vec<Operation> {
    let ours = Ours::of(sides);
    let ports = needed_ports(sides, frozen, &ours);
    let mut operations = Vec::new();
    if sides.desired.names().keys().any(|name| !frozen.names.contains(name)) {
        write_tag(sides, &mut operations);
    }
    write_services(sides, &ports, &mut operations);
    write_applications(sides, frozen, &ours, &mut operations);
    rules::write(sides, frozen, &ours, &mut operations);
    adoption::take_over(sides, frozen, &mut operations);
    let leaving = leaving(sides, frozen, &ours);
    rules::remove(sides, &leaving, &ours, &mut operations);
    for (app, subject) in &leaving.apps {
        operations.push(Operation {
            subject: subject.clone(),
            change: Change::Delete(Node::Application(app.clone())),
        });
    }
    remove_objects(sides, frozen, &ports, &ours, &leaving, &mut operations);
    operations
}

/// Names of the objects in the candidate that are ours.
struct Ours {
    apps: BTreeSet<String>,
    rules: BTreeSet<String>,
    services: BTreeSet<String>,
}

impl Ours {
    fn of(Sides { spec, candidate, inventory, .. }: Sides<'_>) -> Self {
        let cluster = &spec.cluster_name;
        let named = |entries: &mut dyn Iterator<Item = &Element>, owner: &dyn Fn(&Element) -> Owner| {
            entries.filter(|e| owner(e) == Owner::Ours).map(|e| e.entry_name().to_owned()).collect()
        };
        Self {
            apps: named(&mut candidate.applications.values().map(AsRef::as_ref), &|e| {
                owner_of_application(e, cluster, inventory)
            }),
            rules: named(&mut candidate.rules.iter(), &|e| owner_of_rule(e, cluster, inventory)),
            services: named(&mut candidate.services.values().map(AsRef::as_ref), &|e| {
                owner_of_service(e, cluster)
            }),
        }
    }
}

/// What goes: App-IDs, each with what it is for, and rules.
struct Leaving {
    apps: BTreeMap<String, Subject>,
    rules: BTreeSet<String>,
}

fn leaving(sides: Sides<'_>, frozen: &Frozen, ours: &Ours) -> Leaving {
    let stay: BTreeSet<&str> = sides.desired.names().values().map(|name| name.app.as_str()).collect();
    let apps: BTreeMap<String, Subject> = ours
        .apps
        .iter()
        .filter(|app| !stay.contains(app.as_str()))
        .map(|app| {
            let subject = sides.inventory.name_of(app).cloned();
            (app.clone(), subject.map_or_else(|| Subject::Object(app.clone()), Subject::Name))
        })
        .filter(|(_, subject)| !matches!(subject, Subject::Name(name) if frozen.names.contains(name)))
        .collect();
    let kept_by_frozen = |rule: &Element| {
        rule.members_of("application")
            .any(|app| ours.apps.contains(app) && !stay.contains(app) && !apps.contains_key(app))
    };
    let rules = sides
        .candidate
        .rules
        .iter()
        .filter(|rule| ours.rules.contains(rule.entry_name()))
        .filter(|rule| match sides.desired.rules().get(rule.entry_name()) {
            None => !kept_by_frozen(rule),
            // Its last member moves elsewhere, and the next one is held back: without members it would mean any.
            Some(_) => {
                rules::gains_nothing(sides, rule, frozen)
                    && rule
                        .members_of("application")
                        .all(|app| rules::stale(sides, rule.entry_name(), app, &apps, ours))
            }
        })
        .map(|rule| rule.entry_name().to_owned())
        .collect();
    Leaving { apps, rules }
}

/// The ports of every rule that stands or is about to.
fn needed_ports(sides: Sides<'_>, frozen: &Frozen, ours: &Ours) -> BTreeSet<u16> {
    sides
        .desired
        .rules()
        .iter()
        .filter(|(name, _)| ours.rules.contains(*name) || !rules::active(sides, name, frozen).is_empty())
        .filter_map(|(_, rule)| rule.terms.as_ref())
        .flat_map(|terms| terms.ports.iter().copied())
        .collect()
}

fn write_tag(sides: Sides<'_>, operations: &mut Vec<Operation>) {
    let cluster = &sides.spec.cluster_name;
    let name = firewall_names::tag(cluster);
    if !sides.candidate.tags.contains_key(&name) {
        let change = Change::set(Node::Tag(name.clone()), &elements::tag(cluster));
        operations.push(Operation { subject: Subject::Object(name), change });
    }
}

fn write_services(sides: Sides<'_>, ports: &BTreeSet<u16>, operations: &mut Vec<Operation>) {
    let cluster = &sides.spec.cluster_name;
    for port in ports {
        let wanted = elements::service(cluster, *port);
        let name = wanted.entry_name().to_owned();
        let change = match sides.candidate.services.get(&name) {
            None => Change::set(Node::Service(name.clone()), &wanted),
            Some(actual) if same(actual, &wanted) || owner_of_service(actual, cluster) != Owner::Ours => {
                continue;
            }
            Some(_) => Change::edit(Node::Service(name.clone()), &wanted),
        };
        operations.push(Operation { subject: Subject::Object(name), change });
    }
}

fn write_applications(sides: Sides<'_>, frozen: &Frozen, ours: &Ours, operations: &mut Vec<Operation>) {
    for (dns, name) in sides.desired.names() {
        if frozen.names.contains(dns) {
            continue;
        }
        let wanted = elements::application(&sides.spec.cluster_name, dns, name);
        let node = Node::Application(name.app.to_string());
        let change = match sides.candidate.applications.get(name.app.as_str()) {
            // Gone by somebody's hand during the quarantine: nobody misses it.
            None if name.quarantined_until.is_some() => continue,
            None => Change::set(node, &wanted),
            Some(actual) if same(actual, &wanted) || !ours.apps.contains(name.app.as_str()) => continue,
            Some(_) => Change::edit(node, &wanted),
        };
        operations.push(Operation { subject: Subject::Name(dns.clone()), change });
    }
}

/// Services and the tag go when nothing refers to them any more, foreign rules included.
fn remove_objects(
    sides: Sides<'_>,
    frozen: &Frozen,
    ports: &BTreeSet<u16>,
    ours: &Ours,
    leaving: &Leaving,
    operations: &mut Vec<Operation>,
) {
    let cluster = &sides.spec.cluster_name;
    let needed: BTreeSet<String> = ports.iter().map(|port| firewall_names::service(cluster, *port)).collect();
    let staying = || sides.candidate.rules.iter().filter(|rule| !leaving.rules.contains(rule.entry_name()));
    // A rule whose terms are known is about to refer to exactly the needed ones.
    let settled = |rule: &Element| {
        ours.rules.contains(rule.entry_name())
            && sides.desired.rules().get(rule.entry_name()).is_some_and(|rule| rule.terms.is_some())
    };
    let referred: BTreeSet<&str> =
        staying().filter(|rule| !settled(rule)).flat_map(|rule| rule.members_of("service")).collect();
    let mut left = false;
    for service in &ours.services {
        if needed.contains(service) || referred.contains(service.as_str()) || frozen.objects.contains(service)
        {
            left = true;
            continue;
        }
        let change = Change::Delete(Node::Service(service.clone()));
        operations.push(Operation { subject: Subject::Object(service.clone()), change });
    }
    let tag = firewall_names::tag(cluster);
    let is_ours = sides
        .candidate
        .tags
        .get(&tag)
        .is_some_and(|entry| entry.text_of("comments") == Some(elements::tag_comment(cluster).as_str()));
    let used = staying().any(|rule| rule.members_of("tag").any(|member| member == tag));
    if is_ours
        && !left
        && !used
        && needed.is_empty()
        && sides.desired.names().is_empty()
        && !frozen.objects.contains(&tag)
    {
        operations.push(Operation {
            subject: Subject::Object(tag.clone()),
            change: Change::Delete(Node::Tag(tag)),
        });
    }
}

#[cfg(test)]
mod tests;
