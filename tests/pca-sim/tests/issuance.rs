//! From IssueCertificate to a certificate that stands up, through the real SDK and TLS.
#![cfg(test)]

mod common;

use std::{collections::BTreeSet, time::Duration};

use aws_sdk_acmpca::types::{
    ApiPassthrough, CustomExtension, Extensions, RevocationReason, SigningAlgorithm, Validity,
    ValidityPeriodType,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use common::{client, code, csr, days, facts, issue, length, noon, obtain, start, verify};
use pca_sim::{AuthorityOptions, Clock, IssueDelay, KeyAlgorithm, Operation, Quotas, Status, UsageMode};
use tokio::task::JoinSet;

#[tokio::test]
async fn a_certificate_is_in_progress_and_then_there() {
    let clock = noon();
    let sim = start(|options| {
        options.clock = clock.clone();
        options.issue_delay = IssueDelay { base: Duration::from_secs(3), jitter: Duration::ZERO };
    })
    .await;
    let pca = client(&sim);
    let (pem, spki) = csr(&["web.shop.corp.example", "10.0.0.7"]);
    let arn = issue(&pca, &sim.ca_arn, &pem).send().await.unwrap().certificate_arn.unwrap();
    let get = || pca.get_certificate().certificate_authority_arn(&sim.ca_arn).certificate_arn(&arn).send();

    clock.advance(time::Duration::milliseconds(2_999));
    assert_eq!(code(get().await), "RequestInProgressException");
    clock.advance(time::Duration::milliseconds(1));
    let got = get().await.unwrap();

    let (leaf, chain) = (got.certificate.unwrap(), got.certificate_chain.unwrap());
    assert!(leaf.ends_with("-----END CERTIFICATE-----") && chain.ends_with("-----END CERTIFICATE-----"));
    let facts = facts(&leaf);
    assert_eq!(facts.spki, spki);
    assert_eq!(facts.subject, "");
    assert_eq!(facts.names, ["DNSName(web.shop.corp.example)", "IPAddress(0a:00:00:07)"]);
    assert!(facts.san_critical && facts.server && !facts.client);
    let issued = 1_790_000_000;
    assert_eq!((facts.not_before, facts.not_after), (issued - 3600, issued + 86_400));
    let serial = arn.rsplit('/').next().unwrap();
    assert_eq!(facts.serial.trim_start_matches('0'), serial);
    assert_eq!(sim.counters().count(Operation::GetCertificate, "RequestInProgressException"), 1);
    assert_eq!(sim.issued()[0].names, ["web.shop.corp.example", "IP:10.0.0.7"]);
    sim.stop().await;
}

#[tokio::test]
async fn openssl_accepts_what_every_kind_of_ca_issues() {
    for key_algorithm in [KeyAlgorithm::EcPrime256v1, KeyAlgorithm::Rsa2048] {
        for intermediate in [false, true] {
            let ca = AuthorityOptions { key_algorithm, intermediate, ..AuthorityOptions::default() };
            let sim = start(|options| options.authorities = vec![ca]).await;
            let pca = client(&sim);
            let algorithm = match key_algorithm {
                KeyAlgorithm::EcPrime256v1 => SigningAlgorithm::Sha256Withecdsa,
                KeyAlgorithm::Rsa2048 => SigningAlgorithm::Sha384Withrsa,
            };
            for _ in 0..4 {
                let (pem, _) = csr(&["web.shop.corp.example", "*.web.shop.corp.example"]);
                let request = issue(&pca, &sim.ca_arn, &pem).signing_algorithm(algorithm.clone());
                let arn = request.send().await.unwrap().certificate_arn.unwrap();
                let get = pca.get_certificate().certificate_authority_arn(&sim.ca_arn).certificate_arn(arn);
                let got = get.send().await.unwrap();
                let chain = got.certificate_chain.unwrap();
                assert_eq!(length(&chain), if intermediate { 2 } else { 1 });
                assert!(chain.ends_with(sim.root_pem.trim_end()), "the root comes last");
                verify(&got.certificate.unwrap(), &chain, &sim.root_pem).unwrap();
            }
            sim.stop().await;
        }
    }
}

#[tokio::test]
async fn exactly_the_extensions_of_the_template() {
    const BASE: [(&str, bool); 6] = [
        ("2.5.29.35", false),
        ("2.5.29.15", true),
        ("2.5.29.37", false),
        ("2.5.29.19", false),
        ("2.5.29.14", false),
        ("2.5.29.17", true),
    ];
    let sim = start(|_| {}).await;
    let pca = client(&sim);
    let (pem, _) = csr(&["web.shop.corp.example"]);
    for (name, server, as_client) in [
        ("EndEntityCertificate/V1", true, true),
        ("EndEntityServerAuthCertificate/V1", true, false),
        ("EndEntityClientAuthCertificate/V1", false, true),
    ] {
        let template = format!("arn:aws:acm-pca:::template/{name}");
        let arn = issue(&pca, &sim.ca_arn, &pem).template_arn(template).send().await.unwrap().certificate_arn;
        let get = pca.get_certificate().certificate_authority_arn(&sim.ca_arn).set_certificate_arn(arn);
        let facts = facts(&get.send().await.unwrap().certificate.unwrap());
        assert_eq!((facts.server, facts.client), (server, as_client), "{name}");
        assert_eq!(facts.extensions, BASE.map(|(oid, critical)| (oid.to_owned(), critical)), "{name}");
    }
    sim.stop().await;
}

#[tokio::test]
async fn one_token_is_one_certificate_for_five_minutes() {
    let clock = noon();
    let sim = start(|options| options.clock = clock.clone()).await;
    let pca = client(&sim);
    let (first, first_spki) = csr(&["a.shop.corp.example"]);
    let (second, _) = csr(&["b.shop.corp.example"]);
    let send = async |pem: &str| {
        let request = issue(&pca, &sim.ca_arn, pem).idempotency_token("0123456789abcdef0123456789abcdef0123");
        request.send().await.unwrap().certificate_arn.unwrap()
    };
    let arn = send(&first).await;
    clock.advance(time::Duration::seconds(299));
    assert_eq!(send(&first).await, arn);
    assert_eq!(send(&second).await, arn, "another CSR under the same token: the old certificate");
    let got = pca.get_certificate().certificate_authority_arn(&sim.ca_arn).certificate_arn(&arn).send().await;
    assert_eq!(facts(&got.unwrap().certificate.unwrap()).spki, first_spki);
    assert_eq!(sim.counters().certificates_issued, 1);
    clock.advance(time::Duration::seconds(1));
    assert_ne!(send(&second).await, arn);
    assert_eq!(sim.counters().issued_by_token["0123456789abcdef0123456789abcdef0123"], 2);

    let long = issue(&pca, &sim.ca_arn, &first).idempotency_token("x".repeat(37)).send().await;
    assert_eq!(code(long), "ValidationException");
    sim.stop().await;
}

#[tokio::test]
async fn refusals_of_issue_certificate() {
    // Time stands still: the CA ends to the second after the longest certificate that it gives.
    let clock = noon();
    let sim = start(|options| {
        options.clock = clock.clone();
        let short =
            AuthorityOptions { usage_mode: UsageMode::ShortLivedCertificate, ..AuthorityOptions::default() };
        options.authorities =
            vec![AuthorityOptions { lifetime_days: 100, ..AuthorityOptions::default() }, short];
    })
    .await;
    let (ca, short_lived) = (sim.ca_arns[0].as_str(), sim.ca_arns[1].as_str());
    let pca = client(&sim);
    let (pem, _) = csr(&["a.shop.corp.example"]);
    let good = |arn: &str| issue(&pca, arn, &pem);
    let past = Validity::builder().value(1_000_000_000).r#type(ValidityPeriodType::Absolute).build().unwrap();
    let unknown = ca.replace(ca.rsplit('/').next().unwrap(), "00000000-0000-4000-8000-000000000000");
    for (what, request, expected) in [
        ("days", good(ca).validity(days(100)), "ok"),
        ("beyond the CA", good(ca).validity(days(101)), "ValidationException"),
        ("in the past", good(ca).validity(past), "ValidationException"),
        ("7 days, short-lived", good(short_lived).validity(days(7)), "ok"),
        ("8 days, short-lived", good(short_lived).validity(days(8)), "ValidationException"),
        ("unknown CA", good(&unknown), "ResourceNotFoundException"),
        ("no CA", good("arn:aws:acm:eu-central-1:123456789012:certificate/a"), "InvalidArnException"),
        ("other Region", good(&ca.replace("eu-central-1", "us-east-1")), "InvalidArnException"),
        ("RSA", good(ca).signing_algorithm(SigningAlgorithm::Sha256Withrsa), "InvalidArgsException"),
        ("no CSR", issue(&pca, ca, "hello"), "MalformedCSRException"),
        (
            "made-up template",
            good(ca).template_arn("arn:aws:acm-pca:::template/Nice/V1"),
            "InvalidArgsException",
        ),
    ] {
        assert_eq!(code(request.send().await), expected, "{what}");
    }
    sim.stop().await;
}

#[tokio::test]
async fn the_state_of_the_ca_counts() {
    let sim = start(|_| {}).await;
    let pca = client(&sim);
    let (pem, _) = csr(&["a.shop.corp.example"]);
    let arn = issue(&pca, &sim.ca_arn, &pem).send().await.unwrap().certificate_arn.unwrap();
    let get = || pca.get_certificate().certificate_authority_arn(&sim.ca_arn).certificate_arn(&arn).send();
    let ca_certificate =
        || pca.get_certificate_authority_certificate().certificate_authority_arn(&sim.ca_arn).send();
    for (status, expected, of_the_ca) in [
        (Status::Disabled, "InvalidStateException", "ok"),
        (Status::Expired, "InvalidStateException", "ok"),
        (Status::Deleted, "InvalidStateException", "InvalidStateException"),
        (Status::PendingCertificate, "InvalidStateException", "InvalidStateException"),
        (Status::Active, "ok", "ok"),
    ] {
        sim.set_status(&sim.ca_arn, status).unwrap();
        assert_eq!(code(issue(&pca, &sim.ca_arn, &pem).send().await), expected, "{status:?}");
        assert_eq!(code(get().await), expected, "{status:?}");
        assert_eq!(code(ca_certificate().await), of_the_ca, "{status:?}");
        let described =
            pca.describe_certificate_authority().certificate_authority_arn(&sim.ca_arn).send().await;
        let described = described.unwrap().certificate_authority.unwrap();
        let name = serde_json::to_value(status).unwrap();
        assert_eq!(described.status.unwrap().as_str(), name.as_str().unwrap());
    }
    sim.stop().await;
}

#[tokio::test]
async fn a_ca_describes_itself() {
    let clock = noon();
    let sim = start(|options| {
        options.clock = clock.clone();
        options.authorities = vec![AuthorityOptions {
            key_algorithm: KeyAlgorithm::Rsa2048,
            usage_mode: UsageMode::ShortLivedCertificate,
            intermediate: true,
            lifetime_days: 30,
            ..AuthorityOptions::default()
        }];
    })
    .await;
    let pca = client(&sim);
    let described = pca.describe_certificate_authority().certificate_authority_arn(&sim.ca_arn).send().await;
    let ca = described.unwrap().certificate_authority.unwrap();
    let configuration = ca.certificate_authority_configuration.unwrap();
    assert_eq!(configuration.key_algorithm.as_str(), "RSA_2048");
    assert_eq!(configuration.signing_algorithm.as_str(), "SHA256WITHRSA");
    assert_eq!(ca.usage_mode.unwrap().as_str(), "SHORT_LIVED_CERTIFICATE");
    assert_eq!(ca.r#type.unwrap().as_str(), "SUBORDINATE");
    assert_eq!(ca.not_after.unwrap().secs(), clock.now().unix_timestamp() + 30 * 86_400);
    let got = pca
        .get_certificate_authority_certificate()
        .certificate_authority_arn(&sim.ca_arn)
        .send()
        .await
        .unwrap();
    let chain = format!("{}\n{}\n", got.certificate.unwrap(), got.certificate_chain.unwrap());
    assert_eq!(chain, sim.chain_pem);
    sim.stop().await;
}

#[tokio::test]
async fn revocation_takes_every_form_of_the_serial_and_only_once() {
    let sim = start(|_| {}).await;
    let pca = client(&sim);
    let revoke = async |serial: &str| {
        let call = pca.revoke_certificate().certificate_authority_arn(&sim.ca_arn).certificate_serial(serial);
        code(call.revocation_reason(RevocationReason::KeyCompromise).send().await)
    };
    for _ in 0..6 {
        let (pem, _) = csr(&["a.shop.corp.example"]);
        let (leaf, _) = obtain(&pca, &sim.ca_arn, &pem).await;
        let serial = facts(&leaf).serial;
        assert_eq!(revoke(&serial).await, "ok");
        assert_eq!(revoke(&serial.to_uppercase()).await, "RequestAlreadyProcessedException");
    }
    assert_eq!(revoke("0a0b").await, "ResourceNotFoundException");
    assert_eq!(revoke("not hex").await, "InvalidRequestException");
    assert!(sim.issued().iter().all(|issued| issued.revoked));
    let arn = &sim.issued()[0].arn;
    let got = pca.get_certificate().certificate_authority_arn(&sim.ca_arn).certificate_arn(arn).send().await;
    assert!(got.is_ok(), "a revoked certificate is still answered");
    sim.stop().await;
}

#[tokio::test]
async fn calls_at_once_with_one_token_are_one_certificate() {
    let sim = start(|_| {}).await;
    let pca = client(&sim);
    let (pem, _) = csr(&["a.shop.corp.example"]);
    let mut calls = JoinSet::new();
    for _ in 0..20 {
        calls.spawn(issue(&pca, &sim.ca_arn, &pem).idempotency_token("one").send());
    }
    let arns: BTreeSet<_> =
        calls.join_all().await.into_iter().map(|answer| answer.unwrap().certificate_arn.unwrap()).collect();
    assert_eq!((arns.len(), sim.counters().certificates_issued), (1, 1));
    sim.stop().await;
}

#[tokio::test]
async fn a_ca_expires() {
    let clock = noon();
    let sim = start(|options| options.clock = clock.clone()).await;
    let pca = client(&sim);
    let (pem, _) = csr(&["a.shop.corp.example"]);
    clock.advance(time::Duration::days(3651));
    assert_eq!(code(issue(&pca, &sim.ca_arn, &pem).send().await), "InvalidStateException");
    let described = pca.describe_certificate_authority().certificate_authority_arn(&sim.ca_arn).send().await;
    assert_eq!(described.unwrap().certificate_authority.unwrap().status.unwrap().as_str(), "EXPIRED");
    sim.stop().await;
}

#[tokio::test]
async fn quotas_throttle() {
    let clock = noon();
    let sim = start(|options| {
        options.clock = clock.clone();
        options.authorities = vec![AuthorityOptions::default(); 2];
        options.quotas = Some(Quotas { issue_per_second: 2, ..Quotas::default() });
    })
    .await;
    let pca = client(&sim);
    let (pem, _) = csr(&["a.shop.corp.example"]);
    let (one, two) = (sim.ca_arns[0].as_str(), sim.ca_arns[1].as_str());
    let ask = async |ca: &str| code(issue(&pca, ca, &pem).send().await);
    for (ca, expected) in
        [(one, "ok"), (two, "ok"), (one, "ThrottlingException"), (two, "ThrottlingException")]
    {
        assert_eq!(ask(ca).await, expected, "the account's CAs share its quota");
    }
    assert_eq!(sim.counters().certificates_issued, 2);
    let described = pca.describe_certificate_authority().certificate_authority_arn(one).send().await;
    assert_eq!(code(described), "ok", "each operation has a quota of its own");
    clock.advance(time::Duration::milliseconds(500));
    assert_eq!(ask(one).await, "ok", "half a second brings one of two");
    assert_eq!(ask(one).await, "ThrottlingException");
    sim.set_quotas(None);
    assert_eq!(ask(one).await, "ok");
    sim.stop().await;
}

#[tokio::test]
async fn unknown_and_foreign_certificates() {
    let sim = start(|options| options.authorities = vec![AuthorityOptions::default(); 2]).await;
    let pca = client(&sim);
    let (pem, _) = csr(&["a.shop.corp.example"]);
    let arn = issue(&pca, &sim.ca_arns[0], &pem).send().await.unwrap().certificate_arn.unwrap();
    let get = async |ca: &str, certificate: &str| {
        code(pca.get_certificate().certificate_authority_arn(ca).certificate_arn(certificate).send().await)
    };
    assert_eq!(get(&sim.ca_arns[0], &arn).await, "ok");
    assert_eq!(get(&sim.ca_arns[1], &arn).await, "InvalidArnException");
    let unknown = format!("{}/certificate/0123456789abcdef0123456789abcdef", sim.ca_arns[0]);
    assert_eq!(get(&sim.ca_arns[0], &unknown).await, "ResourceNotFoundException");
    sim.stop().await;
}

#[tokio::test]
async fn a_subordinate_ca_has_the_constraints_that_came_beside_its_csr() {
    // NameConstraints { permittedSubtrees [0] { GeneralSubtree { dNSName [2] "corp.example" } } }
    let value = [&[0x30, 18, 0xa0, 16, 0x30, 14, 0x82, 12][..], b"corp.example"].concat();
    let sim = start(|_| {}).await;
    let pca = client(&sim);
    for (template, critical, expected) in [
        ("SubordinateCACertificate_PathLen0_APIPassthrough/V1", Some(true), Some(true)),
        ("SubordinateCACertificate_PathLen0_APIPassthrough/V1", None, Some(false)),
        ("SubordinateCACertificate_PathLen0/V1", Some(true), None),
    ] {
        let constraints = CustomExtension::builder()
            .object_identifier("2.5.29.30")
            .value(STANDARD.encode(&value))
            .set_critical(critical)
            .build()
            .unwrap();
        let extensions = Extensions::builder().custom_extensions(constraints).build();
        let (pem, spki) = csr(&["unused.corp.example"]);
        let request = issue(&pca, &sim.ca_arn, &pem)
            .template_arn(format!("arn:aws:acm-pca:::template/{template}"))
            .api_passthrough(ApiPassthrough::builder().extensions(extensions).build());
        let arn = request.send().await.unwrap().certificate_arn.unwrap();
        let get = pca.get_certificate().certificate_authority_arn(&sim.ca_arn).certificate_arn(arn);
        let facts = facts(&get.send().await.unwrap().certificate.unwrap());
        let found =
            |oid: &str| facts.extensions.iter().find(|(id, _)| id == oid).map(|(_, critical)| *critical);
        assert_eq!(
            (found("2.5.29.30"), found("2.5.29.19")),
            (expected, Some(true)),
            "{template} {critical:?}"
        );
        assert!(facts.is_ca && facts.signs && facts.spki == spki && !facts.server, "{facts:?}");
    }
    sim.stop().await;
}
