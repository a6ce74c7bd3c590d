//! How one firewall stands, as its worker tells the gates: each name with its reason.

use std::collections::BTreeMap;

use sallyport_contract::{DnsName, Reason, object::ClaimedFirewall};

use crate::wish::Refusals;

/// How one firewall stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Every name that is wanted or stands there.
    pub names: BTreeMap<DnsName, NameState>,
    /// The identities that it does not serve.
    pub refused: Refusals,
}

/// How one name stands on one firewall.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameState {
    /// [`Reason::Enforced`], or why not.
    pub reason: Reason,
    /// For people.
    pub words: String,
    /// The inventory's entry, if it has one.
    pub entry: Option<ClaimedFirewall>,
}
