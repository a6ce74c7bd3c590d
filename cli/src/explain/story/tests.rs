//! Stories of pods at each stage, as a person reads them.

use serde_json::{Value, json};

use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn pod(labels: Value, gate: Option<(&str, &str, &str)>) -> Value {
    let conditions: Vec<Value> = gate
        .into_iter()
        .map(|(status, reason, message)| {
            json!({"type": keys::GATE, "status": status, "reason": reason, "message": format!("{reason}: {message}"),
                "lastTransitionTime": "2026-11-21T12:00:45Z"})
        })
        .collect();
    json!({
        "metadata": {
            "name": "pay-1", "namespace": "shop", "labels": labels, "creationTimestamp": "2026-11-21T12:00:41Z",
            "annotations": {keys::RESOLVED_POLICY: "shop", keys::RESOLVED_ACTION: "allow",
                keys::RESOLVED_DNS_NAMES: "pay.shop.corp.example"},
        },
        "status": {"conditions": conditions},
    })
}

fn condition(kind: &str, status: &str, reason: &str, message: &str) -> Value {
    json!({"type": kind, "status": status, "reason": reason, "message": message,
        "lastTransitionTime": "2026-11-21T12:00:43Z"})
}

fn scene(pod: Value, conditions: Vec<Value>) -> Scene {
    let identity = json!({
        "apiVersion": "sallyport.dev/v1alpha1", "kind": "WorkloadIdentity",
        "metadata": {"name": "pay-4c9d8e10", "namespace": "shop"},
        "spec": {"dnsNames": ["pay.shop.corp.example"], "delivery": "Secret", "action": "Allow", "policy": "shop",
            "certificate": {"authority": "corp-pca", "usages": ["ServerAuth"]}, "firewall": "edge"},
        "status": {"conditions": conditions,
            "certificate": {"serial": "5c:1f", "notBefore": "2026-11-21T12:00:00Z", "notAfter": "2026-11-27T12:00:00Z",
                "renewAt": "2026-11-25T12:00:00Z", "secretName": "pay-tls"},
            "firewall": {"apps": [{"dnsName": "pay.shop.corp.example", "app": "sp-pay-90ab12cd", "rule": "sp-shop-allow-9c04d7e2"}]}},
    });
    let mut firewall: Value = serde_json::to_value(
        serde_saphyr::from_str::<Value>(include_str!("../../../../manifests/examples/firewall.yaml"))
            .unwrap(),
    )
    .unwrap();
    firewall["status"] = json!({
        "job": {"id": "4711", "started": "2026-11-21T12:00:45Z", "kind": "Commit"},
        "lastCommit": {"job": "4700", "result": "OK", "finished": "2026-11-21T11:00:00Z", "tookSeconds": 41},
        "conditions": [condition("PathProven", "Unknown", "NotShown", "nothing has shown that packets cross it")],
    });
    Scene {
        pod: serde_json::from_value(pod).unwrap(),
        enabled: true,
        label: Some(keys::INJECT_ENABLED.to_owned()),
        binding: None,
        identity: Some(serde_json::from_value(identity).unwrap()),
        firewall: Some(serde_json::from_value(firewall).unwrap()),
    }
}

fn ours() -> Value {
    json!({keys::IDENTITY: "pay-4c9d8e10"})
}

#[test]
fn who_waits_for_a_commit_sees_whose_turn_it_is() {
    let words = "firewall edge runs job 4711 since 12:00:45 (40 %)";
    let issued = condition("CertificateIssued", "True", "Issued", "");
    let waiting = condition("FirewallEnforced", "False", "AwaitingCommit", words);
    let scene = scene(pod(ours(), Some(("False", "AwaitingCommit", words))), vec![issued, waiting]);
    let story = of(&scene, at("2026-11-21T12:01:21Z"));
    assert!(story.waits);
    let lines: Vec<&str> = story.text.lines().collect();
    assert_eq!(lines[0], "pod shop/pay-1 waits for the firewall");
    assert_eq!(lines[1], "  ✓ admitted    policy shop: allow pay.shop.corp.example  (12:00:41, 40s ago)");
    assert_eq!(lines[2], "  ✓ certificate corp-pca, serial 5c:1f, ends in 5d 23h  (12:00:43, 38s ago)");
    assert_eq!(lines[3], format!("  … firewall    AwaitingCommit: {words}  (12:00:43, 38s ago)"));
    assert!(lines[4].contains("App-ID sp-pay-90ab12cd, rule sp-shop-allow-9c04d7e2"), "{}", story.text);
    assert!(lines[5].ends_with("edge runs job 4711 of ours since 12:00:45"), "{}", story.text);
    assert_eq!(lines[6], format!("  … gate        AwaitingCommit: {words}  (12:00:45, 36s ago)"));
    assert!(story.text.contains("\nwhose turn: the firewall. Wait: "), "{}", story.text);
    assert!(
        story.text.contains("the last commit there took 41s\nnot proven: PathProven: "),
        "{}",
        story.text
    );
}

#[test]
fn what_takes_a_person_stands_out_and_an_open_gate_asks_nothing() {
    let refused =
        condition("FirewallEnforced", "False", "OutsideFirewallBounds", "zone dmz is not in bounds");
    let waiting =
        scene(pod(ours(), Some(("False", "OutsideFirewallBounds", "zone \u{1b}[2J"))), vec![refused]);
    let story = of(&waiting, at("2026-11-21T12:01:21Z"));
    assert!(story.text.contains("✗ firewall    OutsideFirewallBounds: zone dmz"), "{}", story.text);
    assert!(story.text.contains("· certificate nothing is known yet"), "{}", story.text);
    assert!(!story.text.contains('\u{1b}'), "no control characters");
    let open = scene(pod(ours(), Some(("True", "Enforced", "edge, 1 of 1 devices"))), Vec::new());
    let story = of(&open, at("2026-11-21T12:01:21Z"));
    assert!(
        !story.waits && story.text.starts_with("pod shop/pay-1 is let in by Sallyport\n"),
        "{}",
        story.text
    );
    assert!(!story.text.contains("whose turn"), "{}", story.text);
}

#[test]
fn law_2_break_glass_says_who_why_and_until_when() {
    let words = "GateOverride incident-4242 of jane until 2026-11-21T20:00:00Z: CHG-4242; not proven: FirewallUnreachable: no answer";
    let waiting = condition("FirewallEnforced", "False", "FirewallUnreachable", "no answer");
    let open = scene(pod(ours(), Some(("True", "BreakGlass", words))), vec![waiting]);
    let story = of(&open, at("2026-11-21T12:01:21Z"));
    assert!(!story.waits, "its gate is open");
    let head = "pod shop/pay-1 is let in without proof, by a GateOverride\n";
    assert!(story.text.starts_with(head), "{}", story.text);
    assert!(story.text.contains(&format!("✓ gate        BreakGlass: {words}")), "{}", story.text);
    assert!(story.text.contains("✗ firewall    FirewallUnreachable"), "{}", story.text);
    assert!(
        story.text.contains("whose turn: the platform team. The message names the override"),
        "{}",
        story.text
    );
    let story = of(&Scene { identity: None, ..open }, at("2026-11-21T12:01:21Z"));
    let words = "open all the same: BreakGlass: GateOverride";
    assert!(!story.waits && story.text.contains(words), "{}", story.text);
}

#[test]
fn a_pod_without_an_identity_is_explained_too() {
    let told = |labels: Value, enabled: bool| {
        let label = enabled.then(|| keys::INJECT_ENABLED.to_owned());
        let scene = Scene { enabled, label, identity: None, ..scene(pod(labels, None), Vec::new()) };
        of(&scene, at("2026-11-21T12:01:21Z")).text
    };
    assert!(told(json!({}), false).contains("does not carry the label sallyport.dev/inject: enabled"));
    assert!(told(json!({keys::INJECT: "disabled"}), true).contains("asked to be left out"));
    assert!(told(json!({}), true).contains("kubectl rollout restart"));
    assert!(told(ours(), true).contains("names WorkloadIdentity pay-4c9d8e10, and there is none"));
}

#[test]
fn a_namespace_with_another_value_of_the_label_is_told_so() {
    let scene = Scene {
        enabled: false,
        label: Some("true".to_owned()),
        identity: None,
        ..scene(pod(json!({}), None), Vec::new())
    };
    let text = of(&scene, at("2026-11-21T12:01:21Z")).text;
    assert!(text.contains("carries sallyport.dev/inject: true; only enabled turns it on"), "{text}");
    assert!(!text.contains("does not carry"), "{text}");
}

#[test]
fn a_pod_let_in_whose_name_is_no_longer_enforced_tells_whose_turn_it_is() {
    let refused = condition("FirewallEnforced", "False", "OutsideFirewallBounds", "zone dmz");
    let open = scene(pod(ours(), Some(("True", "Enforced", "edge, 1 of 1 devices"))), vec![refused]);
    let story = of(&open, at("2026-11-21T12:01:21Z"));
    let head = "pod shop/pay-1 was let in; the firewall is not shown to enforce its name now\n";
    assert!(!story.waits && story.text.starts_with(head), "{}", story.text);
    let reason = Reason::OutsideFirewallBounds;
    let turn = format!("\nwhose turn: {}. {}", reason.turn().as_str(), reason.action());
    assert!(story.text.contains(&turn), "{}", story.text);
}

#[test]
fn a_certificate_authority_that_does_not_exist_is_the_platform_teams_turn() {
    let told = |words: &str| {
        let waiting = condition("CertificateIssued", "False", "AuthorityUnavailable", words);
        let gate = Some(("False", "AuthorityUnavailable", words));
        of(&scene(pod(ours(), gate), vec![waiting]), at("2026-11-21T12:01:21Z")).text
    };
    let missing =
        told("CertificateAuthority corp-pca does not exist. Whose rule: IdentityPolicy shop names it");
    let turn = "\nwhose turn: the platform team. Create CertificateAuthority corp-pca, or have IdentityPolicy shop name another.";
    assert!(missing.contains(turn), "{missing}");
    assert!(told("no answer").contains("\nwhose turn: the certificate authority. "));
}

#[test]
fn a_held_pod_tells_whether_its_containers_may_start() {
    let told = |proven: Option<&str>| {
        let mut held = pod(ours(), None);
        held["spec"] = json!({"containers": [], "initContainers": [{"name": keys::HOLD}]});
        if let Some(proven) = proven {
            held["metadata"]["annotations"][keys::PROVEN] = json!(proven);
        }
        of(&scene(held, Vec::new()), at("2026-11-21T12:01:21Z")).text
    };
    let waits = told(None);
    assert!(
        waits.contains("\n  · containers  init container sallyport-hold holds them until the gate opens\n"),
        "{waits}"
    );
    let started = told(Some("Enforced 2026-11-21T12:01:00Z"));
    assert!(
        started.contains("\n  ✓ containers  start by sallyport.dev/proven Enforced 2026-11-21T12:01:00Z\n"),
        "{started}"
    );
    let plain = of(&scene(pod(ours(), None), Vec::new()), at("2026-11-21T12:01:21Z")).text;
    assert!(!plain.contains("containers"), "{plain}");
}
