//! What is wanted: cases of one namespace, from workloads and pods to identities and complaints.

use std::sync::Arc;

use sallyport_contract::{
    DnsNames, IdentityName, Reason,
    object::{Action, Delivery, IdentityPolicy, WorkloadIdentity},
    policy::PolicyBook,
};
use serde_json::{Value, json};

use super::{
    facts::{PodFacts, Workload},
    wanted::{MADE_FOR, Plan, Scene, wanted},
};

fn book(default: &str) -> PolicyBook {
    let policy: IdentityPolicy = serde_json::from_value(json!({
        "apiVersion": "sallyport.dev/v1alpha1", "kind": "IdentityPolicy", "metadata": {"name": "shop"},
        "spec": {"namespaces": ["shop"], "dnsNames": {"default": default, "allowed": ["*.shop.corp.example"]},
            "traffic": {"actions": ["Allow", "Deny"], "default": "Allow", "ports": [443],
                "from": {"zones": ["a"], "addresses": ["any"]}, "to": {"zones": ["b"], "addresses": ["any"]}},
            "certificate": {"authority": "ca"}, "firewall": "edge"}}))
    .unwrap();
    PolicyBook::new([&policy])
}

const DEFAULT: &str = "{workload}.shop.corp.example";

fn deployment(name: &str, created: &str, annotations: Value) -> Arc<Workload> {
    let object = json!({"metadata": {"name": name, "namespace": "shop", "uid": format!("uid-{name}"),
            "creationTimestamp": created},
        "spec": {"selector": {}, "template": {"metadata": {"annotations": annotations}, "spec": {"containers": []}}}});
    Arc::new(Workload::deployment(&serde_json::from_value(object).unwrap()))
}

fn web(annotations: Value) -> Arc<Workload> {
    deployment("web", "2027-01-01T00:00:00Z", annotations)
}

fn replica_set() -> Arc<Workload> {
    let object = json!({"metadata": {"name": "web-5d", "namespace": "shop", "uid": "rs", "ownerReferences":
        [{"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": "uid-web", "controller": true}]}});
    Arc::new(Workload::replica_set(&serde_json::from_value(object).unwrap()))
}

fn name_of(dns_name: &str) -> String {
    let names = DnsNames::new([dns_name.parse().unwrap()]).unwrap();
    IdentityName::of("shop", &names, Delivery::Secret).to_string()
}

/// A pod of web that says it is the identity of `label` with the names `names`.
fn pod(label: &str, names: &str, annotations: Value) -> Arc<PodFacts> {
    let mut annotations = annotations;
    annotations["resolved.sallyport.dev/dns-names"] = json!(names);
    let object = json!({"metadata": {"name": "web-5d-x", "namespace": "shop", "uid": "pod",
            "labels": {"sallyport.dev/identity": name_of(label)}, "annotations": annotations,
            "ownerReferences":
                [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-5d", "uid": "rs", "controller": true}]},
        "spec": {"containers": []}});
    Arc::new(PodFacts::read(&serde_json::from_value(object).unwrap()))
}

fn made(dns_name: &str, action: Action, made_for: &str) -> Arc<WorkloadIdentity> {
    let mut object: WorkloadIdentity = serde_json::from_value(json!({
        "apiVersion": "sallyport.dev/v1alpha1", "kind": "WorkloadIdentity",
        "metadata": {"name": name_of(dns_name), "namespace": "shop", "annotations": {MADE_FOR: made_for}},
        "spec": {"dnsNames": [dns_name], "delivery": "Secret", "action": action, "policy": "shop",
            "certificate": {"authority": "ca"}, "firewall": "edge"}}))
    .unwrap();
    object.metadata.uid = Some("wid".to_owned());
    Arc::new(object)
}

fn scene(workloads: Vec<Arc<Workload>>, pods: Vec<Arc<PodFacts>>, made: Vec<Arc<WorkloadIdentity>>) -> Scene {
    let labels = [("sallyport.dev/inject".to_owned(), "enabled".to_owned())].into();
    Scene { namespace: "shop".to_owned(), enabled: true, labels, workloads, pods, made }
}

fn names(plan: &Plan) -> Vec<String> {
    let mut names: Vec<String> =
        plan.identities.values().map(|wanted| wanted.identity.dns_names.to_string()).collect();
    names.sort();
    names
}

fn reasons(plan: &Plan) -> Vec<(&str, Reason)> {
    plan.complaints.iter().map(|complaint| (complaint.about.name.as_str(), complaint.reason)).collect()
}

#[test]
fn templates_give_identities_and_refusals() {
    let workloads = vec![
        web(json!({})),
        deployment("pay", "2027-01-01T00:00:00Z", json!({"sallyport.dev/san": "api.shop.corp.example"})),
        deployment("bad", "2027-01-01T00:00:00Z", json!({"sallyport.dev/san": "web.bill.corp.example"})),
    ];
    let plan = wanted(&scene(workloads.clone(), vec![], vec![]), &book(DEFAULT));
    assert_eq!(names(&plan), ["api.shop.corp.example", "web.shop.corp.example"]);
    assert_eq!(reasons(&plan), [("bad", Reason::NameRefused)]);
    let off = Scene { enabled: false, ..scene(workloads, vec![], vec![]) };
    assert_eq!(wanted(&off, &book(DEFAULT)), Plan::default());
}

#[test]
fn law_4_what_a_pod_carries_is_only_compared() {
    let (web_name, old) = ("web.shop.corp.example", "old.shop.corp.example");
    let workloads = || vec![web(json!({})), replica_set()];
    let made_for_web = || vec![made(old, Action::Allow, "uid-web")];
    let made_for_other = || vec![made(old, Action::Allow, "uid-pay")];
    for (what, pods, made, identities, tampered) in [
        ("as derived", vec![pod(web_name, web_name, json!({}))], vec![], vec![web_name], false),
        ("another's label", vec![pod(old, old, json!({}))], vec![], vec![web_name], true),
        ("another's identity", vec![pod(old, old, json!({}))], made_for_other(), vec![web_name], true),
        (
            "its own earlier identity",
            vec![pod(old, old, json!({}))],
            made_for_web(),
            vec![old, web_name],
            false,
        ),
        ("label and names differ", vec![pod(old, web_name, json!({}))], made_for_web(), vec![web_name], true),
        ("names changed", vec![pod(web_name, old, json!({}))], vec![], vec![web_name], true),
        (
            "an earlier wish",
            vec![pod(old, old, json!({"sallyport.dev/san": old}))],
            vec![],
            vec![old, web_name],
            false,
        ),
    ] {
        let plan = wanted(&scene(workloads(), pods, made), &book(DEFAULT));
        assert_eq!(names(&plan), identities, "{what}");
        let told: &[(&str, Reason)] = if tampered { &[("web-5d-x", Reason::Tampered)] } else { &[] };
        assert_eq!(reasons(&plan), told, "{what}");
    }
}

#[test]
fn a_pod_whose_owner_no_watch_told_yet_is_not_accused() {
    let pods = vec![pod("old.shop.corp.example", "old.shop.corp.example", json!({}))];
    let plan = wanted(&scene(vec![web(json!({}))], pods, vec![]), &book(DEFAULT));
    assert_eq!(plan.complaints.len(), 0);
}

#[test]
fn law_13_a_tightened_policy_keeps_what_lives_and_gives_nothing_new() {
    let old = "old.shop.corp.example";
    let made = vec![made(old, Action::Allow, "uid-web")];
    let tight: IdentityPolicy = serde_json::from_value(json!({
        "apiVersion": "sallyport.dev/v1alpha1", "kind": "IdentityPolicy", "metadata": {"name": "shop"},
        "spec": {"namespaces": ["shop"], "dnsNames": {"default": "{workload}.tight.corp.example"},
            "traffic": {"actions": ["Allow"], "default": "Allow", "ports": [443],
                "from": {"zones": ["a"], "addresses": ["any"]}, "to": {"zones": ["b"], "addresses": ["any"]}},
            "certificate": {"authority": "ca"}, "firewall": "edge"}}))
    .unwrap();
    let scene = scene(vec![web(json!({})), replica_set()], vec![pod(old, old, json!({}))], made);
    let plan = wanted(&scene, &PolicyBook::new([&tight]));
    let kept = plan.identities.get(&name_of(old)).unwrap();
    assert!(kept.held.as_ref().is_some_and(|why| why.contains("is not allowed")), "{kept:?}");
    assert!(plan.identities.values().any(|wanted| wanted.held.is_none()));
}

#[test]
fn law_10_a_namespace_that_is_turned_off_keeps_what_its_pods_carry() {
    let name = "web.shop.corp.example";
    let pods = || vec![pod(name, name, json!({}))];
    let off = |made| Scene { enabled: false, ..scene(vec![web(json!({})), replica_set()], pods(), made) };
    assert_eq!(names(&wanted(&off(vec![made(name, Action::Allow, "uid-web")]), &book(DEFAULT))), [name]);
    assert_eq!(wanted(&off(vec![]), &book(DEFAULT)), Plan::default(), "nothing new");
}

#[test]
fn the_action_belongs_to_the_name() {
    let san = "api.shop.corp.example";
    let ask = |action: &str| json!({"sallyport.dev/san": san, "sallyport.dev/action": action});
    let (early, late) = ("2027-01-01T00:00:00Z", "2027-01-02T00:00:00Z");
    for (what, workloads, made, action, complaint) in [
        ("alone", vec![deployment("a", early, ask("deny"))], vec![], Action::Deny, None),
        (
            "its own newest decides",
            vec![deployment("a", early, ask("deny"))],
            vec![made(san, Action::Allow, "uid-a")],
            Action::Deny,
            None,
        ),
        (
            "the older decides",
            vec![deployment("a", late, ask("deny")), deployment("b", early, ask("allow"))],
            vec![],
            Action::Allow,
            Some("a"),
        ),
        (
            "what stands decides",
            vec![deployment("a", late, ask("deny")), deployment("b", early, ask("allow"))],
            vec![made(san, Action::Deny, "uid-a")],
            Action::Deny,
            Some("b"),
        ),
        (
            "they agree",
            vec![deployment("a", early, ask("deny")), deployment("b", late, ask("deny"))],
            vec![made(san, Action::Allow, "uid-a")],
            Action::Deny,
            None,
        ),
    ] {
        let plan = wanted(&scene(workloads, vec![], made), &book(DEFAULT));
        let decided = plan.identities.get(&name_of(san)).unwrap().identity.action;
        assert_eq!(decided, action, "{what}");
        let told: Vec<(&str, Reason)> =
            complaint.into_iter().map(|name| (name, Reason::ActionConflict)).collect();
        assert_eq!(reasons(&plan), told, "{what}");
    }
}

#[test]
fn an_old_pod_follows_its_template() {
    let san = "api.shop.corp.example";
    let ask = |action: &str| json!({"sallyport.dev/san": san, "sallyport.dev/action": action});
    let plan = wanted(
        &scene(vec![web(ask("deny")), replica_set()], vec![pod(san, san, ask("allow"))], vec![]),
        &book(DEFAULT),
    );
    let only = plan.identities.get(&name_of(san)).unwrap();
    assert_eq!((only.identity.action, plan.complaints.len()), (Action::Deny, 0));
    assert_eq!(only.made_for.iter().map(String::as_str).collect::<Vec<_>>(), ["uid-web"]);
}

#[test]
fn each_ordinal_of_a_stateful_set_may_have_its_own_name() {
    let object = json!({"metadata": {"name": "db", "namespace": "shop", "uid": "s"},
        "spec": {"replicas": 3, "serviceName": "db", "selector": {}, "template": {"spec": {"containers": []}}}});
    let set = Arc::new(Workload::stateful_set(&serde_json::from_value(object).unwrap()));
    let plan = wanted(&scene(vec![set], vec![], vec![]), &book("{pod}.shop.corp.example"));
    assert_eq!(names(&plan), ["db-0", "db-1", "db-2"].map(|pod| format!("{pod}.shop.corp.example")));
}
