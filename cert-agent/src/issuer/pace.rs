//! How fast we ask: a bucket of tokens for each account, Region and kind of call, well below AWS's quotas,
//! which others share (<https://docs.aws.amazon.com/general/latest/gr/pca.html>).

use std::time::{Duration, Instant};

/// A bucket of tokens. Time is given, not taken.
#[derive(Clone, Copy, Debug)]
pub struct Bucket {
    per_second: f64,
    burst: f64,
    tokens: f64,
    at: Instant,
}

impl Bucket {
    /// A full bucket that gives so many tokens each second.
    #[must_use]
    pub fn new(per_second: u32, at: Instant) -> Self {
        let rate = f64::from(per_second);
        Self { per_second: rate, burst: rate, tokens: rate, at }
    }

    /// Takes one token; tells how long to wait for it. Tokens are promised in the order of asking, so a
    /// wait is never for nothing; `None` if it would be longer than `most`, and then nothing is taken.
    pub fn take(&mut self, now: Instant, most: Duration) -> Option<Duration> {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.at = self.at.max(now);
        self.tokens = (self.tokens + passed * self.per_second).min(self.burst);
        let wait = ((1.0 - self.tokens) / self.per_second).max(0.0);
        if wait > most.as_secs_f64() {
            return None;
        }
        self.tokens -= 1.0;
        Some(Duration::from_secs_f64(wait))
    }

    /// The far side says that we are too fast: what is saved up is gone.
    pub fn empty(&mut self) {
        self.tokens = self.tokens.min(0.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_storm_is_spread_and_then_told_to_come_back() {
        let start = Instant::now();
        let mut bucket = Bucket::new(10, start);
        let most = Duration::from_secs(1);
        let waits: Vec<Option<Duration>> = (0..25).map(|_| bucket.take(start, most)).collect();
        assert_eq!(waits.iter().filter(|wait| **wait == Some(Duration::ZERO)).count(), 10, "the burst");
        assert_eq!(waits.iter().flatten().count(), 20, "and as many as fit into the longest wait");
        assert_eq!(bucket.take(start + Duration::from_secs(2), most), Some(Duration::ZERO));
        bucket.empty();
        assert!(bucket.take(start + Duration::from_secs(2), most).is_some_and(|wait| !wait.is_zero()));
    }
}
