//! Which identities want which names on a firewall, and which of them are refused before it is asked.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sallyport_contract::{
    DnsName, Reason, firewall_names,
    identity::claim_of,
    object::{Action, FirewallSpec, Traffic, WorkloadIdentity},
    policy::{Holder, PolicyBook},
    refusal::quoted,
};

use crate::{
    bounds,
    ledger::{Ledger, proves},
    world::{Key, World},
};

/// One name that some identity wants, with its policy's traffic.
#[derive(Clone, Debug)]
pub struct Wish<'a> {
    /// The identities that want it alike.
    pub identities: Vec<Key>,
    /// Their namespace.
    pub namespace: &'a str,
    /// Their policy.
    pub policy: &'a str,
    /// What that policy says about traffic.
    pub traffic: &'a Traffic,
    /// What they want the firewall to do.
    pub action: Action,
    /// When the oldest of them was made.
    pub since: Timestamp,
}

/// The identities that are refused: the first reason of each, with words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusals(BTreeMap<Key, (Reason, String)>);

impl Refusals {
    /// The refusal of one identity.
    #[must_use]
    pub fn get(&self, identity: &Key) -> Option<&(Reason, String)> {
        self.0.get(identity)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&Key, &(Reason, String))> {
        self.0.iter()
    }

    /// Refuses every identity behind a wish.
    pub fn add(&mut self, wish: &Wish<'_>, reason: Reason, words: &str) {
        for identity in &wish.identities {
            self.one(identity, reason, words.to_owned());
        }
    }

    fn one(&mut self, identity: &Key, reason: Reason, words: String) {
        self.0.entry(identity.clone()).or_insert((reason, words));
    }
}

/// The names that are wanted on a firewall, each once, and the identities that are refused.
#[must_use]
pub fn wishes<'a>(
    firewall: &str,
    spec: &FirewallSpec,
    world: &'a World,
    ledger: &Ledger,
) -> (BTreeMap<DnsName, Wish<'a>>, Refusals) {
    let book = PolicyBook::new(world.policies.values().map(AsRef::as_ref));
    let mut refused = Refusals::default();
    let mut by_name: BTreeMap<DnsName, Vec<Wish<'a>>> = BTreeMap::new();
    for (key, identity) in world.identities.iter() {
        if identity.spec.firewall != firewall || identity.metadata.deletion_timestamp.is_some() {
            continue;
        }
        let traffic = match traffic_of(identity, key, world, &book) {
            Ok(traffic) => traffic,
            Err((reason, words)) => {
                refused.one(key, reason, words);
                continue;
            }
        };
        for text in &identity.spec.dns_names {
            match judge(spec, world, key, identity, traffic, text) {
                Ok(name) => by_name.entry(name).or_default().push(Wish {
                    identities: vec![key.clone()],
                    namespace: &key.namespace,
                    policy: &identity.spec.policy,
                    traffic,
                    action: identity.spec.action,
                    since: created(identity),
                }),
                Err((reason, words)) => refused.one(key, reason, words),
            }
        }
    }
    let merged = by_name.into_iter().filter_map(|(name, wishes)| {
        let wish = merge(&name, wishes, spec, ledger, &mut refused)?;
        Some((name, wish))
    });
    (merged.collect(), refused)
}

fn created(identity: &WorkloadIdentity) -> Timestamp {
    identity.metadata.creation_timestamp.as_ref().map_or(Timestamp::UNIX_EPOCH, |time| time.0)
}

type Refused = (Reason, String);

/// The traffic of the policy that gave the identity, if that policy still holds the namespace.
fn traffic_of<'a>(
    identity: &'a WorkloadIdentity,
    key: &Key,
    world: &'a World,
    book: &PolicyBook,
) -> Result<&'a Traffic, Refused> {
    let policy = identity.spec.policy.as_str();
    let none = BTreeMap::new();
    let labels = world.namespaces.get(&key.namespace).map_or(&none, AsRef::as_ref);
    match book.holder(&key.namespace, labels) {
        Holder::Held { policy: holder, .. } if holder.name == policy => {}
        Holder::Held { policy: holder, .. } => {
            let words = format!(
                "the identity was given by IdentityPolicy {policy}, but {} holds namespace {} now",
                holder.name, key.namespace
            );
            return Err((Reason::NameRefused, words));
        }
        Holder::Broken { name, error } => {
            return Err((Reason::Malformed, format!("IdentityPolicy {name}: {error}")));
        }
        Holder::Nobody => {
            let words = format!("no IdentityPolicy holds namespace {} any more", key.namespace);
            return Err((Reason::NameRefused, words));
        }
    }
    let object = world
        .policies
        .get(policy)
        .ok_or_else(|| (Reason::NotFound, format!("there is no IdentityPolicy {policy}")))?;
    let traffic = &object.spec.traffic;
    if !traffic.actions.contains(&identity.spec.action) {
        let words = format!("IdentityPolicy {policy} does not allow the action {:?}", identity.spec.action);
        return Err((Reason::NameRefused, words));
    }
    Ok(traffic)
}

fn judge(
    spec: &FirewallSpec,
    world: &World,
    key: &Key,
    identity: &WorkloadIdentity,
    traffic: &Traffic,
    text: &str,
) -> Result<DnsName, Refused> {
    let name = text
        .parse::<DnsName>()
        .ok()
        .filter(|name| name.as_str() == text)
        .ok_or_else(|| (Reason::Malformed, format!("name {} is not in normal form", quoted(text))))?;
    let Some(claim) = world.claims.get(&claim_of(&name)) else {
        return Err((Reason::AwaitingFirewall, format!("the name {name} is not claimed yet")));
    };
    if claim.spec.dns_name != text || claim.spec.namespace != key.namespace {
        let words = format!("namespace {} holds the name {name}", claim.spec.namespace);
        return Err((Reason::NameHeldElsewhere, words));
    }
    bounds::check(&spec.bounds, &identity.spec.policy, traffic, &name, identity.spec.action)
        .map_err(|outside| (Reason::OutsideFirewallBounds, format!("{outside} (name {name})")))?;
    Ok(name)
}

/// One wish out of several for the same name. They may differ for a moment while cert-agent changes them
/// one by one: what stands on the firewall decides, else the oldest identity; the others wait.
fn merge<'a>(
    name: &DnsName,
    mut wishes: Vec<Wish<'a>>,
    spec: &FirewallSpec,
    ledger: &Ledger,
    refused: &mut Refusals,
) -> Option<Wish<'a>> {
    let stands = |wish: &Wish<'_>| {
        ledger.get(name).is_some_and(|held| {
            let rule = firewall_names::rule(&spec.cluster_name, wish.policy, wish.action);
            held.entry.rule == rule || proves(held.entry.evidence.as_ref(), &rule, wish.action)
        })
    };
    wishes.sort_by_key(|wish| (!stands(wish), wish.since, wish.identities.clone()));
    let mut rest = wishes.into_iter();
    let mut first = rest.next()?;
    for other in rest {
        if other.action == first.action && other.policy == first.policy {
            first.since = first.since.min(other.since);
            first.identities.extend(other.identities);
        } else {
            let holder = first.identities.first().map(|key| key.name.as_str()).unwrap_or_default();
            let words = format!("identity {holder} of this namespace asks for {:?} for {name}", first.action);
            refused.add(&other, Reason::ActionConflict, &words);
        }
    }
    Some(first)
}
