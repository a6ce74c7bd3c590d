//! Renewal: in time, with the old certificate in place until the new one is whole.

use serde_json::json;

use super::{authority::Script, stage::Stage};
use crate::issuer::{Fetched, IssueError};

#[tokio::test(start_paused = true)]
async fn renews_at_two_thirds_with_another_key() {
    let stage = Stage::embedded().await;
    stage.deployment("web", json!({}));
    stage.settle().await;
    let first = stage.identity("web").status.unwrap().certificate.unwrap();
    let key = stage.secret("web").unwrap().data.unwrap()["tls.key"].clone();
    let life = first.not_after.duration_since(stage.now()).as_hours();
    let wait = first.renew_at.duration_since(stage.now()).as_hours();
    assert!((143..=144).contains(&life) && (80..=111).contains(&wait), "{life} {wait}");
    stage.pass_days(5).await;
    let second = stage.identity("web").status.unwrap().certificate.unwrap();
    assert!(second.serial != first.serial && second.not_after > first.not_after, "{first:?} {second:?}");
    assert_ne!(stage.secret("web").unwrap().data.unwrap()["tls.key"], key);
    assert_eq!(Stage::reason(&stage.identity("web")), ("True", "Issued"));
}

#[tokio::test(start_paused = true)]
async fn a_renewal_in_trouble_leaves_the_old_one_and_says_so_until_it_ends() {
    let stage = Stage::scripted(Script::default()).await;
    stage.deployment("web", json!({}));
    stage.settle().await;
    stage.pass(2).await;
    let data = stage.secret("web").unwrap().data;
    stage.script.then(vec![Err(IssueError::Throttled("Rate exceeded".to_owned())); 100_000], Vec::new());
    stage.pass_days(5).await;
    let identity = stage.identity("web");
    assert_eq!(Stage::reason(&identity), ("True", "Issued"));
    assert!(Stage::message(&identity).contains("Throttled: "), "{}", Stage::message(&identity));
    assert_eq!(stage.secret("web").unwrap().data, data);
    stage.sweep().await;
    assert!(stage.counted("renewals_overdue") < 1.0, "a sixth of its life is left");
    stage.pass_days(2).await;
    assert_eq!(Stage::reason(&stage.identity("web")), ("False", "Throttled"), "it has ended");
    stage.sweep().await;
    assert!(stage.counted("renewals_overdue") > 0.0);
    let earliest = stage.counted("certificates_earliest_expiry_timestamp_seconds");
    assert!(earliest > 0.0 && earliest < stage.now().as_duration().as_secs_f64(), "{earliest}");
}

#[tokio::test(start_paused = true)]
async fn law_8_a_wrong_certificate_is_refused_tried_once_more_and_then_rarely() {
    let wrong = Fetched::Ready { leaf: "not a certificate".to_owned(), chain: None };
    let stage = Stage::scripted(Script { fetch: vec![Ok(wrong); 100], ..Script::default() }).await;
    stage.deployment("web", json!({}));
    stage.settle().await;
    stage.pass(60).await;
    let identity = stage.identity("web");
    assert_eq!(Stage::reason(&identity), ("False", "CertificateRefused"));
    assert!(Stage::message(&identity).contains("not what was asked for"), "{}", Stage::message(&identity));
    assert!(stage.secret("web").is_none());
    assert_eq!(stage.script.requests().len(), 2, "one new try");
    stage.pass(1700).await;
    assert_eq!(stage.script.requests().len(), 2, "and no other for half an hour");
    stage.pass(200).await;
    assert_eq!(stage.script.requests().len(), 3);
}
