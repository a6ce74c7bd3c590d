//! Rules: a new one is written whole and placed; one that stands only gains and loses members, and gets
//! back what somebody changed.

use std::collections::{BTreeMap, BTreeSet};

use compact_str::CompactString;
use sallyport_contract::{
    DnsName,
    object::{Position, Rules},
};

use super::{Frozen, Leaving, Ours, Sides};
use crate::{
    actual::same,
    desired::{Name, Terms},
    elements,
    operation::{Change, Node, Operation, Place, Subject},
    xml::Element,
};

/// The App-IDs of a rule that may be written now. One in quarantine that somebody deleted is not: nothing could refer
/// to it.
pub(super) fn active(sides: Sides<'_>, rule: &str, frozen: &Frozen) -> BTreeSet<CompactString> {
    let stands = |name: &Name| {
        name.quarantined_until.is_none() || sides.candidate.applications.contains_key(name.app.as_str())
    };
    sides
        .desired
        .names()
        .iter()
        .filter(|(dns, name)| name.rule == rule && !frozen.names.contains(*dns) && stands(name))
        .map(|(_, name)| name.app.clone())
        .collect()
}

/// Whether a rule that stands gets no member that it does not have.
pub(super) fn gains_nothing(sides: Sides<'_>, rule: &Element, frozen: &Frozen) -> bool {
    arriving(sides, rule, &active(sides, rule.entry_name(), frozen)).next().is_none()
}

/// The names that a rule is to carry and does not. A quarantined one that somebody took out is not put back.
fn arriving<'a>(
    sides: Sides<'a>,
    rule: &'a Element,
    active: &'a BTreeSet<CompactString>,
) -> impl Iterator<Item = (&'a DnsName, &'a Name)> {
    let present: BTreeSet<&str> = rule.members_of("application").collect();
    sides.desired.names().iter().filter(move |(_, name)| {
        name.rule == rule.entry_name()
            && name.quarantined_until.is_none()
            && active.contains(name.app.as_str())
            && !present.contains(name.app.as_str())
    })
}

/// New rules, and members and fields of those that stand.
pub(super) fn write(sides: Sides<'_>, frozen: &Frozen, ours: &Ours, operations: &mut Vec<Operation>) {
    let cluster = &sides.spec.cluster_name;
    for (name, rule) in sides.desired.rules() {
        let active = active(sides, name, frozen);
        match (sides.candidate.rule(name), &rule.terms) {
            (None, Some(terms)) if !active.is_empty() => {
                let subject = Subject::Rule(name.clone());
                let whole = crate::desired::Rule { terms: None, apps: active };
                let entry = elements::rule(cluster, name, &whole, terms);
                let set = Change::set(Node::Rule(name.clone()), &entry);
                operations.push(Operation { subject: subject.clone(), change: set });
                operations.push(Operation {
                    subject,
                    change: Change::Move(name.clone(), place(&sides.spec.rules)),
                });
            }
            (None, Some(_) | None) => {}
            (Some(entry), terms) if ours.rules.contains(name) => {
                add_members(sides, name, entry, &active, operations);
                if displaced(sides, name) {
                    let change = Change::Move(name.clone(), place(&sides.spec.rules));
                    operations.push(Operation { subject: Subject::Rule(name.clone()), change });
                }
                if let Some(terms) = terms {
                    correct_fields(cluster, name, entry, terms, operations);
                }
            }
            (Some(_), _) => {}
        }
    }
}

/// Whether a rule stands on the wrong side of its anchor. What somebody has moved and not committed yet is
/// left to them: until then nothing is lost.
fn displaced(Sides { spec, candidate, running, .. }: Sides<'_>, rule: &str) -> bool {
    [candidate, running].into_iter().all(|configuration| {
        let at = |name: &str| configuration.rules.iter().position(|rule| rule.entry_name() == name);
        let sides = |anchor: &str| at(rule).zip(at(anchor));
        match place(&spec.rules) {
            Place::Before(anchor) => sides(&anchor).is_some_and(|(ours, anchor)| ours > anchor),
            Place::After(anchor) => sides(&anchor).is_some_and(|(ours, anchor)| ours < anchor),
            Place::Top | Place::Bottom => false,
        }
    })
}

/// Members that do not belong, and rules whose last member goes. A rule is never left without members:
/// an empty list of applications would mean any.
pub(super) fn remove(sides: Sides<'_>, leaving: &Leaving, ours: &Ours, operations: &mut Vec<Operation>) {
    for entry in sides.candidate.rules.iter().filter(|rule| ours.rules.contains(rule.entry_name())) {
        let name = entry.entry_name();
        if leaving.rules.contains(name) {
            let change = Change::Delete(Node::Rule(name.to_owned()));
            operations.push(Operation { subject: Subject::Rule(name.to_owned()), change });
            continue;
        }
        if !sides.desired.rules().contains_key(name) {
            continue;
        }
        for app in entry.members_of("application").filter(|app| stale(sides, name, app, &leaving.apps, ours))
        {
            let subject = sides
                .inventory
                .name_of(app)
                .cloned()
                .map_or_else(|| Subject::Rule(name.to_owned()), Subject::Name);
            let node = Node::Member(name.to_owned(), "application", app.to_owned());
            operations.push(Operation { subject, change: Change::Delete(node) });
        }
    }
}

/// Whether a member of a rule that stays does not belong there.
pub(super) fn stale(
    sides: Sides<'_>,
    rule: &str,
    app: &str,
    leaving: &BTreeMap<String, Subject>,
    ours: &Ours,
) -> bool {
    let wanted = sides.desired.rules().get(rule).is_some_and(|rule| rule.apps.contains(app));
    !wanted && (!ours.apps.contains(app) || leaving.contains_key(app) || elsewhere(sides, rule, app))
}

/// Whether a name of ours now belongs to another rule.
fn elsewhere(sides: Sides<'_>, rule: &str, app: &str) -> bool {
    sides.desired.names().values().any(|name| name.app == app && name.rule != rule)
}

fn add_members(
    sides: Sides<'_>,
    name: &str,
    entry: &Element,
    active: &BTreeSet<CompactString>,
    operations: &mut Vec<Operation>,
) {
    for (dns, wanted) in arriving(sides, entry, active) {
        let list = Node::Field(name.to_owned(), "application".to_owned());
        let change = Change::set(list, &Element::members("application", [wanted.app.as_str()]));
        operations.push(Operation { subject: Subject::Name(dns.clone()), change });
    }
}

fn correct_fields(
    cluster: &str,
    name: &str,
    entry: &Element,
    terms: &Terms,
    operations: &mut Vec<Operation>,
) {
    let subject = || Subject::Rule(name.to_owned());
    let fields = elements::rule_fields(cluster, terms);
    for field in &fields {
        let node = Node::Field(name.to_owned(), field.name.to_string());
        let change = match entry.child(&field.name) {
            Some(actual) if same(actual, field) => continue,
            Some(_) if !field.children.is_empty() => Change::edit(node, field),
            Some(_) | None => {
                Change::set(Node::Rule(name.to_owned()), &Element::entry(name).with(field.clone()))
            }
        };
        operations.push(Operation { subject: subject(), change });
    }
    for child in &entry.children {
        let ours = fields.iter().any(|field| field.name == child.name);
        if !ours && !harmless(child) {
            let node = Node::Field(name.to_owned(), child.name.to_string());
            operations.push(Operation { subject: subject(), change: Change::Delete(node) });
        }
    }
}

/// Fields that change nothing about which sessions the rule decides, or say what is so anyway.
fn harmless(child: &Element) -> bool {
    match child.name.as_str() {
        "application" | "tag" | "log-start" | "log-end" | "group-tag" => true,
        "rule-type" => child.text == "universal",
        _ if child.children.is_empty() => child.text.is_empty() || child.text == "no",
        _ => child.children.iter().all(|member| member.name == "member" && member.text == "any"),
    }
}

/// Where a new rule goes. Exactly one of the three is set; the API server sees to it.
#[must_use]
pub fn place(rules: &Rules) -> Place {
    match (&rules.before, &rules.after, rules.at) {
        (Some(before), _, _) => Place::Before(before.clone()),
        (None, Some(after), _) => Place::After(after.clone()),
        (None, None, Some(Position::Top)) => Place::Top,
        (None, None, Some(Position::Bottom) | None) => Place::Bottom,
    }
}
