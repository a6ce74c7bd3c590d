//! The flow through real code: the agent over a cluster in memory, with the embedded CA and a scripted one.

mod audit;
mod authority;
mod caps;
mod claims;
mod crashes;
mod forms;
mod held;
mod intermediate;
mod leaving;
mod outage;
mod pods;
mod polls;
mod renewal;
mod requests;
mod restarts;
mod stage;
mod trust;
mod two_agents;
mod views;
mod watches;
mod wire;
mod wrong;

use authority::Script;
use sallyport_contract::{
    Reason, keys,
    object::{NameClaim, WorkloadIdentity},
};
use serde_json::json;
use stage::Stage;

use crate::{
    cluster::ClusterError,
    issuer::{Fetched, IssueError},
};

#[tokio::test(start_paused = true)]
async fn law_8_one_journey_is_six_writes_and_then_nothing() {
    let stage = Stage::embedded().await;
    stage.deployment("web", json!({}));
    stage.settle().await;
    let identity = stage.identity("web");
    assert_eq!(Stage::reason(&identity), ("True", "Issued"));
    let name = identity.metadata.name.clone().unwrap();
    let journal: Vec<String> = stage.journal();
    let of_identity: Vec<&str> = journal
        .iter()
        .map(String::as_str)
        .filter(|line| line.contains("web-") && !line.starts_with("create nameclaims"))
        .collect();
    assert_eq!(
        of_identity,
        [
            format!("apply workloadidentities {name}"),
            format!("create secrets state.shop.{name}"),
            format!("replace secrets state.shop.{name}"),
            format!("replace secrets state.shop.{name}"),
            format!("create secrets {name}-tls"),
            format!("status workloadidentities {name}"),
        ],
        "{journal:#?}"
    );
    assert_eq!(stage.claim("web").spec.namespace, "shop");
    stage.look_again().await;
    assert_eq!(stage.journal(), journal, "nothing to do");
}

#[tokio::test(start_paused = true)]
async fn law_8_where_the_ticket_gives_the_certificate_again_the_journey_is_a_write_less() {
    let stage = Stage::scripted(Script::default()).await;
    stage.deployment("web", json!({}));
    stage.settle().await;
    stage.pass(1).await;
    let identity = stage.identity("web");
    assert_eq!(Stage::reason(&identity), ("True", "Issued"));
    let name = identity.metadata.name.clone().unwrap();
    let journal = stage.journal();
    let of_identity: Vec<&str> =
        journal.iter().map(String::as_str).filter(|line| line.contains("web-")).collect();
    assert_eq!(
        of_identity,
        [
            format!("apply workloadidentities {name}"),
            format!("create nameclaims {}", stage::claim_name("web")),
            format!("create secrets state.shop.{name}"),
            format!("replace secrets state.shop.{name}"),
            format!("create secrets {name}-tls"),
            format!("status workloadidentities {name}"),
        ],
        "{journal:#?}"
    );
    let notices = stage.twin.memory().notices.clone();
    let told: Vec<_> = notices.iter().filter(|notice| notice.about.kind == "WorkloadIdentity").collect();
    assert!(told.is_empty(), "what goes as it should is no news: {told:?}");
    let again = stage.restarted().await;
    again.look_again().await;
    let after = again.journal().into_iter().filter(|line| line.contains("web-")).count();
    assert_eq!((after, again.script.fetched()), (of_identity.len(), 1), "known again without the authority");
}

#[tokio::test(start_paused = true)]
async fn a_delivered_secret_is_whole_owned_and_repaired_without_a_new_certificate() {
    let stage = Stage::embedded().await;
    stage.deployment("web", json!({}));
    stage.settle().await;
    let first = stage.secret("web").unwrap();
    assert_eq!(first.type_.as_deref(), Some("kubernetes.io/tls"));
    let data = first.data.clone().unwrap();
    assert_eq!(data.keys().map(String::as_str).collect::<Vec<_>>(), ["ca.crt", "tls.crt", "tls.key"]);
    let owner = &first.metadata.owner_references.as_ref().unwrap()[0];
    assert_eq!(Some(&owner.uid), stage.identity("web").metadata.uid.as_ref());
    stage.remove_secret("web");
    stage.look_again().await;
    assert_eq!(stage.secret("web").unwrap().data.unwrap(), data, "deleted, and back as it was");
    stage.edit_secret("web");
    stage.look_again().await;
    assert_eq!(stage.secret("web").unwrap().data.unwrap(), data, "edited, and back as it was");
}

#[tokio::test(start_paused = true)]
async fn law_4_a_secret_of_somebody_else_is_neither_overwritten_nor_trusted() {
    let stage = Stage::embedded().await;
    stage.foreign_secret("web");
    stage.deployment("web", json!({}));
    stage.settle().await;
    assert_eq!(Stage::reason(&stage.identity("web")), ("False", "SecretHeldByOther"));
    assert!(stage.secret("web").unwrap().data.unwrap().contains_key("theirs"));
    stage.remove_secret("web");
    stage.pass(6).await;
    assert_eq!(Stage::reason(&stage.identity("web")), ("True", "Issued"));
}

#[tokio::test(start_paused = true)]
async fn law_5_a_name_that_another_namespace_holds_gets_no_key() {
    let stage = Stage::embedded().await;
    stage.claimed("web.shop.corp.example", "other");
    stage.deployment("web", json!({}));
    stage.settle().await;
    let identity = stage.identity("web");
    assert_eq!(Stage::reason(&identity), ("False", "NameHeldElsewhere"));
    assert!(Stage::message(&identity).contains("namespace other"), "{}", Stage::message(&identity));
    assert!(stage.secret("web").is_none() && !stage.journal().iter().any(|line| line.contains("state.")));
}

#[tokio::test(start_paused = true)]
async fn rights_that_are_moments_old_are_waited_for() {
    let stage = Stage::embedded().await;
    let forbidden = || ClusterError::Forbidden("secrets is forbidden".to_owned());
    stage.twin.memory().faults.push(("get secrets shop".to_owned(), 2, forbidden()));
    stage.twin.memory().faults.push(("create secrets shop".to_owned(), 3, forbidden()));
    stage.deployment("web", json!({}));
    stage.settle().await;
    stage.pass(2).await;
    assert_eq!(Stage::reason(&stage.identity("web")), ("True", "Issued"));
}

#[tokio::test(start_paused = true)]
async fn law_10_an_identity_ends_long_after_the_last_who_wanted_it() {
    let stage = Stage::embedded().await;
    stage.deployment("web", json!({}));
    stage.settle().await;
    let name = stage.identity("web").metadata.name.unwrap();
    stage.gone("web");
    stage.settle().await;
    assert!(stage.identity("web").status.unwrap().unwanted_since.is_some());
    stage.twin.memory().carriers.push("a-pod-that-no-watch-told".to_owned());
    stage.pass(700).await;
    assert!(stage.twin.stored::<WorkloadIdentity>("shop", &name).is_some(), "a pod carries it");
    stage.twin.memory().carriers.clear();
    stage.pass(60).await;
    assert!(stage.twin.stored::<WorkloadIdentity>("shop", &name).is_none());
    stage.pass(200).await;
    assert!(stage.twin.stored::<NameClaim>("", &stage::claim_name("web")).is_none(), "the name is free");
    let serial = |data: &std::collections::BTreeMap<_, k8s_openapi::ByteString>| data["tls.crt"].clone();
    let before = stage.secret("web").unwrap().data.unwrap();
    stage.remove_secret("web");
    stage.deployment("web", json!({}));
    stage.settle().await;
    assert_eq!(serial(&stage.secret("web").unwrap().data.unwrap()), serial(&before), "the one it had");
}

#[tokio::test(start_paused = true)]
async fn wanted_again_in_time_is_as_if_nothing_had_been() {
    let stage = Stage::embedded().await;
    stage.deployment("web", json!({}));
    stage.settle().await;
    stage.gone("web");
    stage.settle().await;
    stage.deployment("web", json!({}));
    stage.settle().await;
    let identity = stage.identity("web");
    assert_eq!(Stage::reason(&identity), ("True", "Issued"));
    assert_eq!(identity.status.unwrap().unwanted_since, None);
}

#[tokio::test(start_paused = true)]
async fn law_8_every_fault_has_its_reason_and_heals() {
    let words = || "the far side's own words".to_owned();
    for (error, reason) in [
        (IssueError::Throttled(words()), Reason::Throttled),
        (IssueError::Unavailable(words()), Reason::AuthorityUnavailable),
        (IssueError::Denied(words()), Reason::AuthorityUnavailable),
        (IssueError::NotActive(words()), Reason::AuthorityUnavailable),
        (IssueError::Refused(words()), Reason::CertificateRefused),
    ] {
        let stage = Stage::scripted(Script { issue: vec![Err(error); 3], ..Script::default() }).await;
        stage.deployment("web", json!({}));
        stage.settle().await;
        let identity = stage.identity("web");
        assert_eq!(Stage::reason(&identity), ("False", reason.code()));
        assert!(Stage::message(&identity).contains(&words()), "{}", Stage::message(&identity));
        assert!(stage.told(reason, &words()), "an event says so");
        stage.pass(120).await;
        assert_eq!(Stage::reason(&stage.identity("web")), ("True", "Issued"), "{reason}");
        let requests = stage.script.requests();
        let tokens: std::collections::BTreeSet<&String> =
            requests.iter().map(|request| &request.token).collect();
        let expected = if reason == Reason::CertificateRefused { 4 } else { 1 };
        assert_eq!((requests.len(), tokens.len()), (4, expected), "{reason}: verbatim until refused");
    }
}

#[tokio::test(start_paused = true)]
async fn law_8_the_ticket_is_stored_before_the_first_question_and_outlives_the_agent() {
    let fetch = vec![Ok(Fetched::Pending); 3];
    let stage = Stage::scripted(Script { fetch, ..Script::default() }).await;
    stage.deployment("web", json!({}));
    stage.settle().await;
    assert!(stage.identity("web").status.is_none(), "what may be over in a moment is not said");
    assert_eq!(stage.stored_ticket("web").as_deref(), Some("arn:aws:acm-pca:ticket/1"));
    let again = stage.restarted().await;
    again.pass(10).await;
    assert_eq!(Stage::reason(&again.identity("web")), ("True", "Issued"));
    assert_eq!(again.script.requests().len(), 1, "asked once in two lives");
}

#[tokio::test(start_paused = true)]
async fn law_8_a_ticket_that_could_not_be_stored_is_stored_before_it_is_used() {
    let stage = Stage::scripted(Script::default()).await;
    let away = ClusterError::Away("connection refused".to_owned());
    stage.twin.memory().faults.push(("replace secrets sallyport-system".to_owned(), 20, away));
    stage.deployment("web", json!({}));
    stage.settle().await;
    assert!(stage.stored_ticket("web").is_none() && stage.script.fetched() == 0);
    stage.pass(30).await;
    assert_eq!(Stage::reason(&stage.identity("web")), ("True", "Issued"));
    assert_eq!(stage.script.requests().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn law_8_of_two_agents_one_goes_on() {
    let stage = Stage::scripted(Script::default()).await;
    stage.deployment("web", json!({}));
    let other = stage.restarted().await;
    other.deployment("web", json!({}));
    futures::future::join(stage.settle(), other.settle()).await;
    futures::future::join(stage.pass(5), other.pass(5)).await;
    assert_eq!(Stage::reason(&stage.identity("web")), ("True", "Issued"));
    let tokens: std::collections::BTreeSet<String> =
        stage.script.requests().into_iter().map(|request| request.token).collect();
    assert_eq!(tokens.len(), 1, "one request between them");
}

#[tokio::test(start_paused = true)]
async fn a_namespace_is_told_its_policy_and_gives_the_right_to_write() {
    let stage = Stage::embedded().await;
    stage.settle().await;
    let binding = stage.binding().unwrap();
    assert_eq!((binding.spec.policy.as_deref(), binding.spec.problem), (Some("shop"), None));
    assert!(stage.role_binding().is_some());
    stage.turned_off();
    stage.settle().await;
    assert!(stage.binding().is_none() && stage.role_binding().is_none());
    assert_eq!(keys::BINDING, "sallyport");
}
