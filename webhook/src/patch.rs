//! From the changes that are wanted to the smallest JSON Patch (RFC 6902) on the raw object.
//!
//! Raw JSON, because typed structs drop every field that they do not know. A missing or null parent is
//! added together with everything that goes into it, so no operation ever replaces what somebody wrote.

use std::fmt;

use json_patch::{
    AddOperation, PatchOperation, RemoveOperation, ReplaceOperation,
    jsonptr::{PointerBuf, Token},
};
use serde::Serialize;
use serde_json::{Map, Value};

/// One step into a JSON document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A member of an object.
    Key(&'static str),
    /// An element of an array.
    Index(usize),
}

/// A place in a JSON document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path(Vec<Step>);

impl Path {
    /// The place that these members lead to.
    #[must_use]
    pub fn of(keys: &[&'static str]) -> Self {
        Self(keys.iter().copied().map(Step::Key).collect())
    }

    /// The member `key` of this place.
    #[must_use]
    pub fn key(&self, key: &'static str) -> Self {
        self.step(Step::Key(key))
    }

    /// The element `index` of this place.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        self.step(Step::Index(index))
    }

    fn step(&self, step: Step) -> Self {
        Self(self.0.iter().copied().chain([step]).collect())
    }

    /// The map here; `None` if nothing or null is.
    ///
    /// # Errors
    /// Something else is here, or on the way.
    pub fn map<'a>(&self, object: &'a Value) -> Result<Option<&'a Map<String, Value>>, Misshapen> {
        match self.value(object)? {
            None => Ok(None),
            Some(Value::Object(map)) => Ok(Some(map)),
            Some(_) => Err(self.misshapen("an object")),
        }
    }

    /// The list here; empty if nothing or null is.
    ///
    /// # Errors
    /// Something else is here, or on the way.
    pub fn list<'a>(&self, object: &'a Value) -> Result<&'a [Value], Misshapen> {
        match self.value(object)? {
            None => Ok(&[]),
            Some(Value::Array(list)) => Ok(list),
            Some(_) => Err(self.misshapen("a list")),
        }
    }

    /// The value here; `None` if nothing or null is.
    ///
    /// # Errors
    /// Something on the way cannot hold it.
    pub fn value<'a>(&self, object: &'a Value) -> Result<Option<&'a Value>, Misshapen> {
        let mut here = object;
        for (depth, step) in self.0.iter().enumerate() {
            let next = match (step, here) {
                (Step::Key(key), Value::Object(map)) => map.get(*key),
                (Step::Index(index), Value::Array(list)) => list.get(*index),
                (_, Value::Null) => None,
                (Step::Key(_), _) => return Err(self.up_to(depth).misshapen("an object")),
                (Step::Index(_), _) => return Err(self.up_to(depth).misshapen("a list")),
            };
            match next {
                None | Some(Value::Null) => return Ok(None),
                Some(value) => here = value,
            }
        }
        Ok(Some(here))
    }

    fn up_to(&self, depth: usize) -> Self {
        Self(self.0.iter().copied().take(depth).collect())
    }

    fn misshapen(&self, wanted: &'static str) -> Misshapen {
        Misshapen { place: self.to_string(), wanted }
    }

    fn pointer<'a>(&'a self, last: Option<&'a str>) -> PointerBuf {
        let steps = self.0.iter().map(|step| match step {
            Step::Key(key) => Token::new(*key),
            Step::Index(index) => Token::from(*index),
        });
        PointerBuf::from_tokens(steps.chain(last.map(Token::new)))
    }
}

/// As Kubernetes' own messages write it: `spec.containers[0].env`.
impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (depth, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) if depth == 0 => write!(f, "{key}")?,
                Step::Key(key) => write!(f, ".{key}")?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// A place holds something of another shape than Kubernetes has there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place} is not {wanted}")]
pub struct Misshapen {
    /// The place, as in `spec.volumes`.
    pub place: String,
    /// What should be there.
    pub wanted: &'static str,
}

/// One change that is wanted. Those of one place must follow one another.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// A member of a map of strings has this value.
    Set(Path, String, String),
    /// A member of a map is not there.
    Unset(Path, String),
    /// An element stands at the end of a list.
    Append(Path, Value),
    /// An element stands at the head of a list. Whatever names the list's other elements by their places comes before.
    Prepend(Path, Value),
}

impl Change {
    const fn place(&self) -> &Path {
        match self {
            Self::Set(place, ..)
            | Self::Unset(place, _)
            | Self::Append(place, _)
            | Self::Prepend(place, _) => place,
        }
    }
}

/// Operations in the order in which they are to be done. Built here only.
#[derive(Clone, Debug, PartialEq, Default, Serialize)]
#[serde(transparent)]
pub struct Patch(Vec<PatchOperation>);

impl Patch {
    /// The operations that bring `changes` about, and `object` as it is after them. What already is as
    /// wanted costs no operation.
    ///
    /// # Errors
    /// A place holds something of another shape; nothing of `object` may be used then.
    pub fn of(object: &mut Value, changes: &[Change]) -> Result<Self, Misshapen> {
        let mut patch = Self::default();
        for group in changes.chunk_by(|one, next| one.place() == next.place()) {
            let Some(place) = group.first().map(Change::place) else { continue };
            if place.value(object)?.is_none() {
                if let Some(whole) = whole(group) {
                    patch.add_missing(object, place, whole)?;
                }
            } else {
                group.iter().try_for_each(|change| patch.change(object, change))?;
            }
        }
        Ok(patch)
    }

    /// Whether nothing is to be done.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The operations.
    #[must_use]
    pub fn operations(&self) -> &[PatchOperation] {
        &self.0
    }

    /// Adds a place that is not there, with every parent that is not there either, in one operation.
    fn add_missing(&mut self, object: &mut Value, place: &Path, value: Value) -> Result<(), Misshapen> {
        let Some((Step::Key(last), parents)) = place.0.split_last() else {
            return Err(place.misshapen("there"));
        };
        let parent = Path(parents.to_vec());
        if parent.value(object)?.is_none() {
            return self.add_missing(
                object,
                &parent,
                Value::Object(Map::from_iter([((*last).to_owned(), value)])),
            );
        }
        self.0.push(add(place.pointer(None), value.clone()));
        map_at(object, &parent)?.insert((*last).to_owned(), value);
        Ok(())
    }

    /// One change in a place that is there.
    fn change(&mut self, object: &mut Value, change: &Change) -> Result<(), Misshapen> {
        match change {
            Change::Set(place, key, value) => {
                let path = place.pointer(Some(key));
                let wanted = Value::String(value.clone());
                let map = map_at(object, place)?;
                match map.get(key) {
                    Some(standing) if *standing == wanted => return Ok(()),
                    Some(_) => self.0.push(replace(path, wanted.clone())),
                    None => self.0.push(add(path, wanted.clone())),
                }
                map.insert(key.clone(), wanted);
            }
            Change::Unset(place, key) => {
                if map_at(object, place)?.remove(key).is_some() {
                    let path = place.pointer(Some(key));
                    self.0.push(PatchOperation::Remove(RemoveOperation { path }));
                }
            }
            Change::Append(place, item) => {
                let Some(Value::Array(list)) = at(object, place) else {
                    return Err(place.misshapen("a list"));
                };
                list.push(item.clone());
                self.0.push(add(place.pointer(Some("-")), item.clone()));
            }
            Change::Prepend(place, item) => {
                let Some(Value::Array(list)) = at(object, place) else {
                    return Err(place.misshapen("a list"));
                };
                list.insert(0, item.clone());
                self.0.push(add(place.pointer(Some("0")), item.clone()));
            }
        }
        Ok(())
    }
}

/// Everything that goes into a place that is not there; `None` if nothing does.
fn whole(group: &[Change]) -> Option<Value> {
    let (mut map, mut list) = (Map::new(), Vec::new());
    for change in group {
        match change {
            Change::Set(_, key, value) => {
                map.insert(key.clone(), Value::String(value.clone()));
            }
            Change::Unset(..) => {}
            Change::Append(_, item) => list.push(item.clone()),
            Change::Prepend(_, item) => list.insert(0, item.clone()),
        }
    }
    match (map.is_empty(), list.is_empty()) {
        (true, true) => None,
        (false, _) => Some(Value::Object(map)),
        (true, false) => Some(Value::Array(list)),
    }
}

fn add(path: PointerBuf, value: Value) -> PatchOperation {
    PatchOperation::Add(AddOperation { path, value })
}

fn replace(path: PointerBuf, value: Value) -> PatchOperation {
    PatchOperation::Replace(ReplaceOperation { path, value })
}

fn at<'a>(object: &'a mut Value, place: &Path) -> Option<&'a mut Value> {
    place.0.iter().try_fold(object, |here, step| match step {
        Step::Key(key) => here.get_mut(*key),
        Step::Index(index) => here.get_mut(*index),
    })
}

fn map_at<'a>(object: &'a mut Value, place: &Path) -> Result<&'a mut Map<String, Value>, Misshapen> {
    match at(object, place) {
        Some(Value::Object(map)) => Ok(map),
        _ => Err(place.misshapen("an object")),
    }
}

#[cfg(test)]
mod tests;
