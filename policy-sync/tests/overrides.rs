//! Break-glass: a person's word opens gates for a while, says so everywhere, and closes none when it ends.
#![cfg(test)]

mod support;

use std::time::Duration;

use jiff::SignedDuration;
use panos_sim::{Action, Where};
use prometheus_client::registry::Registry;
use sallyport_contract::{Reason, object::ConditionStatus};
use sallyport_policy_sync::{cluster::About, gates::Gates, metrics::Metrics, world::Key};
use sallyport_process::clock::Clock;
use serde_json::{Value, json};
use support::{
    Ground, Twin, always,
    pods::{WEB, gates, gates_by, pod},
};

const TEN_MINUTES: SignedDuration = SignedDuration::from_mins(10);

/// An override of the pods of `app`, from now for ten minutes.
fn grant(ground: &Ground, clock: &Clock, app: &str) {
    let spec = json!({"selector": {"matchLabels": {"app": app}}, "reason": "CHG-4242", "requestedBy": "jane",
        "expiresAt": (clock.now() + TEN_MINUTES).to_string()});
    ground.twin.put_override("incident-4242", &clock.now().to_string(), spec);
}

/// What people were told of the pod `web-a`: reason, words, whether somebody should look.
fn told(ground: &Ground) -> Vec<(Reason, String, bool)> {
    let about = About::Pod(Key::new("shop", "web-a"), "web-a".to_owned());
    let notes = ground.twin.notes.lock().unwrap();
    notes.iter().filter(|n| n.about == about).map(|n| (n.reason, n.words.clone(), n.warning)).collect()
}

#[tokio::test]
async fn law_2_an_override_opens_says_whose_word_it_is_and_ends_by_time() {
    let mut ground = Ground::new().await;
    let clock = Clock::manual(Clock::system().now());
    let mut gates = gates_by(&ground, clock.clone());
    ground.twin.want("web-1", &[WEB], "Allow");
    ground.sim.plant(always(Where::Connect, Action::DropBefore));
    ground.step().await;
    assert!(!ground.new_pod(&mut gates, "web-a").await.0, "the firewall is away");
    grant(&ground, &clock, "pay");
    ground.judge(&mut gates).await;
    assert!(!ground.gate("web-a").0, "it selects others");

    grant(&ground, &clock, "web");
    ground.judge(&mut gates).await;
    let (open, reason, message) = ground.gate("web-a");
    assert!(open && reason == "BreakGlass", "{message}");
    assert!(message.starts_with("BreakGlass: GateOverride incident-4242 of jane until 2"), "{message}");
    assert!(message.contains(": CHG-4242; not proven: AwaitingCertificate"), "{message}");
    let ready = ("Ready".to_owned(), ConditionStatus::False, "AwaitingCertificate".to_owned());
    assert!(
        ground.conditions().contains(&ready),
        "the identity says what is true: {:?}",
        ground.conditions()
    );
    let wake = gates.wake(&ground.twin.world());
    assert_eq!(wake, Some(Duration::from_secs(600)), "it wakes by itself when it ends");
    assert!(ground.new_pod(&mut gates, "web-b").await.0, "also who comes later");
    let writes = ground.twin.writes();
    ground.judge(&mut gates).await;
    assert_eq!(ground.twin.writes(), writes, "nothing new, nothing written");

    clock.advance(TEN_MINUTES);
    ground.judge(&mut gates).await;
    let (open, reason, message) = ground.gate("web-a");
    assert!(open && reason == "BreakGlass", "an open gate is never closed: {message}");
    assert!(
        message.starts_with("BreakGlass: ended: GateOverride incident-4242 of jane until 2"),
        "{message}"
    );
    assert!(!ground.new_pod(&mut gates, "web-c").await.0, "who comes now waits");
    assert_eq!(gates.wake(&ground.twin.world()), None);

    ground.sim.clear_faults();
    ground.twin.issue("web-1");
    ground.until_enforced(&[WEB]).await;
    ground.judge(&mut gates).await;
    assert_eq!(ground.gate("web-a").1, "Enforced", "back to the truth");
    let told = told(&ground);
    let codes: Vec<(Reason, bool)> = told.iter().map(|(reason, _, warning)| (*reason, *warning)).collect();
    assert_eq!(codes, [(Reason::BreakGlass, true), (Reason::BreakGlass, true), (Reason::Enforced, false)]);
    assert!(told[0].1.starts_with("GateOverride incident-4242 of jane"), "{told:?}");
    assert!(told[1].1.starts_with("ended: GateOverride incident-4242 of jane"), "{told:?}");
    let notes = ground.twin.notes.lock().unwrap();
    let of_a =
        notes.iter().filter(|note| note.about == About::Pod(Key::new("shop", "web-a"), "web-a".to_owned()));
    let related: Vec<Option<Key>> = of_a.map(|note| note.related.clone()).collect();
    assert_eq!(
        related,
        [Some(Key::new("shop", "incident-4242")), None, None],
        "or one event would hide the other"
    );
}

#[tokio::test]
async fn law_2_a_persons_word_does_not_wait_for_a_firewall_that_says_nothing() {
    let ground = Ground::new().await;
    let clock = Clock::system();
    let mut flow = gates(&ground);
    ground.twin.want("web-1", &[WEB], "Allow");
    ground.twin.put_pod("web-1", "web-a", pod("web-a"));
    ground.judge(&mut flow).await;
    assert_eq!(ground.twin.gate("web-1", "web-a"), None, "nobody has posted, so nothing is judged");
    grant(&ground, &clock, "web");
    ground.judge(&mut flow).await;
    let (open, _, message) = ground.gate("web-a");
    let expected =
        "not proven: AwaitingFirewall: firewall edge has not been looked at since policy-sync began";
    assert!(open && message.ends_with(expected), "{message}");
}

#[tokio::test]
async fn pods_that_an_override_let_in_are_counted_until_they_are_proven_or_gone() {
    let mut ground = Ground::new().await;
    let clock = Clock::manual(Clock::system().now());
    let mut registry = Registry::default();
    let metrics = Metrics::new(&mut registry);
    let (seen, board, twin) = (ground.twin.seen.clone(), ground.board.clone(), ground.twin.clone());
    let mut gates: Gates<Twin> = Gates::new(seen, board, twin, clock.clone(), metrics);
    let counted = |state: &str| {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        let metric = format!("sallyport_policy_sync_pods_open_by_override{{state=\"{state}\"}} ");
        text.lines().find_map(|line| line.strip_prefix(&metric).map(str::to_owned))
    };
    ground.twin.want("web-1", &[WEB], "Allow");
    ground.step().await;
    grant(&ground, &clock, "web");
    for name in ["web-a", "web-b"] {
        ground.new_pod(&mut gates, name).await;
    }
    assert_eq!((counted("running").as_deref(), counted("ended").as_deref()), (Some("2"), Some("0")));
    clock.advance(TEN_MINUTES);
    ground.judge(&mut gates).await;
    assert_eq!((counted("running").as_deref(), counted("ended").as_deref()), (Some("0"), Some("2")));
    ground.twin.issue("web-1");
    ground.until_enforced(&[WEB]).await;
    ground.judge(&mut gates).await;
    assert_eq!((counted("running").as_deref(), counted("ended").as_deref()), (Some("0"), Some("0")));
}

/// An API server without our admission policies may hold anything.
#[tokio::test]
async fn law_4_an_override_without_bounds_is_bounded_all_the_same() {
    let mut ground = Ground::new().await;
    let clock = Clock::manual(Clock::system().now());
    let mut gates = gates_by(&ground, clock.clone());
    ground.twin.want("web-1", &[WEB], "Allow");
    ground.step().await;
    let spec = |selector: Value| json!({"selector": selector, "reason": "x", "requestedBy": "jane", "expiresAt": "2999-01-01T00:00:00Z"});
    ground.twin.put_override("forever", &clock.now().to_string(), spec(json!({})));
    assert!(!ground.new_pod(&mut gates, "web-a").await.0, "an empty selector selects nothing");
    ground.twin.put_override(
        "forever",
        &clock.now().to_string(),
        spec(json!({"matchLabels": {"app": "web"}})),
    );
    clock.advance(SignedDuration::from_hours(24));
    assert!(!ground.new_pod(&mut gates, "web-b").await.0, "a day at most");
}
