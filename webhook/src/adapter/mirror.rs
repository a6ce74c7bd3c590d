//! The objects of one watch as they stand. A new list takes effect only when it is whole, so nothing is
//! forgotten because a list was slow or broke off (law 10).

use std::collections::HashMap;

use kube::{Resource, ResourceExt as _, runtime::watcher::Event};

/// What an event did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// It is a part of a list, which does not count yet.
    Part,
    /// A list is whole.
    List,
    /// One object changed.
    Change,
}

/// The objects of one watch, by name.
pub(super) struct Mirror<K> {
    standing: HashMap<String, K>,
    listing: Option<HashMap<String, K>>,
}

impl<K> Default for Mirror<K> {
    fn default() -> Self {
        Self { standing: HashMap::new(), listing: None }
    }
}

impl<K: Resource<DynamicType = ()>> Mirror<K> {
    /// Takes an event in; tells whether the objects changed, and are whole.
    pub(super) fn take(&mut self, event: Event<K>) -> Taken {
        match event {
            Event::Init => {
                self.listing = Some(HashMap::new());
                Taken::Part
            }
            Event::InitApply(object) => {
                self.listing.get_or_insert_default().insert(object.name_any(), lean(object));
                Taken::Part
            }
            Event::InitDone => {
                self.standing = self.listing.take().unwrap_or_default();
                Taken::List
            }
            Event::Apply(object) => {
                self.standing.insert(object.name_any(), lean(object));
                Taken::Change
            }
            Event::Delete(object) => {
                self.standing.remove(&object.name_any());
                Taken::Change
            }
        }
    }

    /// All objects as they stand.
    pub(super) const fn objects(&self) -> &HashMap<String, K> {
        &self.standing
    }
}

/// Who wrote which field is half of an object and none of our business.
fn lean<K: Resource>(mut object: K) -> K {
    object.managed_fields_mut().clear();
    object
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::Namespace;
    use serde_json::json;

    use super::*;

    fn namespace(name: &str) -> Namespace {
        serde_json::from_value(json!({"metadata": {"name": name, "managedFields": [{"manager": "x"}]}}))
            .unwrap()
    }

    /// The names that stand after an event, if it changed them.
    fn names(mirror: &mut Mirror<Namespace>, event: Event<Namespace>) -> Option<Vec<String>> {
        if mirror.take(event) == Taken::Part {
            return None;
        }
        assert!(mirror.objects().values().all(|object| object.managed_fields().is_empty()));
        let mut names: Vec<String> = mirror.objects().keys().cloned().collect();
        names.sort_unstable();
        Some(names)
    }

    #[test]
    fn law_10_a_list_counts_when_it_is_whole() {
        let mut mirror = Mirror::default();
        assert_eq!(names(&mut mirror, Event::Init), None);
        assert_eq!(names(&mut mirror, Event::InitApply(namespace("shop"))), None);
        assert_eq!(names(&mut mirror, Event::InitDone), Some(vec!["shop".to_owned()]));
        assert_eq!(
            names(&mut mirror, Event::Apply(namespace("bill"))),
            Some(vec!["bill".to_owned(), "shop".to_owned()])
        );

        // The watch breaks off, and so does the first new list.
        assert_eq!(names(&mut mirror, Event::Init), None);
        assert_eq!(names(&mut mirror, Event::InitApply(namespace("gone"))), None);
        assert_eq!(names(&mut mirror, Event::Init), None);
        assert_eq!(mirror.standing.len(), 2);
        assert_eq!(names(&mut mirror, Event::InitApply(namespace("bill"))), None);
        assert_eq!(names(&mut mirror, Event::InitDone), Some(vec!["bill".to_owned()]));
        assert_eq!(names(&mut mirror, Event::Delete(namespace("bill"))), Some(vec![]));
    }
}
