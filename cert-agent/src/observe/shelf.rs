//! Where the facts of one kind of object are kept: by namespace, replaced as a whole after each new list.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use crate::text::Text;

/// Namespace and name of an object; the namespace of a cluster-wide object is empty.
pub type Place = (String, String);

/// Whether an object is, for us, the one that we know already.
pub trait Same {
    /// As if nothing had changed.
    fn same(&self, other: &Self) -> bool;
}

/// What a watch tells.
#[derive(Clone, Debug)]
pub enum Change<V> {
    /// A new list begins.
    ListBegins,
    /// An object of the new list.
    Listed(Place, V),
    /// The new list is complete: what it does not hold is gone.
    ListEnds,
    /// An object was made or changed.
    Put(Place, V),
    /// An object is gone.
    Gone(Place),
}

type Rows<V> = HashMap<Text, BTreeMap<Text, Arc<V>>>;

/// The facts of one kind of object.
#[derive(Debug)]
pub struct Shelf<V> {
    rows: Rows<V>,
    incoming: Option<Rows<V>>,
    complete: bool,
}

impl<V> Default for Shelf<V> {
    fn default() -> Self {
        Self { rows: Rows::new(), incoming: None, complete: false }
    }
}

impl<V: Same> Shelf<V> {
    /// Takes a change; returns the places where something is different now.
    pub fn take(&mut self, change: Change<V>) -> Vec<Place> {
        match change {
            Change::ListBegins => {
                self.incoming = Some(Rows::new());
                Vec::new()
            }
            Change::Listed((namespace, name), value) => {
                let incoming = self.incoming.get_or_insert_default();
                incoming.entry(namespace.into()).or_default().insert(name.into(), Arc::new(value));
                Vec::new()
            }
            Change::ListEnds => self.swap(),
            Change::Put(place, value) => {
                // Also where nothing is told: what is the same for us may have a newer version.
                let value = Arc::new(value);
                let row = self.rows.entry((&place.0).into()).or_default();
                let known = row.insert((&place.1).into(), Arc::clone(&value));
                if known.is_some_and(|known| known.same(&value)) { Vec::new() } else { vec![place] }
            }
            Change::Gone(place) => {
                let Some(row) = self.rows.get_mut(place.0.as_str()) else { return Vec::new() };
                let known = row.remove(place.1.as_str()).is_some();
                if row.is_empty() {
                    self.rows.remove(place.0.as_str());
                }
                if known { vec![place] } else { Vec::new() }
            }
        }
    }

    fn swap(&mut self) -> Vec<Place> {
        let fresh = self.incoming.take().unwrap_or_default();
        let old = std::mem::replace(&mut self.rows, fresh);
        self.complete = true;
        let mut touched = Vec::new();
        for (namespace, row) in &self.rows {
            let before = old.get(namespace);
            let differs = |(name, value): &(&Text, &Arc<V>)| {
                !before.and_then(|row| row.get(*name)).is_some_and(|known| known.same(value))
            };
            touched.extend(row.iter().filter(differs).map(|(name, _)| place(namespace, name)));
        }
        for (namespace, row) in &old {
            let now = self.rows.get(namespace);
            let lost = row.keys().filter(|name| !now.is_some_and(|row| row.contains_key(*name)));
            touched.extend(lost.map(|name| place(namespace, name)));
        }
        touched
    }

    /// Whether a first list has been completed.
    #[must_use]
    pub fn complete(&self) -> bool {
        self.complete
    }

    /// One object.
    #[must_use]
    pub fn get(&self, namespace: &str, name: &str) -> Option<Arc<V>> {
        self.rows.get(namespace)?.get(name).cloned()
    }

    /// The objects of one namespace, by name.
    pub fn of(&self, namespace: &str) -> impl Iterator<Item = (&Text, &Arc<V>)> {
        self.rows.get(namespace).into_iter().flatten()
    }

    /// All objects.
    pub fn all(&self) -> impl Iterator<Item = (&Text, &Text, &Arc<V>)> {
        self.rows.iter().flat_map(|(namespace, row)| row.iter().map(move |(name, v)| (namespace, name, v)))
    }
}

fn place(namespace: &Text, name: &Text) -> Place {
    (namespace.into(), name.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Same for i32 {
        fn same(&self, other: &Self) -> bool {
            self == other
        }
    }

    fn place(name: &str) -> Place {
        ("shop".to_owned(), name.to_owned())
    }

    #[test]
    fn tells_only_what_differs() {
        let mut shelf = Shelf::default();
        assert_eq!(shelf.take(Change::Put(place("a"), 1)), [place("a")]);
        assert!(shelf.take(Change::Put(place("a"), 1)).is_empty(), "the same again is no change");
        assert_eq!(shelf.take(Change::Put(place("a"), 2)), [place("a")]);
        assert_eq!(shelf.take(Change::Gone(place("a"))), [place("a")]);
        assert!(shelf.take(Change::Gone(place("a"))).is_empty());
    }

    #[test]
    fn law_10_a_list_under_way_takes_nothing_away() {
        let mut shelf = Shelf::default();
        shelf.take(Change::Put(place("a"), 1));
        shelf.take(Change::Put(place("b"), 1));
        shelf.take(Change::ListBegins);
        assert!(shelf.take(Change::Listed(place("b"), 1)).is_empty());
        assert!(shelf.get("shop", "a").is_some(), "the old list holds until the new one is complete");
        assert!(!shelf.complete());
        assert_eq!(shelf.take(Change::ListEnds), [place("a")]);
        assert!(shelf.complete() && shelf.get("shop", "a").is_none() && shelf.get("shop", "b").is_some());
    }
}
