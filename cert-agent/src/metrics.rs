//! What the agent counts. Labels are codes of closed lists, names of CertificateAuthorities, and AWS accounts with their Region.

use std::{sync::atomic::AtomicU64, time::Instant};

use jiff::Timestamp;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};
use sallyport_contract::Reason;

use crate::issuer::{self, Class, IssueError, governor::line::Line};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Call {
    call: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Told {
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Worked {
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Capped {
    cap: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct MissedPods {
    why: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Of {
    authority: String,
}

/// One bucket: an account with its Region, and a call.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Budget {
    account: String,
    call: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Waiting {
    account: String,
    call: &'static str,
    class: &'static str,
}

/// What the governor shows.
#[derive(Clone, Default)]
pub struct GovernorMetrics {
    budget: Family<Budget, Gauge<f64, AtomicU64>>,
    rate: Family<Budget, Gauge<f64, AtomicU64>>,
    waiting: Family<Waiting, Gauge>,
}

impl GovernorMetrics {
    /// Shows a line as it is now.
    pub fn show(&self, account: &str, call: issuer::Call, line: &Line) {
        let call = call.as_str();
        let budget = Budget { account: account.to_owned(), call };
        self.budget.get_or_create(&budget).set(line.bucket().left());
        self.rate.get_or_create(&budget).set(line.bucket().rate());
        for class in Class::ALL {
            let waiting = Waiting { account: account.to_owned(), call, class: class.as_str() };
            let count = i64::try_from(line.waiting(class)).unwrap_or(i64::MAX);
            self.waiting.get_or_create(&waiting).set(count);
        }
    }

    fn register(&self, registry: &mut Registry) {
        let help = "Calls that may go out at once, by AWS account with Region and call";
        registry.register("governor_budget", help, self.budget.clone());
        let help =
            "Calls a second that may go out, by AWS account with Region and call; falls when AWS throttles";
        registry.register("governor_rate", help, self.rate.clone());
        let help = "Who waits for his turn, by AWS account with Region, call and class";
        registry.register("governor_waiting", help, self.waiting.clone());
    }
}

/// The caps of a `CertificateAuthority`.
const CAPS: [&str; 3] = ["perIdentityPerHour", "perNamespacePerHour", "perDay"];

/// The agent's counters.
#[derive(Clone)]
pub struct Metrics {
    calls: Family<Call, Counter>,
    told: Family<Told, Counter>,
    work: Family<Worked, Histogram>,
    issued: Counter,
    delivered: Counter,
    older_pods: Gauge,
    money: Counter<f64, AtomicU64>,
    price: f64,
    capped: Family<Capped, Counter>,
    missed: Family<MissedPods, Gauge>,
    ready: Family<Of, Gauge>,
    used: Family<Of, Gauge<f64, AtomicU64>>,
    earliest_expiry: Gauge,
    overdue: Gauge,
    leads: Gauge,
    authorities: Family<Of, Gauge>,
    trust_roots: Family<Of, Gauge>,
    trust_bundles: Gauge,
    trust_edits: Counter,
    /// What the governor shows.
    pub governor: GovernorMetrics,
}

impl Metrics {
    /// Registers everything.
    #[must_use]
    pub fn new(registry: &mut Registry) -> Self {
        let metrics = Self {
            calls: Family::default(),
            told: Family::default(),
            work: Family::new_with_constructor(|| Histogram::new(exponential_buckets(0.001, 4.0, 8))),
            issued: Counter::default(),
            delivered: Counter::default(),
            older_pods: Gauge::default(),
            money: Counter::default(),
            price: 0.0,
            capped: Family::default(),
            missed: Family::default(),
            ready: Family::default(),
            used: Family::default(),
            earliest_expiry: Gauge::default(),
            overdue: Gauge::default(),
            leads: Gauge::default(),
            authorities: Family::default(),
            trust_roots: Family::default(),
            trust_bundles: Gauge::default(),
            trust_edits: Counter::default(),
            governor: GovernorMetrics::default(),
        };
        let registry = registry.sub_registry_with_prefix("sallyport_cert_agent");
        let help = "Calls to certificate authorities, by call and outcome";
        registry.register("authority_calls", help, metrics.calls.clone());
        let help = "Changes of an identity's CertificateIssued, by its reason";
        registry.register("reports", help, metrics.told.clone());
        let help = "Time that one piece of work takes, by its kind";
        registry.register("work_seconds", help, metrics.work.clone());
        let help = "Certificates that were verified and taken";
        registry.register("certificates_issued", help, metrics.issued.clone());
        registry.register("secrets_delivered", "Writes of a delivered Secret", metrics.delivered.clone());
        let help = "Running pods that began before their identity's certificate was renewed";
        registry.register("pods_older_than_certificate", help, metrics.older_pods.clone());
        let help = "What the certificates cost that AWS Private CA accepted to make, by the configured price";
        registry.register("certificates_cost", help, metrics.money.clone());
        let help = "How often a cap on the number of certificates was reached anew, by the cap";
        registry.register("spending_caps_reached", help, metrics.capped.clone());
        let help = "Living pods without what their policy gives, by why";
        registry.register("pods_missed", help, metrics.missed.clone());
        let help = "When an authority's own certificate ends, in seconds since 1970";
        registry.register("authority_not_after_seconds", help, metrics.authorities.clone());
        metrics.register_state(registry);
        metrics.register_trust(registry);
        metrics.governor.register(registry);
        // So that the first time is seen as an increase.
        for cap in CAPS {
            drop(metrics.capped.get_or_create(&Capped { cap }));
        }
        metrics
    }

    fn register_state(&self, registry: &mut Registry) {
        let help = "Whether a CertificateAuthority answers and can sign: 1 or 0";
        registry.register("authority_ready", help, self.ready.clone());
        let help = "How much of what AWS lets one CA issue in its life was asked for, from 0 to 1";
        registry.register("authority_used_ratio", help, self.used.clone());
        let help = "When the first certificate of a wanted identity ends, in Unix time; 0 while there is none. Without those of pods that have \
                    their own";
        registry.register(
            "certificates_earliest_expiry_timestamp_seconds",
            help,
            self.earliest_expiry.clone(),
        );
        let help = "Certificates of wanted identities with less than an eighth of their life left: their renewal is overdue";
        registry.register("renewals_overdue", help, self.overdue.clone());
        let help = "1 while this replica leads, by its Lease";
        registry.register("leads", help, self.leads.clone());
    }

    /// How an authority stands: `lifetime` is how many certificates it may issue, where that is limited.
    pub fn authority(&self, name: &str, ready: bool, issued: u64, lifetime: Option<u64>) {
        let of = Of { authority: name.to_owned() };
        self.ready.get_or_create(&of).set(i64::from(ready));
        if let Some(lifetime) = lifetime {
            let used = |count: u64| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
            self.used.get_or_create(&of).set(used(issued) / used(lifetime.max(1)));
        }
    }

    /// There is no such authority any more.
    pub fn forget_authority(&self, name: &str) {
        let of = Of { authority: name.to_owned() };
        self.ready.remove(&of);
        self.used.remove(&of);
        self.authorities.remove(&of);
        self.trust_roots.remove(&of);
    }

    /// When the first certificate ends, and how many should have been renewed.
    pub fn expiry(&self, earliest: Option<Timestamp>, overdue: usize) {
        self.earliest_expiry.set(earliest.map_or(0, Timestamp::as_second));
        self.overdue.set(i64::try_from(overdue).unwrap_or(i64::MAX));
    }

    /// This replica leads.
    pub fn leads(&self) {
        self.leads.set(1);
    }

    fn register_trust(&self, registry: &mut Registry) {
        let help = "Roots of an authority: more than one through a change of its CA";
        registry.register("trust_roots", help, self.trust_roots.clone());
        let help = "Namespaces that hold the ConfigMap with the roots";
        registry.register("trust_bundles", help, self.trust_bundles.clone());
        let help = "Trust bundles that somebody changed or deleted, and that were put back";
        registry.register("trust_edits_reverted", help, self.trust_edits.clone());
    }

    /// So many roots of an authority are trusted.
    pub fn trust_roots(&self, authority: &str, count: usize) {
        let of = Of { authority: authority.to_owned() };
        if count == 0 {
            self.trust_roots.remove(&of);
        } else {
            self.trust_roots.get_or_create(&of).set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }

    /// So many namespaces hold the roots.
    pub fn trust_bundles(&self, count: usize) {
        self.trust_bundles.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// A bundle that somebody changed was put back.
    pub fn trust_edit(&self) {
        self.trust_edits.inc();
    }

    /// The same, with what one certificate of AWS Private CA costs, in any currency.
    #[must_use]
    pub fn priced(self, price: f64) -> Self {
        Self { price: price.max(0.0), ..self }
    }

    /// An authority gave a ticket. Those of AWS Private CA cost money.
    pub fn bought(&self, ticket: &str) {
        if ticket.starts_with("arn:") {
            self.money.inc_by(self.price);
        }
    }

    /// So many running pods began before their certificate was renewed.
    pub fn older_pods(&self, count: usize) {
        self.older_pods.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// A cap of `spec.caps` was reached.
    pub fn capped(&self, cap: &'static str) {
        self.capped.get_or_create(&Capped { cap }).inc();
    }

    /// So many more pods were missed by the webhook, or fewer.
    pub fn missed(&self, why: &'static str, more: i64) {
        self.missed.get_or_create(&MissedPods { why }).inc_by(more);
    }

    /// An authority's own certificate ends then.
    pub fn authority_ends(&self, authority: &str, ends: Timestamp) {
        self.authorities.get_or_create(&Of { authority: authority.to_owned() }).set(ends.as_second());
    }

    /// A certificate authority was asked.
    pub fn asked(&self, call: &'static str, answer: &Result<(), &IssueError>) {
        let outcome = match answer {
            Ok(()) => "ok",
            Err(IssueError::Throttled(_)) => "throttled",
            Err(IssueError::Unavailable(_)) => "unavailable",
            Err(IssueError::Denied(_)) => "denied",
            Err(IssueError::NotActive(_)) => "not_active",
            Err(IssueError::NotFound(_)) => "not_found",
            Err(IssueError::Refused(_)) => "refused",
            Err(IssueError::Failed(_)) => "failed",
        };
        self.calls.get_or_create(&Call { call, outcome }).inc();
    }

    /// An identity says something new.
    pub fn told(&self, reason: Reason) {
        self.told.get_or_create(&Told { reason: reason.code() }).inc();
    }

    /// A certificate was verified and taken.
    pub fn issued(&self) {
        self.issued.inc();
    }

    /// A Secret was written.
    pub fn delivered(&self) {
        self.delivered.inc();
    }

    /// Measures a piece of work until the value goes.
    #[must_use]
    pub fn time(&self, kind: &'static str) -> Timer {
        Timer { started: Instant::now(), work: self.work.clone(), kind }
    }
}

/// Measures until it goes.
pub struct Timer {
    started: Instant,
    work: Family<Worked, Histogram>,
    kind: &'static str,
}

impl Drop for Timer {
    fn drop(&mut self) {
        let worked = Worked { kind: self.kind };
        self.work.get_or_create(&worked).observe(self.started.elapsed().as_secs_f64());
    }
}
