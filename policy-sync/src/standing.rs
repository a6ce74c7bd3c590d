//! How one firewall stands, as its worker tells the gates: each name with its reason.

use std::{collections::BTreeMap, sync::Arc};

use sallyport_contract::{
    DnsName, Reason,
    object::{ClaimedFirewall, Evidence, LastCommit},
};

use crate::wish::Refusals;

/// How one firewall stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Every name that is wanted or stands there.
    pub names: BTreeMap<DnsName, NameState>,
    /// The identities that it does not serve.
    pub refused: Refusals,
    /// The last commit of ours that ended.
    pub commit: Option<LastCommit>,
}

/// How one name stands on one firewall.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameState {
    /// [`Reason::Enforced`], or [`Reason::EnforcedPermissive`], or why not.
    pub reason: Reason,
    /// For people.
    pub words: String,
    /// The inventory's entry, if it has one.
    pub entry: Option<Arc<ClaimedFirewall>>,
}

impl Standing {
    /// How several firewalls stand that must all enforce a name: each name as on the worst of them.
    #[must_use]
    pub fn of_all(standings: Vec<Arc<Self>>) -> Arc<Self> {
        let mut rest = standings.into_iter();
        let Some(first) = rest.next() else { return Arc::default() };
        rest.fold(first, |sum, next| Arc::new(sum.with(&next)))
    }

    fn with(&self, other: &Self) -> Self {
        let commits = self.commit.iter().chain(&other.commit);
        let commit = commits.max_by_key(|commit| commit.finished).cloned();
        let mut sum = Self { names: BTreeMap::new(), refused: self.refused.clone(), commit };
        sum.refused.extend(&other.refused);
        for (name, here) in &self.names {
            // A name of which one firewall says nothing has not been judged by all.
            if let Some(there) = other.names.get(name) {
                sum.names.insert(name.clone(), here.with(there));
            }
        }
        sum
    }
}

impl NameState {
    /// Whether the firewall was shown to enforce it.
    #[must_use]
    pub fn enforced(&self) -> bool {
        matches!(self.reason, Reason::Enforced | Reason::EnforcedPermissive)
    }

    fn with(&self, other: &Self) -> Self {
        let worse = if self.reason == Reason::Enforced || (self.enforced() && !other.enforced()) {
            other
        } else {
            self
        };
        let entry = match (&self.entry, &other.entry) {
            (Some(here), Some(there)) => Some(joined(here, there).into()),
            (_, _) => None,
        };
        Self { reason: worse.reason, words: worse.words.clone(), entry }
    }
}

/// What two firewalls hold for a name: the devices of both, and the older proof.
fn joined(here: &ClaimedFirewall, there: &ClaimedFirewall) -> ClaimedFirewall {
    let evidence = here.evidence.as_ref().zip(there.evidence.as_ref()).map(|(here, there)| Evidence {
        devices: here.devices.iter().chain(&there.devices).cloned().collect(),
        proven_at: here.proven_at.min(there.proven_at),
        ..here.clone()
    });
    ClaimedFirewall { evidence, ..here.clone() }
}
