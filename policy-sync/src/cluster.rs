//! The cluster as the flows write it.

use std::future::Future;

use sallyport_contract::{
    Reason,
    object::{ClaimedFirewall, FirewallStatus, WorkloadIdentityStatus},
};

use crate::{gate::Gate, world::Key};

/// Where what we found is stored. Each call writes only our own fields.
pub trait Cluster: Send + Sync {
    /// Stores, or with `None` takes out, one firewall's entry in a claim. A claim that is gone is no error.
    fn store_claim(
        &self,
        claim: &str,
        firewall: &str,
        entry: Option<&ClaimedFirewall>,
    ) -> impl Future<Output = Result<(), ClusterError>> + Send;
    /// Stores the status of a `Firewall`.
    fn store_firewall(
        &self,
        name: &str,
        status: &FirewallStatus,
    ) -> impl Future<Output = Result<(), ClusterError>> + Send;
    /// Stores our fields of an identity's status.
    fn store_identity(
        &self,
        key: &Key,
        status: &WorkloadIdentityStatus,
    ) -> impl Future<Output = Result<(), ClusterError>> + Send;
    /// Stores a pod's gate, if the pod is still the one with this UID. `turned`: it opens, or is stored for
    /// the first time.
    fn store_gate(
        &self,
        pod: &Key,
        uid: &str,
        gate: &Gate,
        turned: bool,
    ) -> impl Future<Output = Result<(), ClusterError>> + Send;
    /// Tells people. What cannot be told is not worth failing for.
    fn tell(&self, note: &Note) -> impl Future<Output = ()> + Send;
}

/// Why something could not be stored.
#[derive(Debug, thiserror::Error)]
#[error("the API server did not take {what}")]
pub struct ClusterError {
    /// What was to be stored.
    pub what: String,
    /// The object is gone, or another one has its name: there is nothing left to store.
    pub gone: bool,
    /// Why.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// An event for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// What it is about.
    pub about: About,
    /// The code.
    pub reason: Reason,
    /// For people, with the far side's own words.
    pub words: String,
    /// Whether somebody should look.
    pub warning: bool,
}

/// What an event is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum About {
    /// A `Firewall`, with its UID.
    Firewall(String, String),
    /// A `WorkloadIdentity`, with its UID.
    Identity(Key, String),
}
