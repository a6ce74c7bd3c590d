//! When a gate opens, and that it never closes.

use super::*;

fn pod() -> Carrier {
    Carrier {
        uid: "1".into(),
        version: Version::default(),
        created: jiff::Timestamp::UNIX_EPOCH,
        labels: BTreeMap::new(),
        dns_names: Some("web.shop.example".into()),
        action: Some("allow".into()),
        gated: true,
        held: false,
        living: true,
        gate: None,
    }
}

fn identity(proven: Result<Proven, Held>) -> Expected {
    Expected { dns_names: "web.shop.example".into(), action: "allow", proven }
}

fn proven() -> Expected {
    identity(Ok(Proven::assumed("edge")))
}

fn waits() -> Expected {
    identity(Err((Reason::AwaitingCommit, "job 1".into())))
}

fn shown(pod: &Carrier, identity: Option<&Expected>) -> Option<(bool, String)> {
    decide(pod, "web-1", identity, Leave::default()).map(|gate| (gate.open, gate.reason))
}

#[test]
fn law_2_a_gate_opens_on_proof_alone_and_is_a_latch() {
    let (proven, waits) = (proven(), waits());
    assert_eq!(shown(&pod(), Some(&proven)), Some((true, "Enforced".into())));
    assert_eq!(shown(&pod(), Some(&waits)), Some((false, "AwaitingCommit".into())));
    assert_eq!(shown(&pod(), None), Some((false, "AwaitingCertificate".into())));
    let open = Carrier { gate: decide(&pod(), "web-1", Some(&proven), Leave::default()), ..pod() };
    assert_eq!((shown(&open, Some(&waits)), shown(&open, None)), (None, None));
    let closed = Carrier { gate: decide(&pod(), "web-1", Some(&waits), Leave::default()), ..pod() };
    assert_eq!(shown(&closed, Some(&waits)), None, "nothing new, nothing written");
    assert_eq!(shown(&closed, Some(&proven)), Some((true, "Enforced".into())));
}

#[test]
fn law_2_a_policy_that_observes_opens_at_once_and_says_what_is_missing() {
    let observer = Observer { policy: "shop".into() };
    let leave = Leave { observer: Some(&observer), glass: None };
    let shown = |pod: &Carrier, identity: Option<&Expected>| {
        decide(pod, "web-1", identity, leave).map(|gate| (gate.open, gate.message))
    };
    let said = |what: &str| {
        Some((true, format!("Observed: IdentityPolicy shop has spec.mode: Observe; not proven: {what}")))
    };
    assert_eq!(shown(&pod(), Some(&waits())), said("AwaitingCommit: job 1"));
    let (open, words) = shown(&pod(), None).unwrap();
    assert!(open && words.contains("WorkloadIdentity web-1 does not exist"), "{words}");
    let other = Carrier { action: Some("deny".into()), ..pod() };
    let (open, words) = shown(&other, Some(&proven())).unwrap();
    assert!(open && words.contains("not proven: Tampered"), "{words}");
    assert_eq!(shown(&pod(), Some(&proven())), Some((true, "Enforced: edge".into())), "proof is proof");
    let open = Carrier { gate: decide(&pod(), "web-1", Some(&waits()), leave), ..pod() };
    assert_eq!(
        decide(&open, "web-1", Some(&waits()), Leave::default()),
        None,
        "back to Enforce closes nothing"
    );
}

#[test]
fn law_2_an_override_opens_says_so_and_never_closes_when_it_ends() {
    let (first, second) =
        (BreakGlass::assumed("GateOverride a of jane"), BreakGlass::assumed("GateOverride b of joe"));
    let (proven, waits) = (proven(), waits());
    let by = |gate: Option<Gate>, identity: &Expected, glass: Option<&BreakGlass>| {
        decide(&Carrier { gate, ..pod() }, "web-1", Some(identity), Leave { observer: None, glass })
    };
    let granted = by(None, &waits, Some(&first));
    let told = granted.as_ref().map(|gate| (gate.open, gate.message.as_str()));
    assert_eq!(told, Some((true, "BreakGlass: GateOverride a of jane; not proven: AwaitingCommit: job 1")));
    let ended = by(granted.clone(), &waits, None);
    let told = ended.as_ref().map(|gate| (gate.open, gate.message.as_str()));
    let words = "BreakGlass: ended: GateOverride a of jane; still not proven: AwaitingCommit: job 1; an open gate is never \
                 closed: delete the pod to have it wait for proof";
    assert_eq!(told, Some((true, words)));
    let other = identity(Err((Reason::AwaitingCommit, "job 2".into())));
    let opened = |gate: Option<Gate>| gate.map(|gate| (gate.open, gate.reason));
    for (what, gate, identity, glass, becomes) in [
        ("still covered, and something else is missing", &granted, &other, Some(&first), None),
        ("ended, and something else is missing", &ended, &other, None, None),
        ("covered by another", &granted, &waits, Some(&second), Some((true, "BreakGlass".to_owned()))),
        ("covered again", &ended, &waits, Some(&second), Some((true, "BreakGlass".to_owned()))),
        ("proven meanwhile", &granted, &proven, Some(&first), Some((true, "Enforced".to_owned()))),
        ("proven after its end", &ended, &proven, None, Some((true, "Enforced".to_owned()))),
    ] {
        assert_eq!(opened(by(gate.clone(), identity, glass)), becomes, "{what}");
    }
    let after = by(None, &waits, None);
    assert_eq!(opened(after), Some((false, "AwaitingCommit".to_owned())), "a new pod waits again");
    let proof = by(None, &proven, Some(&first));
    assert_eq!(opened(proof.clone()), Some((true, "Enforced".to_owned())), "proof is proof");
    assert_eq!(by(proof, &waits, Some(&first)), None, "what proof opened is no override's");
}

#[test]
fn living_pods_that_an_override_let_in_are_counted_by_whether_it_runs() {
    let glass = BreakGlass::assumed("GateOverride a of jane");
    let leave = Leave { observer: None, glass: Some(&glass) };
    let waits = waits();
    let running = Carrier { gate: decide(&pod(), "web-1", Some(&waits), leave), ..pod() };
    let ended = Carrier { gate: decide(&running, "web-1", Some(&waits), Leave::default()), ..pod() };
    let gone = Carrier { living: false, ..running.clone() };
    let pods = [running.clone(), running, ended, gone, pod()];
    assert_eq!(Overridden::of(pods.iter()), Overridden { running: 2, ended: 1 });
}

#[test]
fn law_2_an_open_gate_whose_containers_still_wait_is_written_again_as_it_is() {
    let (glass, waits) = (BreakGlass::assumed("GateOverride a of jane"), waits());
    let by_person = Leave { observer: None, glass: Some(&glass) };
    for (identity, leave) in [(&proven(), Leave::default()), (&waits, by_person)] {
        let gate = decide(&pod(), "web-1", Some(identity), leave);
        let open = Carrier { gate: gate.clone(), ..pod() };
        assert_eq!(decide(&open, "web-1", Some(&waits), leave), None, "nothing waits: nothing is written");
        let held = Carrier { held: true, ..open };
        assert_eq!(decide(&held, "web-1", Some(&waits), leave), gate);
    }
    let held = Carrier { held: true, ..pod() };
    assert_eq!(shown(&held, Some(&waits)), Some((false, "AwaitingCommit".into())));
}

#[test]
fn law_4_a_pod_that_says_something_else_is_tampered() {
    let proven = proven();
    for changed in [
        Carrier { dns_names: Some("pay.shop.example".into()), ..pod() },
        Carrier { dns_names: None, ..pod() },
        Carrier { action: Some("deny".into()), ..pod() },
    ] {
        assert_eq!(shown(&changed, Some(&proven)), Some((false, "Tampered".into())));
    }
    for left_alone in [Carrier { gated: false, ..pod() }, Carrier { living: false, ..pod() }] {
        assert_eq!(shown(&left_alone, Some(&proven)), None);
    }
}
