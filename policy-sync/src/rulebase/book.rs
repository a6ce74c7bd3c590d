//! The rules in force in the order of the lookup, resolved, with ours at their places.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    address::Addresses,
    application::{Applications, Filter},
    catalogue::Catalogue,
    layers::{Kind, Layer, Rulebase},
    objects::family,
    ours::{OurRule, Ours, Reach, What},
    rule::{Ground, Rule, conditions},
    service::{self, Services},
    zones::Zones,
};
use crate::{operation::Place, xml::Element};

/// Everything that the judgements look at.
#[derive(Debug)]
pub(super) struct Book<'a> {
    pub(super) ours: &'a Ours,
    /// Enabled rules, in order; the last two are the default rules.
    pub(super) rules: Vec<Rule<'a>>,
    /// The filters in force.
    pub(super) filters: Vec<Filter<'a>>,
    /// App-IDs of others for sessions without an SNI.
    pub(super) without_sni: Vec<&'a Element>,
    /// The different places that our rules are about, each with the rules that are about it.
    pub(super) grounds: Vec<(&'a Reach, Ground<'a>, Vec<usize>)>,
}

/// The context that tells whether a ClientHello has no SNI:
/// <https://docs.paloaltonetworks.com/advanced-threat-prevention/custom-signatures-reference/custom-signature-contexts/integer-contexts/ssl-req-client-hello-missing-sni>.
const WITHOUT_SNI: &str = "ssl-req-client-hello-missing-sni";

struct Resolver<'a> {
    addresses: Addresses<'a>,
    services: service::Catalogue<'a>,
    applications: Catalogue<'a>,
}

impl<'a> Book<'a> {
    pub(super) fn new(rulebase: &'a Rulebase, defaults: &'a [Element], ours: &'a Ours) -> Self {
        let scopes = &rulebase.scopes;
        let mut resolver = Resolver {
            addresses: Addresses::new(family(scopes, &[Kind::Address, Kind::AddressGroup])),
            services: service::Catalogue::new(family(scopes, &[Kind::Service, Kind::ServiceGroup])),
            applications: Catalogue::new(
                family(
                    scopes,
                    &[
                        Kind::Application,
                        Kind::ApplicationGroup,
                        Kind::ApplicationFilter,
                        Kind::ApplicationContainer,
                    ],
                ),
                ours,
            ),
        };
        let rules = in_order(rulebase, defaults, ours, &mut resolver);
        let mut without_sni: Vec<_> = resolver.applications.customs().collect();
        without_sni.retain(|app| app.walk().any(|node| node.text_of("context") == Some(WITHOUT_SNI)));
        let mut places: BTreeMap<&Reach, Vec<usize>> = BTreeMap::new();
        for (index, rule) in ours.rules.iter().enumerate() {
            places.entry(&rule.reach).or_default().push(index);
        }
        if let Some(bounds) = ours.bounds.as_ref().filter(|_| places.is_empty()) {
            places.insert(bounds, Vec::new());
        }
        let grounds = places.into_iter().map(|(reach, rules)| (reach, resolver.ground(reach), rules));
        Self {
            ours,
            grounds: grounds.collect(),
            rules,
            filters: resolver.applications.filters().collect(),
            without_sni,
        }
    }
}

/// All enabled rules. A rule of ours that is not there yet stands where it will be put.
fn in_order<'a>(
    rulebase: &'a Rulebase,
    defaults: &'a [Element],
    ours: &'a Ours,
    resolver: &mut Resolver<'a>,
) -> Vec<Rule<'a>> {
    let mut missing: BTreeMap<&str, usize> =
        ours.rules.iter().enumerate().map(|(index, rule)| (rule.name.as_str(), index)).collect();
    let mut rules = Vec::new();
    let mut slot = None;
    for (layer, entries) in &rulebase.rules {
        let (first, home) = (rules.len(), *layer == ours.layer);
        for entry in entries {
            let index = home.then(|| missing.remove(entry.entry_name())).flatten();
            let before = rules.len();
            match index.and_then(|index| Some((index, ours.rules.get(index)?))) {
                Some((index, rule)) => rules.push(resolver.our_rule(ours, index, rule)),
                None if entry.text_of("disabled") == Some("yes") => {}
                None => rules.push(resolver.rule(entry, layer)),
            }
            match &ours.place {
                Place::Before(anchor) if home && anchor == entry.entry_name() => slot = Some(before),
                Place::After(anchor) if home && anchor == entry.entry_name() => slot = Some(rules.len()),
                Place::Before(_) | Place::After(_) | Place::Top | Place::Bottom => {}
            }
        }
        if home && slot.is_none() {
            slot = Some(if ours.place == Place::Top { first } else { rules.len() });
        }
    }
    let behind = |rule: &Rule<'_>| rule.layer.rank() <= ours.layer.rank();
    let slot = slot.unwrap_or_else(|| rules.partition_point(behind)).min(rules.len());
    let rest = rules.split_off(slot);
    for index in missing.into_values() {
        rules.extend(ours.rules.get(index).map(|rule| resolver.our_rule(ours, index, rule)));
    }
    rules.extend(rest);
    rules.extend(defaults.iter().map(|entry| resolver.rule(entry, &Layer::Default)));
    rules
}

impl<'a> Resolver<'a> {
    fn rule(&mut self, entry: &'a Element, layer: &'a Layer) -> Rule<'a> {
        Rule {
            name: entry.entry_name(),
            layer,
            what: What::of(entry.text_of("action").unwrap_or_default()),
            ours: None,
            entry: Some(entry),
            zones: Zones::of(entry),
            source: self.addresses.side(entry, "source", "negate-source"),
            destination: self.addresses.side(entry, "destination", "negate-destination"),
            services: self.services.services(entry),
            applications: self.applications.applications(entry),
            conditions: conditions(entry),
        }
    }

    fn our_rule(&mut self, ours: &'a Ours, index: usize, rule: &'a OurRule) -> Rule<'a> {
        let ground = self.ground(&rule.reach);
        Rule {
            name: &rule.name,
            layer: &ours.layer,
            what: rule.what,
            ours: Some(index),
            entry: None,
            zones: Zones::plain(&rule.reach.from, &rule.reach.to),
            source: ground.source,
            destination: ground.destination,
            services: Services::tcp(&rule.reach.ports),
            applications: Applications::ours(&rule.apps),
            conditions: Vec::new(),
        }
    }

    fn ground(&mut self, reach: &'a Reach) -> Ground<'a> {
        Ground {
            source: self.addresses.plain(reach.source.iter().map(String::as_str)),
            destination: self.addresses.plain(reach.destination.iter().map(String::as_str)),
            ports: &reach.ports,
        }
    }
}

/// Texts as the zones take them.
pub(super) fn texts(list: &[String]) -> Vec<&str> {
    list.iter().map(String::as_str).collect::<BTreeSet<_>>().into_iter().collect()
}
