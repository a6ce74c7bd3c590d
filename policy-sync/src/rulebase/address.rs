//! Which addresses one side of a rule names: literals, ranges, objects, groups, and names that only the
//! firewall can resolve.
//!
//! Forms of an address object: `PaloAltoNetworks/pan-os-codegen:specs/objects/address.yaml`.

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use super::{
    extent::{Extent, Share, across, rest},
    layers::Kind,
    objects::{Family, Object, unfold},
};
use crate::{network::Range, xml::Element};

/// A set of addresses.
#[derive(Debug, Default)]
pub(super) struct AddressSet<'a> {
    /// In order, and no two touch.
    ranges: Vec<Range>,
    /// FQDN objects, dynamic groups, external lists, regions: they may hold any address.
    names: BTreeSet<&'a str>,
}

/// One side of a rule.
#[derive(Debug)]
pub(super) struct Side<'a> {
    sets: Vec<Rc<AddressSet<'a>>>,
    negated: bool,
}

/// Resolves names, each once.
#[derive(Debug)]
pub(super) struct Addresses<'a> {
    family: Family<'a>,
    known: BTreeMap<&'a str, Rc<AddressSet<'a>>>,
}

impl<'a> Addresses<'a> {
    pub(super) const fn new(family: Family<'a>) -> Self {
        Self { family, known: BTreeMap::new() }
    }

    /// One side of a rule: its list, and the flag that negates it.
    pub(super) fn side(&mut self, entry: &'a Element, list: &str, negate: &str) -> Side<'a> {
        let negated = entry.text_of(negate) == Some("yes");
        Side { negated, ..self.plain(entry.members_of(list)) }
    }

    /// The addresses that a list names. A list that is not there is no condition.
    pub(super) fn plain(&mut self, members: impl Iterator<Item = &'a str>) -> Side<'a> {
        let mut sets: Vec<_> = members.map(|member| self.set(member)).collect();
        if sets.is_empty() {
            sets.push(self.set("any"));
        }
        Side { sets, negated: false }
    }

    fn set(&mut self, name: &'a str) -> Rc<AddressSet<'a>> {
        let family = &self.family;
        Rc::clone(self.known.entry(name).or_insert_with(|| Rc::new(resolve(family, name))))
    }
}

fn resolve<'a>(family: &Family<'a>, name: &'a str) -> AddressSet<'a> {
    if name == "any" {
        return AddressSet { ranges: Range::EVERY.to_vec(), names: BTreeSet::new() };
    }
    let unfolded = unfold(family, name);
    let mut set = AddressSet::default();
    for (leaf, object) in unfolded.leaves {
        match range(leaf, object) {
            Some(range) => set.ranges.push(range),
            None => {
                set.names.insert(leaf);
            }
        }
    }
    if unfolded.cut {
        set.names.insert(name);
    }
    set.ranges = Range::merged(set.ranges);
    set
}

fn range(name: &str, object: Option<Object<'_>>) -> Option<Range> {
    let text = match object {
        Some(Object { kind: Kind::Address, entry, .. }) => {
            entry.text_of("ip-netmask").or_else(|| entry.text_of("ip-range"))?
        }
        Some(_) => return None,
        None => name,
    };
    text.parse().ok()
}

impl Side<'_> {
    /// How much of our side it takes. Ours is never negated.
    pub(super) fn share(&self, ours: &Side<'_>) -> Share {
        let ranges = ours.sets.iter().flat_map(|set| &set.ranges).map(|range| self.of_range(range));
        let names = ours.sets.iter().flat_map(|set| &set.names).map(|name| self.of_name(name));
        let share = across(ranges.chain(names));
        match (self.negated, share) {
            (false, _) => share,
            // What is left beside a name can be nothing.
            (true, Some(Extent::Part)) if self.unsure() || ours.unsure() => Some(Extent::May),
            (true, _) => rest(share),
        }
    }

    fn of_range(&self, range: &Range) -> Share {
        let mut common = Vec::new();
        for set in &self.sets {
            let first = set.ranges.partition_point(|other| other.ends_before(range));
            common.extend(set.ranges.iter().skip(first).map_while(|other| other.common(range)));
        }
        match Range::merged(common).as_slice() {
            [] if self.unsure() => Some(Extent::May),
            [] => None,
            [all] if all == range => Some(Extent::Whole),
            [..] => Some(Extent::Part),
        }
    }

    fn of_name(&self, name: &str) -> Share {
        let every = |set: &AddressSet<'_>| set.ranges == Range::EVERY;
        if self.sets.iter().any(|set| every(set) || set.names.contains(name)) {
            Some(Extent::Whole)
        } else if self.sets.iter().any(|set| !set.ranges.is_empty() || !set.names.is_empty()) {
            Some(Extent::May)
        } else {
            None
        }
    }

    fn unsure(&self) -> bool {
        self.sets.iter().any(|set| !set.names.is_empty())
    }
}
