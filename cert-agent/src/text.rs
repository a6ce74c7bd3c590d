//! Texts that many facts repeat: one copy of each, for as long as somebody has it.
//!
//! The name of an identity stands in ten places of the agent, and all identities of a policy say the same of it. What
//! shares a copy is equal by its words like any other text.

use std::{
    borrow::Borrow,
    fmt,
    ops::Deref,
    sync::{Arc, LazyLock},
};

use sallyport_process::copies::Copies;
use serde::{Serialize, Serializer};

/// A text, of which there is one copy.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text(Arc<str>);

/// All texts of the process.
static TEXTS: LazyLock<Copies<str>> = LazyLock::new(Copies::default);

impl Text {
    /// The text as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(TEXTS.of(text))
    }
}

impl From<&String> for Text {
    fn from(text: &String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<&Text> for String {
    fn from(text: &Text) -> Self {
        text.as_str().to_owned()
    }
}

impl Default for Text {
    fn default() -> Self {
        Self::from("")
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Text {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        &*self.0 == other
    }
}

impl PartialEq<String> for Text {
    fn eq(&self, other: &String) -> bool {
        *self.0 == **other
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_text_is_looked_up_and_ordered_by_its_words() {
        let (a, b) = (Text::from("a"), Text::from("b"));
        assert!(a < b && a == *"a");
        assert!(HashSet::from([a.clone(), b]).contains("a"));
        assert_eq!(
            (format!("{a} {a:?}"), serde_json::json!(a)),
            ("a \"a\"".to_owned(), serde_json::json!("a"))
        );
    }
}
