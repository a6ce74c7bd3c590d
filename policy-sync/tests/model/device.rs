//! What the device holds, read from its XML by the test itself.

use std::collections::{BTreeMap, BTreeSet};

use regex_automata::{
    Input,
    dfa::{Automaton as _, dense},
    util::syntax,
};
use sallyport_policy_sync::xml::{Element, parse};

/// One App-ID.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct App {
    pub(crate) patterns: Vec<String>,
}

/// One security rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) name: String,
    pub(crate) apps: Vec<String>,
    pub(crate) action: String,
    pub(crate) disabled: bool,
}

/// One configuration of the virtual system.
#[derive(Clone, Debug)]
pub(crate) struct Device {
    root: Element,
    pub(crate) apps: BTreeMap<String, App>,
    pub(crate) rules: Vec<Rule>,
}

impl Device {
    pub(crate) fn read(xml: &str) -> Self {
        let root = parse(xml).unwrap();
        let vsys = root.walk().find(|element| element.name == "vsys").and_then(|vsys| vsys.entries().next());
        let vsys = vsys.expect("the device has a virtual system");
        let list = |path: &[&str]| vsys.at(path).map(|list| list.entries().cloned().collect::<Vec<_>>());
        let apps = list(&["application"]).unwrap_or_default();
        let rules = list(&["rulebase", "security", "rules"]).unwrap_or_default();
        Self {
            apps: apps.iter().map(|entry| (entry.entry_name().to_owned(), app(entry))).collect(),
            rules: rules.iter().map(rule).collect(),
            root,
        }
    }

    /// The configuration without the entries of these names: what others hold.
    pub(crate) fn without(&self, names: &BTreeSet<String>) -> String {
        fn strip(element: &mut Element, names: &BTreeSet<String>) {
            element.children.retain(|child| child.name != "entry" || !names.contains(child.entry_name()));
            element.children.iter_mut().for_each(|child| strip(child, names));
        }
        let mut root = self.root.clone();
        strip(&mut root, names);
        root.print()
    }

    /// The entries of these names, as they stand.
    pub(crate) fn only(&self, names: &BTreeSet<String>) -> Vec<String> {
        let ours = |element: &&Element| element.name == "entry" && names.contains(element.entry_name());
        self.root.walk().filter(ours).map(Element::print).collect()
    }

    /// The rules that carry an App-ID.
    pub(crate) fn carriers(&self, app: &str) -> impl Iterator<Item = &Rule> {
        self.rules.iter().filter(move |rule| rule.apps.iter().any(|member| member == app))
    }
}

fn app(entry: &Element) -> App {
    let patterns = entry.walk().filter(|element| element.name == "pattern");
    App { patterns: patterns.map(|element| element.text.clone()).collect() }
}

fn rule(entry: &Element) -> Rule {
    Rule {
        name: entry.entry_name().to_owned(),
        apps: entry.members_of("application").map(ToOwned::to_owned).collect(),
        action: entry.text_of("action").unwrap_or_default().to_owned(),
        disabled: entry.text_of("disabled") == Some("yes"),
    }
}

impl App {
    /// Which of these names in a ClientHello get this App-ID. Unanchored unless it says otherwise.
    pub(crate) fn matching<'a>(&self, snis: &'a [String]) -> BTreeSet<&'a str> {
        let bytes = syntax::Config::new().unicode(false).utf8(false);
        let build = |pattern: &String| dense::Builder::new().syntax(bytes).build(pattern).unwrap();
        let engines: Vec<_> = self.patterns.iter().map(build).collect();
        let found = |sni: &str| engines.iter().any(|dfa| dfa.try_search_fwd(&Input::new(sni)).unwrap().is_some());
        snis.iter().map(String::as_str).filter(|sni| found(sni)).collect()
    }
}
