//! The dynamic address groups that the rules in force name, directly or through static groups.

use super::{
    address::{MAX_GROUP_DEPTH, find_address},
    lookup::in_force,
};
use crate::{scope::Scope, tree::Element, user_id::Filter};

/// A dynamic address group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DynamicGroup {
    pub(crate) name: String,
    pub(crate) filter: Filter,
    /// The filter as it was written.
    pub(crate) text: String,
}

/// Those that a rule of a vsys names, each once, in the order in which rules name them.
pub(crate) fn dynamic_groups(config: &Element, scope: &Scope) -> Vec<DynamicGroup> {
    let mut found = Vec::new();
    for (scope, rulebase) in in_force(config, scope) {
        let rules = rulebase.descend(&["security", "rules"]);
        for (_, rule) in rules.into_iter().flat_map(Element::entries) {
            for member in rule.members_of("source").chain(rule.members_of("destination")) {
                collect(config, &scope, member, MAX_GROUP_DEPTH, &mut found);
            }
        }
    }
    found
}

fn collect(config: &Element, scope: &Scope, name: &str, depth: usize, into: &mut Vec<DynamicGroup>) {
    let Some(object) = find_address(config, scope, name) else { return };
    if let Some(text) = object.descend(&["dynamic", "filter"]).map(|filter| filter.text.clone())
        && !into.iter().any(|known| known.name == name)
        && let Some(filter) = Filter::parse(&text)
    {
        into.push(DynamicGroup { name: name.to_owned(), filter, text });
    }
    let Some(depth) = depth.checked_sub(1) else { return };
    for member in object.members_of("static") {
        collect(config, scope, member, depth, into);
    }
}
