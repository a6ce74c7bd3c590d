//! Whose an object on the firewall is: ours only by mark, by derived name and by stored inventory.

use std::collections::{BTreeMap, BTreeSet};

use sallyport_contract::{DnsName, firewall_names};

use crate::{desired::rule_name_in, ledger::Ledger, xml::Element};

/// Whose an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// Ours: it may be changed and removed.
    Ours,
    /// Somebody else's: it is never touched.
    Foreign,
    /// It carries our mark, but is none that we made: never touched, and told.
    Copied,
}

/// What we remember having put on the firewall.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    apps: BTreeMap<String, DnsName>,
    rules: BTreeSet<String>,
}

impl Inventory {
    /// The inventory that the claims' status keeps.
    #[must_use]
    pub fn of(ledger: &Ledger) -> Self {
        let mut inventory = Self::default();
        for (name, holding) in ledger.iter() {
            inventory.apps.insert(holding.entry.app.clone(), name.clone());
            inventory.rules.insert(holding.entry.rule.clone());
        }
        inventory
    }

    /// Whether an App-ID or a rule of this name is in it.
    #[must_use]
    pub fn holds(&self, name: &str) -> bool {
        self.apps.contains_key(name) || self.rules.contains(name)
    }

    /// The DNS name behind an App-ID of the inventory.
    #[must_use]
    pub fn name_of(&self, app: &str) -> Option<&DnsName> {
        self.apps.get(app)
    }
}

/// Whose a custom App-ID is. Its schema has no tags, so the mark is the first line of its description.
#[must_use]
pub fn owner_of_application(entry: &Element, cluster: &str, inventory: &Inventory) -> Owner {
    let first_line = entry.text_of("description").unwrap_or_default().lines().next().unwrap_or_default();
    let mut words = first_line.split_ascii_whitespace();
    if words.next() != Some("sallyport") || words.next() != Some(cluster) {
        return Owner::Foreign;
    }
    let name = words.nth(1).and_then(|text| text.parse::<DnsName>().ok());
    let ours = name.is_some_and(|name| {
        firewall_names::app_id(cluster, &name) == entry.entry_name()
            && inventory.apps.get(entry.entry_name()) == Some(&name)
    });
    if ours { Owner::Ours } else { Owner::Copied }
}

/// Whose a rule is. A rule is in the inventory by its name, or by carrying an App-ID that is.
#[must_use]
pub fn owner_of_rule(entry: &Element, cluster: &str, inventory: &Inventory) -> Owner {
    if !tagged(entry, cluster) {
        return Owner::Foreign;
    }
    let name = entry.entry_name();
    let derived = rule_name_in(cluster, entry.text_of("description").unwrap_or_default());
    let known = inventory.rules.contains(name)
        || entry.members_of("application").any(|app| inventory.apps.contains_key(app));
    if derived.as_deref() == Some(name) && known { Owner::Ours } else { Owner::Copied }
}

/// Whose a service object is. Its name follows from its port; it has no inventory of its own.
#[must_use]
pub fn owner_of_service(entry: &Element, cluster: &str) -> Owner {
    if !tagged(entry, cluster) {
        return Owner::Foreign;
    }
    let port = entry.at(&["protocol", "tcp", "port"]).and_then(|port| port.text.parse::<u16>().ok());
    match port {
        Some(port) if firewall_names::service(cluster, port) == entry.entry_name() => Owner::Ours,
        Some(_) | None => Owner::Copied,
    }
}

fn tagged(entry: &Element, cluster: &str) -> bool {
    let ours = firewall_names::tag(cluster);
    entry.members_of("tag").any(|tag| tag == ours)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{desired::rule_description, ledger::Holding, world::Version};
    use jiff::Timestamp;
    use sallyport_contract::object::{Action, ClaimedFirewall};

    const CLUSTER: &str = "prod-eu-1";

    fn inventory(names: &[&str]) -> Inventory {
        let mut ledger = Ledger::default();
        for text in names {
            let name: DnsName = text.parse().unwrap();
            let entry = ClaimedFirewall {
                firewall: "edge".into(),
                app: firewall_names::app_id(CLUSTER, &name),
                rule: firewall_names::rule(CLUSTER, "shop", Action::Allow),
                action: Action::Allow,
                last_wanted: Timestamp::UNIX_EPOCH,
                evidence: None,
            };
            let holding = Holding { namespace: "shop".into(), entry: entry.into(), stored: true };
            ledger.put(name, holding, Version::default());
        }
        Inventory::of(&ledger)
    }

    fn app(entry_name: &str, description: &str) -> Element {
        Element::entry(entry_name).with(Element::leaf("description", description))
    }

    #[test]
    fn law_7_an_app_id_is_ours_by_mark_name_and_inventory() {
        let name: DnsName = "web.shop.corp.example".parse().unwrap();
        let (id, mark) =
            (firewall_names::app_id(CLUSTER, &name), firewall_names::mark(CLUSTER, "shop", &name));
        let known = inventory(&["web.shop.corp.example"]);
        let judge = |entry: Element, inventory: &Inventory| owner_of_application(&entry, CLUSTER, inventory);
        assert_eq!(judge(app(&id, &mark), &known), Owner::Ours);
        assert_eq!(judge(app(&id, &format!("{mark}\nand more")), &known), Owner::Ours);
        assert_eq!(judge(app(&id, "made by hand"), &known), Owner::Foreign, "no mark");
        assert_eq!(judge(app(&id, &firewall_names::mark("other", "shop", &name)), &known), Owner::Foreign);
        assert_eq!(judge(app(&format!("{id}-1"), &mark), &known), Owner::Copied, "a clone");
        assert_eq!(judge(app(&id, &mark), &inventory(&[])), Owner::Copied, "not in the inventory");
    }

    #[test]
    fn law_7_a_rule_is_ours_by_tag_name_and_inventory() {
        let rule_name = firewall_names::rule(CLUSTER, "shop", Action::Allow);
        let rule = |name: &str, tag: &str| {
            Element::entry(name)
                .with(Element::members("tag", [tag]))
                .with(Element::leaf("description", &rule_description(CLUSTER, "shop", Action::Allow, None)))
        };
        let known = inventory(&["web.shop.corp.example"]);
        let tag = firewall_names::tag(CLUSTER);
        assert_eq!(owner_of_rule(&rule(&rule_name, &tag), CLUSTER, &known), Owner::Ours);
        assert_eq!(owner_of_rule(&rule(&rule_name, "legacy"), CLUSTER, &known), Owner::Foreign);
        assert_eq!(owner_of_rule(&rule("sp-shop-allow-copy", &tag), CLUSTER, &known), Owner::Copied);
        assert_eq!(owner_of_rule(&rule(&rule_name, &tag), CLUSTER, &inventory(&[])), Owner::Copied);
    }
}
