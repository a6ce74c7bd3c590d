//! Law 4: what a person writes on a pod, or on an object between it and its workload, is only compared.

use sallyport_contract::{Reason, object::Action};
use serde_json::{Value, json};

use super::cast::{
    DEFAULT, book, made, name_in, name_of, names, pod, pod_from, pod_meta, pod_of, reasons,
    replica_set_of_web, scene, web,
};
use crate::observe::wanted::{Plan, wanted};

const WEB: &str = "web.shop.corp.example";
const PAY: &str = "pay.shop.corp.example";

#[test]
fn law_4_what_a_pod_carries_is_only_compared() {
    let old = "old.shop.corp.example";
    let workloads = || vec![web(json!({})), replica_set_of_web()];
    let made_for_web = || vec![made(old, Action::Allow, "uid-web")];
    let made_for_other = || vec![made(old, Action::Allow, "uid-pay")];
    for (what, pods, made, identities, tampered) in [
        ("as derived", vec![pod(WEB, WEB, json!({}))], vec![], vec![WEB], false),
        ("another's label", vec![pod(old, old, json!({}))], vec![], vec![WEB], true),
        ("another's identity", vec![pod(old, old, json!({}))], made_for_other(), vec![WEB], true),
        ("its own earlier identity", vec![pod(old, old, json!({}))], made_for_web(), vec![old, WEB], false),
        ("label and names differ", vec![pod(old, WEB, json!({}))], made_for_web(), vec![WEB], true),
        ("names changed", vec![pod(WEB, old, json!({}))], vec![], vec![WEB], true),
        (
            "an earlier wish",
            vec![pod(old, old, json!({"sallyport.dev/san": old}))],
            vec![],
            vec![old, WEB],
            false,
        ),
    ] {
        let plan = wanted(&scene(workloads(), pods, made), &book(DEFAULT));
        assert_eq!(names(&plan), identities, "{what}");
        let told: &[(&str, Reason)] = if tampered { &[("web-5d-x", Reason::Tampered)] } else { &[] };
        assert_eq!(reasons(&plan), told, "{what}");
    }
}

/// The plan of a namespace with Deployments web and pay, and one pod.
fn beside_pay(metadata: Value) -> Plan {
    let pay = super::cast::deployment("pay", "2027-01-01T00:00:00Z", json!({}));
    let workloads = vec![web(json!({})), replica_set_of_web(), pay];
    wanted(&scene(workloads, vec![pod_from(metadata)], vec![]), &book(DEFAULT))
}

fn owner(version: &str, kind: &str, name: &str, uid: &str) -> Value {
    json!([{"apiVersion": version, "kind": kind, "name": name, "uid": uid, "controller": true}])
}

#[test]
fn law_4_forged_owners_and_answers_give_nothing_that_the_policy_would_not() {
    let says_pay = || pod_meta("forged", "web", PAY, json!({}));
    let with = |key: &str, value: Value| {
        let mut meta = says_pay();
        meta[key] = value;
        meta
    };
    let with_annotation = |key: &str, value: &str| {
        let mut meta = says_pay();
        meta["annotations"][key] = json!(value);
        meta
    };
    for (what, metadata) in [
        ("answers of another workload's identity", says_pay()),
        ("the CronJob's annotation", with_annotation("resolved.sallyport.dev/workload", "pay")),
        ("an owner's name", with("ownerReferences", owner("apps/v1", "ReplicaSet", "pay-5d", "rs-web"))),
        ("an owner's UID", with("ownerReferences", owner("apps/v1", "ReplicaSet", "pay-5d", "uid-pay"))),
        ("another kind", with("ownerReferences", owner("example.org/v1", "Pay", "pay", "uid-pay"))),
    ] {
        let plan = beside_pay(metadata);
        assert_eq!(reasons(&plan), [("forged", Reason::Tampered)], "{what}");
        let pay = &plan.identities[name_of(PAY).as_str()];
        assert!(pay.made_for.iter().map(ToString::to_string).eq(["uid-pay"]), "{what}: {:?}", pay.made_for);
    }
    let plain = beside_pay(pod_meta("web-5d-x", "web", WEB, json!({})));
    assert_eq!(plain.complaints.len(), 0, "a pod that carries its own is no forgery");
}

#[test]
fn law_4_an_owner_that_is_not_there_gives_nothing_new_and_accuses_nobody() {
    for (what, dns_name, annotations) in [
        ("by its name", "ghost.shop.corp.example", json!({})),
        ("by the CronJob's annotation", PAY, json!({"resolved.sallyport.dev/workload": "pay"})),
        ("by a wish", "wish.shop.corp.example", json!({"sallyport.dev/san": "wish.shop.corp.example"})),
    ] {
        for (kind, version) in [("ReplicaSet", "apps/v1"), ("Job", "batch/v1")] {
            let mut meta = pod_meta("forged", "ghost", dns_name, annotations.clone());
            meta["ownerReferences"] = owner(version, kind, "ghost-5d", "nobody");
            let plan = wanted(&scene(vec![web(json!({}))], vec![pod_from(meta)], vec![]), &book(DEFAULT));
            assert_eq!((names(&plan), plan.complaints.len()), (vec![WEB.to_owned()], 0), "{what}, {kind}");
        }
    }
}

#[test]
fn law_5_a_replica_set_that_names_anothers_deployment_gets_what_the_policy_gives_its_pods() {
    // Inside a namespace a workload's name is a convention: its pods are taken for web's, with web's own
    // names or names that they ask for and the policy gives; never with others.
    let plan = |dns_name: &str, annotations: Value| {
        let pods = vec![pod_of("forged", "web", dns_name, annotations)];
        wanted(&scene(vec![web(json!({})), replica_set_of_web()], pods, vec![]), &book(DEFAULT))
    };
    let own = plan(WEB, json!({}));
    assert_eq!((names(&own), own.complaints.len()), (vec![WEB.to_owned()], 0));
    let asked = plan(PAY, json!({"sallyport.dev/san": PAY}));
    assert_eq!((names(&asked), asked.complaints.len()), (vec![PAY.to_owned(), WEB.to_owned()], 0));
    let elsewhere = "web.bill.corp.example";
    let refused = plan(elsewhere, json!({"sallyport.dev/san": elsewhere}));
    assert_eq!(names(&refused), [WEB]);
    assert_eq!(reasons(&refused), [("forged", Reason::Tampered)]);
}

#[test]
fn law_5_such_pods_never_speak_against_a_template() {
    let deny = json!({"sallyport.dev/san": PAY, "sallyport.dev/action": "deny"});
    let mut early = pod_meta("forged", "web", PAY, deny);
    early["creationTimestamp"] = json!("2020-01-01T00:00:00Z");
    let pay = super::cast::deployment("pay", "2027-01-01T00:00:00Z", json!({}));
    let workloads = vec![web(json!({})), replica_set_of_web(), pay];
    let plan = wanted(&scene(workloads, vec![pod_from(early)], vec![]), &book(DEFAULT));
    assert_eq!(super::cast::action_of(&plan, PAY), Action::Allow);
    assert_eq!(reasons(&plan), [("forged", Reason::ActionConflict)]);
}

#[test]
fn law_4_a_forged_template_hash_makes_no_pod_a_deployments() {
    let own = json!({"metadata": {"name": "pay-5d", "namespace": "shop", "uid": "rs-pay"}});
    let own = crate::observe::facts::Workload::replica_set(&serde_json::from_value(own).unwrap());
    let workloads = vec![std::sync::Arc::new(own)];
    let plan =
        wanted(&scene(workloads.clone(), vec![pod_of("x", "pay", PAY, json!({}))], vec![]), &book(DEFAULT));
    assert_eq!((plan.identities.len(), reasons(&plan)), (0, vec![("x", Reason::Tampered)]));
    let whole = "pay-5d.shop.corp.example";
    let plan = wanted(&scene(workloads, vec![pod_of("x", "pay", whole, json!({}))], vec![]), &book(DEFAULT));
    assert_eq!((names(&plan), plan.complaints.len()), (vec![whole.to_owned()], 0), "its own name");
}

#[test]
fn law_5_the_name_of_another_namespaces_identity_means_nothing_here() {
    let theirs = "web.bill.corp.example";
    for dns_name in [theirs, WEB] {
        let mut meta = pod_meta("forged", "web", dns_name, json!({}));
        meta["labels"]["sallyport.dev/identity"] = json!(name_in("bill", dns_name));
        let workloads = vec![web(json!({})), replica_set_of_web()];
        let plan = wanted(&scene(workloads, vec![pod_from(meta)], vec![]), &book(DEFAULT));
        assert_eq!(
            (names(&plan), reasons(&plan)),
            (vec![WEB.to_owned()], vec![("forged", Reason::Tampered)])
        );
    }
}

#[test]
fn law_4_a_pod_made_by_hand_while_the_webhook_was_away_is_judged_like_every_other() {
    let by_hand = |dns_name: &str| {
        let mut meta = pod_meta("solo", "nobody", dns_name, json!({}));
        meta.as_object_mut().unwrap().remove("ownerReferences");
        wanted(&scene(vec![], vec![pod_from(meta)], vec![]), &book(DEFAULT))
    };
    let honest = by_hand("solo.shop.corp.example");
    assert_eq!((names(&honest), honest.complaints.len()), (vec!["solo.shop.corp.example".to_owned()], 0));
    let lying = by_hand(WEB);
    assert_eq!((lying.identities.len(), reasons(&lying)), (0, vec![("solo", Reason::Tampered)]));
    let mut label_only = pod_meta("solo", "nobody", "solo.shop.corp.example", json!({}));
    label_only.as_object_mut().unwrap().remove("ownerReferences");
    label_only["annotations"] = json!({});
    let plan = wanted(&scene(vec![], vec![pod_from(label_only)], vec![]), &book(DEFAULT));
    assert_eq!((plan.identities.len(), reasons(&plan)), (0, vec![("solo", Reason::Tampered)]));
}
