//! What the device holds, read from its XML by the test itself.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

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

/// Compiled patterns. There are few, and they come again and again.
static ENGINES: Mutex<BTreeMap<String, Arc<Engine>>> = Mutex::new(BTreeMap::new());

type Engine = dense::DFA<Vec<u32>>;

/// One configuration of the virtual system.
#[derive(Clone, Debug)]
pub(crate) struct Device {
    /// All of it without the entries of the names that are ours: what others hold.
    pub(crate) others: String,
    root: Element,
    pub(crate) xml: String,
    pub(crate) apps: BTreeMap<String, App>,
    pub(crate) rules: Vec<Rule>,
}

impl Device {
    /// Reads a configuration. `owned`: the names that are ours.
    pub(crate) fn read(xml: String, owned: &BTreeSet<String>) -> Self {
        let root = parse(&xml).unwrap();
        let vsys = root.walk().find(|element| element.name == "vsys").and_then(|vsys| vsys.entries().next());
        let vsys = vsys.expect("the device has a virtual system");
        let list = |path: &[&str]| vsys.at(path).map(|list| list.entries().cloned().collect::<Vec<_>>());
        let apps = list(&["application"]).unwrap_or_default();
        let rules = list(&["rulebase", "security", "rules"]).unwrap_or_default();
        Self {
            apps: apps.iter().map(|entry| (entry.entry_name().to_owned(), app(entry))).collect(),
            rules: rules.iter().map(rule).collect(),
            others: without(&root, owned),
            root,
            xml,
        }
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

fn without(root: &Element, names: &BTreeSet<String>) -> String {
    fn strip(element: &mut Element, names: &BTreeSet<String>) {
        element.children.retain(|child| child.name != "entry" || !names.contains(child.entry_name()));
        element.children.iter_mut().for_each(|child| strip(child, names));
    }
    let mut root = root.clone();
    strip(&mut root, names);
    root.print()
}

fn engine(pattern: &str) -> Arc<Engine> {
    let compile = || {
        let bytes = syntax::Config::new().unicode(false).utf8(false);
        Arc::new(dense::Builder::new().syntax(bytes).build(pattern).unwrap())
    };
    Arc::clone(ENGINES.lock().unwrap().entry(pattern.to_owned()).or_insert_with(compile))
}

fn app(entry: &Element) -> App {
    let patterns = entry.walk().filter(|element| element.name == "pattern");
    App { patterns: patterns.map(|element| element.text.to_string()).collect() }
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
        let engines: Vec<_> = self.patterns.iter().map(|pattern| engine(pattern)).collect();
        let found =
            |sni: &str| engines.iter().any(|dfa| dfa.try_search_fwd(&Input::new(sni)).unwrap().is_some());
        snis.iter().map(String::as_str).filter(|sni| found(sni)).collect()
    }
}
