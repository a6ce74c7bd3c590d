//! Which applications a rule holds: any, names, groups, filters, containers.

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use super::{
    candidate::{Candidate, chooses},
    extent::{Extent, Share},
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

/// What a session is identified as.
#[derive(Clone, Copy, Debug)]
pub(super) enum Subject<'a> {
    /// `ssl`: a ClientHello that no App-ID knows, or not yet.
    Ssl,
    /// One of these App-IDs of ours.
    Ours(&'a BTreeSet<String>),
    /// A custom App-ID of somebody else.
    Custom(&'a Element),
    /// TCP that no App-ID knows.
    OtherTcp,
    /// QUIC, or other UDP on its port.
    Udp,
}

/// What one member of a rule's applications stands for.
#[derive(Debug, Default)]
pub(super) struct Holding<'a> {
    any: bool,
    names: BTreeSet<&'a str>,
    ours: BTreeSet<&'a str>,
    filters: Vec<Filter<'a>>,
    /// A container, or more members than we look at.
    unsure: bool,
    /// A custom App-ID on top of `ssl` is in it.
    rides: Share,
}

/// A filter, and what it chooses.
#[derive(Clone, Copy, Debug)]
pub(super) struct Filter<'a> {
    pub(super) entry: &'a Element,
    pub(super) scope: &'a str,
    /// Ours, apart from those that it excludes by name.
    pub(super) ours: Share,
    ssl: Share,
    udp: Share,
    rides: Share,
}

/// The applications of a rule.
#[derive(Debug)]
pub(super) struct Applications<'a>(Vec<Rc<Holding<'a>>>);

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
        let our_apps = ours.rules.iter().flat_map(|rule| &rule.apps).map(String::as_str).collect();
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
        let mut holding = Holding { any: name == "any", ..Holding::default() };
        let unfolded = unfold(&self.family, name);
        holding.unsure = unfolded.cut;
        for (leaf, object) in unfolded.leaves {
            match object {
                Some(object) if object.kind == Kind::ApplicationFilter => {
                    holding.filters.push(self.filter(object));
                }
                Some(object) if object.kind == Kind::ApplicationContainer => {
                    holding.unsure |= self.may_hold_ssl(leaf);
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

fn excludes(filter: &Element, name: &str) -> bool {
    filter.members_of("exclude").any(|member| member == name)
}

fn unless_excluded(filter: &Element, name: &str, candidate: &Candidate<'_>) -> Share {
    if excludes(filter, name) { None } else { chooses(filter, candidate) }
}

impl Filter<'_> {
    /// How much of these App-IDs of ours it chooses.
    pub(super) fn share(&self, apps: &BTreeSet<String>) -> Share {
        let excluded: BTreeSet<&str> =
            self.entry.members_of("exclude").filter(|name| apps.contains(*name)).collect();
        match excluded.len() {
            0 => self.ours,
            out if out == apps.len() => None,
            _ => self.ours.min(Some(Extent::Part)),
        }
    }
}

impl<'a> Applications<'a> {
    /// A rule of ours.
    pub(super) fn ours(apps: &'a BTreeSet<String>) -> Self {
        let names: BTreeSet<&str> = apps.iter().map(String::as_str).collect();
        let rides = Some(Extent::Whole);
        Self(vec![Rc::new(Holding { ours: names.clone(), names, rides, ..Holding::default() })])
    }

    /// How much of such sessions the rule holds.
    pub(super) fn share(&self, subject: Subject<'_>) -> Share {
        if self.0.iter().any(|holding| holding.any) {
            return Some(Extent::Whole);
        }
        let filters = || self.0.iter().flat_map(|holding| &holding.filters);
        let unsure = self.0.iter().any(|holding| holding.unsure).then_some(Extent::May);
        match subject {
            Subject::Ssl => {
                filters().map(|filter| filter.ssl).max().flatten().max(self.named("ssl")).max(unsure)
            }
            Subject::Ours(apps) => {
                filters().map(|filter| filter.share(apps)).max().flatten().max(self.named_of(apps))
            }
            Subject::Custom(app) => {
                let name = app.entry_name();
                let chosen =
                    filters().map(|filter| unless_excluded(filter.entry, name, &Candidate::Entry(app)));
                chosen.max().flatten().max(self.named(name))
            }
            Subject::OtherTcp => self.named("unknown-tcp"),
            Subject::Udp => {
                let both = [self.named("quic"), self.named("unknown-udp")];
                let named = super::extent::across(both);
                filters()
                    .map(|filter| filter.udp)
                    .max()
                    .flatten()
                    .min(Some(Extent::Part))
                    .max(named)
                    .max(unsure)
            }
        }
    }

    /// Whether it holds an application on top of `ssl`, so that an allow rule lets a TLS session begin:
    /// <https://docs.paloaltonetworks.com/ngfw/administration/app-id/applications-with-implicit-support>.
    pub(super) fn rides_on_ssl(&self) -> Share {
        self.0.iter().map(|holding| holding.rides).max().flatten()
    }

    /// The filters behind it.
    pub(super) fn filters(&self) -> impl Iterator<Item = &Filter<'a>> {
        self.0.iter().flat_map(|holding| &holding.filters)
    }

    fn named(&self, name: &str) -> Share {
        self.0.iter().any(|holding| holding.names.contains(name)).then_some(Extent::Whole)
    }

    fn named_of(&self, apps: &BTreeSet<String>) -> Share {
        let named: BTreeSet<&str> = self
            .0
            .iter()
            .flat_map(|holding| &holding.ours)
            .copied()
            .filter(|name| apps.contains(*name))
            .collect();
        match named.len() {
            0 => None,
            all if all == apps.len() => Some(Extent::Whole),
            _ => Some(Extent::Part),
        }
    }
}
