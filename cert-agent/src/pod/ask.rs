//! What an authority is asked for a pod: decided once, stored, and repeated byte by byte.

use jiff::{SignedDuration, Timestamp};

use super::{memory::Attempt, stub::Stub, tally::OnePod};
use crate::request::{Limits, MARGIN, Request, RequestError, Terms};

/// So far a certificate begins before it is asked for, for clients whose clocks are behind. The API server
/// takes five minutes between the beginning and its own clock, so most of them are left for the authority.
const BACK: SignedDuration = SignedDuration::from_secs(60);
/// The API server takes nothing shorter.
const SHORTEST: SignedDuration = SignedDuration::from_hours(1);
/// What a pod that says nothing has, by the API server's default: a day.
const DEFAULT_LONGEST: i32 = 86_400;

/// The longest life that a request allows, in seconds.
#[must_use]
pub fn longest(of_request: Option<i32>) -> u32 {
    of_request.unwrap_or(DEFAULT_LONGEST).unsigned_abs()
}

/// Decides what to ask.
///
/// # Errors
/// The limits leave nothing that the API server would take.
pub fn decide(
    stub: &Stub,
    terms: &Terms,
    limits: Limits,
    generation: u32,
    now: Timestamp,
) -> Result<Request, RequestError> {
    let (not_before, not_after) = validity(terms.lifetime, limits, now)?;
    let mut request = asked(stub, terms, not_before, not_after, String::new());
    request.token = request.token_for(&terms.issuer, generation);
    Ok(request)
}

/// The same request again, from what was stored of it.
#[must_use]
pub fn again(stub: &Stub, terms: &Terms, attempt: &Attempt) -> Request {
    asked(stub, terms, attempt.not_before, attempt.not_after, attempt.token.clone())
}

/// The certificate that a pod has while it asks for another, from when to when: by what was seen of it. One
/// that runs has one in any case, and its kubelet asks when two thirds are over.
#[must_use]
pub fn holds(pod: OnePod, asked: Timestamp, lifetime: u32) -> Option<(Timestamp, Timestamp)> {
    let life = |seconds: u32| SignedDuration::from_secs(i64::from(seconds));
    let guessed = pod.running.then(|| asked.saturating_add(life(lifetime / 3)).unwrap_or(Timestamp::MAX));
    let ends = pod.ends.or(guessed)?;
    Some((ends.saturating_sub(life(lifetime)).unwrap_or(Timestamp::MIN), ends))
}

fn asked(stub: &Stub, terms: &Terms, not_before: Timestamp, not_after: Timestamp, token: String) -> Request {
    Request {
        csr: stub.csr.clone(),
        public_key: stub.public_key.clone(),
        dns_names: terms.dns_names.clone(),
        usages: terms.usages.clone(),
        not_before,
        not_after,
        token,
    }
}

/// The API server measures a life from its beginning to its end, so the lifetime counts from the beginning.
fn validity(lifetime: u32, limits: Limits, now: Timestamp) -> Result<(Timestamp, Timestamp), RequestError> {
    let ends = || RequestError::AuthorityEnds(limits.authority_ends);
    let after = |time: Timestamp, seconds: u32| {
        time.checked_add(SignedDuration::from_secs(i64::from(seconds))).map_err(|_| ends())
    };
    let before = |time: Timestamp, by: SignedDuration| time.checked_sub(by).map_err(|_| ends());
    if let Some(longest) = limits.longest.filter(|longest| lifetime > *longest) {
        return Err(RequestError::TooLong { asked: lifetime, longest });
    }
    let whole = Timestamp::from_second(now.as_second()).map_err(|_| ends())?;
    let not_before = before(whole, BACK)?;
    let mut not_after = after(not_before, lifetime)?.min(before(limits.authority_ends, MARGIN)?);
    if let Some(longest) = limits.longest {
        not_after = not_after.min(before(after(whole, longest)?, MARGIN)?);
    }
    let not_after = Timestamp::from_second(not_after.as_second()).map_err(|_| ends())?;
    if not_after.duration_since(not_before) < SHORTEST {
        return Err(ends());
    }
    Ok((not_before, not_after))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    #[test]
    fn what_a_pod_holds_is_what_was_seen_or_what_it_must_have_to_run() {
        for (running, ends, held) in [
            (false, None, None),
            (true, None, Some((-6000, 3000))),
            (true, Some(500), Some((-8500, 500))),
            (false, Some(500), Some((-8500, 500))),
        ] {
            let pod = OnePod { running, ends: ends.map(at) };
            let held = held.map(|(came, ends)| (at(came), at(ends)));
            assert_eq!(holds(pod, at(0), 9000), held, "{running} {ends:?}");
        }
    }

    #[test]
    fn a_life_is_never_longer_than_the_request_allows_nor_shorter_than_an_hour() {
        const YEARS: i64 = 10 * 365 * 86_400;
        let week: u32 = 7 * 86_400;
        for (lifetime, ends, longest, end) in [
            (3600, YEARS, None, Some(-60 + 3600)),
            (86_400, YEARS, None, Some(-60 + 86_400)),
            (86_400, YEARS, Some(week), Some(-60 + 86_400)),
            (week, YEARS, Some(week), Some(i64::from(week) - 600)),
            (week + 1, YEARS, Some(week), None),
            (86_400, 7200, None, Some(7200 - 600)),
            (86_400, 4100, None, None),
            (3599, YEARS, None, None),
            (86_400, -5, None, None),
        ] {
            let limits = Limits { authority_ends: at(ends), longest };
            let got = validity(lifetime, limits, at(0)).ok();
            assert_eq!(got, end.map(|end| (at(-60), at(end))), "{lifetime} {ends} {longest:?}");
        }
        assert_eq!((longest(None), longest(Some(7200))), (86_400, 7200));
    }
}
