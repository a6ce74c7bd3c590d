//! The cluster as the flows write it.

use std::future::Future;

use sallyport_contract::{
    Reason,
    object::{ClaimedFirewall, FirewallStatus, WorkloadIdentityStatus},
};

use crate::{
    gate::{Carrier, Gate},
    world::{Key, Version},
};

/// Where what we found is stored. Each call writes only our own fields, and tells the version that the object
/// has since. `base`: the version that the decision rests on; if somebody wrote since, nothing is stored.
pub trait Cluster: Send + Sync {
    /// Stores, or with `None` takes out, one firewall's entry in a claim.
    fn store_claim(
        &self,
        claim: &str,
        base: Version,
        firewall: &str,
        entry: Option<&ClaimedFirewall>,
    ) -> impl Future<Output = Result<Version, ClusterError>> + Send;
    /// Stores the status of a `Firewall`.
    fn store_firewall(
        &self,
        name: &str,
        base: Version,
        status: &FirewallStatus,
    ) -> impl Future<Output = Result<Version, ClusterError>> + Send;
    /// Puts our finalizer on a `Firewall` that is still the one with this `uid`, or takes it off.
    fn hold_firewall(
        &self,
        name: &str,
        uid: &str,
        hold: bool,
    ) -> impl Future<Output = Result<Version, ClusterError>> + Send;
    /// Stores our fields of an identity's status.
    fn store_identity(
        &self,
        key: &Key,
        status: &WorkloadIdentityStatus,
    ) -> impl Future<Output = Result<Version, ClusterError>> + Send;
    /// Stores a pod's gate, if the pod is still the one that was `seen`. A gate that stays shut is stored
    /// only if nobody wrote the pod since: another replica may have opened it.
    fn store_gate(
        &self,
        pod: &Key,
        seen: &Carrier,
        gate: &Gate,
    ) -> impl Future<Output = Result<Version, ClusterError>> + Send;
    /// Tells people. What cannot be told is not worth failing for.
    fn tell(&self, note: &Note) -> impl Future<Output = ()> + Send;
}

/// Why something could not be stored.
#[derive(Debug, thiserror::Error)]
#[error("the API server did not take {what}")]
pub struct ClusterError {
    /// What was to be stored.
    pub what: String,
    /// What follows from it.
    pub loss: Loss,
    /// Why.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// What follows from something that could not be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// The object is gone: there is nothing left to store.
    Gone,
    /// Somebody wrote the object since, or another one has its name: decide again once that is seen.
    Outrun,
    /// Try again.
    Failed,
}

/// An event for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// What it is about.
    pub about: About,
    /// The override that it is by; what is by another one is told anew.
    pub related: Option<Key>,
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
    /// A pod, with its UID.
    Pod(Key, String),
}
