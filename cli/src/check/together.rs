//! What only all workloads together show: a name for two namespaces, two actions for one name, names that one firewall
//! cannot hold. The last is decided by the policy syncer's own code.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use jiff::Timestamp;
use sallyport_contract::{
    DnsName, Reason, Refusal,
    identity::{Identity, claim_of},
    object::{Action, NameClaim, NameClaimSpec, WorkloadIdentity},
};
use sallyport_policy_sync::{
    desired::desired,
    ledger::Ledger,
    world::{Key, World},
};

use super::{Finding, bundle::Complete};

/// A name that was given, and where.
struct Holder<'a> {
    namespace: &'a str,
    action: Action,
    firewall: &'a str,
    place: String,
}

/// All names that were given. Those under one parent stand together: only they and its wildcard can match one SNI.
#[derive(Default)]
struct Held<'a>(HashMap<String, BTreeMap<DnsName, Holder<'a>>>);

impl<'a> Held<'a> {
    fn parent(name: &DnsName) -> &str {
        name.as_str().split_once('.').map_or("", |(_, parent)| parent)
    }

    fn get(&self, name: &DnsName) -> Option<&Holder<'a>> {
        self.0.get(Self::parent(name))?.get(name)
    }

    /// The first one to come has it.
    fn take(&mut self, name: &DnsName, holder: Holder<'a>) {
        let family = self.0.entry(Self::parent(name).to_owned()).or_default();
        family.entry(name.clone()).or_insert(holder);
    }

    /// Another name on the same firewall that meets this one.
    fn meets(&self, name: &DnsName, firewall: &str) -> Option<(&DnsName, &Holder<'a>)> {
        let family = self.0.get(Self::parent(name))?;
        let wildcards = family.range(..).take_while(|(other, _)| other.is_wildcard());
        // A wildcard is the first of its family; a plain name can only meet that one.
        let near: Box<dyn Iterator<Item = (&DnsName, &Holder<'a>)>> =
            if name.is_wildcard() { Box::new(family.iter()) } else { Box::new(wildcards) };
        near.into_iter()
            .find(|(other, holder)| *other != name && holder.firewall == firewall && other.overlaps(name))
    }
}

impl<'a> FromIterator<(DnsName, Holder<'a>)> for Held<'a> {
    fn from_iter<I: IntoIterator<Item = (DnsName, Holder<'a>)>>(names: I) -> Self {
        let mut held = Self::default();
        names.into_iter().for_each(|(name, holder)| held.take(&name, holder));
        held
    }
}

/// The findings that do not go with others, and why. `granted`: identities with the places of their findings.
pub(super) fn conflicts(
    granted: &[(usize, Identity)],
    findings: &[Finding],
    bundle: &Complete,
) -> Vec<(usize, Refusal)> {
    let mut held: Held<'_> = bundle.claims.iter().filter_map(of_cluster).collect();
    let (mut refused, mut stands) = (Vec::new(), Vec::new());
    for (at, identity) in granted {
        let Some(finding) = findings.get(*at) else { continue };
        match conflict(identity, finding, &held) {
            Some(refusal) => refused.push((*at, refusal)),
            None => {
                stands.push((*at, identity));
                let place = format!("{} ({}:{})", finding.object, finding.file, finding.line);
                for name in identity.dns_names.iter() {
                    let (namespace, firewall) = (identity.namespace.as_str(), identity.firewall.as_str());
                    let place = place.clone();
                    held.take(name, Holder { namespace, action: identity.action, firewall, place });
                }
            }
        }
    }
    refused.extend(on_firewalls(&stands, findings, bundle));
    refused
}

fn of_cluster(claim: &NameClaim) -> Option<(DnsName, Holder<'_>)> {
    let name = claim.spec.dns_name.parse().ok()?;
    let namespace = claim.spec.namespace.as_str();
    let place = format!("namespace {namespace} of the cluster");
    // What it does there and where, the cluster decides; here only whose it is counts.
    Some((name, Holder { namespace, action: Action::Allow, firewall: "", place }))
}

fn conflict(identity: &Identity, finding: &Finding, held: &Held<'_>) -> Option<Refusal> {
    identity.dns_names.iter().find_map(|name| {
        if let Some(holder) = held.get(name) {
            if holder.namespace != identity.namespace {
                return Some(refusal(
                    finding,
                    Reason::NameHeldElsewhere,
                    name,
                    &holder.place,
                    "a name belongs to one namespace",
                ));
            }
            if !holder.firewall.is_empty() && holder.action != identity.action {
                return Some(refusal(
                    finding,
                    Reason::ActionConflict,
                    name,
                    &holder.place,
                    "a name has one action; the older workload's counts",
                ));
            }
            return None;
        }
        held.meets(name, &identity.firewall).map(|(other, holder)| {
            refusal(
                finding,
                Reason::NameHeldElsewhere,
                name,
                &format!("{} as {other}", holder.place),
                "no SNI may match two App-IDs",
            )
        })
    })
}

fn refusal(finding: &Finding, reason: Reason, name: &DnsName, holder: &str, rule: &str) -> Refusal {
    Refusal {
        reason,
        what: format!("name {:?} is wanted by {holder} too", name.as_str()),
        place: finding.object.clone(),
        rule: format!("{rule}; in the cluster the first one to come has it"),
        remedy: "take another name for one of them".to_owned(),
    }
}

/// What the firewalls that were given would refuse.
fn on_firewalls(
    granted: &[(usize, &Identity)],
    findings: &[Finding],
    bundle: &Complete,
) -> Vec<(usize, Refusal)> {
    let (mut identities, mut places) = (BTreeMap::new(), BTreeMap::new());
    for (at, identity) in granted {
        let key = Key::new(&identity.namespace, identity.name.as_str());
        places.entry(key.clone()).or_insert(*at);
        identities.insert(key, Arc::new(identity.object()));
    }
    let world = world(identities, bundle);
    let judged = bundle.firewalls.iter().flat_map(|firewall| {
        let name = firewall.metadata.name.clone().unwrap_or_default();
        let desired = desired(&name, &firewall.spec, &world, &Ledger::default(), None, Timestamp::UNIX_EPOCH);
        desired
            .refused()
            .iter()
            .map(|(key, held)| (key.clone(), name.clone(), held.clone()))
            .collect::<Vec<_>>()
    });
    judged
        .filter_map(|(key, firewall, (reason, words))| {
            let at = *places.get(&key)?;
            let place = findings.get(at)?.object.clone();
            let rule = format!("Firewall {firewall}, which the network security team writes");
            let remedy = "ask for what it allows, or have the network security team allow this".to_owned();
            Some((at, Refusal { reason, what: words, place, rule, remedy }))
        })
        .collect()
}

/// What the policy syncer would see, if these were the identities.
pub(crate) fn world(identities: BTreeMap<Key, Arc<WorkloadIdentity>>, bundle: &Complete) -> World {
    let mut claims = BTreeMap::new();
    for (key, identity) in &identities {
        let names = identity.spec.dns_names.iter().filter_map(|name| name.parse::<DnsName>().ok());
        for name in names {
            let spec = NameClaimSpec { dns_name: name.to_string(), namespace: key.namespace.clone() };
            let claim = claim_of(&name);
            claims.insert(claim.clone(), Arc::new(NameClaim::new(&claim, spec).into()));
        }
    }
    let identities =
        identities.into_iter().map(|(key, one)| (key, Arc::new(Arc::unwrap_or_clone(one).into())));
    let labels = bundle.facts.namespaces.iter().map(|(name, labels)| (name.clone(), labels.clone()));
    World {
        identities: Arc::new(identities.collect()),
        claims: Arc::new(claims),
        policies: bundle.policies.clone().into(),
        namespaces: Arc::new(labels.collect()),
        ..World::default()
    }
}
