//! The stored inventory of one firewall: which DNS names we put there, as the claims' status remembers.
//!
//! One worker writes it, so what it wrote is truer than a watch that lags behind.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sallyport_contract::{
    DnsName,
    identity::claim_of,
    object::{Action, ClaimedFirewall, Evidence},
};

use crate::world::World;

/// One name on the firewall.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding {
    /// The namespace that held the name when it was written.
    pub namespace: String,
    /// What the claim's status says.
    pub entry: ClaimedFirewall,
}

/// All names of one firewall.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    names: BTreeMap<DnsName, Holding>,
    /// Names whose entry was taken out, until the watch shows it too.
    ended: BTreeMap<DnsName, Timestamp>,
}

impl Ledger {
    /// Takes over what the claims remember and we do not know yet, after a restart.
    pub fn learn(&mut self, firewall: &str, world: &World) {
        for claim in world.claims.values() {
            let Ok(name) = claim.spec.dns_name.parse::<DnsName>() else { continue };
            let entry = claim
                .status
                .iter()
                .flat_map(|status| &status.firewalls)
                .find(|entry| entry.firewall == firewall);
            match (entry, self.names.get_mut(&name)) {
                (Some(entry), None) if !self.ended.contains_key(&name) => {
                    let holding = Holding { namespace: claim.spec.namespace.clone(), entry: entry.clone() };
                    self.names.insert(name, holding);
                }
                (None, None) => {
                    self.ended.remove(&name);
                }
                (_, Some(holding)) => holding.namespace.clone_from(&claim.spec.namespace),
                (Some(_), None) => {}
            }
        }
        self.ended.retain(|name, _| world.claims.contains_key(&claim_of(name)));
    }

    /// What is known of a name.
    #[must_use]
    pub fn get(&self, name: &DnsName) -> Option<&Holding> {
        self.names.get(name)
    }

    /// All names in order.
    pub fn iter(&self) -> impl Iterator<Item = (&DnsName, &Holding)> {
        self.names.iter()
    }

    /// How many names there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Notes an entry that was stored.
    pub fn put(&mut self, name: DnsName, holding: Holding) {
        self.ended.remove(&name);
        self.names.insert(name, holding);
    }

    /// Notes that an entry was taken out of the claim.
    pub fn end(&mut self, name: &DnsName, now: Timestamp) {
        self.names.remove(name);
        self.ended.insert(name.clone(), now);
    }
}

/// Whether stored evidence proves what is wanted today.
#[must_use]
pub fn proves(evidence: Option<&Evidence>, rule: &str, action: Action) -> bool {
    evidence.is_some_and(|evidence| evidence.rule == rule && evidence.action == action)
}
