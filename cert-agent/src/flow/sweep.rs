//! What is over: claims that nobody has a name for, states that nobody will need again.

use std::{collections::HashSet, time::Duration};

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Secret;
use sallyport_contract::{DnsName, identity::claim_of, keys, object::NameClaim};

use super::{
    agent::{Agent, Next, lock},
    namespace::{exactly, resync},
};
use crate::{
    claim::Claim,
    cluster::{Cluster, ClusterError, Exactly},
    state,
};

/// A claim that was just made may stand before its identity is seen.
const YOUNG: SignedDuration = SignedDuration::from_secs(60);
/// A state without a certificate is kept so long after its identity is gone.
const UNFINISHED: SignedDuration = SignedDuration::from_hours(1);

impl<C: Cluster> Agent<C> {
    /// Ends what is over.
    pub(super) async fn sweep(&self) -> Result<Next, ClusterError> {
        for claim in self.unused_claims() {
            let (Some(uid), Some(resource_version)) = (claim.uid, claim.resource_version) else { continue };
            let exactly = Exactly { uid, resource_version };
            match self.cluster.delete::<NameClaim>("", &claim_of(&claim.dns_name), &exactly).await {
                // Somebody wrote to it in the meantime: it is looked at again the next time.
                Ok(()) | Err(ClusterError::Conflict(_)) => {}
                Err(error) => return Err(error),
            }
        }
        for secret in self.cluster.states(&self.settings.system).await? {
            if self.is_over(&secret)
                && let (Some(name), Some(exactly)) = (&secret.metadata.name, exactly(&secret.metadata))
            {
                match self.cluster.delete::<Secret>(&self.settings.system, name, &exactly).await {
                    Ok(()) | Err(ClusterError::Conflict(_)) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        let period = self.settings.resync.max(Duration::from_secs(1));
        Ok(Next::after(resync(period, "sweep", "sweep")))
    }

    /// Claims of names that no identity has or is about to have, and that no firewall holds.
    fn unused_claims(&self) -> Vec<Claim> {
        let plans: Vec<_> = lock(&self.plans).values().cloned().collect();
        let mut used: HashSet<&DnsName> = HashSet::new();
        for wanted in plans.iter().flat_map(|plan| plan.identities.values()) {
            used.extend(wanted.identity.dns_names.iter());
        }
        let shelves = self.world.lock();
        let made: HashSet<&str> = shelves
            .identities
            .all()
            .flat_map(|(_, _, identity)| identity.spec.dns_names.iter().map(String::as_str))
            .collect();
        let old = |claim: &Claim| {
            claim.created.is_some_and(|created| self.clock.now().duration_since(created) > YOUNG)
        };
        let unused = shelves.claims.all().filter(|claim| {
            !claim.on_a_firewall
                && old(claim)
                && !used.contains(&claim.dns_name)
                && !made.contains(claim.dns_name.as_str())
        });
        unused.cloned().collect()
    }

    /// A state outlives its identity until its certificate ends, so that a workload that comes back gets
    /// the certificate it had; it does not outlive its namespace.
    fn is_over(&self, secret: &Secret) -> bool {
        let label = |key: &str| secret.metadata.labels.as_ref().and_then(|labels| labels.get(key));
        let (Some(namespace), Some(identity)) = (label(state::OF_NAMESPACE), label(keys::IDENTITY)) else {
            return false;
        };
        let planned = self.plan(namespace).is_some_and(|plan| plan.identities.contains_key(identity));
        let shelves = self.world.lock();
        if shelves.namespaces.get("", namespace).is_none() {
            return true;
        }
        if planned || shelves.identities.get(namespace, identity).is_some() {
            return false;
        }
        let annotations = secret.metadata.annotations.as_ref();
        let ends: Option<Timestamp> = annotations.and_then(|a| a.get(state::ENDS)?.parse().ok());
        let created = secret.metadata.creation_timestamp.as_ref().map(|time| time.0);
        let end = ends.or_else(|| created.and_then(|created| created.saturating_add(UNFINISHED).ok()));
        end.is_some_and(|end| self.clock.now() >= end)
    }
}
