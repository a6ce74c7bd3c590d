//! How long a proof opens gates, how it is repeated, how its loss is seen.
#![cfg(test)]

mod support;

use panos_sim::{Action, Where};
use prometheus_client::registry::Registry;
use sallyport_contract::{Reason, object::ConditionStatus};
use sallyport_policy_sync::{
    gate::{Carrier, Gate},
    gates::Gates,
    metrics::Metrics,
};
use sallyport_process::clock::Clock;
use support::{
    Ground, Twin, always, options,
    pods::{WEB, gates, gates_by, pod, web},
};

/// An identity that is issued and enforced, with one judged pod.
async fn proven(ground: &mut Ground) -> Gates<Twin> {
    let mut gates = gates(ground);
    ground.twin.want("web-1", &[WEB], "Allow");
    ground.twin.issue("web-1");
    ground.until_enforced(&[WEB]).await;
    ground.twin.put_pod("web-1", "web-a", pod("a"));
    ground.judge(&mut gates).await;
    gates
}

#[tokio::test]
async fn law_2_a_proof_that_is_too_old_opens_no_gate_and_says_whose_limit_that_is() {
    let mut ground = Ground::with(options(), |spec| spec["proofMaxAge"] = "3s".into()).await;
    let mut gates = proven(&mut ground).await;
    ground.sim.plant(always(Where::Connect, Action::DropBefore));
    ground.sim.plant(always(Where::Config, Action::DropBefore));
    let words = ground.until_reason(WEB, Reason::FirewallUnreachable).await;
    assert!(words.contains("longer ago than Firewall edge spec.proofMaxAge allows (3s)"), "{words}");
    ground.twin.put_pod("web-1", "web-b", pod("b"));
    ground.judge(&mut gates).await;
    assert!(ground.twin.gate("web-1", "web-a").unwrap().open, "an open gate stays open");
    let late = ground.twin.gate("web-1", "web-b").unwrap();
    assert!(!late.open && late.reason == "FirewallUnreachable" && late.message.contains(&words), "{late}");
    let lost = ("FirewallEnforced".to_owned(), ConditionStatus::False, "FirewallUnreachable".to_owned());
    assert!(ground.conditions().contains(&lost), "the identity shows the loss");
    ground.sim.clear_faults();
    ground.until_enforced(&[WEB]).await;
    ground.judge(&mut gates).await;
    assert!(ground.twin.gate("web-1", "web-b").unwrap().open);
}

#[tokio::test]
async fn law_2_who_judges_a_gate_looks_at_the_age_of_the_proof_itself() {
    let mut ground = Ground::new().await;
    ground.twin.want("web-1", &[WEB], "Allow");
    ground.twin.issue("web-1");
    ground.until_enforced(&[WEB]).await;
    let clock = Clock::manual(Clock::system().now());
    let mut gates = gates_by(&ground, clock.clone());
    ground.twin.put_pod("web-1", "web-a", pod("a"));
    ground.judge(&mut gates).await;
    // The firewall's worker hangs in a call and posts nothing for two days.
    clock.advance(jiff::SignedDuration::from_hours(48));
    ground.twin.put_pod("web-1", "web-b", pod("b"));
    ground.judge(&mut gates).await;
    assert!(ground.twin.gate("web-1", "web-a").unwrap().open);
    let late = ground.twin.gate("web-1", "web-b").unwrap();
    assert!(
        !late.open
            && late.reason == "AwaitingFirewall"
            && late.message.contains("spec.proofMaxAge allows (24h)"),
        "{late}"
    );
}

#[tokio::test]
async fn law_2_a_proof_is_repeated_and_stored_before_it_is_too_old() {
    let mut ground = Ground::with(options(), |spec| spec["proofMaxAge"] = "8s".into()).await;
    ground.twin.want("web-1", &[WEB], "Allow");
    ground.until_enforced(&[WEB]).await;
    let first = ground.twin.entry(WEB).unwrap().evidence.unwrap();
    let tests = |ground: &Ground| {
        ground.sim.log_lines().iter().filter(|line| line.cmd.contains("policy-match")).count()
    };
    let (asked, writes) = (tests(&ground), ground.twin.writes());
    let newer = |ground: &Ground| {
        ground.twin.entry(WEB).unwrap().evidence.is_some_and(|e| e.proven_at > first.proven_at)
    };
    ground.until("the proof is repeated", newer).await;
    let second = ground.twin.entry(WEB).unwrap().evidence.unwrap();
    assert_eq!((second.job, second.rule), (first.job, first.rule), "where it came from is still known");
    assert!(second.proven_at.duration_since(first.proven_at).as_secs() >= 2, "not in every pass");
    assert!(tests(&ground) > asked, "the device was asked again");
    assert_eq!(ground.twin.writes(), writes + 1);
    assert_eq!(ground.reason(&support::dns(WEB)), Some(Reason::Enforced));
}

#[tokio::test]
async fn law_2_a_rule_deleted_by_hand_is_seen_and_a_new_pod_waits_until_it_is_back() {
    let mut ground = Ground::new().await;
    let mut gates = proven(&mut ground).await;
    let colleague = support::Colleague::new(&ground.sim).await;
    let rule = ground.twin.entry(WEB).unwrap().rule;
    colleague
        .config("delete", &format!("{}/rulebase/security/rules/entry[@name='{rule}']", support::VSYS), "")
        .await;
    colleague.commit().await;
    let text = "Configuration is locked by alice".to_owned();
    let locked = always(Where::Config, Action::Refuse { code: 13, text });
    ground.sim.plant(panos_sim::Fault { matching: Some("<multi-config>".into()), ..locked });
    ground.until("the loss is seen", |ground| ground.twin.entry(WEB).unwrap().evidence.is_none()).await;
    ground.until_reason(WEB, Reason::LockedByOther).await;
    ground.twin.put_pod("web-1", "web-b", pod("b"));
    ground.judge(&mut gates).await;
    assert!(ground.twin.gate("web-1", "web-a").unwrap().open);
    assert_eq!(ground.twin.gate("web-1", "web-b").unwrap().reason, "LockedByOther");
    ground.sim.clear_faults();
    ground.until_enforced(&[WEB]).await;
    ground.judge(&mut gates).await;
    assert!(ground.twin.gate("web-1", "web-b").unwrap().open);
    support::stands_once(&ground.sim, &ground.twin, WEB);
}

/// Another replica has opened the gate; this one does not see it yet, and has nothing proven.
#[tokio::test]
async fn law_2_a_replica_that_lags_behind_closes_no_gate() {
    let (ahead, behind) = (Ground::new().await, Ground::new().await);
    for ground in [&ahead, &behind] {
        ground.twin.want("web-1", &[WEB], "Allow");
        ground.twin.put_pod("web-1", "web-a", pod("a"));
    }
    let (seen, board) = (behind.twin.seen.clone(), behind.board.clone());
    let mut behind = behind;
    behind.step().await;
    let metrics = Metrics::new(&mut Registry::default());
    let mut late = Gates::new(seen, board, ahead.twin.clone(), Clock::system(), metrics);

    let gate = Gate { open: true, reason: "Enforced".into(), message: "Enforced".into() };
    ahead.twin.put_pod("web-1", "web-a", Carrier { gate: Some(gate.clone()), ..pod("a") });
    assert_eq!(late.judge(&behind.twin.world(), web()).await, web(), "it is to look again");
    assert_eq!(ahead.twin.gate("web-1", "web-a"), Some(gate));
    let another = Carrier { uid: "b".into(), ..pod("b") };
    ahead.twin.put_pod("web-1", "web-a", another);
    late.judge(&behind.twin.world(), web()).await;
    assert_eq!(ahead.twin.gate("web-1", "web-a"), None, "another pod of that name is not the one judged");
}
