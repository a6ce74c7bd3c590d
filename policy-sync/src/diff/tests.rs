//! Golden operations: what is wanted and what is there, and the operations between them as text.

use std::sync::Arc;

use jiff::Timestamp;
use sallyport_contract::object::{Action, ClaimedFirewall, NameClaim, Position, Rules, WorkloadIdentity};

use super::*;
use crate::{
    actual::{by_name, entries, in_order},
    ledger::{Holding, Ledger},
    member::Site,
    world::{Key, Version, World},
    xml::parse,
};

const WEB: &str = "web.shop.corp.example";
const PAY: &str = "pay.shop.corp.example";
const ALLOW: &str = "sp-shop-allow-";

/// What is wanted, what is remembered, and what the device holds.
struct Case {
    spec: FirewallSpec,
    ledger: Ledger,
    world: World,
    candidate: Configuration,
}

impl Case {
    fn new() -> Self {
        let spec = serde_json::from_value(serde_json::json!({
            "standalone": {"host": "fw-1"}, "clusterName": "c1", "credentials": {"secretName": "edge"}, "tls": {},
            "rules": {"before": "deny-east-west"},
            "bounds": {"policies": ["shop"], "nameSuffixes": ["corp.example"], "actions": ["Allow", "Deny"],
                "zones": ["trust"], "destinations": ["10.20.0.0/16"], "ports": [443], "maxNames": 10},
        }))
        .unwrap();
        let mut case = Self {
            spec,
            ledger: Ledger::default(),
            world: World::default(),
            candidate: Configuration::default(),
        };
        case.policy(serde_json::json!({}));
        case.candidate.rules =
            in_order(entries(parse("<rules><entry name='deny-east-west'/></rules>").unwrap()));
        case
    }

    fn policy(&mut self, extra: serde_json::Value) {
        let mut traffic = serde_json::json!({
            "actions": ["Allow", "Deny"], "default": "Allow", "ports": [443],
            "from": {"zones": ["trust"], "addresses": ["any"]}, "to": {"zones": ["trust"], "addresses": ["10.20.0.0/16"]},
        });
        for (key, value) in extra.as_object().into_iter().flatten() {
            traffic[key] = value.clone();
        }
        let policy = serde_json::from_value(serde_json::json!({
            "apiVersion": "sallyport.dev/v1alpha1", "kind": "IdentityPolicy", "metadata": {"name": "shop"},
            "spec": {"namespaces": ["shop"], "dnsNames": {"default": "{workload}.shop.corp.example"},
                "traffic": traffic, "certificate": {"authority": "ca"}, "firewall": "edge"},
        }))
        .unwrap();
        self.world.policies =
            [("shop".to_owned(), Arc::new(policy))].into_iter().collect::<BTreeMap<_, _>>().into();
    }

    fn want(mut self, name: &str, action: &str) -> Self {
        let dns: DnsName = name.parse().unwrap();
        let claim = sallyport_contract::identity::claim_of(&dns);
        let object = |kind: &str, spec| serde_json::json!({"apiVersion": "sallyport.dev/v1alpha1", "kind": kind, "metadata": {"name": "x"}, "spec": spec});
        let identity = object(
            "WorkloadIdentity",
            serde_json::json!({"dnsNames": [name], "delivery": "Secret", "action": action,
            "policy": "shop", "certificate": {"authority": "ca"}, "firewall": "edge"}),
        );
        let identity: WorkloadIdentity = serde_json::from_value(identity).unwrap();
        let mut identities = (*self.world.identities).clone();
        identities.insert(Key::new("shop", name), Arc::new(identity.into()));
        self.world.identities = identities.into();
        let mut claims = (*self.world.claims).clone();
        let spec = object("NameClaim", serde_json::json!({"dnsName": name, "namespace": "shop"}));
        let object: NameClaim = serde_json::from_value(spec).unwrap();
        claims.insert(claim, Arc::new(object.into()));
        self.world.claims = claims.into();
        self
    }

    fn remember(mut self, name: &str, action: Action) -> Self {
        let dns: DnsName = name.parse().unwrap();
        let entry = ClaimedFirewall {
            firewall: "edge".into(),
            app: firewall_names::app_id("c1", &dns),
            rule: firewall_names::rule("c1", "shop", action),
            action,
            last_wanted: Timestamp::UNIX_EPOCH,
            evidence: None,
        };
        let holding = Holding { namespace: "shop".into(), entry: entry.into(), stored: true };
        self.ledger.put(dns, holding, Version::default());
        self
    }

    fn desired(&self) -> Desired {
        let now = Timestamp::from_second(100_000).unwrap();
        crate::desired::desired("edge", &self.spec, &self.world, &self.ledger, None, now)
    }

    /// The device holds what was wanted so far.
    fn written(mut self) -> Self {
        let desired = self.desired();
        let spec = self.spec.clone();
        self.candidate.tags = by_name(vec![elements::tag(&spec.cluster_name).into()]);
        self.candidate.services = by_name(vec![elements::service(&spec.cluster_name, 443).into()]);
        let application = |(dns, name)| elements::application(&spec.cluster_name, dns, name).into();
        self.candidate.applications = by_name(desired.names().iter().map(application).collect());
        for (name, rule) in desired.rules() {
            let entry = elements::rule(&spec.cluster_name, name, rule, rule.terms.as_ref().unwrap());
            self.candidate.rules.insert(0, entry);
        }
        for (dns, name) in desired.names() {
            self = self.remember(dns.as_str(), name.action);
        }
        self
    }

    fn nobody(mut self) -> Self {
        self.world.identities = BTreeMap::new().into();
        self
    }

    fn operations(&self) -> Vec<Operation> {
        self.operations_with(&self.candidate, &Frozen::default())
    }

    fn operations_with(&self, running: &Configuration, frozen: &Frozen) -> Vec<Operation> {
        let (desired, inventory) = (self.desired(), Inventory::of(&self.ledger));
        let (spec, candidate) = (&self.spec, &self.candidate);
        let (site, desired, inventory) = (&site(), &desired, &inventory);
        let adoptions = &BTreeMap::new();
        diff(Sides { spec, site, desired, candidate, running, inventory, adoptions }, frozen)
    }

    /// The operations, with the path of the virtual system and the escaped quotes made short.
    fn text(&self) -> Vec<String> {
        let base = site().base().unwrap();
        let print = |operation: &Operation| {
            operation.print(&site()).unwrap().replace("&apos;", "'").replace(&base, "")
        };
        self.operations().iter().map(print).collect()
    }
}

fn site() -> Site {
    Site::Vsys("vsys1".into())
}

fn app(name: &str) -> String {
    firewall_names::app_id("c1", &name.parse().unwrap())
}

fn rule(action: Action) -> String {
    firewall_names::rule("c1", "shop", action)
}

#[test]
fn a_first_name_makes_tag_service_app_id_and_rule_in_this_order() {
    let (web, rule, service) = (app(WEB), rule(Action::Allow), firewall_names::service("c1", 443));
    assert!(rule.starts_with(ALLOW));
    assert_eq!(
        Case::new().want(WEB, "Allow").text(),
        [
            "<set xpath=\"/tag/entry[@name='sallyport:c1']\"><comments>sallyport c1  (managed: changes here are reverted)</comments></set>".to_owned(),
            format!("<set xpath=\"/service/entry[@name='{service}']\"><protocol><tcp><port>443</port></tcp></protocol><description>sallyport c1  (managed: changes here are reverted)</description><tag><member>sallyport:c1</member></tag></set>"),
            format!("<set xpath=\"/application/entry[@name='{web}']\"><category>business-systems</category><subcategory>general-business</subcategory><technology>client-server</technology><risk>1</risk><description>sallyport c1 shop web.shop.corp.example  (managed: changes here are reverted)</description><parent-app>ssl</parent-app><signature><entry name=\"sni\"><scope>protocol-data-unit</scope><order-free>no</order-free><and-condition><entry name=\"And Condition 1\"><or-condition><entry name=\"Or Condition 1\"><operator><pattern-match><pattern>(?i)^web\\.shop\\.corp\\.example\\.?$</pattern><context>ssl-req-chello-sni</context></pattern-match></operator></entry></or-condition></entry></and-condition></entry></signature></set>"),
            format!("<set xpath=\"/rulebase/security/rules/entry[@name='{rule}']\"><from><member>trust</member></from><to><member>trust</member></to><source><member>any</member></source><destination><member>10.20.0.0/16</member></destination><service><member>{service}</member></service><action>allow</action><description>sallyport c1 shop allow  (managed: changes here are reverted)</description><application><member>{web}</member></application><tag><member>sallyport:c1</member></tag></set>"),
            format!("<move xpath=\"/rulebase/security/rules/entry[@name='{rule}']\" where=\"before\" dst=\"deny-east-west\"/>"),
        ]
    );
}

#[test]
fn what_is_as_wanted_needs_nothing() {
    assert_eq!(Case::new().want(WEB, "Allow").want(PAY, "Deny").written().text(), [""; 0]);
}

#[test]
fn a_second_name_only_adds_a_member_and_moves_nothing() {
    let case = Case::new().want(WEB, "Allow").written().want(PAY, "Allow").remember(PAY, Action::Allow);
    let (pay, rule) = (app(PAY), rule(Action::Allow));
    let text = case.text();
    assert_eq!(text.len(), 2);
    assert!(text[0].starts_with(&format!("<set xpath=\"/application/entry[@name='{pay}']\">")));
    assert_eq!(
        text[1],
        format!(
            "<set xpath=\"/rulebase/security/rules/entry[@name='{rule}']/application\"><member>{pay}</member></set>"
        )
    );
}

#[test]
fn law_10_removal_takes_the_member_out_first_then_the_app_id() {
    let case = Case::new().want(WEB, "Allow").want(PAY, "Allow").written().nobody().want(WEB, "Allow");
    let (pay, rule) = (app(PAY), rule(Action::Allow));
    assert_eq!(
        case.text(),
        [
            format!(
                "<delete xpath=\"/rulebase/security/rules/entry[@name='{rule}']/application/member[text()='{pay}']\"/>"
            ),
            format!("<delete xpath=\"/application/entry[@name='{pay}']\"/>"),
        ]
    );
}

#[test]
fn law_10_the_last_member_takes_rule_service_and_tag_with_it() {
    let case = Case::new().want(WEB, "Allow").written().nobody();
    let (web, rule, service) = (app(WEB), rule(Action::Allow), firewall_names::service("c1", 443));
    assert_eq!(
        case.text(),
        [
            format!("<delete xpath=\"/rulebase/security/rules/entry[@name='{rule}']\"/>"),
            format!("<delete xpath=\"/application/entry[@name='{web}']\"/>"),
            format!("<delete xpath=\"/service/entry[@name='{service}']\"/>"),
            "<delete xpath=\"/tag/entry[@name='sallyport:c1']\"/>".to_owned(),
        ]
    );
}

#[test]
fn an_action_that_changes_goes_into_the_new_rule_before_it_leaves_the_old() {
    let case = Case::new().want(WEB, "Allow").want(PAY, "Allow").written().want(WEB, "Deny");
    let (web, allow, deny) = (app(WEB), rule(Action::Allow), rule(Action::Deny));
    let text = case.text();
    assert_eq!(text.len(), 3);
    assert!(
        text[0].starts_with(&format!("<set xpath=\"/rulebase/security/rules/entry[@name='{deny}']\">"))
            && text[0].contains("<action>reset-both</action>")
    );
    assert!(text[1].starts_with("<move "));
    assert_eq!(
        text[2],
        format!(
            "<delete xpath=\"/rulebase/security/rules/entry[@name='{allow}']/application/member[text()='{web}']\"/>"
        )
    );
}

#[test]
fn changed_terms_are_corrected_one_by_one() {
    let mut case = Case::new().want(WEB, "Allow").written();
    case.policy(serde_json::json!({"to": {"zones": ["trust"], "addresses": ["10.20.1.0/24"]}, "profileGroup": "strict", "logSetting": "default"}));
    let path = format!("/rulebase/security/rules/entry[@name='{}']", rule(Action::Allow));
    assert_eq!(
        case.text(),
        [
            format!(
                "<edit xpath=\"{path}/destination\"><destination><member>10.20.1.0/24</member></destination></edit>"
            ),
            format!("<set xpath=\"{path}\"><log-setting>default</log-setting></set>"),
            format!(
                "<set xpath=\"{path}\"><profile-setting><group><member>strict</member></group></profile-setting></set>"
            ),
        ]
    );
}

#[test]
fn what_somebody_added_is_taken_back_and_what_changes_nothing_is_left() {
    let mut case = Case::new().want(WEB, "Allow").written();
    let entry = case.candidate.rules.first_mut().unwrap();
    for extra in [
        "<disabled>yes</disabled>",
        "<log-start>yes</log-start>",
        "<source-user><member>any</member></source-user>",
        "<schedule>nights</schedule>",
        "<negate-source>no</negate-source>",
    ] {
        entry.children.push(parse(extra).unwrap());
    }
    let list = entry.children.iter_mut().find(|child| child.name == "application").unwrap();
    list.children.push(Element::leaf("member", "web-browsing"));
    let path = format!("/rulebase/security/rules/entry[@name='{}']", rule(Action::Allow));
    assert_eq!(
        case.text(),
        [
            format!("<delete xpath=\"{path}/disabled\"/>"),
            format!("<delete xpath=\"{path}/schedule\"/>"),
            format!("<delete xpath=\"{path}/application/member[text()='web-browsing']\"/>"),
        ]
    );
    let case = {
        let mut case = Case::new().want(WEB, "Allow").written();
        let entry = std::sync::Arc::make_mut(case.candidate.applications.get_mut(&app(WEB)).unwrap());
        entry.children.push(Element::leaf("timeout", "5"));
        case
    };
    let text = case.text();
    assert_eq!(text.len(), 1);
    assert!(text[0].starts_with(&format!(
        "<edit xpath=\"/application/entry[@name='{}']\"><entry name=\"{}\">",
        app(WEB),
        app(WEB)
    )));
}

#[test]
fn law_7_what_is_not_ours_is_in_no_operation() {
    // The same objects, but nothing is remembered: neither changed nor removed.
    let mut case = Case::new().want(WEB, "Allow").written().nobody();
    case.ledger = Ledger::default();
    let service = firewall_names::service("c1", 443);
    assert!(case.text().iter().all(|text| !text.contains(&app(WEB))
        && !text.contains(&rule(Action::Allow))
        && !text.contains(&service)));
}

#[test]
fn what_is_frozen_is_neither_written_nor_removed() {
    let frozen = |names: &[&str]| Frozen {
        names: names.iter().map(|name| name.parse().unwrap()).collect(),
        ..Frozen::default()
    };
    let operations = |case: &Case, names: &[&str]| case.operations_with(&case.candidate, &frozen(names));
    assert_eq!(operations(&Case::new().want(WEB, "Allow"), &[WEB]), []);
    let leaving = Case::new().want(WEB, "Allow").written().nobody();
    assert_eq!(operations(&leaving, &[WEB]), []);
    let text: Vec<_> = operations(&Case::new().want(WEB, "Allow").want(PAY, "Allow"), &[WEB])
        .iter()
        .map(|o| o.print(&site()).unwrap())
        .collect();
    assert!(
        text.iter().all(|text| !text.contains(&app(WEB))) && text.iter().any(|text| text.contains(&app(PAY)))
    );
}

#[test]
fn law_10_a_rule_whose_last_member_moves_while_the_next_is_held_back_goes() {
    let case = Case::new().want(WEB, "Allow").written().want(WEB, "Deny").want(PAY, "Allow");
    let frozen = Frozen { names: [PAY.parse().unwrap()].into(), ..Frozen::default() };
    let text: Vec<String> = case
        .operations_with(&case.candidate, &frozen)
        .iter()
        .map(|operation| operation.print(&site()).unwrap())
        .collect();
    let allow = rule(Action::Allow);
    let about: Vec<&String> = text.iter().filter(|text| text.contains(&allow)).collect();
    assert!(
        matches!(about[..], [only] if only.starts_with("<delete") && !only.contains("member")),
        "{about:?}"
    );
    assert!(text.iter().any(|text| text.contains(&rule(Action::Deny))), "{text:?}");
}

/// `PAY` is in quarantine, and somebody deleted its App-ID.
fn deleted_in_quarantine(case: Case) -> Case {
    let mut case = case.remember(PAY, Action::Allow);
    case.spec.removal.quarantine = sallyport_contract::duration::Duration::from_secs(200_000);
    assert!(case.desired().names().contains_key(&PAY.parse::<DnsName>().unwrap()));
    case
}

#[test]
fn law_10_a_rule_whose_last_member_goes_is_not_kept_for_one_that_was_deleted() {
    let case = deleted_in_quarantine(Case::new().want(WEB, "Allow").written().want(WEB, "Deny"));
    let text = case.text();
    let about: Vec<&String> = text.iter().filter(|text| text.contains(&rule(Action::Allow))).collect();
    assert!(
        matches!(about[..], [only] if only.starts_with("<delete") && !only.contains("member")),
        "{about:?}"
    );
}

#[test]
fn a_new_rule_names_no_app_id_that_somebody_deleted() {
    let text = deleted_in_quarantine(Case::new().want(WEB, "Allow")).text();
    assert!(text.iter().any(|text| text.contains(&rule(Action::Allow))), "{text:?}");
    assert!(!text.iter().any(|text| text.contains(&app(PAY))), "{text:?}");
}

#[test]
fn a_rule_on_the_wrong_side_of_its_anchor_goes_back_once_that_is_in_force() {
    let right = Case::new().want(WEB, "Allow").written();
    let mut wrong = Case::new().want(WEB, "Allow").written();
    wrong.candidate.rules.reverse();
    let back = format!(
        "<move xpath=\"/rulebase/security/rules/entry[@name='{}']\" where=\"before\" dst=\"deny-east-west\"/>",
        rule(Action::Allow)
    );
    assert_eq!(wrong.text(), [back]);
    assert_eq!(wrong.operations_with(&right.candidate, &Frozen::default()), [], "it is not committed yet");
    wrong.spec.rules = Rules { before: None, after: Some("deny-east-west".into()), ..wrong.spec.rules };
    assert_eq!(wrong.text(), [""; 0]);
    wrong.spec.rules = Rules { after: None, at: Some(Position::Top), ..wrong.spec.rules };
    assert_eq!(wrong.text(), [""; 0], "others may stand at an end too");
}
