//! The gates: opened by what is stored, at once, and never closed again.

mod support;

use std::time::Duration;

use panos_sim::{Action, Where};
use sallyport_contract::{Reason, object::ConditionStatus};
use sallyport_policy_sync::{cluster::About, gate::Carrier, worker};
use sallyport_process::shutdown::Stop;
use support::{
    Ground, always, options,
    pods::{WEB, gates, pod},
};

#[tokio::test]
async fn law_2_a_gate_needs_certificate_and_firewall() {
    let mut ground = Ground::new().await;
    let mut gates = gates(&ground);
    ground.twin.want("web-1", &[WEB], "Allow");
    ground.twin.put_pod("web-1", "web-a", pod("a"));
    ground.judge(&mut gates).await;
    assert_eq!(ground.twin.gate("web-1", "web-a"), None, "nothing is judged before the worker has posted");
    ground.until_enforced(&[WEB]).await;
    ground.judge(&mut gates).await;
    assert_eq!(ground.twin.gate("web-1", "web-a").unwrap().reason, "AwaitingCertificate");
    ground.twin.issue("web-1");
    ground.judge(&mut gates).await;
    let gate = ground.twin.gate("web-1", "web-a").unwrap();
    assert!(
        gate.open
            && gate.message.starts_with("Enforced: edge, 1 of 1 devices, ")
            && gate.message.ends_with("; path not proven"),
        "{gate}"
    );

    let status = ground.twin.identity("web-1").status.unwrap();
    let pods = status.pods.unwrap();
    assert_eq!((pods.total, pods.ready, pods.summary.as_str()), (1, 1, "1/1"));
    let app = &status.firewall.unwrap().apps[0];
    assert_eq!((app.dns_name.as_str(), app.devices.len()), (WEB, 1));
    assert!(ground.conditions().contains(&("Ready".into(), ConditionStatus::True, "Enforced".into())));

    let writes = ground.twin.writes();
    ground.judge(&mut gates).await;
    assert_eq!(ground.twin.writes(), writes, "nothing new, nothing written");
}

#[tokio::test]
async fn a_pod_that_waits_for_a_person_says_so_once_in_an_event() {
    let mut ground = Ground::with(options(), |spec| spec["suspend"] = true.into()).await;
    let mut gates = gates(&ground);
    ground.twin.want("web-1", &[WEB], "Allow");
    ground.twin.put_pod("web-1", "web-a", pod("a"));
    ground.until("posted", |ground| ground.board.standing("edge").is_some()).await;
    ground.judge(&mut gates).await;
    let told = |ground: &Ground| -> Vec<_> {
        let notes = ground.twin.notes.lock().unwrap();
        let pods = notes.iter().filter(|note| matches!(note.about, About::Pod(..)));
        pods.map(|note| (note.reason, note.warning, note.words.clone())).collect()
    };
    assert_eq!(told(&ground), [], "a certificate that is on its way is nobody's turn");
    ground.twin.issue("web-1");
    ground.step().await;
    ground.judge(&mut gates).await;
    ground.judge(&mut gates).await;
    let told = told(&ground);
    let [(Reason::Suspended, true, words)] = told.as_slice() else { panic!("{told:?}") };
    assert!(words.ends_with("(whose turn: the network security team)"), "{words}");
}

#[tokio::test]
async fn law_2_a_new_pod_opens_on_stored_evidence_and_an_open_one_never_closes() {
    let mut ground = Ground::new().await;
    ground.twin.want("web-1", &[WEB], "Allow");
    ground.twin.issue("web-1");
    ground.until_enforced(&[WEB]).await;
    let mut ground = ground.restart();
    ground.sim.plant(always(Where::Connect, Action::DropBefore));
    let mut gates = gates(&ground);
    ground.step().await;
    ground.twin.put_pod("web-1", "web-a", pod("a"));
    ground.judge(&mut gates).await;
    assert!(ground.twin.gate("web-1", "web-a").unwrap().open, "the firewall is away, the evidence is not");

    // The evidence is lost: another pod waits, the open one stays open.
    ground.twin.unwant("web-1");
    ground.step().await;
    ground.twin.want("web-1", &[WEB], "Deny");
    ground.twin.issue("web-1");
    ground.step().await;
    ground.twin.put_pod("web-1", "web-b", Carrier { action: Some("deny".into()), ..pod("b") });
    ground.judge(&mut gates).await;
    assert!(ground.twin.gate("web-1", "web-a").unwrap().open);
    assert_eq!(ground.twin.gate("web-1", "web-b").unwrap().reason, "FirewallUnreachable");
}

#[tokio::test]
async fn law_2_a_held_pod_takes_one_write_and_one_more_where_the_first_was_an_older_programs() {
    let mut ground = Ground::new().await;
    let mut gates = gates(&ground);
    ground.twin.want("web-1", &[WEB], "Allow");
    ground.twin.issue("web-1");
    ground.until_enforced(&[WEB]).await;
    let held = Carrier { held: true, ..pod("a") };
    ground.twin.put_pod("web-1", "web-a", held.clone());
    ground.judge(&mut gates).await;
    let gate = ground.twin.gate("web-1", "web-a");
    assert!(gate.as_ref().is_some_and(|gate| gate.open));
    let writes = ground.twin.writes();
    ground.judge(&mut gates).await;
    assert_eq!(ground.twin.writes(), writes, "nothing new, nothing written");

    ground.twin.put_pod("web-1", "web-b", Carrier { uid: "b".into(), gate: gate.clone(), ..held });
    ground.judge(&mut gates).await;
    let stored = ground.twin.stored.lock().unwrap().clone();
    let stored: Vec<&String> = stored.iter().filter(|what| what.starts_with("gate ")).collect();
    assert_eq!(stored, ["gate shop/web-a true Enforced", "gate shop/web-b true Enforced"]);
    assert_eq!(ground.twin.gate("web-1", "web-b"), gate, "as it was");
}

#[tokio::test]
async fn a_pod_without_identity_waits_and_a_tampered_one_is_told() {
    let mut ground = Ground::new().await;
    let mut gates = gates(&ground);
    ground.twin.put_pod("web-1", "web-a", pod("a"));
    ground.judge(&mut gates).await;
    assert_eq!(ground.twin.gate("web-1", "web-a").unwrap().reason, "AwaitingCertificate");
    ground.twin.want("web-1", &[WEB], "Allow");
    ground.twin.issue("web-1");
    ground.until_enforced(&[WEB]).await;
    ground.twin.put_pod(
        "web-1",
        "web-b",
        Carrier { dns_names: Some("pay.shop.corp.example".into()), ..pod("b") },
    );
    ground.judge(&mut gates).await;
    assert!(ground.twin.gate("web-1", "web-a").unwrap().open);
    assert_eq!(ground.twin.gate("web-1", "web-b").unwrap().reason, "Tampered");
}

#[tokio::test]
async fn an_identity_of_a_firewall_that_does_not_exist_is_told() {
    let ground = Ground::new().await;
    let mut spec = support::objects::identity_spec(&[WEB], "Allow");
    spec["firewall"] = "nowhere".into();
    ground.twin.put_identity("web-1", spec);
    ground.judge(&mut gates(&ground)).await;
    assert!(ground.conditions().contains(&(
        "FirewallEnforced".into(),
        ConditionStatus::False,
        "NotFound".into()
    )));
}

#[tokio::test]
async fn a_write_that_fails_is_tried_again() {
    let ground = Ground::new().await;
    let mut gates = gates(&ground);
    ground.twin.put_pod("web-1", "web-a", pod("a"));
    ground.twin.down.store(true, std::sync::atomic::Ordering::Relaxed);
    assert!(ground.judge(&mut gates).await);
    ground.twin.down.store(false, std::sync::atomic::Ordering::Relaxed);
    assert!(!ground.judge(&mut gates).await);
}

/// The tasks as the program starts them: a pod of a proven identity opens without delay.
#[tokio::test(flavor = "multi_thread")]
async fn a_warm_gate_opens_at_once() {
    let mut ground = Ground::new().await;
    ground.twin.want("web-1", &[WEB], "Allow");
    ground.twin.issue("web-1");
    ground.until_enforced(&[WEB]).await;
    let (stop, seen) = (Stop::new(), ground.twin.seen.clone());
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(worker::gates(gates(&ground), seen.clone(), ground.board.watch(), stop.clone()));
    let mut waits = Vec::new();
    for n in 0..20 {
        let name = format!("web-{n}");
        let mut shown = seen.watch_gates();
        shown.mark_unchanged();
        let begun = tokio::time::Instant::now();
        ground.twin.put_pod("web-1", &name, pod(&name));
        while !ground.twin.gate("web-1", &name).is_some_and(|gate| gate.open) {
            tokio::time::timeout(Duration::from_secs(10), shown.changed()).await.unwrap().unwrap();
        }
        waits.push(begun.elapsed());
    }
    // The best, since the machine may have other things to do.
    assert!(waits.iter().min().is_some_and(|best| *best < Duration::from_millis(100)), "{waits:?}");
    stop.now();
    tasks.join_next().await.unwrap().unwrap().unwrap();
}
