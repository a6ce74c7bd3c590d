//! What is counted. Labels are closed lists: reason codes, results and the names of Firewall objects.

use std::{collections::BTreeMap, sync::Arc};

use jiff::SignedDuration;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};
use sallyport_contract::Reason;

use crate::{gate::Overridden, path::Tally};

/// The counters of the program. Clones are one.
#[derive(Clone)]
pub struct Metrics(Arc<Counters>);

struct Counters {
    faults: Family<ByReason, Counter>,
    calls: Family<ByCall, Counter>,
    operations: Counter,
    batch_operations: Histogram,
    capacity: Family<ByName, Gauge>,
    queue_seconds: Histogram,
    commits: Family<ByResult, Counter>,
    commit_seconds: Histogram,
    pushes: Family<ByResult, Counter>,
    push_seconds: Histogram,
    drifts: Family<ByName, Counter>,
    names: Family<ByFirewall, Gauge>,
    gates: Family<ByReason, Counter>,
    overridden: Family<ByState, Gauge>,
    path_pairs: Family<ByFirewallState, Gauge>,
    store_failures: Counter,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ByReason {
    reason: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ByResult {
    result: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ByState {
    state: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ByFirewallState {
    firewall: String,
    state: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ByCall {
    kind: &'static str,
    result: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ByName {
    firewall: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ByFirewall {
    firewall: String,
    reason: &'static str,
}

/// Commits take seconds on a virtual firewall and minutes on a small box.
const COMMIT_SECONDS: [f64; 9] = [1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0];

/// From the usual wait for more to a commit that ran before, a freeze or a fault.
const QUEUE_SECONDS: [f64; 9] = [1.0, 2.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14_400.0];

/// Up to the most that one request takes.
const BATCH_OPERATIONS: [f64; 7] = [1.0, 5.0, 20.0, 50.0, 100.0, 250.0, 500.0];

/// How a pair of networks may stand.
const PATH_STATES: [&str; 3] = ["proven", "bypassed", "not_shown"];

impl Metrics {
    /// Registers every counter.
    #[must_use]
    pub fn new(registry: &mut Registry) -> Self {
        let counters = Counters {
            faults: Family::default(),
            calls: Family::default(),
            operations: Counter::default(),
            batch_operations: Histogram::new(BATCH_OPERATIONS),
            capacity: Family::default(),
            queue_seconds: Histogram::new(QUEUE_SECONDS),
            commits: Family::default(),
            commit_seconds: Histogram::new(COMMIT_SECONDS),
            pushes: Family::default(),
            push_seconds: Histogram::new(COMMIT_SECONDS),
            drifts: Family::default(),
            names: Family::default(),
            gates: Family::default(),
            overridden: Family::default(),
            path_pairs: Family::default(),
            store_failures: Counter::default(),
        };
        let registry = registry.sub_registry_with_prefix("sallyport_policy_sync");
        registry.register("faults", "Faults of firewalls, by reason", counters.faults.clone());
        registry.register("calls", "Calls to firewalls, by kind and result", counters.calls.clone());
        let (help, batches) = ("Operations in one batch", counters.batch_operations.clone());
        registry.register("batch_operations", help, batches);
        let help = "How many names fit on a firewall, by firewall";
        registry.register("capacity_names", help, counters.capacity.clone());
        registry.register("operations", "Operations written to firewalls", counters.operations.clone());
        let help = "How long the first change of a batch waited before it went out";
        registry.register("queue_seconds", help, counters.queue_seconds.clone());
        registry.register("commits", "Commit jobs that ended, by result", counters.commits.clone());
        registry.register("commit_seconds", "How long commit jobs took", counters.commit_seconds.clone());
        registry.register("pushes", "Push jobs that ended, by result", counters.pushes.clone());
        registry.register("push_seconds", "How long push jobs took", counters.push_seconds.clone());
        registry.register(
            "drifts",
            "Changes by others that were noticed, by firewall",
            counters.drifts.clone(),
        );
        registry.register("names", "Wanted DNS names, by firewall and reason", counters.names.clone());
        registry.register("gate_writes", "Conditions written to pods, by reason", counters.gates.clone());
        let help = "Living pods that a GateOverride let in without proof, by whether it still runs";
        registry.register("pods_open_by_override", help, counters.overridden.clone());
        let help = "Pairs of networks whose sessions must cross a firewall, by firewall and what was shown";
        registry.register("path_pairs", help, counters.path_pairs.clone());
        registry.register(
            "store_failures",
            "Writes that the API server did not take",
            counters.store_failures.clone(),
        );
        Self(Arc::new(counters))
    }

    /// A firewall could not be used.
    pub fn fault(&self, reason: Reason) {
        self.0.faults.get_or_create(&ByReason { reason: reason.code() }).inc();
    }

    /// A call was made.
    pub fn called(&self, kind: &'static str, result: &'static str) {
        self.0.calls.get_or_create(&ByCall { kind, result }).inc();
    }

    /// How many names fit on a firewall.
    pub fn room(&self, firewall: &str, names: usize) {
        let label = ByName { firewall: firewall.to_owned() };
        self.0.capacity.get_or_create(&label).set(i64::try_from(names).unwrap_or(i64::MAX));
    }

    /// A batch was written.
    pub fn wrote(&self, operations: usize) {
        self.0.batch_operations.observe(f64::from(u32::try_from(operations).unwrap_or(u32::MAX)));
        self.0.operations.inc_by(u64::try_from(operations).unwrap_or(u64::MAX));
    }

    /// A batch went out, so long after its first change.
    pub fn queued(&self, waited: SignedDuration) {
        self.0.queue_seconds.observe(waited.as_secs_f64().max(0.0));
    }

    /// A commit job ended.
    pub fn committed(&self, result: &'static str, seconds: i64) {
        self.0.commits.get_or_create(&ByResult { result }).inc();
        self.0.commit_seconds.observe(f64::from(i32::try_from(seconds).unwrap_or(i32::MAX)));
    }

    /// A push job ended.
    pub fn pushed(&self, result: &'static str, seconds: i64) {
        self.0.pushes.get_or_create(&ByResult { result }).inc();
        self.0.push_seconds.observe(f64::from(i32::try_from(seconds).unwrap_or(i32::MAX)));
    }

    /// What is in force on a firewall was changed by somebody.
    pub fn drifted(&self, firewall: &str) {
        self.0.drifts.get_or_create(&ByName { firewall: firewall.to_owned() }).inc();
    }

    /// How the names of one firewall stand.
    pub fn names(&self, firewall: &str, reasons: impl Iterator<Item = Reason>) {
        let mut counts: BTreeMap<&'static str, i64> = BTreeMap::new();
        for reason in reasons {
            *counts.entry(reason.code()).or_default() += 1;
        }
        for reason in Reason::ALL {
            let label = ByFirewall { firewall: firewall.to_owned(), reason: reason.code() };
            match counts.get(reason.code()) {
                Some(count) => drop(self.0.names.get_or_create(&label).set(*count)),
                None => drop(self.0.names.remove(&label)),
            }
        }
    }

    /// A pod's condition was written.
    pub fn gate(&self, reason: &str) {
        if let Some(reason) = Reason::from_code(reason) {
            self.0.gates.get_or_create(&ByReason { reason: reason.code() }).inc();
        }
    }

    /// How many living pods an override let in that have no proof yet.
    pub fn overridden(&self, pods: Overridden) {
        for (state, count) in [("running", pods.running), ("ended", pods.ended)] {
            self.0.overridden.get_or_create(&ByState { state }).set(count);
        }
    }

    /// What is known of the ways between the networks of one firewall.
    pub fn paths(&self, firewall: &str, tally: Tally) {
        for (state, count) in PATH_STATES.into_iter().zip([tally.proven, tally.bypassed, tally.not_shown]) {
            let label = ByFirewallState { firewall: firewall.to_owned(), state };
            self.0.path_pairs.get_or_create(&label).set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }

    /// Nobody asks about the ways of one firewall.
    pub fn no_paths(&self, firewall: &str) {
        for state in PATH_STATES {
            self.0.path_pairs.remove(&ByFirewallState { firewall: firewall.to_owned(), state });
        }
    }

    /// The API server did not take a write.
    pub fn store_failed(&self) {
        self.0.store_failures.inc();
    }
}
