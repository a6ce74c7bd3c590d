//! How much would be written: the last line of a preview.

use std::{collections::BTreeSet, fmt};

use crate::{
    operation::{Change, Node, Operation},
    preview::Preview,
};

/// How much would be written, and with how many commits and pushes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    written: Objects,
    removed: Objects,
    commits: usize,
    pushes: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Objects {
    app_ids: usize,
    rules: usize,
    services: usize,
    tags: usize,
}

impl Tally {
    pub(super) fn of(preview: &Preview) -> Self {
        let commits = usize::from(!preview.operations.is_empty() || preview.uncommitted);
        let pushes = if commits > 0 || preview.unpushed { preview.groups } else { 0 };
        let removed = Objects::of(&preview.operations, |change| match change {
            Change::Delete(
                node @ (Node::Application(_) | Node::Rule(_) | Node::Service(_) | Node::Tag(_)),
            ) => Some(node.clone()),
            Change::Delete(_) | Change::Set(..) | Change::Edit(..) | Change::Move(..) => None,
        });
        let written = Objects::of(&preview.operations, |change| match change {
            Change::Set(node, _) | Change::Edit(node, _) => Some(node.clone()),
            Change::Move(rule, _) | Change::Delete(Node::Field(rule, _) | Node::Member(rule, ..)) => {
                Some(Node::Rule(rule.clone()))
            }
            Change::Delete(_) => None,
        });
        Self { written, removed, commits, pushes }
    }

    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

impl Objects {
    fn of(operations: &[Operation], node: impl Fn(&Change) -> Option<Node>) -> Self {
        let mut seen = BTreeSet::new();
        let mut objects = Self::default();
        for node in operations.iter().filter_map(|operation| node(&operation.change)) {
            let (kind, name) = match node {
                Node::Application(name) => (0, name),
                Node::Rule(name) | Node::Field(name, _) | Node::Member(name, ..) => (1, name),
                Node::Service(name) => (2, name),
                Node::Tag(name) => (3, name),
            };
            if seen.insert((kind, name)) {
                match kind {
                    0 => objects.app_ids += 1,
                    1 => objects.rules += 1,
                    2 => objects.services += 1,
                    _ => objects.tags += 1,
                }
            }
        }
        objects
    }
}

impl fmt::Display for Objects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { app_ids, rules, services, tags } = self;
        write!(
            f,
            "{}, {}, {}",
            counted(*app_ids, "App-ID"),
            counted(*rules, "rule"),
            counted(*services, "service")
        )?;
        if *tags > 0 { write!(f, ", {}", counted(*tags, "tag")) } else { Ok(()) }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_nothing() {
            return f.write_str("nothing is to be changed");
        }
        let mut parts = Vec::new();
        if self.written != Objects::default() {
            parts.push(format!("{} would be written", self.written));
        }
        if self.removed != Objects::default() {
            parts.push(format!("{} would be removed", self.removed));
        }
        if parts.is_empty() {
            parts.push("all is written to the candidate configuration and waits for its commit".to_owned());
        }
        for (n, what) in [(self.commits, "commit"), (self.pushes, "push")] {
            match n {
                0 => {}
                1 => parts.push(format!("one {what}")),
                n => parts.push(format!("{n} {}", plural(what))),
            }
        }
        f.write_str(&parts.join(", "))
    }
}

/// A number with its noun.
pub(super) fn counted(n: usize, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {}", plural(what)) }
}

fn plural(what: &str) -> String {
    if what.ends_with('h') { format!("{what}es") } else { format!("{what}s") }
}
