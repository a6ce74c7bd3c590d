//! A change of the CA, told before it is used: new root seen, published, overlap, first leaf under it, old root over.

use std::time::Duration;

use jiff::SignedDuration;
use k8s_openapi::api::{certificates::v1::ClusterTrustBundle, core::v1::ConfigMap};
use sallyport_contract::{Reason, keys, object::CertificateAuthority};
use serde_json::{Value, json};

use super::{
    authority::Script,
    stage::{NAMESPACE, Stage, WEB},
};
use crate::{chain, trust::root::Anchor};

/// A stage whose authority tells the namespace of its roots, with web running.
async fn told(overlap: &str) -> Stage {
    let stage = Stage::embedded().await;
    prepare(&stage, overlap).await;
    stage
}

async fn prepare(stage: &Stage, overlap: &str) {
    stage.authority(&spec(overlap));
    stage.settle().await;
    stage.deployment(WEB, json!({}));
    stage.settle().await;
    stage.pass(5).await;
}

async fn hours(stage: &Stage, hours: u64) {
    stage.pass_in_steps(Duration::from_secs(hours * 3600), Duration::from_secs(600)).await;
}

/// From now on certificates are to be other ones, so that the next one is due at once.
fn other_terms(stage: &Stage) {
    stage.policy(NAMESPACE, &json!({"certificate": {"authority": "ca", "lifetime": "143h"}}));
}

/// Another agent after the first, once other terms hold.
async fn restarted(stage: &Stage) -> Stage {
    let again = stage.beside();
    other_terms(&again);
    again.authority(&spec("24h"));
    again.deployment(WEB, json!({}));
    again.settle().await;
    again
}

fn spec(overlap: &str) -> Value {
    let selector = json!({"matchLabels": {"sallyport.dev/inject": "enabled"}});
    json!({"embedded": {}, "trust": {"namespaceSelector": selector, "overlap": overlap}})
}

/// Another root stands above the authority from now on, and nobody was told.
async fn change_root(stage: &Stage) {
    stage.script.another_root(&stage.twin).await;
}

fn config_map(stage: &Stage) -> Option<ConfigMap> {
    stage.twin.stored(NAMESPACE, keys::TRUST)
}

fn anchors(text: &str) -> Vec<Anchor> {
    let roots = chain::read("the bundle", text).unwrap();
    roots.iter().map(|root| Anchor::of(root).unwrap()).collect()
}

/// The roots in the namespace's bundle.
fn bundle(stage: &Stage) -> Vec<Anchor> {
    anchors(&config_map(stage).unwrap().data.unwrap()[keys::TRUST_ALL])
}

/// The roots in the delivered Secret, the certificate's own first.
fn delivered(stage: &Stage) -> Vec<Anchor> {
    let data = stage.secret(WEB).unwrap().data.unwrap();
    anchors(std::str::from_utf8(&data["ca.crt"].0).unwrap())
}

fn serial(stage: &Stage) -> String {
    stage.identity(WEB).status.unwrap().certificate.unwrap().serial
}

fn condition(stage: &Stage) -> (String, String) {
    let authority: CertificateAuthority = stage.twin.stored("", "ca").unwrap();
    let conditions = authority.status.unwrap().conditions;
    let found = conditions.into_iter().find(|condition| condition.kind == "TrustPublished").unwrap();
    (found.reason, found.message)
}

/// The whole change, over an authority of this kind. Certificates live for six days.
async fn whole_change(stage: Stage) {
    prepare(&stage, "24h").await;
    let (old, first) = (bundle(&stage), serial(&stage));
    assert_eq!((old.len(), delivered(&stage)), (1, old.clone()));
    stage.pass_days(2).await;
    change_root(&stage).await;
    stage.pass(400).await;
    let both = bundle(&stage);
    assert_eq!((both.len(), both[1]), (2, old[0]), "both are published");
    assert_eq!(delivered(&stage), [old[0], both[0]], "and stand beside the certificate, its own root first");
    assert_eq!(serial(&stage), first, "without another certificate");
    // Somebody wants other terms, so that the next certificate is due before the overlap has passed.
    other_terms(&stage);
    stage.pass(60).await;
    assert_eq!(serial(&stage), first);
    assert!(
        Stage::message(&stage.identity(WEB)).contains("AwaitingTrust"),
        "{}",
        Stage::message(&stage.identity(WEB))
    );
    let stage = restarted(&stage).await;
    hours(&stage, 22).await;
    assert_eq!(serial(&stage), first, "a restart does not shorten it");
    stage.pass_days(1).await;
    let second = serial(&stage);
    assert_ne!(second, first, "the overlap has passed");
    assert_eq!(delivered(&stage), both, "its own root first, and the one before it still");
    stage.pass_days(2).await;
    assert_eq!(bundle(&stage), both, "the first certificate has not ended");
    stage.pass_days(2).await;
    assert_eq!((bundle(&stage), delivered(&stage)), (vec![both[0]], vec![both[0]]), "now it has");
    let cluster: ClusterTrustBundle = stage.twin.stored("", "sallyport.dev:workload:ca").unwrap();
    assert_eq!(anchors(&cluster.spec.trust_bundle), [both[0]]);
    assert_eq!(cluster.spec.signer_name.as_deref(), Some(keys::SIGNER));
}

#[tokio::test(start_paused = true)]
async fn a_new_root_is_published_then_used_and_the_old_one_stays_until_its_last_leaf_has_ended() {
    whole_change(Stage::embedded().await).await;
}

#[tokio::test(start_paused = true)]
async fn the_same_where_the_authority_keeps_the_certificates() {
    whole_change(Stage::scripted(Script::default()).await).await;
}

#[tokio::test(start_paused = true)]
async fn law_8_what_came_under_a_root_that_nobody_knew_waits_with_its_ticket() {
    let stage = Stage::scripted(Script::default()).await;
    prepare(&stage, "24h").await;
    let (first, old) = (serial(&stage), bundle(&stage));
    change_root(&stage).await;
    other_terms(&stage);
    stage.pass(60).await;
    assert_eq!(stage.script.requests().len(), 2, "asked before anybody could know");
    assert_eq!((serial(&stage), bundle(&stage).len()), (first.clone(), 2));
    assert_eq!(delivered(&stage)[0], old[0], "the one in place stays");
    let again = restarted(&stage).await;
    again.pass(3600).await;
    assert_eq!((serial(&again), again.script.requests().len()), (first.clone(), 2), "nor after a restart");
    again.pass_days(1).await;
    assert_ne!(serial(&again), first);
    assert_eq!(again.script.requests().len(), 2, "and it was not asked for again");
    assert_eq!(delivered(&again)[1], old[0]);
}

#[tokio::test(start_paused = true)]
async fn a_certificate_that_is_about_to_expire_does_not_wait_for_the_overlap() {
    let stage = told("8760h").await;
    let first = stage.identity(WEB).status.unwrap().certificate.unwrap();
    stage.pass_days(1).await;
    change_root(&stage).await;
    stage.pass_days(4).await;
    assert_eq!(serial(&stage), first.serial, "due, and waits");
    hours(&stage, 12).await;
    assert_ne!(serial(&stage), first.serial);
    assert!(stage.now() < first.not_after, "in time");
    assert_eq!(Stage::reason(&stage.identity(WEB)), ("True", "Issued"));
}

#[tokio::test(start_paused = true)]
async fn a_new_identity_waits_only_until_everybody_can_have_read_the_new_root() {
    let stage = told("24h").await;
    change_root(&stage).await;
    stage.pass(400).await;
    let published = stage.now();
    stage.deployment("late", json!({}));
    stage.settle().await;
    stage.pass(1).await;
    // The root was published up to a few minutes ago: whoever comes now may have to wait for the rest of two.
    stage.pass(125).await;
    assert_eq!(Stage::reason(&stage.identity("late")), ("True", "Issued"));
    assert!(stage.now().duration_since(published) < SignedDuration::from_mins(3));
    let held = told("24h").await;
    held.deployment("first", json!({}));
    held.settle().await;
    assert_eq!(Stage::reason(&held.identity("first")), ("True", "Issued"), "nobody waits for the first root");
}

#[tokio::test(start_paused = true)]
async fn what_somebody_changes_in_a_bundle_is_put_back_and_told() {
    let stage = told("24h").await;
    let before = config_map(&stage).unwrap().data.unwrap();
    let place = ("configmaps".to_owned(), NAMESPACE.to_owned(), keys::TRUST.to_owned());
    for (n, edit) in [json!({"ca.crt": "theirs"}), json!({"extra.crt": "theirs"})].into_iter().enumerate() {
        let edited = {
            let mut memory = stage.twin.memory();
            let object = memory.objects.get_mut(&place).unwrap();
            json_patch::merge(&mut object["data"], &edit);
            memory.places.push(place.clone());
            memory.notices.len()
        };
        stage.settle().await;
        assert_eq!(config_map(&stage).unwrap().data.unwrap(), before, "{edit}");
        assert!(
            stage.twin.memory().notices.len() > edited
                && stage.told(Reason::TrustEdited, "changed ConfigMap shop/")
        );
        let reverted = f64::from(u32::try_from(n + 1).unwrap());
        assert!((stage.counted("trust_edits_reverted_total") - reverted).abs() < 0.5);
    }
    stage.twin.memory().objects.remove(&place).unwrap();
    stage.twin.memory().places.push(place.clone());
    stage.settle().await;
    assert_eq!(config_map(&stage).unwrap().data.unwrap(), before);
    assert!(stage.told(Reason::TrustEdited, "deleted ConfigMap shop/"));
    assert_eq!(condition(&stage).0, "Accepted");
    let journal = stage.journal();
    stage.look_again().await;
    assert_eq!(stage.journal(), journal, "nothing to do");
}

#[tokio::test(start_paused = true)]
async fn law_4_a_config_map_of_somebody_else_is_neither_changed_nor_waited_for() {
    let stage = Stage::embedded().await;
    let theirs = json!({"metadata": {"name": keys::TRUST, "namespace": NAMESPACE, "uid": "theirs", "resourceVersion": "1"},
        "data": {"ca.crt": "theirs"}, "apiVersion": "v1", "kind": "ConfigMap"});
    let place = ("configmaps".to_owned(), NAMESPACE.to_owned(), keys::TRUST.to_owned());
    stage.twin.memory().objects.insert(place.clone(), theirs.clone());
    stage.twin.memory().places.push(place.clone());
    prepare(&stage, "24h").await;
    assert_eq!(stage.twin.memory().objects[&place], theirs);
    let (reason, message) = condition(&stage);
    assert!(
        reason == "TrustIncomplete" && message.contains("shop/sallyport-trust: somebody else"),
        "{reason}: {message}"
    );
    assert_eq!(Stage::reason(&stage.identity(WEB)), ("True", "Issued"));
    stage.twin.memory().objects.remove(&place);
    stage.twin.memory().places.push(place);
    stage.settle().await;
    assert_eq!((bundle(&stage).len(), condition(&stage).0.as_str()), (1, "Accepted"));
}

#[tokio::test(start_paused = true)]
async fn without_trust_nobody_is_told_and_nothing_waits() {
    let stage = Stage::embedded().await;
    stage.deployment(WEB, json!({}));
    stage.settle().await;
    let (first, old) = (serial(&stage), delivered(&stage));
    change_root(&stage).await;
    stage.pass(400).await;
    assert_eq!(delivered(&stage).len(), 2, "both roots stand beside the certificate all the same");
    other_terms(&stage);
    stage.pass(60).await;
    assert_ne!(serial(&stage), first);
    assert_eq!(delivered(&stage)[1], old[0]);
    assert!(config_map(&stage).is_none() && stage.all("clustertrustbundles").is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_embedded_ca_gets_another_root_long_before_the_first_one_ends() {
    let stage = told("24h").await;
    let (first, a_year) = (bundle(&stage), 24 * 365);
    for years in [6, 1] {
        stage.sleep(years * a_year).await;
        // Who wakes up after a year renews at once, and may find the root that still signs; that certificate lives for six days.
        stage.pass_days(8).await;
        let now = bundle(&stage);
        assert_eq!(
            (now.len(), now == first),
            (1, years == 6),
            "the last certificate under the first has ended"
        );
        assert_eq!(Stage::reason(&stage.identity(WEB)), ("True", "Issued"));
        assert_eq!(delivered(&stage), now);
    }
}
