//! Our rules, as far as others meet them: where they stand, which sessions they are about, what they carry.

use std::collections::BTreeSet;

use compact_str::CompactString;
use sallyport_contract::object::Bounds;

use super::layers::Layer;
use crate::{
    desired::{Desired, Rule},
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
    pub apps: BTreeSet<CompactString>,
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
    pub fn of(desired: &Desired, bounds: &Bounds, layer: Layer, place: Place) -> Self {
        let rules = desired.rules().iter().filter_map(|(name, rule)| OurRule::of(name, rule));
        let attributes = ATTRIBUTES.map(|(field, value)| (field.to_owned(), value.to_owned())).to_vec();
        Self { rules: rules.collect(), attributes, layer, place, bounds: Some(Reach::within(bounds)) }
    }
}

impl OurRule {
    /// A rule as it is wanted; nothing if its policy says nothing today.
    #[must_use]
    pub fn of(name: &str, rule: &Rule) -> Option<Self> {
        let terms = rule.terms.as_ref()?;
        let reach = Reach {
            from: terms.from.clone(),
            to: terms.to.clone(),
            source: terms.source.clone(),
            destination: terms.destination.clone(),
            ports: terms.ports.clone(),
        };
        Some(Self { name: name.to_owned(), what: What::of(terms.action), reach, apps: rule.apps.clone() })
    }
}

impl Reach {
    /// The most that the bounds allow.
    #[must_use]
    pub fn within(bounds: &Bounds) -> Self {
        Self {
            from: bounds.zones.clone(),
            to: bounds.zones.clone(),
            source: bounds.sources.clone(),
            destination: bounds.destinations.clone(),
            ports: bounds.ports.iter().copied().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        actual::{Configuration, by_name, entries, in_order},
        desired::Terms,
        elements,
        rulebase::{Findings, Rulebase, judge},
        xml::{Element, parse},
    };

    fn wanted() -> Rule {
        let texts = |text: &str| vec![text.to_owned()];
        let terms = Terms {
            from: texts("trust"),
            to: texts("dmz"),
            source: texts("any"),
            destination: texts("10.20.0.0/16"),
            ports: [443].into(),
            action: "allow",
            log_setting: None,
            profile_group: None,
            description: String::new(),
        };
        Rule { terms: Some(terms), apps: ["sp-web".into()].into() }
    }

    /// Our rule as it is written, behind and in front of others on a standalone firewall.
    fn judged(above: &str, below: &str) -> Findings {
        let rule = wanted();
        let written = elements::rule("c1", "sp-shop-allow", &rule, rule.terms.as_ref().unwrap());
        let rules = |text: &str| in_order(entries(parse(&format!("<rules>{text}</rules>")).unwrap()));
        let services = Element::new("service").with(elements::service("c1", 443));
        let configuration = Configuration {
            services: by_name(entries(services)),
            rules: [rules(above), vec![written], rules(below)].concat(),
            ..Configuration::default()
        };
        let ours = Ours {
            rules: OurRule::of("sp-shop-allow", &rule).into_iter().collect(),
            attributes: Vec::new(),
            layer: Layer::Local,
            place: Place::Top,
            bounds: None,
        };
        judge(&Rulebase::standalone("vsys1", &configuration), &ours)
    }

    #[test]
    fn our_rule_is_known_where_it_stands() {
        let block = "<entry name='block'><application><member>ssl</member></application><action>deny</action></entry>";
        assert_eq!(judged(block, "").shadows.len(), 1);
        assert_eq!(judged("", block).shadows.len(), 0);
        assert_eq!(judged("", "").answers.len(), 4);
        assert_eq!(OurRule::of("sp-shop-allow", &Rule { terms: None, ..wanted() }), None);
    }
}
