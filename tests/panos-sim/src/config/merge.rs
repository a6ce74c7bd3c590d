//! `set` merges: what is there stays, what comes is added; only text values and exclusive choices are replaced.

use super::units::Change;
use crate::{
    schema::Kind,
    tree::{Element, NodePath, Segment},
};

/// The nodes that a merge made or changed.
pub(crate) type Changes = Vec<(NodePath, Change)>;

/// Attributes with which a candidate is read and which clients send back: bookkeeping, never content.
pub(crate) const BOOKKEEPING: &[&str] = &["admin", "dirtyId", "time", "loc", "src", "ptpl"];

/// Removes bookkeeping attributes from what a client sent.
pub(crate) fn strip_bookkeeping(element: &mut Element) {
    element.attrs.retain(|(key, _)| !BOOKKEEPING.contains(&key.as_str()));
    element.children.iter_mut().for_each(strip_bookkeeping);
}

/// A rule's uuid is the device's; one that a client sends with a `set` is not taken.
pub(crate) fn strip_uuids(element: &mut Element) {
    element.attrs.retain(|(key, _)| key != "uuid");
    element.children.iter_mut().for_each(strip_uuids);
}

/// Merges `incoming` into `parent` as one of its children.
pub(crate) fn merge_child(
    parent: &mut Element,
    incoming: Element,
    kind: Kind,
    path: &NodePath,
    changes: &mut Changes,
) {
    let segment = Segment::of(&incoming);
    let at = path.join(segment.clone());
    drop_other_choices(parent, &incoming.name, kind);
    let below = kind.below(&incoming.name).unwrap_or(Kind::Open);
    match parent.children.iter_mut().find(|child| segment.matches(child)) {
        Some(existing) => merge_into(existing, incoming, below, &at, changes),
        None => {
            note_created(&incoming, below, &at, changes);
            // Double members of one request become one, as merging them one by one would.
            let mut created = Element { children: Vec::new(), ..incoming.clone() };
            let mut inside = Changes::new();
            merge_into(&mut created, incoming, below, &at, &mut inside);
            parent.children.push(created);
        }
    }
}

fn merge_into(existing: &mut Element, incoming: Element, kind: Kind, path: &NodePath, changes: &mut Changes) {
    if incoming.children.is_empty() && !incoming.text.is_empty() && existing.text != incoming.text {
        existing.text = incoming.text;
        existing.children.clear();
        changes.push((path.clone(), Change::Set));
    }
    for child in incoming.children {
        merge_child(existing, child, kind, path, changes);
    }
}

/// Exclusive fields: a new choice takes the place of the old one.
fn drop_other_choices(parent: &mut Element, name: &str, kind: Kind) {
    let Some(group) = kind.field(name).and_then(|field| field.choice) else { return };
    parent.children.retain(|child| {
        child.name == name || kind.field(&child.name).and_then(|field| field.choice) != Some(group)
    });
}

/// A new node is one change, except for the lists and containers that only hold objects: there each object is one.
pub(crate) fn note_created(element: &Element, kind: Kind, path: &NodePath, changes: &mut Changes) {
    let inside_object = crate::schema::locate(path).is_some_and(|place| place.object_at.is_some());
    let holds_objects = !inside_object && matches!(kind, Kind::Entries(_) | Kind::Container(_));
    if !holds_objects {
        changes.push((path.clone(), Change::Create));
        return;
    }
    for child in &element.children {
        let below = kind.below(&child.name).unwrap_or(Kind::Open);
        note_created(child, below, &path.join(Segment::of(child)), changes);
    }
}
