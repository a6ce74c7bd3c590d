//! Other people's objects and bounds: never touched, never overrun, always named.

mod support;

use panos_sim::Where;
use sallyport_contract::{Reason, firewall_names};
use support::{Colleague, Ground, VSYS, options};

const WEB: &str = "web.shop.corp.example";
const PAY: &str = "pay.shop.corp.example";

fn app_id(name: &str) -> String {
    firewall_names::app_id("prod-eu-1", &support::dns(name))
}

/// The policy allows this pattern too.
fn allow(ground: &Ground, pattern: &str) {
    let mut policy = support::objects::policy_spec("shop");
    policy["dnsNames"]["allowed"] = serde_json::json!(["*.{namespace}.corp.example", pattern]);
    ground.twin.put_policy("shop", policy);
}

const SIGNATURE: &str = "<category>business-systems</category><subcategory>general-business</subcategory><technology>client-server</technology><risk>1</risk><description>DESCRIPTION</description><parent-app>ssl</parent-app><signature><entry name='s'><and-condition><entry name='a'><or-condition><entry name='o'><operator><pattern-match><pattern>PATTERN</pattern><context>ssl-req-chello-sni</context></pattern-match></operator></entry></or-condition></entry></and-condition></entry></signature>";

async fn foreign_app(ground: &Ground, name: &str, description: &str, pattern: &str) {
    let colleague = Colleague::new(&ground.sim).await;
    let element = SIGNATURE.replace("DESCRIPTION", description).replace("PATTERN", pattern);
    colleague.config("set", &format!("{VSYS}/application/entry[@name='{name}']"), &element).await;
    colleague.commit().await;
}

#[tokio::test]
async fn law_6_a_foreign_signature_that_matches_our_name_is_refused_with_both_owners() {
    let mut ground = Ground::new().await;
    foreign_app(&ground, "old-shop", "team legacy", r"shop\.corp\.example").await;
    ground.twin.want("web-1", &[WEB], "Allow");
    allow(&ground, "*.other.corp.example");
    ground.twin.want("other-1", &["web.other.corp.example"], "Allow");
    let words = ground.until_reason(WEB, Reason::ForeignSignatureOverlap).await;
    for part in ["old-shop", "team legacy", WEB, &app_id(WEB)] {
        assert!(words.contains(part), "{part} in {words}");
    }
    ground.until_enforced(&["web.other.corp.example"]).await;
    assert!(!ground.sim.candidate_xml().contains(&app_id(WEB)));

    let colleague = Colleague::new(&ground.sim).await;
    colleague.config("delete", &format!("{VSYS}/application/entry[@name='old-shop']"), "").await;
    colleague.commit().await;
    ground.until_enforced(&[WEB]).await;
}

#[tokio::test]
async fn law_6_an_overlap_that_appears_later_takes_the_proof_away() {
    let mut ground = Ground::new().await;
    ground.twin.want("web-1", &[WEB], "Allow");
    ground.until_enforced(&[WEB]).await;
    foreign_app(&ground, "greedy", "team greedy", r"\.corp\.example$").await;
    ground.until_reason(WEB, Reason::ForeignSignatureOverlap).await;
    assert_eq!(ground.twin.entry(WEB).unwrap().evidence, None);
    assert!(ground.sim.candidate_xml().contains(&app_id(WEB)), "what stands is left standing");
}

#[tokio::test]
async fn law_7_foreign_objects_under_our_names_are_left_as_they_are() {
    let mut ground = Ground::new().await;
    foreign_app(&ground, &app_id(WEB), "made by hand", "by-hand").await;
    let before = ground.sim.candidate_xml();
    ground.twin.want("web-1", &[WEB], "Allow");
    let words = ground.until_reason(WEB, Reason::EntryRefused).await;
    assert!(words.contains(&app_id(WEB)) && words.contains("does not carry our mark"), "{words}");
    let after = ground.sim.candidate_xml();
    let entry = |xml: &str| {
        xml.split(&app_id(WEB)).nth(1).map(|rest| rest.split("</signature>").next().unwrap().to_owned())
    };
    assert_eq!(entry(&before), entry(&after));
}

#[tokio::test]
async fn law_7_a_copied_mark_is_told_and_not_touched() {
    let mut ground = Ground::new().await;
    let mark = firewall_names::mark("prod-eu-1", "shop", &PAY.parse().unwrap());
    foreign_app(&ground, "copy", &mark, "nothing-of-ours").await;
    foreign_app(&ground, &app_id(PAY), &mark, "^pay-by-hand$").await;
    ground.twin.want("web-1", &[WEB], "Allow");
    ground.twin.want("pay-1", &[PAY], "Allow");
    ground.until_reason(PAY, Reason::CopiedMark).await;
    ground.until_enforced(&[WEB]).await;
    let candidate = ground.sim.candidate_xml();
    assert!(candidate.contains("\"copy\"") && candidate.contains("pay-by-hand"));
    ground.twin.unwant("pay-1");
    ground.until("it is told", |ground| ground.condition("InSync").0 == "CopiedMark").await;
}

#[tokio::test]
async fn a_colleagues_pending_change_is_not_committed_with_ours() {
    let mut ground = Ground::new().await;
    let colleague = Colleague::new(&ground.sim).await;
    let address = format!("{VSYS}/address/entry[@name='half-done']");
    colleague.config("set", &address, "<ip-netmask>10.1.1.1</ip-netmask>").await;
    ground.twin.want("web-1", &[WEB], "Allow");
    ground.until_enforced(&[WEB]).await;
    assert!(ground.sim.candidate_xml().contains("half-done"));
    assert!(!ground.sim.running_xml().contains("half-done"));
}

#[tokio::test]
async fn a_colleagues_full_commit_that_carries_ours_counts() {
    let mut ground = Ground::new().await;
    ground.twin.want("web-1", &[WEB], "Allow");
    let refused =
        panos_sim::Action::Refuse { code: 13, text: "Another commit/validate is in progress".into() };
    ground.sim.plant(support::once(Where::Commit, refused));
    ground.until_reason(WEB, Reason::AwaitingCommit).await;
    Colleague::new(&ground.sim).await.commit().await;
    ground.until_enforced(&[WEB]).await;
    assert_eq!(ground.twin.entry(WEB).unwrap().evidence.unwrap().job, None, "it was no job of ours");
}

#[tokio::test]
async fn a_rule_above_ours_that_decides_is_named() {
    let mut ground = Ground::new().await;
    let colleague = Colleague::new(&ground.sim).await;
    let rule = format!("{VSYS}/rulebase/security/rules/entry[@name='deny-all']");
    let any = ["from", "to", "source", "destination", "application", "service"]
        .map(|field| format!("<{field}><member>any</member></{field}>"))
        .join("");
    colleague.config("set", &rule, &format!("{any}<action>deny</action>")).await;
    colleague.send(&[("type", "config"), ("action", "move"), ("xpath", &rule), ("where", "top")]).await;
    colleague.commit().await;
    ground.twin.want("web-1", &[WEB], "Allow");
    let words = ground.until_reason(WEB, Reason::ShadowedByForeignRule).await;
    assert!(words.contains("deny-all"), "{words}");
    colleague.config("delete", &rule, "").await;
    colleague.commit().await;
    ground.until_enforced(&[WEB]).await;
}

#[tokio::test]
async fn a_missing_anchor_stops_new_rules_and_never_falls_back() {
    let mut ground =
        Ground::with(options(), |spec| spec["rules"] = serde_json::json!({"before": "no-such-rule"})).await;
    ground.twin.want("web-1", &[WEB], "Allow");
    let words = ground.until_reason(WEB, Reason::AnchorMissing).await;
    assert!(words.contains("no-such-rule"), "{words}");
    assert_eq!(ground.count("config", "multi-config"), 0);
    ground.twin.change_firewall(|spec| spec["rules"] = serde_json::json!({"at": "Top"}));
    ground.until_enforced(&[WEB]).await;
}

#[tokio::test]
async fn suspended_means_reads_go_on_and_nothing_is_written() {
    let mut ground = Ground::with(options(), |spec| spec["suspend"] = true.into()).await;
    ground.twin.want("web-1", &[WEB], "Allow");
    ground.until_reason(WEB, Reason::Suspended).await;
    ground.until("reads go on", |ground| ground.count("config", "get") > 10).await;
    assert_eq!((ground.count("config", "multi-config"), ground.count("commit", "")), (0, 0));
    ground.twin.change_firewall(|spec| spec["suspend"] = false.into());
    ground.until_enforced(&[WEB]).await;
}

#[tokio::test]
async fn what_lies_outside_the_bounds_is_refused_with_both_values() {
    let mut ground = Ground::with(options(), |spec| spec["bounds"]["maxNames"] = 1.into()).await;
    ground.twin.want("web-1", &[WEB], "Allow");
    ground.until_enforced(&[WEB]).await;
    allow(&ground, "*.shop.evil.example");
    ground.twin.want("far-1", &["web.shop.evil.example"], "Allow");
    ground.twin.want("pay-1", &[PAY], "Allow");
    ground.step().await;
    let standing = ground.board.standing("edge").unwrap();
    let refused = |identity: &str| {
        let key = sallyport_policy_sync::world::Key::new("shop", identity);
        standing.refused.get(&key).map(|(reason, words)| (*reason, words.clone())).unwrap()
    };
    let (reason, words) = refused("far-1");
    assert_eq!(reason, Reason::OutsideFirewallBounds);
    assert!(words.contains("nameSuffixes, which allows [corp.example]"), "{words}");
    assert_eq!(refused("pay-1").0, Reason::CapacityReached);
    assert!(standing.refused.get(&sallyport_policy_sync::world::Key::new("shop", "web-1")).is_none());
}

#[tokio::test]
async fn a_name_that_another_namespace_claims_is_refused() {
    let mut ground = Ground::new().await;
    ground.twin.claim("billing", &[WEB]);
    ground.twin.want("web-1", &[WEB], "Allow");
    ground.step().await;
    let standing = ground.board.standing("edge").unwrap();
    let (reason, words) =
        standing.refused.get(&sallyport_policy_sync::world::Key::new("shop", "web-1")).cloned().unwrap();
    assert_eq!(reason, Reason::NameHeldElsewhere);
    assert!(words.contains("namespace billing holds the name"), "{words}");
    assert!(!ground.sim.candidate_xml().contains(&app_id(WEB)));
}
