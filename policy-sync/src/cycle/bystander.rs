//! The cluster of one who only looks: nothing is stored.

use sallyport_contract::object::{ClaimedFirewall, FirewallStatus, WorkloadIdentityStatus};

use crate::{
    cluster::{Cluster, ClusterError, Loss, Note},
    gate::{Carrier, Gate},
    world::{Key, Version},
};

/// Refuses to store anything.
pub(super) struct Bystander;

fn refused(what: String) -> Result<Version, ClusterError> {
    Err(ClusterError { what, loss: Loss::Failed, source: "a preview stores nothing".into() })
}

impl Cluster for Bystander {
    async fn store_claim(
        &self,
        claim: &str,
        _base: Version,
        _firewall: &str,
        _entry: Option<&ClaimedFirewall>,
    ) -> Result<Version, ClusterError> {
        refused(format!("status of NameClaim {claim}"))
    }

    async fn store_firewall(
        &self,
        name: &str,
        _base: Version,
        _status: &FirewallStatus,
    ) -> Result<Version, ClusterError> {
        refused(format!("status of Firewall {name}"))
    }

    async fn hold_firewall(&self, name: &str, _uid: &str, _hold: bool) -> Result<Version, ClusterError> {
        refused(format!("finalizer of Firewall {name}"))
    }

    async fn store_identity(
        &self,
        key: &Key,
        _status: &WorkloadIdentityStatus,
    ) -> Result<Version, ClusterError> {
        refused(format!("status of WorkloadIdentity {key}"))
    }

    async fn store_gate(&self, pod: &Key, _seen: &Carrier, _gate: &Gate) -> Result<Version, ClusterError> {
        refused(format!("status of Pod {pod}"))
    }

    async fn tell(&self, _note: &Note) {}
}
