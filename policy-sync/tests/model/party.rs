//! One cluster on the firewall: its people's objects, its replica, and what they add up to.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use panos_sim::Running;
use sallyport_contract::{Reason, firewall_names, object::Action};
use sallyport_process::clock::Clock;
use serde_json::{Value, json};

use super::support::{
    Twin, dns, objects,
    turns::{Replica, Turns},
};

/// How long what nobody wants stays.
pub(crate) const QUARANTINE: SignedDuration = SignedDuration::from_mins(10);
/// First labels of the names. Those of the second half a tightened policy does not allow.
const LABELS: [&str; 5] = ["web", "pay", "api", "db", "*"];
const TIGHT: [&str; 2] = ["web", "pay"];

/// Who a cluster is on the firewall.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Who {
    pub(crate) cluster: &'static str,
    pub(crate) user: &'static str,
    pub(crate) password: &'static str,
    /// The domain of its names, below the namespace's label.
    pub(crate) domain: &'static str,
}

/// What the firewall's people hold back with.
#[derive(Clone, Debug, Default)]
pub(crate) struct Brakes {
    pub(crate) suspend: bool,
    pub(crate) frozen: bool,
    pub(crate) blocked: Vec<String>,
    pub(crate) max_changes: Option<u16>,
    pub(crate) max_removals: Option<u16>,
}

/// One cluster.
pub(crate) struct Party {
    pub(crate) who: Who,
    pub(crate) twin: Twin,
    pub(crate) replica: Replica,
    pub(crate) brakes: Brakes,
    clock: Clock,
    tight: bool,
    identities: BTreeMap<String, (Vec<String>, &'static str)>,
    /// Since when each name has not been wanted.
    unwanted: BTreeMap<String, Timestamp>,
}

impl Party {
    pub(crate) fn new(who: Who, sim: &Running, clock: &Clock) -> Self {
        let twin = Twin::default();
        let mut spec = objects::firewall_spec(&sim.api_addr.to_string(), &sim.ca_pem);
        spec["clusterName"] = who.cluster.into();
        spec["bounds"]["nameSuffixes"] = json!([who.domain]);
        spec["removal"]["quarantine"] = format!("{}s", QUARANTINE.as_secs()).into();
        spec["drift"]["period"] = "60s".into();
        twin.put_firewall("edge", spec);
        twin.login("edge", who.user, who.password, "1");
        twin.complete();
        let replica = Replica::by(&twin, Turns::free(), clock.clone());
        let mut party = Self {
            who,
            twin,
            replica,
            brakes: Brakes::default(),
            clock: clock.clone(),
            tight: false,
            identities: BTreeMap::new(),
            unwanted: BTreeMap::new(),
        };
        party.tighten(false);
        party
    }

    /// All names that its people may think of.
    pub(crate) fn names(&self) -> Vec<String> {
        LABELS.iter().map(|label| format!("{label}.shop.{}", self.who.domain)).collect()
    }

    /// What may stand in a ClientHello.
    pub(crate) fn snis(&self) -> Vec<String> {
        let names = self.names().into_iter().map(|name| name.replace('*', "other"));
        names.chain([format!("deep.web.shop.{}", self.who.domain)]).collect()
    }

    pub(crate) fn app(&self, name: &str) -> String {
        firewall_names::app_id(self.who.cluster, &dns(name))
    }

    pub(crate) fn rules(&self) -> [String; 2] {
        [Action::Allow, Action::Deny].map(|action| firewall_names::rule(self.who.cluster, "shop", action))
    }

    /// All that it may ever have on the firewall.
    pub(crate) fn owned(&self) -> BTreeSet<String> {
        let apps = self.names().into_iter().map(|name| self.app(&name));
        let others = [firewall_names::service(self.who.cluster, 443), firewall_names::tag(self.who.cluster)];
        apps.chain(self.rules()).chain(others).collect()
    }

    /// The process ends and another begins.
    pub(crate) fn restart(&mut self) {
        self.replica = Replica::by(&self.twin, Turns::free(), self.clock.clone());
    }

    /// Puts an identity, or changes it.
    pub(crate) fn want(&mut self, identity: &str, names: &[String], action: &'static str) {
        let texts: Vec<&str> = names.iter().map(String::as_str).collect();
        self.twin.want(identity, &texts, action);
        self.identities.insert(identity.to_owned(), (names.to_vec(), action));
        self.note();
    }

    pub(crate) fn unwant(&mut self, identity: &str) {
        if self.identities.remove(identity).is_some() {
            self.twin.unwant(identity);
        }
        self.note();
    }

    fn identities(&self) -> Vec<(String, Vec<String>)> {
        self.identities.iter().map(|(identity, (names, _))| (identity.clone(), names.clone())).collect()
    }

    /// The policy allows only some of the names, or all of them.
    pub(crate) fn tighten(&mut self, tight: bool) {
        let mut policy = objects::policy_spec("shop");
        let domain = self.who.domain;
        let labels: &[&str] = if tight { &TIGHT } else { &["*"] };
        policy["dnsNames"]["allowed"] =
            labels.iter().map(|label| format!("{label}.{{namespace}}.{domain}")).collect();
        policy["dnsNames"]["default"] = format!("web.{{namespace}}.{domain}").into();
        self.twin.put_policy("shop", policy);
        self.tight = tight;
        self.note();
    }

    /// What the `Firewall` object says of brakes.
    pub(crate) fn brake(&mut self, change: impl FnOnce(&mut Brakes)) {
        change(&mut self.brakes);
        let Brakes { suspend, frozen, blocked, max_changes, max_removals } = self.brakes.clone();
        self.twin.change_firewall(|spec| {
            spec["suspend"] = suspend.into();
            spec["blocked"] = blocked.into();
            let mut commit = json!({"coalesce": "0s", "longestWait": "0s"});
            if frozen {
                let freeze = json!({"from": "2020-01-01T00:00:00Z", "until": "2090-01-01T00:00:00Z", "reason": "a test"});
                commit["freezes"] = Value::Array(vec![freeze]);
            }
            commit["maxChanges"] = max_changes.unwrap_or(2000).into();
            commit["maxRemovals"] = max_removals.unwrap_or(50).into();
            spec["commit"] = commit;
        });
    }

    /// Time passes.
    pub(crate) fn pass(&self, by: SignedDuration) {
        self.clock.advance(by);
    }

    /// Its people stop disturbing: no brakes, the wide policy, no wildcard beside names, one action for all.
    pub(crate) fn calm(&mut self) {
        self.brake(|brakes| *brakes = Brakes::default());
        // First the names, so that no wildcard is wanted again for a moment that nobody sees.
        for (identity, names) in self.identities() {
            let names: Vec<String> = names.into_iter().filter(|name| !name.starts_with('*')).collect();
            match names.is_empty() {
                true => self.unwant(&identity),
                false => self.want(&identity, &names, "Allow"),
            }
        }
        self.tighten(false);
    }

    /// Whether some identity gives the name, and the policy lets it.
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.permits(name) && self.identities.values().any(|(names, _)| names.iter().any(|one| one == name))
    }

    fn permits(&self, name: &str) -> bool {
        !self.tight || TIGHT.iter().any(|label| name.starts_with(&format!("{label}.")))
    }

    /// Notes since when names have not been wanted.
    fn note(&mut self) {
        for name in self.names() {
            if self.wants(&name) {
                self.unwanted.remove(&name);
            } else {
                self.unwanted.entry(name).or_insert_with(|| self.clock.now());
            }
        }
    }

    /// For how long nobody has wanted the name.
    pub(crate) fn unwanted_for(&self, name: &str) -> SignedDuration {
        self.unwanted.get(name).map(|since| self.clock.now().duration_since(*since)).unwrap_or_default()
    }

    /// When each name was last proven, and to do what.
    pub(crate) fn proofs(&self) -> BTreeMap<String, (Timestamp, Action)> {
        let proof = |name: String| {
            let evidence = self.twin.entry(&name)?.evidence?;
            Some((name, (evidence.proven_at, evidence.action)))
        };
        self.names().into_iter().filter_map(proof).collect()
    }

    /// How a wanted name stands, in this cluster's own words.
    pub(crate) fn reason(&self, name: &str) -> Option<(Reason, String)> {
        self.replica.reason(name)
    }
}
