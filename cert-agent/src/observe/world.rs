//! Everything that the watches have told, behind one lock that is held for moments.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use k8s_openapi::api::certificates::v1::PodCertificateRequest;
use sallyport_contract::{
    derive, keys,
    object::{CertificateAuthority, IdentityPolicy, IdentityRequest, NamespaceBinding},
    policy::PolicyBook,
};

use super::{
    facts::{NamespaceFacts, PodFacts, Workload},
    made::Made,
    shelf::{Change, Place, Shelf},
    wanted::Scene,
};
use crate::{claim::ClaimBook, trust::bundle::Found};

/// The shelves, one for each watch.
#[derive(Debug, Default)]
pub struct Shelves {
    /// Namespaces.
    pub namespaces: Shelf<NamespaceFacts>,
    /// Pods.
    pub pods: Shelf<PodFacts>,
    /// Deployments.
    pub deployments: Shelf<Workload>,
    /// StatefulSets.
    pub stateful_sets: Shelf<Workload>,
    /// DaemonSets.
    pub daemon_sets: Shelf<Workload>,
    /// ReplicaSets.
    pub replica_sets: Shelf<Workload>,
    /// Jobs.
    pub jobs: Shelf<Workload>,
    /// CronJobs.
    pub cron_jobs: Shelf<Workload>,
    /// Policies.
    pub policies: Shelf<IdentityPolicy>,
    /// Certificate authorities.
    pub authorities: Shelf<CertificateAuthority>,
    /// Identities.
    pub identities: Shelf<Made>,
    /// Namespace bindings.
    pub bindings: Shelf<NamespaceBinding>,
    /// The pods' requests for certificates of their own; none where the cluster does not serve them.
    pub pod_requests: Shelf<PodCertificateRequest>,
    /// Whether the cluster has said that it serves no such requests. It may be upgraded.
    pub no_pod_requests: bool,
    /// What people ask of identities.
    pub requests: Shelf<IdentityRequest>,
    /// The ConfigMaps of our name with roots.
    pub bundles: Shelf<Found>,
    /// The ClusterTrustBundles of our signer.
    pub cluster_bundles: Shelf<Found>,
    /// In which version the cluster serves ClusterTrustBundles; none if it does not, or has not said yet.
    pub served: Option<Served>,
    /// Who holds which name.
    pub claims: ClaimBook,
    /// Policies of which something new may have to be told.
    pub untold: BTreeSet<String>,
    /// The policies, read; it changes with the shelf.
    pub book: Arc<PolicyBook>,
}

/// A version of ClusterTrustBundles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Served {
    /// `certificates.k8s.io/v1`, from Kubernetes 1.37 on.
    V1,
    /// `certificates.k8s.io/v1beta1`, which clusters before that serve when they are told to.
    V1beta1,
}

/// Shared by the watches and the flow.
#[derive(Clone, Debug, Default)]
pub struct World(Arc<Mutex<Shelves>>);

impl World {
    /// The shelves, for a moment.
    pub fn lock(&self) -> MutexGuard<'_, Shelves> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One identity.
    #[must_use]
    pub fn identity(&self, namespace: &str, name: &str) -> Option<Arc<Made>> {
        self.lock().identities.get(namespace, name)
    }

    /// One certificate authority.
    #[must_use]
    pub fn authority(&self, name: &str) -> Option<Arc<CertificateAuthority>> {
        self.lock().authorities.get("", name)
    }

    /// Everything that decides what is wanted in one namespace; none if there is no such namespace.
    #[must_use]
    pub fn scene(&self, namespace: &str) -> Option<(Scene, Arc<PolicyBook>)> {
        let shelves = self.lock();
        let facts = shelves.namespaces.get("", namespace)?;
        let kinds = [
            &shelves.deployments,
            &shelves.stateful_sets,
            &shelves.daemon_sets,
            &shelves.replica_sets,
            &shelves.jobs,
            &shelves.cron_jobs,
        ];
        let scene = Scene {
            namespace: namespace.to_owned(),
            enabled: turned_on(namespace, &facts),
            labels: facts.labels.clone(),
            workloads: kinds
                .iter()
                .flat_map(|shelf| shelf.of(namespace).map(|(_, w)| Arc::clone(w)))
                .collect(),
            pods: shelves.pods.of(namespace).map(|(_, pod)| Arc::clone(pod)).collect(),
            made: shelves.identities.of(namespace).map(|(_, identity)| Arc::clone(identity)).collect(),
            requests: shelves.pod_requests.of(namespace).map(|(_, request)| Arc::clone(request)).collect(),
        };
        Some((scene, Arc::clone(&shelves.book)))
    }
}

/// Namespaces that no label turns on, as the webhook's configuration leaves them out too: in them lie
/// other programs' credentials, and we are to have no right there.
const NEVER: [&str; 4] = [keys::SYSTEM_NAMESPACE, keys::FIREWALL_NAMESPACE, "kube-system", "kube-node-lease"];

/// Whether a namespace is turned on.
#[must_use]
pub fn turned_on(namespace: &str, facts: &NamespaceFacts) -> bool {
    derive::enabled(&facts.labels) && !facts.ending && !NEVER.contains(&namespace)
}

impl Shelves {
    /// Takes what a watch tells of policies; returns the policies that differ, and the namespaces that may be held in
    /// another way now: those that the policy selects or selected, and after a list, which is of all policies, all.
    pub fn take_policies(&mut self, change: Change<IdentityPolicy>) -> (Vec<Place>, BTreeSet<String>) {
        let (list, before) = match &change {
            Change::Put((_, name), _) | Change::Gone((_, name)) => (false, self.policies.get("", name)),
            Change::ListBegins | Change::Listed(..) | Change::ListEnds => (true, None),
        };
        let touched = self.policies.take(change);
        let mut concerned = BTreeSet::new();
        if list && !touched.is_empty() {
            concerned.extend(self.namespaces.all().map(|(_, namespace, _)| namespace.into()));
        }
        for (_, name) in &touched {
            let after = self.policies.get("", name);
            self.untold.insert(name.clone());
            let book = Arc::make_mut(&mut self.book);
            match &after {
                Some(policy) => book.put(policy),
                None => book.remove(name),
            }
            for policy in before.iter().chain(after.iter().filter(|_| !list)) {
                concerned.extend(self.selected_by(policy).map(str::to_owned));
            }
        }
        (touched, concerned)
    }

    /// The namespaces that a policy selects; by name they cost no walk through all of them.
    fn selected_by<'a>(&'a self, policy: &'a IdentityPolicy) -> Box<dyn Iterator<Item = &'a str> + 'a> {
        let spec = &policy.spec;
        if spec.namespace_selector.is_none() {
            let exists = |namespace: &&str| self.namespaces.get("", namespace).is_some();
            return Box::new(spec.namespaces.iter().flatten().map(String::as_str).filter(exists));
        }
        let all = self.namespaces.all().map(|(_, namespace, facts)| (namespace.as_str(), facts));
        Box::new(all.filter(|(name, facts)| spec.selects(name, &facts.labels)).map(|(name, _)| name))
    }

    /// Whether every watch has completed its first list.
    #[must_use]
    pub fn complete(&self) -> bool {
        self.namespaces.complete()
            && self.pods.complete()
            && self.deployments.complete()
            && self.stateful_sets.complete()
            && self.daemon_sets.complete()
            && self.replica_sets.complete()
            && self.jobs.complete()
            && self.cron_jobs.complete()
            && self.policies.complete()
            && self.authorities.complete()
            && self.identities.complete()
            && self.bindings.complete()
            && self.requests.complete()
            && self.bundles.complete()
            && self.claims.complete()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn law_11_a_label_gives_us_no_right_where_credentials_lie() {
        let labels = [(keys::INJECT.to_owned(), keys::INJECT_ENABLED.to_owned())];
        let facts = NamespaceFacts { uid: "u".to_owned(), labels: labels.into(), ending: false };
        assert!(turned_on("shop", &facts));
        for namespace in NEVER {
            assert!(!turned_on(namespace, &facts), "{namespace}");
        }
        assert!(!turned_on("shop", &NamespaceFacts { ending: true, ..facts }));
    }
}
