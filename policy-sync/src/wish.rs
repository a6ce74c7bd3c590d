//! Which identities want which names on a firewall, and which of them are refused before it is asked.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sallyport_contract::{
    DnsName, Reason, firewall_names,
    identity::claim_of,
    object::{Action, FirewallSpec, Mode, Traffic},
    policy::{Holder, Policy},
    refusal::quoted,
};

use crate::{
    bounds,
    diff::Held,
    identity::Identity,
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

impl FromIterator<(Key, (Reason, String))> for Refusals {
    fn from_iter<T: IntoIterator<Item = (Key, (Reason, String))>>(refusals: T) -> Self {
        Self(refusals.into_iter().collect())
    }
}

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

    /// Adds what another firewall refuses.
    pub fn extend(&mut self, other: &Self) {
        for (key, (reason, words)) in &other.0 {
            self.one(key, *reason, words.clone());
        }
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
    let mut refused = Refusals::default();
    let mut by_name: BTreeMap<DnsName, Vec<Wish<'a>>> = BTreeMap::new();
    for (key, identity) in world.identities.iter() {
        if identity.firewall != firewall || identity.meta.leaving {
            continue;
        }
        let court = match Court::of(spec, world, key, identity) {
            Ok(court) => court,
            Err((reason, words)) => {
                refused.one(key, reason, words);
                continue;
            }
        };
        for name in &identity.names {
            let judged = court.judge(name).and_then(|name| match court.policy.mode {
                Mode::Audit if ledger.get(&name).is_none() => Err(court.audited(&name)),
                Mode::Audit | Mode::Observe | Mode::Enforce => Ok(name),
            });
            match judged {
                Ok(name) => by_name.entry(name).or_default().push(Wish {
                    identities: vec![key.clone()],
                    namespace: &key.namespace,
                    policy: &identity.policy,
                    traffic: court.traffic,
                    action: identity.action,
                    since: identity.meta.created,
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

/// Why an identity may not have its names on this firewall, judged by what its namespace's policy, its claims
/// and the firewall's bounds say now; `None` if it may have all of them.
#[must_use]
pub fn refusal(spec: &FirewallSpec, world: &World, key: &Key, identity: &Identity) -> Option<Held> {
    match Court::of(spec, world, key, identity) {
        Ok(court) => identity.names.iter().find_map(|name| court.judge(name).err()),
        Err(refused) => Some(refused),
    }
}

/// All that one identity's names are judged by. Nothing of what the identity says is believed.
struct Court<'a, 'b> {
    spec: &'b FirewallSpec,
    world: &'a World,
    key: &'b Key,
    identity: &'b Identity,
    policy: &'a Policy,
    traffic: &'a Traffic,
}

impl<'a, 'b> Court<'a, 'b> {
    /// The policy that holds the namespace now must be the one that gave the identity, and allow its action.
    fn of(
        spec: &'b FirewallSpec,
        world: &'a World,
        key: &'b Key,
        identity: &'b Identity,
    ) -> Result<Self, Held> {
        let name = identity.policy.as_str();
        let none = BTreeMap::new();
        let labels = world.namespaces.get(&key.namespace).map_or(&none, AsRef::as_ref);
        let policy = match world.policies.book().holder(&key.namespace, labels) {
            Holder::Held { policy, .. } if policy.name == name => policy,
            Holder::Held { policy: holder, .. } => {
                let words = format!(
                    "the identity was given by IdentityPolicy {name}, but {} holds namespace {} now",
                    holder.name, key.namespace
                );
                return Err((Reason::NameRefused, words));
            }
            Holder::Broken { name, error, .. } => {
                return Err((Reason::Malformed, format!("IdentityPolicy {name}: {error}")));
            }
            Holder::Nobody => {
                let words = format!("no IdentityPolicy holds namespace {} any more", key.namespace);
                return Err((Reason::NameRefused, words));
            }
        };
        let object = world
            .policies
            .get(name)
            .ok_or_else(|| (Reason::NotFound, format!("there is no IdentityPolicy {name}")))?;
        let (asked, action) = (identity.names.len(), identity.action);
        if !policy.traffic.actions.contains(&action) {
            let words = format!("IdentityPolicy {name} does not allow the action {action:?}");
            return Err((Reason::NameRefused, words));
        }
        if asked > usize::from(policy.max) {
            let words =
                format!("the identity has {asked} names, IdentityPolicy {name} allows {}", policy.max);
            return Err((Reason::NameRefused, words));
        }
        Ok(Self { spec, world, key, identity, policy, traffic: &object.spec.traffic })
    }

    fn judge(&self, name: &Result<DnsName, Box<str>>) -> Result<DnsName, Held> {
        let name = name
            .clone()
            .map_err(|text| (Reason::Malformed, format!("name {} is not in normal form", quoted(&text))))?;
        if !self.policy_allows(&name) {
            let words = format!(
                "IdentityPolicy {} allows {} in namespace {}, not {name}",
                self.policy.name,
                self.policy.shown_for(&self.key.namespace),
                self.key.namespace
            );
            return Err((Reason::NameRefused, words));
        }
        let Some(claim) = self.world.claims.get(&claim_of(&name)) else {
            return Err((Reason::AwaitingFirewall, format!("the name {name} is not claimed yet")));
        };
        if claim.name.as_ref() != Some(&name) || claim.namespace != self.key.namespace {
            let words = format!("namespace {} holds the name {name}", claim.namespace);
            return Err((Reason::NameHeldElsewhere, words));
        }
        bounds::check(&self.spec.bounds, &self.policy.name, self.traffic, &name, self.identity.action)
            .map_err(|outside| (Reason::OutsideFirewallBounds, format!("{outside} (name {name})")))?;
        Ok(name)
    }

    /// Whether the policy could give the name to some workload of the namespace. Which workload it is, only
    /// cert-agent knows.
    fn policy_allows(&self, name: &DnsName) -> bool {
        (self.policy.wildcards || !name.is_wildcard())
            && self.policy.patterns().any(|pattern| pattern.may_allow(name, &self.key.namespace))
    }

    fn audited(&self, name: &DnsName) -> Held {
        let words = format!(
            "IdentityPolicy {} has spec.mode: Audit, under which nothing new is written; {name} waits for Observe or Enforce",
            self.policy.name
        );
        (Reason::NameRefused, words)
    }
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
            let rule =
                firewall_names::rule_of(&spec.cluster_name, spec.rules.style, wish.policy, wish.action, name);
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
