//! AWS Private CA over the wire: the stand-in behind TLS, our client, our verifier, and moto's opinion.
#![cfg(test)]

mod bugs;
mod desk;
mod faults;
mod renewed;
mod wrong_leaves;

use pca_sim::{Action, AuthorityOptions, Fault, KeyAlgorithm, Operation, Options, UsageMode};
use sallyport_cert_agent::{
    chain::Wrong,
    issuer::{Fetched, IssueError, Issuer as _},
};
use sallyport_contract::object::{KeyKind, RevocationReason, Usage};

use crate::desk::{Desk, somebody};

fn authority(key_algorithm: KeyAlgorithm, usage_mode: UsageMode, intermediate: bool) -> Options {
    let authority =
        AuthorityOptions { key_algorithm, usage_mode, intermediate, ..AuthorityOptions::default() };
    Options { authorities: vec![authority], ..Options::default() }
}

#[tokio::test]
async fn every_kind_of_authority_and_template_gives_what_was_asked() {
    for (key, mode, intermediate) in [
        (KeyAlgorithm::EcPrime256v1, UsageMode::GeneralPurpose, false),
        (KeyAlgorithm::EcPrime256v1, UsageMode::ShortLivedCertificate, true),
        (KeyAlgorithm::Rsa2048, UsageMode::GeneralPurpose, true),
    ] {
        let desk = Desk::start(authority(key, mode, intermediate)).await;
        for usages in
            [vec![Usage::ServerAuth], vec![Usage::ClientAuth], vec![Usage::ServerAuth, Usage::ClientAuth]]
        {
            let request = desk.request(&usages).await;
            let verified = desk.follow(&request).await.verified();
            assert_eq!(verified.not_after(), request.not_after);
            assert_eq!(verified.intermediates().is_empty(), !intermediate, "{key:?}");
        }
    }
}

#[tokio::test]
async fn every_kind_of_key_is_signed() {
    let desk = Desk::start(Options::default()).await;
    for key in [KeyKind::P256, KeyKind::P384, KeyKind::Rsa2048, KeyKind::Rsa3072, KeyKind::Rsa4096] {
        let request = desk.request_with(&[Usage::ServerAuth], key).await;
        desk.follow(&request).await.verified();
    }
}

#[tokio::test]
async fn law_8_a_certificate_is_revoked_by_its_serial_and_asking_again_is_no_error() {
    let desk = Desk::start(Options::default()).await;
    let (one, other) = (desk.request(&[Usage::ServerAuth]).await, desk.request(&[Usage::ServerAuth]).await);
    let lost = desk.follow(&one).await.verified();
    desk.follow(&other).await.verified();
    desk.running.plant(Fault::new(Operation::RevokeCertificate, Action::DropAfter, 1)).unwrap();
    let reply_lost = desk.issuer.revoke(lost.serial(), RevocationReason::KeyCompromise).await;
    assert!(matches!(reply_lost, Err(IssueError::Unavailable(_))), "{reply_lost:?}");
    desk.issuer.revoke(lost.serial(), RevocationReason::KeyCompromise).await.unwrap();
    let revoked: Vec<bool> = desk.running.issued().iter().map(|issued| issued.revoked).collect();
    assert_eq!(revoked, [true, false], "that one, and no other");
    let unknown = desk.issuer.revoke("0a:0b", RevocationReason::Superseded).await;
    assert!(matches!(unknown, Err(IssueError::NotFound(_))), "{unknown:?}");
}

#[tokio::test]
async fn law_8_the_same_request_asked_twice_is_one_certificate() {
    let desk = Desk::start(Options::default()).await;
    let (request, described) = (desk.request(&[Usage::ServerAuth]).await, desk.described().await);
    desk.running.plant(Fault::new(Operation::IssueCertificate, Action::DropAfter, 1)).unwrap();
    let lost = desk.issuer.issue(&somebody(), &request, &described).await;
    assert!(matches!(lost, Err(IssueError::Unavailable(_))), "{lost:?}");
    let one = desk.issuer.issue(&somebody(), &request, &described).await.unwrap();
    let two = desk.issuer.issue(&somebody(), &request, &described).await.unwrap();
    assert_eq!((one, desk.running.issued().len()), (two, 1));
}

#[tokio::test]
async fn every_error_has_its_class() {
    let desk = Desk::start(Options::default()).await;
    let (request, described) = (desk.request(&[Usage::ServerAuth]).await, desk.described().await);
    for (code, status, class) in [
        ("ThrottlingException", 400, "Throttled"),
        ("LimitExceededException", 400, "Refused"),
        ("InvalidArgsException", 400, "Refused"),
        ("MalformedCSRException", 400, "Refused"),
        ("ValidationException", 400, "Refused"),
        ("InvalidStateException", 400, "NotActive"),
        ("AccessDeniedException", 400, "Denied"),
        ("ExpiredTokenException", 400, "Denied"),
        ("ResourceNotFoundException", 400, "NotFound"),
        ("RequestFailedException", 400, "Failed"),
        ("ServiceUnavailableException", 503, "Unavailable"),
        ("NobodyKnows", 400, "Unavailable"),
        ("NobodyKnows", 429, "Throttled"),
    ] {
        let action =
            Action::Error { r#type: code.to_owned(), message: "in its own words".to_owned(), status };
        desk.running.plant(Fault::new(Operation::IssueCertificate, action, 1)).unwrap();
        let error = desk.issuer.issue(&somebody(), &request, &described).await.unwrap_err();
        assert!(format!("{error:?}").starts_with(class), "{code}: {error:?}");
        assert!(error.to_string().contains("in its own words"), "{code}: {error}");
    }
    let count = desk.running.counters();
    assert!(desk.running.issued().is_empty(), "{count:?}");
}

#[tokio::test]
async fn a_disabled_authority_is_not_active() {
    let desk = Desk::start(Options::default()).await;
    let (request, described) = (desk.request(&[Usage::ServerAuth]).await, desk.described().await);
    desk.running.set_status(&desk.running.ca_arn, pca_sim::Status::Disabled).unwrap();
    let issued = desk.issuer.issue(&somebody(), &request, &described).await;
    assert!(matches!(issued, Err(IssueError::NotActive(_))), "{issued:?}");
    let described = desk.issuer.describe().await;
    assert!(
        matches!(&described, Err(IssueError::NotActive(text)) if text.contains("DISABLED")),
        "{described:?}"
    );
}

#[tokio::test]
async fn law_11_without_tls_nothing_is_asked() {
    let desk = Desk::start(Options::default()).await;
    let plain = desk.running.control.clone();
    let issuer = desk.issuer_at(&plain, None);
    let error = issuer.describe().await.unwrap_err();
    assert!(error.to_string().contains("is not https"), "{error}");
    let untrusted = desk.issuer_at(&desk.running.endpoint, None);
    let error = untrusted.describe().await.unwrap_err();
    assert!(matches!(error, IssueError::Unavailable(_)), "{error:?}");
}

#[tokio::test]
async fn a_template_outside_the_limit_is_refused_before_it_is_asked() {
    let desk = Desk::start(Options::default()).await;
    let described = desk.described().await;
    let only = Some(vec!["EndEntityServerAuthCertificate/V1".to_owned()]);
    let issuer = desk.issuer_with(only);
    let request = desk.request(&[Usage::ServerAuth, Usage::ClientAuth]).await;
    let error = issuer.issue(&somebody(), &request, &described).await.unwrap_err();
    assert!(
        matches!(&error, IssueError::Refused(text) if text.contains("EndEntityCertificate/V1")),
        "{error:?}"
    );
    assert!(desk.running.issued().is_empty());
}

#[tokio::test]
async fn moto_gives_what_our_verifier_refuses() {
    let moto = pca_sim::moto::start(&pca_sim::moto::default_venv_dir()).await.unwrap();
    let desk = Desk::moto(&moto).await;
    let request = desk.request(&[Usage::ServerAuth]).await;
    let described = desk.described().await;
    let ticket = desk.issuer.issue(&somebody(), &request, &described).await.unwrap();
    let Fetched::Ready { leaf, chain } = desk.issuer.fetch(&somebody(), &request, &ticket).await.unwrap()
    else {
        panic!("moto is never in progress");
    };
    let wrong = desk.judge(&request, &described, &leaf, chain.as_deref()).unwrap_err();
    // moto knows no server template: the names are right, and nothing else is there.
    assert_eq!(wrong, Wrong::Missing("extended key usage"));
}
