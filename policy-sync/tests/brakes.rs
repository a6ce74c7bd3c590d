//! What a person may say on the Firewall object to hold us: windows, limits, approvals, blocked names.
#![cfg(test)]

mod support;

use sallyport_contract::{Reason, firewall_names, object::Action};
use serde_json::{Value, json};
use support::{Ground, counts, options};

const WEB: &str = "web.shop.corp.example";
const PAY: &str = "pay.shop.corp.example";

fn commit(extra: Value) -> Value {
    let mut commit = json!({"coalesce": "0s", "longestWait": "0s"});
    commit.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    commit
}

fn freeze() -> Value {
    commit(
        json!({"freezes": [{"from": "2020-01-01T00:00:00Z", "until": "2099-01-01T00:00:00Z", "reason": "year end"}]}),
    )
}

#[tokio::test]
async fn law_9_nothing_is_written_outside_the_window_and_the_reason_is_told() {
    let mut ground = Ground::with(options(), |spec| spec["commit"] = freeze()).await;
    ground.twin.want("web-1", &[WEB], "Allow");
    let words = ground.until_reason(WEB, Reason::OutsideWindow).await;
    assert!(words.contains("year end"), "{words}");
    assert_eq!((ground.count("config", "multi-config"), ground.count("commit", "")), (0, 0));
    ground.twin.change_firewall(|spec| spec["commit"] = commit(json!({})));
    ground.until_enforced(&[WEB]).await;
}

#[tokio::test]
async fn a_blocked_name_is_denied_at_once_also_outside_the_window() {
    let mut ground = Ground::new().await;
    ground.twin.want("web-1", &[WEB], "Allow");
    ground.until_enforced(&[WEB]).await;
    ground.twin.change_firewall(|spec| {
        spec["commit"] = freeze();
        spec["blocked"] = json!([WEB]);
    });
    // A newcomer waits for the window all the same.
    ground.twin.want("pay-1", &[PAY], "Allow");
    let denied = firewall_names::rule("prod-eu-1", "shop", Action::Deny);
    ground
        .until("denied", |ground| {
            let entry = ground.twin.entry(WEB).unwrap();
            entry.rule == denied && entry.evidence.is_some_and(|evidence| evidence.action == Action::Deny)
        })
        .await;
    let words = ground.until_reason(WEB, Reason::Blocked).await;
    assert!(words.contains(&denied), "{words}");
    assert_eq!(counts(&ground.sim.running_xml(), WEB), (1, 1), "in the deny rule and nowhere else");
    ground.until_reason(PAY, Reason::OutsideWindow).await;
    assert_eq!(counts(&ground.sim.candidate_xml(), PAY), (0, 0));

    ground.twin.change_firewall(|spec| {
        spec["commit"] = commit(json!({}));
        spec["blocked"] = json!([]);
    });
    ground.until_enforced(&[WEB, PAY]).await;
    assert_eq!(ground.twin.entry(WEB).unwrap().action, Action::Allow);
}

#[tokio::test]
async fn a_blocked_name_that_nobody_wants_goes_without_a_quarantine() {
    let mut ground = Ground::with(options(), |spec| spec["removal"]["quarantine"] = "1h".into()).await;
    ground.twin.want("web-1", &[WEB], "Allow");
    ground.until_enforced(&[WEB]).await;
    ground.twin.unwant("web-1");
    ground.step().await;
    assert_eq!(counts(&ground.sim.running_xml(), WEB), (1, 1), "it is in quarantine");
    ground.twin.change_firewall(|spec| spec["blocked"] = json!([WEB]));
    ground.until("it is gone", |ground| counts(&ground.sim.running_xml(), WEB) == (0, 0)).await;
}

#[tokio::test]
async fn law_9_one_commit_changes_no_more_names_than_allowed() {
    let mut ground = Ground::with(options(), |spec| spec["commit"] = commit(json!({"maxChanges": 2}))).await;
    let names: Vec<String> = (0..5).map(|n| format!("n{n}.shop.corp.example")).collect();
    for name in &names {
        ground.twin.want(name, &[name], "Allow");
    }
    ground.until_reason(&names[4], Reason::LimitReached).await;
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    ground.until_enforced(&names).await;
    assert_eq!(ground.count("commit", ""), 3, "two, two and one");
}

#[tokio::test]
async fn law_10_more_removals_than_allowed_wait_for_a_person() {
    let mut ground = Ground::with(options(), |spec| {
        spec["commit"] = commit(json!({"maxRemovals": 1}));
        spec["removal"]["quarantine"] = "0s".into();
    })
    .await;
    for (identity, name) in [("web-1", WEB), ("pay-1", PAY)] {
        ground.twin.want(identity, &[name], "Allow");
    }
    ground.until_enforced(&[WEB, PAY]).await;
    ground.twin.unwant("web-1");
    ground.twin.unwant("pay-1");
    ground.until("told", |ground| ground.condition("InSync").0 == "RemovalAwaitsApproval").await;
    for name in [WEB, PAY] {
        assert_eq!(counts(&ground.sim.running_xml(), name), (1, 1), "{name} stands");
    }
    ground.twin.change_firewall(|spec| spec["approvedRemovals"] = json!([WEB]));
    ground.until("all is gone", |ground| ground.twin.entry(PAY).is_none()).await;
    assert_eq!(counts(&ground.sim.running_xml(), WEB), (0, 0), "the one that is left is within the limit");
}

#[tokio::test]
async fn a_bound_that_is_narrowed_says_whose_names_it_takes_away() {
    let mut ground = Ground::with(options(), |spec| spec["removal"]["quarantine"] = "1h".into()).await;
    ground.twin.want("web-1", &[WEB], "Allow");
    ground.until_enforced(&[WEB]).await;
    ground.twin.change_firewall(|spec| spec["bounds"]["nameSuffixes"] = json!(["other.example"]));
    ground.step().await;
    let (reason, words) = ground.condition("InSync");
    assert_eq!(reason, "InSync");
    assert!(
        words.starts_with("all 0 names are enforced; 1 identities are refused, the first, shop/web-1: "),
        "{words}"
    );
    let notes = ground.twin.notes.lock().unwrap();
    let note = notes.iter().find(|note| note.reason == Reason::OutsideFirewallBounds).unwrap();
    assert!(
        note.warning && note.words.starts_with("web.shop.corp.example: wanted, and refused now ("),
        "{note:?}"
    );
    assert!(notes.iter().all(|note| note.reason != Reason::Quarantined), "nobody says that nobody wants it");
    assert_eq!(counts(&ground.sim.running_xml(), WEB), (1, 1), "it stands for the time of the quarantine");
}

#[tokio::test]
async fn each_name_may_have_a_rule_of_its_own() {
    let mut ground = Ground::with(options(), |spec| spec["rules"]["style"] = "PerIdentity".into()).await;
    ground.twin.want("web-1", &[WEB], "Allow");
    ground.twin.want("pay-1", &[PAY], "Allow");
    ground.until_enforced(&[WEB, PAY]).await;
    let rules = [WEB, PAY].map(|name| ground.twin.entry(name).unwrap().rule);
    assert!(rules[0].starts_with("sp-web-allow-") && rules[1].starts_with("sp-pay-allow-"), "{rules:?}");
    // And the other way round: the new rules first, the old ones away in the same batch.
    let batches = ground.count("config", "multi-config");
    ground.twin.change_firewall(|spec| spec["rules"]["style"] = "PerPolicy".into());
    let shared = firewall_names::rule("prod-eu-1", "shop", Action::Allow);
    ground
        .until("one rule", |ground| {
            let entry = |name| ground.twin.entry(name).unwrap();
            [WEB, PAY].iter().all(|name| entry(name).rule == shared && entry(name).evidence.is_some())
        })
        .await;
    assert_eq!(ground.count("config", "multi-config"), batches + 1);
    let running = ground.sim.running_xml();
    assert!(
        rules.iter().all(|rule| !running.contains(&format!("name=\"{rule}\""))),
        "the old rules are gone"
    );
}
