//! Where objects and rules live: `shared` or one vsys. A device group would be one more variant.

use crate::tree::{NodePath, Segment};
use std::fmt;

/// The place that a node of the configuration belongs to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scope {
    Shared,
    Vsys(String),
}

impl Scope {
    /// The node under which this scope's objects stand.
    pub(crate) fn base(&self) -> NodePath {
        match self {
            Scope::Shared => NodePath(vec![Segment::named("config"), Segment::named("shared")]),
            Scope::Vsys(name) => NodePath(vec![
                Segment::named("config"),
                Segment::named("devices"),
                Segment::entry("localhost.localdomain"),
                Segment::named("vsys"),
                Segment::entry(name),
            ]),
        }
    }

    /// The scope that a node belongs to, if it belongs to one.
    pub(crate) fn of(path: &NodePath) -> Option<Self> {
        match path.0.get(1).map(|segment| segment.name.as_str()) {
            Some("shared") => Some(Scope::Shared),
            Some(_) => path.entry_below("vsys").map(|name| Scope::Vsys(name.to_owned())),
            None => None,
        }
    }

    /// The scopes whose objects can be named from here, nearest first.
    pub(crate) fn visible(&self) -> Vec<Scope> {
        match self {
            Scope::Shared => vec![Scope::Shared],
            Scope::Vsys(_) => vec![self.clone(), Scope::Shared],
        }
    }
}

/// As lock and vsys parameters spell it.
impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Scope::Shared => f.write_str("shared"),
            Scope::Vsys(name) => f.write_str(name),
        }
    }
}
