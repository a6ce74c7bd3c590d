//! When a program is ready: when every handle that was given out has been dropped or marked.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

/// What is waited for, and whether it has happened.
type Wait = (&'static str, Arc<AtomicBool>);

/// Collects what must have happened before the program is ready.
#[derive(Clone, Default)]
pub struct Readiness {
    waits: Arc<Mutex<Vec<Wait>>>,
}

/// One thing that must happen. Dropping it without [`Handle::done`] leaves the program not ready.
#[must_use]
pub struct Handle(Arc<AtomicBool>);

impl Handle {
    /// It has happened.
    pub fn done(self) {
        self.0.store(true, Ordering::Release);
    }
}

impl Readiness {
    /// Ready as long as nothing is waited for.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Names one more thing that must happen first.
    pub fn wait_for(&self, what: &'static str) -> Handle {
        let flag = Arc::new(AtomicBool::new(false));
        self.waits.lock().unwrap_or_else(PoisonError::into_inner).push((what, Arc::clone(&flag)));
        Handle(flag)
    }

    /// What has not happened yet; empty when the program is ready.
    #[must_use]
    pub fn missing(&self) -> Vec<&'static str> {
        let waits = self.waits.lock().unwrap_or_else(PoisonError::into_inner);
        waits.iter().filter(|(_, done)| !done.load(Ordering::Acquire)).map(|(what, _)| *what).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Readiness;

    #[test]
    fn ready_only_when_everything_has_happened() {
        let readiness = Readiness::new();
        let (listening, synced) = (readiness.wait_for("listening"), readiness.wait_for("policies listed"));
        listening.done();
        assert_eq!(readiness.missing(), ["policies listed"]);
        drop(synced);
        assert_eq!(readiness.missing(), ["policies listed"], "a task that died does not make us ready");
    }
}
