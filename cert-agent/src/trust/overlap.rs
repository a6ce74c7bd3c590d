//! When the first certificate under a new root may come: after everybody could learn to trust it, and before the one in place
//! is about to expire.

use jiff::{SignedDuration, Timestamp};

use super::{book::Book, root::Anchor};

/// The certificate that an identity has, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holds {
    /// The anchor above it.
    pub anchor: Anchor,
    /// From when on it is about to expire.
    pub expiring_from: Timestamp,
    /// Since when another authority is wanted than the one that signed it, if one is.
    pub moving_since: Option<Timestamp>,
}

/// Why there is to be no certificate yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// Until when at the latest, as far as can be told now.
    pub until: Timestamp,
    /// Whether the new root has been written to everybody.
    pub published: bool,
}

/// What nobody has a certificate for yet waits only so long: every kubelet shows a changed ConfigMap or Secret by then, after its
/// own period of a minute and that of its cache
/// (<https://kubernetes.io/docs/concepts/configuration/configmap/#mounted-configmaps-are-updated-automatically>).
pub const SETTLES: SignedDuration = SignedDuration::from_mins(2);
/// What is not published yet is looked at again so soon; whoever waits is woken before.
const SOON: SignedDuration = SignedDuration::from_secs(5);

/// Whether a certificate under the root `next` has to wait. `overlap` is none where nobody is told of roots; `holds` is none
/// where there is no certificate in use.
#[must_use]
pub fn wait(
    overlap: Option<SignedDuration>,
    book: &Book,
    next: Anchor,
    holds: Option<&Holds>,
    now: Timestamp,
) -> Option<Wait> {
    let overlap = overlap?;
    let known = book.known_since(next);
    let later = |time: Timestamp, by: SignedDuration| time.saturating_add(by).unwrap_or(Timestamp::MAX);
    let until = match holds {
        // Whoever trusts the one in place trusts the next one.
        Some(holds) if holds.anchor == next => return None,
        Some(holds) => {
            let since = known.map(|known| holds.moving_since.map_or(known, |moving| moving.max(known)));
            since.map_or(holds.expiring_from, |since| later(since, overlap).min(holds.expiring_from))
        }
        // Nobody can have relied on another root of this authority.
        None if !book.has_another_than(next) => return None,
        None => known.map_or_else(|| later(now, SOON), |known| later(known, SETTLES.min(overlap))),
    };
    (now < until).then_some(Wait { until, published: known.is_some() })
}
