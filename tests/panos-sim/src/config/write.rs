//! The write actions of `type=config`: set, edit, delete, move, rename, clone.
//!
//! <https://docs.paloaltonetworks.com/ngfw/api/pan-os-xml-api-request-types-and-actions/configuration-api>
//! and `kevinsteves/pan-python:doc/pan.xapi.rst`.

use super::{
    guard::{check_lonely_lists, check_rule_name, check_rule_needs, check_still_referenced, checker},
    merge::{Changes, merge_child, note_created, strip_bookkeeping, strip_uuids},
    store::{Store, Writer},
    target::{
        bad_xpath, existing_entry, label_of, make_path, parent_label, parse, place_of, schema_path, sibling,
        write_target,
    },
    units::Change,
};
use crate::{
    refusal::{Code, Refusal},
    schema::{Checker, Kind, each_reference, removed_objects},
    tree::{Element, NodePath, Segment, find, find_mut, select},
};

/// One write, parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Write {
    Set { xpath: String, elements: Vec<Element> },
    Edit { xpath: String, element: Element },
    Delete { xpath: String },
    Move { xpath: String, place: Place },
    Rename { xpath: String, newname: String },
    Clone { xpath: String, from: String, newname: String },
}

impl Write {
    /// The node that is written.
    pub(crate) fn xpath(&self) -> &str {
        match self {
            Write::Set { xpath, .. }
            | Write::Edit { xpath, .. }
            | Write::Delete { xpath }
            | Write::Move { xpath, .. }
            | Write::Rename { xpath, .. }
            | Write::Clone { xpath, .. } => xpath,
        }
    }
}

/// Where a `move` puts an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    Top,
    Bottom,
    Before(String),
    After(String),
}

/// A write that was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    /// A `delete` of what was not there: success all the same, with code 7.
    NothingThere,
}

/// Applies one write to the candidate. On refusal the store may be half-changed: callers work on a copy.
pub(crate) fn apply_write(store: &mut Store, writer: Writer<'_>, write: &Write) -> Result<Outcome, Refusal> {
    match write {
        Write::Set { xpath, elements } => set(store, writer, xpath, elements),
        Write::Edit { xpath, element } => edit(store, writer, xpath, element),
        Write::Delete { xpath } => delete(store, writer, xpath),
        Write::Move { xpath, place } => move_entry(store, writer, xpath, place),
        Write::Rename { xpath, newname } => rename(store, writer, xpath, newname),
        Write::Clone { xpath, from, newname } => clone(store, writer, xpath, from, newname),
    }
}

fn set(store: &mut Store, writer: Writer<'_>, xpath: &str, elements: &[Element]) -> Result<Outcome, Refusal> {
    let target = write_target(store, xpath)?;
    let place = place_of(&target, xpath)?;
    let mut changes = Changes::new();
    let created = make_path(store, &target, &mut changes);
    if let Some(node) = find_mut(&mut store.candidate, &target) {
        for element in elements {
            let mut element = element.clone();
            strip_bookkeeping(&mut element);
            strip_uuids(&mut element);
            merge_child(node, element, place.kind, &target, &mut changes);
        }
    }
    let label = label_of(&target);
    let checker = checker(store, &target, writer);
    if let (true, Some(entries), Some(node)) = (created, place.item_of, find(&store.candidate, &target)) {
        checker.entry(entries, node, &parent_label(&target))?;
    }
    elements.iter().try_for_each(|element| checker.child(place.kind, element, &label))?;
    for (path, _) in &changes {
        check_lonely_lists(store, path)?;
    }
    // Since 11.0 a `set` at the list, with the entry inside, can lose its owner.
    let lost = writer.quirks.parent_set_loses_owner && matches!(place.kind, Kind::Entries(_));
    note(store, writer, &changes, !lost)?;
    Ok(Outcome::Done)
}

fn edit(store: &mut Store, writer: Writer<'_>, xpath: &str, element: &Element) -> Result<Outcome, Refusal> {
    let target = write_target(store, xpath)?;
    let place = place_of(&target, xpath)?;
    let Some(last) = target.last().cloned() else { return Err(bad_xpath()) };
    let same_name =
        element.name == last.name && (last.name != "entry" || Segment::of(element).key == last.key);
    if !same_name {
        let line = " edit failed, root element does not match the last node of the xpath";
        return Err(Refusal::new(Code::InvalidObject, line));
    }
    let mut element = element.clone();
    strip_bookkeeping(&mut element);
    let existing = find(&store.candidate, &target).cloned();
    match existing.as_ref().and_then(|old| old.attr("uuid")) {
        Some(uuid) => element.set_attr("uuid", uuid),
        None => element.attrs.retain(|(key, _)| key != "uuid"),
    }
    let mut changes = Changes::new();
    make_path(store, &target, &mut changes);
    if let Some(node) = find_mut(&mut store.candidate, &target) {
        *node = element.clone();
    }
    let checker = Checker { complete: true, ..checker(store, &target, writer) };
    match place.item_of {
        Some(entries) => checker.entry(entries, &element, &parent_label(&target))?,
        None => checker.check(place.kind, &element, &label_of(&target))?,
    }
    check_still_referenced(store, existing.as_ref(), &target)?;
    if existing.as_ref() != Some(&element) || store.units.iter().any(|(at, _)| target.covers(at)) {
        let mut changes = Changes::new();
        match &existing {
            Some(_) => changes.push((target, Change::Edit)),
            None => note_created(&element, place.kind, &target, &mut changes),
        }
        note(store, writer, &changes, true)?;
    }
    Ok(Outcome::Done)
}

fn delete(store: &mut Store, writer: Writer<'_>, xpath: &str) -> Result<Outcome, Refusal> {
    let parsed = parse(xpath)?;
    let found: Vec<NodePath> = select(&store.candidate, &parsed).into_iter().map(|(path, _)| path).collect();
    if found.is_empty() {
        schema_path(&parsed, xpath)?;
        return Ok(Outcome::NothingThere);
    }
    let mut removed = Vec::new();
    for path in &found {
        let place = place_of(path, xpath)?;
        let Some(parent) = path.parent().filter(|parent| !parent.0.is_empty()) else {
            return Err(bad_xpath());
        };
        if let (Some(node), Some(segment)) = (find_mut(&mut store.candidate, &parent), path.last())
            && let Some(at) = node.children.iter().position(|child| segment.matches(child))
        {
            removed.push((path.clone(), place, node.children.remove(at)));
        }
    }
    for (path, _, node) in &removed {
        check_still_referenced(store, Some(node), path)?;
    }
    for (path, ..) in &removed {
        note(store, writer, &[(path.clone(), Change::Delete)], true)?;
    }
    Ok(Outcome::Done)
}

fn move_entry(store: &mut Store, writer: Writer<'_>, xpath: &str, place: &Place) -> Result<Outcome, Refusal> {
    let path = existing_entry(store, xpath)?;
    let parent = path.parent().unwrap_or_default();
    let (Some(list), Some(segment)) = (find_mut(&mut store.candidate, &parent), path.last()) else {
        return Err(Refusal::new(Code::NotPresent, " No such node"));
    };
    let position = |list: &Element, name: &str| {
        let found = list.children.iter().position(|child| child.attr("name") == Some(name));
        found.ok_or_else(|| Refusal::new(Code::NotPresent, format!(" move failed: '{name}' does not exist")))
    };
    let Some(from) = list.children.iter().position(|child| segment.matches(child)) else {
        return Err(Refusal::new(Code::NotPresent, " No such node"));
    };
    let entry = list.children.remove(from);
    let to = match place {
        Place::Top => 0,
        Place::Bottom => list.children.len(),
        Place::Before(name) => position(list, name)?,
        Place::After(name) => position(list, name)? + 1,
    };
    list.children.insert(to.min(list.children.len()), entry);
    if from != to {
        note(store, writer, &[(path, Change::Move)], true)?;
    }
    Ok(Outcome::Done)
}

/// Renames an entry and, as the device does, everything that names it.
fn rename(store: &mut Store, writer: Writer<'_>, xpath: &str, newname: &str) -> Result<Outcome, Refusal> {
    let path = existing_entry(store, xpath)?;
    let new_path = sibling(store, &path, newname)?;
    let place = place_of(&path, xpath)?;
    let Some(old) = find(&store.candidate, &path).cloned() else { return Err(bad_xpath()) };
    let objects = removed_objects(&old, &path);
    if let Some(node) = find_mut(&mut store.candidate, &path) {
        node.set_attr("name", newname);
    }
    let mut changes: Changes = vec![(path, Change::Delete), (new_path.clone(), Change::Create)];
    let mut named = Vec::new();
    each_reference(&store.candidate, &mut |found| {
        if objects.iter().any(|object| object.is_named_by(&found)) {
            named.push(found.reference().path);
        }
    });
    for at in named {
        if let Some(node) = find_mut(&mut store.candidate, &at) {
            newname.clone_into(&mut node.text);
            changes.push((at.parent().unwrap_or_default(), Change::Set));
        }
    }
    if let (Some(entries), Some(node)) = (place.item_of, find(&store.candidate, &new_path)) {
        checker(store, &new_path, writer).entry(entries, node, "")?;
    }
    note(store, writer, &changes, true)?;
    Ok(Outcome::Done)
}

fn clone(
    store: &mut Store,
    writer: Writer<'_>,
    xpath: &str,
    from: &str,
    newname: &str,
) -> Result<Outcome, Refusal> {
    let source = existing_entry(store, from)?;
    let Some(mut copy) = find(&store.candidate, &source).cloned() else { return Err(bad_xpath()) };
    copy.set_attr("name", newname);
    copy.attrs.retain(|(key, _)| key != "uuid");
    let list = write_target(store, xpath)?;
    if find(&store.candidate, &list.join(Segment::entry(newname))).is_some() {
        return Err(Refusal::new(Code::NotUnique, format!(" {newname} already exists")));
    }
    set(store, writer, xpath, &[copy])
}

/// Writes down whose change this is, unless the administrators of this device ask for more than was given.
fn note(
    store: &mut Store,
    writer: Writer<'_>,
    changes: &[(NodePath, Change)],
    owned: bool,
) -> Result<(), Refusal> {
    for (path, change) in changes {
        if !store.model.has(path) {
            return Err(Refusal::new(Code::InvalidObject, format!(" {path} unexpected here")));
        }
        if *change == Change::Create {
            check_rule_name(store, path)?;
        }
        check_rule_needs(store, writer.quirks, path)?;
        store.number_rules_at(path);
        let in_running = find(&store.running, path).is_some();
        store.units.note(path, owned.then_some(writer.admin), *change, writer.now, in_running);
    }
    Ok(())
}
