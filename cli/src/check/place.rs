//! Where in a file something stands: the line of a path, in the document as it was written.

use std::{collections::BTreeMap, fmt};

use serde::{
    Deserialize,
    de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_saphyr::Spanned;

/// One step into a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A member of a mapping.
    Key(String),
    /// An element of a list.
    Index(usize),
}

/// The path of a refusal's place: what follows the object in `Deployment shop/web, spec.volumes[1]`. Empty if it names
/// the object alone.
pub(super) fn steps(place: &str) -> Vec<Step> {
    let Some((_, mut rest)) = place.split_once(", ") else { return Vec::new() };
    let mut steps = Vec::new();
    while !rest.is_empty() {
        let (step, after) = if let Some((key, after)) = quoted(rest) {
            (Step::Key(key.to_owned()), after)
        } else if let Some((index, after)) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            let Ok(index) = index.parse() else { break };
            (Step::Index(index), after)
        } else {
            let (key, after) = rest.split_at(rest.find(['.', '[']).unwrap_or(rest.len()));
            (Step::Key(key.to_owned()), after)
        };
        steps.push(step);
        rest = after.strip_prefix('.').unwrap_or(after);
    }
    steps
}

/// A key in brackets and quotes, and what follows it.
fn quoted(rest: &str) -> Option<(&str, &str)> {
    rest.strip_prefix("[\"")?.split_once("\"]")
}

/// A document as lines: of each member the line of its key, of each element the line where it begins.
#[derive(Debug)]
pub(super) enum Lines {
    Map(BTreeMap<String, (usize, Self)>),
    List(Vec<(usize, Self)>),
    Leaf,
}

impl Lines {
    /// Reads a document; nothing if it is none.
    pub(super) fn read(text: &str) -> Option<Self> {
        serde_saphyr::from_str(text).ok()
    }

    /// The line of the deepest part of the path that is there, from 1; nothing if not even its first step is.
    pub(super) fn line(&self, path: &[Step]) -> Option<usize> {
        let (step, rest) = path.split_first()?;
        let (line, below) = match (self, step) {
            (Self::Map(map), Step::Key(key)) => map.get(key)?,
            (Self::List(list), Step::Index(index)) => list.get(*index)?,
            (Self::Map(_) | Self::List(_) | Self::Leaf, _) => return None,
        };
        Some(below.line(rest).unwrap_or(*line))
    }
}

impl<'de> Deserialize<'de> for Lines {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Lines;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Lines, A::Error> {
        let mut map = BTreeMap::new();
        while let Some((key, value)) = access.next_entry::<Spanned<String>, Lines>()? {
            map.insert(key.value, (line_of(&key.referenced), value));
        }
        Ok(Lines::Map(map))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Lines, A::Error> {
        let mut list = Vec::new();
        while let Some(element) = access.next_element::<Spanned<Lines>>()? {
            list.push((line_of(&element.referenced), element.value));
        }
        Ok(Lines::List(list))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Lines, D::Error> {
        Lines::deserialize(deserializer)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Lines, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Lines::Leaf)
    }

    fn visit_unit<E>(self) -> Result<Lines, E> {
        Ok(Lines::Leaf)
    }

    fn visit_none<E>(self) -> Result<Lines, E> {
        Ok(Lines::Leaf)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Lines, E> {
        Ok(Lines::Leaf)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Lines, E> {
        Ok(Lines::Leaf)
    }

    fn visit_i128<E>(self, _: i128) -> Result<Lines, E> {
        Ok(Lines::Leaf)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Lines, E> {
        Ok(Lines::Leaf)
    }

    fn visit_u128<E>(self, _: u128) -> Result<Lines, E> {
        Ok(Lines::Leaf)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Lines, E> {
        Ok(Lines::Leaf)
    }

    fn visit_str<E>(self, _: &str) -> Result<Lines, E> {
        Ok(Lines::Leaf)
    }

    fn visit_bytes<E>(self, _: &[u8]) -> Result<Lines, E> {
        Ok(Lines::Leaf)
    }
}

fn line_of(location: &serde_saphyr::Location) -> usize {
    usize::try_from(location.line()).unwrap_or(1).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_path() {
        let key = |text: &str| Step::Key(text.to_owned());
        for (place, path) in [
            ("Pod shop/web", Vec::new()),
            ("Pod shop/web, spec.volumes[1]", vec![key("spec"), key("volumes"), Step::Index(1)]),
            (
                "Pod shop/web, metadata.annotations[\"sallyport.dev/san\"]",
                vec![key("metadata"), key("annotations"), key("sallyport.dev/san")],
            ),
            (
                "Pod shop/web, spec.containers[0].env[12]",
                vec![key("spec"), key("containers"), Step::Index(0), key("env"), Step::Index(12)],
            ),
            ("Pod shop/web, spec.volumes[x]", vec![key("spec"), key("volumes")]),
        ] {
            assert_eq!(steps(place), path, "{place}");
        }
    }

    #[test]
    fn a_path_has_the_line_of_its_deepest_part_that_is_there() {
        let text = "kind: Pod\nspec:\n  containers:\n  - name: a\n    env:\n    - {name: X}\n    -\n      name: Y\n  volumes: [\n    {name: v},\n    {name: w}]\n";
        let lines = Lines::read(text).unwrap();
        for (place, line) in [
            ("x, spec", Some(2)),
            ("x, spec.containers[0]", Some(4)),
            ("x, spec.containers[0].env[0]", Some(6)),
            ("x, spec.containers[0].env[1].name", Some(8)),
            ("x, spec.containers[0].env[7]", Some(5)),
            ("x, spec.volumes[1]", Some(11)),
            ("x, metadata.name", None),
            ("x", None),
        ] {
            assert_eq!(lines.line(&steps(place)), line, "{place}");
        }
        assert_eq!(Lines::read("{\"a\": {\n \"b\": 5}}").unwrap().line(&steps("x, a.b")), Some(2), "JSON");
    }
}
