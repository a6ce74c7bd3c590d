//! What is seen of the cluster at one moment: plain values, shared and never changed.

use std::{collections::BTreeMap, fmt, sync::Arc};

use sallyport_contract::object::{Firewall, IdentityPolicy, NameClaim, WorkloadIdentity};
use zeroize::Zeroizing;

/// Namespace and name of an object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The namespace.
    pub namespace: String,
    /// The name.
    pub name: String,
}

impl Key {
    /// A key from its parts.
    #[must_use]
    pub fn new(namespace: &str, name: &str) -> Self {
        Self { namespace: namespace.to_owned(), name: name.to_owned() }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// Everything that decides what the firewalls are to hold. A program sees one only after every first list;
/// clones share their tables.
#[derive(Clone, Default)]
pub struct World {
    /// The firewalls by name.
    pub firewalls: Arc<BTreeMap<String, Arc<Firewall>>>,
    /// The identities.
    pub identities: Arc<BTreeMap<Key, Arc<WorkloadIdentity>>>,
    /// The claims by object name.
    pub claims: Arc<BTreeMap<String, Arc<NameClaim>>>,
    /// The policies by name.
    pub policies: Arc<BTreeMap<String, Arc<IdentityPolicy>>>,
    /// The namespaces' labels.
    pub namespaces: Arc<BTreeMap<String, Arc<BTreeMap<String, String>>>>,
    /// The firewall credentials by name of their Secret.
    pub logins: Arc<BTreeMap<String, Arc<Login>>>,
}

/// How we log in to one firewall. Has no Debug: it is never printed.
#[derive(PartialEq, Eq)]
pub struct Login {
    /// The administrator, whose name partial commits need.
    pub user: String,
    /// What proves it.
    pub proof: Proof,
    /// The Secret's resource version: another one is another try.
    pub version: String,
}

/// What proves that we are the administrator.
#[derive(PartialEq, Eq)]
pub enum Proof {
    /// A password, with which keys are made.
    Password(Zeroizing<String>),
    /// A key that was made elsewhere.
    ApiKey(Zeroizing<String>),
}
