//! What a change makes due: only what it can matter to, and moments later, so that changes come together.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use k8s_openapi::api::certificates::v1::PodCertificateRequest;
use sallyport_contract::object::{CertificateAuthority, IdentityPolicy, IdentityRequest, NamespaceBinding};
use tokio::{sync::Notify, time::Instant};

use super::queue::{Queue, Work};
use crate::{
    claim::Claim,
    observe::{
        facts::{NamespaceFacts, PodFacts, Workload},
        made::Made,
        shelf::{Change, Shelf},
        world::{Served, Shelves, World},
    },
    revocation::is_open,
    trust::bundle::Found,
};

/// Changes within so long are looked at together.
const TOGETHER: Duration = Duration::from_millis(5);
/// Policies that change within so long are told of together.
const TELLING_POLICIES: Duration = Duration::from_millis(200);

/// Takes what the watches tell.
#[derive(Clone)]
pub struct Intake {
    world: World,
    queue: Arc<Queue>,
    complete: Arc<Notify>,
}

impl Intake {
    /// Into this world, making work due in this queue.
    #[must_use]
    pub fn new(world: World, queue: Arc<Queue>) -> Self {
        Self { world, queue, complete: Arc::default() }
    }

    /// Waits until every watch has completed its first list.
    pub async fn complete(&self) {
        while !self.world.lock().complete() {
            self.complete.notified().await;
        }
    }

    fn due(&self, work: Work, anew: bool) {
        self.queue.add(work, Instant::now() + TOGETHER, anew);
    }

    fn take<T>(&self, take: impl FnOnce(&mut Shelves) -> T) -> T {
        let mut shelves = self.world.lock();
        let touched = take(&mut shelves);
        if shelves.complete() {
            self.complete.notify_one();
        }
        touched
    }

    /// Namespaces: what is wanted there, and who holds them.
    pub fn namespace(&self, change: Change<NamespaceFacts>) {
        for (_, name) in self.take(|shelves| shelves.namespaces.take(change)) {
            self.due(Work::Namespace(name), false);
            self.due(Work::Trust, false);
        }
    }

    /// Workloads of one kind.
    pub fn workload(&self, shelf: fn(&mut Shelves) -> &mut Shelf<Workload>, change: Change<Workload>) {
        for (namespace, _) in self.take(|shelves| shelf(shelves).take(change)) {
            self.due(Work::Namespace(namespace), false);
        }
    }

    /// Pods. One that is new may wait for a Secret that somebody deleted.
    pub fn pod(&self, change: Change<PodFacts>) {
        let carried = if let Change::Put(_, pod) = &change { pod.identity.clone() } else { None };
        for (namespace, _) in self.take(|shelves| shelves.pods.take(change)) {
            if let Some(identity) = &carried {
                self.due(Work::Identity((&namespace).into(), identity.clone()), true);
            }
            self.due(Work::Namespace(namespace), false);
        }
    }

    /// Policies: the namespaces that one selects may be held by another one now.
    pub fn policy(&self, change: Change<IdentityPolicy>) {
        let mut concerned = BTreeSet::new();
        let touched = self.take(|shelves| {
            let touched;
            (touched, concerned) = shelves.take_policies(change);
            touched
        });
        if touched.is_empty() {
            return;
        }
        for namespace in concerned {
            self.due(Work::Namespace(namespace), false);
        }
        // It looks at every policy, so it takes those that change in the next moments along.
        self.queue.add(Work::Policies, Instant::now() + TELLING_POLICIES, false);
    }

    /// Certificate authorities.
    pub fn authority(&self, change: Change<CertificateAuthority>) {
        for (_, name) in self.take(|shelves| shelves.authorities.take(change)) {
            self.due(Work::Authority(name), true);
            self.due(Work::Trust, false);
        }
    }

    /// The ConfigMaps of our name with roots.
    pub fn bundle(&self, change: Change<Found>) {
        if !self.take(|shelves| shelves.bundles.take(change)).is_empty() {
            self.due(Work::Trust, false);
        }
    }

    /// ClusterTrustBundles, which the cluster serves in this version.
    pub fn cluster_bundle(&self, served: Served, change: Change<Found>) {
        let listed = matches!(change, Change::ListEnds);
        let touched = self.take(|shelves| {
            let touched = shelves.cluster_bundles.take(change);
            if listed {
                shelves.served = Some(served);
            }
            touched
        });
        if listed || !touched.is_empty() {
            self.due(Work::Trust, false);
        }
    }

    /// Identities. One that is gone may be the last one in its namespace.
    pub fn identity(&self, change: Change<Made>) {
        let gone = matches!(change, Change::Gone(_));
        for (namespace, name) in self.take(|shelves| shelves.identities.take(change)) {
            if gone {
                self.due(Work::Namespace(namespace.clone()), false);
            }
            for request in self.asked_of(&namespace, &name) {
                self.due(Work::Request(namespace.clone(), request), false);
            }
            self.due(Work::Identity(namespace.into(), name.into()), gone);
        }
    }

    /// The pods' requests for certificates of their own.
    pub fn pod_request(&self, change: Change<PodCertificateRequest>) {
        if matches!(change, Change::ListEnds) {
            self.pod_requests_served(true);
        }
        for (namespace, _) in self.take(|shelves| shelves.pod_requests.take(change)) {
            self.due(Work::Namespace(namespace), false);
        }
    }

    /// Whether the cluster serves such requests: policies that ask for them say so.
    pub fn pod_requests_served(&self, served: bool) {
        let before = std::mem::replace(&mut self.world.lock().no_pod_requests, !served);
        if before == served {
            self.due(Work::Policies, true);
        }
    }

    /// The requests that are open about an identity.
    fn asked_of(&self, namespace: &str, identity: &str) -> Vec<String> {
        let shelves = self.world.lock();
        let open = shelves.requests.of(namespace).filter(|(_, request)| is_open(request));
        open.filter(|(_, request)| request.spec.identity == identity).map(|(name, _)| name.into()).collect()
    }

    /// What people ask of identities. Once it is noted, the identity is looked at again.
    pub fn request(&self, change: Change<IdentityRequest>) {
        for (namespace, name) in self.take(|shelves| shelves.requests.take(change)) {
            let request = self.world.lock().requests.get(&namespace, &name);
            if let Some(request) = request.filter(|request| is_open(request)) {
                self.due(Work::Identity((&namespace).into(), (&request.spec.identity).into()), true);
            }
            self.due(Work::Request(namespace, name), false);
        }
    }

    /// Namespace bindings.
    pub fn binding(&self, change: Change<NamespaceBinding>) {
        for (namespace, _) in self.take(|shelves| shelves.bindings.take(change)) {
            self.due(Work::Namespace(namespace), false);
        }
    }

    /// Claims: one that ends may free a name that somebody waits for; he asks again by himself.
    pub fn claim(&self, change: Change<Claim>) {
        self.take(|shelves| shelves.claims.take(change));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn policy(name: &str, scope: serde_json::Value) -> Change<IdentityPolicy> {
        let mut policy = json!({
            "apiVersion": "sallyport.dev/v1alpha1", "kind": "IdentityPolicy", "metadata": {"name": name},
            "spec": {"dnsNames": {"default": "{workload}.{namespace}.corp.example"},
                "traffic": {"actions": ["Allow"], "default": "Allow", "ports": [443],
                    "from": {"zones": ["trust"], "addresses": ["any"]}, "to": {"zones": ["trust"], "addresses": ["any"]}},
                "certificate": {"authority": "ca"}, "firewall": "edge"},
        });
        policy["spec"].as_object_mut().unwrap().extend(scope.as_object().unwrap().clone());
        Change::Put((String::new(), name.to_owned()), serde_json::from_value(policy).unwrap())
    }

    /// The namespaces that a policy's change makes due, with everything else that is due taken away before.
    fn due_after(intake: &Intake, change: impl FnOnce(&Intake)) -> BTreeSet<String> {
        let drain = || {
            let later = Instant::now() + Duration::from_secs(60);
            std::iter::from_fn(move || intake.queue.take(later).ok()).map(|(work, _)| {
                intake.queue.done(&work, None);
                work
            })
        };
        drain().for_each(drop);
        change(intake);
        let namespace = |work| if let Work::Namespace(name) = work { Some(name) } else { None };
        drain().filter_map(namespace).collect()
    }

    #[test]
    fn a_policy_makes_due_the_namespaces_that_it_selects_or_selected_and_no_others() {
        let intake = Intake::new(World::default(), Arc::default());
        for number in 0..5000 {
            let labels = [("team".to_owned(), format!("t{}", number % 1000))].into();
            let facts = NamespaceFacts { uid: format!("u{number}"), labels, ending: false };
            intake.namespace(Change::Put((String::new(), format!("n{number}")), facts));
        }
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
        let due =
            due_after(&intake, |intake| intake.policy(policy("p", json!({"namespaces": ["n1", "n2"]}))));
        assert_eq!(due, names(&["n1", "n2"]));
        let due =
            due_after(&intake, |intake| intake.policy(policy("p", json!({"namespaces": ["n2", "n3"]}))));
        assert_eq!(due, names(&["n1", "n2", "n3"]));
        let selector = json!({"namespaceSelector": {"matchLabels": {"team": "t7"}}});
        let due = due_after(&intake, |intake| intake.policy(policy("q", selector)));
        assert_eq!(due, names(&["n7", "n1007", "n2007", "n3007", "n4007"]));
        let due = due_after(&intake, |intake| intake.policy(Change::Gone((String::new(), "p".to_owned()))));
        assert_eq!(due, names(&["n2", "n3"]));
    }
}
