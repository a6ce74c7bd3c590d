//! One security rule, resolved against the objects that it names.
//!
//! Members: `PaloAltoNetworks/pan-os-codegen:specs/policies/security-policy-rule.yaml`.

use super::{address::AddressSet, apps, service::Service};
use crate::{quirks::Quirks, scope::Scope, tree::Element};

/// What a rule does with a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Action {
    Allow,
    Deny,
    Drop,
    ResetClient,
    ResetServer,
    ResetBoth,
}

/// `rule-type`: which pairs of zones a rule is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RuleType {
    Universal,
    Intrazone,
    Interzone,
}

/// A rule in force.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub(crate) name: String,
    /// Where it stands, and from where the names in it are looked up.
    pub(crate) scope: Scope,
    /// 1-based place in the rulebase.
    pub(crate) index: usize,
    pub(crate) from: Vec<String>,
    pub(crate) to: Vec<String>,
    pub(crate) source: AddressSet,
    pub(crate) destination: AddressSet,
    pub(crate) negate_source: bool,
    pub(crate) negate_destination: bool,
    /// Groups and filters unfolded.
    pub(crate) applications: Vec<String>,
    /// Among the applications is a custom one that rides on TLS.
    pub(crate) implies_ssl: bool,
    pub(crate) services: Vec<Service>,
    pub(crate) action: Action,
    pub(crate) rule_type: RuleType,
    pub(crate) disabled: bool,
    /// The entry as configured, for replies that show it.
    pub(crate) entry: Element,
}

impl Action {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "allow" => Action::Allow,
            "deny" => Action::Deny,
            "drop" => Action::Drop,
            "reset-client" => Action::ResetClient,
            "reset-server" => Action::ResetServer,
            "reset-both" => Action::ResetBoth,
            _ => return None,
        })
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Action::Allow => "allow",
            Action::Deny => "deny",
            Action::Drop => "drop",
            Action::ResetClient => "reset-client",
            Action::ResetServer => "reset-server",
            Action::ResetBoth => "reset-both",
        }
    }
}

impl Rule {
    pub(crate) fn resolve(
        config: &Element,
        scope: &Scope,
        index: usize,
        entry: &Element,
        quirks: &Quirks,
    ) -> Self {
        let texts = |list: &str| entry.members_of(list).map(str::to_owned).collect::<Vec<_>>();
        let yes = |flag: &str| entry.text_of(flag) == Some("yes");
        let applications = apps::unfold(config, scope, entry.members_of("application"), quirks);
        Self {
            name: entry.attr("name").unwrap_or_default().to_owned(),
            scope: scope.clone(),
            index,
            from: texts("from"),
            to: texts("to"),
            source: AddressSet::resolve(config, scope, entry.members_of("source")),
            destination: AddressSet::resolve(config, scope, entry.members_of("destination")),
            negate_source: yes("negate-source"),
            negate_destination: yes("negate-destination"),
            implies_ssl: applications.iter().any(|app| apps::rides_on_ssl(config, scope, app)),
            applications,
            services: entry.members_of("service").map(|name| Service::resolve(config, scope, name)).collect(),
            action: entry.text_of("action").and_then(Action::parse).unwrap_or(Action::Deny),
            rule_type: match entry.text_of("rule-type") {
                Some("intrazone") => RuleType::Intrazone,
                Some("interzone") => RuleType::Interzone,
                Some(_) | None => RuleType::Universal,
            },
            disabled: yes("disabled"),
            entry: entry.clone(),
        }
    }
}
