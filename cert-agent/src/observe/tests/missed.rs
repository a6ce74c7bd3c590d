//! What slipped past the webhook, by what made it slip.

use std::sync::Arc;

use sallyport_contract::policy::PolicyBook;
use serde_json::{Value, json};

use super::cast::{DEFAULT, book, book_with, pod_from, pod_of, replica_set_of_web, scene, web};
use crate::observe::{
    facts::PodFacts,
    missed::{Missed, Why},
    wanted::{Scene, wanted},
};

const WEB: &str = "web.shop.corp.example";

/// A pod of web that nobody injected, with more in its metadata.
fn bare_of_web(name: &str, more: Value) -> Arc<PodFacts> {
    let mut meta = json!({"name": name, "namespace": "shop", "uid": format!("uid-{name}"),
        "labels": {"pod-template-hash": "5d"},
        "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-5d", "uid": "rs-web", "controller": true}]});
    for (key, value) in more.as_object().unwrap() {
        meta[key] = value.clone();
    }
    pod_from(meta)
}

fn found(pods: Vec<Arc<PodFacts>>, book: &PolicyBook) -> Vec<Missed> {
    wanted(&scene(vec![web(json!({})), replica_set_of_web()], pods, vec![]), book).missed
}

fn told(missed: &[Missed]) -> Vec<(Why, String, usize)> {
    missed.iter().map(|one| (one.why, one.about.shown(), one.pods)).collect()
}

#[test]
fn pods_without_an_identity_are_found_by_workload_with_the_command_that_mends_them() {
    let pods = vec![bare_of_web("web-5d-a", json!({})), bare_of_web("web-5d-b", json!({}))];
    let missed = found(pods.clone(), &book(DEFAULT));
    assert_eq!(told(&missed), [(Why::NotInjected, "Deployment shop/web".to_owned(), 2)]);
    assert_eq!(missed[0].mend, "kubectl -n shop rollout restart deployment/web");
    assert!(missed[0].words().starts_with("pods of Deployment shop/web run without an identity: "));
    let well = vec![pod_of("web-5d-x", "web", WEB, json!({}))];
    assert_eq!(found(well, &book(DEFAULT)), [], "injected");
    for (what, more) in
        [("only audits", json!({"mode": "Audit"})), ("selects others", json!({"namespaces": ["bank"]}))]
    {
        let missed = found(pods.clone(), &book_with(&more));
        let refused = missed.iter().all(|one| one.why == Why::Refused);
        assert!(refused && missed.is_empty() == (what == "only audits"), "{what}: {missed:?}");
    }
    let off = Scene { enabled: false, ..scene(vec![], pods, vec![]) };
    assert_eq!(wanted(&off, &book(DEFAULT)).missed, [], "not enabled");
}

#[test]
fn who_may_be_left_out_is_not_missed_and_who_may_not_is() {
    let out = || vec![bare_of_web("web-5d-a", json!({"labels": {"sallyport.dev/inject": "disabled"}}))];
    assert_eq!(found(out(), &book_with(&json!({"optOut": "Allow"}))), []);
    let missed = found(out(), &book_with(&json!({"optOut": "Forbid"})));
    assert_eq!(told(&missed), [(Why::Refused, "Deployment shop/web".to_owned(), 1)]);
    assert!(missed[0].what.contains("optOut: Forbid"), "{}", missed[0].what);
}

#[test]
fn pods_of_an_earlier_policy_and_pods_without_a_gate_are_found() {
    let of_before = vec![pod_of("web-5d-x", "web", WEB, json!({}))];
    let missed = found(of_before, &book("{workload}.new.shop.corp.example"));
    assert_eq!(told(&missed), [(Why::Outdated, "Deployment shop/web".to_owned(), 1)]);
    assert!(missed[0].what.ends_with("gives them web.new.shop.corp.example"), "{}", missed[0].what);
    let mut pod = (*pod_of("web-5d-x", "web", WEB, json!({}))).clone();
    pod.gated = false;
    let missed = found(vec![Arc::new(pod)], &book(DEFAULT));
    assert_eq!(told(&missed), [(Why::NotInjected, "Deployment shop/web".to_owned(), 1)]);
}

#[test]
fn static_pods_are_nobodys_business_and_bare_ones_are_named_themselves() {
    let of = |owner: &str| json!([{"apiVersion": "v1", "kind": owner, "name": "node-1", "uid": "n", "controller": true}]);
    let mirror = |owner: &str| {
        bare_of_web(
            "etcd",
            json!({"annotations": {"kubernetes.io/config.mirror": "x"}, "ownerReferences": of(owner)}),
        )
    };
    assert_eq!(found(vec![mirror("Node")], &book(DEFAULT)), []);
    let missed = found(vec![mirror("Thing")], &book(DEFAULT));
    assert_eq!(missed[0].mend, "kubectl -n shop delete pod etcd, its owner makes it anew");
    let bare = bare_of_web("once", json!({"ownerReferences": []}));
    let missed = found(vec![bare], &book(DEFAULT));
    assert_eq!(told(&missed), [(Why::NotInjected, "Pod shop/once".to_owned(), 1)]);
    assert_eq!(missed[0].mend, "kubectl -n shop delete pod once, and apply it again");
}
