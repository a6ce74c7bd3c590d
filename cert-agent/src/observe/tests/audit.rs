//! A policy in mode Audit: told what would be, nothing made, nothing taken.

use sallyport_contract::{Reason, object::Action};
use serde_json::json;

use super::cast::{
    DEFAULT, book, book_with, deployment, made, names, pod, reasons, replica_set_of_web, scene, web,
};
use crate::observe::wanted::wanted;

const WEB: &str = "web.shop.corp.example";

#[test]
fn an_audit_makes_nothing_and_tells_what_would_be_refused() {
    let bad =
        || deployment("bad", "2027-01-01T00:00:00Z", json!({"sallyport.dev/san": "web.bill.corp.example"}));
    let workloads = || vec![web(json!({})), bad()];
    let audited = wanted(&scene(workloads(), vec![], vec![]), &book_with(&json!({"mode": "Audit"})));
    assert_eq!((audited.identities.len(), reasons(&audited)), (0, vec![("bad", Reason::NameRefused)]));
    let message = &audited.complaints.first().unwrap().message;
    assert!(
        message.starts_with("would be refused") && message.contains("web.bill.corp.example"),
        "{message}"
    );
    let enforced = wanted(&scene(workloads(), vec![], vec![]), &book(DEFAULT));
    assert_eq!(names(&enforced), [WEB], "the same, enforced");
    assert!(!enforced.complaints.first().unwrap().message.starts_with("would"));
}

#[test]
fn law_10_pods_keep_what_they_carry_when_a_policy_goes_back_to_audit() {
    let audit = book_with(&json!({"mode": "Audit"}));
    let workloads = || vec![web(json!({})), replica_set_of_web()];
    let made = || vec![made(WEB, Action::Allow, "uid-web")];
    let living = wanted(&scene(workloads(), vec![pod(WEB, WEB, json!({}))], made()), &audit);
    assert_eq!((names(&living), living.complaints.len()), (vec![WEB.to_owned()], 0));
    let gone = wanted(&scene(workloads(), vec![], made()), &audit);
    assert_eq!(gone.identities.len(), 0, "no longer than they live");
}

#[test]
fn law_4_answers_by_hand_make_nothing_in_an_audit() {
    let audit = book_with(&json!({"mode": "Audit"}));
    let by_hand = vec![pod(WEB, WEB, json!({}))];
    let plan = wanted(&scene(vec![web(json!({})), replica_set_of_web()], by_hand, vec![]), &audit);
    assert_eq!((plan.identities.len(), reasons(&plan)), (0, vec![("web-5d-x", Reason::Tampered)]));
}
