//! One rule with everything resolved that it names, and which sessions it takes.

use std::collections::BTreeSet;

use super::{
    address::Side,
    application::{Applications, Subject},
    extent::{Extent, Share},
    layers::Layer,
    ours::What,
    service::{Protocol, Services},
    zones::Zones,
};
use crate::xml::Element;

/// Lists of a rule that are looked at by themselves, or choose no sessions.
const UNDERSTOOD: [&str; 12] = [
    "from",
    "to",
    "source",
    "destination",
    "application",
    "service",
    "tag",
    "group-tag",
    "profile-setting",
    "log-setting",
    "option",
    "qos",
];

/// A rule in force.
#[derive(Debug)]
pub(super) struct Rule<'a> {
    pub(super) name: &'a str,
    pub(super) layer: &'a Layer,
    pub(super) what: What,
    /// The place of the rule among ours, if it is one.
    pub(super) ours: Option<usize>,
    /// As it is written; one of ours need not be yet.
    pub(super) entry: Option<&'a Element>,
    pub(super) zones: Zones<'a>,
    pub(super) source: Side<'a>,
    pub(super) destination: Side<'a>,
    pub(super) services: Services,
    pub(super) applications: Applications<'a>,
    /// Conditions that only the firewall can judge.
    pub(super) conditions: Vec<&'a str>,
}

/// Where sessions go.
#[derive(Debug)]
pub(super) struct Ground<'a> {
    pub(super) source: Side<'a>,
    pub(super) destination: Side<'a>,
    pub(super) ports: &'a BTreeSet<u16>,
}

/// How much of each field of a rule's sessions is met.
#[derive(Clone, Copy, Debug)]
pub(super) struct Match {
    pub(super) fields: [(&'static str, Extent); 5],
    pub(super) conditional: bool,
}

/// How much of where sessions go is met.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fit {
    zones: Extent,
    source: Extent,
    destination: Extent,
}

impl Match {
    pub(super) fn extent(&self) -> Extent {
        let fields = self.fields.iter().map(|(_, extent)| *extent).min().unwrap_or(Extent::May);
        if self.conditional { Extent::May } else { fields }
    }
}

/// The conditions of a rule that only the firewall can judge: times, users, URL categories, devices.
pub(super) fn conditions(entry: &Element) -> Vec<&str> {
    let lists = entry.children.iter().filter(|child| !UNDERSTOOD.contains(&child.name.as_str()));
    let choosing = lists.filter(|child| match child.name.as_str() {
        "schedule" => !child.text.is_empty(),
        "target" => child.walk().any(|node| matches!(node.name.as_str(), "entry" | "member")),
        _ => {
            let mut members = child.children.iter().filter(|node| node.name == "member").peekable();
            members.peek().is_some() && members.all(|member| member.text != "any")
        }
    });
    choosing.map(|child| child.name.as_str()).collect()
}

impl Rule<'_> {
    /// How much of these zones and addresses the rule is about; nothing if they have none in common.
    pub(super) fn fit(&self, from: &[&str], to: &[&str], ground: &Ground<'_>) -> Option<Fit> {
        Some(Fit {
            zones: self.zones.share(from, to)?,
            source: self.source.share(&ground.source)?,
            destination: self.destination.share(&ground.destination)?,
        })
    }

    /// How much of the sessions there that are identified so the rule takes.
    pub(super) fn takes(&self, fit: Fit, subject: Subject<'_>, ports: &BTreeSet<u16>) -> Option<Match> {
        let application = self.applications.share(subject)?;
        let service = match subject {
            Subject::Udp => self.services.share(Protocol::Udp, ports, |_| Some(Extent::May)),
            Subject::Ssl => self.services.share(Protocol::Tcp, ports, ssl_default),
            Subject::Ours(_) | Subject::Custom(_) | Subject::OtherTcp => self.on_tcp(ports),
        };
        Some(Match {
            fields: [
                ("zones", fit.zones),
                ("source", fit.source),
                ("destination", fit.destination),
                ("application", application),
                ("service", service?),
            ],
            conditional: !self.conditions.is_empty(),
        })
    }

    /// How much of the TLS sessions there an allow rule lets begin, as `ssl` or for what rides on it.
    pub(super) fn lets_begin(&self, fit: Fit, ports: &BTreeSet<u16>) -> Share {
        let implied = self.applications.rides_on_ssl().min(self.on_tcp(ports));
        let where_ = fit.zones.min(fit.source).min(fit.destination);
        let implied = implied.min(Some(if self.conditions.is_empty() { where_ } else { Extent::May }));
        let named = self.takes(fit, Subject::Ssl, ports).map(|found| found.extent());
        match self.what {
            What::Allow => named.max(implied),
            What::Deny => None,
        }
    }

    /// Whether `application-default` holds for an App-ID that names no ports of its own, is not documented.
    fn on_tcp(&self, ports: &BTreeSet<u16>) -> Share {
        self.services.share(Protocol::Tcp, ports, |_| Some(Extent::May))
    }
}

/// The standard port of `ssl` (<https://applipedia.paloaltonetworks.com>).
fn ssl_default(port: u16) -> Share {
    (port == 443).then_some(Extent::Whole)
}
