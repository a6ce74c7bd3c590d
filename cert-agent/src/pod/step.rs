//! What to do next for one request: `open → asked → accepted → answered`. Pure: what was stored and the time
//! give the one next effect.

use jiff::{SignedDuration, Timestamp};

use super::memory::{Attempt, Memory};
use crate::{
    state::StoredTerms,
    step::{renew_at, retry_at},
};

/// The one next effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Decide what to ask, and store it.
    Prepare,
    /// Ask the authority for what is stored.
    Issue,
    /// Ask what came of the ticket.
    Fetch,
    /// A certificate may have been made, but it comes too late to be taken by the API server.
    GiveUp,
    /// Nothing until then.
    Rest(Timestamp),
}

/// So old a certificate may be when it is handed over: the API server refuses one that began more than five
/// minutes ago by its own clock
/// (<https://github.com/kubernetes/kubernetes/blob/v1.37.0/pkg/apis/certificates/validation/validation.go>).
const TAKEN: SignedDuration = SignedDuration::from_secs(4 * 60 + 30);

/// Tells the next effect.
#[must_use]
pub fn next(memory: &Memory, terms: &StoredTerms, now: Timestamp) -> Effect {
    if let Some(attempt) = &memory.attempt {
        return match (&attempt.ticket, is_late(attempt, now)) {
            (None, true) => Effect::Prepare,
            _ if attempt.terms != *terms => Effect::Prepare,
            (Some(_), true) => Effect::GiveUp,
            (None, false) => Effect::Issue,
            (Some(_), false) => Effect::Fetch,
        };
    }
    match memory.refusal.as_ref().filter(|refused| refused.terms == *terms).map(retry_at) {
        Some(again) if now < again => Effect::Rest(again),
        Some(_) | None => Effect::Prepare,
    }
}

fn is_late(attempt: &Attempt, now: Timestamp) -> bool {
    now.duration_since(attempt.not_before) >= TAKEN
}

/// When the kubelet should ask for the next one: at two thirds of what is left, spread; and within what the
/// API server takes, ten minutes from either end.
#[must_use]
pub fn refresh_at(not_before: Timestamp, not_after: Timestamp, now: Timestamp, draw: u16) -> Timestamp {
    const APART: SignedDuration = SignedDuration::from_mins(10);
    let earliest = not_before.saturating_add(APART).unwrap_or(not_before);
    let latest = not_after.saturating_sub(APART).unwrap_or(not_after);
    let due = renew_at(now, not_after, draw).min(latest).max(earliest);
    Timestamp::from_second(due.as_second()).unwrap_or(due)
}

#[cfg(test)]
mod tests {
    use sallyport_contract::{
        DnsNames,
        object::{KeyKind, Usage},
    };

    use super::*;
    use crate::{request::Terms, state::Refused};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn terms(lifetime: u32) -> StoredTerms {
        let terms = Terms {
            authority: "ca".to_owned(),
            issuer: "arn".to_owned(),
            dns_names: DnsNames::new(["a.x.example".parse().unwrap()]).unwrap(),
            usages: vec![Usage::ServerAuth],
            lifetime,
            key: KeyKind::P256,
        };
        (&terms).into()
    }

    fn asked(ticket: Option<&str>) -> Memory {
        let attempt = Attempt {
            terms: terms(1),
            not_before: at(-60),
            not_after: at(86_000),
            token: String::new(),
            requested_at: at(0),
            ticket: ticket.map(str::to_owned),
        };
        Memory { generation: 1, attempt: Some(attempt), refusal: None }
    }

    #[test]
    fn law_8_the_journey_of_a_request() {
        let refused = |count, billed| Memory {
            refusal: Some(Refused { at: at(0), count, billed, message: String::new(), terms: terms(1) }),
            ..Memory::default()
        };
        for (what, memory, lifetime, now, effect) in [
            ("open", Memory::default(), 1, 0, Effect::Prepare),
            ("asked", asked(None), 1, 0, Effect::Issue),
            ("asked, just in time", asked(None), 1, 209, Effect::Issue),
            ("asked, and the authority was away", asked(None), 1, 210, Effect::Prepare),
            ("accepted", asked(Some("arn")), 1, 1, Effect::Fetch),
            ("accepted, and it takes too long", asked(Some("arn")), 1, 210, Effect::GiveUp),
            ("other terms", asked(None), 2, 1, Effect::Prepare),
            ("other terms, accepted", asked(Some("arn")), 2, 1, Effect::Prepare),
            ("refused", refused(1, false), 1, 1, Effect::Rest(at(5))),
            ("refused a while ago", refused(1, false), 1, 5, Effect::Prepare),
            ("paid for in vain", refused(2, true), 1, 60, Effect::Rest(at(1800))),
            ("refused, other terms", refused(1, false), 2, 1, Effect::Prepare),
        ] {
            assert_eq!(next(&memory, &terms(lifetime), at(now)), effect, "{what}");
        }
    }

    #[test]
    fn renewals_are_spread_within_what_the_api_server_takes() {
        for (life, draw, due) in [
            (3600, 0, 2041),
            (3600, u16::MAX, 2761),
            (1200, 0, 680),
            (1200, u16::MAX, 600),
            (86_400, 0, 48_988),
        ] {
            let due_at = refresh_at(at(0), at(life), at(0), draw);
            assert!(due_at >= at(600) && due_at <= at(life - 600), "{life} {draw}: {due_at}");
            if life > 1200 {
                assert_eq!(due_at, at(due), "{life} {draw}");
            }
        }
    }
}
