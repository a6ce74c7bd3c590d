//! Changes as a person would type them: the CLI of the device in configuration mode
//! (<https://docs.paloaltonetworks.com/ngfw/pan-os-cli-quick-start/cli-command-hierarchy/pan-os-11-2-configure-cli-command-hierarchy>).
//! What starts with `#` is a remark.

use crate::{
    member::Site,
    operation::{Change, Node, Operation},
    preview::{Preview, tally::counted},
    xml::{Element, parse},
};

/// The whole difference in CLI lines.
#[must_use]
pub fn as_cli(preview: &Preview) -> String {
    let mut text = heading(preview);
    for operation in &preview.operations {
        for line in lines(operation, &preview.site) {
            text.push_str(&line);
            text.push('\n');
        }
    }
    text
}

/// The whole difference as the bodies of the multi-config requests, one on each line; nothing where nothing differs.
#[must_use]
pub fn as_xml(preview: &Preview) -> String {
    preview.batches.iter().map(|batch| format!("{}\n", batch.body)).collect()
}

/// What there is to say beside the changes.
fn heading(preview: &Preview) -> String {
    let Preview { firewall, site, waiting, brakes, operations, .. } = preview;
    let changes = match operations.len() {
        0 => preview.tally().to_string(),
        n => format!("{}: {}", counted(n, "change"), preview.tally()),
    };
    let mut text = format!("# firewall {firewall}, {site}: {changes}\n");
    for (reason, words) in brakes {
        text.push_str(&format!("# not now ({reason}): {words}\n"));
    }
    for one in waiting {
        text.push_str(&format!("# left out: {} ({}): {}\n", one.who, one.reason, one.words));
    }
    text
}

/// One change as lines.
#[must_use]
pub fn lines(operation: &Operation, site: &Site) -> Vec<String> {
    match &operation.change {
        Change::Set(node, children) => set(node, &read(&format!("<set>{children}</set>")), site),
        Change::Edit(node @ Node::Field(..), element) => {
            let mut lines = vec![format!("delete {}", path(node, site))];
            lines.extend(set(node, &read(element), site));
            lines
        }
        Change::Edit(node, element) => {
            let mut lines = vec![format!("# {} is replaced as a whole by:", path(node, site))];
            lines.extend(set(node, &read(element), site));
            lines
        }
        Change::Delete(node) => vec![format!("delete {}", path(node, site))],
        Change::Move(rule, place) => {
            let (place, sibling) = place.words();
            let sibling = sibling.map(|name| format!(" {}", quoted(name))).unwrap_or_default();
            vec![format!("move {} {place}{sibling}", path(&Node::Rule(rule.clone()), site))]
        }
    }
}

/// What we print reads back.
fn read(text: &str) -> Element {
    parse(text).unwrap_or_default()
}

/// A node as the words that lead to it. On a firewall with one virtual system the CLI does not name it.
fn path(node: &Node, site: &Site) -> String {
    let place = match site {
        Site::Vsys(vsys) if vsys == "vsys1" => String::new(),
        Site::Vsys(vsys) => format!("vsys {} ", quoted(vsys)),
        Site::DeviceGroup { group, .. } => format!("device-group {} ", quoted(group)),
    };
    let rule = |name: &str| format!("{} {}", site.rules().replace('/', " "), quoted(name));
    let words = match node {
        Node::Tag(name) => format!("tag {}", quoted(name)),
        Node::Service(name) => format!("service {}", quoted(name)),
        Node::Application(name) => format!("application {}", quoted(name)),
        Node::Rule(name) => rule(name),
        Node::Field(name, field) => format!("{} {field}", rule(name)),
        Node::Member(name, list, member) => format!("{} {list} {}", rule(name), quoted(member)),
    };
    format!("{place}{words}")
}

fn set(node: &Node, element: &Element, site: &Site) -> Vec<String> {
    let path = path(node, site);
    if let Some(list) = value(element) {
        return vec![format!("set {path} {list}")];
    }
    let mut lines = Vec::new();
    below(&path, element, &mut lines);
    lines
}

/// What one level says stands in one line; each level below it in lines of its own.
fn below(path: &str, element: &Element, lines: &mut Vec<String>) {
    let flat: Vec<String> = element
        .children
        .iter()
        .filter_map(|child| Some(format!("{} {}", child.name, value(child)?)))
        .collect();
    if !flat.is_empty() || element.children.is_empty() {
        lines.push(format!("set {path} {}", flat.join(" ")).trim_end().to_owned());
    }
    for child in element.children.iter().filter(|child| value(child).is_none()) {
        let step = if child.name == "entry" { quoted(child.entry_name()) } else { child.name.to_string() };
        below(&format!("{path} {step}"), child, lines);
    }
}

/// What stands behind a leaf, or behind a list of members; nothing for what has a level below it.
fn value(element: &Element) -> Option<String> {
    let members: Vec<String> = element.children.iter().map(|member| quoted(&member.text)).collect();
    match members.as_slice() {
        [] if element.text.is_empty() => None,
        [] => Some(quoted(&element.text)),
        _ if element.children.iter().any(|child| child.name != "member") => None,
        [only] => Some(only.clone()),
        _ => Some(format!("[ {} ]", members.join(" "))),
    }
}

/// A word as the CLI takes it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._:/".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("\"{}\"", word.replace('"', "\\\""))
    }
}
