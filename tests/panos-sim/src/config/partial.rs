//! What a commit puts into the running configuration: everything, or the changes of some administrators.
//!
//! <https://docs.paloaltonetworks.com/ngfw/help/12-2/web-interface-basics/commit-changes>: when several administrators
//! added, deleted or moved rules of one rulebase, a commit must include all of them; so must a change inside of
//! an object that another administrator made. The device's own words for this are not public; these are ours.

use super::{
    range::Range,
    store::{Store, is_security_rules},
    units::{Change, Unit},
};
use crate::{
    quirks::Quirks,
    tree::{Element, NodePath, Segment, find, find_mut},
};
use std::collections::{BTreeMap, BTreeSet};

/// Whose changes a commit or a revert is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Selection {
    Everybody,
    Admins(BTreeSet<String>),
}

impl Selection {
    pub(crate) fn includes(&self, unit: &Unit) -> bool {
        match (self, &unit.owner) {
            (Selection::Everybody, _) => true,
            (Selection::Admins(admins), Some(owner)) => admins.contains(owner),
            (Selection::Admins(_), None) => false,
        }
    }
}

/// A commit's outcome, before validation.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) running: Element,
    /// The units that become part of running, with the change counter they had.
    pub(crate) settled: Vec<(NodePath, u64)>,
}

/// # Errors
/// Why the selection cannot be committed by itself, as the failed job tells it.
pub(crate) fn plan_commit(
    store: &Store,
    selection: &Selection,
    range: &Range,
    quirks: &Quirks,
) -> Result<Plan, String> {
    let chosen = |path: &NodePath, unit: &Unit| selection.includes(unit) && range.covers(path);
    let included: Vec<(&NodePath, &Unit)> =
        store.units.iter().filter(|(path, unit)| chosen(path, unit)).collect();
    let settled = included.iter().map(|(path, unit)| ((*path).clone(), unit.dirty_id)).collect();
    let running = match selection {
        Selection::Everybody if range.is_whole() => store.candidate.clone(),
        Selection::Everybody => transplant(&store.candidate, &store.running, &included)?,
        Selection::Admins(admins) => {
            if quirks.rules_commit_together {
                check_rulebases(store, admins, quirks)?;
            }
            check_nesting(store, selection)?;
            transplant(&store.candidate, &store.running, &included)?
        }
    };
    Ok(Plan { running, settled })
}

/// Takes back the changes of some administrators.
pub(crate) fn revert(store: &mut Store, selection: &Selection) -> Result<(), String> {
    let units = store.units.clone();
    let included: Vec<_> = units.iter().filter(|(_, unit)| selection.includes(unit)).collect();
    store.candidate = transplant(&store.running, &store.candidate, &included)?;
    for (path, _) in included {
        store.units.forget(path);
    }
    Ok(())
}

fn check_rulebases(store: &Store, admins: &BTreeSet<String>, quirks: &Quirks) -> Result<(), String> {
    let mut rulebases: BTreeMap<NodePath, BTreeSet<&str>> = BTreeMap::new();
    for (path, unit) in store.units.iter() {
        let Some(length) = (1..=path.0.len()).find(|n| is_security_rules(&prefix(path, *n))) else {
            continue;
        };
        let is_rule = path.0.len() == length + 1;
        let here_and_there = find(&store.running, path).is_some() && find(&store.candidate, path).is_some();
        let structural =
            path.0.len() == length || (is_rule && (unit.change == Change::Move || !here_and_there));
        if structural || quirks.member_edit_is_rule_change {
            let touched = unit.touched_by.iter().map(String::as_str);
            rulebases.entry(prefix(path, length)).or_default().extend(touched);
        }
    }
    for (rulebase, touched) in rulebases {
        let ours = touched.iter().any(|admin| admins.contains(*admin));
        let others: Vec<_> = touched.iter().filter(|admin| !admins.contains(**admin)).copied().collect();
        if ours && !others.is_empty() {
            return Err(format!(
                "Partial commit failed: rules of {rulebase} were also added, deleted or moved by {}; \
                 the commit must include all of these changes",
                others.join(", ")
            ));
        }
    }
    Ok(())
}

fn check_nesting(store: &Store, selection: &Selection) -> Result<(), String> {
    for (path, unit) in store.units.iter() {
        let above = path.parent().and_then(|parent| store.units.covering(&parent));
        let Some((at, upper)) = above.filter(|(_, upper)| upper.change != Change::Move) else { continue };
        if selection.includes(unit) != selection.includes(upper) {
            return Err(format!(
                "Partial commit failed: changes of {} below {at} depend on changes of {}; \
                 the commit must include both",
                unit.owner.as_deref().unwrap_or("nobody"),
                upper.owner.as_deref().unwrap_or("nobody"),
            ));
        }
    }
    Ok(())
}

fn prefix(path: &NodePath, length: usize) -> NodePath {
    NodePath(path.0.iter().take(length).cloned().collect())
}

/// Makes the given nodes of `to` as they are in `from`; everything else of `to` stays.
pub(crate) fn transplant(
    from: &Element,
    to: &Element,
    units: &[(&NodePath, &Unit)],
) -> Result<Element, String> {
    let mut result = to.clone();
    let mut kept = Vec::new();
    for (path, unit) in units {
        let moves_only = unit.change == Change::Move;
        let old = take(&mut result, path);
        let Some(node) = find(from, path) else { continue };
        let node = if moves_only { old.unwrap_or_else(|| node.clone()) } else { node.clone() };
        kept.push((order_key(from, path), (*path).clone(), node));
    }
    kept.sort_by(|a, b| a.0.cmp(&b.0));
    for (_, path, node) in kept {
        insert(from, &mut result, &path, node)?;
    }
    Ok(result)
}

fn take(root: &mut Element, path: &NodePath) -> Option<Element> {
    let parent = find_mut(root, &path.parent()?)?;
    let at = parent.children.iter().position(|child| path.last().is_some_and(|s| s.matches(child)))?;
    Some(parent.children.remove(at))
}

/// The place of a node in document order.
fn order_key(root: &Element, path: &NodePath) -> Vec<usize> {
    let mut key = Vec::new();
    let mut node = Some(root);
    for segment in path.0.iter().skip(1) {
        let at = node.and_then(|node| node.children.iter().position(|child| segment.matches(child)));
        key.push(at.unwrap_or(usize::MAX));
        node = node.and_then(|node| node.children.get(at?));
    }
    key
}

/// Puts a node behind the nearest sibling that precedes it in `order` and is there too.
fn insert(order: &Element, root: &mut Element, path: &NodePath, node: Element) -> Result<(), String> {
    let parent_path = path.parent().unwrap_or_default();
    make_containers(root, &parent_path)?;
    let segment = Segment::of(&node);
    let before: Vec<Segment> = find(order, &parent_path)
        .map(|list| list.children.iter().map(Segment::of).take_while(|s| *s != segment).collect())
        .unwrap_or_default();
    let Some(list) = find_mut(root, &parent_path) else { return Err(format!("{parent_path} is missing")) };
    let position = |s: &Segment| list.children.iter().position(|child| s.matches(child));
    let at = before.iter().rev().find_map(position).map_or(0, |at| at + 1);
    list.children.insert(at, node);
    Ok(())
}

fn make_containers(root: &mut Element, path: &NodePath) -> Result<(), String> {
    for length in 2..=path.0.len() {
        let at = prefix(path, length);
        if find(root, &at).is_some() {
            continue;
        }
        let Some(segment) = at.last().filter(|segment| segment.key.is_none()) else {
            return Err(format!("Partial commit failed: {at} is not part of the commit"));
        };
        if let Some(parent) = at.parent().and_then(|parent| find_mut(root, &parent)) {
            parent.children.push(segment.to_element());
        }
    }
    Ok(())
}
