//! What differs between two sides: names that come, change and go, and the certificates that this costs.

use std::collections::BTreeSet;

use sallyport_contract::{
    DnsName,
    object::{Action, Delivery},
};
use sallyport_policy_sync::world::Key;

use super::side::{Name, Side};

/// What becomes of one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It comes.
    Added(Action),
    /// It stays, and traffic for it is treated otherwise.
    Turned(Action, Action),
    /// It stays, and another firewall has it.
    Moved(String, String),
    /// It goes.
    Removed,
}

/// One name and its fate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) whose: String,
    pub(super) name: DnsName,
    pub(super) firewall: String,
    pub(super) fate: Fate,
}

/// All that differs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Changes {
    /// By namespace and name.
    pub(super) names: Vec<Change>,
    /// How many certificates are asked for.
    pub(super) certificates: usize,
    /// Of so many identities each pod asks for one of its own.
    pub(super) of_pods: usize,
}

/// Compares two sides.
pub(super) fn between(before: &Side, after: &Side) -> Changes {
    let keys: BTreeSet<&(String, DnsName)> = before.names.keys().chain(after.names.keys()).collect();
    let mut names = Vec::new();
    for key in keys {
        let (was, is) = (before.names.get(key), after.names.get(key));
        let (Some(fate), Some(one)) = (fate(was, is), is.or(was)) else { continue };
        let firewall = one.firewall.clone();
        names.push(Change { whose: one.whose.clone(), name: key.1.clone(), firewall, fate });
    }
    let there = |key: &Key| before.identities.get(key).or_else(|| before.beside.get(key));
    let (mut certificates, mut of_pods) = (0, 0);
    for (key, is) in &after.identities {
        match (there(key), is.spec.delivery) {
            (None, Delivery::Secret) => certificates += 1,
            (None, Delivery::Pod) => of_pods += 1,
            (Some(was), Delivery::Secret) => {
                certificates += usize::from(was.spec.certificate.makes_due(&is.spec.certificate));
            }
            // What a pod has stays until it is renewed.
            (Some(_), Delivery::Pod) => {}
        }
    }
    Changes { names, certificates, of_pods }
}

fn fate(was: Option<&Name>, is: Option<&Name>) -> Option<Fate> {
    match (was, is) {
        (None, Some(is)) => Some(Fate::Added(is.action)),
        (Some(_), None) => Some(Fate::Removed),
        (Some(was), Some(is)) if was.firewall != is.firewall => {
            Some(Fate::Moved(was.firewall.clone(), is.firewall.clone()))
        }
        (Some(was), Some(is)) if was.action != is.action => Some(Fate::Turned(was.action, is.action)),
        (Some(_), Some(_)) | (None, None) => None,
    }
}
