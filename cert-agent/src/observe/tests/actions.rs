//! The action belongs to the name: of one workload the newest revision decides, of several none against the
//! others.

use std::sync::Arc;

use sallyport_contract::{Reason, object::Action};
use serde_json::{Value, json};

use super::cast::{
    DEFAULT, action_of, book, deployment, made, name_of, pod, pod_from, pod_meta, reasons, replica_set_of,
    replica_set_of_web, scene, web,
};
use crate::observe::{facts::PodFacts, wanted::wanted};

const API: &str = "api.shop.corp.example";
const EARLY: &str = "2027-01-01T00:00:00Z";
const LATE: &str = "2027-01-02T00:00:00Z";

fn ask(action: &str) -> Value {
    json!({"sallyport.dev/san": API, "sallyport.dev/action": action})
}

/// A pod of a Deployment, of a revision that asks for this.
fn old_pod(name: &str, deployment: &str, created: &str, wish: Value) -> Arc<PodFacts> {
    let names = wish["sallyport.dev/san"].as_str().unwrap().to_owned();
    let mut meta = pod_meta(name, deployment, &names, wish);
    meta["creationTimestamp"] = json!(created);
    pod_from(meta)
}

#[test]
fn the_action_belongs_to_the_name() {
    for (what, workloads, made, action, complaint) in [
        ("alone", vec![deployment("a", EARLY, ask("deny"))], vec![], Action::Deny, None),
        (
            "its own newest decides",
            vec![deployment("a", EARLY, ask("deny"))],
            vec![made(API, Action::Allow, "uid-a")],
            Action::Deny,
            None,
        ),
        (
            "the older decides",
            vec![deployment("a", LATE, ask("deny")), deployment("b", EARLY, ask("allow"))],
            vec![],
            Action::Allow,
            Some("a"),
        ),
        (
            "what stands decides",
            vec![deployment("a", LATE, ask("deny")), deployment("b", EARLY, ask("allow"))],
            vec![made(API, Action::Deny, "uid-a")],
            Action::Deny,
            Some("b"),
        ),
        (
            "they agree",
            vec![deployment("a", EARLY, ask("deny")), deployment("b", LATE, ask("deny"))],
            vec![made(API, Action::Allow, "uid-a")],
            Action::Deny,
            None,
        ),
    ] {
        let plan = wanted(&scene(workloads, vec![], made), &book(DEFAULT));
        assert_eq!(action_of(&plan, API), action, "{what}");
        let told: Vec<(&str, Reason)> =
            complaint.into_iter().map(|name| (name, Reason::ActionConflict)).collect();
        assert_eq!(reasons(&plan), told, "{what}");
    }
}

#[test]
fn a_refused_action_names_both_workloads_and_leaves_the_first_as_it_was() {
    let first = || deployment("a", EARLY, ask("allow"));
    let alone = wanted(&scene(vec![first()], vec![], vec![]), &book(DEFAULT));
    let second = deployment("b", LATE, ask("deny"));
    let stands = vec![made(API, Action::Allow, "uid-a")];
    let both = wanted(&scene(vec![first(), second], vec![], stands), &book(DEFAULT));
    assert_eq!(both.identities, alone.identities);
    let complaint = both.complaints.first().unwrap();
    assert_eq!(complaint.about.shown(), "Deployment shop/b");
    for words in ["Deployment shop/b asks to deny", "Deployment shop/a asks to allow", API, "Do: "] {
        assert!(complaint.message.contains(words), "{words}: {}", complaint.message);
    }
}

#[test]
fn an_old_pod_follows_its_template() {
    let workloads = vec![web(ask("deny")), replica_set_of_web()];
    let plan = wanted(&scene(workloads, vec![pod(API, API, ask("allow"))], vec![]), &book(DEFAULT));
    let only = plan.identities.get(name_of(API).as_str()).unwrap();
    assert_eq!((only.content.action, plan.complaints.len()), (Action::Deny, 0));
    assert!(only.made_for.iter().map(ToString::to_string).eq(["uid-web"]), "{:?}", only.made_for);
}

#[test]
fn old_pods_hold_up_no_change_that_all_their_workloads_agree_on() {
    let workloads = ["a", "b"].map(|name| [deployment(name, EARLY, ask("deny")), replica_set_of(name)]);
    let pods = ["a", "b"].map(|name| old_pod(&format!("{name}-x"), name, EARLY, ask("allow")));
    let stands = vec![made(API, Action::Allow, "uid-a,uid-b")];
    let plan = wanted(&scene(workloads.concat(), pods.to_vec(), stands), &book(DEFAULT));
    assert_eq!((action_of(&plan, API), reasons(&plan)), (Action::Deny, vec![]));
}

#[test]
fn the_template_of_an_undone_rollout_decides_against_the_pods_of_the_newer_one() {
    // Undone: the template is the first revision's again, while the second's pods still run.
    let workloads = vec![web(ask("allow")), replica_set_of_web()];
    let pods = vec![old_pod("newer", "web", LATE, ask("deny"))];
    let plan = wanted(&scene(workloads, pods, vec![made(API, Action::Deny, "uid-web")]), &book(DEFAULT));
    assert_eq!((action_of(&plan, API), plan.complaints.len()), (Action::Allow, 0));
}

#[test]
fn pods_of_revisions_whose_name_the_template_has_left_keep_the_last_word_on_it() {
    // Three revisions: the name allowed, the name denied, another name. The second was the last to speak.
    let other = json!({"sallyport.dev/san": "new.shop.corp.example"});
    let workloads = || vec![web(other.clone()), replica_set_of_web()];
    let pods = || vec![old_pod("one", "web", LATE, ask("allow")), old_pod("two", "web", EARLY, ask("deny"))];
    let stands = vec![made(API, Action::Deny, "uid-web")];
    let plan = wanted(&scene(workloads(), pods(), stands), &book(DEFAULT));
    assert_eq!((action_of(&plan, API), plan.complaints.len()), (Action::Deny, 0), "what stands");
    let plan = wanted(&scene(workloads(), pods(), vec![]), &book(DEFAULT));
    assert_eq!((action_of(&plan, API), plan.complaints.len()), (Action::Allow, 0), "else the youngest");
}

#[test]
fn a_conflict_about_one_of_several_names_is_found_whatever_their_order() {
    for (mine, theirs) in [("a", "b"), ("b", "a")] {
        let (mine, theirs) = (format!("{mine}.shop.corp.example"), format!("{theirs}.shop.corp.example"));
        let wish =
            |names: &str, action: &str| json!({"sallyport.dev/san": names, "sallyport.dev/action": action});
        // A pod of web denies both names, web's template by now only its own; another workload allows the other.
        let both = format!("{mine},{theirs}");
        let workloads = vec![
            web(wish(&mine, "deny")),
            replica_set_of_web(),
            deployment("other", EARLY, wish(&theirs, "allow")),
        ];
        let mut sorted = [mine.as_str(), theirs.as_str()];
        sorted.sort_unstable();
        let mut meta = pod_meta("old", "web", &mine, wish(&both, "allow"));
        meta["annotations"]["resolved.sallyport.dev/dns-names"] = json!(sorted.join(","));
        let names = sorted.map(|name| name.parse().unwrap());
        let names = sallyport_contract::DnsNames::new(names).unwrap();
        let delivery = sallyport_contract::object::Delivery::Secret;
        let name = sallyport_contract::IdentityName::of("shop", &names, delivery).to_string();
        meta["labels"]["sallyport.dev/identity"] = json!(name);
        let plan = wanted(&scene(workloads, vec![pod_from(meta)], vec![]), &book(DEFAULT));
        assert_eq!(action_of(&plan, &theirs), Action::Allow);
        assert_eq!(reasons(&plan), [("old", Reason::ActionConflict)], "{mine} is web's own");
    }
}
