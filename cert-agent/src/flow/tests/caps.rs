//! The money guard: what goes beyond a cap waits and says so, and nothing else does.

use sallyport_contract::{Reason, object::CertificateAuthority};
use serde_json::{Value, json};

use super::{
    authority::Script,
    stage::{Stage, WEB},
};

fn caps(identity: u32, namespace: u32, day: u32) -> Value {
    json!({"embedded": {}, "caps":
        {"perIdentityPerHour": identity, "perNamespacePerHour": namespace, "perDay": day}})
}

fn authority(stage: &Stage) -> CertificateAuthority {
    let mut stored = stage.twin.memory().objects
        [&("certificateauthorities".to_owned(), String::new(), "ca".to_owned())]
        .clone();
    stored["apiVersion"] = json!("sallyport.dev/v1alpha1");
    serde_json::from_value(stored).unwrap()
}

/// Has the certificate of web asked for anew, so often.
async fn change(stage: &Stage, times: u32) {
    for number in 0..times {
        let certificate = json!({"authority": "ca", "lifetime": format!("{}h", 100 + number)});
        stage.policy("shop", &json!({"certificate": certificate}));
        stage.settle().await;
        stage.pass(2).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_identity_beyond_its_cap_keeps_what_it_has_and_others_go_on() {
    let stage = Stage::scripted(Script::default()).await;
    stage.authority(&caps(3, 100, 100));
    stage.deployment(WEB, json!({}));
    change(&stage, 5).await;
    let identity = stage.identity(WEB);
    assert_eq!(Stage::reason(&identity), ("True", "Issued"), "it has one");
    let message = Stage::message(&identity);
    assert!(
        message.contains("SpendingCapReached") && message.contains("spec.caps.perIdentityPerHour"),
        "{message}"
    );
    assert_eq!(stage.script.certificates().values().sum::<usize>(), 3);
    let notices = stage.twin.memory().notices.clone();
    let told = notices.iter().filter(|notice| notice.reason == Reason::SpendingCapReached.code());
    assert_eq!(told.map(|notice| notice.about.kind).collect::<Vec<_>>(), ["CertificateAuthority"], "once");
    stage.deployment("other", json!({}));
    stage.settle().await;
    stage.pass(2).await;
    assert_eq!(Stage::reason(&stage.identity("other")), ("True", "Issued"), "others go on");
    stage.pass(3700).await;
    assert_eq!(stage.script.certificates().values().sum::<usize>(), 5, "after the hour");
    assert!(!Stage::message(&stage.identity(WEB)).contains("SpendingCapReached"));
}

#[tokio::test(start_paused = true)]
async fn a_new_identity_beyond_a_cap_says_why_it_waits_until_the_cap_is_raised() {
    let stage = Stage::scripted(Script::default()).await;
    stage.authority(&caps(100, 100, 2));
    for name in ["a", "b", "c"] {
        stage.deployment(name, json!({}));
        stage.settle().await;
        stage.pass(2).await;
    }
    let identity = stage.identity("c");
    assert_eq!(Stage::reason(&identity), ("False", "SpendingCapReached"));
    assert!(Stage::message(&identity).contains("2027-01-02T00:00:00Z"), "{}", Stage::message(&identity));
    assert!(stage.state("c").is_none(), "not even a key is made");
    stage.authority(&caps(100, 100, 3));
    stage.pass(70).await;
    assert_eq!(Stage::reason(&stage.identity("c")), ("True", "Issued"));
}

#[tokio::test(start_paused = true)]
async fn law_8_a_restart_does_not_forget_what_was_spent() {
    let stage = Stage::scripted(Script::default()).await;
    stage.authority(&caps(3, 100, 100));
    stage.deployment(WEB, json!({}));
    change(&stage, 3).await;
    stage.pass(60).await;
    let status = authority(&stage).status.unwrap();
    assert_eq!((status.issued_today, status.issued_total), (Some(3), Some(3)));
    let again = stage.beside();
    again.authority(&caps(3, 100, 100));
    again.deployment(WEB, json!({}));
    again.policy("shop", &json!({"certificate": {"authority": "ca", "lifetime": "50h"}}));
    again.settle().await;
    again.pass(60).await;
    assert_eq!(stage.script.certificates().values().sum::<usize>(), 3);
    assert!(Stage::message(&again.identity(WEB)).contains("SpendingCapReached"));
    let status = authority(&again).status.unwrap();
    assert_eq!((status.issued_today, status.issued_total), (Some(3), Some(3)), "and it is told as it was");
}

#[tokio::test(start_paused = true)]
async fn a_ca_that_has_issued_nearly_all_it_may_is_told_in_time() {
    let arn = "arn:aws:acm-pca:eu-central-1:123456789012:certificate-authority/11111111-1111-1111-1111-111111111111";
    let stage = Stage::scripted(Script::default()).await;
    let place = ("certificateauthorities".to_owned(), String::new(), "ca".to_owned());
    stage.twin.memory().objects.get_mut(&place).unwrap()["status"] = json!({"issuedTotal": 799_999});
    stage.authority(&json!({"awsPrivateCA": {"arn": arn}}));
    let left = |stage: &Stage| {
        let conditions = authority(stage).status.unwrap().conditions;
        conditions.into_iter().find(|condition| condition.kind == "CapacityLeft").map(|c| c.status.as_str())
    };
    stage.deployment(WEB, json!({}));
    stage.settle().await;
    stage.pass(60).await;
    assert_eq!(left(&stage), Some("False"));
    assert!(stage.told(Reason::SpendingCapReached, "800000 of the 1000000"));
    assert!(stage.counted("authority_used_ratio{authority=\"ca\"}") >= 0.8);
    assert!(stage.counted("authority_ready{authority=\"ca\"}") > 0.0);
    assert_eq!(Stage::reason(&stage.identity(WEB)), ("True", "Issued"), "a warning stops nothing");
}
