//! What is no longer given is kept as long as its certificate lasts; in an audit nothing new is given at all.

use sallyport_contract::keys;
use serde_json::{Value, json};

use super::stage::{Stage, name};

const SOLO: &str = "solo";

/// A stage with a bare pod that carries the identity of its own name, and no template anywhere.
async fn with_a_pod() -> Stage {
    let stage = Stage::embedded().await;
    stage.pod(pod());
    stage.settle().await;
    assert_eq!(Stage::reason(&stage.identity(SOLO)), ("True", "Issued"));
    stage
}

fn pod() -> Value {
    json!({"name": SOLO, "namespace": "shop", "uid": "uid-of-solo", "labels": {keys::IDENTITY: name(SOLO)},
        "annotations": {keys::RESOLVED_DNS_NAMES: "solo.shop.corp.example"}})
}

fn tight() -> Value {
    json!({"dnsNames": {"default": "{workload}.new.corp.example"}})
}

#[tokio::test(start_paused = true)]
async fn law_4_a_running_pod_keeps_its_certificate_when_its_policy_is_tightened() {
    let stage = with_a_pod().await;
    let data = stage.secret(SOLO).unwrap().data.unwrap();
    stage.policy("shop", &tight());
    stage.settle().await;
    let identity = stage.identity(SOLO);
    assert_eq!(Stage::reason(&identity), ("True", "Issued"));
    assert!(Stage::message(&identity).contains("NameRefused"), "{}", Stage::message(&identity));
    for hand in [Stage::remove_secret, Stage::edit_secret] {
        hand(&stage, SOLO);
        stage.look_again().await;
        assert_eq!(stage.secret(SOLO).unwrap().data.unwrap(), data, "as it was");
    }
    stage.sleep(112).await;
    stage.settle().await;
    assert_eq!(stage.secret(SOLO).unwrap().data.unwrap(), data, "what is no longer given is not renewed");
    stage.policy("shop", &json!({}));
    stage.settle().await;
    assert_ne!(stage.secret(SOLO).unwrap().data.unwrap(), data, "given again, and renewed");
}

#[tokio::test(start_paused = true)]
async fn law_4_a_certificate_that_is_no_longer_given_is_told_to_have_ended() {
    let stage = with_a_pod().await;
    stage.policy("shop", &tight());
    stage.settle().await;
    stage.sleep(150).await;
    stage.settle().await;
    stage.look_again().await;
    assert_eq!(Stage::reason(&stage.identity(SOLO)), ("False", "NameRefused"));
}

#[tokio::test(start_paused = true)]
async fn an_audit_makes_no_identity_and_says_what_would_be_refused() {
    let stage = Stage::embedded().await;
    stage.policy("shop", &json!({"mode": "Audit"}));
    stage.deployment("web", json!({}));
    stage.deployment("bad", json!({keys::SAN: "web.bill.corp.example"}));
    stage.settle().await;
    assert!(stage.all("workloadidentities").is_empty() && stage.all("nameclaims").is_empty());
    let notices = stage.twin.memory().notices.clone();
    let about_bad: Vec<&str> = notices
        .iter()
        .filter(|notice| notice.about.name == "bad")
        .map(|notice| notice.note.as_str())
        .collect();
    assert_eq!(about_bad.len(), 1, "{notices:?}");
    assert!(about_bad[0].starts_with("would be refused"), "{about_bad:?}");
    assert_eq!(stage.binding().unwrap().spec.mode.as_str(), "Audit");
    stage.policy("shop", &json!({}));
    stage.settle().await;
    assert_eq!(Stage::reason(&stage.identity("web")), ("True", "Issued"), "the same, enforced");
    assert_eq!(stage.binding().unwrap().spec.mode.as_str(), "Enforce");
}

#[tokio::test(start_paused = true)]
async fn law_10_a_pod_keeps_its_identity_and_its_renewals_through_an_audit() {
    let stage = with_a_pod().await;
    let data = stage.secret(SOLO).unwrap().data.unwrap();
    stage.policy("shop", &json!({"mode": "Audit"}));
    stage.settle().await;
    stage.sleep(112).await;
    stage.settle().await;
    let identity = stage.identity(SOLO);
    assert_eq!(Stage::reason(&identity), ("True", "Issued"));
    assert_eq!(identity.status.unwrap().unwanted_since, None);
    assert_ne!(stage.secret(SOLO).unwrap().data.unwrap(), data, "renewed");
}
