//! How long an identity is wanted: while a workload's template gives it, or a living pod carries it.

use std::sync::Arc;

use sallyport_contract::object::Action;
use serde_json::{Value, json};

use super::cast::{
    DEFAULT, book, deployment, made, names, orphaned_replica_set_of, pod, pod_from, pod_meta, pod_of,
    replica_set_of_web, scene, web,
};
use crate::observe::{
    facts::Workload,
    wanted::{Plan, Scene, wanted},
};

const WEB: &str = "web.shop.corp.example";
const OLD: &str = "old.shop.corp.example";

#[test]
fn law_10_a_changed_name_is_a_second_identity_beside_the_first() {
    let workloads = || vec![web(json!({"sallyport.dev/san": WEB})), replica_set_of_web()];
    let old = || pod_of("old", "web", OLD, json!({"sallyport.dev/san": OLD}));
    let new = || pod_of("new", "web", WEB, json!({"sallyport.dev/san": WEB}));
    let made = || vec![made(OLD, Action::Allow, "uid-web")];
    let during = wanted(&scene(workloads(), vec![old(), new()], made()), &book(DEFAULT));
    assert_eq!((names(&during), during.complaints.len()), (vec![OLD.to_owned(), WEB.to_owned()], 0));
    let after = wanted(&scene(workloads(), vec![new()], made()), &book(DEFAULT));
    assert_eq!(names(&after), [WEB], "the first is no longer wanted when its last pod is gone");
}

#[test]
fn law_10_a_workload_at_zero_keeps_its_identity() {
    let object = json!({"metadata": {"name": "web", "namespace": "shop", "uid": "uid-web"},
        "spec": {"replicas": 0, "selector": {}, "template": {"spec": {"containers": []}}}});
    let at_zero = Workload::deployment(&serde_json::from_value(object).unwrap());
    assert_eq!(names(&wanted(&scene(vec![Arc::new(at_zero)], vec![], vec![]), &book(DEFAULT))), [WEB]);
}

fn job(name: &str, uid: &str, owners: Value) -> Arc<Workload> {
    let object = json!({"metadata": {"name": name, "namespace": "shop", "uid": uid, "ownerReferences": owners},
        "spec": {"template": {"spec": {"containers": []}}}, "status": {"succeeded": 1}});
    Arc::new(Workload::job(&serde_json::from_value(object).unwrap()))
}

fn cron_job() -> Arc<Workload> {
    let object = json!({"metadata": {"name": "report", "namespace": "shop", "uid": "uid-cron"}, "spec":
        {"schedule": "0 * * * *", "jobTemplate": {"spec": {"template": {"spec": {"containers": []}}}}}});
    Arc::new(Workload::cron_job(&serde_json::from_value(object).unwrap()))
}

fn of_cron() -> Value {
    json!([{"apiVersion": "batch/v1", "kind": "CronJob", "name": "report", "uid": "uid-cron", "controller": true}])
}

#[test]
fn law_10_a_cron_job_keeps_its_identity_between_its_runs() {
    let report = ["report.shop.corp.example"];
    let between = wanted(&scene(vec![cron_job()], vec![], vec![]), &book(DEFAULT));
    assert_eq!(names(&between), report);
    let mut meta = pod_meta("report-29384756-x", "x", report[0], json!({}));
    meta["ownerReferences"] = json!([{"apiVersion": "batch/v1", "kind": "Job", "name": "report-29384756",
        "uid": "uid-run", "controller": true}]);
    let workloads = vec![cron_job(), job("report-29384756", "uid-run", of_cron())];
    let running = wanted(&scene(workloads, vec![pod_from(meta)], vec![]), &book(DEFAULT));
    assert_eq!((names(&running), running.complaints.len()), (report.map(str::to_owned).to_vec(), 0));
    let only = running.identities.values().next().unwrap();
    assert!(
        only.made_for.iter().map(ToString::to_string).eq(["uid-cron"]),
        "all runs are the CronJob's: {:?}",
        only.made_for
    );
}

#[test]
fn law_10_a_finished_job_keeps_its_identity_as_long_as_the_job_is_there() {
    let done = wanted(&scene(vec![job("import", "j", json!([]))], vec![], vec![]), &book(DEFAULT));
    assert_eq!(names(&done), ["import.shop.corp.example"]);
    assert_eq!(wanted(&scene(vec![], vec![], vec![]), &book(DEFAULT)), Plan::default());
}

#[test]
fn law_10_pods_whose_workload_has_just_gone_keep_what_they_carry() {
    let made = || vec![made(WEB, Action::Allow, "uid-web")];
    let pods = || vec![pod(WEB, WEB, json!({}))];
    for (what, workloads) in [
        ("the Deployment has gone", vec![replica_set_of_web()]),
        ("the ReplicaSet too", vec![]),
        ("the Deployment was orphaned", vec![orphaned_replica_set_of("web")]),
    ] {
        let plan = wanted(&scene(workloads, pods(), made()), &book(DEFAULT));
        assert_eq!((names(&plan), plan.complaints.len()), (vec![WEB.to_owned()], 0), "{what}");
        assert_eq!(plan.identities.values().next().unwrap().held, None, "{what}");
    }
}

#[test]
fn a_pod_whose_owner_no_watch_told_yet_is_not_accused() {
    let plan = wanted(&scene(vec![web(json!({}))], vec![pod(OLD, OLD, json!({}))], vec![]), &book(DEFAULT));
    assert_eq!(plan.complaints.len(), 0);
}

#[test]
fn law_10_a_namespace_that_is_turned_off_keeps_what_its_pods_carry() {
    let pods = || vec![pod(WEB, WEB, json!({}))];
    let workloads = || vec![web(json!({})), replica_set_of_web()];
    let off = |made| Scene { enabled: false, ..scene(workloads(), pods(), made) };
    assert_eq!(names(&wanted(&off(vec![made(WEB, Action::Allow, "uid-web")]), &book(DEFAULT))), [WEB]);
    assert_eq!(wanted(&off(vec![]), &book(DEFAULT)), Plan::default(), "nothing new");
}

#[test]
fn blue_and_green_with_one_name_share_one_identity() {
    let wish = || json!({"sallyport.dev/san": "api.shop.corp.example"});
    let (early, late) = ("2027-01-01T00:00:00Z", "2027-01-02T00:00:00Z");
    let both = vec![deployment("blue", early, wish()), deployment("green", late, wish())];
    let plan = wanted(&scene(both, vec![], vec![]), &book(DEFAULT));
    let only = plan.identities.values().next().unwrap();
    assert_eq!((plan.identities.len(), plan.complaints.len()), (1, 0));
    assert!(
        only.made_for.iter().map(ToString::to_string).eq(["uid-blue", "uid-green"]),
        "{:?}",
        only.made_for
    );
    let switched = vec![deployment("green", late, wish())];
    let after = wanted(&scene(switched, vec![], vec![]), &book(DEFAULT));
    let same = after.identities.values().next().unwrap();
    assert_eq!(same.content, only.content, "the certificate and the firewall see no difference");
}
