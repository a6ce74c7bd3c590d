//! A claim as policy-sync knows it. There are thousands: nothing is kept of the object that nobody here looks at.

use std::sync::Arc;

use compact_str::CompactString;
use sallyport_contract::{
    DnsName,
    object::{ClaimedFirewall, NameClaim},
};

use crate::world::Meta;

/// Who holds a DNS name, and what stands on the firewalls for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Which object it is, and how new.
    pub meta: Meta,
    /// The name; `None` where the text is not one in normal form.
    pub name: Option<DnsName>,
    /// The namespace that holds it.
    pub namespace: CompactString,
    /// One entry for each firewall. Whoever remembers one shares it.
    pub entries: Box<[Arc<ClaimedFirewall>]>,
}

impl From<NameClaim> for Claim {
    fn from(object: NameClaim) -> Self {
        let entries = object.status.unwrap_or_default().firewalls;
        Self {
            meta: Meta::of(&object.metadata),
            name: DnsName::in_normal_form(&object.spec.dns_name),
            namespace: object.spec.namespace.into(),
            entries: entries.into_iter().map(Arc::new).collect(),
        }
    }
}
