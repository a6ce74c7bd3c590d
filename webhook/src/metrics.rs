//! What is counted and measured. Every label comes from a closed list.

use std::time::Duration;

use jiff::Timestamp;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

use crate::{
    judge::Outcome,
    review::{Entry, ReviewError},
};

/// Seconds; the target is 99 of 100 under one millisecond, a read of the API server has two seconds.
const BUCKETS: [f64; 10] = [0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.01, 0.05, 0.25, 1.0, 5.0];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    entry: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EntryLabel {
    entry: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefusalLabels {
    reason: &'static str,
    mode: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CacheLabel {
    cache: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReadLabels {
    cache: &'static str,
    result: &'static str,
}

/// What is kept of the API server's objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cache {
    /// The labels of namespaces.
    Namespaces,
    /// The policies.
    Policies,
}

impl Cache {
    /// The cache's name in labels and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Namespaces => "namespaces",
            Self::Policies => "policies",
        }
    }
}

/// How a request ended that never became a judgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unjudged {
    /// Its body is not a review.
    Malformed,
    /// Its body did not arrive in time.
    Late,
    /// There was no room for it.
    Overloaded,
}

/// The metrics of the webhook. Clones count together.
#[derive(Clone)]
pub struct Metrics {
    requests: Family<RequestLabels, Counter>,
    refusals: Family<RefusalLabels, Counter>,
    seconds: Family<EntryLabel, Histogram, fn() -> Histogram>,
    reads: Family<ReadLabels, Counter>,
    behind_since: Family<CacheLabel, Gauge>,
    unreadable_policies: Gauge,
    certificate_expiry: Gauge,
    certificates_refused: Counter,
}

impl Metrics {
    /// Registers every metric.
    pub fn new(registry: &mut Registry) -> Self {
        let metrics = Self {
            requests: Family::default(),
            refusals: Family::default(),
            seconds: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
            reads: Family::default(),
            behind_since: Family::default(),
            unreadable_policies: Gauge::default(),
            certificate_expiry: Gauge::default(),
            certificates_refused: Counter::default(),
        };
        let ours = registry.sub_registry_with_prefix("sallyport_webhook");
        ours.register("requests", "Reviews answered, by entry and outcome", metrics.requests.clone());
        ours.register(
            "refusals",
            "Refusals, by reason code; with mode Audit those that a policy would make",
            metrics.refusals.clone(),
        );
        ours.register("request_duration_seconds", "Time to judge one review", metrics.seconds.clone());
        ours.register(
            "fresh_reads",
            "Reads of the API server because a cache was behind, by cache and result",
            metrics.reads.clone(),
        );
        ours.register(
            "cache_behind_since_timestamp_seconds",
            "When the watch behind a cache broke off, in Unix time; 0 while it stands",
            metrics.behind_since.clone(),
        );
        ours.register(
            "unreadable_policies",
            "IdentityPolicies that could not be read and hold nothing",
            metrics.unreadable_policies.clone(),
        );
        ours.register(
            "certificate_expiry_timestamp_seconds",
            "When the serving certificate ends, in Unix time; 0 while there is none",
            metrics.certificate_expiry.clone(),
        );
        ours.register(
            "certificates_refused",
            "Serving certificates that could not be used; the one before goes on",
            metrics.certificates_refused.clone(),
        );
        metrics
    }

    /// A review was judged.
    pub fn judged(&self, entry: Entry, outcome: Outcome, reason: Option<&'static str>, took: Duration) {
        self.answered(entry, outcome_word(outcome));
        if let Some(reason) = reason {
            let mode = if outcome == Outcome::Audited { "Audit" } else { "Enforce" };
            self.refusals.get_or_create(&RefusalLabels { reason, mode }).inc();
        }
        self.seconds.get_or_create(&EntryLabel { entry: entry_word(entry) }).observe(took.as_secs_f64());
    }

    /// A request was answered without a judgement.
    pub fn unjudged(&self, entry: Entry, how: Unjudged) {
        let word = match how {
            Unjudged::Malformed => outcome_word(Outcome::Malformed),
            Unjudged::Late => "late",
            Unjudged::Overloaded => "overloaded",
        };
        self.answered(entry, word);
    }

    fn answered(&self, entry: Entry, outcome: &'static str) {
        self.requests.get_or_create(&RequestLabels { entry: entry_word(entry), outcome }).inc();
    }

    /// The API server was asked because a cache was behind.
    pub fn read(&self, cache: Cache, answered: bool) {
        let result = if answered { "answered" } else { "failed" };
        self.reads.get_or_create(&ReadLabels { cache: cache.as_str(), result }).inc();
    }

    /// A watch broke off at that time, or stands.
    pub fn cache_behind(&self, cache: Cache, since: Option<Timestamp>) {
        self.behind_since
            .get_or_create(&CacheLabel { cache: cache.as_str() })
            .set(since.map_or(0, Timestamp::as_second));
    }

    /// So many policies cannot be read.
    pub fn unreadable_policies(&self, count: usize) {
        self.unreadable_policies.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// A serving certificate is in use.
    pub fn certificate_in_use(&self, not_after: Timestamp) {
        self.certificate_expiry.set(not_after.as_second());
    }

    /// A serving certificate cannot be used.
    pub fn certificate_refused(&self) {
        self.certificates_refused.inc();
    }
}

impl From<&ReviewError> for Unjudged {
    fn from(error: &ReviewError) -> Self {
        match error {
            ReviewError::TooLarge
            | ReviewError::Empty
            | ReviewError::Version { .. }
            | ReviewError::Shape(_) => Self::Malformed,
        }
    }
}

const fn entry_word(entry: Entry) -> &'static str {
    match entry {
        Entry::Pods => "pods",
        Entry::Workloads => "workloads",
    }
}

const fn outcome_word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Granted => "granted",
        Outcome::Refused => "refused",
        Outcome::LeftOut => "left_out",
        Outcome::Audited => "audited",
        Outcome::Untouched => "untouched",
        Outcome::Malformed => "malformed",
        Outcome::CannotJudge => "cannot_judge",
    }
}
