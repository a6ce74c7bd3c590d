//! One copy of each of many equal values, for as long as somebody has it.

use std::{collections::HashSet, hash::Hash, sync::Arc};

/// Fewer values than this are not looked through for some that nobody has.
const FEW: usize = 1024;

/// The copies that somebody has, and some that nobody has any more.
pub struct Copies<T: ?Sized> {
    known: HashSet<Arc<T>>,
    /// How many there were when they were last looked through.
    kept: usize,
}

impl<T: ?Sized> Default for Copies<T> {
    fn default() -> Self {
        Self { known: HashSet::new(), kept: 0 }
    }
}

impl<T: ?Sized + Eq + Hash> Copies<T> {
    /// The one copy of a value, made from this if nobody has one.
    pub fn of<V>(&mut self, value: V) -> Arc<T>
    where
        V: AsRef<T> + Into<Arc<T>>,
    {
        if let Some(known) = self.known.get(value.as_ref()) {
            return Arc::clone(known);
        }
        // So that at most half of them are copies that nobody has any more.
        if self.known.len() >= FEW.max(2 * self.kept) {
            self.known.retain(|copy| Arc::strong_count(copy) > 1);
            self.known.shrink_to(2 * self.known.len());
            self.kept = self.known.len();
        }
        let copy: Arc<T> = value.into();
        self.known.insert(Arc::clone(&copy));
        copy
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_are_one_copy_and_what_nobody_has_goes() {
        let mut copies = Copies::<str>::default();
        let mut of = |text: &str| copies.of(text);
        let (one, same) = (of("web"), of("web"));
        assert!(Arc::ptr_eq(&one, &same) && !Arc::ptr_eq(&one, &of("pay")));
        for number in 0..10 * FEW {
            of(&number.to_string());
        }
        assert!(Arc::ptr_eq(&one, &of("web")), "what somebody has stays");
        assert!(copies.known.len() <= FEW, "{} are kept", copies.known.len());
    }
}
