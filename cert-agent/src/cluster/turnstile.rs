//! Where a test stops an agent: before or after each of its outward calls, or woven into another's.

use std::sync::{Mutex, MutexGuard};

use tokio::sync::Notify;

/// On which side of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// Nothing has happened yet.
    Before,
    /// It has happened, and the caller does not know.
    After,
}

/// What every outward call of one agent goes through.
#[derive(Default)]
pub(crate) struct Turnstile {
    inner: Mutex<Inner>,
    stopped: Notify,
    resumed: Notify,
}

#[derive(Default)]
struct Inner {
    calls: usize,
    stop: Option<(usize, Side)>,
    /// State of a small generator of numbers; it decides how often others go first.
    weave: Option<u64>,
}

impl Turnstile {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    /// From now on stops at that call, counted from 1.
    pub(crate) fn stop_at(&self, call: usize, side: Side) {
        let mut inner = self.lock();
        (inner.calls, inner.stop) = (0, Some((call, side)));
    }

    /// From now on lets others go first, so often as `seed` says.
    pub(crate) fn weave(&self, seed: u64) {
        self.lock().weave = Some(seed);
    }

    /// Counts from here on.
    pub(crate) fn count_anew(&self) {
        self.lock().calls = 0;
    }

    /// How many calls were begun.
    pub(crate) fn calls(&self) -> usize {
        self.lock().calls
    }

    /// Waits until the stop is reached.
    pub(crate) async fn stopped(&self) {
        self.stopped.notified().await;
    }

    /// Lets the call that was stopped go on.
    pub(crate) fn resume(&self) {
        self.resumed.notify_one();
    }

    /// Goes through before a call; gives its number.
    pub(crate) async fn before(&self) -> usize {
        let call = {
            let mut inner = self.lock();
            inner.calls += 1;
            inner.calls
        };
        self.pass(call, Side::Before).await;
        call
    }

    /// Goes through after the call of that number.
    pub(crate) async fn after(&self, call: usize) {
        self.pass(call, Side::After).await;
    }

    async fn pass(&self, call: usize, side: Side) {
        let stop = self.lock().stop.take_if(|stop| *stop == (call, side));
        if stop.is_some() {
            self.stopped.notify_one();
            self.resumed.notified().await;
        }
        for _ in 0..self.deal(7) {
            tokio::task::yield_now().await;
        }
    }

    /// A number below `below`, 0 unless woven. Knuth's MMIX generator: repeatable, and good enough for turns.
    pub(crate) fn deal(&self, below: usize) -> usize {
        let mut inner = self.lock();
        let Some(state) = &mut inner.weave else { return 0 };
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(*state >> 33).unwrap() % below
    }
}
