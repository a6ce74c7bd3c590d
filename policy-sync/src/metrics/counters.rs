//! The families of metrics: their labels, which are closed lists, their buckets, and what they are called.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

pub(super) struct Counters {
    pub(super) faults: Family<ByReason, Counter>,
    pub(super) calls: Family<ByCall, Counter>,
    pub(super) operations: Counter,
    pub(super) batch_operations: Histogram,
    pub(super) capacity: Family<ByName, Gauge>,
    pub(super) queue_seconds: Histogram,
    pub(super) commits: Family<ByResult, Counter>,
    pub(super) commit_seconds: Histogram,
    pub(super) pushes: Family<ByResult, Counter>,
    pub(super) push_seconds: Histogram,
    pub(super) drifts: Family<ByName, Counter>,
    pub(super) repairs: Family<ByName, Counter>,
    pub(super) names: Family<ByFirewall, Gauge>,
    pub(super) gates: Family<ByReason, Counter>,
    pub(super) overridden: Family<ByState, Gauge>,
    pub(super) path_pairs: Family<ByFirewallState, Gauge>,
    pub(super) waiting: Family<ByReason, Gauge>,
    pub(super) waiting_since: Family<ByReason, Gauge>,
    pub(super) time_to_ready: Family<ByStage, Histogram, fn() -> Histogram>,
    pub(super) conditions: Family<ByCondition, Gauge>,
    pub(super) leads: Gauge,
    pub(super) traces: Family<ByResult, Counter>,
    pub(super) store_failures: Counter,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct ByReason {
    pub(super) reason: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct ByResult {
    pub(super) result: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct ByState {
    pub(super) state: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct ByFirewallState {
    pub(super) firewall: String,
    pub(super) state: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct ByCall {
    pub(super) kind: &'static str,
    pub(super) result: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct ByName {
    pub(super) firewall: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct ByStage {
    pub(super) stage: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct ByCondition {
    pub(super) firewall: String,
    pub(super) condition: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct ByFirewall {
    pub(super) firewall: String,
    pub(super) reason: &'static str,
}

/// Commits take seconds on a virtual firewall and minutes on a small box.
const COMMIT_SECONDS: [f64; 9] = [1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0];

/// From the usual wait for more to a commit that ran before, a freeze or a fault.
const QUEUE_SECONDS: [f64; 9] = [1.0, 2.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14_400.0];

/// From a pod of a proven identity to a name that waits for people.
const READY_SECONDS: [f64; 11] = [0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0];

/// The conditions of a firewall that are shown.
pub(super) const CONDITIONS: [&str; 7] =
    ["Reachable", "InSync", "DefaultDeny", "Unshadowed", "CapacityLeft", "PatternsProven", "PathProven"];

/// How a commit or a push ends.
const RESULTS: [&str; 2] = ["OK", "FAIL"];

/// Up to the most that one request takes.
const BATCH_OPERATIONS: [f64; 7] = [1.0, 5.0, 20.0, 50.0, 100.0, 250.0, 500.0];

/// How a pair of networks may stand.
pub(super) const PATH_STATES: [&str; 3] = ["proven", "bypassed", "not_shown"];

impl Counters {
    pub(super) fn new() -> Self {
        Self {
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
            repairs: Family::default(),
            names: Family::default(),
            gates: Family::default(),
            overridden: Family::default(),
            path_pairs: Family::default(),
            waiting: Family::default(),
            waiting_since: Family::default(),
            time_to_ready: Family::new_with_constructor(|| Histogram::new(READY_SECONDS)),
            conditions: Family::default(),
            leads: Gauge::default(),
            traces: Family::default(),
            store_failures: Counter::default(),
        }
    }

    /// What is counted by a result begins at nothing, so that the first of a kind is seen as an increase.
    pub(super) fn begin(&self) {
        for result in RESULTS {
            drop(self.commits.get_or_create(&ByResult { result }));
            drop(self.pushes.get_or_create(&ByResult { result }));
        }
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("faults", "Faults of firewalls, by reason", self.faults.clone());
        registry.register("calls", "Calls to firewalls, by kind and result", self.calls.clone());
        let (help, batches) = ("Operations in one batch", self.batch_operations.clone());
        registry.register("batch_operations", help, batches);
        let help = "How many names fit on a firewall, by firewall";
        registry.register("capacity_names", help, self.capacity.clone());
        registry.register("operations", "Operations written to firewalls", self.operations.clone());
        let help = "How long the first change of a batch waited before it went out";
        registry.register("queue_seconds", help, self.queue_seconds.clone());
        registry.register("commits", "Commit jobs that ended, by result", self.commits.clone());
        registry.register("commit_seconds", "How long commit jobs took", self.commit_seconds.clone());
        registry.register("pushes", "Push jobs that ended, by result", self.pushes.clone());
        registry.register("push_seconds", "How long push jobs took", self.push_seconds.clone());
        registry.register(
            "drifts",
            "Times that what is in force was changed by somebody else, ours or not, by firewall",
            self.drifts.clone(),
        );
        let help = "Times that somebody changed what is ours and it was put back, by firewall";
        registry.register("repairs", help, self.repairs.clone());
        registry.register("names", "Wanted DNS names, by firewall and reason", self.names.clone());
        registry.register("gate_writes", "Conditions written to pods, by reason", self.gates.clone());
        let help = "Living pods that a GateOverride let in without proof, by whether it still runs";
        registry.register("pods_open_by_override", help, self.overridden.clone());
        let help = "Pairs of networks whose sessions must cross a firewall, by firewall and what was shown";
        registry.register("path_pairs", help, self.path_pairs.clone());
        registry.register(
            "store_failures",
            "Writes that the API server did not take",
            self.store_failures.clone(),
        );
        let help = "Living pods that wait for their gate, by reason";
        registry.register("pods_waiting", help, self.waiting.clone());
        let help = "When the oldest pod was created that waits for its gate, in Unix time, by reason";
        registry.register("pods_waiting_since_timestamp_seconds", help, self.waiting_since.clone());
        let help =
            "From a pod's creation to the opening of its gate by proof: what each stage added, and the total";
        registry.register("time_to_ready_seconds", help, self.time_to_ready.clone());
        let help = "Conditions of Firewalls: 1 is True, 0 is False, -1 is Unknown";
        registry.register("firewall_condition", help, self.conditions.clone());
        let help = "1 while this replica leads, by its Lease";
        registry.register("leads", help, self.leads.clone());
        let help = "Journeys of pods that were traced, by what became of them: sent, failed or dropped";
        registry.register("traces", help, self.traces.clone());
    }
}
