//! What users reported of cert-manager's issuer for AWS Private CA, each by its number, and that it does not happen here:
//! <https://github.com/cert-manager/aws-privateca-issuer/issues>.

use std::time::Duration;

use futures::future::join_all;
use jiff::SignedDuration;
use pca_sim::{Action, AuthorityOptions, KeyAlgorithm, Operation, Options, Status, UsageMode};
use sallyport_cert_agent::{
    fate::{self, Fate},
    issuer::{IssueError, Issuer as _},
};
use sallyport_contract::{
    Reason,
    object::{KeyKind, Usage},
};
use x509_parser::{
    certification_request::X509CertificationRequest, extensions::ParsedExtension, pem::parse_x509_pem,
    prelude::FromDer as _,
};

use crate::{
    authority,
    desk::{Desk, End, now, somebody},
};

/// AWS: "CSR must mark the SAN extension critical when it has an empty subject".
#[tokio::test]
async fn bug_6_without_a_subject_the_names_are_critical() {
    let desk = Desk::start(Options::default()).await;
    let request = desk.request(&[Usage::ServerAuth]).await;
    let (_, pem) = parse_x509_pem(request.csr.as_bytes()).unwrap();
    let (_, csr) = X509CertificationRequest::from_der(&pem.contents).unwrap();
    assert_eq!(csr.certification_request_info.subject.to_string(), "");
    let names = csr.certification_request_info.iter_attributes().find_map(|attribute| {
        let x509_parser::cri_attributes::ParsedCriAttribute::ExtensionRequest(asked) =
            attribute.parsed_attribute()
        else {
            return None;
        };
        let san = |extension: &&x509_parser::extensions::X509Extension<'_>| {
            matches!(extension.parsed_extension(), ParsedExtension::SubjectAlternativeName(_))
        };
        asked.extensions.iter().find(san).map(|extension| extension.critical)
    });
    assert_eq!(names, Some(true));
    desk.follow(&request).await.verified();
}

/// The signing algorithm was assumed instead of read from the CA.
#[tokio::test]
async fn bug_22_the_algorithm_is_that_of_the_authoritys_key() {
    for (ca, key) in [
        (KeyAlgorithm::Rsa2048, KeyKind::P256),
        (KeyAlgorithm::EcPrime256v1, KeyKind::Rsa2048),
        (KeyAlgorithm::EcPrime256v1, KeyKind::P384),
    ] {
        let desk = Desk::start(authority(ca, UsageMode::GeneralPurpose, false)).await;
        let request = desk.request_with(&[Usage::ServerAuth], key).await;
        desk.follow(&request).await.verified();
    }
}

/// AWS takes 36 characters and no more.
#[tokio::test]
async fn bug_30_a_token_is_never_too_long() {
    let desk = Desk::start(Options::default()).await;
    let label = "a".repeat(63);
    let long: Vec<String> = (0..60).map(|number| format!("{label}.{number}.shop.corp.example")).collect();
    let request = desk.request_for(&long, 24 * 3600).await;
    assert!((1..=36).contains(&request.token.len()), "{}", request.token);
    desk.follow(&request).await.verified();
}

/// A lifetime under a day became 0 days.
#[tokio::test]
async fn bug_69_71_a_lifetime_of_hours_is_one_of_hours() {
    for hours in [1, 12, 25] {
        let desk = Desk::start(Options::default()).await;
        let request = desk.request_for(&["web.shop.corp.example".to_owned()], hours * 3600).await;
        let verified = desk.follow(&request).await.verified();
        let left = verified.not_after().duration_since(now());
        let asked = SignedDuration::from_hours(hours.into());
        assert!((left - asked).abs() < SignedDuration::from_mins(5), "{hours} h: {left}");
    }
}

/// Certificates lived 30 days longer than asked.
#[tokio::test]
async fn bug_121_no_certificate_lives_longer_than_asked() {
    let desk = Desk::start(Options::default()).await;
    for days in [1, 30, 90] {
        let request = desk.request_for(&["web.shop.corp.example".to_owned()], days * 86_400).await;
        let verified = desk.follow(&request).await.verified();
        let left = verified.not_after().duration_since(now());
        assert!(left <= SignedDuration::from_hours(i64::from(days) * 24), "{days} days: {left}");
    }
}

/// "In progress" was an error, and objects that had gone were still asked for: the second is held by the flow's own tests
/// (`law_10_an_identity_ends_long_after_the_last_who_wanted_it`).
#[tokio::test]
async fn bug_329_330_372_in_progress_is_no_error() {
    let desk = Desk::start(Options::default()).await;
    let request = desk.request(&[Usage::ServerAuth]).await;
    desk.plant(Operation::GetCertificate, &Action::InProgress, 20);
    let journey = desk.follow(&request).await;
    assert!(journey.fates.is_empty(), "{:?}", journey.fates);
    journey.verified();
    assert_eq!(desk.running.counters().count(Operation::IssueCertificate, "ok"), 1);
}

/// A client that made five calls a second at most slowed hundreds of pods: 200 calls would take it 40 s.
#[tokio::test]
async fn bug_334_a_hundred_at_once_do_not_wait_for_each_other() {
    let desk = Desk::start(Options::default()).await;
    let mut requests = Vec::new();
    for number in 0..100 {
        requests.push(desk.request_for(&[format!("w{number}.shop.corp.example")], 86_400).await);
    }
    let all = join_all(requests.iter().map(|request| desk.follow(request)));
    for journey in tokio::time::timeout(Duration::from_secs(30), all).await.unwrap() {
        journey.verified();
    }
}

/// An issuer that was not ready was the end of a request.
#[tokio::test]
async fn bug_384_an_authority_that_is_not_ready_yet_is_waited_for() {
    for status in [Status::Creating, Status::PendingCertificate, Status::Disabled] {
        let desk = Desk::start(Options::default()).await;
        let request = desk.request(&[Usage::ServerAuth]).await;
        desk.running.set_status(&desk.running.ca_arn, status).unwrap();
        for _ in 0..3 {
            let not_ready = desk.issuer.describe().await.unwrap_err();
            assert!(matches!(not_ready, IssueError::NotActive(_)), "{status:?}: {not_ready:?}");
            let again = Fate::Again {
                reason: Reason::AuthorityUnavailable,
                first: Duration::from_secs(5),
                longest: Duration::from_secs(300),
            };
            assert_eq!(fate::of_issue(&not_ready), again);
        }
        desk.running.set_status(&desk.running.ca_arn, Status::Active).unwrap();
        desk.follow(&request).await.verified();
        assert_eq!(desk.billed(), 1, "{status:?}");
    }
}

/// Three failed connections were the end of a request, and nothing was renewed when the network was back.
#[tokio::test]
async fn bug_424_failed_connections_are_never_the_end() {
    let desk = Desk::start(Options::default()).await;
    let (request, described) = (desk.request(&[Usage::ServerAuth]).await, desk.described().await);
    desk.running.set_reachable(false);
    for _ in 0..12 {
        let failed = desk.issuer.issue(&somebody(), &request, &described).await;
        assert!(matches!(failed, Err(IssueError::Unavailable(_))), "{failed:?}");
    }
    desk.running.set_reachable(true);
    desk.follow(&request).await.verified();
    assert_eq!(desk.billed(), 1);
}

/// One request led to hundreds of calls of IssueCertificate, each billed, for ten hours. Here the caps bound what a whole identity,
/// namespace and day may cost besides (`flow/tests/caps.rs`), and the governor what goes out in a second.
#[tokio::test]
async fn bug_479_one_request_is_one_certificate_however_long_it_goes_wrong() {
    let wrong =
        |kind: &str, status| Action::Error { r#type: kind.to_owned(), message: String::new(), status };
    let actions = [
        wrong("ThrottlingException", 400),
        wrong("InternalFailure", 500),
        Action::DropAfter,
        Action::EmptyReply,
        Action::InProgress,
    ];
    join_all(actions.map(async |action| {
        let desk = Desk::start(Options::default()).await;
        let request = desk.request(&[Usage::ServerAuth]).await;
        desk.plant(Operation::GetCertificate, &action, u32::MAX);
        // Each time as after a restart that lost the ticket: the worst case.
        for _ in 0..2 {
            let journey = desk.follow(&request).await;
            assert!(matches!(journey.end, End::Waiting), "{action:?}: {:?}", journey.end);
        }
        let counters = desk.running.counters();
        assert_eq!(counters.certificates_issued, 1, "{action:?}");
        assert_eq!(counters.count(Operation::IssueCertificate, "ok"), 2, "{action:?}: once for each life");
    }))
    .await;
}

/// A CA that has issued all that AWS lets it says so for good; what it issued before stays readable.
#[tokio::test]
async fn a_ca_at_the_end_of_its_quota_is_refused_by_name() {
    let limited = AuthorityOptions { lifetime_limit: Some(1), ..AuthorityOptions::default() };
    let desk = Desk::start(Options { authorities: vec![limited], ..Options::default() }).await;
    let (first, second) =
        (desk.request(&[Usage::ServerAuth]).await, desk.request(&[Usage::ServerAuth]).await);
    desk.follow(&first).await.verified();
    let journey = desk.follow(&second).await;
    assert_eq!((journey.fates, desk.billed()), (vec!["refused".to_owned()], 1));
    desk.follow(&first).await.verified();
}
