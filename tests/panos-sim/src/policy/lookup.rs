//! The rulebase in force: top-down, the first rule that matches decides, then the two default rules.
//!
//! <https://docs.paloaltonetworks.com/ngfw/help/12-1/policies/policies-security/building-blocks-in-a-security-policy-rule>

use super::{
    address::AddressSet,
    rule::{Action, Rule, RuleType},
    service::Service,
};
use crate::{
    quirks::Quirks,
    scope::Scope,
    tree::{Element, find},
    user_id::Registrations,
};
use std::net::IpAddr;

/// A session as the policy sees it, once its application is known.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Query<'a> {
    pub(crate) from: &'a str,
    pub(crate) to: &'a str,
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
    pub(crate) port: u16,
    /// `None` asks without an application: the application column is not looked at.
    pub(crate) app: Option<&'a str>,
}

/// The rules of one vsys, its own and those pushed to it, resolved from a running configuration.
#[derive(Debug, Clone)]
pub(crate) struct Policy {
    config: Element,
    quirks: Quirks,
    rules: Vec<Rule>,
    intrazone: Rule,
    interzone: Rule,
    registered: Registrations,
}

impl Policy {
    pub(crate) fn new(config: &Element, scope: &Scope, quirks: &Quirks) -> Self {
        let rulebases = in_force(config, scope);
        let entries = rulebases.iter().flat_map(|(scope, rulebase)| {
            let rules = rulebase.descend(&["security", "rules"]).into_iter().flat_map(Element::entries);
            rules.map(move |(_, entry)| (scope, entry))
        });
        let rules: Vec<_> = entries
            .enumerate()
            .map(|(i, (scope, entry))| Rule::resolve(config, scope, i + 1, entry, quirks))
            .collect();
        // The firewall's own override of a default rule goes before a pushed one.
        let own_first = || rulebases.iter().filter(|(at, _)| at == scope).chain(rulebases.iter());
        let default = |name: &str, action, offset| {
            let mut overrides =
                own_first().filter_map(|(_, r)| r.descend(&["default-security-rules", "rules"]));
            let entry = overrides.find_map(|rules| rules.entries().find(|(n, _)| *n == name));
            default_rule(name, entry.map(|(_, entry)| entry), action, rules.len() + offset)
        };
        Self {
            intrazone: default("intrazone-default", Action::Allow, 1),
            interzone: default("interzone-default", Action::Deny, 2),
            config: config.clone(),
            quirks: quirks.clone(),
            rules,
            registered: Registrations::default(),
        }
    }

    /// Looks dynamic groups up in this book from now on.
    pub(crate) fn follow(&mut self, registered: &Registrations) {
        self.registered = registered.clone();
    }

    /// The rule that decides a session of a known application.
    pub(crate) fn lookup(&self, query: Query<'_>) -> &Rule {
        let found =
            self.rules.iter().find(|rule| self.tuple_matches(rule, query) && self.app_matches(rule, query));
        found.unwrap_or_else(|| self.default_for(query))
    }

    /// The rule that decides a TLS session before its application is known: it is `ssl` for now, and a rule that
    /// allows an application riding on TLS lets the handshake pass.
    pub(crate) fn lookup_handshake(&self, query: Query<'_>) -> &Rule {
        let as_ssl = Query { app: Some("ssl"), ..query };
        let found = self.rules.iter().find(|rule| {
            let implied = rule.action == Action::Allow
                && rule.implies_ssl
                && self.tuple_matches(rule, query)
                && rule.applications.iter().any(|app| self.service_matches(rule, query.port, app));
            implied || (self.tuple_matches(rule, as_ssl) && self.app_matches(rule, as_ssl))
        });
        found.unwrap_or_else(|| self.default_for(query))
    }

    pub(crate) fn is_default(&self, rule: &Rule) -> bool {
        rule.index > self.rules.len()
    }

    fn default_for(&self, query: Query<'_>) -> &Rule {
        if query.from == query.to { &self.intrazone } else { &self.interzone }
    }

    fn tuple_matches(&self, rule: &Rule, query: Query<'_>) -> bool {
        let zone = |zones: &[String], zone: &str| zones.iter().any(|z| z == "any" || z == zone);
        let intrazone = query.from == query.to;
        !rule.disabled
            && match rule.rule_type {
                RuleType::Universal => zone(&rule.from, query.from) && zone(&rule.to, query.to),
                RuleType::Intrazone => intrazone && zone(&rule.from, query.from),
                RuleType::Interzone => !intrazone && zone(&rule.from, query.from) && zone(&rule.to, query.to),
            }
            && rule.source.contains(query.source, &self.registered) != rule.negate_source
            && rule.destination.contains(query.destination, &self.registered) != rule.negate_destination
    }

    fn app_matches(&self, rule: &Rule, query: Query<'_>) -> bool {
        match query.app {
            Some(app) => {
                rule.applications.iter().any(|a| a == "any" || a == app)
                    && self.service_matches(rule, query.port, app)
            }
            None => rule.applications.iter().any(|app| self.service_matches(rule, query.port, app)),
        }
    }

    fn service_matches(&self, rule: &Rule, port: u16, app: &str) -> bool {
        rule.services.iter().any(|s| s.contains(&self.config, &rule.scope, app, port, &self.quirks))
    }
}

/// The rulebases of a vsys in the order of their rules: pushed ones before and after its own
/// (<https://docs.paloaltonetworks.com/ngfw/help/12-2/panorama-web-interface/defining-policies-on-panorama>).
pub(super) fn in_force<'a>(config: &'a Element, scope: &Scope) -> Vec<(Scope, &'a Element)> {
    let pushed = || match scope {
        Scope::Vsys(name) => Some(Scope::Pushed(name.clone())),
        Scope::Shared | Scope::DeviceGroup(_) | Scope::Pushed(_) => None,
    };
    let order = [(pushed(), "pre-rulebase"), (Some(scope.clone()), "rulebase"), (pushed(), "post-rulebase")];
    let found = order.into_iter().filter_map(|(scope, name)| {
        let scope = scope?;
        let rulebase = find(config, &scope.base())?.child(name)?;
        Some((scope, rulebase))
    });
    found.collect()
}

fn default_rule(name: &str, over: Option<&Element>, action: Action, index: usize) -> Rule {
    let any = vec!["any".to_owned()];
    Rule {
        name: name.to_owned(),
        scope: Scope::Shared,
        index,
        from: any.clone(),
        to: any.clone(),
        source: AddressSet::Any,
        destination: AddressSet::Any,
        negate_source: false,
        negate_destination: false,
        applications: any,
        implies_ssl: false,
        services: vec![Service::Any],
        action: over.and_then(|o| o.text_of("action")).and_then(Action::parse).unwrap_or(action),
        rule_type: RuleType::Universal,
        disabled: false,
        entry: default_entry(name),
    }
}

fn default_entry(name: &str) -> Element {
    let lists = ["from", "to", "source", "destination", "source-user", "category", "application", "service"];
    Element::entry(name).with_all(lists.map(|list| Element::new(list).with(Element::leaf("member", "any"))))
}
