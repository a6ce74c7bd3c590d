//! What slipped past the webhook is told once, on the binding and by an event, until it is mended.

use sallyport_contract::{
    keys,
    object::{Condition, ConditionStatus},
};
use serde_json::{Value, json};

use super::stage::{Stage, name};

fn condition(stage: &Stage) -> Condition {
    let conditions = stage.binding().unwrap().status.unwrap_or_default().conditions;
    conditions.into_iter().find(|condition| condition.kind == "PodsInjected").unwrap()
}

fn notices(stage: &Stage) -> Vec<String> {
    let notices = stage.twin.memory().notices.clone();
    notices.into_iter().filter(|notice| notice.reason == "NotInjected").map(|notice| notice.note).collect()
}

fn bare(name: &str, labels: Value) -> Value {
    json!({"name": name, "namespace": "shop", "uid": format!("uid-of-{name}"), "labels": labels})
}

#[tokio::test(start_paused = true)]
async fn what_slipped_past_the_webhook_is_told_once_until_it_is_mended() {
    let stage = Stage::embedded().await;
    stage.settle().await;
    assert_eq!(condition(&stage).status, ConditionStatus::True);
    stage.pod(bare("solo", json!({})));
    stage.settle().await;
    let told = condition(&stage);
    assert_eq!((told.status, told.reason.as_str()), (ConditionStatus::False, "NotInjected"));
    assert!(told.message.contains("Pod shop/solo run without an identity"), "{}", told.message);
    let events = notices(&stage);
    assert!(
        events.len() == 1 && events[0].ends_with("do: kubectl -n shop delete pod solo, and apply it again"),
        "{events:?}"
    );
    stage.look_again().await;
    assert_eq!(notices(&stage).len(), 1, "once");
    assert!(stage.all("workloadidentities").is_empty(), "being told of gives no name");

    stage.policy("shop", &json!({"optOut": "Allow"}));
    stage.pod(bare("solo", json!({keys::INJECT: keys::INJECT_DISABLED})));
    stage.settle().await;
    assert_eq!(condition(&stage).status, ConditionStatus::True, "left out by leave");
    stage.policy("shop", &json!({}));
    stage.settle().await;
    assert!(
        condition(&stage).message.contains("optOut: Forbid"),
        "the policy changed: {:?}",
        condition(&stage)
    );
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_carries_an_identity_without_a_gate_is_told() {
    let stage = Stage::embedded().await;
    let mut pod = bare("solo", json!({keys::IDENTITY: name("solo")}));
    pod["annotations"] = json!({keys::RESOLVED_DNS_NAMES: "solo.shop.corp.example"});
    stage.pod(pod);
    stage.settle().await;
    assert!(condition(&stage).message.contains("have no readiness gate"), "{:?}", condition(&stage));
}
