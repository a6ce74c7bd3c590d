//! The names of one identity: claimed before anything is made for them.

use sallyport_contract::{DnsName, DnsNames, identity::claim_of, object::NameClaim};

use super::agent::Agent;
use crate::{
    claim::{Claim, ClaimBook, Holding, to_make},
    cluster::{Cluster, ClusterError},
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
        let free = match self.reserve(namespace, names)? {
            Ok(free) => free,
            Err(held) => return Ok(Some(held)),
        };
        for (index, name) in free.iter().enumerate() {
            match self.make(namespace, name).await {
                Ok(None) => {}
                Ok(Some(held)) => {
                    self.release(free.get(index..).unwrap_or_default());
                    return Ok(Some(held));
                }
                Err(error) => {
                    self.release(free.get(index..).unwrap_or_default());
                    return Err(error);
                }
            }
        }
        // Another agent may have made an overlapping claim in the same moment; of two the older holds. And
        // somebody may have deleted one of ours.
        match self.missing(namespace, names)? {
            Ok(missing) if !missing.is_empty() => Err(just_gone()),
            Ok(_) => Ok(None),
            Err(held) => Ok(Some(held)),
        }
    }

    /// The names that have no claim yet, or one that another namespace holds.
    fn missing(
        &self,
        namespace: &str,
        names: &DnsNames,
    ) -> Result<Result<Vec<DnsName>, HeldElsewhere>, ClusterError> {
        missing(&self.world.lock().claims, namespace, names)
    }

    /// The free names, noted at once for everybody in this process as about to be claimed.
    fn reserve(
        &self,
        namespace: &str,
        names: &DnsNames,
    ) -> Result<Result<Vec<DnsName>, HeldElsewhere>, ClusterError> {
        let claims = &mut self.world.lock().claims;
        let free = missing(claims, namespace, names)?;
        for name in free.iter().flatten() {
            claims.reserve(name, namespace);
        }
        Ok(free)
    }

    async fn make(&self, namespace: &str, name: &DnsName) -> Result<Option<HeldElsewhere>, ClusterError> {
        let stored = match self.cluster.create(&to_make(name, namespace)).await {
            Ok(stored) => stored,
            Err(ClusterError::Conflict(_)) => {
                let found = self.cluster.get::<NameClaim>("", &claim_of(name)).await?;
                found.ok_or_else(just_gone)?
            }
            Err(error) => return Err(error),
        };
        let claim = Claim::read(&stored)
            .ok_or_else(|| ClusterError::Refused(format!("claim {} is not one of ours", claim_of(name))))?;
        let holder = String::from(&claim.namespace);
        self.world.lock().claims.note(claim);
        let elsewhere = holder != namespace;
        Ok(elsewhere.then(|| HeldElsewhere { asked: name.clone(), held: name.clone(), namespace: holder }))
    }

    fn release(&self, names: &[DnsName]) {
        let claims = &mut self.world.lock().claims;
        names.iter().for_each(|name| claims.release(name));
    }
}

fn just_gone() -> ClusterError {
    ClusterError::Conflict("the claim has just gone".to_owned())
}

fn missing(
    claims: &ClaimBook,
    namespace: &str,
    names: &DnsNames,
) -> Result<Result<Vec<DnsName>, HeldElsewhere>, ClusterError> {
    let mut free = Vec::new();
    for name in names.iter() {
        match claims.holding(namespace, name) {
            Holding::Ours => {}
            Holding::Ending => return Err(just_gone()),
            Holding::Free => free.push(name.clone()),
            Holding::Elsewhere { dns_name, namespace } => {
                return Ok(Err(HeldElsewhere { asked: name.clone(), held: dns_name, namespace }));
            }
        }
    }
    Ok(Ok(free))
}
