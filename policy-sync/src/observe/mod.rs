//! What is seen of the cluster: one cache that the watches fill and the flows read.

pub mod kubernetes;
mod objects;
mod table;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
};

use kube::Resource as _;
pub use objects::login;
use sallyport_contract::object::{Firewall, GateOverride, IdentityPolicy, PathReport};
pub use table::{Alike, Change, Replaced, Table};
use tokio::sync::watch;

use crate::{
    claim::Claim,
    gate::Carrier,
    identity::Identity,
    policies::Policies,
    world::{Key, Login, Version, World},
};

/// The cache. Clones are one.
#[derive(Clone)]
pub struct Seen {
    tables: Arc<Mutex<Tables>>,
    /// Counts changes that decide what firewalls are to hold.
    wanted: watch::Sender<u64>,
    /// Counts changes that concern gates; which identities is noted in [`Tables::touched`].
    gates: watch::Sender<u64>,
}

/// The tables behind the cache, one for each kind.
#[derive(Default)]
pub struct Tables {
    /// Firewalls by name.
    pub firewalls: Table<String, Firewall>,
    /// Identities.
    pub identities: Table<Key, Identity>,
    /// Claims by object name.
    pub claims: Table<String, Claim>,
    /// Policies by name.
    pub policies: Table<String, IdentityPolicy>,
    /// Overrides.
    pub overrides: Table<Key, GateOverride>,
    /// Reports of path probes by name.
    pub path_reports: Table<String, PathReport>,
    /// Labels of the namespaces.
    pub namespaces: Table<String, BTreeMap<String, String>>,
    /// Credentials by Secret.
    pub logins: Table<String, Login>,
    /// Pods, by the identity that their label names.
    pub pods: Table<(Key, String), Carrier>,
    /// The policies as they were read last.
    read: Policies,
    touched: BTreeSet<Key>,
    everyone: bool,
}

impl Default for Seen {
    fn default() -> Self {
        Self { tables: Arc::default(), wanted: watch::Sender::new(0), gates: watch::Sender::new(0) }
    }
}

/// Pods by name.
pub type Pods = Vec<(String, Arc<Carrier>)>;

/// Whom a change concerns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Concerns {
    /// What firewalls are to hold may differ.
    pub wanted: bool,
    /// These identities' gates or status may differ.
    pub identities: BTreeSet<Key>,
    /// Every identity's may: a firewall or an override says something else.
    pub everyone: bool,
    /// A list is complete: whoever waited for that may go on, also if the list is empty.
    pub complete: bool,
}

impl Tables {
    /// The policies, read as far as they differ from before.
    fn known_policies(&mut self) -> Option<Policies> {
        self.read.renew(&self.policies.complete()?);
        Some(self.read.clone())
    }

    /// Whom a change concerns that decides about these namespaces: who lives there, and nobody else.
    fn who_lives_in<'a>(&self, namespaces: impl Iterator<Item = &'a str>) -> Concerns {
        let mut concerns = Concerns::default();
        for namespace in namespaces {
            let first = Key::new(namespace, "");
            let here = |key: &&Key| key.namespace == namespace;
            let identities = self.identities.range(first.clone()..).map(|(key, _)| key).take_while(here);
            let before = concerns.identities.len();
            concerns.identities.extend(identities.cloned());
            concerns.wanted |= concerns.identities.len() > before;
            let carried = self.pods.range((first, String::new())..).map(|((key, _), _)| key).take_while(here);
            concerns.identities.extend(carried.cloned());
        }
        concerns
    }
}

impl Seen {
    /// Changes the tables, and wakes whom it concerns.
    pub fn update(&self, change: impl FnOnce(&mut Tables) -> Concerns) {
        let (wanted, gates) = {
            let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
            let concerns = change(&mut tables);
            let gates = concerns.complete || concerns.everyone || !concerns.identities.is_empty();
            tables.touched.extend(concerns.identities);
            tables.everyone |= concerns.complete || concerns.everyone;
            (concerns.complete || concerns.wanted, gates)
        };
        if wanted {
            self.wanted.send_modify(|n| *n = n.wrapping_add(1));
        }
        if gates {
            self.gates.send_modify(|n| *n = n.wrapping_add(1));
        }
    }

    /// What decides about firewalls; `None` until every first list is in. An incomplete view decides nothing.
    #[must_use]
    pub fn world(&self) -> Option<World> {
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        Some(World {
            firewalls: tables.firewalls.complete()?,
            identities: tables.identities.complete()?,
            claims: tables.claims.complete()?,
            policies: tables.known_policies()?,
            overrides: tables.overrides.complete()?,
            path_reports: tables.path_reports.complete()?,
            namespaces: tables.namespaces.complete()?,
            logins: tables.logins.complete()?,
        })
    }

    /// The identities touched since the last call, or with `all` every one that exists or that a pod names.
    #[must_use]
    pub fn take_touched(&self, all: bool) -> BTreeSet<Key> {
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        let touched = std::mem::take(&mut tables.touched);
        if !std::mem::take(&mut tables.everyone) && !all {
            return touched;
        }
        let carried = tables.pods.keys().map(|(identity, _)| identity.clone());
        tables.identities.keys().cloned().chain(carried).collect()
    }

    /// One identity and the pods that carry it, by name.
    #[must_use]
    pub fn identity(&self, key: &Key) -> (Option<Arc<Identity>>, Pods) {
        let tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        let pods = tables
            .pods
            .range((key.clone(), String::new())..)
            .take_while(|((identity, _), _)| identity == key)
            .map(|((_, name), pod)| (name.clone(), Arc::clone(pod)))
            .collect();
        (tables.identities.get(key), pods)
    }

    /// What gates are judged by; `None` until pods and everything else are listed.
    #[must_use]
    pub fn world_with_pods(&self) -> Option<World> {
        let listed = {
            let tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
            tables.pods.complete().is_some()
        };
        self.world().filter(|_| listed)
    }

    /// Wakes when what firewalls are to hold may differ.
    #[must_use]
    pub fn watch_wanted(&self) -> watch::Receiver<u64> {
        self.wanted.subscribe()
    }

    /// Wakes when gates may differ.
    #[must_use]
    pub fn watch_gates(&self) -> watch::Receiver<u64> {
        self.gates.subscribe()
    }
}

/// Objects of the API server are alike when their resource versions are.
macro_rules! alike_by_version {
    ($($kind:ty),+) => {
        $(impl Alike for $kind {
            fn alike(&self, other: &Self) -> bool {
                self.meta().resource_version.is_some() && self.meta().resource_version == other.meta().resource_version
            }
        })+
    };
}

alike_by_version!(Firewall, IdentityPolicy, GateOverride, PathReport);

/// So it is of what is kept of them.
macro_rules! alike_by_kept_version {
    ($($kind:ty),+) => {
        $(impl Alike for $kind {
            fn alike(&self, other: &Self) -> bool {
                self.meta.version != Version::default() && self.meta.version == other.meta.version
            }
        })+
    };
}

alike_by_kept_version!(Identity, Claim);

/// Everything else is alike when it is equal.
macro_rules! alike_by_value {
    ($($kind:ty),+) => {
        $(impl Alike for $kind {
            fn alike(&self, other: &Self) -> bool {
                self == other
            }
        })+
    };
}

alike_by_value!(BTreeMap<String, String>, Login);

/// Another version of a pod concerns nobody if nothing differs that we look at.
impl Alike for Carrier {
    fn alike(&self, other: &Self) -> bool {
        Self { version: other.version, ..self.clone() } == *other
    }
}
