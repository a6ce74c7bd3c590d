//! Every wrong answer that an authority can give, over the wire: never is anything wrong, or half, in a Secret that pods mount.

use std::{io::Write as _, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use pca_sim::{Action, Fault, Operation, Options, Simulator, WrongLeaf};
use rcgen::PublicKeyData as _;
use serde_json::{Value, json};
use x509_parser::{pem::parse_x509_pem, prelude::GeneralName};

use super::{
    stage::{NAMESPACE, Stage},
    wire,
};
use crate::cluster::twin::Twin;

const LIFE: Duration = Duration::from_secs(8);
const MOST_LIVES: u32 = 20;

const KINDS: [WrongLeaf; 23] = [
    WrongLeaf::OtherKey,
    WrongLeaf::MissingSan,
    WrongLeaf::NoSan,
    WrongLeaf::ExtraSan,
    WrongLeaf::OtherSan,
    WrongLeaf::Subject,
    WrongLeaf::WrongEku,
    WrongLeaf::WrongKeyUsage,
    WrongLeaf::CaTrue,
    WrongLeaf::Expired,
    WrongLeaf::NotYetValid,
    WrongLeaf::TooLong,
    WrongLeaf::TooShort,
    WrongLeaf::OtherIssuer,
    WrongLeaf::WrongChain,
    WrongLeaf::ReversedChain,
    WrongLeaf::BrokenChain,
    WrongLeaf::NoChain,
    WrongLeaf::Truncated,
    WrongLeaf::Garbage,
    WrongLeaf::TwoLeaves,
    WrongLeaf::Huge,
    WrongLeaf::Empty,
];

fn workload(number: usize) -> String {
    format!("w{number}")
}

/// A certificate that pods mount is whole, for the key beside it, for its own name alone, from our CA, and valid now.
fn sound(secret: &Value, root_pem: &str) {
    let name = secret["metadata"]["name"].as_str().unwrap();
    let file = |file: &str| {
        let text = secret["data"][file].as_str().unwrap_or_else(|| panic!("{name} has no {file}"));
        String::from_utf8(STANDARD.decode(text).unwrap()).unwrap()
    };
    let (crt, key) = (file("tls.crt"), file("tls.key"));
    assert_eq!(file("ca.crt").trim(), root_pem.trim(), "{name}");
    let (_, root) = parse_x509_pem(root_pem.as_bytes()).unwrap();
    let root = root.parse_x509().unwrap();
    let (rest, leaf) = parse_x509_pem(crt.as_bytes()).unwrap();
    assert!(rest.trim_ascii().is_empty(), "{name}: a leaf of a root has no chain");
    let leaf = leaf.parse_x509().unwrap();
    let key = rcgen::KeyPair::from_pem(&key).unwrap();
    assert_eq!(leaf.public_key().raw, key.subject_public_key_info(), "{name}");
    leaf.verify_signature(Some(root.public_key())).unwrap();
    assert!(leaf.validity().is_valid() && !leaf.is_ca(), "{name}");
    let workload = name.split('-').next().unwrap();
    let names = leaf.subject_alternative_name().unwrap().unwrap();
    assert_eq!(
        names.value.general_names,
        [GeneralName::DNSName(&format!("{workload}.{NAMESPACE}.corp.example"))]
    );
    let usage = leaf.extended_key_usage().unwrap().unwrap().value;
    assert!(usage.server_auth && !usage.client_auth && !usage.any, "{name}");
}

/// The Secrets for pods, as they were at any moment.
fn delivered(twin: &Twin) -> Vec<Value> {
    let secrets = twin.memory().secrets.clone();
    secrets.into_iter().filter(|secret| secret["metadata"]["namespace"] == NAMESPACE).collect()
}

/// Who got a wrong answer once has the right certificate seconds later; who got two waits half an hour. So half of them
/// have one, whoever was struck.
async fn through_every_wrong_answer(operation: Operation, kinds: &[WrongLeaf]) {
    let running = Simulator::start(Options::default()).await.unwrap();
    let mut bundle = tempfile::NamedTempFile::new().unwrap();
    bundle.write_all(running.tls_ca_pem.as_bytes()).unwrap();
    for kind in kinds {
        running.plant(Fault::new(operation, Action::WrongLeaf { kind: *kind }, 1)).unwrap();
    }
    let twin = Twin::default();
    let mut lives = 0;
    while running.faults_left() > 0 || delivered(&twin).len() < kinds.len() / 2 {
        lives += 1;
        assert!(lives <= MOST_LIVES, "{} left, {:?}", running.faults_left(), running.counters().calls);
        Stage::live(&twin, wire::issuer(&running, bundle.path()), LIFE, |stage| {
            stage.authority(&json!({"awsPrivateCA": {"arn": running.ca_arn}}));
            stage.furnish_namespace(NAMESPACE, &json!([]));
            (0..kinds.len()).for_each(|number| stage.deployment(&workload(number), json!({})));
        })
        .await;
    }
    delivered(&twin).iter().for_each(|secret| sound(secret, &running.root_pem));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn law_8_nothing_wrong_that_the_authority_issues_is_ever_in_a_secret() {
    // An answer without a certificate is asked for again and again: it is no answer yet.
    let kinds: Vec<WrongLeaf> = KINDS.into_iter().filter(|kind| *kind != WrongLeaf::Empty).collect();
    through_every_wrong_answer(Operation::IssueCertificate, &kinds).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn law_8_nothing_wrong_that_the_authority_shows_is_ever_in_a_secret() {
    through_every_wrong_answer(Operation::GetCertificate, &KINDS).await;
}
