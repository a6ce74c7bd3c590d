//! A bucket of tokens, one for each wire attempt: halved when AWS throttles, and slowly raised again.
//!
//! The quotas belong to the account and Region and are shared with everybody else there
//! (<https://docs.aws.amazon.com/general/latest/gr/pca.html>), so being throttled is news about others too.

use std::time::{Duration, Instant};

/// A bucket of tokens. Time is given, not taken.
#[derive(Clone, Copy, Debug)]
pub struct Bucket {
    ceiling: f64,
    rate: f64,
    tokens: f64,
    at: Instant,
    slowed_at: Option<Instant>,
}

/// Throttled answers within so long are about one and the same moment.
const ONE_MOMENT: Duration = Duration::from_secs(1);
/// From nothing to the configured rate; from half of it in half the time.
const RECOVERY: Duration = Duration::from_secs(120);
/// The slowest, as a part of the configured rate.
const SLOWEST: f64 = 0.1;

impl Bucket {
    /// A full bucket that gives so many tokens each second, and holds those of half a second: in its worst
    /// second no more goes out than one and a half times the rate.
    #[must_use]
    pub fn new(per_second: u32, at: Instant) -> Self {
        let rate = f64::from(per_second.max(1));
        let mut bucket = Self { ceiling: rate, rate, tokens: 0.0, at, slowed_at: None };
        bucket.tokens = bucket.burst();
        bucket
    }

    fn burst(&self) -> f64 {
        (self.rate / 2.0).max(1.0)
    }

    /// Lets time pass: tokens come, and the rate rises by equal steps to what was configured.
    pub fn refill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.at = self.at.max(now);
        self.tokens = (self.tokens + passed * self.rate).min(self.burst());
        self.rate = (self.rate + self.ceiling * passed / RECOVERY.as_secs_f64()).min(self.ceiling);
    }

    /// Takes one token, if that leaves one for each of those `before`.
    pub fn take(&mut self, before: usize) -> bool {
        let free = self.tokens >= tokens(before) + 1.0;
        if free {
            self.tokens -= 1.0;
        }
        free
    }

    /// How long until there is one for each of those `before` and one more.
    #[must_use]
    pub fn wait(&self, before: usize) -> Duration {
        let missing = (tokens(before) + 1.0 - self.tokens).max(0.0);
        Duration::try_from_secs_f64(missing / self.rate).unwrap_or(Duration::MAX)
    }

    /// AWS throttled us: what is saved up is gone, and the rate is halved, once for each moment.
    pub fn slow(&mut self, now: Instant) {
        self.refill(now);
        self.tokens = self.tokens.min(0.0);
        if self.slowed_at.is_some_and(|at| now.saturating_duration_since(at) < ONE_MOMENT) {
            return;
        }
        self.slowed_at = Some(now);
        self.rate = (self.rate / 2.0).max(self.ceiling * SLOWEST);
    }

    /// The tokens that are left.
    #[must_use]
    pub fn left(&self) -> f64 {
        self.tokens
    }

    /// Tokens a second, as of now.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.rate
    }
}

/// As many tokens as there are people, or more than any bucket holds.
fn tokens(people: usize) -> f64 {
    u32::try_from(people).map_or(f64::INFINITY, f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(bucket: &mut Bucket, at: Instant) -> usize {
        bucket.refill(at);
        (0..1000).take_while(|_| bucket.take(0)).count()
    }

    fn seconds(text: f64) -> Duration {
        Duration::from_secs_f64(text)
    }

    #[test]
    fn a_burst_is_half_a_second_and_then_the_rate_holds() {
        let start = Instant::now();
        let mut bucket = Bucket::new(10, start);
        assert_eq!(taken(&mut bucket, start), 5);
        let later: usize = (1..=100).map(|tick| taken(&mut bucket, start + seconds(0.1) * tick)).sum();
        assert!((99..=100).contains(&later), "{later} in ten seconds");
        assert_eq!(taken(&mut bucket, start + seconds(3600.0)), 5, "what nobody took is not saved up");
        assert_eq!(taken(&mut bucket, start), 0, "time does not go back");
    }

    #[test]
    fn law_8_throttling_halves_the_rate_once_a_moment_and_it_rises_slowly() {
        let start = Instant::now();
        let mut bucket = Bucket::new(16, start);
        for (after, rate) in [(0.0, 8.0), (0.9, 8.0), (1.1, 4.0)] {
            bucket.slow(start + seconds(after));
            assert!((bucket.rate() - rate).abs() < 0.2, "{after} s: {}", bucket.rate());
            assert!(bucket.left() <= 0.0, "{after} s");
        }
        let mut before = bucket.rate();
        for after in (2..90).map(f64::from) {
            bucket.refill(start + seconds(after));
            let rise = bucket.rate() - before;
            assert!((0.0..=0.14).contains(&rise), "{after} s: {rise}");
            before = bucket.rate();
        }
        bucket.refill(start + seconds(120.0));
        assert!((bucket.rate() - 16.0).abs() < f64::EPSILON);
        for after in 0..60 {
            bucket.slow(start + seconds(200.0 + 1.1 * f64::from(after)));
        }
        assert!(bucket.rate() >= 1.6, "it never stops");
    }

    #[test]
    fn who_comes_after_others_leaves_theirs() {
        let start = Instant::now();
        let mut bucket = Bucket::new(4, start);
        assert!(!bucket.take(2) && bucket.take(1) && !bucket.take(1) && bucket.take(0));
        assert_eq!(bucket.wait(0), seconds(0.25));
        assert_eq!(bucket.wait(3), seconds(1.0));
        assert_eq!(bucket.wait(usize::MAX), Duration::MAX);
    }
}
