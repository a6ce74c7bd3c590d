//! What is due: each key once, never twice at the same time, a change while it runs makes it due again.
//!
//! What has begun goes before what has not. Of thousands that come at once some are done early then, instead of all late, and few
//! at a time are half done, with all that is remembered of them and said meanwhile.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::{sync::Notify, time::Instant};

use crate::text::Text;

/// What there is to do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Work {
    /// The webhook's serving certificate and the caBundle.
    Webhook,
    /// Decide what is wanted in a namespace.
    Namespace(String),
    /// Drive one identity: namespace and name.
    Identity(Text, Text),
    /// Look at a certificate authority.
    Authority(String),
    /// Do what somebody asks of an identity: namespace and name of the request.
    Request(String, String),
    /// Tell the policies' writers.
    Policies,
    /// Write the trust bundles.
    Trust,
    /// End what is over.
    Sweep,
}

impl Work {
    /// The kind of work, for metrics.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Namespace(_) => "namespace",
            Self::Identity(..) => "identity",
            Self::Authority(_) => "authority",
            Self::Request(..) => "request",
            Self::Policies => "policies",
            Self::Trust => "trust",
            Self::Sweep => "sweep",
        }
    }
}

/// What is due, and what runs.
#[derive(Debug, Default)]
pub struct Queue {
    inner: Mutex<Inner>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    /// What goes on from where it is.
    begun: BTreeSet<(Instant, Work)>,
    due: BTreeSet<(Instant, Work)>,
    entries: HashMap<Work, Entry>,
}

/// Two clocks: a change that makes work due now must not bring forward the look at everything.
#[derive(Debug, Default)]
struct Entry {
    soon: Option<Instant>,
    anew: Option<Instant>,
    queued: Option<Instant>,
    begun: bool,
    running: bool,
}

impl Entry {
    fn add(&mut self, at: Instant, anew: bool) {
        let slot = if anew { &mut self.anew } else { &mut self.soon };
        *slot = Some(slot.map_or(at, |known| known.min(at)));
    }

    fn first(&self) -> Option<Instant> {
        self.soon.into_iter().chain(self.anew).min()
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes work due at `at`, or earlier if it already is. `anew` has it look at everything again instead
    /// of trusting what it remembers.
    pub fn add(&self, work: Work, at: Instant, anew: bool) {
        self.lock().add(work, at, anew, false);
        self.changed.notify_one();
    }

    /// The next work that is due, with whether it is to look at everything again; or when some will be.
    ///
    /// # Errors
    /// Nothing is due: the time when something will be, if anything waits.
    pub fn take(&self, now: Instant) -> Result<(Work, bool), Option<Instant>> {
        let mut inner = self.lock();
        let goes_on = first(&inner.begun).is_some_and(|at| at <= now);
        let Inner { begun, due, entries } = &mut *inner;
        let from = if goes_on { &mut *begun } else { &mut *due };
        if first(from).is_none_or(|at| at > now) {
            return Err(first(begun).into_iter().chain(first(due)).min());
        }
        let (_, work) = from.pop_first().ok_or(None)?;
        let entry = entries.entry(work.clone()).or_default();
        (entry.queued, entry.soon, entry.begun, entry.running) = (None, None, false, true);
        let anew = entry.anew.take_if(|at| *at <= now).is_some();
        Ok((work, anew))
    }

    /// The work has run; `again` is when it wants to run next.
    pub fn done(&self, work: &Work, again: Option<(Instant, bool)>) {
        let mut inner = self.lock();
        let entry = inner.entries.remove(work).unwrap_or_default();
        let soon = entry.soon.map(|at| (at, false));
        let anew = entry.anew.map(|at| (at, true));
        let begun = again.is_some_and(|(_, anew)| !anew);
        for (at, anew) in soon.into_iter().chain(anew).chain(again) {
            inner.add(work.clone(), at, anew, begun);
        }
        drop(inner);
        self.changed.notify_one();
    }

    /// Waits until something was added.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// How much waits or runs.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().entries.len()
    }

    /// Whether there is nothing at all to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn first(waiting: &BTreeSet<(Instant, Work)>) -> Option<Instant> {
    waiting.first().map(|(at, _)| *at)
}

impl Inner {
    fn add(&mut self, work: Work, at: Instant, anew: bool, begun: bool) {
        let entry = self.entries.entry(work.clone()).or_default();
        entry.add(at, anew);
        // It stands in one set for as long as it waits.
        entry.begun |= begun && entry.queued.is_none();
        let first = entry.first();
        if entry.running || entry.queued == first {
            return;
        }
        let set = if entry.begun { &mut self.begun } else { &mut self.due };
        let before = std::mem::replace(&mut entry.queued, first);
        if let Some(before) = before {
            set.remove(&(before, work.clone()));
        }
        set.extend(first.map(|first| (first, work)));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn each_key_runs_once_at_a_time_and_again_after_a_change() {
        let (queue, now) = (Queue::default(), Instant::now());
        let work = || Work::Namespace("shop".to_owned());
        let later = now + Duration::from_secs(1);
        queue.add(work(), later, true);
        queue.add(work(), now, false);
        assert_eq!(
            queue.take(now),
            Ok((work(), false)),
            "a change does not bring the look at everything forward"
        );
        queue.add(work(), now, false);
        assert_eq!(queue.take(now), Err(None), "it runs");
        queue.done(&work(), None);
        assert_eq!(queue.take(now), Ok((work(), false)));
        queue.done(&work(), Some((later + Duration::from_secs(9), false)));
        assert_eq!(queue.take(now), Err(Some(later)));
        assert_eq!(queue.take(later), Ok((work(), true)));
        queue.done(&work(), None);
        assert!(queue.is_empty());
    }

    #[test]
    fn what_has_begun_goes_before_what_has_not() {
        let (queue, now) = (Queue::default(), Instant::now());
        let work = |name: &str| Work::Namespace(name.to_owned());
        let later = now + Duration::from_secs(1);
        queue.add(work("a"), now, false);
        assert_eq!(queue.take(now), Ok((work("a"), false)));
        queue.add(work("b"), now, false);
        queue.done(&work("a"), Some((later, false)));
        queue.add(work("c"), now, false);
        assert_eq!(queue.take(later), Ok((work("a"), false)), "though the others were due before");
        assert_eq!(queue.take(now), Ok((work("b"), false)));
        queue.done(&work("a"), Some((later, true)));
        assert_eq!(queue.take(later), Ok((work("c"), false)), "a look at everything is nothing that goes on");
        assert_eq!(queue.take(now), Err(Some(later)));
        assert_eq!(queue.take(later), Ok((work("a"), true)));
    }
}
