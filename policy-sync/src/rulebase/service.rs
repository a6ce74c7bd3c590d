//! Which ports a rule is about: any, the application's own, service objects and groups.
//!
//! Forms of a service object: `PaloAltoNetworks/pan-os-codegen:specs/objects/service.yaml`.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::RangeInclusive,
    rc::Rc,
};

use super::{
    extent::{Extent, Share, across},
    layers::Kind,
    objects::{Family, Object, unfold},
};
use crate::xml::Element;

/// The protocol under a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Tcp,
    Udp,
}

/// What one service of a rule stands for.
#[derive(Debug)]
enum Service {
    /// Any port of any protocol.
    Any,
    /// The ports that the application is known for.
    ApplicationDefault,
    /// Ports; a source port beside them leaves a part of the sessions.
    Ports(Protocol, RangeInclusive<u16>, Extent),
    /// We cannot tell.
    Unknown,
}

/// The services of a rule.
#[derive(Debug)]
pub(super) struct Services(Vec<Rc<Vec<Service>>>);

/// Resolves names, each once.
#[derive(Debug)]
pub(super) struct Catalogue<'a> {
    family: Family<'a>,
    known: BTreeMap<&'a str, Rc<Vec<Service>>>,
}

impl<'a> Catalogue<'a> {
    pub(super) const fn new(family: Family<'a>) -> Self {
        Self { family, known: BTreeMap::new() }
    }

    /// The services of a rule. A list that is not there is no condition.
    pub(super) fn services(&mut self, entry: &'a Element) -> Services {
        let mut lists: Vec<_> = entry.members_of("service").map(|name| self.service(name)).collect();
        if lists.is_empty() {
            lists.push(self.service("any"));
        }
        Services(lists)
    }

    fn service(&mut self, name: &'a str) -> Rc<Vec<Service>> {
        let family = &self.family;
        Rc::clone(self.known.entry(name).or_insert_with(|| Rc::new(resolve(family, name))))
    }
}

fn resolve(family: &Family<'_>, name: &str) -> Vec<Service> {
    let unfolded = unfold(family, name);
    let mut services: Vec<Service> =
        unfolded.leaves.into_iter().flat_map(|(leaf, object)| one(leaf, object)).collect();
    if unfolded.cut {
        services.push(Service::Unknown);
    }
    services
}

fn one(name: &str, object: Option<Object<'_>>) -> Vec<Service> {
    let tcp = |ports: &[RangeInclusive<u16>]| -> Vec<Service> {
        let whole = |ports: &RangeInclusive<u16>| Service::Ports(Protocol::Tcp, ports.clone(), Extent::Whole);
        ports.iter().map(whole).collect()
    };
    match (name, object) {
        ("any", None) => vec![Service::Any],
        ("application-default", None) => vec![Service::ApplicationDefault],
        // Predefined on every device.
        ("service-http", None) => tcp(&[80..=80, 8080..=8080]),
        ("service-https", None) => tcp(&[443..=443]),
        (_, Some(Object { kind: Kind::Service, entry, .. })) => ports(entry),
        (_, Some(_) | None) => vec![Service::Unknown],
    }
}

/// `443`, `8000-8010`, `80,443`, for each protocol that the object is about.
fn ports(entry: &Element) -> Vec<Service> {
    let protocols = entry.child("protocol").into_iter().flat_map(|protocol| &protocol.children);
    let services = protocols.flat_map(|node| {
        let protocol = match node.name.as_str() {
            "tcp" => Protocol::Tcp,
            "udp" => Protocol::Udp,
            _ => return Vec::new(),
        };
        let sources = node.text_of("source-port").is_some_and(|ports| !ports.is_empty());
        let extent = if sources { Extent::Part } else { Extent::Whole };
        let parts = node.text_of("port").unwrap_or_default().split(',');
        parts
            .map(|part| span(part).map_or(Service::Unknown, |span| Service::Ports(protocol, span, extent)))
            .collect()
    });
    services.collect()
}

fn span(text: &str) -> Option<RangeInclusive<u16>> {
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    Some(low.trim().parse().ok()?..=high.trim().parse().ok()?)
}

impl Services {
    /// The TCP ports of a rule of ours.
    pub(super) fn tcp(ports: &BTreeSet<u16>) -> Self {
        let one = |port: &u16| Service::Ports(Protocol::Tcp, *port..=*port, Extent::Whole);
        Self(vec![Rc::new(ports.iter().map(one).collect())])
    }

    /// How much of these ports they take. `default`: how much the application's own ports take of a port.
    pub(super) fn share(
        &self,
        protocol: Protocol,
        ports: &BTreeSet<u16>,
        default: impl Fn(u16) -> Share,
    ) -> Share {
        across(ports.iter().map(|port| {
            let services = self.0.iter().flat_map(|list| list.iter());
            let shares = services.map(|service| match service {
                Service::Any => Some(Extent::Whole),
                Service::ApplicationDefault => default(*port),
                Service::Ports(theirs, span, extent) => {
                    (*theirs == protocol && span.contains(port)).then_some(*extent)
                }
                Service::Unknown => Some(Extent::May),
            });
            shares.max().flatten()
        }))
    }
}
