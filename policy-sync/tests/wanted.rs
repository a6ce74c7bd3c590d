//! What a firewall is to hold, decided from objects alone.
#![cfg(test)]

mod support;

use jiff::Timestamp;
use sallyport_contract::{Reason, object::ClaimedFirewall};
use sallyport_policy_sync::{
    desired::{Desired, desired},
    ledger::{Holding, Ledger},
    world::{Key, Version},
};
use support::{Twin, dns, objects};

const WEB: &str = "web.shop.corp.example";

fn cluster() -> Twin {
    let twin = Twin::default();
    twin.put_firewall("edge", objects::firewall_spec("fw-1", "PEM"));
    twin.put_policy("shop", objects::policy_spec("shop"));
    twin.complete();
    twin
}

fn decide(twin: &Twin) -> Desired {
    let world = twin.world();
    desired("edge", &world.firewalls["edge"].spec, &world, &Ledger::default(), None, Timestamp::UNIX_EPOCH)
}

/// A ledger with one name, which has stood since long before.
fn ledger(name: &str) -> Ledger {
    let mut ledger = Ledger::default();
    let app = sallyport_contract::firewall_names::app_id("prod-eu-1", &dns(name));
    let entry = serde_json::json!({"firewall": "edge", "app": app, "rule": "r", "action": "Allow", "lastWanted": "1970-01-01T00:00:00Z"});
    let entry: ClaimedFirewall = serde_json::from_value(entry).unwrap();
    let holding = Holding { namespace: "shop".into(), entry: entry.into(), stored: true };
    ledger.put(dns(name), holding, Version::default());
    ledger
}

fn refusal(desired: &Desired, identity: &str) -> Option<(Reason, String)> {
    desired.refused().get(&Key::new("shop", identity)).cloned()
}

#[test]
fn identities_that_share_a_name_share_its_app_id() {
    let twin = cluster();
    twin.want("one", &[WEB, "pay.shop.corp.example"], "Allow");
    twin.want("two", &[WEB], "Allow");
    let desired = decide(&twin);
    assert_eq!((desired.names().len(), desired.rules().len(), desired.refused().iter().count()), (2, 1, 0));
}

#[test]
fn the_older_of_two_different_actions_decides_and_the_other_is_told() {
    let twin = cluster();
    twin.want("one", &[WEB], "Allow");
    twin.want("two", &[WEB], "Deny");
    let desired = decide(&twin);
    assert_eq!(desired.names()[&dns(WEB)].action.as_str(), "allow");
    let (reason, words) = refusal(&desired, "two").unwrap();
    assert_eq!(reason, Reason::ActionConflict);
    assert!(words.contains("identity one") && words.contains(WEB), "{words}");
    assert_eq!(refusal(&desired, "one"), None);
}

#[test]
fn law_6_two_names_of_ours_that_match_one_sni_do_not_both_stand() {
    let twin = cluster();
    twin.want("exact", &[WEB], "Allow");
    twin.want("wild", &["*.shop.corp.example"], "Allow");
    twin.want("deep", &["*.web.shop.corp.example"], "Allow");
    let desired = decide(&twin);
    assert_eq!(desired.names().len(), 2);
    let told: Vec<_> = ["exact", "wild"].iter().filter_map(|identity| refusal(&desired, identity)).collect();
    assert!(matches!(told.as_slice(), [(Reason::NameHeldElsewhere, _)]), "{told:?}");
    assert_eq!(refusal(&desired, "deep"), None);
}

#[test]
fn law_6_what_overlaps_waits_until_what_nobody_wants_is_gone_from_the_firewall() {
    for (stood, wanted) in [("*.shop.corp.example", WEB), (WEB, "*.shop.corp.example")] {
        let twin = cluster();
        twin.want("new", &[wanted], "Allow");
        let world = twin.world();
        let spec = &world.firewalls["edge"].spec;
        let decide = |ledger: &Ledger| {
            desired("edge", spec, &world, ledger, None, "2026-11-21T09:00:00Z".parse().unwrap())
        };
        let before = decide(&ledger(stood));
        assert_eq!(before.names().len(), 0, "its quarantine is over, and it has not gone");
        let (reason, words) = refusal(&before, "new").unwrap();
        assert!(reason == Reason::NameHeldElsewhere && words.starts_with(stood), "{words}");
        assert!(decide(&Ledger::default()).names().contains_key(&dns(wanted)), "it has gone");
    }
}

#[test]
fn law_10_a_full_firewall_refuses_the_newcomer_and_keeps_what_stands() {
    let twin = cluster();
    twin.want("new", &["a.shop.corp.example"], "Allow");
    twin.want("old", &[WEB], "Allow");
    let world = twin.world();
    let mut spec = world.firewalls["edge"].spec.clone();
    spec.bounds.max_names = 0;
    let desired = desired("edge", &spec, &world, &ledger(WEB), None, Timestamp::UNIX_EPOCH);
    assert_eq!(desired.names().keys().map(ToString::to_string).collect::<Vec<_>>(), [WEB]);
    let (reason, words) = refusal(&desired, "new").unwrap();
    assert!(reason == Reason::CapacityReached && words.contains("takes 0 names"), "{words}");
}

#[test]
fn law_4_identity_and_policy_are_checked_again() {
    for (change, reason) in [
        ("policy", Reason::NameRefused),
        ("action", Reason::NameRefused),
        ("names", Reason::Malformed),
        ("unclaimed", Reason::AwaitingFirewall),
        ("another namespace's name", Reason::NameRefused),
        ("a name of the parent domain", Reason::NameRefused),
        ("a deeper name", Reason::NameRefused),
        ("a wildcard", Reason::NameRefused),
        ("too many names", Reason::NameRefused),
        ("broken policy", Reason::Malformed),
        ("no policy", Reason::NameRefused),
    ] {
        let twin = cluster();
        twin.claim("shop", &[WEB]);
        let mut spec = objects::identity_spec(&[WEB], "Allow");
        let mut policy = objects::policy_spec("shop");
        match change {
            "policy" => spec["policy"] = "other".into(),
            "action" => {
                policy["traffic"]["actions"] = serde_json::json!(["Deny"]);
                policy["traffic"]["default"] = "Deny".into();
            }
            "names" => spec["dnsNames"] = serde_json::json!(["WEB.shop.corp.example"]),
            "unclaimed" => spec["dnsNames"] = serde_json::json!(["api.shop.corp.example"]),
            "another namespace's name" => forge(&twin, &mut spec, "web.pay.corp.example"),
            "a name of the parent domain" => forge(&twin, &mut spec, "www.corp.example"),
            "a deeper name" => forge(&twin, &mut spec, "a.b.c.shop.corp.example"),
            "a wildcard" => {
                policy["dnsNames"]["wildcards"] = "Forbid".into();
                forge(&twin, &mut spec, "*.shop.corp.example");
            }
            "too many names" => {
                twin.claim("shop", &["api.shop.corp.example"]);
                policy["dnsNames"]["max"] = 1.into();
                spec["dnsNames"] = serde_json::json!(["api.shop.corp.example", WEB]);
            }
            "broken policy" => policy["dnsNames"]["default"] = "*.shop.corp.example".into(),
            _ => policy["namespaces"] = serde_json::json!(["elsewhere"]),
        }
        twin.put_policy("shop", policy);
        twin.put_identity("one", spec);
        let desired = decide(&twin);
        assert_eq!(refusal(&desired, "one").map(|(reason, _)| reason), Some(reason), "{change}");
        assert!(desired.names().is_empty(), "{change}");
    }
}

/// As if the admission policies were missing: an identity and a claim that no derivation gave.
fn forge(twin: &Twin, spec: &mut serde_json::Value, name: &str) {
    twin.claim("shop", &[name]);
    spec["dnsNames"] = serde_json::json!([name]);
}

#[test]
fn law_4_a_policy_of_the_workload_alone_gives_any_workload_of_its_namespace() {
    let twin = cluster();
    let mut policy = objects::policy_spec("shop");
    policy["dnsNames"] = serde_json::json!({"default": "{workload}.{namespace}.corp.example"});
    twin.put_policy("shop", policy);
    twin.want("one", &[WEB], "Allow");
    twin.want("two", &["a.web.shop.corp.example"], "Allow");
    let desired = decide(&twin);
    assert_eq!(desired.names().keys().map(sallyport_contract::DnsName::as_str).collect::<Vec<_>>(), [WEB]);
    let (reason, words) = refusal(&desired, "two").unwrap();
    assert_eq!(reason, Reason::NameRefused);
    assert!(
        words.contains("IdentityPolicy shop allows {workload}.shop.corp.example in namespace shop"),
        "{words}"
    );
}

#[test]
fn a_policy_that_audits_lets_what_stands_stand_and_nothing_new() {
    let twin = cluster();
    twin.want("one", &[WEB], "Allow");
    let mut policy = objects::policy_spec("shop");
    policy["mode"] = "Audit".into();
    twin.put_policy("shop", policy);
    let (reason, words) = refusal(&decide(&twin), "one").unwrap();
    assert_eq!(reason, Reason::NameRefused);
    assert!(words.contains("spec.mode: Audit"), "{words}");

    let ledger = ledger(WEB);
    let world = twin.world();
    let desired =
        desired("edge", &world.firewalls["edge"].spec, &world, &ledger, None, Timestamp::UNIX_EPOCH);
    assert!(desired.names()[&dns(WEB)].quarantined_until.is_none(), "it is still wanted");
}

#[test]
fn identities_of_other_firewalls_do_not_count() {
    let twin = cluster();
    twin.claim("shop", &[WEB]);
    let mut spec = objects::identity_spec(&[WEB], "Allow");
    spec["firewall"] = "other".into();
    twin.put_identity("one", spec);
    assert_eq!(decide(&twin), Desired::default());
}
