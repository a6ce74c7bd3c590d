//! Which applications a rule holds: any, names, groups, filters, containers.

use std::{collections::BTreeSet, rc::Rc};

use compact_str::CompactString;

use super::{
    candidate::{Candidate, chooses},
    extent::{Extent, Share, across},
};
use crate::xml::Element;

/// What a session is identified as.
#[derive(Clone, Copy, Debug)]
pub(super) enum Subject<'a> {
    /// `ssl`: a ClientHello that no App-ID knows, or not yet.
    Ssl,
    /// One of these App-IDs of ours.
    Ours(&'a BTreeSet<CompactString>),
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
    /// Every application.
    pub(super) any: bool,
    /// Those that it names, by themselves or in groups.
    pub(super) names: BTreeSet<&'a str>,
    /// Those of them that are ours.
    pub(super) ours: BTreeSet<&'a str>,
    /// The filters in it.
    pub(super) filters: Vec<Filter<'a>>,
    /// A container that may hold the vendor's `ssl` or `quic`.
    pub(super) container: bool,
    /// It has more members than we look at.
    pub(super) cut: bool,
    /// A custom App-ID on top of `ssl` is in it.
    pub(super) rides: Share,
}

/// A filter, and what it chooses.
#[derive(Clone, Copy, Debug)]
pub(super) struct Filter<'a> {
    pub(super) entry: &'a Element,
    pub(super) scope: &'a str,
    /// Ours, apart from those that it excludes by name.
    pub(super) ours: Share,
    /// `ssl`.
    pub(super) ssl: Share,
    /// `quic`.
    pub(super) udp: Share,
    /// A custom App-ID on top of `ssl`.
    pub(super) rides: Share,
}

/// The applications of a rule.
#[derive(Debug)]
pub(super) struct Applications<'a>(pub(super) Vec<Rc<Holding<'a>>>);

fn excludes(filter: &Element, name: &str) -> bool {
    filter.members_of("exclude").any(|member| member == name)
}

/// Whether a filter chooses the App-ID called so.
pub(super) fn unless_excluded(filter: &Element, name: &str, candidate: &Candidate<'_>) -> Share {
    if excludes(filter, name) { None } else { chooses(filter, candidate) }
}

impl Filter<'_> {
    /// How much of these App-IDs of ours it chooses.
    pub(super) fn share(&self, apps: &BTreeSet<CompactString>) -> Share {
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
    pub(super) fn ours(apps: &'a BTreeSet<CompactString>) -> Self {
        let names: BTreeSet<&str> = apps.iter().map(CompactString::as_str).collect();
        let rides = Some(Extent::Whole);
        Self(vec![Rc::new(Holding { ours: names.clone(), names, rides, ..Holding::default() })])
    }

    /// How much of such sessions the rule holds.
    pub(super) fn share(&self, subject: Subject<'_>) -> Share {
        if self.0.iter().any(|holding| holding.any) {
            return Some(Extent::Whole);
        }
        let perhaps = |holds: fn(&Holding<'_>) -> bool| {
            self.0.iter().any(|holding| holds(holding)).then_some(Extent::May)
        };
        let chosen = |share: &dyn Fn(&Filter<'_>) -> Share| self.filters().map(share).max().flatten();
        let container = || perhaps(|holding| holding.container);
        let known = match subject {
            Subject::Ssl => chosen(&|filter| filter.ssl).max(self.named("ssl")).max(container()),
            Subject::Ours(apps) => chosen(&|filter| filter.share(apps)).max(self.named_of(apps)),
            Subject::Custom(app) => {
                let (name, candidate) = (app.entry_name(), Candidate::Entry(app));
                chosen(&|filter| unless_excluded(filter.entry, name, &candidate)).max(self.named(name))
            }
            Subject::OtherTcp => self.named("unknown-tcp"),
            Subject::Udp => {
                let named = across([self.named("quic"), self.named("unknown-udp")]);
                chosen(&|filter| filter.udp).min(Some(Extent::Part)).max(named).max(container())
            }
        };
        known.max(perhaps(|holding| holding.cut))
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

    fn named_of(&self, apps: &BTreeSet<CompactString>) -> Share {
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
