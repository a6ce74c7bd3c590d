//! What the tests share: the real SDK against an endpoint, CSRs, and certificates as x509-parser and openssl see them.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::{
    path::Path,
    process::{Command, Output},
    sync::Arc,
    time::{Duration, Instant},
};

use aws_sdk_acmpca::{
    Client,
    config::{Credentials, Region, retry::RetryConfig, timeout::TimeoutConfig},
    error::{ProvideErrorMetadata, SdkError},
    operation::issue_certificate::builders::IssueCertificateFluentBuilder,
    primitives::Blob,
    types::{SigningAlgorithm, Validity, ValidityPeriodType},
};
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use pca_sim::{IssueDelay, ManualClock, Options, Running, Simulator};
use rcgen::{CertificateParams, DistinguishedName, KeyPair, PublicKeyData};

/// A stand-in that issues at once.
pub(crate) async fn start(change: impl FnOnce(&mut Options)) -> Running {
    let mut options = Options {
        issue_delay: IssueDelay { base: Duration::ZERO, jitter: Duration::ZERO },
        ..Options::default()
    };
    change(&mut options);
    Simulator::start(options).await.unwrap()
}

/// A clock that stands still at some noon.
pub(crate) fn noon() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(time::OffsetDateTime::from_unix_timestamp(1_790_000_000).unwrap()))
}

/// Waits until something is so.
pub(crate) async fn arrives(what: &str, so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !so() {
        assert!(Instant::now() < deadline, "{what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// An SDK client for the stand-in: its TLS CA is the only one trusted, and each call is one request on the wire.
pub(crate) fn client(running: &Running) -> Client {
    client_with(running, Credentials::new("test", "test", None, None, "test"))
}

/// The same with other credentials.
pub(crate) fn client_with(running: &Running, credentials: Credentials) -> Client {
    let trust = TrustStore::empty().with_pem_certificate(running.tls_ca_pem.as_bytes());
    let tls = TlsContext::builder().with_trust_store(trust).build().unwrap();
    let http = aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
        .tls_context(tls)
        .build_https();
    let config =
        config(&running.endpoint, &running.region).http_client(http).credentials_provider(credentials);
    Client::from_conf(config.build())
}

/// An SDK client for an endpoint without TLS.
pub(crate) fn plain_client(endpoint: &str) -> Client {
    Client::from_conf(config(endpoint, "eu-central-1").build())
}

fn config(endpoint: &str, region: &str) -> aws_sdk_acmpca::config::Builder {
    aws_sdk_acmpca::Config::builder()
        .behavior_version_latest()
        .endpoint_url(endpoint)
        .region(Region::new(region.to_owned()))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .retry_config(RetryConfig::disabled())
        .timeout_config(TimeoutConfig::builder().operation_attempt_timeout(Duration::from_secs(30)).build())
}

/// A CSR in PEM without a subject, and the key's SPKI.
pub(crate) fn csr(names: &[&str]) -> (String, Vec<u8>) {
    let key = KeyPair::generate().unwrap();
    let mut params =
        CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap();
    params.distinguished_name = DistinguishedName::new();
    (params.serialize_request(&key).unwrap().pem().unwrap(), key.subject_public_key_info())
}

/// A CSR by `openssl req` with a P-256 key.
pub(crate) fn request(subject: &str, extensions: &[&str]) -> String {
    let directory = tempfile::TempDir::new().unwrap();
    let mut arguments = vec!["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
    arguments.extend(["-keyout", "key.pem", "-config", "empty.cnf", "-subj", subject]);
    for extension in extensions {
        arguments.extend(["-addext", extension]);
    }
    std::fs::write(directory.path().join("empty.cnf"), "[req]\ndistinguished_name = name\n[name]\n").unwrap();
    let output = openssl(directory.path(), &arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The same CSR with one bit of its signature changed.
pub(crate) fn broken_signature(pem: &str) -> String {
    let (_, block) = x509_parser::pem::parse_x509_pem(pem.as_bytes()).unwrap();
    let mut der = block.contents;
    *der.last_mut().unwrap() ^= 1;
    relabel(&der, "CERTIFICATE REQUEST")
}

/// Bytes as PEM under a label.
pub(crate) fn relabel(der: &[u8], label: &str) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
}

/// A call to IssueCertificate as cert-agent might make it, for one day.
pub(crate) fn issue(client: &Client, ca_arn: &str, csr_pem: &str) -> IssueCertificateFluentBuilder {
    client
        .issue_certificate()
        .certificate_authority_arn(ca_arn)
        .csr(Blob::new(csr_pem.as_bytes()))
        .signing_algorithm(SigningAlgorithm::Sha256Withecdsa)
        .template_arn("arn:aws:acm-pca:::template/EndEntityServerAuthCertificate/V1")
        .validity(days(1))
}

/// A validity of so many days.
pub(crate) fn days(value: i64) -> Validity {
    Validity::builder().value(value).r#type(ValidityPeriodType::Days).build().unwrap()
}

/// Issues and gets at once: leaf and chain.
pub(crate) async fn obtain(client: &Client, ca_arn: &str, csr_pem: &str) -> (String, Option<String>) {
    let arn = issue(client, ca_arn, csr_pem).send().await.unwrap().certificate_arn.unwrap();
    let got =
        client.get_certificate().certificate_authority_arn(ca_arn).certificate_arn(arn).send().await.unwrap();
    (got.certificate.unwrap(), got.certificate_chain)
}

/// The error code of a refused call; what never became an answer is `no answer`.
pub(crate) fn code<T, E: ProvideErrorMetadata>(result: Result<T, SdkError<E>>) -> String {
    match result {
        Ok(_) => "ok".to_owned(),
        Err(error) => error.code().unwrap_or("no answer").to_owned(),
    }
}

/// Runs openssl in `directory`; the output is checked by the caller.
pub(crate) fn openssl(directory: &Path, arguments: &[&str]) -> Output {
    Command::new("openssl")
        .args(arguments)
        .current_dir(directory)
        .output()
        .expect("openssl must be installed")
}

/// `openssl verify` as strict as it gets: the leaf for a TLS server, under exactly this root and chain.
pub(crate) fn verify(leaf: &str, chain: &str, root: &str) -> Result<(), String> {
    let directory = tempfile::tempdir().unwrap();
    for (name, pem) in [("leaf.pem", leaf), ("chain.pem", chain), ("root.pem", root)] {
        std::fs::write(directory.path().join(name), format!("{pem}\n")).unwrap();
    }
    let output = openssl(
        directory.path(),
        &[
            "verify",
            "-x509_strict",
            "-purpose",
            "sslserver",
            "-CAfile",
            "root.pem",
            "-untrusted",
            "chain.pem",
            "leaf.pem",
        ],
    );
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

/// What a client can read in a certificate.
#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) spki: Vec<u8>,
    pub(crate) serial: String,
    pub(crate) subject: String,
    pub(crate) names: Vec<String>,
    pub(crate) san_critical: bool,
    pub(crate) extensions: Vec<(String, bool)>,
    pub(crate) server: bool,
    pub(crate) client: bool,
    pub(crate) is_ca: bool,
    pub(crate) signs: bool,
    pub(crate) not_before: i64,
    pub(crate) not_after: i64,
}

/// Reads a certificate.
pub(crate) fn facts(pem: &str) -> Facts {
    let (_, block) = x509_parser::pem::parse_x509_pem(pem.as_bytes()).unwrap();
    let certificate = block.parse_x509().unwrap();
    let san = certificate.subject_alternative_name().unwrap();
    let usage = certificate.extended_key_usage().unwrap();
    Facts {
        spki: certificate.public_key().raw.to_vec(),
        serial: certificate.raw_serial_as_string().replace(':', ""),
        subject: certificate.subject().to_string(),
        names: san
            .as_ref()
            .map_or_else(Vec::new, |san| san.value.general_names.iter().map(ToString::to_string).collect()),
        san_critical: san.is_some_and(|san| san.critical),
        extensions: certificate.extensions().iter().map(|e| (e.oid.to_id_string(), e.critical)).collect(),
        server: usage.as_ref().is_some_and(|usage| usage.value.server_auth),
        client: usage.as_ref().is_some_and(|usage| usage.value.client_auth),
        is_ca: certificate.is_ca(),
        signs: certificate.key_usage().unwrap().is_some_and(|usage| usage.value.key_cert_sign()),
        not_before: certificate.validity().not_before.timestamp(),
        not_after: certificate.validity().not_after.timestamp(),
    }
}

/// Counts the certificates in a chain.
pub(crate) fn length(chain: &str) -> usize {
    chain.matches("-----BEGIN CERTIFICATE-----").count()
}
