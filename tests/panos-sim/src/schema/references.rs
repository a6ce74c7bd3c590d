//! Who names whom: references are checked when they are written, and what is named cannot be deleted.
//!
//! Device texts as public clients match them: `RULE -> source 'X' is not a valid reference`, and
//! `NAME cannot be deleted because of references from:` followed by the chain, e.g.
//! `vsys -> vsys1 -> rulebase -> security -> rules -> RULE -> source`.

use super::{
    kind::{Kind, Refers},
    root::locate,
};
use crate::{
    policy::{is_address_literal, is_predefined_app, is_predefined_service},
    scope::Scope,
    tree::{Element, NodePath, Segment, find},
};

/// One place that names an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reference {
    pub(crate) refers: Refers,
    pub(crate) value: String,
    /// The member or text node that holds the name.
    pub(crate) path: NodePath,
    pub(crate) scope: Scope,
}

impl Reference {
    /// `vsys -> vsys1 -> rulebase -> security -> rules -> r -> application`
    pub(crate) fn chain(&self) -> String {
        let skip = match self.scope {
            Scope::Shared => 1,
            Scope::Vsys(_) | Scope::DeviceGroup(_) => 3,
            Scope::Pushed(_) => 2,
        };
        let steps = self.path.0.iter().skip(skip).filter(|s| s.name != "member");
        steps.map(|s| s.key.as_deref().unwrap_or(&s.name)).collect::<Vec<_>>().join(" -> ")
    }
}

/// The object lists in which a name of this kind is looked for.
fn lists(refers: Refers) -> &'static [&'static [&'static str]] {
    match refers {
        Refers::Nothing => &[],
        Refers::Application | Refers::ApplicationOfGroup => {
            &[&["application"], &["application-group"], &["application-filter"]]
        }
        Refers::ParentApp => &[&["application"]],
        Refers::Service => &[&["service"], &["service-group"]],
        Refers::Address | Refers::AddressOfGroup => &[&["address"], &["address-group"], &["external-list"]],
        Refers::Zone => &[&["zone"]],
        Refers::Tag => &[&["tag"]],
        Refers::LogSetting => &[&["log-settings", "profiles"]],
        Refers::ProfileGroup => &[&["profile-group"]],
    }
}

/// Does the name stand for something?
pub(crate) fn resolves(config: &Element, scope: &Scope, refers: Refers, name: &str) -> bool {
    let builtin = match refers {
        Refers::Nothing => true,
        Refers::Application => name == "any" || is_predefined_app(name),
        Refers::ApplicationOfGroup | Refers::ParentApp => is_predefined_app(name),
        Refers::Service => matches!(name, "any" | "application-default") || is_predefined_service(name),
        Refers::Address => name == "any" || is_address_literal(name),
        // A Panorama has no zones of its own: people type the names that its firewalls use.
        Refers::Zone => {
            matches!(name, "any" | "multicast") || matches!(scope, Scope::Shared | Scope::DeviceGroup(_))
        }
        Refers::AddressOfGroup | Refers::Tag | Refers::LogSetting | Refers::ProfileGroup => false,
    };
    builtin
        || scope.visible(config).iter().filter_map(|scope| find(config, &scope.base())).any(|base| {
            let mut found = lists(refers).iter().filter_map(|list| base.descend(list));
            found.any(|list| list.entries().any(|(n, _)| n == name))
        })
}

/// Is there a custom application of that name?
pub(crate) fn has_application(config: &Element, scope: &Scope, name: &str) -> bool {
    resolves(config, scope, Refers::ParentApp, name)
}

/// A name that was met on the way through a configuration; [`Named::reference`] tells where.
pub(crate) struct Named<'a> {
    pub(crate) refers: Refers,
    pub(crate) value: &'a str,
    trail: &'a [&'a Element],
}

impl Named<'_> {
    pub(crate) fn reference(&self) -> Reference {
        let path = NodePath(self.trail.iter().map(|node| Segment::of(node)).collect());
        let scope = Scope::of(&path).unwrap_or(Scope::Shared);
        Reference { refers: self.refers, value: self.value.to_owned(), path, scope }
    }
}

/// Calls `visit` for everything in a configuration that names something.
pub(crate) fn each_reference(config: &Element, visit: &mut dyn FnMut(Named<'_>)) {
    if let Some(place) = locate(&NodePath(vec![Segment::named("config")])) {
        walk(&mut vec![config], config, place.kind, visit);
    }
}

fn walk<'a>(trail: &mut Vec<&'a Element>, node: &'a Element, kind: Kind, visit: &mut dyn FnMut(Named<'_>)) {
    match kind {
        Kind::Text(text) => name(text.refers, &node.text, trail, visit),
        Kind::Members(members) => {
            for member in &node.children {
                trail.push(member);
                name(members.refers, &member.text, trail, visit);
                trail.pop();
            }
        }
        Kind::Container(_) | Kind::Entries(_) => {
            for child in &node.children {
                // Signatures name nothing; they are the bulk of an application.
                if let Some(below) = kind.below(&child.name).filter(|_| child.name != "signature") {
                    trail.push(child);
                    walk(trail, child, below, visit);
                    trail.pop();
                }
            }
        }
        Kind::Empty | Kind::Open | Kind::ReadOnly => {}
    }
}

fn name(refers: Refers, value: &str, trail: &[&Element], visit: &mut dyn FnMut(Named<'_>)) {
    if refers != Refers::Nothing && !value.is_empty() {
        visit(Named { refers, value, trail });
    }
}

/// An object that a deletion takes away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RemovedObject {
    pub(crate) name: String,
    list: Vec<String>,
}

impl RemovedObject {
    pub(crate) fn is_named_by(&self, named: &Named<'_>) -> bool {
        named.value == self.name
            && lists(named.refers)
                .iter()
                .any(|list| list.iter().copied().eq(self.list.iter().map(String::as_str)))
    }
}

/// The objects at and below a node that others could name.
pub(crate) fn removed_objects(node: &Element, path: &NodePath) -> Vec<RemovedObject> {
    let Some(scope) = Scope::of(path) else { return Vec::new() };
    let base = scope.base().0.len();
    let list: Vec<String> =
        path.0.iter().skip(base).filter(|s| s.name != "entry").map(|s| s.name.clone()).collect();
    let is_object = path.last().is_some_and(|s| s.name == "entry") && path.0.len() == base + list.len() + 1;
    if is_object {
        return path
            .last()
            .and_then(|s| s.key.clone())
            .map(|name| RemovedObject { name, list })
            .into_iter()
            .collect();
    }
    let inside_object = path.0.iter().skip(base).any(|s| s.name == "entry");
    if inside_object || list.first().is_some_and(|l| l.ends_with("rulebase")) {
        return Vec::new();
    }
    node.children.iter().flat_map(|child| removed_objects(child, &path.join(Segment::of(child)))).collect()
}
