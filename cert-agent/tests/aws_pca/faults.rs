//! Every fault of the way to AWS Private CA: which fate the issuer gives it, and how many certificates it costs.

use std::{sync::Arc, time::Duration};

use futures::future::join_all;
use pca_sim::{Action, ManualClock, Operation, Options, Quotas, Status, WrongLeaf};
use sallyport_cert_agent::issuer::{IssueError, Issuer as _};
use sallyport_contract::object::Usage;
use time::OffsetDateTime;

use crate::desk::{Desk, End, now, somebody};

const EVERY_CALL: [Operation; 4] = [
    Operation::DescribeCertificateAuthority,
    Operation::GetCertificateAuthorityCertificate,
    Operation::IssueCertificate,
    Operation::GetCertificate,
];

fn error(kind: &str, status: u16) -> Action {
    Action::Error { r#type: kind.to_owned(), message: "in its own words".to_owned(), status }
}

fn foreign(status: u16) -> Action {
    Action::ForeignReply { status, body: "<html>Please log in.</html>".to_owned() }
}

/// Faults that pass, and the reason that people read meanwhile.
fn passing() -> Vec<(Action, &'static str)> {
    vec![
        (error("ThrottlingException", 400), "Throttled"),
        (error("RequestLimitExceeded", 400), "Throttled"),
        (foreign(429), "Throttled"),
        (error("InternalFailure", 500), "AuthorityUnavailable"),
        (error("ServiceUnavailable", 503), "AuthorityUnavailable"),
        (error("AccessDeniedException", 400), "AuthorityUnavailable"),
        (error("ExpiredTokenException", 400), "AuthorityUnavailable"),
        (error("InvalidStateException", 400), "AuthorityUnavailable"),
        (error("NobodyKnows", 400), "AuthorityUnavailable"),
        (foreign(502), "AuthorityUnavailable"),
        (foreign(200), "AuthorityUnavailable"),
        (Action::DropBefore, "AuthorityUnavailable"),
        (Action::DropAfter, "AuthorityUnavailable"),
        (Action::DropMidBody, "AuthorityUnavailable"),
        (Action::EmptyReply, "AuthorityUnavailable"),
    ]
}

#[tokio::test]
async fn law_8_what_passes_is_waited_for_and_costs_one_certificate() {
    join_all(EVERY_CALL.map(async |operation| {
        let desk = Desk::start(Options::default()).await;
        for (action, reason) in passing() {
            let request = desk.request(&[Usage::ServerAuth]).await;
            let before = desk.billed();
            desk.plant(operation, &action, 2);
            let journey = desk.follow(&request).await;
            assert_eq!(journey.fates, [reason, reason], "{operation:?} {action:?}");
            assert!(matches!(journey.end, End::Verified(_)), "{operation:?} {action:?}: {:?}", journey.end);
            assert_eq!(desk.billed() - before, 1, "{operation:?} {action:?}");
            let by_token = desk.running.counters().issued_by_token;
            assert_eq!(by_token[&request.token], 1, "{operation:?} {action:?}");
        }
    }))
    .await;
}

#[tokio::test]
async fn law_8_what_never_passes_is_never_final_and_costs_one_certificate_at_most() {
    let faults = [
        (Action::DropBefore, false),
        (Action::DropAfter, true),
        (Action::DropMidBody, true),
        (Action::EmptyReply, true),
    ];
    let all = EVERY_CALL.iter().flat_map(|operation| faults.iter().map(move |fault| (*operation, fault)));
    join_all(all.map(async |(operation, (action, carried_out))| {
        let desk = Desk::start(Options::default()).await;
        let request = desk.request(&[Usage::ServerAuth]).await;
        desk.plant(operation, action, u32::MAX);
        let journey = desk.follow(&request).await;
        assert!(matches!(journey.end, End::Waiting), "{operation:?} {action:?}: {:?}", journey.end);
        let waits = journey.fates.iter().all(|fate| fate == "AuthorityUnavailable");
        assert!(waits, "{operation:?} {action:?}: {:?}", journey.fates);
        let issued = match operation {
            Operation::GetCertificate => true,
            Operation::IssueCertificate => *carried_out,
            Operation::DescribeCertificateAuthority
            | Operation::GetCertificateAuthorityCertificate
            | Operation::RevokeCertificate => false,
        };
        assert_eq!(desk.billed(), u64::from(issued), "{operation:?} {action:?}");
        desk.running.clear_faults();
        desk.follow(&request).await.verified();
        assert_eq!(desk.billed(), 1, "{operation:?} {action:?}: the same request, the same certificate");
    }))
    .await;
}

#[tokio::test]
async fn law_8_a_slow_authority_is_given_up_in_time_and_asked_again() {
    let slow = [Action::DelayMs(60_000), Action::LateAnswerMs(60_000)];
    let journeys =
        EVERY_CALL.iter().flat_map(|operation| slow.iter().map(move |action| (*operation, action)));
    join_all(journeys.map(|(operation, action)| async move {
        let desk = Desk::start(Options::default()).await;
        let request = desk.request(&[Usage::ServerAuth]).await;
        desk.plant(operation, action, 1);
        let journey = tokio::time::timeout(Duration::from_secs(50), desk.follow(&request)).await.unwrap();
        assert_eq!(journey.fates, ["AuthorityUnavailable"], "{operation:?} {action:?}");
        journey.verified();
        assert_eq!(desk.billed(), 1, "{operation:?} {action:?}");
    }))
    .await;
}

#[tokio::test]
async fn law_8_an_authority_off_the_network_is_waited_for() {
    let desk = Desk::start(Options::default()).await;
    let request = desk.request(&[Usage::ServerAuth]).await;
    desk.running.set_reachable(false);
    let journey = desk.follow(&request).await;
    assert!(matches!(journey.end, End::Waiting), "{:?}", journey.end);
    assert!(journey.fates.iter().all(|fate| fate == "AuthorityUnavailable"), "{:?}", journey.fates);
    assert_eq!(desk.billed(), 0);
    desk.running.set_reachable(true);
    desk.follow(&request).await.verified();
    assert_eq!(desk.billed(), 1);
}

#[tokio::test]
async fn law_8_a_disabled_authority_is_waited_for_at_every_step() {
    let desk = Desk::start(Options::default()).await;
    let (request, described) = (desk.request(&[Usage::ServerAuth]).await, desk.described().await);
    let arn = desk.issuer.issue(&somebody(), &request, &described).await.unwrap();
    desk.running.set_status(&desk.running.ca_arn, Status::Disabled).unwrap();
    for refused in [
        desk.issuer.describe().await.map(drop),
        desk.issuer.issue(&somebody(), &request, &described).await.map(drop),
        desk.issuer.fetch(&somebody(), &request, &arn).await.map(drop),
    ] {
        assert!(matches!(refused, Err(IssueError::NotActive(_))), "{refused:?}");
    }
    desk.running.set_status(&desk.running.ca_arn, Status::Active).unwrap();
    desk.follow(&request).await.verified();
    assert_eq!(desk.billed(), 1);
}

#[tokio::test]
async fn only_the_request_itself_is_refused() {
    let desk = Desk::start(Options::default()).await;
    for (operation, action, fate, billed) in [
        (Operation::IssueCertificate, error("MalformedCSRException", 400), "refused", 0),
        (Operation::IssueCertificate, error("InvalidArgsException", 400), "refused", 0),
        (Operation::IssueCertificate, error("ValidationException", 400), "refused", 0),
        (Operation::IssueCertificate, error("LimitExceededException", 400), "refused", 0),
        (Operation::IssueCertificate, error("RequestFailedException", 400), "refused, billed", 0),
        (Operation::IssueCertificate, Action::LateFailure, "refused, billed", 1),
        (Operation::GetCertificate, Action::LateFailure, "refused, billed", 1),
        (Operation::GetCertificate, error("ValidationException", 400), "refused, billed", 1),
    ] {
        let request = desk.request(&[Usage::ServerAuth]).await;
        let before = desk.billed();
        desk.plant(operation, &action, 1);
        let journey = desk.follow(&request).await;
        assert!(matches!(journey.end, End::Refused), "{operation:?} {action:?}: {:?}", journey.end);
        assert_eq!(journey.fates, [fate], "{operation:?} {action:?}");
        assert_eq!(desk.billed() - before, billed, "{operation:?} {action:?}");
    }
}

#[tokio::test]
async fn law_8_a_certificate_that_is_not_there_yet_is_polled_with_its_ticket() {
    let desk = Desk::start(Options::default()).await;
    for (action, fates) in [
        (Action::InProgress, vec![]),
        (error("ResourceNotFoundException", 400), vec!["AwaitingCertificate"; 3]),
        (Action::WrongLeaf { kind: WrongLeaf::Empty }, vec!["AuthorityUnavailable"; 3]),
    ] {
        let request = desk.request(&[Usage::ServerAuth]).await;
        let before = desk.billed();
        desk.plant(Operation::GetCertificate, &action, 3);
        let journey = desk.follow(&request).await;
        assert_eq!(journey.fates, fates, "{action:?}");
        journey.verified();
        assert_eq!(desk.billed() - before, 1, "{action:?}");
    }
}

#[tokio::test]
async fn law_8_a_certificate_in_progress_for_ever_stays_one() {
    let desk = Desk::start(Options::default()).await;
    let request = desk.request(&[Usage::ServerAuth]).await;
    desk.plant(Operation::IssueCertificate, &Action::InProgress, 1);
    for _ in 0..2 {
        let journey = desk.follow(&request).await;
        assert!(matches!(journey.end, End::Waiting), "{:?}", journey.end);
        assert!(journey.fates.is_empty(), "{:?}", journey.fates);
    }
    assert_eq!(desk.billed(), 1);
}

#[tokio::test]
async fn law_8_a_quota_that_others_use_up_delays_and_costs_nothing() {
    let quotas = Quotas { issue_per_second: 4, get_per_second: 1000, others_per_second: 1000 };
    let desk = Desk::start(Options { quotas: Some(quotas), ..Options::default() }).await;
    let mut requests = Vec::new();
    for _ in 0..7 {
        requests.push(desk.request(&[Usage::ServerAuth]).await);
    }
    let journeys = join_all(requests.iter().map(|request| desk.follow(request))).await;
    assert!(journeys.iter().any(|journey| !journey.fates.is_empty()), "seven at once are more than four");
    for journey in journeys {
        assert!(journey.fates.iter().all(|fate| fate == "Throttled"), "{:?}", journey.fates);
        journey.verified();
    }
    assert_eq!(desk.billed(), 7);
}

#[tokio::test]
async fn a_token_is_worth_five_minutes_and_a_ticket_for_ever() {
    let start = OffsetDateTime::from_unix_timestamp(now().as_second()).unwrap();
    let clock = Arc::new(ManualClock::new(start));
    let desk = Desk::start(Options { clock: clock.clone(), ..Options::default() }).await;
    let (request, described) = (desk.request(&[Usage::ServerAuth]).await, desk.described().await);
    let first = desk.issuer.issue(&somebody(), &request, &described).await.unwrap();
    clock.advance(time::Duration::seconds(299));
    assert_eq!(desk.issuer.issue(&somebody(), &request, &described).await.unwrap(), first);
    clock.advance(time::Duration::seconds(2));
    assert_ne!(desk.issuer.issue(&somebody(), &request, &described).await.unwrap(), first);
    assert_eq!(
        desk.billed(),
        2,
        "why the ticket is stored: asked again after minutes, it is another certificate"
    );
    clock.advance(time::Duration::hours(1));
    let fetched = desk.issuer.fetch(&somebody(), &request, &first).await;
    assert!(matches!(fetched, Ok(sallyport_cert_agent::issuer::Fetched::Ready { .. })), "{fetched:?}");
}
