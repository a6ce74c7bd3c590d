//! What becomes of an identity when an authority does not do what it was asked: no error is final for a
//! workload but those that the request itself causes, and those are tried again with another request.

use std::time::Duration;

use sallyport_contract::Reason;

use crate::issuer::IssueError;

/// What to do about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The same request again.
    Again {
        /// What people read meanwhile.
        reason: Reason,
        /// The first wait; it doubles up to `longest`.
        first: Duration,
        /// The longest wait.
        longest: Duration,
    },
    /// This request never again.
    Refuse {
        /// Whether the authority may have made a certificate for it.
        billed: bool,
    },
}

impl Fate {
    /// The reason, the first and the longest wait, where nothing was asked yet and so nothing can have been
    /// refused for good.
    #[must_use]
    pub const fn before_asking(self) -> (Reason, Duration, Duration) {
        match self {
            Self::Again { reason, first, longest } => (reason, first, longest),
            Self::Refuse { .. } => {
                (Reason::AuthorityUnavailable, Duration::from_secs(5), Duration::from_secs(300))
            }
        }
    }
}

/// So long an authority may not yet know a ticket that it gave.
const PROPAGATION: Duration = Duration::from_secs(120);

const fn again(reason: Reason, first: u64, longest: u64) -> Fate {
    Fate::Again { reason, first: Duration::from_secs(first), longest: Duration::from_secs(longest) }
}

/// The fate of asking for a certificate.
#[must_use]
pub const fn of_issue(error: &IssueError) -> Fate {
    match error {
        IssueError::Throttled(_) => again(Reason::Throttled, 1, 30),
        IssueError::Unavailable(_) => again(Reason::AuthorityUnavailable, 1, 60),
        IssueError::Denied(_) | IssueError::NotActive(_) | IssueError::NotFound(_) => {
            again(Reason::AuthorityUnavailable, 5, 300)
        }
        IssueError::Refused(_) => Fate::Refuse { billed: false },
        IssueError::Failed(_) => Fate::Refuse { billed: true },
    }
}

/// The fate of asking what came of a ticket that is `age` old.
#[must_use]
pub fn of_fetch(error: &IssueError, age: Duration) -> Fate {
    match error {
        IssueError::Throttled(_)
        | IssueError::Unavailable(_)
        | IssueError::Denied(_)
        | IssueError::NotActive(_) => of_issue(error),
        IssueError::NotFound(_) if age < PROPAGATION => again(Reason::AwaitingCertificate, 1, 10),
        IssueError::NotFound(_) | IssueError::Refused(_) | IssueError::Failed(_) => {
            Fate::Refuse { billed: true }
        }
    }
}

/// The wait before the `tries`-th repetition, counted from 0: doubling, with up to a fifth taken off by
/// `draw`, so that many that failed together do not come back together.
#[must_use]
pub fn wait(first: Duration, longest: Duration, tries: u32, draw: u16) -> Duration {
    let full = first.saturating_mul(1 << tries.min(16)).min(longest);
    full - full / 5 * u32::from(draw) / u32::from(u16::MAX)
}

/// The wait before the `polls`-th question after a ticket: quick at first, and rare when it takes minutes.
#[must_use]
pub fn poll(first: Duration, polls: u32, age: Duration, draw: u16) -> Duration {
    const BOUNDED: Duration = Duration::from_secs(120);
    let longest = if age < BOUNDED { 4 } else { 30 };
    wait(first, Duration::from_secs(longest), polls, draw)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn law_8_only_the_request_itself_is_ever_refused() {
        let text = || "words".to_owned();
        for (error, reason) in [
            (IssueError::Throttled(text()), Some(Reason::Throttled)),
            (IssueError::Unavailable(text()), Some(Reason::AuthorityUnavailable)),
            (IssueError::Denied(text()), Some(Reason::AuthorityUnavailable)),
            (IssueError::NotActive(text()), Some(Reason::AuthorityUnavailable)),
            (IssueError::NotFound(text()), Some(Reason::AuthorityUnavailable)),
            (IssueError::Refused(text()), None),
            (IssueError::Failed(text()), None),
        ] {
            let told = match of_issue(&error) {
                Fate::Again { reason, .. } => Some(reason),
                Fate::Refuse { .. } => None,
            };
            assert_eq!(told, reason, "{error:?}");
        }
    }

    #[test]
    fn a_ticket_may_be_unknown_for_a_while() {
        let error = IssueError::NotFound(String::new());
        assert!(matches!(of_fetch(&error, Duration::from_secs(1)), Fate::Again { .. }));
        assert_eq!(of_fetch(&error, Duration::from_secs(200)), Fate::Refuse { billed: true });
    }

    #[test]
    fn waits_double_and_end() {
        let (first, longest) = (Duration::from_secs(1), Duration::from_secs(30));
        let waits: Vec<u64> = (0..7).map(|tries| wait(first, longest, tries, 0).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(wait(first, longest, u32::MAX, u16::MAX), Duration::from_secs(24));
        assert_eq!(poll(Duration::from_millis(200), 0, Duration::ZERO, 0), Duration::from_millis(200));
    }
}
