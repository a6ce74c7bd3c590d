//! Workloads whose programs read their certificate once are made anew after a renewal, before the old one ends.

use k8s_openapi::api::apps::v1::Deployment;
use sallyport_contract::keys;
use serde_json::json;

use super::{
    authority::Script,
    stage::{NAMESPACE, Stage, WEB, name},
};
use crate::cluster::ClusterError;

fn policy(stage: &Stage, on_renewal: &str) {
    stage.policy(
        NAMESPACE,
        &json!({"certificate": {"authority": "ca", "lifetime": "144h", "onRenewal": on_renewal}}),
    );
}

/// The Deployment as the API server has it, and a pod of it that began now.
fn begin(stage: &Stage) {
    let object = json!({"metadata": {"name": WEB, "namespace": NAMESPACE, "uid": format!("uid-of-{WEB}"), "resourceVersion": "1"},
        "spec": {"selector": {}, "template": {"metadata": {"annotations": {"note": "mine"}}, "spec": {"containers": []}}}});
    stage.store("deployments", NAMESPACE, WEB, &object);
    runs(stage, "pod-1");
}

fn runs(stage: &Stage, uid: &str) {
    let pod = json!({"metadata": {"name": "web-pod", "namespace": NAMESPACE, "uid": uid,
        "labels": {keys::IDENTITY: name(WEB)}}, "spec": {"containers": []}, "status": {"phase": "Running",
        "containerStatuses": [{"name": "nginx", "image": "i", "imageID": "i", "ready": true, "restartCount": 0,
            "state": {"running": {"startedAt": stage.now().round(jiff::Unit::Second).unwrap()}}}]}});
    stage.pod_object(&pod);
}

fn restarted_for(stage: &Stage) -> Option<String> {
    let object: Deployment = stage.twin.stored(NAMESPACE, WEB).unwrap();
    let object = serde_json::to_value(object).unwrap();
    let annotations = &object["spec"]["template"]["metadata"]["annotations"];
    assert_eq!(annotations["note"], "mine");
    annotations[keys::RESTARTED_FOR].as_str().map(str::to_owned)
}

fn serial(stage: &Stage) -> String {
    stage.identity(WEB).status.unwrap().certificate.unwrap().serial
}

/// Whether people are told of the pod that is older than its certificate.
async fn older(stage: &Stage) -> bool {
    stage.sweep().await;
    stage.counted("pods_older_than_certificate") > 0.5
}

/// A pod that began with the first certificate, moments after the second is delivered.
async fn renewed(on_renewal: &str) -> Stage {
    let stage = Stage::scripted(Script::default()).await;
    policy(&stage, on_renewal);
    stage.deployment(WEB, json!({}));
    stage.settle().await;
    stage.pass(3).await;
    begin(&stage);
    stage.look_again().await;
    assert_eq!(restarted_for(&stage), None, "the first certificate replaces none");
    stage.sleep(112).await;
    stage.pass(3).await;
    assert_eq!(stage.script.certificates().values().sum::<usize>(), 2, "renewed");
    stage
}

#[tokio::test(start_paused = true)]
async fn a_workload_is_restarted_once_after_a_renewal_and_only_where_the_policy_says_so() {
    let stage = renewed("RestartWorkload").await;
    assert_eq!(restarted_for(&stage), None, "spread over the time that is left");
    stage.pass(3700).await;
    assert_eq!(restarted_for(&stage), Some(serial(&stage)));
    assert!(older(&stage).await);
    let patches = || stage.journal().iter().filter(|line| line.contains("patch deployments")).count();
    stage.look_again().await;
    assert_eq!(patches(), 1, "once for each certificate, however long its pods take");
    runs(&stage, "pod-2");
    stage.look_again().await;
    assert_eq!((patches(), older(&stage).await), (1, false));

    let plain = renewed("None").await;
    plain.pass(3700).await;
    assert_eq!(restarted_for(&plain), None);
    assert!(older(&plain).await, "but people are told");
}

#[tokio::test(start_paused = true)]
async fn without_the_right_the_identity_says_what_to_do_and_goes_on() {
    let stage = renewed("RestartWorkload").await;
    let forbidden = || ClusterError::Forbidden("deployments.apps is forbidden".to_owned());
    stage.twin.memory().faults.push(("patch deployments shop".to_owned(), 3, forbidden()));
    stage.pass(3700).await;
    let identity = stage.identity(WEB);
    let said = Stage::message(&identity).to_owned();
    assert_eq!(Stage::reason(&identity), ("True", "Issued"));
    if restarted_for(&stage).is_none() {
        assert!(said.contains("sallyport-workload-restarter") && said.contains("Deployment web"), "{said}");
    }
    stage.pass(300).await;
    assert_eq!(restarted_for(&stage), Some(serial(&stage)), "as soon as it may");
    assert!(!Stage::message(&stage.identity(WEB)).contains("cannot be restarted"));
}
