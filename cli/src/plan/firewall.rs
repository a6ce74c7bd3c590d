//! What a plan is on each firewall: the operations of the policy syncer's own difference, from what one side wants to what
//! the other does. What stands there beside ours is not known here; for that there is `sallyport firewall diff`.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::Timestamp;
use sallyport_contract::object::{ClaimedFirewall, Firewall, FirewallSpec};
use sallyport_policy_sync::{
    actual::{Configuration, Entries, Inventory},
    desired::{Desired, Rule, desired},
    diff::{Frozen, Sides, diff},
    elements,
    ledger::{Holding, Ledger},
    member::{Member, Site},
    operation::{Operation, batches},
    world::{Version, World},
    xml::{Element, NotALiteral},
};

use super::side::Side;

/// Time stands still in a plan.
const NOW: Timestamp = Timestamp::UNIX_EPOCH;

/// What would be written on one firewall.
pub(super) struct Plan {
    pub(super) name: String,
    /// Where on it we write; nothing if the Firewall is not among what was given.
    pub(super) site: Option<Site>,
    /// What is written at once.
    pub(super) now: Vec<Operation>,
    /// What goes after the quarantine.
    pub(super) later: Vec<Operation>,
    /// How long that is.
    pub(super) quarantine: String,
}

/// Every firewall that either side uses.
pub(super) fn plans(before: &Side, after: &Side) -> Result<Vec<Plan>, String> {
    let used: BTreeSet<&str> = before.used().union(&after.used()).copied().collect();
    let (was, is) = (before.world(), after.world());
    used.into_iter().map(|name| plan(name, (before, &was), (after, &is))).collect()
}

fn plan(name: &str, before: (&Side, &World), after: (&Side, &World)) -> Result<Plan, String> {
    let known = |side: &Side| side.firewalls.get(name).cloned();
    let Some(firewall) = known(after.0).or_else(|| known(before.0)) else {
        let (now, later, quarantine) = (Vec::new(), Vec::new(), String::new());
        return Ok(Plan { name: name.to_owned(), site: None, now, later, quarantine });
    };
    let site = site(name, &firewall)?;
    let spec = &firewall.spec;
    let old = known(before.0).map_or_else(|| spec.clone(), |firewall| firewall.spec);
    let stood = desired(name, &old, before.1, &Ledger::default(), None, NOW);
    let held = ledger(name, &stood);
    let kept = desired(name, spec, after.1, &held, None, NOW);
    let left = desired(name, spec, after.1, &Ledger::default(), None, NOW);
    let start = configuration(&old, &stood, &Configuration::default());
    let meanwhile = configuration(spec, &kept, &start);
    let step = |from: &Configuration, to: &Desired, inventory: &Inventory| {
        let adoptions = &BTreeMap::new();
        let sides =
            Sides { spec, site: &site, desired: to, candidate: from, running: from, inventory, adoptions };
        diff(sides, &Frozen::default())
    };
    let now = step(&start, &kept, &Inventory::of(&held));
    let later = step(&meanwhile, &left, &Inventory::of(&ledger(name, &kept)));
    let quarantine = spec.removal.quarantine.to_string();
    Ok(Plan { name: name.to_owned(), site: Some(site), now, later, quarantine })
}

/// Where we write. Independent hosts each get the same.
fn site(name: &str, firewall: &Firewall) -> Result<Site, String> {
    let members = Member::of(name, &firewall.spec);
    let access = members.first().and_then(|member| member.access(&firewall.spec));
    access.map(|access| access.site).ok_or_else(|| {
        format!(
            "Firewall {name} names no host; give exactly one of standalone, haPair, independent and panorama"
        )
    })
}

/// The inventory after all of this was written.
fn ledger(firewall: &str, desired: &Desired) -> Ledger {
    let mut ledger = Ledger::default();
    for (dns, name) in desired.names() {
        let entry = ClaimedFirewall {
            firewall: firewall.to_owned(),
            app: name.app.to_string(),
            rule: name.rule.to_string(),
            action: name.action,
            last_wanted: NOW,
            evidence: None,
        };
        let holding = Holding { namespace: name.namespace.clone(), entry: entry.into(), stored: true };
        ledger.put(dns.clone(), holding, Version::default());
    }
    ledger
}

/// What a firewall holds once all of this is written. A rule that nobody describes any more stays as it stood.
fn configuration(spec: &FirewallSpec, desired: &Desired, stood: &Configuration) -> Configuration {
    let cluster = &spec.cluster_name;
    let rules = desired.rules().iter().filter_map(|(name, rule)| match &rule.terms {
        Some(terms) => Some(elements::rule(cluster, name, rule, terms)),
        None => stood.rule(name).map(|entry| with_members(entry.clone(), rule)),
    });
    let ports: BTreeSet<u16> = desired
        .rules()
        .values()
        .filter_map(|rule| rule.terms.as_ref())
        .flat_map(|terms| terms.ports.iter().copied())
        .collect();
    let named = |element: Element| (element.entry_name().to_owned(), Arc::new(element));
    let mut services: Entries = ports.iter().map(|port| named(elements::service(cluster, *port))).collect();
    let undescribed = desired.rules().values().any(|rule| rule.terms.is_none());
    services.extend(stood.services.clone().into_iter().filter(|_| undescribed));
    let application = |(dns, name)| named(elements::application(cluster, dns, name));
    let tag = (!desired.names().is_empty()).then(|| named(elements::tag(cluster)));
    Configuration {
        applications: desired.names().iter().map(application).collect(),
        services,
        tags: tag.into_iter().collect(),
        rules: rules.collect(),
        ..Configuration::default()
    }
}

fn with_members(mut entry: Element, rule: &Rule) -> Element {
    entry.children.retain(|child| child.name != "application");
    entry.with(Element::members("application", rule.apps.iter().map(AsRef::as_ref)))
}

impl Plan {
    /// The bodies of the requests.
    pub(super) fn requests(&self, operations: &[Operation]) -> String {
        let Some(site) = &self.site else { return String::new() };
        let bodies = batches(operations.to_vec(), site).map(|batch| Ok(format!("{}\n", batch?.body)));
        bodies.collect::<Result<String, NotALiteral>>().unwrap_or_else(|error| format!("# {error}\n"))
    }
}
