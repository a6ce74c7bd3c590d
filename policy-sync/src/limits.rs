//! How many names one commit may change: new ones beyond the limit wait for the next commit, removals beyond theirs for
//! a person.

use std::collections::BTreeMap;

use sallyport_contract::{DnsName, Reason, object::FirewallSpec};

use crate::{
    actual::{Configuration, Inventory, Owner, owner_of_application},
    desired::Desired,
    diff::{Frozen, Held},
};

/// The names that a limit holds back, and why.
#[must_use]
pub fn held(
    spec: &FirewallSpec,
    wanted: &Desired,
    candidate: &Configuration,
    inventory: &Inventory,
    frozen: &Frozen,
) -> BTreeMap<DnsName, Held> {
    let mut held = BTreeMap::new();
    let new = wanted.names().iter().filter(|(dns, name)| {
        name.quarantined_until.is_none()
            && !frozen.names.contains(*dns)
            && !candidate.applications.contains_key(name.app.as_str())
    });
    let max = spec.commit.max_changes;
    for (dns, _) in new.skip(usize::from(max)) {
        let words =
            format!("spec.commit.maxChanges allows {max} names in one commit; {dns} goes with the next");
        held.insert(dns.clone(), (Reason::LimitReached, words));
    }
    let approved = |dns: &DnsName| {
        let listed = |list: &[String]| list.iter().any(|name| name == dns.as_str());
        listed(&spec.approved_removals) || listed(&spec.blocked)
    };
    let leaving = leaving(wanted, candidate, inventory).filter(|dns| ours(dns, spec, candidate, inventory));
    let unapproved: Vec<DnsName> = leaving.filter(|dns| !approved(dns)).collect();
    if unapproved.len() > usize::from(spec.commit.max_removals) {
        let words = format!(
            "{} names are due for removal, spec.commit.maxRemovals allows {}; none goes until spec.approvedRemovals lists it",
            unapproved.len(),
            spec.commit.max_removals
        );
        held.extend(unapproved.into_iter().map(|dns| (dns, (Reason::RemovalAwaitsApproval, words.clone()))));
    }
    held
}

/// The names that stand in the candidate, and that nobody wants any more.
pub fn leaving(
    wanted: &Desired,
    candidate: &Configuration,
    inventory: &Inventory,
) -> impl Iterator<Item = DnsName> {
    let names = candidate.applications.keys().filter_map(|app| inventory.name_of(app));
    names.filter(|dns| !wanted.names().contains_key(*dns)).cloned()
}

fn ours(dns: &DnsName, spec: &FirewallSpec, candidate: &Configuration, inventory: &Inventory) -> bool {
    let app = sallyport_contract::firewall_names::app_id(&spec.cluster_name, dns);
    let entry = candidate.applications.get(&app);
    entry.is_some_and(|entry| owner_of_application(entry, &spec.cluster_name, inventory) == Owner::Ours)
}
