//! What a firewall is to hold, decided from objects alone.

mod support;

use jiff::Timestamp;
use sallyport_contract::Reason;
use sallyport_policy_sync::{
    desired::{Desired, desired},
    ledger::Ledger,
    world::Key,
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
    desired("edge", &world.firewalls["edge"].spec, &world, &Ledger::default(), Timestamp::UNIX_EPOCH)
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
fn law_4_identity_and_policy_are_checked_again() {
    for (change, reason) in [
        ("policy", Reason::NameRefused),
        ("action", Reason::NameRefused),
        ("names", Reason::Malformed),
        ("unclaimed", Reason::AwaitingFirewall),
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

#[test]
fn identities_of_other_firewalls_do_not_count() {
    let twin = cluster();
    twin.claim("shop", &[WEB]);
    let mut spec = objects::identity_spec(&[WEB], "Allow");
    spec["firewall"] = "other".into();
    twin.put_identity("one", spec);
    assert_eq!(decide(&twin), Desired::default());
}
