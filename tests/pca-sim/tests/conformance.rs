//! One suite over the wire for two implementations, pca-sim and moto: what both do alike, and each known difference.
#![cfg(test)]

mod common;

use aws_sdk_acmpca::{
    Client,
    types::{CertificateAuthorityStatus, RevocationReason, SigningAlgorithm},
};
use common::{client, code, csr, days, facts, length, openssl, plain_client, start};
use pca_sim::{AuthorityOptions, KeyAlgorithm, Status, moto};

const SHARED_TEMPLATE: &str = "arn:aws:acm-pca:::template/EndEntityCertificate/V1";

/// Where the two part; each field is one behaviour that a test against moto cannot show.
struct Differences {
    /// A token makes two calls one.
    keeps_tokens: bool,
    /// The validity is what was asked; moto: always 365 days.
    keeps_validity: bool,
    /// The certificate begins 60 minutes before its issuance; moto: at it.
    begins_an_hour_early: bool,
    /// EndEntityServerAuthCertificate is known; moto: a certificate with a SAN only.
    knows_server_template: bool,
    /// The certificate's ARN ends in its serial number; moto: in a random UUID.
    arn_ends_in_serial: bool,
    /// An unknown template is refused; moto: accepted.
    refuses_unknown_template: bool,
    /// A CSR that is none is refused as malformed; moto: HTTP 500 without a code.
    malformed_csr: &'static str,
    /// A general-purpose CA says so; moto: always short-lived.
    usage_mode: &'static str,
    /// An ARN of another service is invalid; moto: not found.
    foreign_arn: &'static str,
    /// A CSR whose signature is broken, whose empty subject has names that are not critical, or that has neither; moto: signed.
    wrong_csr: &'static str,
    /// A CSR of more than 32 KiB; moto: signed.
    large_csr: &'static str,
    /// An algorithm of another family than the CA's key; moto: ignored.
    wrong_algorithm: &'static str,
    /// An end beyond the CA's own; moto: ignored.
    beyond_the_ca: &'static str,
    /// Revoking what was never issued; moto: done.
    unknown_serial: &'static str,
    /// Revoking a second time; moto: done.
    revoked_again: &'static str,
    /// A certificate that the CA does not have; moto: HTTP 500 without a code.
    unknown_certificate: &'static str,
    /// A CA that is disabled issues nothing; moto: it goes on.
    disabled: &'static str,
}

const PCA_SIM: Differences = Differences {
    keeps_tokens: true,
    keeps_validity: true,
    begins_an_hour_early: true,
    knows_server_template: true,
    arn_ends_in_serial: true,
    refuses_unknown_template: true,
    malformed_csr: "MalformedCSRException",
    usage_mode: "GENERAL_PURPOSE",
    foreign_arn: "InvalidArnException",
    wrong_csr: "MalformedCSRException",
    large_csr: "ValidationException",
    wrong_algorithm: "InvalidArgsException",
    beyond_the_ca: "ValidationException",
    unknown_serial: "ResourceNotFoundException",
    revoked_again: "RequestAlreadyProcessedException",
    unknown_certificate: "ResourceNotFoundException",
    disabled: "InvalidStateException",
};

const MOTO: Differences = Differences {
    keeps_tokens: false,
    keeps_validity: false,
    begins_an_hour_early: false,
    knows_server_template: false,
    arn_ends_in_serial: false,
    refuses_unknown_template: false,
    malformed_csr: "no answer",
    usage_mode: "SHORT_LIVED_CERTIFICATE",
    foreign_arn: "ResourceNotFoundException",
    wrong_csr: "ok",
    large_csr: "ok",
    wrong_algorithm: "ok",
    beyond_the_ca: "ok",
    unknown_serial: "ok",
    revoked_again: "ok",
    unknown_certificate: "no answer",
    disabled: "ok",
};

#[tokio::test]
async fn pca_sim_conforms() {
    let rsa = AuthorityOptions { key_algorithm: KeyAlgorithm::Rsa2048, ..AuthorityOptions::default() };
    let sim = start(|options| options.authorities = vec![rsa]).await;
    let pca = client(&sim);
    conforms(&pca, &sim.ca_arn, &PCA_SIM).await;
    sim.set_status(&sim.ca_arn, Status::Disabled).unwrap();
    disabled(&pca, &sim.ca_arn, &PCA_SIM).await;
    sim.stop().await;
}

#[tokio::test]
async fn moto_conforms() {
    let moto = moto::start(&moto::default_venv_dir()).await.unwrap();
    let pca = plain_client(&moto.endpoint);
    conforms(&pca, &moto.ca_arn, &MOTO).await;
    let update = pca.update_certificate_authority().certificate_authority_arn(&moto.ca_arn);
    update.status(CertificateAuthorityStatus::Disabled).send().await.unwrap();
    disabled(&pca, &moto.ca_arn, &MOTO).await;
    assert!(moto.process_id().is_some(), "moto is still there at the end");
}

async fn conforms(pca: &Client, ca_arn: &str, differences: &Differences) {
    describes(pca, ca_arn, differences).await;
    issues_and_gets(pca, ca_arn, differences).await;
    templates(pca, ca_arn, differences).await;
    tokens(pca, ca_arn, differences).await;
    refuses(pca, ca_arn, differences).await;
    csrs(pca, ca_arn, differences).await;
    terms(pca, ca_arn, differences).await;
    revokes(pca, ca_arn, differences).await;
}

async fn describes(pca: &Client, ca_arn: &str, differences: &Differences) {
    let described =
        pca.describe_certificate_authority().certificate_authority_arn(ca_arn).send().await.unwrap();
    let ca = described.certificate_authority.unwrap();
    assert_eq!(ca.arn.as_deref(), Some(ca_arn));
    assert_eq!(ca.status, Some(CertificateAuthorityStatus::Active));
    assert_eq!(ca.r#type.unwrap().as_str(), "ROOT");
    assert_eq!(ca.usage_mode.unwrap().as_str(), differences.usage_mode);
    let configuration = ca.certificate_authority_configuration.unwrap();
    assert_eq!(configuration.key_algorithm.as_str(), "RSA_2048");
    assert_eq!(configuration.signing_algorithm, SigningAlgorithm::Sha256Withrsa);
    assert!(ca.not_before.unwrap() < ca.not_after.unwrap());
}

async fn issues_and_gets(pca: &Client, ca_arn: &str, differences: &Differences) {
    let root =
        pca.get_certificate_authority_certificate().certificate_authority_arn(ca_arn).send().await.unwrap();
    assert_eq!(root.certificate_chain, None, "a root has no chain");
    let root = root.certificate.unwrap();
    let (pem, spki) = csr(&["web.shop.corp.example", "*.web.shop.corp.example", "10.0.0.7"]);
    let (arn, leaf, chain) = obtain(pca, ca_arn, &pem, SHARED_TEMPLATE, None).await;
    assert!(arn.starts_with(&format!("{ca_arn}/certificate/")));
    assert!(!leaf.ends_with('\n') && !chain.ends_with('\n'));
    assert_eq!(chain.trim(), root.trim());
    let facts = facts(&leaf);
    assert_eq!(facts.spki, spki);
    assert_eq!(facts.subject, "");
    assert_eq!(
        facts.names,
        ["DNSName(web.shop.corp.example)", "DNSName(*.web.shop.corp.example)", "IPAddress(0a:00:00:07)"]
    );
    assert!(facts.san_critical && facts.server && facts.client);
    let now = pca_sim::Clock::now(&pca_sim::SystemClock).unix_timestamp();
    let near = |moment: i64, expected: i64| (moment - expected).abs() < 300;
    let ends = now + 86_400 * if differences.keeps_validity { 1 } else { 365 };
    let begins = now - if differences.begins_an_hour_early { 3600 } else { 0 };
    assert!(near(facts.not_after, ends), "{} {ends}", facts.not_after);
    assert!(near(facts.not_before, begins), "{} {begins}", facts.not_before);
    let serial = facts.serial.trim_start_matches('0');
    assert_eq!(arn.ends_with(&format!("/{serial}")), differences.arn_ends_in_serial);
    common::verify(&leaf, &chain, &root).unwrap();
    assert_eq!(length(&chain), 1);
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("leaf.pem"), &leaf).unwrap();
    let text = openssl(directory.path(), &["x509", "-in", "leaf.pem", "-noout", "-text"]);
    let text = String::from_utf8(text.stdout).unwrap();
    for line in ["Digital Signature, Key Encipherment", "CA:FALSE", "X509v3 Authority Key Identifier"] {
        assert!(text.contains(line), "{line} in {text}");
    }
}

async fn templates(pca: &Client, ca_arn: &str, differences: &Differences) {
    let (pem, _) = csr(&["web.shop.corp.example"]);
    let server = "arn:aws:acm-pca:::template/EndEntityServerAuthCertificate/V1";
    let (_, leaf, _) = obtain(pca, ca_arn, &pem, server, None).await;
    let facts = facts(&leaf);
    assert_eq!(facts.server, differences.knows_server_template);
    assert_eq!(facts.extensions.len(), if differences.knows_server_template { 6 } else { 1 });
    let unknown = issue(pca, ca_arn, &pem, "arn:aws:acm-pca:::template/MadeUp/V1", None).await;
    assert_eq!(unknown != "ok", differences.refuses_unknown_template);
}

async fn tokens(pca: &Client, ca_arn: &str, differences: &Differences) {
    let (pem, _) = csr(&["web.shop.corp.example"]);
    let (first, ..) = obtain(pca, ca_arn, &pem, SHARED_TEMPLATE, Some("token")).await;
    let (second, ..) = obtain(pca, ca_arn, &pem, SHARED_TEMPLATE, Some("token")).await;
    assert_eq!(first == second, differences.keeps_tokens);
    let long = issue(pca, ca_arn, &pem, SHARED_TEMPLATE, Some(&"x".repeat(37))).await;
    assert_eq!(long != "ok", differences.keeps_tokens);
}

async fn refuses(pca: &Client, ca_arn: &str, differences: &Differences) {
    assert_eq!(issue(pca, ca_arn, "hello", SHARED_TEMPLATE, None).await, differences.malformed_csr);
    let describe = async |arn: &str| {
        code(pca.describe_certificate_authority().certificate_authority_arn(arn).send().await)
    };
    let unknown = "arn:aws:acm-pca:eu-central-1:123456789012:certificate-authority/00000000-0000-4000-8000-000000000000";
    assert_eq!(describe(unknown).await, "ResourceNotFoundException");
    let foreign = "arn:aws:acm:eu-central-1:123456789012:certificate/00000000-0000-4000-8000-000000000000";
    assert_eq!(describe(foreign).await, differences.foreign_arn);
}

async fn csrs(pca: &Client, ca_arn: &str, differences: &Differences) {
    let plain = common::request("/CN=web", &["subjectAltName=DNS:web.shop.corp.example"]);
    let many =
        (0..900).map(|n| format!("DNS:host-number-{n:04}.shop.corp.example")).collect::<Vec<_>>().join(",");
    for (pem, said) in [
        (plain.clone(), "ok"),
        (common::request("/CN=web", &[]), "ok"),
        (common::request("/", &["subjectAltName=critical,DNS:web.shop.corp.example"]), "ok"),
        (common::request("/", &["subjectAltName=DNS:web.shop.corp.example"]), differences.wrong_csr),
        (common::request("/", &[]), differences.wrong_csr),
        (common::broken_signature(&plain), differences.wrong_csr),
        (common::request("/CN=web", &[&format!("subjectAltName={many}")]), differences.large_csr),
    ] {
        assert_eq!(issue(pca, ca_arn, &pem, SHARED_TEMPLATE, None).await, said, "{} bytes", pem.len());
    }
}

async fn terms(pca: &Client, ca_arn: &str, differences: &Differences) {
    let (pem, _) = csr(&["web.shop.corp.example"]);
    let ecdsa = request(pca, ca_arn, &pem, SHARED_TEMPLATE, None)
        .signing_algorithm(SigningAlgorithm::Sha256Withecdsa);
    assert_eq!(code(ecdsa.send().await), differences.wrong_algorithm);
    let long = request(pca, ca_arn, &pem, SHARED_TEMPLATE, None).validity(days(36_500));
    assert_eq!(code(long.send().await), differences.beyond_the_ca);
}

async fn revokes(pca: &Client, ca_arn: &str, differences: &Differences) {
    let revoke = async |serial: &str| {
        let call = pca.revoke_certificate().certificate_authority_arn(ca_arn).certificate_serial(serial);
        code(call.revocation_reason(RevocationReason::Superseded).send().await)
    };
    let (pem, _) = csr(&["web.shop.corp.example"]);
    let (arn, leaf, _) = obtain(pca, ca_arn, &pem, SHARED_TEMPLATE, None).await;
    let serial = facts(&leaf).serial;
    assert_eq!(revoke(&serial).await, "ok");
    assert_eq!(revoke(&serial).await, differences.revoked_again);
    assert_eq!(revoke("0a0b").await, differences.unknown_serial);
    let get = async |arn: &str| {
        code(pca.get_certificate().certificate_authority_arn(ca_arn).certificate_arn(arn).send().await)
    };
    assert_eq!(get(&arn).await, "ok", "what was revoked stays readable");
    let unknown = format!("{ca_arn}/certificate/00000000000000000000000000000000");
    assert_eq!(get(&unknown).await, differences.unknown_certificate);
}

async fn disabled(pca: &Client, ca_arn: &str, differences: &Differences) {
    let (pem, _) = csr(&["web.shop.corp.example"]);
    assert_eq!(issue(pca, ca_arn, &pem, SHARED_TEMPLATE, None).await, differences.disabled);
    let described =
        pca.describe_certificate_authority().certificate_authority_arn(ca_arn).send().await.unwrap();
    let status = described.certificate_authority.unwrap().status;
    assert_eq!(status, Some(CertificateAuthorityStatus::Disabled));
}

fn request(
    pca: &Client,
    ca_arn: &str,
    pem: &str,
    template: &str,
    token: Option<&str>,
) -> aws_sdk_acmpca::operation::issue_certificate::builders::IssueCertificateFluentBuilder {
    common::issue(pca, ca_arn, pem)
        .signing_algorithm(SigningAlgorithm::Sha256Withrsa)
        .validity(days(1))
        .template_arn(template)
        .set_idempotency_token(token.map(str::to_owned))
}

async fn issue(pca: &Client, ca_arn: &str, pem: &str, template: &str, token: Option<&str>) -> String {
    code(request(pca, ca_arn, pem, template, token).send().await)
}

/// Issues and gets: ARN, leaf and chain.
async fn obtain(
    pca: &Client,
    ca_arn: &str,
    pem: &str,
    template: &str,
    token: Option<&str>,
) -> (String, String, String) {
    let arn = request(pca, ca_arn, pem, template, token).send().await.unwrap().certificate_arn.unwrap();
    let got =
        pca.get_certificate().certificate_authority_arn(ca_arn).certificate_arn(&arn).send().await.unwrap();
    (arn, got.certificate.unwrap(), got.certificate_chain.unwrap())
}
