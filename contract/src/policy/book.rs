//! All policies of a cluster, and which of them holds a namespace.
//!
//! There may be a thousand policies and many thousand namespaces: to change one policy, and to ask for one namespace, costs
//! no walk through all of them, but for those that choose by labels.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use kube::ResourceExt as _;

use super::{Policy, PolicyError};
use crate::object::{IdentityPolicy, LabelSelector, Mode};

/// One policy of the cluster, read or not.
#[derive(Debug)]
struct Entry {
    mode: Mode,
    named: BTreeSet<String>,
    selector: Option<LabelSelector>,
    policy: Result<Policy, PolicyError>,
}

/// A policy's place in the order in which they are asked: highest priority first, then by name.
type Rank = (Reverse<i32>, Arc<str>);

/// All policies of the cluster, in the order in which they are asked.
#[derive(Clone, Debug, Default)]
pub struct PolicyBook {
    entries: BTreeMap<Rank, Arc<Entry>>,
    /// By name.
    ranks: BTreeMap<Arc<str>, Rank>,
    /// Those that name a namespace.
    naming: BTreeMap<String, BTreeSet<Rank>>,
    /// Those that choose namespaces by their labels.
    choosing: BTreeSet<Rank>,
}

/// What holds a namespace.
#[derive(Clone, Debug, PartialEq)]
pub enum Holder<'a> {
    /// This policy; `also` names others that select the namespace and come after it.
    Held {
        /// The policy.
        policy: &'a Policy,
        /// Other policies that select the namespace.
        also: Vec<&'a str>,
    },
    /// A policy that is not well formed, so nothing can be admitted.
    Broken {
        /// The policy's name.
        name: &'a str,
        /// How far it was meant to reach, which can always be read.
        mode: Mode,
        /// What is wrong with it.
        error: &'a PolicyError,
    },
    /// No policy.
    Nobody,
}

impl PolicyBook {
    /// A book with these policies.
    pub fn new<'a>(policies: impl IntoIterator<Item = &'a IdentityPolicy>) -> Self {
        let mut book = Self::default();
        policies.into_iter().for_each(|policy| book.put(policy));
        book
    }

    /// Takes a policy in, in place of the one of that name.
    pub fn put(&mut self, object: &IdentityPolicy) {
        let name: Arc<str> = object.name_any().into();
        self.remove(&name);
        let rank = (Reverse(object.spec.priority), Arc::clone(&name));
        let entry = Entry::of(&name, object);
        for namespace in &entry.named {
            self.naming.entry(namespace.clone()).or_default().insert(rank.clone());
        }
        if entry.selector.is_some() {
            self.choosing.insert(rank.clone());
        }
        self.ranks.insert(name, rank.clone());
        self.entries.insert(rank, Arc::new(entry));
    }

    /// Takes a policy out.
    pub fn remove(&mut self, name: &str) {
        let Some(rank) = self.ranks.remove(name) else { return };
        let Some(entry) = self.entries.remove(&rank) else { return };
        for namespace in &entry.named {
            if let Some(ranks) = self.naming.get_mut(namespace) {
                ranks.remove(&rank);
                if ranks.is_empty() {
                    self.naming.remove(namespace);
                }
            }
        }
        self.choosing.remove(&rank);
    }

    /// Which policy holds a namespace with these labels.
    #[must_use]
    pub fn holder(&self, namespace: &str, labels: &BTreeMap<String, String>) -> Holder<'_> {
        let selector = |rank: &Rank| self.entries.get(rank)?.selector.as_ref();
        let chosen = self
            .choosing
            .iter()
            .filter(|rank| selector(rank).is_some_and(|selector| selector.matches(labels)));
        let named = self.naming.get(namespace).into_iter().flatten();
        let mut selecting: Vec<&Rank> = named.chain(chosen).collect();
        selecting.sort_unstable();
        selecting.dedup();
        let mut selecting = selecting.into_iter();
        let first = selecting.next().and_then(|rank| self.entries.get_key_value(rank));
        match first.map(|(rank, entry)| (rank, entry.mode, &entry.policy)) {
            None => Holder::Nobody,
            Some((_, _, Ok(policy))) => {
                Holder::Held { policy, also: selecting.map(|(_, name)| &**name).collect() }
            }
            Some(((_, name), mode, Err(error))) => Holder::Broken { name, mode, error },
        }
    }

    /// A policy by name, if it is well formed.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Policy> {
        self.entry(name)?.policy.as_ref().ok()
    }

    /// How many policies there are, well formed or not.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn entry(&self, name: &str) -> Option<&Entry> {
        self.entries.get(self.ranks.get(name)?).map(AsRef::as_ref)
    }
}

impl Entry {
    fn of(name: &str, object: &IdentityPolicy) -> Self {
        Self {
            mode: object.spec.mode,
            named: object.spec.namespaces.iter().flatten().cloned().collect(),
            selector: object.spec.namespace_selector.clone(),
            policy: Policy::read(name, &object.spec),
        }
    }
}
