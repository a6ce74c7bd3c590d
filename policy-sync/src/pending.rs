//! What is written and not committed, before we commit: whether others' work would have to go along, and whether our
//! administrator wrote what we did not.
//!
//! If several administrators added, deleted or moved rules of one rulebase, a commit takes them all or fails
//! (<https://docs.paloaltonetworks.com/ngfw/help/12-2/web-interface-basics/commit-changes>).

use std::collections::BTreeSet;

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
    /// Rules of ours are about to come, go or move, which the candidate does not show yet.
    pub about_to: bool,
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
    let strange = pending.iter().find(|change| change.owner == look.user && !looks_ours(&change.xpath));
    if let Some(change) = strange {
        return Verdict::Stranger(format!(
            "administrator {} changed {} ({}), which we did not write; a commit of ours would ship it: revert it, and give \
             the account to nobody else",
            look.user, change.xpath, change.action
        ));
    }
    let others: Vec<&Pending> = pending.iter().filter(|change| change.owner != look.user).collect();
    let inside: Vec<&&Pending> = others.iter().filter(|change| look.is_inside_ours(&change.xpath)).collect();
    if let Some(change) = inside.first() {
        return Verdict::Others(format!(
            "{} changed {} and did not commit; our commit would depend on it: commit or revert it",
            named(&inside),
            change.xpath
        ));
    }
    let foreign = others_rules_pend(look, candidate, running);
    let ours = look.about_to
        || structure(candidate, look, true) != structure(running, look, true)
        || (look.members_bind && members(candidate, look) != members(running, look));
    if !(foreign && ours) {
        return Verdict::Clear;
    }
    Verdict::Others(rule_words(pending, look))
}

/// Whether others added, deleted or moved rules of our rulebase and did not commit.
#[must_use]
pub fn others_rules_pend(look: Look<'_>, candidate: &Configuration, running: &Configuration) -> bool {
    structure(candidate, look, false) != structure(running, look, false)
}

/// Who holds our rule changes back, and why.
#[must_use]
pub fn rule_words(pending: &[Pending], look: Look<'_>) -> String {
    let rules = format!("/{}", look.site.rules());
    let others = pending.iter().filter(|change| change.owner != look.user && change.xpath.contains(&rules));
    let others: Vec<&Pending> = others.collect();
    let whose = if others.is_empty() {
        "another administrator".to_owned()
    } else {
        named(&others.iter().collect::<Vec<_>>())
    };
    format!(
        "{whose} added, deleted or moved rules of {} and did not commit; PAN-OS commits rule changes of one rulebase \
         together: commit or revert them",
        look.site
    )
}

/// Our rules that stand in the candidate alone, while another cluster of Sallyport waits with rules of its own: each of the
/// two would have to commit the other's. The one whose name comes later takes its rules back for a moment.
#[must_use]
pub fn yields<'a>(look: Look<'_>, candidate: &'a Configuration, running: &Configuration) -> Vec<&'a str> {
    let new = || candidate.rules.iter().filter(|rule| running.rule(rule.entry_name()).is_none());
    let cluster_of = |rule: &'a Element| {
        rule.members_of("tag")
            .find_map(|tag| tag.strip_prefix("sallyport:"))
            .filter(|name| *name != look.cluster)
    };
    let rival = new().filter_map(cluster_of).min();
    if rival.is_none_or(|rival| rival > look.cluster) {
        return Vec::new();
    }
    let ours = new().filter(|rule| owner_of_rule(rule, look.cluster, look.inventory) == Owner::Ours);
    ours.map(Element::entry_name).collect()
}

impl Look<'_> {
    /// Whether a change is inside an App-ID or a rule that we wrote.
    fn is_inside_ours(&self, xpath: &str) -> bool {
        entry_names(xpath).any(|name| self.inventory.holds(name))
    }
}

/// Whether a change is inside an entry that carries one of the names that we generate. They end in a hash of all that
/// they stand for, so a name that looks like one is one.
fn looks_ours(xpath: &str) -> bool {
    entry_names(xpath).any(|name| name.starts_with("sp-") || name.starts_with("sallyport:"))
}

/// The names of the entries on a path.
fn entry_names(xpath: &str) -> impl Iterator<Item = &str> {
    xpath.split(['\'', '"']).skip(1).step_by(2)
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
        actual::{entries, in_order},
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
        let rules = in_order(entries(parse(&format!("<rules>{rules}</rules>")).unwrap()));
        Configuration { rules, ..Configuration::default() }
    }

    fn judged(pending: &[Pending], members_bind: bool, candidate: &[&str], running: &[&str]) -> Verdict {
        let ledger = ledger();
        let site = Site::Vsys("vsys1".into());
        let look = Look {
            site: &site,
            cluster: "c1",
            user: "sallyport",
            inventory: &Inventory::of(&ledger),
            members_bind,
            about_to: false,
        };
        judge(pending, look, &configuration(candidate), &configuration(running))
    }

    fn ledger() -> Ledger {
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
        ledger.put(
            name,
            Holding { namespace: "shop".into(), entry: entry.into(), stored: true },
            Version::default(),
        );
        ledger
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
    fn of_two_clusters_that_wait_for_each_other_the_later_name_takes_its_rules_back() {
        let web = format!("{} sp-web", rule_name());
        let other = |cluster: &str| {
            let mut candidate = configuration(&[&web, "theirs", "deny"]);
            candidate.rules[1]
                .children
                .push(Element::members("tag", [firewall_names::tag(cluster).as_str()]));
            candidate
        };
        let ledger = ledger();
        let (site, inventory) = (Site::Vsys("vsys1".into()), Inventory::of(&ledger));
        let look = Look {
            site: &site,
            cluster: "c1",
            user: "sallyport",
            inventory: &inventory,
            members_bind: false,
            about_to: false,
        };
        let running = configuration(&["deny"]);
        assert_eq!(yields(look, &other("c0"), &running), [rule_name()]);
        assert_eq!(yields(look, &other("c2"), &running), [""; 0], "it yields to us");
        assert_eq!(
            yields(look, &configuration(&[&web, "theirs", "deny"]), &running),
            [""; 0],
            "a person's rule"
        );
        assert_eq!(yields(look, &other("c0"), &other("c0")), [""; 0], "nothing is pending");
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
    fn a_pending_edit_inside_of_ours_is_named() {
        let rule = format!("rulebase/security/rules/entry[@name='{}']/action", rule_name());
        let verdict = judged(&[change("alice", &rule)], false, &[], &[]);
        assert!(matches!(&verdict, Verdict::Others(words) if words.contains("alice")), "{verdict:?}");
    }
}
