//! The objects of one watch as they stand. A new list takes effect only when it is whole, so nothing is
//! forgotten because a list was slow or broke off (law 10).

use std::collections::HashMap;

use kube::{Resource, ResourceExt as _, runtime::watcher::Event};

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
    /// Takes an event in. All objects, if they changed and are whole.
    pub(super) fn take(&mut self, event: Event<K>) -> Option<&HashMap<String, K>> {
        match event {
            Event::Init => {
                self.listing = Some(HashMap::new());
                return None;
            }
            Event::InitApply(object) => {
                self.listing.get_or_insert_default().insert(object.name_any(), lean(object));
                return None;
            }
            Event::InitDone => self.standing = self.listing.take().unwrap_or_default(),
            Event::Apply(object) => {
                self.standing.insert(object.name_any(), lean(object));
            }
            Event::Delete(object) => {
                self.standing.remove(&object.name_any());
            }
        }
        Some(&self.standing)
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

    fn names(objects: Option<&HashMap<String, Namespace>>) -> Option<Vec<&str>> {
        objects.map(|objects| {
            assert!(objects.values().all(|object| object.managed_fields().is_empty()));
            let mut names: Vec<&str> = objects.keys().map(String::as_str).collect();
            names.sort_unstable();
            names
        })
    }

    #[test]
    fn law_10_a_list_counts_when_it_is_whole() {
        let mut mirror = Mirror::default();
        assert_eq!(names(mirror.take(Event::Init)), None);
        assert_eq!(names(mirror.take(Event::InitApply(namespace("shop")))), None);
        assert_eq!(names(mirror.take(Event::InitDone)), Some(vec!["shop"]));
        assert_eq!(names(mirror.take(Event::Apply(namespace("bill")))), Some(vec!["bill", "shop"]));

        // The watch breaks off, and so does the first new list.
        assert_eq!(names(mirror.take(Event::Init)), None);
        assert_eq!(names(mirror.take(Event::InitApply(namespace("gone")))), None);
        assert_eq!(names(mirror.take(Event::Init)), None);
        assert_eq!(mirror.standing.len(), 2);
        assert_eq!(names(mirror.take(Event::InitApply(namespace("bill")))), None);
        assert_eq!(names(mirror.take(Event::InitDone)), Some(vec!["bill"]));
        assert_eq!(names(mirror.take(Event::Delete(namespace("bill")))), Some(vec![]));
    }
}
