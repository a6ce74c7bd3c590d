//! What is over: claims that nobody has a name for, states that nobody will need again.

use std::{collections::HashSet, time::Duration};

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::{api::core::v1::Secret, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use sallyport_contract::{identity::claim_of, keys, object::NameClaim};

use super::{
    agent::{Agent, Next},
    namespace::{exactly, resync},
};
use crate::{
    claim::Claim,
    cluster::{Cluster, ClusterError},
    observe::made::Made,
    state,
};

/// A claim that was just made may stand before its identity is seen.
const YOUNG: SignedDuration = SignedDuration::from_secs(60);
/// A state without a certificate is kept so long after its identity is gone.
const UNFINISHED: SignedDuration = SignedDuration::from_hours(1);

impl<C: Cluster> Agent<C> {
    /// Ends what is over.
    pub(super) async fn sweep(&self) -> Result<Next, ClusterError> {
        self.count_older_pods();
        self.show_expiry();
        for claim in self.unused_claims() {
            let Some(exactly) = claim.exactly() else { continue };
            let dns_name = &claim.dns_name;
            if !self.still_unused(&claim) {
                continue;
            }
            let result = self.cluster.delete::<NameClaim>("", &claim_of(dns_name), &exactly).await;
            self.world.lock().claims.ended(dns_name, result.is_ok());
            match result {
                // Somebody wrote to it in the meantime: it is looked at again the next time.
                Ok(()) | Err(ClusterError::Conflict(_)) => {}
                Err(error) => return Err(error),
            }
        }
        let over = |state: ObjectMeta| {
            let exactly = exactly(&state).filter(|_| self.is_over(&state))?;
            Some((state.name?, exactly))
        };
        for (name, exactly) in self.cluster.states(&self.settings.system, over).await? {
            match self.cluster.delete::<Secret>(&self.settings.system, &name, &exactly).await {
                Ok(()) | Err(ClusterError::Conflict(_)) => {}
                Err(error) => return Err(error),
            }
        }
        let period = self.settings.resync.max(Duration::from_secs(1));
        Ok(Next::after(resync(period, "sweep", "sweep")))
    }

    /// Marks a claim as being ended, if nobody has come to want its name while others were ended.
    fn still_unused(&self, claim: &Claim) -> bool {
        self.world.lock().claims.end(&claim.dns_name);
        let plan = self.plan(&claim.namespace);
        let mut wanted = plan.iter().flat_map(|plan| plan.identities.values());
        let about_to_be =
            wanted.any(|wanted| wanted.content.dns_names.iter().any(|name| *name == claim.dns_name));
        let mut shelves = self.world.lock();
        let has = |made: &Made| made.dns_names.iter().any(|name| *name == *claim.dns_name.as_str());
        let is = shelves.identities.of(&claim.namespace).any(|(_, made)| has(made));
        let unchanged = shelves.claims.get(&claim.dns_name).is_some_and(|now| now == claim);
        let unused = unchanged && !is && !about_to_be;
        if !unused {
            shelves.claims.ended(&claim.dns_name, false);
        }
        unused
    }

    /// Claims of names that no identity of their namespace has or is about to have, and that no firewall
    /// holds. Another namespace that waits for the name does not keep it from becoming free.
    fn unused_claims(&self) -> Vec<Claim> {
        let plans = self.all_plans();
        let mut used: HashSet<(&str, &str)> = HashSet::new();
        for (namespace, plan) in &plans {
            let names = plan.identities.values().flat_map(|wanted| wanted.content.dns_names.iter());
            used.extend(names.map(|name| (namespace.as_str(), name.as_str())));
        }
        let shelves = self.world.lock();
        for (namespace, _, identity) in shelves.identities.all() {
            used.extend(identity.dns_names.iter().map(|name| (namespace.as_str(), name.as_str())));
        }
        let old = |claim: &Claim| {
            claim.created.is_some_and(|created| self.clock.now().duration_since(created) > YOUNG)
        };
        let unused = shelves.claims.all().filter(|claim| {
            !claim.on_a_firewall
                && old(claim)
                && !used.contains(&(claim.namespace.as_str(), claim.dns_name.as_str()))
        });
        unused.cloned().collect()
    }

    /// A state outlives its identity until its certificate ends, so that a workload that comes back gets
    /// the certificate it had; it does not outlive its namespace.
    fn is_over(&self, state: &ObjectMeta) -> bool {
        let label = |key: &str| state.labels.as_ref().and_then(|labels| labels.get(key));
        let (Some(namespace), Some(identity)) = (label(state::OF_NAMESPACE), label(keys::IDENTITY)) else {
            return false;
        };
        let planned =
            self.plan(namespace).is_some_and(|plan| plan.identities.contains_key(identity.as_str()));
        let shelves = self.world.lock();
        if shelves.namespaces.get("", namespace).is_none() {
            return true;
        }
        if planned || shelves.identities.get(namespace, identity).is_some() {
            return false;
        }
        let annotations = state.annotations.as_ref();
        let ends: Option<Timestamp> = annotations.and_then(|a| a.get(state::ENDS)?.parse().ok());
        let created = state.creation_timestamp.as_ref().map(|time| time.0);
        let end = ends.or_else(|| created.and_then(|created| created.saturating_add(UNFINISHED).ok()));
        end.is_some_and(|end| self.clock.now() >= end)
    }
}
