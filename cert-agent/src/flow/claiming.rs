//! The names of one identity: claimed before anything is made for them.

use sallyport_contract::{DnsName, DnsNames, identity::claim_of, object::NameClaim};

use super::agent::Agent;
use crate::{
    claim::{Claim, Holding, to_make},
    cluster::{Cluster, ClusterError},
    observe::shelf::Change,
};

/// A name that another namespace holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HeldElsewhere {
    pub(super) asked: DnsName,
    pub(super) held: DnsName,
    pub(super) namespace: String,
}

impl<C: Cluster> Agent<C> {
    /// Claims all names for a namespace, or tells the first that another one holds.
    pub(super) async fn claim(
        &self,
        namespace: &str,
        names: &DnsNames,
    ) -> Result<Option<HeldElsewhere>, ClusterError> {
        let free = match self.reserve(namespace, names) {
            Ok(free) => free,
            Err(held) => return Ok(Some(held)),
        };
        for (index, name) in free.iter().enumerate() {
            match self.make(namespace, name).await {
                Ok(None) => {}
                Ok(Some(held)) => {
                    self.give_back(free.get(index + 1..).unwrap_or_default());
                    return Ok(Some(held));
                }
                Err(error) => {
                    self.give_back(free.get(index..).unwrap_or_default());
                    return Err(error);
                }
            }
        }
        // Another agent may have made an overlapping claim in the same moment; of two the older holds.
        Ok(self.reserve(namespace, names).err())
    }

    /// Notes at once, for everybody in this process, that the free names are about to be claimed.
    fn reserve(&self, namespace: &str, names: &DnsNames) -> Result<Vec<DnsName>, HeldElsewhere> {
        let mut shelves = self.world.lock();
        let mut free = Vec::new();
        for name in names.iter() {
            match shelves.claims.holding(namespace, name) {
                Holding::Ours => {}
                Holding::Free => free.push(name.clone()),
                Holding::Elsewhere { dns_name, namespace } => {
                    return Err(HeldElsewhere { asked: name.clone(), held: dns_name, namespace });
                }
            }
        }
        for name in &free {
            shelves.claims.note(Claim {
                dns_name: name.clone(),
                namespace: namespace.to_owned(),
                uid: None,
                resource_version: None,
                created: None,
                on_a_firewall: false,
            });
        }
        Ok(free)
    }

    async fn make(&self, namespace: &str, name: &DnsName) -> Result<Option<HeldElsewhere>, ClusterError> {
        let stored = match self.cluster.create(&to_make(name, namespace)).await {
            Ok(stored) => stored,
            Err(ClusterError::Conflict(_)) => {
                let found = self.cluster.get::<NameClaim>("", &claim_of(name)).await?;
                found.ok_or_else(|| ClusterError::Conflict("the claim has just gone".to_owned()))?
            }
            Err(error) => return Err(error),
        };
        let claim = Claim::read(&stored)
            .ok_or_else(|| ClusterError::Refused(format!("claim {} is not one of ours", claim_of(name))))?;
        let holder = claim.namespace.clone();
        self.world.lock().claims.note(claim);
        let elsewhere = holder != namespace;
        Ok(elsewhere.then(|| HeldElsewhere { asked: name.clone(), held: name.clone(), namespace: holder }))
    }

    fn give_back(&self, names: &[DnsName]) {
        let mut shelves = self.world.lock();
        for name in names {
            shelves.claims.take(Change::Gone((String::new(), claim_of(name))));
        }
    }
}
