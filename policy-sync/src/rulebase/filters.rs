//! Foreign application filters that would choose our App-IDs by their attributes. Known before the first
//! App-ID is written: from then on the rules that use the filter are about us.

use std::collections::{BTreeMap, BTreeSet};

use super::{book::Book, extent::Extent, layers::Layer, ours::What, shadow::MOST_TOLD};

/// A rule that uses a filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// The rule.
    pub rule: String,
    /// Where it stands.
    pub layer: Layer,
    /// What it does.
    pub what: What,
}

/// A filter that takes our App-IDs in, and is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Catch {
    /// The filter.
    pub filter: String,
    /// The scope that it is in.
    pub scope: String,
    /// How much of our App-IDs it takes in.
    pub extent: Extent,
    /// The enabled rules that use it, by name or by a group; the first twenty.
    pub rules: Vec<Use>,
    /// All of that for a person, with what to do.
    pub why: String,
}

/// The filters that take our App-IDs in, and that some rule uses.
pub(super) fn catches(book: &Book<'_>) -> Vec<Catch> {
    let mut uses: BTreeMap<&str, Vec<Use>> = BTreeMap::new();
    for rule in book.rules.iter().filter(|rule| rule.ours.is_none()) {
        let filters: BTreeSet<&str> =
            rule.applications.filters().map(|filter| filter.entry.entry_name()).collect();
        for filter in filters {
            let uses = uses.entry(filter).or_default();
            if uses.len() < MOST_TOLD {
                let layer = rule.layer.clone();
                uses.push(Use { rule: rule.name.to_owned(), layer, what: rule.what });
            }
        }
    }
    let apps: BTreeSet<_> = book.ours.rules.iter().flat_map(|rule| rule.apps.iter().cloned()).collect();
    let caught = book.filters.iter().filter_map(|filter| {
        let name = filter.entry.entry_name();
        let extent = if apps.is_empty() { filter.ours? } else { filter.share(&apps)? };
        let rules = uses.remove(name)?;
        let why = words(name, filter.scope, extent, &rules, &book.ours.attributes);
        Some(Catch { filter: name.to_owned(), scope: filter.scope.to_owned(), extent, rules, why })
    });
    caught.collect()
}

fn words(
    filter: &str,
    scope: &str,
    extent: Extent,
    rules: &[Use],
    attributes: &[(String, String)],
) -> String {
    let list = |words: Vec<String>| words.join(", ");
    let attributes = list(attributes.iter().map(|(field, value)| format!("{field} {value}")).collect());
    let rules =
        rules.iter().map(|used| format!("rule {} ({}) {} it", used.rule, used.layer, used.what.words()));
    format!(
        "application filter {filter} in {scope} takes in {} our App-IDs by their attributes ({attributes}): {}; exclude them from the filter, or narrow it by an attribute that they do not have",
        extent.words(),
        list(rules.collect()),
    )
}
