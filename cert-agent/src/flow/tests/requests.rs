//! What people ask of an identity: done once, about the certificate that it had, and by nobody else.

use sallyport_contract::object::IdentityRequest;
use serde_json::{Value, json};

use super::{
    authority::Script,
    stage::{NAMESPACE, Stage, WEB, name, read},
};

const ASK: &str = "ask";

async fn with_web() -> Stage {
    let stage = Stage::scripted(Script::default()).await;
    stage.deployment(WEB, json!({}));
    stage.settle().await;
    stage.pass(3).await;
    stage
}

fn ask(stage: &Stage, wish: &Value) {
    let mut spec = wish.clone();
    spec["identity"] = json!(name(WEB));
    let object = json!({"metadata": {"name": ASK, "namespace": NAMESPACE, "uid": "r", "resourceVersion": "1"},
        "spec": spec});
    let place = ("identityrequests".to_owned(), NAMESPACE.to_owned(), ASK.to_owned());
    let mut stored = object;
    stored["apiVersion"] = json!("sallyport.dev/v1alpha1");
    stored["kind"] = json!("IdentityRequest");
    let mut memory = stage.twin.memory();
    memory.objects.insert(place.clone(), stored);
    memory.journal.push("a person asks".to_owned());
    memory.places.push(place);
}

fn done(stage: &Stage) -> (String, String) {
    let place = ("identityrequests".to_owned(), NAMESPACE.to_owned(), ASK.to_owned());
    let request: IdentityRequest = read(stage.twin.memory().objects[&place].clone(), "IdentityRequest");
    let condition = request.status.unwrap().conditions[0].clone();
    (condition.status.as_str().to_owned(), condition.message)
}

fn serial(stage: &Stage) -> String {
    stage.identity(WEB).status.unwrap().certificate.unwrap().serial
}

fn revoked(stage: &Stage) -> Vec<String> {
    stage.script.revoked.lock().unwrap().clone()
}

#[tokio::test(start_paused = true)]
async fn a_renewal_gives_another_certificate_once_and_revokes_nothing() {
    let stage = with_web().await;
    let before = serial(&stage);
    ask(&stage, &json!({"renew": {}}));
    stage.settle().await;
    stage.pass(3).await;
    let after = serial(&stage);
    assert_ne!(after, before);
    let (status, message) = done(&stage);
    assert!(status == "True" && message.contains(&after), "{status} {message}");
    stage.pass(200).await;
    assert_eq!((serial(&stage), revoked(&stage).len()), (after, 0), "once");
    assert_eq!(stage.script.certificates().values().sum::<usize>(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_lost_key_is_revoked_by_its_serial_and_replaced() {
    let stage = with_web().await;
    let before = serial(&stage);
    ask(&stage, &json!({"revoke": {"reason": "KeyCompromise"}}));
    stage.settle().await;
    stage.pass(3).await;
    assert_eq!(revoked(&stage), std::slice::from_ref(&before));
    assert_ne!(serial(&stage), before);
    assert_eq!(done(&stage).0, "True", "{}", done(&stage).1);
    stage.pass(200).await;
    assert_eq!(revoked(&stage).len(), 1, "once");
}

#[tokio::test(start_paused = true)]
async fn law_8_after_a_restart_the_noted_certificate_is_revoked_and_never_the_new_one() {
    let stage = with_web().await;
    let before = serial(&stage);
    ask(&stage, &json!({"revoke": {"reason": "KeyCompromise"}}));
    // The authority goes as soon as the certificate is noted, and with it the agent.
    stage.script.set_away(true);
    stage.settle().await;
    stage.pass(3).await;
    assert!(revoked(&stage).is_empty() && done(&stage).0 == "Unknown", "{:?}", done(&stage));
    let again = stage.beside();
    again.deployment(WEB, json!({}));
    stage.script.set_away(false);
    again.settle().await;
    again.pass(60).await;
    assert_eq!(revoked(&again), std::slice::from_ref(&before));
    assert_ne!(serial(&again), before);
    assert_eq!(done(&again).0, "True", "{}", done(&again).1);
}

#[tokio::test(start_paused = true)]
async fn what_an_authority_cannot_revoke_is_told_and_not_tried_for_ever() {
    let stage = Stage::embedded().await;
    stage.deployment(WEB, json!({}));
    stage.settle().await;
    ask(&stage, &json!({"revoke": {"reason": "KeyCompromise"}}));
    stage.script.refuse_to_revoke();
    stage.settle().await;
    stage.pass(3).await;
    let (status, message) = done(&stage);
    assert!(status == "False" && message.contains("cannot revoke"), "{status} {message}");
}

#[tokio::test(start_paused = true)]
async fn an_ended_identity_or_namespace_revokes_nothing() {
    let stage = with_web().await;
    stage.gone(WEB);
    stage.pass(1500).await;
    assert!(stage.all("workloadidentities").is_empty() && revoked(&stage).is_empty());
    ask(&stage, &json!({"revoke": {"reason": "KeyCompromise"}}));
    stage.pass(30).await;
    let (status, message) = done(&stage);
    assert!(status == "Unknown" && message.contains("no such WorkloadIdentity"), "{status} {message}");
    assert!(revoked(&stage).is_empty());
}
