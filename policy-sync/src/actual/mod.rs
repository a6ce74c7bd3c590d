//! What the device holds: the nodes that we read, as they are, without the device's bookkeeping.

mod owner;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

pub use owner::{Inventory, Owner, owner_of_application, owner_of_rule, owner_of_service};

use crate::xml::Element;

/// Entries by name.
pub type Entries = BTreeMap<String, Arc<Element>>;

/// One view of the device's configuration: ours and everybody else's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Configuration {
    /// Custom App-IDs of the place where we write, by name.
    pub applications: Entries,
    /// Custom App-IDs of other places that meet ours: shared ones, and those of groups above and below.
    pub other_applications: Vec<Element>,
    /// Service objects of the place where we write.
    pub services: Entries,
    /// Tags of the place where we write.
    pub tags: Entries,
    /// Security rules in their order.
    pub rules: Vec<Element>,
    /// Names of rules of other rulebases that no rule of ours may have, each with where it stands.
    pub other_rules: BTreeMap<String, String>,
}

impl Configuration {
    /// Every custom App-ID that is known here: those of the place where we write, and those that meet them.
    pub fn all_applications(&self) -> impl Iterator<Item = &Element> {
        self.applications.values().map(AsRef::as_ref).chain(&self.other_applications)
    }

    /// The rule called so.
    #[must_use]
    pub fn rule(&self, name: &str) -> Option<&Element> {
        self.rules.iter().find(|rule| rule.entry_name() == name)
    }
}

/// A configuration in which rules, and the App-IDs of each, are found at once: names are looked up by the thousand.
pub struct Index<'a> {
    configuration: &'a Configuration,
    rules: HashMap<&'a str, (&'a Element, HashSet<&'a str>)>,
}

impl<'a> Index<'a> {
    /// The index of a configuration.
    #[must_use]
    pub fn of(configuration: &'a Configuration) -> Self {
        let rules = configuration.rules.iter().rev();
        let rules = rules.map(|rule| (rule.entry_name(), (rule, rule.members_of("application").collect())));
        Self { configuration, rules: rules.collect() }
    }

    /// The App-ID called so.
    #[must_use]
    pub fn application(&self, app: &str) -> Option<&'a Element> {
        self.configuration.applications.get(app).map(AsRef::as_ref)
    }

    /// The rule called so.
    #[must_use]
    pub fn rule(&self, name: &str) -> Option<&'a Element> {
        self.rules.get(name).map(|(rule, _)| *rule)
    }

    /// Whether a rule lists an App-ID.
    #[must_use]
    pub fn carries(&self, rule: &str, app: &str) -> bool {
        self.rules.get(rule).is_some_and(|(_, apps)| apps.contains(app))
    }
}

/// The entries of a list by name.
#[must_use]
pub fn by_name(entries: Vec<Arc<Element>>) -> Entries {
    entries.into_iter().map(|entry| (entry.entry_name().to_owned(), entry)).collect()
}

/// The entries of a list in order, each by itself.
#[must_use]
pub fn in_order(entries: Vec<Arc<Element>>) -> Vec<Element> {
    entries.into_iter().map(Arc::unwrap_or_clone).collect()
}

/// The entries of a list that was read as a whole, as tests write it.
#[cfg(test)]
pub(crate) fn entries(list: Element) -> Vec<Arc<Element>> {
    let entries = list.children.into_iter().filter(|child| child.name == "entry");
    entries.map(without_bookkeeping).map(Arc::new).collect()
}

/// Reads of the candidate carry `admin`, `dirtyId` and `time`, and rules a `uuid`
/// (<https://docs.paloaltonetworks.com/ngfw/api/pan-os-xml-api-request-types-and-actions/configuration-api>):
/// only the name is configuration.
#[must_use]
pub fn without_bookkeeping(mut element: Element) -> Element {
    element.attributes.retain(|(key, _)| key == "name");
    element.attributes.shrink_to_fit();
    element.children = element.children.into_iter().map(without_bookkeeping).collect();
    element
}

/// Whether two elements say the same, whatever the order of their children.
#[must_use]
pub fn same(a: &Element, b: &Element) -> bool {
    a.name == b.name
        && a.entry_name() == b.entry_name()
        && a.text == b.text
        && a.children.len() == b.children.len()
        && sorted(a).iter().zip(sorted(b)).all(|(a, b)| same(a, b))
}

fn sorted(element: &Element) -> Vec<&Element> {
    let mut children: Vec<&Element> = element.children.iter().collect();
    children.sort_by_key(|child| (child.name.as_str(), child.entry_name(), child.text.as_str()));
    children
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::parse;

    #[test]
    fn bookkeeping_is_no_configuration() {
        let read = parse(
            "<rules><entry name='b' uuid='1' admin='x' dirtyId='2' time='now'><from admin='x'><member>trust</member></from></entry><entry name='a'/></rules>",
        )
        .unwrap();
        let rules = in_order(entries(read));
        assert_eq!(rules.iter().map(Element::entry_name).collect::<Vec<_>>(), ["b", "a"]);
        assert_eq!(rules[0].print(), "<entry name=\"b\"><from><member>trust</member></from></entry>");
    }

    #[test]
    fn order_of_children_does_not_matter() {
        let element = |text: &str| parse(text).unwrap();
        assert!(same(&element("<a><b>1</b><c/></a>"), &element("<a><c/><b>1</b></a>")));
        assert!(!same(&element("<a><b>1</b></a>"), &element("<a><b>2</b></a>")));
        assert!(!same(&element("<a><b>1</b></a>"), &element("<a><b>1</b><b>1</b></a>")));
    }
}
