//! What is seen of the cluster at one moment: plain values, shared and never changed.

use std::{collections::BTreeMap, fmt, sync::Arc};

use jiff::Timestamp;
use kube::core::ObjectMeta;
use sallyport_contract::object::{Firewall, GateOverride, PathReport};
use zeroize::Zeroizing;

use crate::{claim::Claim, identity::Identity, policies::Policies};

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

    /// The key of an object.
    #[must_use]
    pub fn of(meta: &ObjectMeta) -> Self {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        Self { namespace: text(&meta.namespace), name: text(&meta.name) }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// How new a state of an object is. The API server's resource versions can be compared as numbers:
/// <https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions>. Zero is older than all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(u64);

impl Version {
    /// The version of an object as it was read.
    #[must_use]
    pub fn of(meta: &ObjectMeta) -> Self {
        Self(meta.resource_version.as_deref().and_then(|text| text.parse().ok()).unwrap_or_default())
    }

    /// What a write demands of the object: that it is still of this version.
    #[must_use]
    pub fn precondition(self) -> Option<String> {
        (self.0 > 0).then(|| self.0.to_string())
    }
}

impl From<u64> for Version {
    fn from(number: u64) -> Self {
        Self(number)
    }
}

/// What is looked at of an object's metadata.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Meta {
    /// Which object it is.
    pub uid: Box<str>,
    /// How new it is.
    pub version: Version,
    /// How new its spec is.
    pub generation: Option<i64>,
    /// When it was made.
    pub created: Timestamp,
    /// It is being deleted.
    pub leaving: bool,
}

impl Meta {
    /// Of an object's metadata.
    #[must_use]
    pub fn of(meta: &ObjectMeta) -> Self {
        Self {
            uid: meta.uid.as_deref().unwrap_or_default().into(),
            version: Version::of(meta),
            generation: meta.generation,
            created: meta.creation_timestamp.as_ref().map_or(Timestamp::UNIX_EPOCH, |time| time.0),
            leaving: meta.deletion_timestamp.is_some(),
        }
    }

    /// Which object it is, which state of its spec, and whether it goes: two of one edition are judged alike.
    #[must_use]
    pub fn edition(&self) -> (&str, Option<i64>, bool) {
        (&self.uid, self.generation, self.leaving)
    }
}

/// Everything that decides what the firewalls are to hold. A program sees one only after every first list;
/// clones share their tables.
#[derive(Clone, Default)]
pub struct World {
    /// The firewalls by name.
    pub firewalls: Arc<BTreeMap<String, Arc<Firewall>>>,
    /// The identities.
    pub identities: Arc<BTreeMap<Key, Arc<Identity>>>,
    /// The claims by object name.
    pub claims: Arc<BTreeMap<String, Arc<Claim>>>,
    /// The policies.
    pub policies: Policies,
    /// Whose gates people opened without proof.
    pub overrides: Arc<BTreeMap<Key, Arc<GateOverride>>>,
    /// What the path probes met, by name of the report.
    pub path_reports: Arc<BTreeMap<String, Arc<PathReport>>>,
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
