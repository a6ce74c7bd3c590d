//! Who may lead, and until when: the rules without any waiting.

use std::time::Duration;

use tokio::time::Instant;

/// A Lease as it was last read, and since when it has looked like that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    /// The object's version.
    pub(super) version: String,
    /// Who holds it; `None` if it was given back.
    pub(super) holder: Option<String>,
    /// How long its holder holds it without renewing.
    pub(super) duration: Duration,
    /// When we first saw this version.
    pub(super) since: Instant,
}

impl Seen {
    /// What we know after another look at the Lease: an unchanged version keeps its first sight.
    #[must_use]
    pub(super) fn after(self, before: Option<Self>) -> Self {
        match before {
            Some(before) if before.version == self.version => before,
            Some(_) | None => self,
        }
    }
}

/// What to do about a Lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Write our name into it.
    Take,
    /// Somebody else leads; look again.
    Wait,
}

/// Whether `me` may take the Lease now.
#[must_use]
pub(super) fn turn(seen: &Seen, me: &str, now: Instant) -> Turn {
    match &seen.holder {
        None => Turn::Take,
        // A container that started anew in the same pod: the former one is gone.
        Some(holder) if holder == me => Turn::Take,
        Some(_) if now.duration_since(seen.since) >= seen.duration => Turn::Take,
        Some(_) => Turn::Wait,
    }
}

/// How long a renewal lets its sender write: shorter than the duration after which others may take over.
#[must_use]
pub(super) fn valid_for(duration: Duration) -> Duration {
    duration * 2 / 3
}

/// How often the Lease is renewed, or looked at by those who wait.
#[must_use]
pub(super) fn period(duration: Duration) -> Duration {
    duration / 6
}

#[cfg(test)]
mod tests {
    use super::*;

    const DURATION: Duration = Duration::from_secs(15);

    fn seen(version: &str, holder: Option<&str>, since: Instant) -> Seen {
        Seen { version: version.to_owned(), holder: holder.map(str::to_owned), duration: DURATION, since }
    }

    #[test]
    fn a_free_lease_and_our_own_are_taken_at_once() {
        let now = Instant::now();
        for holder in [None, Some("me")] {
            assert_eq!(turn(&seen("1", holder, now), "me", now), Turn::Take, "{holder:?}");
        }
    }

    #[test]
    fn a_holder_is_gone_when_nothing_changed_for_its_whole_duration_by_our_clock() {
        let start = Instant::now();
        let other = seen("1", Some("other"), start);
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        assert_eq!(turn(&other, "me", at(14)), Turn::Wait);
        assert_eq!(turn(&other, "me", at(15)), Turn::Take);
        let unchanged = seen("1", Some("other"), at(14)).after(Some(other.clone()));
        assert_eq!(turn(&unchanged, "me", at(15)), Turn::Take, "another look does not prolong it");
        let renewed = seen("2", Some("other"), at(14)).after(Some(other));
        assert_eq!(turn(&renewed, "me", at(15)), Turn::Wait, "a renewal does");
    }

    #[test]
    fn a_leader_stops_to_write_before_another_may_begin() {
        assert!(valid_for(DURATION) < DURATION);
        assert!(period(DURATION) * 3 <= valid_for(DURATION), "it has several tries to renew");
    }
}
