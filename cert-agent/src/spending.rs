//! The money guard: how many certificates were asked for, by identity, namespace and day, and which cap that
//! reaches.
//!
//! What is counted is the beginning of a request: repeating the same one is not another certificate. Counts are
//! derived after a start from the state Secrets, which are written with each request anyway, and from the
//! authority's status, which remembers what deleted identities took; it is some seconds behind at most. What is
//! counted and then not asked for, because the terms changed, makes the count too high, never too low.

use std::{
    collections::{HashMap, VecDeque, hash_map::Entry},
    fmt,
    hash::Hash,
};

use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};
use sallyport_contract::object::{Caps, CertificateAuthorityStatus};
use serde::{Deserialize, Serialize};

use crate::text::Text;

/// What AWS lets one CA issue in its life: quota L-F99AB81B,
/// <https://docs.aws.amazon.com/general/latest/gr/pca.html>.
pub const LIFETIME: u64 = 1_000_000;
/// From this part of it on people are warned.
const WARN_PERCENT: u64 = 80;
const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// The day of a time (UTC).
#[must_use]
pub fn day_of(now: Timestamp) -> Date {
    now.to_zoned(TimeZone::UTC).date()
}

/// What one identity was given by one authority, as its state remembers it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Spent {
    /// The authority.
    pub authority: String,
    /// The day of `today`.
    pub day: Date,
    /// How many were begun that day.
    pub today: u64,
    /// When those of the last hour were begun.
    pub hour: Vec<Timestamp>,
}

impl Spent {
    /// One more is begun.
    #[must_use]
    pub fn and_one(before: Option<&Self>, authority: &str, now: Timestamp) -> Self {
        let before = before.filter(|before| before.authority == authority);
        let today = before.filter(|before| before.day == day_of(now)).map_or(0, |before| before.today);
        let hour =
            before.into_iter().flat_map(|before| &before.hour).filter(|at| now.duration_since(**at) < HOUR);
        let hour = hour.copied().chain([now]).collect();
        Self { authority: authority.to_owned(), day: day_of(now), today: today + 1, hour }
    }
}

/// Which cap is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reached {
    /// The field of `spec.caps`.
    pub cap: &'static str,
    /// Its number.
    pub limit: u32,
    /// Whose it is: `identity shop/web-1`, `namespace shop`, `the whole authority`.
    pub whose: String,
    /// When the next may be asked for.
    pub free_at: Timestamp,
    /// Whether it is the first to be told of it.
    pub first: bool,
}

/// The counts of one authority.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// The day of `today`.
    pub day: Date,
    /// Those of that day.
    pub today: u64,
    /// All.
    pub total: u64,
}

impl Count {
    /// Whether people should plan for another CA.
    #[must_use]
    pub fn nears_the_end(&self) -> bool {
        self.total >= LIFETIME / 100 * WARN_PERCENT
    }
}

/// The counts of all authorities.
#[derive(Debug, Default)]
pub struct Ledger {
    books: HashMap<String, Book>,
}

#[derive(Debug)]
struct Book {
    count: Count,
    /// What was begun in the last hour, the oldest first.
    hour: VecDeque<Begun>,
    /// How many of those are of a namespace, and how many of an identity there.
    namespaces: HashMap<Text, usize>,
    identities: HashMap<(Text, Text), usize>,
    told: HashMap<(&'static str, String), Timestamp>,
}

#[derive(Debug)]
struct Begun {
    at: Timestamp,
    namespace: Text,
    identity: Text,
}

impl Ledger {
    /// What was counted before this program started: what the states remember, and what the authorities' own
    /// statuses do.
    pub fn recall<'a>(
        now: Timestamp,
        spent: impl IntoIterator<Item = (&'a str, &'a str, Spent)>,
        statuses: impl IntoIterator<Item = (&'a str, &'a CertificateAuthorityStatus)>,
    ) -> Self {
        let mut ledger = Self::default();
        for (namespace, identity, spent) in spent {
            let book = ledger.book(&spent.authority, now);
            if spent.day == book.count.day {
                book.count.today += spent.today;
            }
            for at in spent.hour.into_iter().filter(|at| now.duration_since(*at) < HOUR) {
                book.begin(namespace, identity, at);
            }
        }
        for (authority, status) in statuses {
            ledger.book(authority, now).recall(status);
        }
        for book in ledger.books.values_mut() {
            book.hour.make_contiguous().sort_by_key(|begun| begun.at);
        }
        ledger
    }

    fn book(&mut self, authority: &str, now: Timestamp) -> &mut Book {
        let book = self.books.entry(authority.to_owned()).or_insert_with(|| Book {
            count: Count { day: day_of(now), today: 0, total: 0 },
            hour: VecDeque::new(),
            namespaces: HashMap::new(),
            identities: HashMap::new(),
            told: HashMap::new(),
        });
        book.forget_the_past(now);
        book
    }

    /// Counts one more for an identity, if no cap of its authority stands against it.
    ///
    /// # Errors
    /// The cap that is reached; nothing is counted.
    pub fn spend(
        &mut self,
        authority: &str,
        caps: Option<Caps>,
        (namespace, identity): (&str, &str),
        now: Timestamp,
    ) -> Result<(), Reached> {
        self.check(authority, caps, (namespace, identity), now)?;
        let book = self.book(authority, now);
        book.count.today += 1;
        book.count.total += 1;
        book.begin(namespace, identity, now);
        Ok(())
    }

    /// Whether one more could be counted.
    ///
    /// # Errors
    /// The cap that is reached.
    pub fn check(
        &mut self,
        authority: &str,
        caps: Option<Caps>,
        (namespace, identity): (&str, &str),
        now: Timestamp,
    ) -> Result<(), Reached> {
        let book = self.book(authority, now);
        match caps.and_then(|caps| book.reached(caps, namespace, identity)) {
            Some(reached) => Err(book.tell(reached, now)),
            None => Ok(()),
        }
    }

    /// The counts of an authority.
    pub fn count(&mut self, authority: &str, now: Timestamp) -> Count {
        self.book(authority, now).count
    }
}

impl Book {
    fn recall(&mut self, status: &CertificateAuthorityStatus) {
        let number = |number: Option<i64>| number.and_then(|number| u64::try_from(number).ok()).unwrap_or(0);
        let same_day = status.issued_on == Some(self.count.day);
        let told_today = if same_day { number(status.issued_today) } else { 0 };
        let unknown_to_it = self.count.today.saturating_sub(told_today);
        self.count.total = number(status.issued_total) + unknown_to_it;
        self.count.today = self.count.today.max(told_today);
    }

    fn forget_the_past(&mut self, now: Timestamp) {
        if day_of(now) > self.count.day {
            self.count = Count { day: day_of(now), today: 0, ..self.count };
        }
        while let Some(begun) = self.hour.pop_front_if(|begun| now.duration_since(begun.at) >= HOUR) {
            one_less(&mut self.namespaces, begun.namespace.clone());
            one_less(&mut self.identities, (begun.namespace, begun.identity));
        }
    }

    fn begin(&mut self, namespace: &str, identity: &str, at: Timestamp) {
        let (namespace, identity) = (Text::from(namespace), Text::from(identity));
        *self.namespaces.entry(namespace.clone()).or_default() += 1;
        *self.identities.entry((namespace.clone(), identity.clone())).or_default() += 1;
        self.hour.push_back(Begun { at, namespace, identity });
    }

    fn reached(&self, caps: Caps, namespace: &str, identity: &str) -> Option<Reached> {
        let key = (Text::from(namespace), Text::from(identity));
        let of_namespace = |begun: &Begun| begun.namespace == key.0;
        let of_identity = |begun: &Begun| of_namespace(begun) && begun.identity == key.1;
        let (limit, begun) = (caps.per_identity_per_hour, self.identities.get(&key));
        let whose = format_args!("identity {namespace}/{identity}");
        self.in_an_hour(begun, of_identity, ("perIdentityPerHour", limit), whose)
            .or_else(|| {
                let (limit, begun) = (caps.per_namespace_per_hour, self.namespaces.get(&key.0));
                let whose = format_args!("namespace {namespace}");
                self.in_an_hour(begun, of_namespace, ("perNamespacePerHour", limit), whose)
            })
            .or_else(|| {
                let full = self.count.today >= u64::from(caps.per_day);
                let tomorrow = self.count.day.tomorrow().unwrap_or(Date::MAX);
                let free_at = tomorrow.to_zoned(TimeZone::UTC).map_or(Timestamp::MAX, |day| day.timestamp());
                let whose = "all of Sallyport".to_owned();
                full.then_some(Reached { cap: "perDay", limit: caps.per_day, whose, free_at, first: false })
            })
    }

    fn in_an_hour(
        &self,
        begun: Option<&usize>,
        these: impl Fn(&Begun) -> bool,
        (cap, limit): (&'static str, u32),
        whose: fmt::Arguments<'_>,
    ) -> Option<Reached> {
        // When the oldest but `limit - 1` is an hour old there is room again.
        let full = begun?.checked_sub(usize::try_from(limit).unwrap_or(usize::MAX))?;
        let oldest = self.hour.iter().filter(|begun| these(begun)).nth(full)?;
        let free_at = oldest.at.saturating_add(HOUR).unwrap_or(Timestamp::MAX);
        Some(Reached { cap, limit, whose: whose.to_string(), free_at, first: false })
    }

    fn tell(&mut self, reached: Reached, now: Timestamp) -> Reached {
        self.told.retain(|_, until| now < *until);
        let told = self.told.insert((reached.cap, reached.whose.clone()), reached.free_at.max(now));
        Reached { first: told.is_none(), ..reached }
    }
}

fn one_less<K: Eq + Hash>(counts: &mut HashMap<K, usize>, key: K) {
    if let Entry::Occupied(mut count) = counts.entry(key) {
        *count.get_mut() -= 1;
        if *count.get() == 0 {
            count.remove();
        }
    }
}

#[cfg(test)]
mod tests;
