//! The address of one node: names from the root down, with the key that tells list items apart.

use super::Element;
use std::fmt;

/// One step of a [`NodePath`]. The key is an entry's `name` or a member's text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Segment {
    pub(crate) name: String,
    pub(crate) key: Option<String>,
}

impl Segment {
    pub(crate) fn named(name: &str) -> Self {
        Self { name: name.to_owned(), key: None }
    }

    pub(crate) fn entry(name: &str) -> Self {
        Self { name: "entry".to_owned(), key: Some(name.to_owned()) }
    }

    /// How this element is told apart from its siblings.
    pub(crate) fn of(element: &Element) -> Self {
        let key = match element.name.as_str() {
            "entry" => element.attr("name").map(str::to_owned),
            "member" => Some(element.text.clone()),
            _ => None,
        };
        Self { name: element.name.clone(), key }
    }

    pub(crate) fn matches(&self, element: &Element) -> bool {
        self.name == element.name
            && match (&self.key, self.name.as_str()) {
                (Some(key), "entry") => element.attr("name") == Some(key),
                (Some(key), "member") => element.text == *key,
                (Some(_), _) => false,
                (None, _) => true,
            }
    }

    /// A new, empty element that this segment addresses.
    pub(crate) fn to_element(&self) -> Element {
        match (&self.key, self.name.as_str()) {
            (Some(key), "entry") => Element::entry(key),
            (Some(key), "member") => Element::leaf("member", key.as_str()),
            (Some(_) | None, _) => Element::new(&self.name),
        }
    }
}

/// The address of one node of a configuration, from `config` down.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) struct NodePath(pub(crate) Vec<Segment>);

impl NodePath {
    pub(crate) fn join(&self, segment: Segment) -> Self {
        let mut segments = self.0.clone();
        segments.push(segment);
        Self(segments)
    }

    pub(crate) fn parent(&self) -> Option<Self> {
        self.0.split_last().map(|(_, rest)| Self(rest.to_vec()))
    }

    pub(crate) fn last(&self) -> Option<&Segment> {
        self.0.last()
    }

    /// Is `other` this node or below it?
    pub(crate) fn covers(&self, other: &Self) -> bool {
        other.0.starts_with(&self.0)
    }

    /// The names without keys: what a schema cares about.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|segment| segment.name.as_str())
    }
}

/// The XPath form, e.g. `/config/shared/tag/entry[@name='x']`.
impl fmt::Display for NodePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for segment in &self.0 {
            write!(f, "/{}", segment.name)?;
            match (&segment.key, segment.name.as_str()) {
                (Some(key), "member") => write!(f, "[text()={}]", quoted(key))?,
                (Some(key), _) => write!(f, "[@name={}]", quoted(key))?,
                (None, _) => {}
            }
        }
        Ok(())
    }
}

fn quoted(text: &str) -> String {
    if text.contains('\'') { format!("\"{text}\"") } else { format!("'{text}'") }
}

/// The node at a path below a root that is itself the first segment.
pub(crate) fn find<'a>(root: &'a Element, path: &NodePath) -> Option<&'a Element> {
    let (first, rest) = path.0.split_first()?;
    if !first.matches(root) {
        return None;
    }
    rest.iter().try_fold(root, |node, segment| node.children.iter().find(|child| segment.matches(child)))
}

pub(crate) fn find_mut<'a>(root: &'a mut Element, path: &NodePath) -> Option<&'a mut Element> {
    let (first, rest) = path.0.split_first()?;
    if !first.matches(root) {
        return None;
    }
    rest.iter().try_fold(root, |node, segment| node.children.iter_mut().find(|child| segment.matches(child)))
}
