//! One copy of each entry that is read: what is edited, what is in force, what each firewall of a group runs, and what the
//! rules in force name, are read one after the other, differ in little, and may hold thousands.

use std::{
    collections::HashMap,
    hash::{BuildHasher as _, RandomState},
    sync::{Arc, Mutex, PoisonError, Weak},
};

use crate::xml::Element;

/// So many entries are known before those that nobody holds any more are looked for.
const FIRST_SWEEP: usize = 1024;

/// The entries that somebody holds.
#[derive(Default)]
pub struct Pool(Mutex<Known>);

#[derive(Default)]
struct Known {
    /// By a hash of the whole.
    entries: HashMap<u64, Weak<Element>>,
    hasher: RandomState,
    sweep_at: usize,
}

impl Pool {
    /// The entry, or the one that somebody holds already and that is alike.
    #[must_use]
    pub fn share(&self, entry: Element) -> Arc<Element> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let hash = known.hasher.hash_one(&entry);
        let held = known.entries.get(&hash).and_then(Weak::upgrade);
        if let Some(alike) = held.filter(|held| **held == entry) {
            return alike;
        }
        let entry = Arc::new(entry);
        known.entries.insert(hash, Arc::downgrade(&entry));
        if known.entries.len() >= known.sweep_at.max(FIRST_SWEEP) {
            known.entries.retain(|_, entry| entry.strong_count() > 0);
            known.entries.shrink_to_fit();
            known.sweep_at = known.entries.len() * 2;
        }
        entry
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_alike_is_held_once_and_what_nobody_holds_is_forgotten() {
        let pool = Pool::default();
        let web = pool.share(Element::entry("web"));
        assert!(Arc::ptr_eq(&web, &pool.share(Element::entry("web"))));
        assert!(!Arc::ptr_eq(&web, &pool.share(Element::entry("pay"))));
        for n in 0..10 * FIRST_SWEEP {
            drop(pool.share(Element::entry(&n.to_string())));
        }
        assert!(pool.0.lock().unwrap().entries.len() <= FIRST_SWEEP);
        assert!(Arc::ptr_eq(&web, &pool.share(Element::entry("web"))));
    }
}
