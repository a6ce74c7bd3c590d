//! What is written and not committed, before we commit: whether others' work would have to go along, and whether our
//! administrator wrote what we did not.
//!
//! If several administrators added, deleted or moved rules of one rulebase, a commit takes them all or fails
//! (<https://docs.paloaltonetworks.com/ngfw/help/12-2/web-interface-basics/commit-changes>).

use std::collections::BTreeSet;

use sallyport_contract::firewall_names;

use crate::{
    actual::{Configuration, Inventory, Owner, owner_of_rule},
    firewall::Pending,
    member::Site,
    xml::Element,
};

/// What pending changes are judged by.
#[derive(Clone, Copy)]
pub struct Look<'a> {
    /// Where we write.
    pub site: &'a Site,
    /// Our cluster.
    pub cluster: &'a str,
    /// Our administrator.
    pub user: &'a str,
    /// What we remember having written.
    pub inventory: &'a Inventory,
    /// Whether the device counts a change of a rule's members as a change of the rule.
    pub members_bind: bool,
}

/// Whether we may commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Only ours would be committed.
    Clear,
    /// Others' changes would have to go along.
    Others(String),
    /// Our administrator wrote what we did not.
    Stranger(String),
}

/// Judges all pending changes.
#[must_use]
pub fn judge(
    pending: &[Pending],
    look: Look<'_>,
    candidate: &Configuration,
    running: &Configuration,
) -> Verdict {
    let strange = pending.iter().find(|change| change.owner == look.user && !is_ours(&change.xpath));
    if let Some(change) = strange {
        return Verdict::Stranger(format!(
            "administrator {} changed {} ({}), which we did not write; a commit of ours would ship it: revert it, and give \
             the account to nobody else",
            look.user, change.xpath, change.action
        ));
    }
    let others: Vec<&Pending> = pending.iter().filter(|change| change.owner != look.user).collect();
    let inside: Vec<&&Pending> = others.iter().filter(|change| is_mine(&change.xpath, look)).collect();
    if let Some(change) = inside.first() {
        return Verdict::Others(format!(
            "{} changed {} and did not commit; our commit would depend on it: commit or revert it",
            named(&inside),
            change.xpath
        ));
    }
    let foreign = structure(candidate, look, false) != structure(running, look, false);
    let ours = structure(candidate, look, true) != structure(running, look, true)
        || (look.members_bind && members(candidate, look) != members(running, look));
    if !(foreign && ours) {
        return Verdict::Clear;
    }
    let rules = format!("/{}", look.site.rules());
    let at_rules: Vec<&&Pending> = others.iter().filter(|change| change.xpath.contains(&rules)).collect();
    let whose = if at_rules.is_empty() { "another administrator".to_owned() } else { named(&at_rules) };
    Verdict::Others(format!(
        "{whose} added, deleted or moved rules of {} and did not commit; PAN-OS commits rule changes of one rulebase \
         together: commit or revert them",
        look.site
    ))
}

/// Whether a change is inside an entry that carries a generated name. A generated name ends in a hash of all that it
/// stands for, so a name that looks like one is one.
fn is_ours(xpath: &str) -> bool {
    names(xpath).any(|name| name.starts_with("sp-") || name.starts_with("sallyport:"))
}

/// The same for names that this cluster gives: what another one has pending is its own affair.
fn is_mine(xpath: &str, look: Look<'_>) -> bool {
    names(xpath).any(|name| look.inventory.knows(name) || named_by(look.cluster, name))
}

fn names(xpath: &str) -> impl Iterator<Item = &str> {
    xpath.split(['\'', '"']).skip(1).step_by(2)
}

/// Whether it is the name of a cluster's tag or of one of its services.
fn named_by(cluster: &str, name: &str) -> bool {
    let port = name.strip_prefix("sp-tcp-").and_then(|rest| rest.split('-').next()?.parse().ok());
    name == firewall_names::tag(cluster)
        || port.is_some_and(|port| firewall_names::service(cluster, port) == name)
}

fn named(changes: &[&&Pending]) -> String {
    let owners: BTreeSet<&str> =
        changes.iter().map(|change| change.owner.as_str()).filter(|owner| !owner.is_empty()).collect();
    if owners.is_empty() { "somebody".to_owned() } else { owners.into_iter().collect::<Vec<_>>().join(", ") }
}

/// The rules in their order: ours, or everybody else's.
fn structure<'a>(configuration: &'a Configuration, look: Look<'_>, ours: bool) -> Vec<&'a str> {
    let is_ours = |rule: &Element| owner_of_rule(rule, look.cluster, look.inventory) == Owner::Ours;
    let rules = configuration.rules.iter().filter(|rule| is_ours(rule) == ours);
    rules.map(Element::entry_name).collect()
}

fn members<'a>(configuration: &'a Configuration, look: Look<'_>) -> Vec<Vec<&'a str>> {
    let ours = configuration
        .rules
        .iter()
        .filter(|rule| owner_of_rule(rule, look.cluster, look.inventory) == Owner::Ours);
    ours.map(|rule| rule.members_of("application").collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        actual::in_order,
        desired::rule_description,
        ledger::{Holding, Ledger},
        world::Version,
        xml::parse,
    };
    use sallyport_contract::{
        DnsName, firewall_names,
        object::{Action, ClaimedFirewall},
    };

    const BASE: &str = "/config/devices/entry[@name='localhost.localdomain']/vsys/entry[@name='vsys1']";

    fn change(owner: &str, path: &str) -> Pending {
        Pending { xpath: format!("{BASE}/{path}"), owner: owner.into(), action: "SET".into() }
    }

    fn rule_name() -> String {
        firewall_names::rule("c1", "shop", Action::Allow)
    }

    fn configuration(rules: &[&str]) -> Configuration {
        let ours = format!(
            "<tag><member>{}</member></tag><description>{}</description>",
            firewall_names::tag("c1"),
            rule_description("c1", "shop", Action::Allow, None)
        );
        let rules: String = rules
            .iter()
            .map(|rule| match rule.split_once(' ') {
                Some((name, apps)) => format!(
                    "<entry name='{name}'>{ours}<application><member>{apps}</member></application></entry>"
                ),
                None => format!("<entry name='{rule}'/>"),
            })
            .collect();
        let rules = in_order(parse(&format!("<rules>{rules}</rules>")).unwrap());
        Configuration { rules, ..Configuration::default() }
    }

    fn judged(pending: &[Pending], members_bind: bool, candidate: &[&str], running: &[&str]) -> Verdict {
        let name: DnsName = "web.shop.corp.example".parse().unwrap();
        let entry = ClaimedFirewall {
            firewall: "edge".into(),
            app: "sp-web".into(),
            rule: rule_name(),
            action: Action::Allow,
            last_wanted: jiff::Timestamp::UNIX_EPOCH,
            evidence: None,
        };
        let mut ledger = Ledger::default();
        ledger.put(name, Holding { namespace: "shop".into(), entry, stored: true }, Version::default());
        let site = Site::Vsys("vsys1".into());
        let look = Look {
            site: &site,
            cluster: "c1",
            user: "sallyport",
            inventory: &Inventory::of(&ledger),
            members_bind,
        };
        judge(pending, look, &configuration(candidate), &configuration(running))
    }

    #[test]
    fn law_9_others_rule_changes_hold_ours_back_and_are_named() {
        let (web, more) = (format!("{} sp-web", rule_name()), format!("{} sp-pay", rule_name()));
        let (web, more) = (web.as_str(), more.as_str());
        let alice = [change("alice", "rulebase/security/rules/entry[@name='new']")];
        let verdict = judged(&alice, false, &[web, "new", "deny"], &["deny"]);
        assert!(matches!(&verdict, Verdict::Others(words) if words.contains("alice")), "{verdict:?}");
        assert_eq!(judged(&[], false, &[web, "deny"], &["deny"]), Verdict::Clear, "only ours");
        assert_eq!(
            judged(&alice, false, &[more, "new", "deny"], &[web, "deny"]),
            Verdict::Clear,
            "a member only"
        );
        let verdict = judged(&alice, true, &[more, "new", "deny"], &[web, "deny"]);
        assert!(matches!(verdict, Verdict::Others(_)), "where members count as rules");
        let verdict = judged(&[], false, &[web, "b", "a"], &["a", "b"]);
        assert!(matches!(verdict, Verdict::Others(_)), "a move");
    }

    #[test]
    fn law_9_what_our_account_did_and_we_did_not_stops_us() {
        let strange = [change("sallyport", "address/entry[@name='printer']")];
        let verdict = judged(&strange, false, &[], &[]);
        assert!(matches!(&verdict, Verdict::Stranger(words) if words.contains("printer")), "{verdict:?}");
        let ours = [change("sallyport", "application/entry[@name='sp-web-3f9a2c1b']")];
        assert_eq!(judged(&ours, false, &[], &[]), Verdict::Clear);
        assert_eq!(judged(&[change("alice", "address/entry[@name='x']")], false, &[], &[]), Verdict::Clear);
    }

    #[test]
    fn what_another_cluster_or_a_colleague_has_pending_beside_ours_is_their_affair() {
        for name in ["sp-web-00000000", "sp-web-1"] {
            let path = format!("application/entry[@name='{name}']");
            assert_eq!(judged(&[change("sallyport-2", &path)], false, &[], &[]), Verdict::Clear, "{name}");
        }
        for name in ["sp-web".to_owned(), firewall_names::tag("c1"), firewall_names::service("c1", 443)] {
            let path = format!("x/entry[@name='{name}']");
            let verdict = judged(&[change("sallyport-2", &path)], false, &[], &[]);
            assert!(matches!(verdict, Verdict::Others(_)), "{name}: {verdict:?}");
        }
    }

    #[test]
    fn a_pending_edit_inside_of_ours_is_named() {
        let rule = format!("rulebase/security/rules/entry[@name='{}']/action", rule_name());
        let verdict = judged(&[change("alice", &rule)], false, &[], &[]);
        assert!(matches!(&verdict, Verdict::Others(words) if words.contains("alice")), "{verdict:?}");
    }
}
