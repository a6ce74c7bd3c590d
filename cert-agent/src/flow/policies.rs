//! What the writers of policies read: which namespaces a policy holds, how many identities it gave, and
//! whether it can be understood.

use std::{collections::BTreeMap, sync::Arc};

use sallyport_contract::{
    Reason, keys,
    object::{ConditionStatus, Delivery, IdentityPolicy, set_condition},
    policy::{Holder, Policy},
};
use serde_json::{Value, json};

use super::agent::{Agent, Next, lock};
use crate::{
    cluster::{Cluster, ClusterError},
    observe::world::turned_on,
};

impl<C: Cluster> Agent<C> {
    /// Writes every policy's status that says something new.
    pub(super) async fn policies(&self) -> Result<Next, ClusterError> {
        let (policies, mut held) = self.held();
        let no_pod_requests = self.world.lock().no_pod_requests;
        let mut identities: BTreeMap<String, i64> = BTreeMap::new();
        let plans: Vec<_> = lock(&self.plans).values().cloned().collect();
        for wanted in plans.iter().flat_map(|plan| plan.identities.values()) {
            *identities.entry(wanted.identity.policy.clone()).or_default() += 1;
        }
        for policy in policies {
            let name = policy.metadata.name.clone().unwrap_or_default();
            let namespaces = held.remove(&name).unwrap_or_default();
            let count = identities.get(&name).copied().unwrap_or(0);
            let verdict = verdict(&name, &policy, no_pod_requests);
            self.report_policy(
                &name,
                &policy,
                verdict,
                json!({"namespaces": namespaces, "identities": count}),
            )
            .await?;
        }
        Ok(Next::NEVER)
    }

    /// All policies, and the enabled namespaces by the policy that holds them.
    fn held(&self) -> (Vec<Arc<IdentityPolicy>>, BTreeMap<String, Vec<String>>) {
        let shelves = self.world.lock();
        let mut held: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (_, namespace, facts) in shelves.namespaces.all() {
            if !turned_on(namespace, facts) {
                continue;
            }
            match shelves.book.holder(namespace, &facts.labels) {
                Holder::Held { policy: Policy { name, .. }, .. } => {
                    held.entry(name.clone()).or_default().push(namespace.clone());
                }
                Holder::Broken { name, .. } => {
                    held.entry(name.to_owned()).or_default().push(namespace.clone());
                }
                Holder::Nobody => {}
            }
        }
        held.values_mut().for_each(|namespaces| namespaces.sort());
        (shelves.policies.all().map(|(_, _, policy)| Arc::clone(policy)).collect(), held)
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
