//! What is known of a namespace and its policies at the moment of a review, and how to look again.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use futures::future::BoxFuture;
use sallyport_contract::{
    derive::enabled,
    policy::{Holder, PolicyBook},
};

/// The labels of a namespace.
pub type Labels = BTreeMap<String, String>;

/// What the caches hold at one moment. Cloning is cheap.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// The labels of every namespace that is turned on, by its name.
    pub namespaces: Arc<HashMap<String, Arc<Labels>>>,
    /// Every policy.
    pub policies: Arc<PolicyBook>,
    /// Whether the cluster serves pods' own requests for certificates.
    pub pod_certificates: bool,
}

impl Snapshot {
    /// What is known about one namespace.
    #[must_use]
    pub fn of(&self, namespace: &str) -> Known {
        Known {
            labels: self.namespaces.get(namespace).map(Arc::clone),
            policies: Arc::clone(&self.policies),
            pod_certificates: self.pod_certificates,
        }
    }
}

/// What is known about the namespace of one review.
#[derive(Clone, Debug)]
pub struct Known {
    /// The namespace's labels; `None` if the cache does not know that it is turned on.
    pub labels: Option<Arc<Labels>>,
    /// Every policy.
    pub policies: Arc<PolicyBook>,
    /// Whether the cluster serves pods' own requests for certificates.
    pub pod_certificates: bool,
}

/// What cannot be as the caches have it: to be called at all proves that the namespace is turned on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gap {
    /// The namespace is not known to be turned on.
    Namespace,
    /// No policy holds the namespace. That may be so, or the policy is newer than the cache.
    Policies,
}

impl Known {
    /// What has to be looked up before judging; `None` most of the time.
    #[must_use]
    pub fn gap(&self, namespace: &str) -> Option<Gap> {
        let Some(labels) = self.labels.as_ref().filter(|labels| enabled(labels)) else {
            return Some(Gap::Namespace);
        };
        matches!(self.policies.holder(namespace, labels), Holder::Nobody).then_some(Gap::Policies)
    }
}

/// Why the API server could not tell.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// No answer in time.
    #[error("the API server gave no answer in time")]
    Late,
    /// The far side's own words.
    #[error("the API server could not be asked: {0}")]
    Failed(String),
}

/// The caches, and the API server behind them.
pub trait Facts: Send + Sync {
    /// What the caches hold now; never waits.
    fn snapshot(&self) -> Snapshot;

    /// Asks the API server for a namespace's labels; `None` if there is no such namespace. Bounded in time.
    fn read_namespace(&self, namespace: &str) -> BoxFuture<'_, Result<Option<Arc<Labels>>, ReadError>>;

    /// Asks the API server for all policies. Bounded in time.
    fn read_policies(&self) -> BoxFuture<'_, Result<Arc<PolicyBook>, ReadError>>;
}
