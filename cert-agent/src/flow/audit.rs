//! What slipped past the webhook is told: a condition on the namespace's binding, an event on each workload, and
//! a number.
//!
//! On the binding and not on the policy: one namespace's team reads it, a policy holds many namespaces, and its
//! status would grow with them.

use std::{cmp::Reverse, collections::HashSet};

use sallyport_contract::{
    Reason, keys,
    object::{Condition, ConditionStatus, NamespaceBinding, set_condition},
};
use serde_json::json;

use super::agent::Agent;
use crate::{
    cluster::{Cluster, ClusterError, Notice},
    observe::{
        missed::{Missed, Why},
        wanted::{Plan, Scene},
    },
};

/// The condition.
const PODS_INJECTED: &str = "PodsInjected";
/// Workloads that the condition names; the others are counted.
const NAMED: usize = 5;
/// Events in one pass over a namespace; the condition has the rest.
const MOST_EVENTS: usize = 20;

impl<C: Cluster> Agent<C> {
    /// Tells the workloads whose pods were missed, each once.
    pub(super) async fn tell_missed(&self, before: Option<&Plan>, plan: &Plan) {
        let known: HashSet<String> =
            before.iter().flat_map(|before| &before.missed).map(Missed::words).collect();
        for missed in plan.missed.iter().filter(|missed| !known.contains(&missed.words())).take(MOST_EVENTS) {
            tracing::warn!(
                about = missed.about.shown(),
                why = missed.why.as_str(),
                what = missed.what,
                "pods were missed"
            );
            self.tell(&Notice {
                about: missed.about.clone(),
                warning: true,
                reason: Reason::NotInjected.code(),
                // Events that differ in nothing but their words become one, with the first one's words.
                action: missed.why.as_str(),
                note: missed.words(),
            })
            .await;
        }
    }

    /// Says on the namespace's binding whether every pod has what the policy gives.
    pub(super) async fn tell_binding(&self, scene: &Scene, plan: &Plan) -> Result<(), ClusterError> {
        let found = self.world.lock().bindings.get(&scene.namespace, keys::BINDING);
        let Some(binding) = found.filter(|_| scene.enabled) else { return Ok(()) };
        let conditions = binding.status.as_ref().map_or(&[][..], |status| &status.conditions);
        let condition = condition(conditions, &plan.missed, self.clock.now());
        if conditions.contains(&condition) {
            return Ok(());
        }
        let object = json!({
            "apiVersion": format!("{}/{}", keys::GROUP, keys::VERSION), "kind": "NamespaceBinding",
            "metadata": {"name": keys::BINDING, "namespace": scene.namespace},
            "status": {"conditions": [condition]},
        });
        match self.cluster.apply_status::<NamespaceBinding>(&object).await {
            // One that is gone is made again, and then told again.
            Ok(_) | Err(ClusterError::Gone(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Counts by what changed, so that a pass over one namespace does not look at all the others.
    pub(super) fn count_missed(&self, before: Option<&Plan>, after: Option<&Plan>) {
        for why in Why::ALL {
            let of = |plan: Option<&Plan>| {
                let missed =
                    plan.into_iter().flat_map(|plan| &plan.missed).filter(|missed| missed.why == why);
                missed.fold(0_i64, |sum, one| sum.saturating_add(i64::try_from(one.pods).unwrap_or(i64::MAX)))
            };
            self.metrics.missed(why.as_str(), of(after).saturating_sub(of(before)));
        }
    }
}

/// What the binding says.
fn condition(before: &[Condition], missed: &[Missed], now: jiff::Timestamp) -> Condition {
    let (status, reason, message) = match missed {
        [] => (
            ConditionStatus::True,
            Reason::Accepted,
            "every living pod has what the policy gives it".to_owned(),
        ),
        _ => (ConditionStatus::False, Reason::NotInjected, words(missed)),
    };
    set_condition(before, PODS_INJECTED, status, reason, message, None, now)
}

fn words(missed: &[Missed]) -> String {
    let all: usize = missed.iter().map(|one| one.pods).sum();
    let mut largest: Vec<&Missed> = missed.iter().collect();
    largest.sort_by_key(|one| Reverse(one.pods));
    let told: Vec<String> =
        largest.iter().take(NAMED).map(|one| format!("{} {}", one.pods, one.words())).collect();
    let more = match missed.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" | and {more} more workloads"),
    };
    format!("{all} pods in all: {}{more}", told.join(" | "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::wanted::About;

    fn missed(name: &str, pods: usize) -> Missed {
        let about = About {
            api_version: "apps/v1",
            kind: "Deployment",
            namespace: "shop".to_owned(),
            name: name.to_owned(),
            uid: name.to_owned(),
        };
        Missed {
            about,
            why: Why::NotInjected,
            pods,
            what: "run without".to_owned(),
            mend: "restart".to_owned(),
        }
    }

    #[test]
    fn the_condition_is_bounded_and_begins_with_the_most() {
        let now = jiff::Timestamp::from_second(1_800_000_000).unwrap();
        let all: Vec<Missed> = (1..=7).map(|n| missed(&format!("w{n}"), n)).collect();
        let told = condition(&[], &all, now);
        assert_eq!((told.status, told.reason.as_str()), (ConditionStatus::False, "NotInjected"));
        let expected = "28 pods in all: 7 pods of Deployment shop/w7 run without; do: restart | 6 pods";
        assert!(told.message.starts_with(expected), "{}", told.message);
        assert!(told.message.ends_with(" | and 2 more workloads"), "{}", told.message);
        let mended = condition(&[told], &[], now);
        assert_eq!((mended.status, mended.reason.as_str()), (ConditionStatus::True, "Accepted"));
    }
}
