//! What the writers of policies read: which namespaces a policy holds, how many identities it gave, and
//! whether it can be understood.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use sallyport_contract::{
    Reason, keys,
    object::{ConditionStatus, Delivery, IdentityPolicy, set_condition},
    policy::{Holder, Policy, PolicyBook},
};
use serde_json::{Value, json};

use super::agent::{Agent, Next, lock};
use crate::{
    cluster::{Cluster, ClusterError},
    observe::wanted::{Plan, Scene},
    text::Text,
};

/// What one namespace adds to what is told of policies.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Share {
    /// The policy that holds it, while it is turned on.
    holder: Option<Text>,
    /// How many of its identities each policy gave.
    identities: BTreeMap<Text, i64>,
}

impl Share {
    pub(super) fn of(scene: &Scene, book: &PolicyBook, plan: &Plan) -> Self {
        let holder = match book.holder(&scene.namespace, &scene.labels) {
            Holder::Held { policy: Policy { name, .. }, .. } => Some(Text::from(name)),
            Holder::Broken { name, .. } => Some(Text::from(name)),
            Holder::Nobody => None,
        };
        let mut identities = BTreeMap::new();
        for wanted in plan.identities.values() {
            *identities.entry(wanted.content.terms.policy.clone()).or_default() += 1;
        }
        Self { holder: holder.filter(|_| scene.enabled), identities }
    }
}

/// What the namespaces add up to: nobody looks at all of them when one is another.
#[derive(Debug, Default)]
pub(super) struct Tally {
    shares: HashMap<Text, Share>,
    sums: HashMap<Text, Sum>,
}

/// What is told of one policy.
#[derive(Debug, Default)]
struct Sum {
    namespaces: BTreeSet<Text>,
    identities: i64,
}

impl Tally {
    /// Takes what a namespace adds now; returns the policies of which something else is to be told.
    fn put(&mut self, namespace: &str, share: Option<Share>) -> BTreeSet<Text> {
        let namespace = Text::from(namespace);
        let before = self.shares.remove(&namespace);
        if before == share {
            self.shares.extend(share.map(|share| (namespace, share)));
            return BTreeSet::new();
        }
        let mut touched = BTreeSet::new();
        if let Some(before) = &before {
            self.add(&namespace, before, -1, &mut touched);
        }
        if let Some(share) = share {
            self.add(&namespace, &share, 1, &mut touched);
            self.shares.insert(namespace, share);
        }
        for policy in &touched {
            let nothing = |sum: &Sum| sum.identities == 0 && sum.namespaces.is_empty();
            if self.sums.get(policy).is_some_and(nothing) {
                self.sums.remove(policy);
            }
        }
        touched
    }

    fn add(&mut self, namespace: &Text, share: &Share, sign: i64, touched: &mut BTreeSet<Text>) {
        if let Some(policy) = &share.holder {
            let namespaces = &mut self.sums.entry(policy.clone()).or_default().namespaces;
            if sign > 0 {
                namespaces.insert(namespace.clone());
            } else {
                namespaces.remove(namespace);
            }
            touched.insert(policy.clone());
        }
        for (policy, count) in &share.identities {
            self.sums.entry(policy.clone()).or_default().identities += sign * count;
            touched.insert(policy.clone());
        }
    }

    /// What is told of a policy.
    fn told(&self, policy: &str) -> Value {
        let nothing = Sum::default();
        let sum = self.sums.get(policy).unwrap_or(&nothing);
        json!({"namespaces": sum.namespaces, "identities": sum.identities})
    }
}

impl<C: Cluster> Agent<C> {
    /// Takes what a namespace adds to what is told of policies.
    pub(super) fn add_up(&self, namespace: &str, share: Option<Share>) {
        let touched = lock(&self.tally).put(namespace, share);
        if !touched.is_empty() {
            self.world.lock().untold.extend(touched.iter().map(String::from));
            self.policies_due();
        }
    }

    /// Writes the status of each policy of which something new may have to be told; `anew`, of every policy.
    pub(super) async fn policies(&self, anew: bool) -> Result<Next, ClusterError> {
        let (policies, no_pod_requests) = {
            let mut shelves = self.world.lock();
            let untold = std::mem::take(&mut shelves.untold);
            let all = shelves.policies.all().filter(|_| anew).map(|(_, name, _)| name.into());
            let names: BTreeSet<String> = untold.into_iter().chain(all).collect();
            let found = names.into_iter().filter_map(|name| Some((shelves.policies.get("", &name)?, name)));
            (found.collect::<Vec<_>>(), shelves.no_pod_requests)
        };
        for (policy, name) in policies {
            let verdict = verdict(&name, &policy, no_pod_requests);
            let said = lock(&self.tally).told(&name);
            self.report_policy(&name, &policy, verdict, said).await?;
        }
        Ok(Next::NEVER)
    }

    async fn report_policy(
        &self,
        name: &str,
        policy: &IdentityPolicy,
        (status, reason, message): Verdict,
        mut said: Value,
    ) -> Result<(), ClusterError> {
        let before = policy.status.clone().unwrap_or_default();
        // By UID: an object that is made again under the same name has been told nothing.
        let what = format!("idpol/{}", policy.metadata.uid.as_deref().unwrap_or(name));
        let generation = policy.metadata.generation;
        let condition = set_condition(
            &before.conditions,
            "Accepted",
            status,
            reason,
            message,
            generation,
            self.clock.now(),
        );
        said["conditions"] = json!([condition]);
        if self.says_already(&what, &json!(before), &said) {
            return Ok(());
        }
        let object = json!({
            "apiVersion": format!("{}/{}", keys::GROUP, keys::VERSION), "kind": "IdentityPolicy",
            "metadata": {"name": name}, "status": said,
        });
        match self.cluster.apply_status::<IdentityPolicy>(&object).await {
            Ok(_) => self.said(&what, said),
            Err(ClusterError::Gone(_)) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Whether a status says this already, by what we last wrote or, after a start, by what was read.
    pub(super) fn says_already(&self, what: &str, read: &Value, said: &Value) -> bool {
        let written = lock(&self.statuses);
        without_times(written.get(what).unwrap_or(read)) == without_times(said)
    }

    /// Remembers what was written.
    pub(super) fn said(&self, what: &str, said: Value) {
        lock(&self.statuses).insert(what.to_owned(), said);
    }
}

/// What `Accepted` says of a policy.
type Verdict = (ConditionStatus, Reason, String);

fn verdict(name: &str, policy: &IdentityPolicy, no_pod_requests: bool) -> Verdict {
    match Policy::read(name, &policy.spec) {
        Ok(_) if no_pod_requests && policy.spec.certificate.delivery == Delivery::Pod => {
            (ConditionStatus::False, Reason::NotSupportedHere, NOT_SERVED.to_owned())
        }
        Ok(_) => (ConditionStatus::True, Reason::Accepted, "it is in force".to_owned()),
        Err(error) => (ConditionStatus::False, Reason::Malformed, error.to_string()),
    }
}

/// As the webhook says it of each workload and pod.
const NOT_SERVED: &str = "spec.certificate.delivery: Pod takes PodCertificateRequests of certificates.k8s.io/v1, served from \
    Kubernetes 1.37; this cluster does not serve them, so workloads and pods under this policy are refused, unless it only audits. Set \
    spec.certificate.delivery: Secret, or upgrade the cluster";

/// When a condition last changed follows from the rest.
fn without_times(status: &Value) -> Value {
    let mut status = status.clone();
    for condition in status["conditions"].as_array_mut().into_iter().flatten() {
        if let Some(fields) = condition.as_object_mut() {
            fields.remove("lastTransitionTime");
        }
    }
    status
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(holder: &str, identities: &[(&str, i64)]) -> Option<Share> {
        let identities = identities.iter().map(|(policy, count)| (Text::from(*policy), *count)).collect();
        Some(Share { holder: Some(holder.into()), identities })
    }

    #[test]
    fn only_policies_that_a_namespace_touches_are_told_of_anew() {
        let mut tally = Tally::default();
        let touched = |touched: BTreeSet<Text>| touched.iter().map(String::from).collect::<Vec<_>>();
        assert_eq!(touched(tally.put("shop", share("p", &[("p", 2)]))), ["p"]);
        assert_eq!(touched(tally.put("bill", share("p", &[("q", 1)]))), ["p", "q"]);
        assert!(tally.put("shop", share("p", &[("p", 2)])).is_empty(), "the same again");
        assert_eq!(tally.told("p"), json!({"namespaces": ["bill", "shop"], "identities": 2}));
        assert_eq!(touched(tally.put("shop", share("p", &[("p", 3)]))), ["p"]);
        assert_eq!(tally.told("p")["identities"], 3);
        assert_eq!(touched(tally.put("bill", None)), ["p", "q"]);
        assert_eq!(tally.told("q"), json!({"namespaces": [], "identities": 0}));
        assert_eq!(tally.sums.len(), 1, "of what is nothing nothing is kept");
    }
}
