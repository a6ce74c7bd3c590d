//! One kind of object as a watch shows it. While a new list comes in, the old one stands.

use std::{collections::BTreeMap, ops::RangeFrom, sync::Arc};

/// One step of a watch.
#[derive(Clone, Debug)]
pub enum Change<K, V> {
    /// A new list begins.
    Restarted,
    /// An object of the new list.
    Listed(K, V),
    /// An object of the new list that cannot be read: what was known of it stays.
    ListedUnreadable(K),
    /// The new list is complete.
    Complete,
    /// An object was made or changed.
    Applied(K, V),
    /// An object is gone.
    Gone(K),
}

/// Whether two versions of an object are alike, so that nobody need wake.
pub trait Alike {
    /// Alike in everything that we look at.
    fn alike(&self, other: &Self) -> bool;
}

/// Objects by key. A copy of the whole costs nothing until the next change.
#[derive(Debug)]
pub struct Table<K, V> {
    current: Arc<BTreeMap<K, Arc<V>>>,
    incoming: Option<BTreeMap<K, Arc<V>>>,
    complete: bool,
}

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Self { current: Arc::default(), incoming: None, complete: false }
    }
}

/// What one change replaced: key, before, after.
pub type Replaced<K, V> = (K, Option<Arc<V>>, Option<Arc<V>>);

impl<K: Ord + Clone, V: Alike> Table<K, V> {
    /// Takes one step of the watch; hands back what it replaced.
    pub fn apply(&mut self, change: Change<K, V>) -> Vec<Replaced<K, V>> {
        match change {
            Change::Restarted => {
                self.incoming = Some(BTreeMap::new());
                Vec::new()
            }
            Change::Listed(key, value) => {
                self.incoming.get_or_insert_default().insert(key, Arc::new(value));
                Vec::new()
            }
            Change::ListedUnreadable(key) => {
                if let Some(known) = self.current.get(&key) {
                    self.incoming.get_or_insert_default().insert(key, Arc::clone(known));
                }
                Vec::new()
            }
            Change::Complete => self.swap(),
            Change::Applied(key, value) => {
                let after = Arc::new(value);
                let before = Arc::make_mut(&mut self.current).insert(key.clone(), Arc::clone(&after));
                if alike(before.as_ref(), &after) { Vec::new() } else { vec![(key, before, Some(after))] }
            }
            Change::Gone(key) => {
                let before = Arc::make_mut(&mut self.current).remove(&key);
                before.map(|before| (key, Some(before), None)).into_iter().collect()
            }
        }
    }

    fn swap(&mut self) -> Vec<Replaced<K, V>> {
        let next = Arc::new(self.incoming.take().unwrap_or_default());
        let before = std::mem::replace(&mut self.current, next);
        self.complete = true;
        let gone = before.iter().filter(|(key, _)| !self.current.contains_key(key));
        let gone = gone.map(|(key, value)| (key.clone(), Some(Arc::clone(value)), None));
        let new = self.current.iter().filter(|(key, value)| !alike(before.get(*key), value));
        let new = new.map(|(key, value)| (key.clone(), before.get(key).cloned(), Some(Arc::clone(value))));
        gone.chain(new).collect()
    }

    /// All objects, once a first list was complete.
    #[must_use]
    pub fn complete(&self) -> Option<Arc<BTreeMap<K, Arc<V>>>> {
        self.complete.then(|| Arc::clone(&self.current))
    }

    /// One object.
    #[must_use]
    pub fn get(&self, key: &K) -> Option<Arc<V>> {
        self.current.get(key).cloned()
    }

    /// The keys in order.
    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.current.keys()
    }

    /// The objects in order.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &Arc<V>)> {
        self.current.iter()
    }

    /// The objects from a key on.
    pub fn range(&self, range: RangeFrom<K>) -> impl Iterator<Item = (&K, &Arc<V>)> {
        self.current.range(range)
    }
}

fn alike<V: Alike>(before: Option<&Arc<V>>, after: &Arc<V>) -> bool {
    before.is_some_and(|before| before.alike(after))
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Alike for u8 {
        fn alike(&self, other: &Self) -> bool {
            self == other
        }
    }

    #[test]
    fn law_10_the_old_list_stands_until_the_new_one_is_complete() {
        let mut table: Table<&str, u8> = Table::default();
        assert!(table.complete().is_none());
        table.apply(Change::Restarted);
        table.apply(Change::Listed("a", 1));
        table.apply(Change::Listed("b", 2));
        assert!(table.complete().is_none());
        assert_eq!(table.apply(Change::Complete).len(), 2);

        table.apply(Change::Restarted);
        table.apply(Change::ListedUnreadable("a"));
        assert_eq!(table.complete().unwrap().len(), 2, "a half list removes nothing");
        let replaced = table.apply(Change::Complete);
        assert_eq!(replaced, [("b", Some(Arc::new(2)), None)], "what cannot be read stays as it was");
        assert_eq!(table.apply(Change::Applied("a", 1)), []);
        assert_eq!(table.apply(Change::Applied("a", 3)), [("a", Some(Arc::new(1)), Some(Arc::new(3)))]);
        assert_eq!(table.apply(Change::Gone("a")).len(), 1);
    }
}
