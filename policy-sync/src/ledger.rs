//! The stored inventory of one firewall: which DNS names we put there, as the claims' status remembers.
//!
//! The newer of what we wrote and what the watch shows counts: a watch may lag behind, and another replica may
//! have written since. What another one took out stays known here until the device shows that it is gone.

use std::{collections::BTreeMap, sync::Arc};

use compact_str::CompactString;
use jiff::Timestamp;
use sallyport_contract::{
    DnsName,
    duration::Duration,
    identity::claim_of,
    object::{Action, ClaimedFirewall, Evidence},
};

use crate::{
    claim::Claim,
    pace::later,
    world::{Version, World},
};

/// One name on the firewall.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding {
    /// The namespace that held the name when it was written.
    pub namespace: CompactString,
    /// What the claim's status says.
    pub entry: Arc<ClaimedFirewall>,
    /// Whether the claim's status says so; not if somebody else took the entry out.
    pub stored: bool,
}

/// What is known of one claim.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Known {
    version: Version,
    holding: Option<Holding>,
}

/// All names of one firewall.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    claims: BTreeMap<DnsName, Known>,
}

impl Ledger {
    /// Takes over what the claims say, where that is newer than what we know.
    pub fn learn(&mut self, firewall: &str, world: &World) {
        for claim in world.claims.values() {
            let Some(name) = &claim.name else { continue };
            let known = self.claims.entry(name.clone()).or_default();
            if claim.meta.version >= known.version {
                known.version = claim.meta.version;
                known.holding = newer(claim, firewall, known.holding.take());
            }
        }
        let exists = |name: &DnsName| world.claims.contains_key(&claim_of(name));
        self.claims.retain(|name, known| known.holding.is_some() || exists(name));
    }

    /// What is known of a name.
    #[must_use]
    pub fn get(&self, name: &DnsName) -> Option<&Holding> {
        self.claims.get(name)?.holding.as_ref()
    }

    /// The version of a name's claim on which a decision rests.
    #[must_use]
    pub fn version(&self, name: &DnsName) -> Version {
        self.claims.get(name).map(|known| known.version).unwrap_or_default()
    }

    /// All names in order.
    pub fn iter(&self) -> impl Iterator<Item = (&DnsName, &Holding)> {
        self.claims.iter().filter_map(|(name, known)| Some((name, known.holding.as_ref()?)))
    }

    /// How many names there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Notes an entry that was stored, and the version that its claim has since.
    pub fn put(&mut self, name: DnsName, holding: Holding, version: Version) {
        self.claims.insert(name, Known { version, holding: Some(holding) });
    }

    /// Notes that an entry was taken out of the claim.
    pub fn end(&mut self, name: &DnsName, version: Version) {
        self.claims.insert(name.clone(), Known { version, holding: None });
    }
}

/// What a claim says of the firewall. What it no longer says although we know it may still stand on the device.
fn newer(claim: &Claim, firewall: &str, known: Option<Holding>) -> Option<Holding> {
    let namespace = claim.namespace.clone();
    match claim.entries.iter().find(|entry| entry.firewall == firewall) {
        Some(entry) => Some(Holding { namespace, entry: Arc::clone(entry), stored: true }),
        None => known.map(|mut known| {
            Arc::make_mut(&mut known.entry).evidence = None;
            Holding { namespace, stored: false, ..known }
        }),
    }
}

/// What stored evidence is worth today.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Worth {
    /// It proves what is wanted.
    Proof,
    /// It proved it at this time, which is too long ago to open a gate.
    TooOld(Timestamp),
    /// It does not prove it.
    Nothing,
}

/// What stored evidence is worth for this rule and action.
#[must_use]
pub fn worth(
    evidence: Option<&Evidence>,
    rule: &str,
    action: Action,
    max_age: Duration,
    now: Timestamp,
) -> Worth {
    match evidence.filter(|evidence| proves(Some(evidence), rule, action)) {
        None => Worth::Nothing,
        Some(Evidence { proven_at, .. }) if later(*proven_at, max_age.as_signed()) > now => Worth::Proof,
        Some(Evidence { proven_at, .. }) => Worth::TooOld(*proven_at),
    }
}

/// Whether stored evidence proves what is wanted today, however old it is.
#[must_use]
pub fn proves(evidence: Option<&Evidence>, rule: &str, action: Action) -> bool {
    evidence.is_some_and(|evidence| evidence.rule == rule && evidence.action == action)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sallyport_contract::object::NameClaim;
    use serde_json::json;

    fn world(version: u64, held: bool) -> World {
        let entry = json!({"firewall": "edge", "app": "sp-web", "rule": "r", "action": "Allow", "lastWanted": "2026-11-21T09:00:00Z",
            "evidence": {"devices": ["1"], "provenAt": "2026-11-21T09:00:00Z", "action": "Allow", "rule": "r"}});
        let claim: NameClaim = serde_json::from_value(json!({
            "apiVersion": "sallyport.dev/v1alpha1", "kind": "NameClaim",
            "metadata": {"name": claim_of(&name()), "resourceVersion": version.to_string()},
            "spec": {"dnsName": name().as_str(), "namespace": "shop"},
            "status": {"firewalls": if held { vec![entry] } else { vec![] }},
        }))
        .unwrap();
        World { claims: Arc::new([(claim_of(&name()), Arc::new(claim.into()))].into()), ..World::default() }
    }

    fn name() -> DnsName {
        "web.shop.corp.example".parse().unwrap()
    }

    fn held(ledger: &Ledger) -> Option<(bool, bool)> {
        ledger.get(&name()).map(|holding| (holding.stored, holding.entry.evidence.is_some()))
    }

    #[test]
    fn the_newer_of_what_we_wrote_and_what_is_seen_counts() {
        let mut ledger = Ledger::default();
        ledger.learn("edge", &world(5, true));
        assert_eq!((held(&ledger), ledger.version(&name())), (Some((true, true)), version(5)));

        ledger.end(&name(), version(7));
        ledger.learn("edge", &world(6, true));
        assert_eq!(held(&ledger), None, "a watch that lags behind");
        ledger.learn("edge", &world(8, true));
        assert_eq!(held(&ledger), Some((true, true)), "another replica wrote it again");
        ledger.learn("other", &world(9, true));
        assert_eq!(held(&ledger), Some((false, false)), "what belongs to another firewall is not ours");
    }

    #[test]
    fn law_7_what_another_replica_took_out_is_known_until_it_is_gone_from_the_device() {
        let mut ledger = Ledger::default();
        ledger.learn("edge", &world(5, true));
        ledger.learn("edge", &world(6, false));
        assert_eq!(held(&ledger), Some((false, false)), "its evidence counts no more");
        ledger.learn("edge", &World::default());
        assert_eq!(held(&ledger), Some((false, false)), "nor does the end of its claim make it forgotten");
        ledger.end(&name(), version(0));
        ledger.learn("edge", &World::default());
        assert_eq!(ledger, Ledger::default());
    }

    #[test]
    fn law_2_evidence_is_worth_something_until_it_is_too_old() {
        let evidence = world(1, true).claims.values().next().unwrap().entries[0].evidence.clone();
        let at: Timestamp = "2026-11-21T09:00:00Z".parse().unwrap();
        let judge = |rule: &str, action, seconds| {
            let now = later(at, jiff::SignedDuration::from_secs(seconds));
            worth(evidence.as_ref(), rule, action, Duration::from_secs(60), now)
        };
        assert_eq!(judge("r", Action::Allow, 59), Worth::Proof);
        assert_eq!(judge("r", Action::Allow, 60), Worth::TooOld(at));
        assert_eq!(judge("s", Action::Allow, 0), Worth::Nothing);
        assert_eq!(judge("r", Action::Deny, 0), Worth::Nothing);
    }

    fn version(number: u64) -> Version {
        Version::from(number)
    }
}
