//! Where objects and rules live: `shared`, one vsys, one device group of a Panorama, or what a Panorama pushed.

use crate::{
    panorama::ancestors,
    tree::{Element, NodePath, Segment},
};
use std::fmt;

/// The place that a node of the configuration belongs to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scope {
    Shared,
    Vsys(String),
    DeviceGroup(String),
    /// What a Panorama pushed to a vsys: a firewall reads it, and nobody writes it there.
    Pushed(String),
}

impl Scope {
    /// The node under which this scope's objects stand.
    pub(crate) fn base(&self) -> NodePath {
        let below = |list: &str, name: &str| {
            NodePath(vec![
                Segment::named("config"),
                Segment::named("devices"),
                Segment::entry("localhost.localdomain"),
                Segment::named(list),
                Segment::entry(name),
            ])
        };
        match self {
            Scope::Shared => NodePath(vec![Segment::named("config"), Segment::named("shared")]),
            Scope::Vsys(name) => below("vsys", name),
            Scope::DeviceGroup(name) => below("device-group", name),
            Scope::Pushed(vsys) => NodePath(vec![
                Segment::named("config"),
                Segment::named("panorama"),
                Segment::named("vsys"),
                Segment::entry(vsys),
            ]),
        }
    }

    /// The scope that a node belongs to, if it belongs to one.
    pub(crate) fn of(path: &NodePath) -> Option<Self> {
        let name_at = |index: usize| path.0.get(index).map(|segment| segment.name.as_str());
        let key_at = |index: usize| path.0.get(index).and_then(|segment| segment.key.clone());
        match (name_at(1)?, name_at(3)) {
            ("shared", _) => Some(Scope::Shared),
            ("devices", Some("vsys")) => key_at(4).map(Scope::Vsys),
            ("devices", Some("device-group")) => key_at(4).map(Scope::DeviceGroup),
            ("panorama", _) => key_at(3).map(Scope::Pushed),
            _ => None,
        }
    }

    /// The scopes whose objects can be named from here, nearest first. A device group sees its ancestors' objects, a
    /// firewall's own rules see what was pushed to it.
    pub(crate) fn visible(&self, config: &Element) -> Vec<Scope> {
        match self {
            Scope::Shared => vec![Scope::Shared],
            Scope::Vsys(name) => vec![self.clone(), Scope::Shared, Scope::Pushed(name.clone())],
            Scope::Pushed(vsys) => vec![self.clone(), Scope::Vsys(vsys.clone()), Scope::Shared],
            Scope::DeviceGroup(name) => {
                let above = ancestors(config, name).into_iter().map(Scope::DeviceGroup);
                std::iter::once(self.clone()).chain(above).chain([Scope::Shared]).collect()
            }
        }
    }

    /// The rulebases of this scope, in the order in which they are looked up.
    pub(crate) fn rulebases(&self) -> &'static [&'static str] {
        match self {
            Scope::Vsys(_) => &["rulebase"],
            Scope::Shared | Scope::DeviceGroup(_) | Scope::Pushed(_) => &["pre-rulebase", "post-rulebase"],
        }
    }
}

/// As lock and vsys parameters spell it.
impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Scope::Shared => f.write_str("shared"),
            Scope::Vsys(name) | Scope::DeviceGroup(name) | Scope::Pushed(name) => f.write_str(name),
        }
    }
}
