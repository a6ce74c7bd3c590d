//! UIDs as we keep them: there are several for each identity, and each is told apart from all others anyway.

use std::fmt;

use uuid::Uuid;

use crate::text::Text;

/// The UID of an object: opaque, and as Kubernetes makes them a UUID
/// (<https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#uids>).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uid(Kept);

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Kept {
    /// A UUID in its one common way of writing.
    Uuid(Uuid),
    /// Whatever else: people write UIDs into owner references too.
    Other(Text),
}

impl From<&str> for Uid {
    fn from(text: &str) -> Self {
        let uuid = Uuid::try_parse(text).ok();
        let same = uuid.filter(|uuid| uuid.hyphenated().encode_lower(&mut Uuid::encode_buffer()) == text);
        Self(same.map_or_else(|| Kept::Other(text.into()), Kept::Uuid))
    }
}

impl From<&String> for Uid {
    fn from(text: &String) -> Self {
        Self::from(text.as_str())
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kept::Uuid(uuid) => fmt::Display::fmt(uuid, f),
            Kept::Other(text) => fmt::Display::fmt(text, f),
        }
    }
}

impl fmt::Debug for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uid_comes_back_word_for_word() {
        for (text, uuid) in [
            ("0f3c2a1e-5d6b-4c7f-8a90-123456789abc", true),
            ("0F3C2A1E-5D6B-4C7F-8A90-123456789ABC", false),
            ("0f3c2a1e5d6b4c7f8a90123456789abc", false),
            ("{0f3c2a1e-5d6b-4c7f-8a90-123456789abc}", false),
            ("urn:uuid:0f3c2a1e-5d6b-4c7f-8a90-123456789abc", false),
            ("d1", false),
            ("", false),
        ] {
            let uid = Uid::from(text);
            assert_eq!(uid.to_string(), text);
            assert_eq!(matches!(uid.0, Kept::Uuid(_)), uuid, "{text}");
        }
    }
}
