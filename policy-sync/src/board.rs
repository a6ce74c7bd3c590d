//! Where the firewalls' workers post how their names stand, and the gates read it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::watch;

use crate::standing::Standing;

/// How every firewall stands. Clones are one.
#[derive(Clone)]
pub struct Board {
    posted: Arc<Mutex<BTreeMap<String, Arc<Standing>>>>,
    changed: watch::Sender<u64>,
}

impl Default for Board {
    fn default() -> Self {
        Self { posted: Arc::default(), changed: watch::Sender::new(0) }
    }
}

impl Board {
    /// Posts how one firewall stands; readers wake only if it differs.
    pub fn post(&self, firewall: &str, standing: Standing) {
        let mut posted = self.posted.lock().unwrap_or_else(PoisonError::into_inner);
        if posted.get(firewall).is_none_or(|before| **before != standing) {
            posted.insert(firewall.to_owned(), Arc::new(standing));
            self.changed.send_modify(|n| *n = n.wrapping_add(1));
        }
    }

    /// Takes down a firewall that is no more.
    pub fn take_down(&self, firewall: &str) {
        let mut posted = self.posted.lock().unwrap_or_else(PoisonError::into_inner);
        if posted.remove(firewall).is_some() {
            self.changed.send_modify(|n| *n = n.wrapping_add(1));
        }
    }

    /// How one firewall stands; `None` before its worker said anything.
    #[must_use]
    pub fn standing(&self, firewall: &str) -> Option<Arc<Standing>> {
        self.posted.lock().unwrap_or_else(PoisonError::into_inner).get(firewall).cloned()
    }

    /// Wakes on every post that differs.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }
}
