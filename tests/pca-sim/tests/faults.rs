//! Each planted fault, as the real SDK meets it.
#![cfg(test)]

mod common;

use std::time::Duration;

use aws_sdk_acmpca::{Client, error::SdkError};
use common::{Facts, client, code, csr, facts, issue, length, obtain, start, verify};
use pca_sim::{Action, Fault, Forever, Operation, Running, Times, WrongLeaf};

const NAMES: [&str; 2] = ["a.shop.corp.example", "b.shop.corp.example"];

/// Certificate and chain.
async fn get(pca: &Client, sim: &Running, arn: &str) -> (Option<String>, Option<String>) {
    let got = pca
        .get_certificate()
        .certificate_authority_arn(&sim.ca_arn)
        .certificate_arn(arn)
        .send()
        .await
        .unwrap();
    (got.certificate, got.certificate_chain)
}

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
async fn a_delay_outlasts_an_impatient_client() {
    let sim = start(|_| {}).await;
    let pca = client(&sim);
    sim.plant(Fault::new(Operation::IssueCertificate, Action::DelayMs(60_000), 1)).unwrap();
    let (pem, _) = csr(&NAMES);
    let patience = aws_sdk_acmpca::config::timeout::TimeoutConfig::builder()
        .operation_attempt_timeout(Duration::from_millis(300))
        .build();
    let hasty = aws_sdk_acmpca::Config::builder().timeout_config(patience);
    let answer = issue(&pca, &sim.ca_arn, &pem).customize().config_override(hasty).send().await;
    assert!(matches!(answer, Err(SdkError::TimeoutError(_))), "{answer:?}");
    sim.clear_faults();
    assert_eq!(code(issue(&pca, &sim.ca_arn, &pem).send().await), "ok");
    sim.stop().await;
}

#[tokio::test]
async fn a_certificate_may_fail_late_for_good_or_for_one_answer() {
    let sim = start(|_| {}).await;
    let pca = client(&sim);
    let (pem, _) = csr(&NAMES);
    let get = async |arn: &str| {
        code(pca.get_certificate().certificate_authority_arn(&sim.ca_arn).certificate_arn(arn).send().await)
    };
    sim.plant(Fault::new(Operation::IssueCertificate, Action::LateFailure, 1)).unwrap();
    let lost = issue(&pca, &sim.ca_arn, &pem).send().await.unwrap().certificate_arn.unwrap();
    let good = issue(&pca, &sim.ca_arn, &pem).send().await.unwrap().certificate_arn.unwrap();
    for _ in 0..3 {
        assert_eq!(get(&lost).await, "RequestFailedException");
    }
    sim.plant(Fault::new(Operation::GetCertificate, Action::LateFailure, 1)).unwrap();
    assert_eq!(get(&good).await, "RequestFailedException");
    assert_eq!(get(&good).await, "ok");
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
        Fault { operation: Operation::IssueCertificate, action: error, times: Times::Word(Forever::Forever) };
    sim.plant(fault).unwrap();
    for _ in 0..5 {
        assert_eq!(code(issue(&pca, &sim.ca_arn, &pem).send().await), "InternalFailure");
    }
    sim.clear_faults();
    assert_eq!(code(issue(&pca, &sim.ca_arn, &pem).send().await), "ok");
    sim.stop().await;
}

/// Whether an answer shows what its kind of wrongness promises.
fn is_wrong(
    kind: WrongLeaf,
    facts: &Facts,
    spki: &[u8],
    chain: Option<&str>,
    root: &str,
    leaf: &str,
) -> bool {
    let now = pca_sim::Clock::now(&pca_sim::SystemClock).unix_timestamp();
    let verified = || verify(leaf, chain.unwrap(), root);
    match kind {
        WrongLeaf::OtherKey => facts.spki != spki && verified().is_ok(),
        WrongLeaf::MissingSan => facts.names == ["DNSName(b.shop.corp.example)"] && verified().is_ok(),
        WrongLeaf::ExtraSan => {
            facts.names.len() == 3 && facts.names[2] == "DNSName(not-asked-for.invalid)" && verified().is_ok()
        }
        WrongLeaf::WrongEku => {
            !facts.server && verified().unwrap_err().contains("unsuitable certificate purpose")
        }
        WrongLeaf::Expired => facts.not_after < now && verified().unwrap_err().contains("expired"),
        WrongLeaf::WrongChain => {
            let root_of_chain = chain.unwrap().rsplit_once("-----BEGIN").unwrap().1;
            facts.spki == spki
                && !root.contains(root_of_chain)
                && verify(leaf, chain.unwrap(), &format!("-----BEGIN{root_of_chain}")).is_err()
        }
        WrongLeaf::ReversedChain => {
            length(chain.unwrap()) == 2 && chain.unwrap().starts_with(root.trim_end())
        }
        WrongLeaf::NoChain => chain.is_none() && facts.spki == spki,
        WrongLeaf::Empty => false,
    }
}

#[tokio::test]
async fn every_wrong_leaf_is_wrong_in_its_own_way() {
    let sim = start(|options| options.authorities[0].intermediate = true).await;
    let pca = client(&sim);
    for kind in [
        WrongLeaf::OtherKey,
        WrongLeaf::MissingSan,
        WrongLeaf::ExtraSan,
        WrongLeaf::WrongEku,
        WrongLeaf::Expired,
        WrongLeaf::WrongChain,
        WrongLeaf::ReversedChain,
        WrongLeaf::NoChain,
    ] {
        for operation in [Operation::IssueCertificate, Operation::GetCertificate] {
            let (pem, spki) = csr(&NAMES);
            sim.plant(Fault::new(operation, Action::WrongLeaf { kind }, 1)).unwrap();
            let arn = issue(&pca, &sim.ca_arn, &pem).send().await.unwrap().certificate_arn.unwrap();
            let first = get(&pca, &sim, &arn).await;
            let (leaf, chain) = (first.0.clone().unwrap(), first.1.as_deref());
            assert!(
                is_wrong(kind, &facts(&leaf), &spki, chain, &sim.root_pem, &leaf),
                "{kind:?} {operation:?}"
            );
            let second = get(&pca, &sim, &arn).await;
            let lasting = operation == Operation::IssueCertificate;
            assert_eq!(first == second, lasting, "{kind:?} {operation:?}: issued for good, answered once");
            if !lasting {
                verify(&second.0.unwrap(), &second.1.unwrap(), &sim.root_pem).unwrap();
            }
        }
    }
    sim.stop().await;
}

#[tokio::test]
async fn an_answer_may_be_empty() {
    let sim = start(|_| {}).await;
    let pca = client(&sim);
    let (pem, _) = csr(&NAMES);
    sim.plant(Fault::new(Operation::GetCertificate, Action::WrongLeaf { kind: WrongLeaf::Empty }, 1))
        .unwrap();
    let arn = issue(&pca, &sim.ca_arn, &pem).send().await.unwrap().certificate_arn.unwrap();
    assert_eq!(get(&pca, &sim, &arn).await, (None, None));
    let (leaf, chain) = obtain(&pca, &sim.ca_arn, &pem).await;
    verify(&leaf, &chain.unwrap(), &sim.root_pem).unwrap();
    sim.stop().await;
}
