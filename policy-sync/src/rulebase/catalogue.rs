//! Resolves the applications that rules name: groups, filters and containers, each name once.

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use super::{
    application::{Applications, Filter, Holding, unless_excluded},
    candidate::{Candidate, chooses},
    extent::Extent,
    layers::Kind,
    objects::{Family, Object, unfold},
    ours::Ours,
};
use crate::xml::Element;

/// `ssl` as the vendor's catalogue has it (<https://applipedia.paloaltonetworks.com>), where the device's own
/// entry is not at hand.
const SSL: Candidate<'static> = Candidate::Known(&[
    ("category", "networking"),
    ("subcategory", "encrypted-tunnel"),
    ("technology", "browser-based"),
]);
/// QUIC, from the same catalogue.
const QUIC: Candidate<'static> = Candidate::Known(&[("category", "networking")]);

/// Resolves names, each once.
#[derive(Debug)]
pub(super) struct Catalogue<'a> {
    family: Family<'a>,
    ours: &'a Ours,
    our_apps: BTreeSet<&'a str>,
    known: BTreeMap<&'a str, Rc<Holding<'a>>>,
}

impl<'a> Catalogue<'a> {
    pub(super) fn new(family: Family<'a>, ours: &'a Ours) -> Self {
        let our_apps = ours.rules.iter().flat_map(|rule| &rule.apps).map(AsRef::as_ref).collect();
        Self { family, ours, our_apps, known: BTreeMap::new() }
    }

    /// The applications of a rule. A list that is not there is no condition.
    pub(super) fn applications(&mut self, entry: &'a Element) -> Applications<'a> {
        let mut list: Vec<_> = entry.members_of("application").map(|name| self.holding(name)).collect();
        if list.is_empty() {
            list.push(self.holding("any"));
        }
        Applications(list)
    }

    /// The custom App-IDs of others.
    pub(super) fn customs(&self) -> impl Iterator<Item = &'a Element> {
        let entries = self.family.values().filter(|object| object.kind == Kind::Application);
        entries.map(|object| object.entry).filter(|entry| !self.our_apps.contains(entry.entry_name()))
    }

    /// The filters in force.
    pub(super) fn filters(&self) -> impl Iterator<Item = Filter<'a>> {
        let objects = self.family.values().filter(|object| object.kind == Kind::ApplicationFilter);
        objects.map(|object| self.filter(*object))
    }

    fn holding(&mut self, name: &'a str) -> Rc<Holding<'a>> {
        if let Some(known) = self.known.get(name) {
            return Rc::clone(known);
        }
        let holding = Rc::new(self.resolve(name));
        self.known.insert(name, Rc::clone(&holding));
        holding
    }

    fn resolve(&self, name: &'a str) -> Holding<'a> {
        let unfolded = unfold(&self.family, name);
        let mut holding = Holding { any: name == "any", cut: unfolded.cut, ..Holding::default() };
        for (leaf, object) in unfolded.leaves {
            match object {
                Some(object) if object.kind == Kind::ApplicationFilter => {
                    holding.filters.push(self.filter(object));
                }
                Some(object) if object.kind == Kind::ApplicationContainer => {
                    holding.container |= self.may_hold_ssl(leaf);
                }
                Some(_) | None => {
                    holding.names.insert(leaf);
                    if self.our_apps.contains(leaf) {
                        holding.ours.insert(leaf);
                        holding.rides = Some(Extent::Whole);
                    }
                    if object.is_some_and(|object| rides(object.entry)) {
                        holding.rides = Some(Extent::Whole);
                    }
                }
            }
        }
        holding.rides = holding.filters.iter().map(|filter| filter.rides).fold(holding.rides, Ord::max);
        holding
    }

    /// Members of a container name it; where `ssl` does not, the container has it not.
    fn may_hold_ssl(&self, container: &str) -> bool {
        self.family
            .get("ssl")
            .is_none_or(|object| object.entry.text_of("application-container") == Some(container))
    }

    fn filter(&self, Object { entry, scope, .. }: Object<'a>) -> Filter<'a> {
        let of = |name: &str, else_: Candidate<'a>| {
            let object = self.family.get(name).filter(|object| object.kind == Kind::Application);
            unless_excluded(entry, name, &object.map_or(else_, |object| Candidate::Entry(object.entry)))
        };
        let ours = chooses(entry, &Candidate::Ours(&self.ours.attributes));
        let riders = self.customs().filter(|custom| rides(custom));
        let mut riding =
            riders.map(|custom| unless_excluded(entry, custom.entry_name(), &Candidate::Entry(custom)));
        let rides =
            if ours == Some(Extent::Whole) { ours } else { riding.by_ref().max().flatten().max(ours) };
        Filter { entry, scope, ours, ssl: of("ssl", SSL), udp: of("quic", QUIC), rides }
    }
}

fn rides(app: &Element) -> bool {
    app.text_of("parent-app") == Some("ssl")
}
