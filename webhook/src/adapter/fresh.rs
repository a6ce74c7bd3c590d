//! Reads that many may ask for at once: those who wait for the same thing wait for the same read.
//!
//! A question joins a read that has not begun yet, never one that has: an answer is always newer than the
//! question, so a policy that was created a moment before a pod is seen.

use std::{
    collections::HashMap,
    future::Future,
    hash::Hash,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use futures::{
    FutureExt as _,
    future::{BoxFuture, Shared, WeakShared},
};
use tokio::sync::Semaphore;

/// Reads of values by key, so many at once and no more.
pub(super) struct FreshReads<K, V: Clone> {
    running: Arc<Semaphore>,
    waiting: Mutex<HashMap<K, Waiting<V>>>,
}

struct Waiting<V: Clone> {
    begun: Arc<AtomicBool>,
    read: WeakShared<BoxFuture<'static, V>>,
}

impl<K: Eq + Hash, V: Clone + Send + Sync + 'static> FreshReads<K, V> {
    /// Reads of which `at_once` may run.
    #[must_use]
    pub(super) fn new(at_once: usize) -> Self {
        Self { running: Arc::new(Semaphore::new(at_once)), waiting: Mutex::default() }
    }

    /// The read for `key`: one that waits for its turn, or a new one made by `read`. It runs while somebody
    /// waits for it.
    pub(super) fn read<F>(&self, key: K, read: impl FnOnce() -> F) -> Shared<BoxFuture<'static, V>>
    where
        F: Future<Output = V> + Send + 'static,
    {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|_, read| !read.begun.load(Ordering::Acquire));
        if let Some(joined) = waiting.get(&key).and_then(|waiting| waiting.read.upgrade()) {
            return joined;
        }
        let begun = Arc::new(AtomicBool::new(false));
        let (running, mark, read) = (Arc::clone(&self.running), Arc::clone(&begun), read());
        let shared = async move {
            // The semaphore is never closed; if it were, the read would merely not wait its turn.
            let _turn = running.acquire_owned().await;
            mark.store(true, Ordering::Release);
            read.await
        }
        .boxed()
        .shared();
        if let Some(read) = shared.downgrade() {
            waiting.insert(key, Waiting { begun, read });
        }
        shared
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use tokio::sync::Notify;

    use super::*;

    struct Slow {
        reads: FreshReads<&'static str, u32>,
        count: Arc<AtomicU32>,
        answer: Arc<Notify>,
    }

    impl Slow {
        fn new(at_once: usize) -> Self {
            Self { reads: FreshReads::new(at_once), count: Arc::default(), answer: Arc::default() }
        }

        fn ask(&self, key: &'static str) -> Shared<BoxFuture<'static, u32>> {
            let (count, answer) = (Arc::clone(&self.count), Arc::clone(&self.answer));
            self.reads.read(key, || async move {
                let number = count.fetch_add(1, Ordering::SeqCst) + 1;
                answer.notified().await;
                number
            })
        }
    }

    #[tokio::test]
    async fn questions_join_only_what_has_not_begun() {
        let slow = Slow::new(1);
        let mut first = slow.ask("shop");
        assert!(futures::poll!(&mut first).is_pending());
        let (mut second, mut third) = (slow.ask("shop"), slow.ask("shop"));
        assert!(futures::poll!(&mut second).is_pending() && futures::poll!(&mut third).is_pending());
        assert_eq!(slow.count.load(Ordering::SeqCst), 1, "one at a time");
        slow.answer.notify_one();
        assert_eq!(first.await, 1);
        assert!(futures::poll!(&mut second).is_pending());
        slow.answer.notify_one();
        assert_eq!((second.await, third.await), (2, 2), "both have the read that began after they asked");
    }

    #[tokio::test]
    async fn a_read_that_nobody_waits_for_is_dropped() {
        let slow = Slow::new(1);
        let mut first = slow.ask("shop");
        assert!(futures::poll!(&mut first).is_pending());
        drop((first, slow.ask("shop")));
        slow.answer.notify_one();
        assert_eq!(slow.ask("shop").await, 2);
        let others: Vec<_> = (0..3).map(|_| slow.ask("other")).collect();
        slow.answer.notify_one();
        assert_eq!(futures::future::join_all(others).await, [3, 3, 3]);
    }
}
