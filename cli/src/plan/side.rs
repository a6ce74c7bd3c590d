//! One side of a plan: what manifests give, judged as `sallyport check` judges them.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
};

use sallyport_contract::{
    DnsName, Identity,
    object::{Action, Firewall, WorkloadIdentity},
};
use sallyport_policy_sync::world::{Key, World};

use super::Args;
use crate::check::{Bundle, Judgement, Known, Outcome, Source, sources, words, world};

/// What a side is made of.
pub(super) struct Given {
    bundle: Bundle,
}

impl Given {
    /// Nothing but what both sides share.
    pub(super) fn new(args: &Args) -> Self {
        Self::knowing(args, Known::default())
    }

    /// The same beside what a cluster knows.
    pub(super) fn knowing(args: &Args, known: Known) -> Self {
        let mut bundle = Bundle::new(known, &args.namespace, &args.enabled);
        bundle.add(sources(&args.with), false);
        Self { bundle }
    }

    /// Takes files and folders in.
    pub(super) fn files(mut self, paths: &[PathBuf]) -> Self {
        self.bundle.add(sources(paths), true);
        self
    }

    /// Takes objects in.
    pub(super) fn objects(mut self, objects: impl Iterator<Item = Source>) -> Self {
        self.bundle.add(objects, true);
        self
    }

    /// What is to be judged: apiVersion, kind, namespace and name of each.
    pub(super) fn subjects(&self) -> Vec<[String; 4]> {
        self.bundle.subjects()
    }
}

/// Whose a name is, and what becomes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    /// `shop/web`.
    pub(super) whose: String,
    pub(super) action: Action,
    pub(super) firewall: String,
    /// The identity that has it.
    pub(super) identity: Key,
}

/// What would be, or what is.
pub(super) struct Side {
    /// The names by namespace and name.
    pub(super) names: BTreeMap<(String, DnsName), Name>,
    /// The identities that they make.
    pub(super) identities: BTreeMap<Key, Arc<WorkloadIdentity>>,
    /// Identities that are there beside them.
    pub(super) beside: BTreeMap<Key, Arc<WorkloadIdentity>>,
    /// The firewalls that are known, by name.
    pub(super) firewalls: BTreeMap<String, Firewall>,
    /// What is refused or could not be judged: whose, and the first line of why.
    pub(super) troubles: Vec<(String, String)>,
    judgement: Judgement,
}

impl Side {
    /// Judges a side.
    pub(super) fn of(given: Given) -> Self {
        let judgement = Judgement::of(given.bundle);
        let mut names = BTreeMap::new();
        let mut identities = BTreeMap::new();
        for (at, identity) in &judgement.granted {
            let object = judgement.report.findings.get(*at).map(|finding| finding.object.as_str());
            let whose = object.and_then(|object| object.split_once(' ')).map_or("", |(_, whose)| whose);
            for name in identity.dns_names.iter() {
                names
                    .entry((identity.namespace.clone(), name.clone()))
                    .or_insert_with(|| of(identity, whose));
            }
            identities.insert(key(identity), Arc::new(identity.object()));
        }
        let named =
            |firewall: &Firewall| (firewall.metadata.name.clone().unwrap_or_default(), firewall.clone());
        let firewalls = judgement.bundle.firewalls.iter().map(named).collect();
        let troubles = judgement.report.findings.iter().filter_map(|finding| {
            let trouble = matches!(finding.outcome, Outcome::Refused(_) | Outcome::Unjudged(_));
            let first = words(&finding.outcome).lines().next().unwrap_or_default().to_owned();
            let place = format!("{}:{}", finding.file, finding.line);
            trouble.then(|| (if finding.object.is_empty() { place } else { finding.object.clone() }, first))
        });
        let troubles = troubles.collect();
        Self { names, identities, beside: BTreeMap::new(), firewalls, troubles, judgement }
    }

    /// What is refused, or cannot be judged, stays as it is: the API server takes no change of it.
    pub(super) fn keep(&mut self, before: &Self) {
        let objects: Vec<&str> =
            self.troubles.iter().filter_map(|(who, _)| Some(who.split_once(' ')?.1)).collect();
        let kept = before
            .names
            .iter()
            .filter(|(name, held)| objects.contains(&held.whose.as_str()) && !self.names.contains_key(*name));
        let kept: Vec<_> = kept.map(|(name, held)| (name.clone(), held.clone())).collect();
        for (name, held) in kept {
            if let Some(identity) = before.identities.get(&held.identity) {
                self.identities.insert(held.identity.clone(), Arc::clone(identity));
            }
            self.names.insert(name, held);
        }
    }

    /// What the policy syncer would see.
    pub(super) fn world(&self) -> World {
        let mut all = self.beside.clone();
        all.extend(self.identities.clone());
        world(all, &self.judgement.bundle)
    }

    /// How the judgement ends.
    pub(super) fn code(&self) -> u8 {
        self.judgement.report.code()
    }

    /// The names of the firewalls that carry a name of this side.
    pub(super) fn used(&self) -> BTreeSet<&str> {
        self.names.values().map(|name| name.firewall.as_str()).collect()
    }
}

fn of(identity: &Identity, whose: &str) -> Name {
    let (action, firewall) = (identity.action, identity.firewall.clone());
    Name { whose: whose.to_owned(), action, firewall, identity: key(identity) }
}

fn key(identity: &Identity) -> Key {
    Key::new(&identity.namespace, identity.name.as_str())
}
