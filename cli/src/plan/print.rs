//! A plan for people: a line for each name, and what it costs.

use std::collections::BTreeSet;

use sallyport_policy_sync::{
    member::Site,
    operation::{Change as Written, Node, Operation},
    preview::lines::lines,
};

use super::{
    changes::{Change, Changes, Fate},
    firewall::Plan,
    side::Side,
};
use crate::terminal::printable;

/// How much is told of a firewall.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Detail {
    /// How many objects and commits.
    Counts,
    /// Each change as a line of the device's CLI.
    Lines,
    /// The bodies of the requests.
    Requests,
}

/// The whole text.
pub(super) fn print(changes: &Changes, plans: &[Plan], after: &Side, detail: Detail) -> String {
    let mut text = String::new();
    let width = |read: &dyn Fn(&Change) -> usize| changes.names.iter().map(read).max().unwrap_or_default();
    let whose = width(&|change| change.whose.chars().count());
    let names = width(&|change| change.name.as_str().chars().count());
    for change in &changes.names {
        let (sign, words) = told(change, plans);
        text.push_str(&format!("{sign} {:whose$}  {:names$}  {words}\n", change.whose, change.name.as_str()));
    }
    for (whose, why) in &after.troubles {
        text.push_str(&format!("! {whose}: {why}\n"));
    }
    for plan in plans {
        text.push_str(&of_firewall(plan, changes, detail));
    }
    let mut certificates = format!("certificates: {}", changes.certificates);
    if changes.of_pods > 0 {
        certificates.push_str(&format!(
            ", and one for each pod of {}",
            counted(changes.of_pods, "identity", "identities")
        ));
    }
    text.push_str(&format!("{certificates}\n"));
    printable(&text)
}

fn told(change: &Change, plans: &[Plan]) -> (char, String) {
    match &change.fate {
        Fate::Added(action) => ('+', action.as_str().to_owned()),
        Fate::Turned(was, is) => ('~', format!("{} → {}", was.as_str(), is.as_str())),
        Fate::Moved(was, is) => ('~', format!("firewall {was} → {is}")),
        Fate::Removed => {
            let quarantine = plans.iter().find(|plan| plan.name == change.firewall);
            let known = quarantine.map(|plan| plan.quarantine.as_str()).filter(|known| !known.is_empty());
            (
                '-',
                known.map_or_else(
                    || "(after the quarantine)".to_owned(),
                    |it| format!("(after {it} of quarantine)"),
                ),
            )
        }
    }
}

/// `firewall edge: 2 App-IDs and 1 rule written, 1 commit; 1 App-ID removed after 1h, 1 commit`.
fn of_firewall(plan: &Plan, changes: &Changes, detail: Detail) -> String {
    let Plan { name, site, now, later, quarantine } = plan;
    let Some(site) = site else {
        let count = changes.names.iter().filter(|change| change.firewall == *name).count();
        return format!(
            "firewall {name}: {}; what that is on it, only its Firewall object tells: give its manifest\n",
            counted(count, "name changes", "names change")
        );
    };
    let carried = if matches!(site, Site::DeviceGroup { .. }) { "1 commit and push" } else { "1 commit" };
    let mut parts = Vec::new();
    if !now.is_empty() {
        parts.push(format!("{}, {carried}", objects(now)));
    }
    if !later.is_empty() {
        parts.push(format!("after {quarantine} {}, {carried}", objects(later)));
    }
    let words = if parts.is_empty() { "nothing changes".to_owned() } else { parts.join("; ") };
    let mut text = format!("firewall {name}, {site}: {words}\n");
    for (head, operations) in [(String::new(), now), (format!("# after {quarantine} of quarantine\n"), later)]
    {
        if detail == Detail::Counts || operations.is_empty() {
            continue;
        }
        text.push_str(&head);
        if detail == Detail::Requests {
            text.push_str(&plan.requests(operations));
        } else {
            let all = operations.iter().flat_map(|operation| lines(operation, site));
            text.extend(all.map(|line| format!("{line}\n")));
        }
    }
    text
}

/// `2 App-IDs and 1 rule written, 1 App-ID removed`: services and tags go with the rules.
fn objects(operations: &[Operation]) -> String {
    let (mut apps, mut rules) = (BTreeSet::new(), BTreeSet::new());
    let (mut gone_apps, mut gone_rules) = (BTreeSet::new(), BTreeSet::new());
    for operation in operations {
        let (gone, node) = match &operation.change {
            Written::Delete(node @ (Node::Application(_) | Node::Rule(_))) => (true, node.clone()),
            Written::Set(node, _) | Written::Edit(node, _) | Written::Delete(node) => (false, node.clone()),
            Written::Move(rule, _) => (false, Node::Rule(rule.clone())),
        };
        let (kind, name) = match node {
            Node::Application(app) => (if gone { &mut gone_apps } else { &mut apps }, app),
            Node::Rule(rule) | Node::Field(rule, _) | Node::Member(rule, ..) => {
                (if gone { &mut gone_rules } else { &mut rules }, rule)
            }
            Node::Service(_) | Node::Tag(_) => continue,
        };
        kind.insert(name);
    }
    let part = |apps: usize, rules: usize, what: &str| {
        let all = [(apps, "App-ID", "App-IDs"), (rules, "rule", "rules")];
        let some = all.into_iter().filter(|(n, ..)| *n > 0);
        let some: Vec<String> = some.map(|(n, one, more)| counted(n, one, more)).collect();
        (!some.is_empty()).then(|| format!("{} {what}", some.join(" and ")))
    };
    let parts =
        [part(apps.len(), rules.len(), "written"), part(gone_apps.len(), gone_rules.len(), "removed")];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() { "services and tags change".to_owned() } else { parts.join(", ") }
}

fn counted(n: usize, one: &str, more: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { more })
}
