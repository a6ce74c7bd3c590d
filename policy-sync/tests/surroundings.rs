//! What is round our rules: foreign rules that decide before ours, traffic that passes beside them, a device that fills.
#![cfg(test)]

mod support;

use sallyport_contract::Reason;
use support::{Colleague, Ground, VSYS, options};

const WEB: &str = "web.shop.corp.example";
const PAY: &str = "pay.shop.corp.example";

fn rule(application: &str, service: &str, action: &str) -> String {
    let any = ["from", "to", "source", "destination"]
        .map(|field| format!("<{field}><member>any</member></{field}>"));
    format!(
        "{}<application><member>{application}</member></application><service><member>{service}</member></service><action>{action}</action>",
        any.join("")
    )
}

async fn put_rule(colleague: &Colleague, name: &str, element: &str, place: &str) -> String {
    let path = format!("{VSYS}/rulebase/security/rules/entry[@name='{name}']");
    colleague.config("set", &path, element).await;
    colleague.send(&[("type", "config"), ("action", "move"), ("xpath", &path), ("where", place)]).await;
    colleague.commit().await;
    path
}

#[tokio::test]
async fn law_2_a_deny_of_ssl_above_ours_hides_it_though_the_policy_test_does_not_say_so() {
    let mut ground = Ground::new().await;
    let colleague = Colleague::new(&ground.sim).await;
    let path = put_rule(&colleague, "no-tls", &rule("ssl", "any", "deny"), "top").await;
    ground.twin.want("web-1", &[WEB], "Allow");
    let words = ground.until_reason(WEB, Reason::ShadowedByForeignRule).await;
    assert!(words.contains("no-tls"), "{words}");
    assert_eq!(ground.condition("Unshadowed").0, "ShadowedByForeignRule");
    colleague.config("delete", &path, "").await;
    colleague.commit().await;
    ground.until_enforced(&[WEB]).await;
    assert_eq!(ground.condition("Unshadowed").0, "Accepted");
}

#[tokio::test]
async fn an_allow_rule_where_everything_passes_is_told_and_opens_no_gate_if_required() {
    let mut ground = Ground::with(options(), |spec| spec["rules"] = serde_json::json!({"at": "Top"})).await;
    ground.twin.want("web-1", &[WEB], "Allow");
    ground.twin.want("pay-1", &[PAY], "Deny");
    ground.until_enforced(&[WEB, PAY]).await;
    assert_eq!(ground.condition("DefaultDeny").0, "Accepted", "deny-east-west denies the rest");
    let colleague = Colleague::new(&ground.sim).await;
    let deny = format!("{VSYS}/rulebase/security/rules/entry[@name='deny-east-west']");
    colleague.config("delete", &deny, "").await;
    colleague.commit().await;
    let words = ground.until_reason(WEB, Reason::EnforcedPermissive).await;
    assert!(words.contains("intrazone-default"), "{words}");
    assert_eq!(ground.reason(&support::dns(PAY)), Some(Reason::Enforced), "a deny rule means what it says");
    assert_eq!(ground.condition("DefaultDeny").0, "EnforcedPermissive");
    ground.twin.change_firewall(|spec| spec["defaultDeny"] = "Require".into());
    ground.until_reason(WEB, Reason::AwaitingDefaultDeny).await;
    put_rule(&colleague, "deny-east-west", &rule("any", "any", "deny"), "bottom").await;
    ground.until_enforced(&[WEB, PAY]).await;
}

#[tokio::test]
async fn a_full_firewall_refuses_the_newcomer_with_the_numbers() {
    let mut ground = Ground::with(options(), |spec| spec["bounds"]["maxNames"] = 1.into()).await;
    ground.twin.want("web-1", &[WEB], "Allow");
    ground.until_enforced(&[WEB]).await;
    ground.twin.want("pay-1", &[PAY], "Allow");
    let key = sallyport_policy_sync::world::Key::new("shop", "pay-1");
    let refused = |ground: &Ground| ground.board.standing("edge")?.refused.get(&key).cloned();
    ground.until("refused", |ground| refused(ground).is_some()).await;
    let (reason, words) = refused(&ground).unwrap();
    assert_eq!(reason, Reason::CapacityReached);
    assert!(words.contains("1 of 1 names") && words.contains("signatures"), "{words}");
    assert_eq!(ground.condition("CapacityLeft").0, "CapacityReached");
}

#[tokio::test]
async fn what_a_person_found_about_patterns_counts_for_the_release_that_was_checked() {
    let mut ground = Ground::new().await;
    ground.twin.want("web-1", &[WEB], "Allow");
    ground.until_enforced(&[WEB]).await;
    assert_eq!(ground.condition("PatternsProven").0, "NotShown");
    let attest = |version: &str, anchors: bool| serde_json::json!({"version": version, "anchors": anchors, "ignoreCase": true, "trailingDot": true});
    for (attested, reason) in [
        (attest("11.1.6", true), "Accepted"),
        (attest("10.2.9", true), "NotShown"),
        (attest("11.1.6", false), "EngineTooOld"),
    ] {
        ground.twin.change_firewall(|spec| spec["attested"] = attested);
        ground.until(reason, |ground| ground.condition("PatternsProven").0 == reason).await;
    }
}
