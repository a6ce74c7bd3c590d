//! Which node a write is about: from the client's xpath to the address of one node, checked against the schema.

use super::{merge::Changes, store::Store, units::Change};
use crate::{
    refusal::{Code, Refusal},
    schema::{self, Kind, locate},
    scope::Scope,
    tree::{Element, NodePath, Predicate, Segment, Tail, XPath, find, find_mut, parse_xpath},
};

pub(super) fn parse(xpath: &str) -> Result<XPath, Refusal> {
    let parsed = parse_xpath(xpath).map_err(|_| bad_xpath())?;
    if parsed.tail == Tail::Element { Ok(parsed) } else { Err(bad_xpath()) }
}

/// `Invalid sequence` is what the device says of a path that it cannot read.
pub(super) fn bad_xpath() -> Refusal {
    Refusal::new(Code::BadXpath, "Invalid sequence")
}

fn no_schema(xpath: &str) -> Refusal {
    Refusal::new(Code::InvalidCommand, format!("Could not find schema node for xpath {xpath}"))
}

/// Where a node stands in the schema; nodes of the device itself are not written.
pub(super) fn place_of(path: &NodePath, xpath: &str) -> Result<schema::Place, Refusal> {
    let place = locate(path).ok_or_else(|| no_schema(xpath))?;
    if matches!(place.kind, Kind::ReadOnly) {
        return Err(Refusal::new(Code::Denied, format!(" {xpath} is read-only")));
    }
    Ok(place)
}

/// The path as the schema sees it, for nodes that do not exist.
pub(super) fn schema_path(parsed: &XPath, xpath: &str) -> Result<NodePath, Refusal> {
    let path = first_path(parsed);
    place_of(&path, xpath).map(|_| path)
}

/// The node that an xpath names, or the first of several; `None` when it cannot be read.
pub(crate) fn address(xpath: &str) -> Option<NodePath> {
    parse_xpath(xpath).ok().map(|parsed| first_path(&parsed))
}

fn first_path(parsed: &XPath) -> NodePath {
    let segments = parsed.steps.iter().map(|step| {
        let key = match &step.predicate {
            Predicate::None => None,
            Predicate::Names(keys) | Predicate::Texts(keys) => keys.first().cloned(),
        };
        Segment { name: step.name.clone(), key }
    });
    NodePath(segments.collect())
}

/// The one node that a write is about; it need not exist yet. An `entry` without a name stands for the only one.
pub(super) fn write_target(store: &Store, xpath: &str) -> Result<NodePath, Refusal> {
    let parsed = parse(xpath)?;
    let mut path = NodePath::default();
    for step in &parsed.steps {
        let key = match &step.predicate {
            Predicate::None if step.name == "entry" => {
                let mut entries = find(&store.candidate, &path).into_iter().flat_map(Element::entries);
                match (entries.next(), entries.next()) {
                    (Some((only, _)), None) => Some(only.to_owned()),
                    (Some(_), Some(_)) | (None, _) => return Err(bad_xpath()),
                }
            }
            Predicate::None => None,
            Predicate::Names(keys) | Predicate::Texts(keys) => match keys.as_slice() {
                [key] => Some(key.clone()),
                _ => return Err(bad_xpath()),
            },
        };
        path.0.push(Segment { name: step.name.clone(), key });
    }
    place_of(&path, xpath)?;
    let scope_missing = Scope::of(&path).is_some_and(|scope| {
        // A device group is made by a write of its own entry, and not by one below it.
        let makes_group = matches!(scope, Scope::DeviceGroup(_)) && path == scope.base();
        !makes_group && find(&store.candidate, &scope.base()).is_none()
    });
    if scope_missing || !store.model.has(&path) { Err(no_schema(xpath)) } else { Ok(path) }
}

/// An entry that is there, for actions that need one.
pub(super) fn existing_entry(store: &Store, xpath: &str) -> Result<NodePath, Refusal> {
    let path = write_target(store, xpath)?;
    let is_entry = path.last().is_some_and(|segment| segment.name == "entry");
    if is_entry && find(&store.candidate, &path).is_some() {
        return Ok(path);
    }
    Err(Refusal::new(Code::NotPresent, " No such node"))
}

/// The address that an entry would have under another name, if it is free.
pub(super) fn sibling(store: &Store, path: &NodePath, name: &str) -> Result<NodePath, Refusal> {
    let new_path = path.parent().unwrap_or_default().join(Segment::entry(name));
    if find(&store.candidate, &new_path).is_some() {
        return Err(Refusal::new(Code::NotUnique, format!(" {name} already exists")));
    }
    Ok(new_path)
}

/// Makes the nodes that lead to a target; the topmost new one is a change. Was the target itself made?
pub(super) fn make_path(store: &mut Store, target: &NodePath, changes: &mut Changes) -> bool {
    let (mut made, mut noted) = (None, false);
    for length in 2..=target.0.len() {
        let path = NodePath(target.0.iter().take(length).cloned().collect());
        if find(&store.candidate, &path).is_some() {
            continue;
        }
        let (Some(parent), Some(segment)) = (path.parent(), path.last()) else { continue };
        if let Some(node) = find_mut(&mut store.candidate, &parent) {
            node.children.push(segment.to_element());
        }
        if !noted && locate(&path).is_some_and(|place| place.object_at.is_some()) {
            changes.push((path.clone(), Change::Create));
            noted = true;
        }
        made = Some(path);
    }
    made.is_some_and(|path| path == *target)
}

/// How messages call a node: from its object's name down; nothing above all objects.
pub(super) fn label_of(path: &NodePath) -> String {
    let Some(object_at) = locate(path).and_then(|place| place.object_at) else { return String::new() };
    let names = path.0.iter().skip(object_at.saturating_sub(1));
    names.map(|s| s.key.as_deref().unwrap_or(&s.name)).collect::<Vec<_>>().join(" -> ")
}

/// How messages call the list that an item belongs to.
pub(super) fn parent_label(path: &NodePath) -> String {
    path.parent().map(|parent| label_of(&parent)).unwrap_or_default()
}
