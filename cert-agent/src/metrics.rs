//! What the agent counts. Labels are codes of closed lists only.

use std::time::Instant;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{
        counter::Counter,
        family::Family,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};
use sallyport_contract::Reason;

use crate::issuer::IssueError;

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

/// The agent's counters.
#[derive(Clone)]
pub struct Metrics {
    calls: Family<Call, Counter>,
    told: Family<Told, Counter>,
    work: Family<Worked, Histogram>,
    issued: Counter,
    delivered: Counter,
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
        metrics
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
