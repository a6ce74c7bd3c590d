//! Which pairs of zones a rule is about.

use super::extent::{Extent, Share, across, rest};
use crate::xml::Element;

/// The zones of a rule.
#[derive(Clone, Debug)]
pub(super) struct Zones<'a> {
    from: Vec<&'a str>,
    to: Vec<&'a str>,
    kind: Kind,
}

/// `rule-type`:
/// <https://docs.paloaltonetworks.com/ngfw/help/12-1/policies/policies-security/building-blocks-in-a-security-policy-rule>.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Universal,
    Intrazone,
    Interzone,
}

impl<'a> Zones<'a> {
    pub(super) fn of(entry: &'a Element) -> Self {
        Self {
            from: entry.members_of("from").collect(),
            to: entry.members_of("to").collect(),
            kind: match entry.text_of("rule-type") {
                Some("intrazone") => Kind::Intrazone,
                Some("interzone") => Kind::Interzone,
                Some(_) | None => Kind::Universal,
            },
        }
    }

    pub(super) fn plain(from: &'a [String], to: &'a [String]) -> Self {
        let texts = |zones: &'a [String]| zones.iter().map(String::as_str).collect();
        Self { from: texts(from), to: texts(to), kind: Kind::Universal }
    }

    /// How much of the pairs between these zones it is about.
    pub(super) fn share(&self, from: &[&str], to: &[&str]) -> Share {
        across(from.iter().flat_map(|from| to.iter().map(|to| self.pair(from, to))))
    }

    fn pair(&self, from: &str, to: &str) -> Share {
        let inside = match from == to {
            _ if from == "any" || to == "any" => Some(Extent::Part),
            true => Some(Extent::Whole),
            false => None,
        };
        match self.kind {
            Kind::Universal => one(&self.from, from).min(one(&self.to, to)),
            Kind::Intrazone => one(&self.from, from).min(inside),
            Kind::Interzone => one(&self.from, from).min(one(&self.to, to)).min(rest(inside)),
        }
    }
}

/// A list that is not there is no condition.
fn one(zones: &[&str], zone: &str) -> Share {
    if zones.is_empty() || zones.contains(&"any") || zones.contains(&zone) {
        Some(Extent::Whole)
    } else if zone == "any" {
        Some(Extent::Part)
    } else {
        None
    }
}
