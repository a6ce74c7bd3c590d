//! What a name in a rule stands for: the nearest object, groups opened, each once.

use std::collections::{BTreeMap, BTreeSet};

use super::layers::{Kind, Scope};
use crate::xml::Element;

/// Most members that are looked at behind one name; more than any device takes in a group.
const MOST_MEMBERS: usize = 10_000;

/// An object, and the scope that it was found in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Object<'a> {
    pub(super) kind: Kind,
    pub(super) entry: &'a Element,
    pub(super) scope: &'a str,
}

/// Objects that share their names: addresses with their groups, and so on.
pub(super) type Family<'a> = BTreeMap<&'a str, Object<'a>>;

/// What stands behind one name.
#[derive(Debug, Default)]
pub(super) struct Unfolded<'a> {
    /// No groups any more; without an object where no scope has the name.
    pub(super) leaves: Vec<(&'a str, Option<Object<'a>>)>,
    /// There was more than we look at.
    pub(super) cut: bool,
}

/// The objects of these kinds by name, nearest scope first.
pub(super) fn family<'a>(scopes: &'a [Scope], kinds: &[Kind]) -> Family<'a> {
    let mut family = Family::new();
    for scope in scopes {
        for kind in kinds {
            for entry in scope.objects.get(kind).into_iter().flatten() {
                let object = Object { kind: *kind, entry, scope: &scope.name };
                family.entry(entry.entry_name()).or_insert(object);
            }
        }
    }
    family
}

/// Opens groups until none is left. A group within itself adds nothing.
pub(super) fn unfold<'a>(family: &Family<'a>, name: &'a str) -> Unfolded<'a> {
    let mut unfolded = Unfolded::default();
    let (mut open, mut seen) = (vec![name], BTreeSet::new());
    while let Some(name) = open.pop() {
        if !seen.insert(name) {
            continue;
        }
        if seen.len() > MOST_MEMBERS {
            unfolded.cut = true;
            break;
        }
        let object = family.get(name).copied();
        match object.and_then(|object| members(&object)) {
            Some(list) => open.extend(list.children.iter().map(|member| member.text.as_str())),
            None => unfolded.leaves.push((name, object)),
        }
    }
    unfolded
}

/// The list of a group's members; nothing if it is none, or does not say.
fn members<'a>(object: &Object<'a>) -> Option<&'a Element> {
    match object.kind {
        Kind::AddressGroup => object.entry.child("static"),
        Kind::ServiceGroup | Kind::ApplicationGroup => object.entry.child("members"),
        Kind::Address
        | Kind::Service
        | Kind::Application
        | Kind::ApplicationFilter
        | Kind::ApplicationContainer => None,
    }
}
