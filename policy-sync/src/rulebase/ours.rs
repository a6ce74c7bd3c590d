//! Our rules, as far as others meet them: where they stand, which sessions they are about, what they carry.

use std::collections::BTreeSet;

use super::layers::Layer;
use crate::{
    desired::{Desired, Terms},
    elements::ATTRIBUTES,
    operation::Place,
};

/// What a rule does with a session. Every action but `allow` ends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// Lets it pass.
    Allow,
    /// Ends it.
    Deny,
}

impl What {
    /// The action in the device's words.
    #[must_use]
    pub fn of(action: &str) -> Self {
        if action == "allow" { Self::Allow } else { Self::Deny }
    }

    /// As it stands behind a rule's name.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Allow => "allows",
            Self::Deny => "denies",
        }
    }
}

/// The sessions that a rule of ours is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reach {
    /// Source zones.
    pub from: Vec<String>,
    /// Destination zones.
    pub to: Vec<String>,
    /// Source addresses: `any`, networks, ranges, names of objects.
    pub source: Vec<String>,
    /// Destination addresses, alike.
    pub destination: Vec<String>,
    /// TCP ports.
    pub ports: BTreeSet<u16>,
}

/// One rule of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OurRule {
    /// Its name.
    pub name: String,
    /// What it does.
    pub what: What,
    /// The sessions that it is about.
    pub reach: Reach,
    /// The App-IDs that it carries.
    pub apps: BTreeSet<String>,
}

/// All that is ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ours {
    /// Our rules.
    pub rules: Vec<OurRule>,
    /// What our App-IDs say about themselves: field and value.
    pub attributes: Vec<(String, String)>,
    /// The layer that our rules are in.
    pub layer: Layer,
    /// Where in that layer a rule goes that is not there yet.
    pub place: Place,
    /// What our rules may be about at most: the default is asked for this while there are none.
    pub bounds: Option<Reach>,
}

impl Ours {
    /// What is wanted of one firewall. A rule whose policy says nothing today is left out.
    #[must_use]
    pub fn of(desired: &Desired, layer: Layer, place: Place, bounds: Option<Reach>) -> Self {
        let rules = desired.rules().iter().filter_map(|(name, rule)| {
            let terms = rule.terms.as_ref()?;
            Some(OurRule {
                name: name.clone(),
                what: What::of(terms.action),
                reach: Reach::of(terms),
                apps: rule.apps.clone(),
            })
        });
        let attributes = ATTRIBUTES.map(|(field, value)| (field.to_owned(), value.to_owned())).to_vec();
        Self { rules: rules.collect(), attributes, layer, place, bounds }
    }
}

impl Reach {
    fn of(terms: &Terms) -> Self {
        Self {
            from: terms.from.clone(),
            to: terms.to.clone(),
            source: terms.source.clone(),
            destination: terms.destination.clone(),
            ports: terms.ports.clone(),
        }
    }
}
