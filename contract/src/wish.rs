//! What people ask for by annotations and labels, before anybody decides.

use std::collections::BTreeMap;

use crate::{
    dns_name::{DnsName, NameError},
    keys,
    object::Action,
};

/// The wishes of one pod or template, read.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Wish {
    /// The names asked for, in the order written; empty if none were.
    pub names: Vec<DnsName>,
    /// The action asked for.
    pub action: Option<Action>,
    /// The containers asked for.
    pub containers: Option<Vec<String>>,
    /// `sallyport.dev/inject: disabled`.
    pub left_out: bool,
}

/// Why a wish cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WishError {
    /// A name that is not a DNS name.
    Name(String, NameError),
    /// An annotation that is there and asks for nothing.
    Nothing(&'static str),
    /// An action that does not exist.
    Action(String),
}

impl WishError {
    /// The annotation that holds the mistake.
    #[must_use]
    pub const fn key(&self) -> &'static str {
        match self {
            Self::Name(..) => keys::SAN,
            Self::Nothing(key) => key,
            Self::Action(_) => keys::ACTION,
        }
    }
}

impl Wish {
    /// Reads the wishes from a pod's or template's annotations and labels.
    ///
    /// # Errors
    /// The first annotation that cannot be read.
    pub fn read(
        annotations: &BTreeMap<String, String>,
        labels: &BTreeMap<String, String>,
    ) -> Result<Self, WishError> {
        let names = match annotations.get(keys::SAN) {
            None => Vec::new(),
            Some(text) => list(keys::SAN, text)?
                .into_iter()
                .map(|name| name.parse().map_err(|error| WishError::Name(name.to_owned(), error)))
                .collect::<Result<_, _>>()?,
        };
        let action = match annotations.get(keys::ACTION).map(|text| text.trim()) {
            None => None,
            Some("allow") => Some(Action::Allow),
            Some("deny") => Some(Action::Deny),
            Some(other) => return Err(WishError::Action(other.to_owned())),
        };
        let containers = match annotations.get(keys::CONTAINERS) {
            None => None,
            Some(text) => Some(list(keys::CONTAINERS, text)?.into_iter().map(str::to_owned).collect()),
        };
        let left_out = labels.get(keys::INJECT).is_some_and(|value| value == keys::INJECT_DISABLED);
        Ok(Self { names, action, containers, left_out })
    }
}

/// The items between commas; white space around them does not count: YAML's block texts end with a line end.
fn list<'a>(key: &'static str, text: &'a str) -> Result<Vec<&'a str>, WishError> {
    let items: Vec<&str> = text.split(',').map(|item| item.trim_ascii()).collect();
    if items.iter().all(|item| item.is_empty()) { Err(WishError::Nothing(key)) } else { Ok(items) }
}
