//! What the tests of the whole webhook share: a policy, a namespace, reviews, and caches without a cluster.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::sync::Arc;

use futures::{FutureExt as _, future::BoxFuture};
use sallyport_contract::{object::IdentityPolicy, policy::PolicyBook};
use sallyport_webhook::facts::{Facts, Labels, ReadError, Snapshot};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

/// One policy for namespace `shop`, which lets pods be left out.
pub(crate) fn policies() -> Arc<PolicyBook> {
    policies_with(&json!({}))
}

/// The same with more in its spec.
fn policies_with(more: &Value) -> Arc<PolicyBook> {
    let side = json!({"zones": ["trust"], "addresses": ["any"]});
    let mut policy = json!({"apiVersion": "sallyport.dev/v1alpha1",
        "kind": "IdentityPolicy", "metadata": {"name": "shop"}, "spec": {"namespaces": ["shop"],
        "dnsNames": {"default": "{workload}.shop.corp.example", "allowed": ["*.shop.corp.example"]},
        "traffic": {"actions": ["Allow", "Deny"], "default": "Allow", "from": side, "to": side, "ports": [443]},
        "certificate": {"authority": "corp-pca"}, "firewall": "edge", "optOut": "Allow",
        "podAnnotations": {"paloaltonetworks.com/firewall": "pan-fw"}}});
    policy["spec"].as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let policy: IdentityPolicy = serde_json::from_value(policy).unwrap();
    Arc::new(PolicyBook::new([&policy]))
}

/// Caches that know the enabled namespace `shop` and its policy.
pub(crate) fn snapshot() -> Snapshot {
    let namespaces = Arc::new([("shop".to_owned(), enabled())].into());
    Snapshot { namespaces, policies: policies(), pod_certificates: true }
}

/// The same, where the policy holds containers back.
pub(crate) fn holding() -> Snapshot {
    let policies = policies_with(&json!({"hold": {"startInit": {"image": "registry.example/sallyport:1"}}}));
    Snapshot { policies, ..snapshot() }
}

/// The labels of an enabled namespace.
pub(crate) fn enabled() -> Arc<Labels> {
    Arc::new(Labels::from([("sallyport.dev/inject".to_owned(), "enabled".to_owned())]))
}

/// A pod that is granted `web.shop.corp.example`.
pub(crate) fn pod() -> Value {
    json!({"metadata": {"name": "web", "namespace": "shop"}, "spec": {"containers": [{"name": "nginx"}]}})
}

/// A review of a new object in `namespace`.
pub(crate) fn review(kind: &str, group: &str, namespace: &str, object: &Value) -> Vec<u8> {
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {"uid": "705ab4f5",
        "kind": {"group": group, "version": "v1", "kind": kind}, "operation": "CREATE",
        "namespace": namespace, "object": object}})
    .to_string()
    .into_bytes()
}

/// Caches that know `shop`; for every other namespace the API server answers when a permit is given.
pub(crate) struct Twin {
    /// What the caches hold.
    pub(crate) cached: Snapshot,
    /// One permit for each question that the API server was asked.
    pub(crate) asked: Arc<Semaphore>,
    /// One permit for each answer that it may give.
    pub(crate) answers: Arc<Semaphore>,
}

impl Twin {
    /// A twin whose API server waits for permits.
    pub(crate) fn new() -> Self {
        Self { cached: snapshot(), asked: Arc::new(Semaphore::new(0)), answers: Arc::new(Semaphore::new(0)) }
    }
}

impl Facts for Twin {
    fn snapshot(&self) -> Snapshot {
        self.cached.clone()
    }

    fn read_namespace(&self, _: &str) -> BoxFuture<'_, Result<Option<Arc<Labels>>, ReadError>> {
        async {
            self.asked.add_permits(1);
            self.answers.acquire().await.map_err(|_| ReadError::Late)?.forget();
            Ok(Some(Arc::default()))
        }
        .boxed()
    }

    fn read_policies(&self) -> BoxFuture<'_, Result<Arc<PolicyBook>, ReadError>> {
        async { Ok(policies()) }.boxed()
    }
}
