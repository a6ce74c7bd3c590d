//! Texts that many facts repeat: one copy of each, for as long as somebody has it.
//!
//! The name of an identity stands in ten places of the agent, and all identities of a policy say the same of it. What
//! shares a copy is equal by its words like any other text.

use std::{
    borrow::Borrow,
    collections::HashSet,
    fmt,
    ops::Deref,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use serde::{Serialize, Serializer};

/// A text, of which there is one copy.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text(Arc<str>);

/// All texts of the process.
static COPIES: LazyLock<Mutex<Copies>> = LazyLock::new(Mutex::default);

/// Fewer texts than this are not looked through for some that nobody has.
const FEW: usize = 1024;

#[derive(Default)]
struct Copies {
    known: HashSet<Arc<str>>,
    /// How many there were when they were last looked through.
    kept: usize,
}

impl Copies {
    fn of(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.known.get(text) {
            return Arc::clone(known);
        }
        // So that at most half of them are texts that nobody has any more.
        if self.known.len() >= FEW.max(2 * self.kept) {
            self.known.retain(|copy| Arc::strong_count(copy) > 1);
            self.known.shrink_to(2 * self.known.len());
            self.kept = self.known.len();
        }
        let copy: Arc<str> = text.into();
        self.known.insert(Arc::clone(&copy));
        copy
    }
}

impl Text {
    /// The text as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(COPIES.lock().unwrap_or_else(PoisonError::into_inner).of(text))
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
    use super::*;

    #[test]
    fn equal_texts_are_one_copy_and_what_nobody_has_goes() {
        let mut copies = Copies::default();
        let (one, same) = (copies.of("web"), copies.of("web"));
        assert!(Arc::ptr_eq(&one, &same) && !Arc::ptr_eq(&one, &copies.of("pay")));
        for number in 0..10 * FEW {
            copies.of(&number.to_string());
        }
        assert!(copies.known.len() <= FEW, "{} are kept", copies.known.len());
        assert!(Arc::ptr_eq(&one, &copies.of("web")), "what somebody has stays");
    }

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
