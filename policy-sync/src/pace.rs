//! When a batch goes out: a while after the last change, but never longer than the longest wait after the first.

use jiff::{SignedDuration, Timestamp};
use sallyport_contract::object::Commit;

/// What has been gathered since the last batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pace {
    waiting: Option<Waiting>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Waiting {
    first: Timestamp,
    last: Timestamp,
    /// Its time had come, and nothing may be written for now.
    held: bool,
}

impl Pace {
    /// Something new is wanted.
    pub fn changed(&mut self, now: Timestamp) {
        let first = self.waiting.map_or(now, |waiting| waiting.first);
        self.waiting = Some(Waiting { first, last: now, held: false });
    }

    /// When the batch goes out; `None` if nothing waits, or what waits is held.
    #[must_use]
    pub fn due(&self, commit: &Commit) -> Option<Timestamp> {
        let Waiting { first, last, .. } = self.waiting.filter(|waiting| !waiting.held)?;
        let quiet = later(last, commit.coalesce.as_signed());
        Some(quiet.min(later(first, commit.longest_wait.as_signed())))
    }

    /// The batch was looked at and may not go out: until something changes, it is no reason to look again.
    pub fn hold(&mut self) {
        if let Some(waiting) = &mut self.waiting {
            waiting.held = true;
        }
    }

    /// The batch is going out; tells since when its first change waited.
    pub fn sent(&mut self) -> Option<Timestamp> {
        self.waiting.take().map(|waiting| waiting.first)
    }
}

/// Longest pause between two tries.
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_secs(120);

/// How long to wait before the next try after `failures` in a row: 1 s doubled each time, two minutes at
/// most; `draw` between 0 and 1 takes up to a quarter off, so that many do not come at once.
#[must_use]
pub fn pause(failures: u32, draw: f64) -> SignedDuration {
    let doubled = SignedDuration::from_secs(1_i64 << failures.saturating_sub(1).min(10)).min(LONGEST_PAUSE);
    shortened(doubled, 0.25, draw)
}

/// The length less up to `most` of it, as `draw` between 0 and 1 decides.
#[must_use]
pub fn shortened(length: SignedDuration, most: f64, draw: f64) -> SignedDuration {
    let share = most * if draw.is_finite() { draw.clamp(0.0, 1.0) } else { 0.0 };
    SignedDuration::try_from_secs_f64(length.as_secs_f64() * (1.0 - share)).unwrap_or(length)
}

/// A time after `time`, never an overflow.
#[must_use]
pub fn later(time: Timestamp, by: SignedDuration) -> Timestamp {
    time.saturating_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn law_9_changes_gather_until_it_is_quiet_or_long_enough() {
        let commit = Commit::default();
        let mut pace = Pace::default();
        assert_eq!(pace.due(&commit), None);
        pace.changed(at(0));
        assert_eq!(pace.due(&commit), Some(at(2)));
        pace.changed(at(1));
        assert_eq!(pace.due(&commit), Some(at(3)));
        for second in 2..30 {
            pace.changed(at(second));
        }
        assert_eq!(pace.due(&commit), Some(at(15)));
        pace.sent();
        assert_eq!(pace.due(&commit), None);
    }

    #[test]
    fn law_9_what_is_held_is_due_only_once_something_changes() {
        let commit = Commit::default();
        let mut pace = Pace::default();
        pace.hold();
        assert_eq!(pace.due(&commit), None, "nothing waits");
        pace.changed(at(0));
        pace.hold();
        assert_eq!(pace.due(&commit), None);
        pace.changed(at(100));
        assert_eq!(pace.due(&commit), Some(at(15)), "the longest wait counts from the first change");
        pace.hold();
        assert_eq!(pace.sent(), Some(at(0)), "and so does the time that it waited");
    }

    #[test]
    fn pauses_grow_to_a_limit() {
        let seconds: Vec<i64> = [0, 1, 2, 3, 8, 40].map(|n| pause(n, 0.0).as_secs()).to_vec();
        assert_eq!(seconds, [1, 1, 2, 4, 120, 120]);
        assert_eq!(pause(3, 1.0).as_secs(), 3);
        assert!(pause(3, f64::NAN) >= SignedDuration::ZERO);
    }
}
