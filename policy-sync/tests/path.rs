//! What path probes report shows on the Firewall, on new gates and in time; the canary stands as every other name does.
#![cfg(test)]

mod support;

use jiff::{SignedDuration, Timestamp};
use sallyport_contract::object::ConditionStatus;
use sallyport_process::clock::Clock;
use serde_json::json;
use support::{
    Colleague, Ground, VSYS,
    pods::{WEB, gates_by},
};

const CANARY: &str = "canary.shop.corp.example";
const PERIOD: SignedDuration = SignedDuration::from_mins(5);

/// A Firewall that enforces the control, which is the identity `web-1`, and the canary; with two networks to prove.
async fn enforced() -> (Ground, Clock) {
    let mut ground = Ground::new().await;
    ground.twin.want("web-1", &[WEB], "Allow");
    ground.twin.want("canary", &[CANARY], "Deny");
    ground.until_enforced(&[WEB, CANARY]).await;
    ground.twin.change_firewall(|spec| {
        let network = |name: &str, cidr: &str| json!({"name": name, "cidrs": [cidr]});
        spec["pathProof"] = json!({"control": WEB, "canary": CANARY, "period": "5m",
            "networks": [network("a", "10.20.1.0/24"), network("b", "10.20.2.0/24")]});
    });
    let clock = Clock::manual(Clock::system().now());
    (ground.restart_with(clock.clone()), clock)
}

/// Both probes have made a round, and met this under the canary.
fn rounds(ground: &Ground, at: Timestamp, from_a: &str, from_b: &str) {
    let report = |name, own, other, canary| {
        ground.twin.put_path_report(name, own, at, &[(other, "Answered", canary)]);
    };
    report("probe-a", "10.20.1.5", "10.20.2.7", from_a);
    report("probe-b", "10.20.2.7", "10.20.1.5", from_b);
}

fn path(ground: &Ground) -> (ConditionStatus, String, String) {
    let firewall = ground.firewall();
    let conditions = &firewall.status.as_ref().unwrap().conditions;
    let path = conditions.iter().find(|condition| condition.kind == "PathProven").unwrap();
    (path.status, path.reason.clone(), path.message.clone())
}

#[tokio::test]
async fn a_way_around_turns_path_proven_false_within_two_periods_and_names_the_pair() {
    let (mut ground, clock) = enforced().await;
    ground.step().await;
    let (status, reason, words) = path(&ground);
    assert_eq!((status, reason.as_str()), (ConditionStatus::Unknown, "NotShown"));
    assert!(words.contains("2 of 2 pairs of networks are not shown: a → b: no probe has told"), "{words}");

    rounds(&ground, clock.now(), "Reset", "Reset");
    ground.step().await;
    let (status, _, words) = path(&ground);
    assert_eq!(status, ConditionStatus::True, "{words}");

    // Somebody changes the routes of network b; the probes meet it in their next rounds.
    let changed = clock.now();
    clock.advance(PERIOD);
    rounds(&ground, clock.now(), "Reset", "Answered");
    ground.step().await;
    let (status, reason, words) = path(&ground);
    assert_eq!((status, reason.as_str()), (ConditionStatus::False, "PathBypassed"));
    assert!(words.starts_with("1 of 2 pairs of networks have a way around the firewall: b → a"), "{words}");
    assert!(clock.now().duration_since(changed) <= PERIOD * 2);
    let told =
        ground.twin.notes.lock().unwrap().iter().filter(|note| note.warning && note.words == words).count();
    assert_eq!(told, 1, "people hear of it");

    clock.advance(PERIOD);
    rounds(&ground, clock.now(), "Reset", "Reset");
    ground.step().await;
    assert_eq!(path(&ground).0, ConditionStatus::True, "the routes are right again");
}

#[tokio::test]
async fn probes_that_fall_silent_prove_nothing_after_two_periods_and_rounds_alone_write_no_status() {
    let (mut ground, clock) = enforced().await;
    rounds(&ground, clock.now(), "Reset", "Silent");
    ground.step().await;
    let version = ground.firewall().metadata.resource_version.clone();
    for _ in 0..3 {
        clock.advance(PERIOD);
        rounds(&ground, clock.now(), "Reset", "Silent");
        ground.step().await;
    }
    assert_eq!(path(&ground).0, ConditionStatus::True);
    assert_eq!(ground.firewall().metadata.resource_version, version, "nothing was written for that");
    let mut wake = ground.step().await;
    let end = clock.now().checked_add(PERIOD * 2).unwrap();
    while clock.now() < end {
        assert!(wake <= end, "it looks again by itself");
        clock.advance(wake.min(end).duration_since(clock.now()).max(SignedDuration::from_secs(1)));
        wake = ground.step().await;
    }
    let (status, reason, words) = path(&ground);
    assert_eq!((status, reason.as_str()), (ConditionStatus::Unknown, "NotShown"));
    assert!(words.contains("a → b: no probe has told anything from a"), "{words}");
}

#[tokio::test]
async fn while_the_canary_is_not_denied_an_answer_accuses_nobody() {
    let (mut ground, clock) = enforced().await;
    let entry = ground.twin.entry(CANARY).unwrap();
    let colleague = Colleague::new(&ground.sim).await;
    let rule = format!("{VSYS}/rulebase/security/rules/entry[@name='{}']", entry.rule);
    ground.twin.change_firewall(|spec| spec["suspend"] = true.into());
    colleague.config("delete", &rule, "").await;
    colleague.commit().await;
    let lost = |ground: &Ground| path_words(ground).contains("the firewall is not known to deny");
    until(&mut ground, &clock, lost).await;
    clock.advance(SignedDuration::from_secs(1));
    rounds(&ground, clock.now(), "Answered", "Answered");
    ground.step().await;
    assert_eq!(path(&ground).0, ConditionStatus::Unknown, "{}", path_words(&ground));

    // It is put back as every rule of ours; the answers from before say nothing about now.
    ground.twin.change_firewall(|spec| spec["suspend"] = false.into());
    let back =
        |ground: &Ground| path_words(ground).contains("answered before the firewall was known to deny");
    until(&mut ground, &clock, back).await;
    support::stands_once(&ground.sim, &ground.twin, CANARY);
    clock.advance(SignedDuration::from_secs(1));
    rounds(&ground, clock.now(), "Reset", "Reset");
    ground.step().await;
    assert_eq!(path(&ground).0, ConditionStatus::True);

    // Once nobody asks for it, it goes as every other name.
    ground.twin.unwant("canary");
    let gone = |ground: &Ground| support::counts(&ground.sim.running_xml(), CANARY) == (0, 0);
    until(&mut ground, &clock, gone).await;
    assert!(
        path_words(&ground).contains("no identity asks this firewall to deny"),
        "{}",
        path_words(&ground)
    );
}

#[tokio::test]
async fn a_gate_that_opens_says_whether_the_path_is_proven() {
    let (mut ground, clock) = enforced().await;
    ground.twin.issue("web-1");
    ground.step().await;
    let mut gates = gates_by(&ground, clock.clone());
    let (open, _, message) = ground.new_pod(&mut gates, "web-a").await;
    assert!(open && message.ends_with("; path not proven"), "{message}");
    rounds(&ground, clock.now(), "Reset", "Reset");
    ground.step().await;
    let (open, _, message) = ground.new_pod(&mut gates, "web-b").await;
    assert!(open && message.ends_with("; path proven"), "{message}");
    assert!(ground.gate("web-a").2.ends_with("; path not proven"), "what an open gate said stays");
    rounds(&ground, clock.now(), "Answered", "Answered");
    ground.step().await;
    let (open, _, message) = ground.new_pod(&mut gates, "web-c").await;
    assert!(open && message.ends_with("; path not proven"), "no gate waits for it: {message}");
}

fn path_words(ground: &Ground) -> String {
    path(ground).2
}

async fn until(ground: &mut Ground, clock: &Clock, holds: impl Fn(&Ground) -> bool) {
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(60);
    while !holds(ground) {
        assert!(tokio::time::Instant::now() < deadline, "{}", ground.twin.describe());
        let wake = ground.step().await;
        support::pass_time(
            clock,
            wake.min(clock.now().saturating_add(SignedDuration::from_secs(2)).unwrap()),
        )
        .await;
    }
}
