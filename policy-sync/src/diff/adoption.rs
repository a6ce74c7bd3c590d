//! Names that change hands: what the other cluster holds for them goes in the batch that brings ours.

use std::collections::{BTreeMap, BTreeSet};

use sallyport_contract::{DnsName, firewall_names};

use super::{Frozen, Sides};
use crate::{
    actual::Configuration,
    lending::{Loan, marked_by},
    operation::{Change, Node, Operation, Place, Subject},
    xml::Element,
};

/// Takes adopted App-IDs out of their cluster's rules, and away. A rule that would be left without App-IDs goes whole:
/// an empty list of applications would mean any.
pub(super) fn take_over(sides: Sides<'_>, frozen: &Frozen, operations: &mut Vec<Operation>) {
    let stands = |loan: &Loan| sides.candidate.applications.contains_key(&loan.app);
    let ours_now = |dns: &DnsName| sides.desired.names().get(dns).is_some_and(|name| name.lender.is_none());
    let going: BTreeMap<&str, (&DnsName, &Loan)> = sides
        .adoptions
        .iter()
        .filter(|(dns, loan)| !frozen.names.contains(*dns) && ours_now(dns) && stands(loan))
        .map(|(dns, loan)| (loan.app.as_str(), (dns, loan)))
        .collect();
    let clusters: BTreeSet<&str> = going.values().map(|(_, loan)| loan.cluster.as_str()).collect();
    let tags: BTreeSet<String> = clusters.into_iter().map(firewall_names::tag).collect();
    let theirs = |rule: &&Element| rule.members_of("tag").any(|tag| tags.contains(tag));
    for rule in sides.candidate.rules.iter().filter(theirs) {
        let name = rule.entry_name();
        if rule.members_of("application").all(|app| going.contains_key(app)) {
            let change = Change::Delete(Node::Rule(name.to_owned()));
            operations.push(Operation { subject: Subject::Rule(name.to_owned()), change });
            continue;
        }
        for (dns, loan) in rule.members_of("application").filter_map(|app| going.get(app)) {
            let node = Node::Member(name.to_owned(), "application", loan.app.clone());
            let change = Change::Delete(node);
            operations.push(Operation { subject: Subject::Name((*dns).clone()), change });
        }
    }
    operations.extend(going.values().map(|(dns, loan)| Operation {
        subject: Subject::Name((*dns).clone()),
        change: Change::Delete(Node::Application(loan.app.clone())),
    }));
}

/// Puts back into the candidate what is in force of clusters other than `cluster` for these names: ours do not commit.
#[must_use]
pub fn give_back(
    cluster: &str,
    candidate: &Configuration,
    running: &Configuration,
    names: &BTreeSet<&DnsName>,
) -> Vec<Operation> {
    let mut operations = Vec::new();
    let mut apps: BTreeMap<&str, &DnsName> = BTreeMap::new();
    for (app, entry) in
        running.applications.iter().filter(|(app, _)| !candidate.applications.contains_key(*app))
    {
        let description = entry.text_of("description").unwrap_or_default();
        let Some((_, told)) = marked_by(description, cluster) else { continue };
        let Some(dns) = names.iter().find(|dns| dns.as_str() == told) else { continue };
        apps.insert(app, dns);
        let change = Change::set(Node::Application(app.clone()), entry);
        operations.push(Operation { subject: Subject::Name((*dns).clone()), change });
    }
    let mut before: Option<&str> = None;
    for rule in &running.rules {
        let name = rule.entry_name();
        let mut members =
            rule.members_of("application").filter_map(|app| Some((app, *apps.get(app)?))).peekable();
        if candidate.rule(name).is_none() && members.peek().is_some() {
            let subject = Subject::Rule(name.to_owned());
            let place = before.map_or(Place::Top, |before| Place::After(before.to_owned()));
            let whole = Change::set(Node::Rule(name.to_owned()), rule);
            operations.push(Operation { subject: subject.clone(), change: whole });
            operations.push(Operation { subject, change: Change::Move(name.to_owned(), place) });
        } else {
            operations.extend(members.map(|(app, dns)| {
                let list = Node::Field(name.to_owned(), "application".to_owned());
                let change = Change::set(list, &Element::members("application", [app]));
                Operation { subject: Subject::Name(dns.clone()), change }
            }));
        }
        before = candidate.rule(name).map(Element::entry_name).or(before);
    }
    operations
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        actual::{by_name, entries, in_order},
        member::Site,
        xml::parse,
    };

    const THEIRS: &str =
        "sallyport prod-eu-0 shop web.shop.corp.example  (managed: changes here are reverted)";

    fn holding(members: &str) -> Configuration {
        let app = format!(
            "<application><entry name='sp-web-0'><description>{THEIRS}</description></entry></application>"
        );
        let rules = format!(
            "<rules><entry name='first'/><entry name='sp-shop-0'><tag><member>sallyport:prod-eu-0</member></tag>\
             <application>{members}</application></entry><entry name='last'/></rules>"
        );
        Configuration {
            applications: by_name(entries(parse(&app).unwrap())),
            rules: in_order(entries(parse(&rules).unwrap())),
            ..Configuration::default()
        }
    }

    fn given_back(candidate: &Configuration, running: &Configuration) -> Vec<String> {
        let web: DnsName = "web.shop.corp.example".parse().unwrap();
        let site = Site::Vsys("vsys1".into());
        let base = site.base().unwrap();
        let operations = give_back("prod-eu-1", candidate, running, &[&web].into());
        operations
            .iter()
            .map(|one| one.print(&site).unwrap().replace("&apos;", "'").replace(&base, ""))
            .collect()
    }

    #[test]
    fn a_member_and_its_app_id_are_put_back() {
        let both = "<member>sp-web-0</member><member>sp-pay-0</member>";
        let mut candidate = holding("<member>sp-pay-0</member>");
        candidate.applications.clear();
        assert_eq!(
            given_back(&candidate, &holding(both)),
            [
                format!("<set xpath=\"/application/entry[@name='sp-web-0']\"><description>{THEIRS}</description></set>"),
                "<set xpath=\"/rulebase/security/rules/entry[@name='sp-shop-0']/application\"><member>sp-web-0</member></set>"
                    .to_owned(),
            ]
        );
        assert_eq!(given_back(&holding(both), &holding(both)), [""; 0], "nothing was taken");
    }

    #[test]
    fn a_rule_that_went_whole_comes_back_to_its_place() {
        let running = holding("<member>sp-web-0</member>");
        let mut candidate = running.clone();
        candidate.applications.clear();
        candidate.rules.retain(|rule| rule.entry_name() != "sp-shop-0");
        let back = given_back(&candidate, &running);
        assert_eq!(back.len(), 3, "{back:?}");
        assert!(
            back[1].starts_with("<set xpath=\"/rulebase/security/rules/entry[@name='sp-shop-0']\"><tag>"),
            "{back:?}"
        );
        assert!(back[2].contains("where=\"after\" dst=\"first\""), "{back:?}");
    }
}
