//! What one watch has told, as far as it is kept. A new list takes effect only when it is whole, so nothing is
//! forgotten because a list was slow or broke off (law 10).

use kube::{Resource, ResourceExt as _, runtime::watcher::Event};

/// What is kept of the objects of a watch: what reviews need, and not the objects.
pub(super) trait Kept: Clone + Default {
    /// The objects.
    type Object: Resource;

    /// Takes an object in, in place of the one of that name.
    fn put(&mut self, name: String, object: Self::Object);

    /// Forgets an object.
    fn remove(&mut self, name: &str);

    /// How many objects there are.
    fn len(&self) -> usize;
}

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

/// What is kept of one watch, and of a list that is under way.
pub(super) struct Mirror<T> {
    standing: T,
    listing: Option<T>,
}

impl<T: Default> Default for Mirror<T> {
    fn default() -> Self {
        Self { standing: T::default(), listing: None }
    }
}

impl<T: Kept> Mirror<T> {
    /// Takes an event in; tells whether what is kept changed, and is whole.
    pub(super) fn take(&mut self, event: Event<T::Object>) -> Taken {
        match event {
            Event::Init => {
                self.listing = Some(T::default());
                Taken::Part
            }
            Event::InitApply(object) => {
                self.listing.get_or_insert_default().put(object.name_any(), object);
                Taken::Part
            }
            Event::InitDone => {
                self.standing = self.listing.take().unwrap_or_default();
                Taken::List
            }
            Event::Apply(object) => {
                self.standing.put(object.name_any(), object);
                Taken::Change
            }
            Event::Delete(object) => {
                self.standing.remove(&object.name_any());
                Taken::Change
            }
        }
    }

    /// What is kept, as it stands.
    pub(super) const fn standing(&self) -> &T {
        &self.standing
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use k8s_openapi::api::core::v1::Namespace;
    use serde_json::json;

    use super::*;

    impl Kept for BTreeSet<String> {
        type Object = Namespace;

        fn put(&mut self, name: String, _: Namespace) {
            self.insert(name);
        }

        fn remove(&mut self, name: &str) {
            self.remove(name);
        }

        fn len(&self) -> usize {
            self.len()
        }
    }

    fn namespace(name: &str) -> Namespace {
        serde_json::from_value(json!({"metadata": {"name": name}})).unwrap()
    }

    /// The names that stand after an event, if it changed them.
    fn names(mirror: &mut Mirror<BTreeSet<String>>, event: Event<Namespace>) -> Option<Vec<String>> {
        let taken = mirror.take(event);
        (taken != Taken::Part).then(|| mirror.standing().iter().cloned().collect())
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
        assert_eq!(mirror.standing().len(), 2);
        assert_eq!(names(&mut mirror, Event::InitApply(namespace("bill"))), None);
        assert_eq!(names(&mut mirror, Event::InitDone), Some(vec!["bill".to_owned()]));
        assert_eq!(names(&mut mirror, Event::Delete(namespace("bill"))), Some(vec![]));
    }
}
