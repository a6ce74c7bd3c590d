//! One copy of each of many equal values, for as long as somebody has it.

use std::{
    borrow::Borrow,
    collections::HashMap,
    hash::{BuildHasher as _, Hash, RandomState},
    sync::{Arc, Mutex, PoisonError, Weak},
};

/// So many values are known before those that nobody has any more are looked for.
const FIRST_SWEEP: usize = 1024;

/// The copies that somebody has.
pub struct Copies<T: ?Sized>(Mutex<Known<T>>);

struct Known<T: ?Sized> {
    /// By a hash of the whole. Of two values with one hash the later one is kept, and the other has copies.
    copies: HashMap<u64, Weak<T>>,
    hasher: RandomState,
    sweep_at: usize,
}

impl<T: ?Sized> Default for Copies<T> {
    fn default() -> Self {
        Self(Mutex::new(Known { copies: HashMap::new(), hasher: RandomState::new(), sweep_at: FIRST_SWEEP }))
    }
}

impl<T: ?Sized + Eq + Hash> Copies<T> {
    /// The copy that somebody has already of what is equal to this, or this.
    pub fn of<V: Borrow<T> + Into<Arc<T>>>(&self, value: V) -> Arc<T> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let hash = known.hasher.hash_one(value.borrow());
        let held = known.copies.get(&hash).and_then(Weak::upgrade);
        if let Some(equal) = held.filter(|held| **held == *value.borrow()) {
            return equal;
        }
        let copy: Arc<T> = value.into();
        known.copies.insert(hash, Arc::downgrade(&copy));
        if known.copies.len() >= known.sweep_at {
            known.copies.retain(|_, copy| copy.strong_count() > 0);
            known.copies.shrink_to_fit();
            // So that at most half of them are what nobody has any more.
            known.sweep_at = FIRST_SWEEP.max(2 * known.copies.len());
        }
        copy
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_are_one_copy_and_what_nobody_has_is_forgotten() {
        let copies = Copies::<str>::default();
        let web = copies.of("web");
        assert!(Arc::ptr_eq(&web, &copies.of("web")) && !Arc::ptr_eq(&web, &copies.of("pay")));
        for number in 0..10 * FIRST_SWEEP {
            copies.of(number.to_string().as_str());
        }
        assert!(copies.0.lock().unwrap().copies.len() <= FIRST_SWEEP);
        assert!(Arc::ptr_eq(&web, &copies.of("web")), "what somebody has stays");
    }
}
