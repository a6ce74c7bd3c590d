//! The XPath subset that PAN-OS clients send: absolute paths, entries by name, members by text.
//!
//! Forms seen in `PaloAltoNetworks/pan-os-python:panos/base.py` (either quote, `concat()`, `or`),
//! `PaloAltoNetworks/pango` and `kevinsteves/pan-python`. Everything else is refused, never guessed.

use super::{
    Element,
    path::{NodePath, Segment},
};

/// More steps than any schema path has.
const MAX_STEPS: usize = 64;

/// A parsed location path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct XPath {
    pub(crate) steps: Vec<Step>,
    pub(crate) tail: Tail,
}

/// One element step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) name: String,
    pub(crate) predicate: Predicate,
}

/// What stands in brackets after a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Predicate {
    None,
    /// `[@name='a' or @name='b']`; never empty.
    Names(Vec<String>),
    /// `[text()='a' or text()='b']`; never empty.
    Texts(Vec<String>),
}

/// What follows the last element step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tail {
    Element,
    /// `/text()`
    Text,
    /// `/@name`: the entries without their content.
    Name,
}

/// The path is outside of the subset; the texts are ours, PAN-OS documents none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum XPathError {
    #[error("an absolute path is expected")]
    NotAbsolute,
    #[error("too many steps")]
    TooLong,
    #[error("unexpected '{0}'")]
    Unexpected(String),
}

pub(crate) fn parse_xpath(text: &str) -> Result<XPath, XPathError> {
    let mut scan = Scan { rest: text.trim() };
    let mut steps = Vec::new();
    let mut tail = Tail::Element;
    if !scan.rest.starts_with('/') {
        return Err(XPathError::NotAbsolute);
    }
    while !scan.rest.is_empty() {
        scan.expect("/")?;
        if scan.take("text()") {
            tail = Tail::Text;
        } else if scan.take("@name") {
            tail = Tail::Name;
        } else {
            let name = scan.name()?;
            let predicate = if scan.take("[") { predicate(&mut scan)? } else { Predicate::None };
            steps.push(Step { name, predicate });
        }
        if steps.len() > MAX_STEPS {
            return Err(XPathError::TooLong);
        }
        if tail != Tail::Element && !scan.rest.is_empty() {
            return Err(scan.unexpected());
        }
    }
    if steps.is_empty() { Err(XPathError::NotAbsolute) } else { Ok(XPath { steps, tail }) }
}

impl Step {
    pub(crate) fn matches(&self, element: &Element) -> bool {
        self.name == element.name
            && match &self.predicate {
                Predicate::None => true,
                Predicate::Names(names) => {
                    element.attr("name").is_some_and(|name| names.iter().any(|n| n == name))
                }
                Predicate::Texts(texts) => texts.contains(&element.text),
            }
    }
}

/// Every node that the path selects below `root` (which is itself the first step), in document order.
pub(crate) fn select<'a>(root: &'a Element, xpath: &XPath) -> Vec<(NodePath, &'a Element)> {
    let Some((first, rest)) = xpath.steps.split_first() else { return Vec::new() };
    if !first.matches(root) {
        return Vec::new();
    }
    let start = vec![(NodePath(vec![Segment::of(root)]), root)];
    rest.iter().fold(start, |nodes, step| {
        nodes
            .iter()
            .flat_map(|(path, node)| {
                node.children
                    .iter()
                    .filter(|child| step.matches(child))
                    .map(|child| (path.join(Segment::of(child)), child))
            })
            .collect()
    })
}

fn predicate(scan: &mut Scan<'_>) -> Result<Predicate, XPathError> {
    let (mut names, mut texts) = (Vec::new(), Vec::new());
    loop {
        scan.space();
        let into = if scan.take("@name") {
            &mut names
        } else if scan.take("text()") {
            &mut texts
        } else {
            return Err(scan.unexpected());
        };
        scan.space();
        scan.expect("=")?;
        scan.space();
        into.push(literal(scan)?);
        scan.space();
        if scan.take("]") {
            break;
        }
        scan.expect("or")?;
    }
    match (names.is_empty(), texts.is_empty()) {
        (false, true) => Ok(Predicate::Names(names)),
        (true, false) => Ok(Predicate::Texts(texts)),
        (true, true) | (false, false) => Err(XPathError::Unexpected("mixed predicate".to_owned())),
    }
}

/// `'…'`, `"…"` or `concat('…', "…", …)`: XPath 1.0 has no escape inside a literal.
fn literal(scan: &mut Scan<'_>) -> Result<String, XPathError> {
    if !scan.take("concat(") {
        return scan.quoted();
    }
    let mut whole = String::new();
    loop {
        scan.space();
        whole.push_str(&scan.quoted()?);
        scan.space();
        if scan.take(")") {
            return Ok(whole);
        }
        scan.expect(",")?;
    }
}

struct Scan<'a> {
    rest: &'a str,
}

impl Scan<'_> {
    fn take(&mut self, token: &str) -> bool {
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, token: &str) -> Result<(), XPathError> {
        if self.take(token) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn unexpected(&self) -> XPathError {
        XPathError::Unexpected(self.rest.chars().take(20).collect())
    }

    fn name(&mut self) -> Result<String, XPathError> {
        let end = self
            .rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')))
            .unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        if !name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
            return Err(self.unexpected());
        }
        self.rest = rest;
        Ok(name.to_owned())
    }

    fn quoted(&mut self) -> Result<String, XPathError> {
        let quote = match self.rest.chars().next() {
            Some(c @ ('\'' | '"')) => c,
            Some(_) | None => return Err(self.unexpected()),
        };
        let body = self.rest.get(1..).unwrap_or_default();
        let Some(end) = body.find(quote) else { return Err(self.unexpected()) };
        let (text, rest) = body.split_at(end);
        self.rest = rest.get(1..).unwrap_or_default();
        Ok(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::parse_one;

    fn tree() -> Element {
        parse_one(
            "<config><shared><tag><entry name='a'/><entry name='b'/><entry name=\"it's\"/></tag>\
             <rule><entry name='r'><from><member>x</member><member>y</member></from></entry></rule></shared></config>",
        )
        .unwrap()
    }

    #[test]
    fn selects_what_clients_ask_for() {
        for (xpath, expected) in [
            ("/config/shared/tag/entry", vec!["a", "b", "it's"]),
            ("/config/shared/tag/entry[@name='a']", vec!["a"]),
            ("/config/shared/tag/entry[@name=\"a\"]", vec!["a"]),
            ("/config/shared/tag/entry[ @name = 'b' or @name='a' ]", vec!["a", "b"]),
            ("/config/shared/tag/entry[@name=\"it's\"]", vec!["it's"]),
            ("/config/shared/tag/entry[@name=concat('it', \"'\", 's')]", vec!["it's"]),
            ("/config/shared/tag/entry[@name='none']", vec![]),
            ("/config/nowhere", vec![]),
            ("/other", vec![]),
        ] {
            let root = tree();
            let found: Vec<_> = select(&root, &parse_xpath(xpath).unwrap())
                .into_iter()
                .map(|(_, node)| node.attr("name").unwrap_or("?").to_owned())
                .collect();
            assert_eq!(found, expected, "{xpath}");
        }
    }

    #[test]
    fn members_and_tails_are_understood() {
        let root = tree();
        let xpath = parse_xpath("/config/shared/rule/entry[@name='r']/from/member[text()='y']").unwrap();
        let found = select(&root, &xpath);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].0.to_string(), "/config/shared/rule/entry[@name='r']/from/member[text()='y']");
        assert_eq!(parse_xpath("/config/shared/text()").unwrap().tail, Tail::Text);
        assert_eq!(parse_xpath("/config/shared/tag/entry/@name").unwrap().tail, Tail::Name);
    }

    #[test]
    fn everything_else_is_refused() {
        for xpath in [
            "",
            "config/shared",
            "//entry",
            "/config/*",
            "/config/shared/tag/entry[1]",
            "/config/shared/tag/entry[last()]",
            "/config/shared/tag/entry[@name='a'",
            "/config/shared/tag/entry[@name='a]",
            "/config/shared/tag/entry[@name='a' and @name='b']",
            "/config/shared/tag/entry[@name='a' or text()='b']",
            "/config/shared/tag/entry[contains(@name,'a')]",
            "/config/..",
            "/config/shared/text()/x",
            "/",
            "/config/é",
        ] {
            assert!(parse_xpath(xpath).is_err(), "{xpath}");
        }
        assert_eq!(parse_xpath(&"/a".repeat(100)), Err(XPathError::TooLong));
    }
}
