//! What is counted. Labels are closed lists: reason codes, results and the names of Firewall objects.

mod counters;

use std::{collections::BTreeMap, sync::Arc};

use jiff::SignedDuration;
use prometheus_client::registry::Registry;
use sallyport_contract::{
    Reason,
    object::{Condition, ConditionStatus},
};

use crate::{
    gate::Overridden,
    journey::{Journey, Waiting},
    path::Tally,
};
use counters::{
    ByCall, ByCondition, ByFirewall, ByFirewallState, ByName, ByReason, ByResult, ByStage, ByState,
    CONDITIONS, Counters, PATH_STATES,
};

/// The counters of the program. Clones are one.
#[derive(Clone)]
pub struct Metrics(Arc<Counters>);

impl Metrics {
    /// Registers every counter.
    #[must_use]
    pub fn new(registry: &mut Registry) -> Self {
        let counters = Counters::new();
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
        self.no_paths(firewall);
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
