//! What to do next for one identity: `Wanted → Keyed → Requested → Issued → Delivered`, and round again.
//!
//! Pure: the state that was stored, what lies in the Secret and the time give the one next effect.

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};

use crate::{
    request::Terms,
    state::{Refused, State, StoredTerms},
};

/// What lies in the place of the delivered Secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivered {
    /// Nothing.
    Nothing,
    /// The current certificate, whole.
    Current,
    /// Something of ours that is not the current certificate.
    Stale,
    /// Something of somebody else.
    Foreign,
}

/// The one next effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Make a key and a request, and store both.
    Prepare,
    /// Ask the authority for the stored request.
    Issue,
    /// Ask the authority whether the stored ticket is ready.
    Fetch,
    /// Write the current certificate into the Secret.
    Deliver,
    /// Nothing until then.
    Rest(Timestamp),
    /// Nothing: a Secret of somebody else is in the way.
    Blocked,
}

/// Tells the next effect. `draw` is this identity's share of the jitter, see [`draw`].
#[must_use]
pub fn next(state: Option<&State>, delivered: Delivered, terms: &Terms, now: Timestamp, draw: u16) -> Effect {
    if delivered == Delivered::Foreign {
        return Effect::Blocked;
    }
    let Some(state) = state else { return Effect::Prepare };
    let current = state.current.as_ref().filter(|current| now < current.not_after);
    if current.is_some() && delivered != Delivered::Current {
        return Effect::Deliver;
    }
    if let Some(attempt) = &state.attempt {
        // Too little would be left of it, however it ends.
        let over = renew_at(attempt.request.not_before, attempt.request.not_after, draw);
        return match &attempt.ticket {
            _ if attempt.terms != *terms || now >= over => Effect::Prepare,
            None => Effect::Issue,
            Some(_) => Effect::Fetch,
        };
    }
    if let Some(refused) = state.refusal.as_ref().filter(|refused| refused.terms == StoredTerms::from(terms))
    {
        let again = retry_at(refused);
        return if now < again { Effect::Rest(again) } else { Effect::Prepare };
    }
    match current {
        Some(current) if current.terms == *terms && !current.superseded => {
            let due = renew_at(current.received_at, current.not_after, draw);
            if now < due { Effect::Rest(due) } else { Effect::Prepare }
        }
        Some(_) | None => Effect::Prepare,
    }
}

/// Whether what was issued before has to be delivered again, for an identity that gets nothing new.
#[must_use]
pub fn is_to_repair(state: Option<&State>, delivered: Delivered, now: Timestamp) -> bool {
    let current = state.and_then(|state| state.current.as_ref());
    matches!(delivered, Delivered::Nothing | Delivered::Stale)
        && current.is_some_and(|current| now < current.not_after)
}

/// Two thirds of what was left when the certificate came, give or take a tenth of it.
#[must_use]
pub fn renew_at(received_at: Timestamp, not_after: Timestamp, draw: u16) -> Timestamp {
    let left = not_after.duration_since(received_at).as_secs().max(0);
    let permille = 567 + i64::from(draw) * 200 / i64::from(u16::MAX);
    let wait = SignedDuration::from_secs(left / 1000 * permille + left % 1000 * permille / 1000);
    received_at.saturating_add(wait).unwrap_or(not_after)
}

/// When a refused request is tried once more. The first time soon, for what a passing fault refused; then
/// slowly, and slower still where each try costs a certificate.
#[must_use]
pub fn retry_at(refused: &Refused) -> Timestamp {
    let seconds = match (refused.count, refused.billed) {
        (0 | 1, _) => 5,
        (2, false) => 20,
        (3, false) => 60,
        (4, false) => 600,
        (2, true) => 1800,
        (_, false) => 3600,
        (_, true) => 6 * 3600,
    };
    refused.at.saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX)
}

/// An identity's share of the jitter: the same each time, and spread over all identities.
#[must_use]
pub fn draw(namespace: &str, identity: &str, generation: u32) -> u16 {
    let mut hasher = Sha256::new();
    hasher.update(format!("{namespace}/{identity}/{generation}"));
    hasher.finalize().iter().take(2).fold(0, |draw, byte| (draw << 8) | u16::from(*byte))
}

#[cfg(test)]
mod tests {
    use sallyport_contract::{
        DnsNames,
        object::{KeyKind, Usage},
    };

    use super::*;
    use crate::{
        key::PrivateKey,
        request::{Limits, Request},
        state::{Attempt, Current},
    };

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn terms(lifetime: u32) -> Terms {
        Terms {
            authority: "ca".to_owned(),
            issuer: "arn".to_owned(),
            dns_names: DnsNames::new(["a.x.example".parse().unwrap()]).unwrap(),
            usages: vec![Usage::ServerAuth],
            lifetime,
            key: KeyKind::P256,
        }
    }

    fn attempt(ticket: Option<&str>) -> Attempt {
        let key = PrivateKey::generate().unwrap();
        let limits = Limits { authority_ends: Timestamp::MAX, longest: None };
        let request = Request::new(&key, &terms(9000), limits, 1, at(0)).unwrap();
        let ticket = ticket.map(str::to_owned);
        Attempt { key, request, terms: terms(9000), requested_at: at(0), ticket, anchors: String::new() }
    }

    fn current() -> Current {
        Current {
            key: PrivateKey::generate().unwrap(),
            leaf: String::new(),
            intermediates: String::new(),
            root: String::new(),
            terms: terms(9000),
            not_before: at(0),
            not_after: at(9000),
            received_at: at(0),
            ticket: None,
            superseded: false,
            replaces: None,
        }
    }

    fn refused(count: u32, billed: bool) -> Refused {
        Refused { at: at(0), count, billed, message: String::new(), terms: (&terms(9000)).into() }
    }

    #[test]
    fn law_8_the_journey() {
        let new = || State::new("uid");
        let keyed = State { attempt: Some(attempt(None)), ..new() };
        let requested = State { attempt: Some(attempt(Some("arn"))), ..new() };
        let issued = State { current: Some(current()), ..new() };
        let superseded = State { current: Some(Current { superseded: true, ..current() }), ..new() };
        let renewing = State { attempt: Some(attempt(Some("arn"))), current: Some(current()), ..new() };
        let refused = State { refusal: Some(refused(1, false)), ..new() };
        let middle = u16::MAX / 2;
        for (what, state, delivered, lifetime, now, effect) in [
            ("wanted", None, Delivered::Nothing, 9000, 0, Effect::Prepare),
            ("foreign", None, Delivered::Foreign, 9000, 0, Effect::Blocked),
            ("keyed", Some(&keyed), Delivered::Nothing, 9000, 1, Effect::Issue),
            ("requested", Some(&requested), Delivered::Nothing, 9000, 1, Effect::Fetch),
            ("requested long ago", Some(&requested), Delivered::Nothing, 9000, 7200, Effect::Prepare),
            ("requested, other terms", Some(&requested), Delivered::Nothing, 5000, 1, Effect::Prepare),
            ("issued", Some(&issued), Delivered::Nothing, 9000, 1, Effect::Deliver),
            ("delivered", Some(&issued), Delivered::Current, 9000, 1, Effect::Rest(at(5994))),
            ("edited", Some(&issued), Delivered::Stale, 9000, 1, Effect::Deliver),
            ("due", Some(&issued), Delivered::Current, 9000, 6100, Effect::Prepare),
            ("due and gone", Some(&issued), Delivered::Nothing, 9000, 6100, Effect::Deliver),
            ("ended", Some(&issued), Delivered::Current, 9000, 9000, Effect::Prepare),
            ("other terms", Some(&issued), Delivered::Current, 5000, 1, Effect::Prepare),
            ("renewing", Some(&renewing), Delivered::Current, 9000, 6200, Effect::Prepare),
            ("renewing, gone", Some(&renewing), Delivered::Nothing, 9000, 100, Effect::Deliver),
            ("renewal asked for", Some(&superseded), Delivered::Current, 9000, 1, Effect::Prepare),
            ("refused", Some(&refused), Delivered::Nothing, 9000, 1, Effect::Rest(at(5))),
            ("refused a while ago", Some(&refused), Delivered::Nothing, 9000, 5, Effect::Prepare),
            ("refused, other terms", Some(&refused), Delivered::Nothing, 5000, 1, Effect::Prepare),
        ] {
            assert_eq!(next(state, delivered, &terms(lifetime), at(now), middle), effect, "{what}");
        }
    }

    #[test]
    fn renewals_are_spread() {
        for (left, draw, due) in [
            (9000, 0, 5103),
            (9000, u16::MAX, 6903),
            (0, u16::MAX, 0),
            (1, 0, 0),
            (10 * 366 * 86_400, 0, 179_299_008),
        ] {
            assert_eq!(renew_at(at(0), at(left), draw), at(due), "{left} {draw}");
        }
        assert_ne!(draw("shop", "web-1", 1), draw("shop", "web-2", 1));
    }

    #[test]
    fn tries_that_cost_a_certificate_are_rare() {
        for (count, free, billed) in
            [(1, 5, 5), (2, 20, 1800), (3, 60, 21_600), (4, 600, 21_600), (9, 3600, 21_600)]
        {
            assert_eq!(retry_at(&refused(count, false)), at(free), "{count}");
            assert_eq!(retry_at(&refused(count, true)), at(billed), "{count}");
        }
    }
}
