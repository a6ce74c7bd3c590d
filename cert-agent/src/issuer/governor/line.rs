//! Who goes next: those about to expire, then new pods, then ordinary renewals.
//!
//! Nobody holds a thread or a slot while he waits. Who asks is told to go, or when to ask again, and keeps his
//! place meanwhile; who does not come back for it loses it. What about to expire is goes by its end alone; in
//! the other classes namespaces take turns, and inside a namespace the oldest goes first.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::{Duration, Instant},
};

use jiff::Timestamp;

use super::bucket::Bucket;
use crate::issuer::{Caller, Class, Turn};

/// Namespace and name of one who waits.
type Key = (String, String);
/// One lane, in order.
type Lane = BTreeSet<(Timestamp, Key)>;

/// So many wait at most; one more is told to come back without a place.
const MOST: usize = 50_000;
/// Who comes back so much later than he was told has lost his place.
const GRACE: Duration = Duration::from_secs(5);
/// A turn that is not used for so long is over.
const HOLD: Duration = Duration::from_secs(15);
/// Nobody is told to stay away longer: the rate may rise, and others may leave.
const LONGEST: Duration = Duration::from_secs(30);
/// A wait up to here is told as it is, a longer one by half.
const NEAR: Duration = Duration::from_secs(2);

/// One line before one bucket. Time is given, not taken.
#[derive(Debug)]
pub struct Line {
    bucket: Bucket,
    classes: [Turns; Class::ALL.len()],
    places: HashMap<Key, Place>,
    dues: BTreeSet<(Instant, Key)>,
    in_hand: HashMap<Key, Instant>,
}

/// Those of one class: a lane for each namespace, and whose turn was last.
#[derive(Debug, Default)]
struct Turns {
    lanes: BTreeMap<String, Lane>,
    last: String,
    count: usize,
}

#[derive(Debug)]
struct Place {
    class: Class,
    since: Timestamp,
    due: Instant,
}

impl Line {
    /// A line before a full bucket.
    #[must_use]
    pub fn new(per_second: u32, now: Instant) -> Self {
        Self {
            bucket: Bucket::new(per_second, now),
            classes: Default::default(),
            places: HashMap::new(),
            dues: BTreeSet::new(),
            in_hand: HashMap::new(),
        }
    }

    /// Whether it is this caller's turn. Once it is, a token is his until he has [`Line::used`] it.
    pub fn ask(&mut self, caller: &Caller, now: Instant) -> Turn {
        self.bucket.refill(now);
        self.forget_the_late(now);
        let key = (caller.namespace.clone(), caller.name.clone());
        if self.in_hand.contains_key(&key) {
            return Turn::Now;
        }
        self.leave(&key);
        let before = self.before(caller, &key);
        if self.bucket.take(before) {
            self.class(caller.class).last = lane_of(caller);
            self.in_hand.insert(key, now + HOLD);
            return Turn::Now;
        }
        let wait = told(self.bucket.wait(before));
        if self.places.len() >= MOST {
            return Turn::In(LONGEST);
        }
        self.enter(caller, key, now + wait);
        Turn::In(wait)
    }

    /// The caller has used his turn.
    pub fn used(&mut self, caller: &Caller) {
        self.in_hand.remove(&(caller.namespace.clone(), caller.name.clone()));
    }

    /// The caller does not wait any longer.
    pub fn give_up(&mut self, caller: &Caller) {
        self.leave(&(caller.namespace.clone(), caller.name.clone()));
    }

    /// AWS throttled a call that had passed here.
    pub fn slow(&mut self, now: Instant) {
        self.bucket.slow(now);
    }

    /// How many wait, by class.
    #[must_use]
    pub fn waiting(&self, class: Class) -> usize {
        self.classes.get(class as usize).map_or(0, |turns| turns.count)
    }

    /// The bucket, to be shown.
    #[must_use]
    pub fn bucket(&self) -> &Bucket {
        &self.bucket
    }

    fn class(&mut self, class: Class) -> &mut Turns {
        let [expiring, new, renewal] = &mut self.classes;
        match class {
            Class::Expiring => expiring,
            Class::New => new,
            Class::Renewal => renewal,
        }
    }

    fn forget_the_late(&mut self, now: Instant) {
        while let Some((due, key)) = self.dues.first().cloned()
            && now.saturating_duration_since(due) > GRACE
        {
            self.leave(&key);
        }
        self.in_hand.retain(|_, until| now <= *until);
    }

    fn enter(&mut self, caller: &Caller, key: Key, due: Instant) {
        let turns = self.class(caller.class);
        turns.count += 1;
        turns.lanes.entry(lane_of(caller)).or_default().insert((caller.since, key.clone()));
        self.dues.insert((due, key.clone()));
        self.places.insert(key, Place { class: caller.class, since: caller.since, due });
    }

    fn leave(&mut self, key: &Key) {
        let Some(Place { class, since, due }) = self.places.remove(key) else { return };
        self.dues.remove(&(due, key.clone()));
        let turns = self.class(class);
        let lane = lane(class, &key.0);
        turns.count = turns.count.saturating_sub(1);
        if let Some(found) = turns.lanes.get_mut(&lane) {
            found.remove(&(since, key.clone()));
            if found.is_empty() {
                turns.lanes.remove(&lane);
            }
        }
    }

    /// How many go before a caller, were they all here now.
    fn before(&self, caller: &Caller, key: &Key) -> usize {
        let ahead: usize = self.classes.iter().take(caller.class as usize).map(|turns| turns.count).sum();
        let own = lane_of(caller);
        let in_class = self.classes.get(caller.class as usize).map_or(0, |turns| {
            let first = (caller.since, key.clone());
            let round = turns.lanes.get(&own).map_or(0, |lane| lane.range(..first).count());
            let mine = turns.in_this_round(&own);
            let others = turns.lanes.iter().filter(|(lane, _)| **lane != own);
            let theirs = others.map(|(lane, waiting)| {
                waiting.len().min(round + usize::from(turns.in_this_round(lane) < mine))
            });
            round + theirs.sum::<usize>()
        });
        ahead + in_class
    }
}

impl Turns {
    /// Namespaces take turns by name, beginning after the one that was last.
    fn in_this_round<'a>(&self, lane: &'a str) -> (bool, &'a str) {
        (lane <= self.last.as_str(), lane)
    }
}

fn lane_of(caller: &Caller) -> String {
    lane(caller.class, &caller.namespace)
}

/// Fairness between namespaces would let one expire that need not.
fn lane(class: Class, namespace: &str) -> String {
    match class {
        Class::Expiring => String::new(),
        Class::New | Class::Renewal => namespace.to_owned(),
    }
}

fn told(wait: Duration) -> Duration {
    if wait <= NEAR { wait } else { (wait / 2).clamp(NEAR, LONGEST) }
}

#[cfg(test)]
mod tests;
