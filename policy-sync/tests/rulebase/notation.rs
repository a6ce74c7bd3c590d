//! A rulebase in a few lines.
//!
//! A rule is `name action applications from>to source>destination service flags…`, lists by commas; one of
//! ours has a `*` before its name and ports for its service. `@shared-pre` begins a layer. `+ kind name …` is
//! an object, `! name action` overrides a default rule.

use sallyport_policy_sync::{
    elements::{ATTRIBUTES, signature},
    operation::Place,
    rulebase::{Kind, Layer, OurRule, Ours, Reach, Rulebase, Scope, What},
    xml::Element,
};

/// A rulebase, what is ours in it, and all of it as a device would hold it.
pub(crate) struct Case {
    pub(crate) rulebase: Rulebase,
    pub(crate) ours: Ours,
    pub(crate) config: String,
}

pub(crate) fn case(text: &str) -> Case {
    let mut layers: Vec<(Layer, Vec<Element>)> = vec![(Layer::Local, Vec::new())];
    let (mut scope, mut overrides, mut rules) = (Scope::new("vsys1"), Vec::new(), Vec::new());
    let mut objects: Vec<(Kind, Element)> = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[0] {
            "+" => objects.push(object(&words[1..])),
            "!" => overrides.push(Element::entry(words[1]).with(Element::leaf("action", words[2]))),
            name if name.starts_with('@') => layers.push((layer(&name[1..]), Vec::new())),
            name => {
                if let Some(name) = name.strip_prefix('*') {
                    let ours = our_rule(name, &words);
                    let held = |object: &(Kind, Element), name: &str| object.1.entry_name() == name;
                    for app in &ours.apps {
                        if !objects.iter().any(|object| held(object, app)) {
                            objects.push((Kind::Application, our_app(app)));
                        }
                    }
                    for port in &ours.reach.ports {
                        let name = format!("t{port}");
                        if !objects.iter().any(|object| held(object, &name)) {
                            objects.push(object(&["service", &name, "tcp", &port.to_string()]));
                        }
                    }
                    rules.push(ours);
                }
                layers.last_mut().unwrap().1.push(rule(&words));
            }
        }
    }
    let config = config(&layers, &overrides, &objects);
    for (kind, entry) in objects {
        scope = scope.with(kind, vec![entry]);
    }
    let rulebase = layers.into_iter().fold(Rulebase::default(), |rulebase, (layer, rules)| {
        if rules.is_empty() { rulebase } else { rulebase.with_rules(layer, rules) }
    });
    let ours = Ours {
        rules,
        attributes: ATTRIBUTES.map(|(field, value)| (field.to_owned(), value.to_owned())).to_vec(),
        layer: Layer::Local,
        place: Place::Bottom,
        bounds: None,
    };
    Case { rulebase: rulebase.with_overrides(overrides).with_scope(scope), ours, config }
}

fn layer(word: &str) -> Layer {
    match word.split_once(':') {
        None if word == "shared-pre" => Layer::SharedPre,
        None if word == "shared-post" => Layer::SharedPost,
        None => Layer::Local,
        Some(("pre", group)) => Layer::GroupPre(group.to_owned()),
        Some((_, group)) => Layer::GroupPost(group.to_owned()),
    }
}

fn list(name: &str, members: &str) -> Element {
    Element::members(name, members.split(','))
}

fn rule(words: &[&str]) -> Element {
    let (from, to) = words[3].split_once('>').unwrap();
    let (source, destination) = words[4].split_once('>').unwrap();
    let ours = words[0].strip_prefix('*');
    let ports: Vec<String> = words[5].split(',').map(|port| format!("t{port}")).collect();
    let service = if ours.is_some() { ports.join(",") } else { words[5].to_owned() };
    let entry = Element::entry(ours.unwrap_or(words[0]))
        .with(Element::leaf("action", words[1]))
        .with(list("application", words[2]))
        .with_all([("from", from), ("to", to)].map(|(name, members)| list(name, members)))
        .with_all([("source", source), ("destination", destination)].map(|(name, m)| list(name, m)))
        .with(list("service", &service));
    words[6..].iter().fold(entry, |entry, flag| match flag.split_once('=') {
        None => entry.with(Element::leaf(flag, "yes")),
        Some((name @ ("rule-type" | "schedule"), value)) => entry.with(Element::leaf(name, value)),
        Some((name, members)) => entry.with(list(name, members)),
    })
}

fn our_rule(name: &str, words: &[&str]) -> OurRule {
    let texts = |members: &str| members.split(',').map(str::to_owned).collect::<Vec<_>>();
    let (from, to) = words[3].split_once('>').unwrap();
    let (source, destination) = words[4].split_once('>').unwrap();
    OurRule {
        name: name.to_owned(),
        what: What::of(words[1]),
        reach: Reach {
            from: texts(from),
            to: texts(to),
            source: texts(source),
            destination: texts(destination),
            ports: words[5].split(',').map(|port| port.parse().unwrap()).collect(),
        },
        apps: words[2].split(',').map(Into::into).collect(),
    }
}

/// An App-ID of ours for the SNI `NAME.example`.
fn our_app(name: &str) -> Element {
    Element::entry(name)
        .with_all(ATTRIBUTES.map(|(field, value)| Element::leaf(field, value)))
        .with(Element::leaf("parent-app", "ssl"))
        .with(signature(&format!(r"(?i)^{name}\.example\.?$")))
}

fn object(words: &[&str]) -> (Kind, Element) {
    let entry = Element::entry(words[1]);
    let fields = |entry: Element| {
        words[2..].iter().fold(entry, |entry, field| match field.split_once('=') {
            Some((name, "yes")) => entry.with(Element::leaf(name, "yes")),
            Some((name, values)) => entry.with(list(name, values)),
            None => entry,
        })
    };
    match words[0] {
        "address" => (Kind::Address, entry.with(Element::leaf(words[2], words[3]))),
        "address-group" => (Kind::AddressGroup, entry.with(list("static", words[2]))),
        "dynamic" => {
            let filter = Element::new("dynamic").with(Element::leaf("filter", words[2]));
            (Kind::AddressGroup, entry.with(filter))
        }
        "service" => {
            let source = words.get(4).map(|port| Element::leaf("source-port", port));
            let protocol = Element::new(words[2]).with(Element::leaf("port", words[3])).with_all(source);
            (Kind::Service, entry.with(Element::new("protocol").with(protocol)))
        }
        "service-group" => (Kind::ServiceGroup, entry.with(list("members", words[2]))),
        "app-group" => (Kind::ApplicationGroup, entry.with(list("members", words[2]))),
        "filter" => (Kind::ApplicationFilter, fields(entry)),
        "container" => (Kind::ApplicationContainer, entry),
        "app" => {
            let leaves = words[2..].iter().filter_map(|field| field.split_once('='));
            (
                Kind::Application,
                entry.with_all(leaves.map(|(name, value)| match name {
                    "context" => Element::new("operator").with(Element::leaf(name, value)),
                    name => Element::leaf(name, value),
                })),
            )
        }
        other => panic!("no such kind of object: {other}"),
    }
}

fn config(layers: &[(Layer, Vec<Element>)], overrides: &[Element], objects: &[(Kind, Element)]) -> String {
    let rules = Element::new("rules").with_all(layers.iter().flat_map(|(_, rules)| rules.clone()));
    let defaults = Element::new("rules").with_all(overrides.iter().cloned());
    let rulebase = Element::new("rulebase")
        .with(Element::new("security").with(rules))
        .with(Element::new("default-security-rules").with(defaults));
    let lists = Kind::ALL.map(|kind| {
        let entries = objects.iter().filter(|(other, _)| *other == kind).map(|(_, entry)| entry.clone());
        Element::new(kind.node()).with_all(entries)
    });
    let vsys = Element::entry("vsys1").with_all(lists).with(rulebase);
    let device = Element::entry("localhost.localdomain").with(Element::new("vsys").with(vsys));
    Element::new("config").with(Element::new("devices").with(device)).print()
}
