//! The preview: what people are told before anything is written is what is written then, and telling it changes
//! nothing.
#![cfg(test)]

mod support;

use panos_sim::{PatternEngine, Running};
use sallyport_policy_sync::preview::{
    Preview,
    lines::{as_cli, as_xml},
    report::{Mark, Report},
};
use support::{Colleague, Ground, VSYS, look, options};

const WEB: &str = "web.shop.corp.example";
const PAY: &str = "pay.shop.corp.example";

async fn preview<S>(ground: &Ground<S>) -> Preview {
    look(ground).await.unwrap()
}

fn mark(preview: &Preview, topic: &str) -> (Mark, String) {
    let report = Report::of(preview);
    let check = report.checks().iter().find(|check| check.topic == topic).unwrap();
    (check.mark, check.words.join("\n"))
}

/// Everything that a request may do without changing anything.
fn reads(sim: &Running) -> bool {
    sim.log_lines().iter().all(|line| match line.kind.as_str() {
        "keygen" => true,
        "config" => matches!(line.action.as_str(), "get" | "show"),
        "op" => line.cmd.starts_with("<show>") || line.cmd.starts_with("<test>"),
        _ => false,
    })
}

#[tokio::test]
async fn law_9_a_preview_changes_nothing_and_tells_exactly_what_is_then_written() {
    let mut ground = Ground::new().await;
    ground.twin.want("web-1", &[WEB], "Allow");
    ground.twin.want("pay-1", &[PAY], "Deny");
    let (candidate, running) = (ground.sim.candidate_xml(), ground.sim.running_xml());
    let stored = ground.twin.stored.lock().unwrap().clone();

    let before = preview(&ground).await;
    assert!(reads(&ground.sim), "{:?}", ground.sim.log_lines());
    assert_eq!((ground.sim.candidate_xml(), ground.sim.running_xml()), (candidate, running));
    assert_eq!(*ground.twin.stored.lock().unwrap(), stored, "nothing is stored in the cluster either");

    ground.until_enforced(&[WEB, PAY]).await;
    let lines = ground.sim.log_lines();
    let written: String =
        lines.iter().filter(|l| l.action == "multi-config").map(|l| format!("{}\n", l.element)).collect();
    assert_eq!(as_xml(&before), written);
    assert!(!reads(&ground.sim), "and the log does tell writes");

    let after = preview(&ground).await;
    assert_eq!(as_xml(&after), "");
    assert_eq!(as_cli(&after), "# firewall edge, vsys vsys1: nothing is to be changed\n");
}

#[tokio::test]
async fn the_difference_reads_as_a_person_would_type_it() {
    let ground = Ground::new().await;
    ground.twin.want("web-1", &[WEB], "Allow");
    let text = as_cli(&preview(&ground).await);
    assert_eq!(text, include_str!("preview/first-name.txt"));
}

#[tokio::test]
async fn a_report_tells_every_check_and_ends_with_how_much_would_be_written() {
    let ground = Ground::new().await;
    ground.twin.want("web-1", &[WEB], "Allow");
    let text = Report::of(&preview(&ground).await).to_string();
    let host = ground.sim.api_addr.to_string();
    assert_eq!(text.replace(&host, "192.0.2.1"), include_str!("preview/first-report.txt"));
}

#[tokio::test]
async fn what_stands_in_the_way_is_told_before_the_first_write() {
    let ground =
        Ground::with(options(), |spec| spec["rules"] = serde_json::json!({"before": "no-such-rule"})).await;
    ground.twin.want("web-1", &[WEB], "Allow");
    let blocked = preview(&ground).await;
    let (anchor, words) = mark(&blocked, "anchor");
    assert_eq!(anchor, Mark::Blocks);
    assert!(words.contains("no-such-rule") && words.contains("make it, or change the anchor"), "{words}");
    assert!(!Report::of(&blocked).is_clear());
    assert_eq!(as_xml(&blocked), "");

    ground.twin.change_firewall(|spec| spec["rules"]["before"] = "deny-east-west".into());
    let clear = preview(&ground).await;
    assert_eq!(mark(&clear, "anchor").0, Mark::Good);
    assert!(Report::of(&clear).is_clear(), "{}", Report::of(&clear));
}

#[tokio::test]
async fn names_outside_the_bounds_are_listed_with_whose_turn_it_is() {
    let ground =
        Ground::with(options(), |spec| spec["bounds"]["nameSuffixes"] = vec!["pay.shop.corp.example"].into())
            .await;
    ground.twin.want("web-1", &[WEB], "Allow");
    ground.twin.want("pay-1", &[PAY], "Allow");
    let preview = preview(&ground).await;
    let (bounds, words) = mark(&preview, "bounds");
    assert_eq!(bounds, Mark::Blocks);
    assert!(words.contains(WEB) && words.contains("the network security team"), "{words}");
    assert!(!words.contains("pay-1"), "the other one is within: {words}");
    assert!(as_xml(&preview).contains("pay\\.shop") && !as_xml(&preview).contains("web\\.shop"));
    assert!(as_cli(&preview).contains("# left out: shop/web-1 (OutsideFirewallBounds)"));
}

#[tokio::test]
async fn others_pending_rule_changes_and_locks_are_named() {
    let ground = Ground::new().await;
    ground.twin.want("web-1", &[WEB], "Allow");
    assert_eq!(mark(&preview(&ground).await, "others").0, Mark::Good);

    let colleague = Colleague::new(&ground.sim).await;
    let rule = format!("{VSYS}/rulebase/security/rules/entry[@name='half-done']");
    colleague.config("set", &rule, "<from><member>any</member></from><to><member>any</member></to><source><member>any</member></source><destination><member>any</member></destination><application><member>any</member></application><service><member>any</member></service><action>deny</action>").await;
    let lock = "<request><commit-lock><add><comment>freeze</comment></add></commit-lock></request>";
    colleague.send(&[("type", "op"), ("cmd", lock), ("vsys", "vsys1")]).await;
    let (others, words) = mark(&preview(&ground).await, "others");
    assert_eq!(others, Mark::Blocks);
    assert!(words.contains("admin added, deleted or moved rules"), "{words}");
    assert!(words.contains("admin holds a commit lock on vsys1 (freeze)"), "{words}");
}

#[tokio::test]
async fn a_pattern_engine_that_refuses_is_told_and_nothing_is_written() {
    let mut old = options();
    old.quirks.pattern_engine = PatternEngine::Classic;
    let mut ground = Ground::with(old, |_| ()).await;
    ground.twin.want("web-1", &[WEB], "Allow");
    let told = preview(&ground).await;
    let (engine, words) = mark(&told, "engine");
    assert_eq!(engine, Mark::Blocks, "{words}");
    assert!(words.contains("pattern is invalid"), "{words}");
    assert_eq!(as_xml(&told), "");

    let words = ground.until_reason(WEB, sallyport_contract::Reason::EngineTooOld).await;
    assert!(words.contains("pattern is invalid") && words.contains("enhanced pattern engine"), "{words}");
    assert_eq!(ground.count("config", "multi-config"), 0);
}

#[tokio::test]
async fn suspension_and_closed_windows_hide_nothing_from_a_preview() {
    let ground = Ground::with(options(), |spec| {
        spec["suspend"] = true.into();
        spec["commit"]["freezes"] =
            serde_json::json!([{"from": "2020-01-01T00:00:00Z", "until": "2090-01-01T00:00:00Z", "reason": "CHG-1"}]);
    })
    .await;
    ground.twin.want("web-1", &[WEB], "Allow");
    let preview = preview(&ground).await;
    assert!(as_xml(&preview).contains("web\\.shop"));
    let (brakes, words) = mark(&preview, "brakes");
    assert_eq!(brakes, Mark::Look);
    assert!(words.contains("Suspended") && words.contains("CHG-1"), "{words}");
    assert!(Report::of(&preview).is_clear(), "a brake is pulled on purpose");
}

#[tokio::test]
async fn a_device_that_cannot_be_reached_is_an_error_with_the_address() {
    let ground = Ground::with(options(), |spec| spec["standalone"]["host"] = "127.0.0.1:1".into()).await;
    let fault = look(&ground).await.unwrap_err();
    assert!(fault.message.contains("127.0.0.1:1"), "{}", fault.message);
}
