//! Each planted fault, as the real SDK meets it.
#![cfg(test)]

mod common;

use std::time::Duration;

use aws_sdk_acmpca::{Client, config::timeout::TimeoutConfig, error::SdkError, types::RevocationReason};
use common::{arrives, client, code, csr, issue, noon, start};
use pca_sim::{Action, Fault, Forever, IssueDelay, Operation, Running, Times};

const NAMES: [&str; 2] = ["a.shop.corp.example", "b.shop.corp.example"];

#[tokio::test]
async fn errors_of_any_type_and_status() {
    let sim = start(|_| {}).await;
    let pca = client(&sim);
    for (kind, status) in [
        ("ThrottlingException", 400),
        ("LimitExceededException", 400),
        ("AccessDeniedException", 400),
        ("ExpiredTokenException", 400),
        ("InternalFailure", 500),
        ("ServiceUnavailable", 503),
    ] {
        let error = Action::Error { r#type: kind.to_owned(), message: "planted".to_owned(), status };
        sim.plant(Fault::new(Operation::IssueCertificate, error, 1)).unwrap();
        let (pem, _) = csr(&NAMES);
        let refusal = issue(&pca, &sim.ca_arn, &pem).send().await.unwrap_err();
        assert_eq!(refusal.raw_response().unwrap().status().as_u16(), status);
        assert!(refusal.raw_response().unwrap().headers().get("x-amzn-requestid").is_some());
        assert_eq!(code::<(), _>(Err(refusal)), kind);
        assert_eq!(code(issue(&pca, &sim.ca_arn, &pem).send().await), "ok", "once");
        assert_eq!(sim.counters().count(Operation::IssueCertificate, kind), 1);
    }
    sim.stop().await;
}

#[tokio::test]
async fn a_cut_before_leaves_nothing_and_a_cut_after_leaves_a_certificate() {
    let sim = start(|_| {}).await;
    let pca = client(&sim);
    let (pem, _) = csr(&NAMES);
    for (action, outcome, issued) in
        [(Action::DropBefore, "dropped_before", 0), (Action::DropAfter, "dropped_after", 1)]
    {
        sim.plant(Fault::new(Operation::IssueCertificate, action, 1)).unwrap();
        let answer = issue(&pca, &sim.ca_arn, &pem).idempotency_token("one").send().await;
        assert!(matches!(answer, Err(SdkError::DispatchFailure(_))), "{answer:?}");
        assert_eq!(sim.counters().certificates_issued, issued);
        assert_eq!(sim.counters().count(Operation::IssueCertificate, outcome), 1);
    }
    let again = issue(&pca, &sim.ca_arn, &pem).idempotency_token("one").send().await.unwrap();
    assert_eq!(again.certificate_arn.unwrap(), sim.issued()[0].arn, "the token finds it again");
    assert_eq!(sim.counters().certificates_issued, 1);
    sim.stop().await;
}

#[tokio::test]
async fn a_client_that_hangs_up_undoes_a_delay_and_not_a_late_answer() {
    let sim = start(|_| {}).await;
    let pca = client(&sim);
    let (pem, _) = csr(&NAMES);
    for (action, issued) in [(Action::DelayMs(60_000), 0), (Action::LateAnswerMs(60_000), 1)] {
        let abandoned = sim.counters().count(Operation::IssueCertificate, "abandoned");
        sim.plant(Fault::new(Operation::IssueCertificate, action, 1)).unwrap();
        let patience = TimeoutConfig::builder().operation_attempt_timeout(Duration::from_millis(300)).build();
        let hasty = aws_sdk_acmpca::Config::builder().timeout_config(patience);
        let answer = issue(&pca, &sim.ca_arn, &pem).customize().config_override(hasty).send().await;
        assert!(matches!(answer, Err(SdkError::TimeoutError(_))), "{answer:?}");
        arrives("the hang-up is noticed and counted", || {
            sim.counters().count(Operation::IssueCertificate, "abandoned") == abandoned + 1
        })
        .await;
        assert_eq!(sim.counters().certificates_issued, issued);
    }
    assert_eq!(code(issue(&pca, &sim.ca_arn, &pem).send().await), "ok", "each struck once");
    sim.stop().await;
}

#[tokio::test]
async fn a_patient_client_gets_its_answer_late() {
    let sim = start(|_| {}).await;
    let pca = client(&sim);
    let (pem, _) = csr(&NAMES);
    for action in [Action::DelayMs(400), Action::LateAnswerMs(400)] {
        sim.plant(Fault::new(Operation::IssueCertificate, action, 1)).unwrap();
        let begun = std::time::Instant::now();
        assert_eq!(code(issue(&pca, &sim.ca_arn, &pem).send().await), "ok");
        assert!(begun.elapsed() >= Duration::from_millis(400));
    }
    sim.stop().await;
}

#[tokio::test]
async fn a_certificate_may_fail_late_for_good_or_for_one_answer() {
    let clock = noon();
    let sim = start(|options| {
        options.clock = clock.clone();
        options.issue_delay = IssueDelay { base: Duration::from_secs(2), jitter: Duration::ZERO };
    })
    .await;
    let pca = client(&sim);
    let (pem, _) = csr(&NAMES);
    let get = async |arn: &str| {
        code(pca.get_certificate().certificate_authority_arn(&sim.ca_arn).certificate_arn(arn).send().await)
    };
    sim.plant(Fault::new(Operation::IssueCertificate, Action::LateFailure, 1)).unwrap();
    let lost = issue(&pca, &sim.ca_arn, &pem).send().await.unwrap().certificate_arn.unwrap();
    let good = issue(&pca, &sim.ca_arn, &pem).send().await.unwrap().certificate_arn.unwrap();
    assert_eq!(get(&lost).await, "RequestInProgressException", "it fails late, not at once");
    clock.advance(time::Duration::seconds(2));
    for _ in 0..3 {
        assert_eq!(get(&lost).await, "RequestFailedException");
    }
    sim.plant(Fault::new(Operation::GetCertificate, Action::LateFailure, 1)).unwrap();
    let fresh = issue(&pca, &sim.ca_arn, &pem).send().await.unwrap().certificate_arn.unwrap();
    assert_eq!(get(&fresh).await, "RequestFailedException", "what is planted strikes the next call");
    assert_eq!(get(&fresh).await, "RequestInProgressException");
    sim.plant(Fault::new(Operation::GetCertificate, Action::LateFailure, 1)).unwrap();
    assert_eq!(get(&good).await, "RequestFailedException");
    assert_eq!(get(&good).await, "ok");
    sim.stop().await;
}

#[tokio::test]
async fn a_certificate_may_be_in_progress_for_ever_or_for_one_answer() {
    let clock = noon();
    let sim = start(|options| options.clock = clock.clone()).await;
    let pca = client(&sim);
    let (pem, _) = csr(&NAMES);
    let get = async |arn: &str| {
        code(pca.get_certificate().certificate_authority_arn(&sim.ca_arn).certificate_arn(arn).send().await)
    };
    sim.plant(Fault::new(Operation::IssueCertificate, Action::InProgress, 1)).unwrap();
    let stuck = issue(&pca, &sim.ca_arn, &pem).send().await.unwrap().certificate_arn.unwrap();
    let good = issue(&pca, &sim.ca_arn, &pem).send().await.unwrap().certificate_arn.unwrap();
    sim.plant(Fault::new(Operation::GetCertificate, Action::InProgress, 1)).unwrap();
    assert_eq!(get(&good).await, "RequestInProgressException");
    for day in 0..3 {
        assert_eq!(get(&stuck).await, "RequestInProgressException", "day {day}");
        assert_eq!(get(&good).await, "ok", "day {day}");
        clock.advance(time::Duration::days(1));
    }
    sim.stop().await;
}

#[tokio::test]
async fn off_the_network_nothing_arrives_and_back_on_it_everything_is_as_it_was() {
    let sim = start(|_| {}).await;
    let pca = client(&sim);
    let (pem, _) = csr(&NAMES);
    let before = issue(&pca, &sim.ca_arn, &pem).idempotency_token("one").send().await.unwrap();
    sim.set_reachable(false);
    for _ in 0..3 {
        let answer = issue(&pca, &sim.ca_arn, &pem).send().await;
        assert!(matches!(answer, Err(SdkError::DispatchFailure(_))), "{answer:?}");
    }
    assert_eq!(sim.counters().certificates_issued, 1);
    sim.set_reachable(true);
    let after = issue(&pca, &sim.ca_arn, &pem).idempotency_token("one").send().await.unwrap();
    assert_eq!(after.certificate_arn, before.certificate_arn);
    sim.stop().await;
}

#[tokio::test]
async fn an_empty_reply_is_a_success_without_an_arn() {
    let sim = start(|_| {}).await;
    let pca = client(&sim);
    let (pem, _) = csr(&NAMES);
    sim.plant(Fault::new(Operation::IssueCertificate, Action::EmptyReply, 1)).unwrap();
    assert_eq!(issue(&pca, &sim.ca_arn, &pem).send().await.unwrap().certificate_arn, None);
    assert_eq!(sim.counters().certificates_issued, 1);
    sim.stop().await;
}

#[tokio::test]
async fn faults_last_until_they_are_removed() {
    let sim = start(|_| {}).await;
    let pca = client(&sim);
    let (pem, _) = csr(&NAMES);
    let error = Action::Error { r#type: "InternalFailure".to_owned(), message: String::new(), status: 500 };
    let fault =
        Fault { times: Times::Word(Forever::Forever), ..Fault::new(Operation::IssueCertificate, error, 1) };
    sim.plant(fault).unwrap();
    for _ in 0..5 {
        assert_eq!(code(issue(&pca, &sim.ca_arn, &pem).send().await), "InternalFailure");
    }
    sim.clear_faults();
    assert_eq!(code(issue(&pca, &sim.ca_arn, &pem).send().await), "ok");
    sim.stop().await;
}

/// One call of an operation, as a code.
async fn ask(pca: &Client, sim: &Running, operation: Operation, pem: &str, arn: &str) -> String {
    let ca = &sim.ca_arn;
    match operation {
        Operation::IssueCertificate => code(issue(pca, ca, pem).send().await),
        Operation::GetCertificate => {
            code(pca.get_certificate().certificate_authority_arn(ca).certificate_arn(arn).send().await)
        }
        Operation::DescribeCertificateAuthority => {
            code(pca.describe_certificate_authority().certificate_authority_arn(ca).send().await)
        }
        Operation::GetCertificateAuthorityCertificate => {
            code(pca.get_certificate_authority_certificate().certificate_authority_arn(ca).send().await)
        }
        Operation::RevokeCertificate => {
            let serial = arn.rsplit('/').next().unwrap();
            let call = pca.revoke_certificate().certificate_authority_arn(ca).certificate_serial(serial);
            code(call.revocation_reason(RevocationReason::Superseded).send().await)
        }
    }
}

#[tokio::test]
async fn a_refusal_is_cut_and_emptied_like_any_answer() {
    let sim = start(|_| {}).await;
    let pca = client(&sim);
    let unknown = format!("{}/certificate/0123456789abcdef", sim.ca_arn);
    for (action, expected) in [
        (Action::DropAfter, "no answer"),
        (Action::DropMidBody, "no answer"),
        (Action::EmptyReply, "ok"),
        (Action::DelayMs(1), "ResourceNotFoundException"),
    ] {
        sim.plant(Fault::new(Operation::GetCertificate, action.clone(), 1)).unwrap();
        let got = ask(&pca, &sim, Operation::GetCertificate, "", &unknown).await;
        assert_eq!(got, expected, "{action:?}");
    }
    sim.stop().await;
}

#[tokio::test]
async fn every_operation_meets_every_fault_of_the_way() {
    let sim = start(|_| {}).await;
    let pca = client(&sim);
    let error =
        |kind: &str, status| Action::Error { r#type: kind.to_owned(), message: String::new(), status };
    let foreign = |status| Action::ForeignReply { status, body: "<html>Bad gateway</html>".to_owned() };
    for operation in [
        Operation::IssueCertificate,
        Operation::GetCertificate,
        Operation::DescribeCertificateAuthority,
        Operation::GetCertificateAuthorityCertificate,
        Operation::RevokeCertificate,
    ] {
        for (action, expected, outcome, carried_out) in [
            (error("ThrottlingException", 400), "ThrottlingException", "ThrottlingException", false),
            (error("InternalFailure", 500), "InternalFailure", "InternalFailure", false),
            (foreign(502), "no answer", "foreign_reply", false),
            (Action::DropBefore, "no answer", "dropped_before", false),
            (Action::DropAfter, "no answer", "dropped_after", true),
            (Action::DropMidBody, "no answer", "dropped_mid_body", true),
            (Action::EmptyReply, "ok", "empty_reply", true),
        ] {
            let (pem, _) = csr(&NAMES);
            let arn = issue(&pca, &sim.ca_arn, &pem).send().await.unwrap().certificate_arn.unwrap();
            let before = sim.counters().certificates_issued;
            let counted = sim.counters().count(operation, outcome);
            sim.plant(Fault::new(operation, action.clone(), 1)).unwrap();
            let got = ask(&pca, &sim, operation, &pem, &arn).await;
            assert_eq!(got, expected, "{operation:?} {action:?}");
            assert_eq!(sim.counters().count(operation, outcome), counted + 1, "{operation:?} {action:?}");
            let revoked = sim.issued().iter().any(|issued| issued.arn == arn && issued.revoked);
            assert_eq!(revoked, operation == Operation::RevokeCertificate && carried_out, "{action:?}");
            let issued = sim.counters().certificates_issued - before;
            assert_eq!(issued == 1, operation == Operation::IssueCertificate && carried_out, "{action:?}");
        }
    }
    sim.stop().await;
}
