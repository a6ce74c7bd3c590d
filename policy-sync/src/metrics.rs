//! What is counted. Labels are closed lists: reason codes, results and the names of Firewall objects.

use std::{collections::BTreeMap, sync::Arc};

use jiff::SignedDuration;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};
use sallyport_contract::{
    Reason,
    object::{Condition, ConditionStatus},
};

use crate::{
    gate::Overridden,
    journey::{Journey, Waiting},
};

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
    repairs: Family<ByName, Counter>,
    names: Family<ByFirewall, Gauge>,
    gates: Family<ByReason, Counter>,
    overridden: Family<ByState, Gauge>,
    waiting: Family<ByReason, Gauge>,
    waiting_since: Family<ByReason, Gauge>,
    time_to_ready: Family<ByStage, Histogram, fn() -> Histogram>,
    conditions: Family<ByCondition, Gauge>,
    leads: Gauge,
    traces: Family<ByResult, Counter>,
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
struct ByCall {
    kind: &'static str,
    result: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ByName {
    firewall: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ByStage {
    stage: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ByCondition {
    firewall: String,
    condition: &'static str,
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

/// From a pod of a proven identity to a name that waits for people.
const READY_SECONDS: [f64; 11] = [0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0];

/// The conditions of a firewall that are shown.
const CONDITIONS: [&str; 7] =
    ["Reachable", "InSync", "DefaultDeny", "Unshadowed", "CapacityLeft", "PatternsProven", "PathProven"];

/// How a commit or a push ends.
const RESULTS: [&str; 2] = ["OK", "FAIL"];

/// Up to the most that one request takes.
const BATCH_OPERATIONS: [f64; 7] = [1.0, 5.0, 20.0, 50.0, 100.0, 250.0, 500.0];

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
            repairs: Family::default(),
            names: Family::default(),
            gates: Family::default(),
            overridden: Family::default(),
            waiting: Family::default(),
            waiting_since: Family::default(),
            time_to_ready: Family::new_with_constructor(|| Histogram::new(READY_SECONDS)),
            conditions: Family::default(),
            leads: Gauge::default(),
            traces: Family::default(),
            store_failures: Counter::default(),
        };
        counters.begin();
        counters.register(registry.sub_registry_with_prefix("sallyport_policy_sync"));
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

    /// Somebody changed what is ours, and it is put back.
    pub fn repaired(&self, firewall: &str) {
        self.0.repairs.get_or_create(&ByName { firewall: firewall.to_owned() }).inc();
    }

    /// How the names of one firewall stand.
    pub fn names(&self, firewall: &str, reasons: impl Iterator<Item = Reason>) {
        // From the first look on, so that the first of them is seen as an increase.
        for counter in [&self.0.drifts, &self.0.repairs] {
            drop(counter.get_or_create(&ByName { firewall: firewall.to_owned() }));
        }
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

    /// How long pods wait, by reason.
    pub fn waiting(&self, pods: &Waiting) {
        for reason in Reason::ALL {
            let label = ByReason { reason: reason.code() };
            let Some((count, since)) = pods.by(*reason) else {
                self.0.waiting.remove(&label);
                self.0.waiting_since.remove(&label);
                continue;
            };
            self.0.waiting.get_or_create(&label).set(i64::try_from(count).unwrap_or(i64::MAX));
            self.0.waiting_since.get_or_create(&label).set(since.as_second());
        }
    }

    /// A pod's gate opened by proof.
    pub fn arrived(&self, journey: &Journey) {
        let stages = journey.stages().map(|(stage, added)| (stage.as_str(), added));
        for (stage, took) in stages.chain([("total", journey.total())]) {
            self.0.time_to_ready.get_or_create(&ByStage { stage }).observe(took.as_secs_f64());
        }
    }

    /// The conditions of a firewall.
    pub fn conditions(&self, firewall: &str, conditions: &[Condition]) {
        for condition in CONDITIONS {
            let label = ByCondition { firewall: firewall.to_owned(), condition };
            let Some(found) = conditions.iter().find(|found| found.kind == condition) else {
                self.0.conditions.remove(&label);
                continue;
            };
            self.0.conditions.get_or_create(&label).set(match found.status {
                ConditionStatus::True => 1,
                ConditionStatus::False => 0,
                ConditionStatus::Unknown => -1,
            });
        }
    }

    /// There is no such firewall any more: nothing that stands of it is shown.
    pub fn forget(&self, firewall: &str) {
        self.conditions(firewall, &[]);
        self.names(firewall, std::iter::empty());
        let label = ByName { firewall: firewall.to_owned() };
        self.0.capacity.remove(&label);
        self.0.drifts.remove(&label);
        self.0.repairs.remove(&label);
    }

    /// So many traces went to the collector, or did not.
    pub fn traced(&self, result: &'static str, count: usize) {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        self.0.traces.get_or_create(&ByResult { result }).inc_by(count);
    }

    /// This replica leads.
    pub fn leads(&self) {
        self.0.leads.set(1);
    }

    /// The API server did not take a write.
    pub fn store_failed(&self) {
        self.0.store_failures.inc();
    }
}

impl Counters {
    /// What is counted by a result begins at nothing, so that the first of a kind is seen as an increase.
    fn begin(&self) {
        for result in RESULTS {
            drop(self.commits.get_or_create(&ByResult { result }));
            drop(self.pushes.get_or_create(&ByResult { result }));
        }
    }

    fn register(&self, registry: &mut Registry) {
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

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use prometheus_client::encoding::text::encode;

    use super::*;

    #[test]
    fn a_firewall_that_is_gone_is_shown_no_more() {
        let mut registry = Registry::default();
        let metrics = Metrics::new(&mut registry);
        let condition = |kind: &str, status| Condition {
            kind: kind.into(),
            status,
            reason: String::new(),
            message: String::new(),
            last_transition_time: Timestamp::UNIX_EPOCH,
            observed_generation: None,
        };
        let shown = |sign: &str| {
            let mut text = String::new();
            encode(&mut text, &registry).unwrap();
            let mut lines: Vec<String> =
                text.lines().filter(|line| line.contains(sign)).map(ToOwned::to_owned).collect();
            lines.sort();
            lines
        };
        metrics.room("edge", 9);
        metrics.names("edge", [Reason::Enforced, Reason::CommitFailed, Reason::Enforced].into_iter());
        metrics.conditions(
            "edge",
            &[
                condition("Reachable", ConditionStatus::False),
                condition("PathProven", ConditionStatus::Unknown),
                condition("Strange", ConditionStatus::True),
            ],
        );
        assert_eq!(
            shown("firewall_condition{"),
            [
                "sallyport_policy_sync_firewall_condition{firewall=\"edge\",condition=\"PathProven\"} -1",
                "sallyport_policy_sync_firewall_condition{firewall=\"edge\",condition=\"Reachable\"} 0",
            ]
        );
        assert_eq!(shown("repairs_total"), ["sallyport_policy_sync_repairs_total{firewall=\"edge\"} 0"]);
        metrics.forget("edge");
        assert_eq!(shown("edge"), Vec::<String>::new());
    }
}
