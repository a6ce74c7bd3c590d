//! An edited policy makes no running pod a forgery; it gives nothing new that it would not give.

use sallyport_contract::{object::Action, policy::PolicyBook};
use serde_json::json;

use super::cast::{
    DEFAULT, book, book_with, made, name_of, pod, pod_from, pod_meta, replica_set_of_web, scene, web,
};
use crate::observe::wanted::{WantedIdentity, wanted};

const WEB: &str = "web.shop.corp.example";

/// What becomes of the identity that a running pod of web carries, with the policy as it is now; and nobody
/// is accused.
fn kept(book: &PolicyBook) -> WantedIdentity {
    let made = vec![made(WEB, Action::Allow, "uid-web")];
    let workloads = vec![web(json!({})), replica_set_of_web()];
    let plan = wanted(&scene(workloads, vec![pod(WEB, WEB, json!({}))], made), book);
    let tampered = plan.complaints.iter().any(|complaint| complaint.about.kind == "Pod");
    assert!(!tampered, "{:?}", plan.complaints);
    plan.identities[name_of(WEB).as_str()].clone()
}

#[test]
fn law_4_an_edited_policy_alone_makes_no_running_pod_a_forgery() {
    let names = |default: &str, allowed: serde_json::Value| json!({"dnsNames": {"default": default, "allowed": allowed}});
    let wide = json!(["*.shop.corp.example"]);
    for (what, book, held) in [
        ("the same", book(DEFAULT), None),
        (
            "another default, names still allowed",
            book_with(&names("{workload}.new.corp.example", wide)),
            None,
        ),
        (
            "names no longer given",
            book_with(&names("{workload}.new.corp.example", json!([]))),
            Some("is not allowed"),
        ),
        (
            "the action no longer allowed, but the template gets another",
            book_with(&json!({"traffic": {"actions": ["Deny"], "default": "Deny", "ports": [443],
                "from": {"zones": ["a"], "addresses": ["any"]}, "to": {"zones": ["b"], "addresses": ["any"]}}})),
            None,
        ),
        ("no policy at all", PolicyBook::new([]), Some("no policy holds it")),
        (
            "a policy with a mistake",
            book_with(&json!({"namespaceSelector": {}})),
            Some("cannot be understood"),
        ),
        ("it only audits now", book_with(&json!({"mode": "Audit"})), None),
    ] {
        let kept = kept(&book);
        match held {
            None => assert_eq!(kept.held, None, "{what}"),
            Some(words) => {
                assert!(kept.held.as_ref().is_some_and(|why| why.contains(words)), "{what}: {kept:?}");
            }
        }
    }
}

#[test]
fn law_13_a_tightened_policy_keeps_what_lives_and_gives_nothing_new() {
    let names = json!({"dnsNames": {"default": "{workload}.tight.corp.example"}});
    let old = "old.shop.corp.example";
    let made = vec![made(old, Action::Allow, "uid-web")];
    let scene = scene(vec![web(json!({})), replica_set_of_web()], vec![pod(old, old, json!({}))], made);
    let plan = wanted(&scene, &book_with(&names));
    assert!(plan.identities[name_of(old).as_str()].held.is_some());
    assert!(plan.identities.values().any(|wanted| wanted.held.is_none()), "today's name for new pods");
}

#[test]
fn law_4_terms_follow_the_policy_of_today() {
    let terms = json!({"authority": "other", "lifetime": "72h"});
    let kept = kept(&book_with(&json!({"certificate": terms})));
    assert_eq!(kept.content.terms.certificate.authority, "other");
}

#[test]
fn law_4_a_bare_pod_outlives_its_policy_too() {
    let solo = "solo.shop.corp.example";
    let mut meta = pod_meta("solo", "nobody", solo, json!({}));
    meta.as_object_mut().unwrap().remove("ownerReferences");
    let made = vec![made(solo, Action::Allow, "uid-solo")];
    let names = json!({"dnsNames": {"default": "{workload}.new.corp.example"}});
    let plan = wanted(&scene(vec![], vec![pod_from(meta)], made), &book_with(&names));
    assert_eq!(plan.complaints.len(), 0);
    assert!(plan.identities[name_of(solo).as_str()].held.is_some());
}
