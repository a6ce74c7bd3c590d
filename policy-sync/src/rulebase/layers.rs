//! What a device holds, as it is judged: rules by layer in the order of evaluation, objects by scope.

use std::{collections::BTreeMap, fmt, sync::Arc};

use crate::{actual::Configuration, xml::Element};

/// Where a rule stands, in the order in which the device looks:
/// <https://docs.paloaltonetworks.com/panorama/9-1/panorama-admin/panorama-overview/centralized-firewall-configuration-and-update-management/device-groups/device-group-policies>.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Layer {
    /// Panorama's pre-rules for every firewall.
    SharedPre,
    /// The pre-rules of a device group.
    GroupPre(String),
    /// The firewall's own rules.
    Local,
    /// The post-rules of a device group.
    GroupPost(String),
    /// Panorama's post-rules for every firewall.
    SharedPost,
    /// The two rules that every device ends with.
    Default,
}

impl Layer {
    pub(super) const fn rank(&self) -> u8 {
        match self {
            Self::SharedPre => 0,
            Self::GroupPre(_) => 1,
            Self::Local => 2,
            Self::GroupPost(_) => 3,
            Self::SharedPost => 4,
            Self::Default => 5,
        }
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SharedPre => f.write_str("shared pre-rules"),
            Self::GroupPre(group) => write!(f, "pre-rules of device group {group}"),
            Self::Local => f.write_str("local rules"),
            Self::GroupPost(group) => write!(f, "post-rules of device group {group}"),
            Self::SharedPost => f.write_str("shared post-rules"),
            Self::Default => f.write_str("default rules"),
        }
    }
}

/// A kind of object that rules name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Address objects.
    Address,
    /// Address groups, static and dynamic.
    AddressGroup,
    /// Service objects.
    Service,
    /// Service groups.
    ServiceGroup,
    /// App-IDs: custom ones, and from a scope of predefined objects the vendor's.
    Application,
    /// Application groups.
    ApplicationGroup,
    /// Application filters.
    ApplicationFilter,
    /// Predefined containers. An entry is a name alone: which App-IDs it holds, they say. A name that no scope
    /// has is taken for a predefined App-ID, which is neither `ssl` nor ours.
    ApplicationContainer,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::Address,
        Self::AddressGroup,
        Self::Service,
        Self::ServiceGroup,
        Self::Application,
        Self::ApplicationGroup,
        Self::ApplicationFilter,
        Self::ApplicationContainer,
    ];

    /// The node under a scope that holds the entries.
    #[must_use]
    pub const fn node(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::AddressGroup => "address-group",
            Self::Service => "service",
            Self::ServiceGroup => "service-group",
            Self::Application => "application",
            Self::ApplicationGroup => "application-group",
            Self::ApplicationFilter => "application-filter",
            Self::ApplicationContainer => "application-container",
        }
    }
}

/// The objects of one scope: a vsys, a device group, `shared`, or the device's predefined ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    pub(super) name: String,
    pub(super) objects: BTreeMap<Kind, Vec<Arc<Element>>>,
}

impl Scope {
    /// A scope without objects.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), objects: BTreeMap::new() }
    }

    /// A scope as its node was read, with all lists in it.
    #[must_use]
    pub fn of(name: &str, node: &Element) -> Self {
        Kind::ALL.into_iter().fold(Self::new(name), |scope, kind| {
            let list = node.child(kind.node()).into_iter().flat_map(Element::entries);
            scope.with(kind, list.cloned())
        })
    }

    /// The same scope with more entries of one kind.
    #[must_use]
    pub fn with(mut self, kind: Kind, entries: impl IntoIterator<Item = impl Into<Arc<Element>>>) -> Self {
        self.objects.entry(kind).or_default().extend(entries.into_iter().map(Into::into));
        self
    }
}

/// The rules in force and all that they name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rulebase {
    pub(super) rules: Vec<(Layer, Vec<Element>)>,
    pub(super) overrides: Vec<Element>,
    pub(super) scopes: Vec<Scope>,
}

impl Rulebase {
    /// A standalone firewall's, as far as a [`Configuration`] holds it.
    #[must_use]
    pub fn standalone(vsys: &str, configuration: &Configuration) -> Self {
        let own = Scope::new(vsys)
            .with(Kind::Application, configuration.applications.values().cloned())
            .with(Kind::Service, configuration.services.values().cloned());
        let shared = configuration.other_applications.clone();
        Self::default()
            .with_rules(Layer::Local, configuration.rules.clone())
            .with_scope(own)
            .with_scope(Scope::new("shared").with(Kind::Application, shared))
    }

    /// The same with the rules of one more layer. Layers of one rank (the pre-rules of several device groups)
    /// are given in the order of evaluation: pre-rules from ancestor to descendant, post-rules the other way.
    #[must_use]
    pub fn with_rules(mut self, layer: Layer, rules: Vec<Element>) -> Self {
        let place = self.rules.partition_point(|(other, _)| other.rank() <= layer.rank());
        self.rules.insert(place, (layer, rules));
        self
    }

    /// The same with the overrides of the default rules (`default-security-rules`) of one more scope, nearest
    /// first: the firewall's go before its group's, those before the shared ones (same page as [`Layer`]).
    #[must_use]
    pub fn with_overrides(mut self, overrides: Vec<Element>) -> Self {
        self.overrides.extend(overrides);
        self
    }

    /// The same with the objects of one more scope, nearest first.
    #[must_use]
    pub fn with_scope(mut self, scope: Scope) -> Self {
        self.scopes.push(scope);
        self
    }

    /// The two default rules: what is said of each nearest, else that sessions inside a zone are allowed and
    /// between zones denied.
    pub(super) fn defaults(&self) -> [Element; 2] {
        [("intrazone-default", "intrazone", "allow"), ("interzone-default", "interzone", "deny")].map(
            |(name, kind, action)| {
                let said = self.overrides.iter().filter(|entry| entry.entry_name() == name);
                let action = said.filter_map(|entry| entry.text_of("action")).next().unwrap_or(action);
                Element::entry(name)
                    .with(Element::leaf("rule-type", kind))
                    .with(Element::leaf("action", action))
            },
        )
    }
}
