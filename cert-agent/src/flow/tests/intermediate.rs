//! Certificates of an intermediate of our own, through the real flow and the issuers that the agent has in a cluster.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Secret;
use sallyport_contract::{
    Reason,
    object::{CertificateAuthority, IdentityRequest, IntermediateCa},
};
use serde_json::{Value, json};

use super::stage::{NAMESPACE, SYSTEM, Stage, WEB, name, read};
use crate::{
    chain,
    intermediate::{
        journey::{Journey, Order, Step},
        stored::{self, Stored},
        tests::ca::{ARN, Ca, Reached},
    },
};

const SECRET: &str = "intermediate-ca-ca";

pub(super) fn spec(domain: &str, lifetime: &str) -> Value {
    json!({"parent": "corp-pca", "permittedDNSDomains": [domain], "lifetime": lifetime})
}

/// A stage whose authority is an intermediate below a CA of AWS Private CA; there is none yet.
pub(super) fn stage(spec: &Value) -> (Stage, Arc<Ca>) {
    let stage = Stage::with_issuers_of_its_own(&json!({"intermediate": spec}));
    let parent =
        json!({"metadata": {"name": "corp-pca", "uid": "p"}, "spec": {"awsPrivateCA": {"arn": ARN}}});
    stage.store("certificateauthorities", "", "corp-pca", &parent);
    let ca = Arc::new(Ca::new(&stage.clock));
    (stage, ca)
}

/// A person makes the intermediate, or another one.
pub(super) async fn make(stage: &Stage, ca: &Arc<Ca>, spec: &Value, order: Order) -> Stored {
    let spec: IntermediateCa = serde_json::from_value(spec.clone()).unwrap();
    let gate = Arc::default();
    let journey = Journey {
        cluster: stage.twin.through(&gate),
        parent: Reached { ca: Arc::clone(ca), gate },
        clock: stage.clock.clone(),
        system: SYSTEM.to_owned(),
        authority: "ca".to_owned(),
        spec,
        order,
    };
    loop {
        if let Step::Done(made) = journey.step().await.unwrap() {
            return made;
        }
    }
}

fn authority(stage: &Stage) -> CertificateAuthority {
    stage.twin.stored("", "ca").unwrap()
}

/// Status, reason and words of a condition of the authority.
fn condition(stage: &Stage, kind: &str) -> (String, String, String) {
    let conditions = authority(stage).status.unwrap_or_default().conditions;
    let found = conditions.into_iter().find(|condition| condition.kind == kind);
    let found = found.unwrap_or_else(|| panic!("no {kind}"));
    (found.status.as_str().to_owned(), found.reason, found.message)
}

fn delivered(stage: &Stage, file: &str) -> Vec<Vec<u8>> {
    let text = stage.secret(WEB).unwrap().data.unwrap()[file].0.clone();
    chain::read("what was delivered", &String::from_utf8(text).unwrap()).unwrap()
}

fn ends(stage: &Stage) -> Timestamp {
    stage.identity(WEB).status.unwrap().certificate.unwrap().not_after
}

#[tokio::test(start_paused = true)]
async fn what_an_intermediate_signs_is_verified_and_delivered_with_the_chain_to_the_parents_root() {
    let corp = spec("corp.example", "720h");
    let (stage, ca) = stage(&corp);
    stage.deployment(WEB, json!({}));
    stage.settle().await;
    let waiting = stage.identity(WEB);
    assert_eq!(Stage::reason(&waiting), ("False", "AuthorityUnavailable"));
    assert!(Stage::message(&waiting).contains("sallyport ca intermediate create ca"), "{waiting:?}");
    assert!(condition(&stage, "Ready").2.contains("is not there yet"));
    let made = make(&stage, &ca, &corp, Order::Create).await;
    stage.pass(15).await;
    let identity = stage.identity(WEB);
    assert_eq!(Stage::reason(&identity), ("True", "Issued"), "{}", Stage::message(&identity));
    assert_eq!(delivered(&stage, "tls.crt")[1..], made.held.path()[..1], "the leaf, then its intermediate");
    assert_eq!(delivered(&stage, "ca.crt"), ca.path());
    assert_eq!(ca.signed.lock().unwrap().len(), 1, "the intermediate itself, and nothing for the leaf");
    let status = authority(&stage).status.unwrap();
    assert_eq!(status.key_algorithm.as_deref(), Some("EC_prime256v1"));
    assert_eq!(status.not_after, Some(made.held.not_after()));
    assert_eq!(condition(&stage, "Ready").0, "True");
    assert_eq!(condition(&stage, "LifetimeLeft").0, "True");
    let metric = stage.counted("authority_not_after_seconds{authority=\"ca\"}");
    assert!((metric - made.held.not_after().as_second() as f64).abs() < 1.0, "{metric}");
}

#[tokio::test(start_paused = true)]
async fn law_12_a_name_outside_its_domains_is_refused_before_anything_is_made() {
    let bank = spec("bank.example", "720h");
    let (stage, ca) = stage(&bank);
    make(&stage, &ca, &bank, Order::Create).await;
    stage.deployment(WEB, json!({}));
    stage.settle().await;
    stage.pass(3).await;
    let identity = stage.identity(WEB);
    assert_eq!(Stage::reason(&identity), ("False", "NameRefused"));
    for part in ["web.shop.corp.example", "bank.example", "Whose rule: CertificateAuthority ca", "Do:"] {
        assert!(Stage::message(&identity).contains(part), "{part}: {}", Stage::message(&identity));
    }
    assert!(stage.secret(WEB).is_none());
    assert!(!stage.all("secrets").iter().any(|secret| secret.contains("state.")), "no key was made");
}

#[tokio::test(start_paused = true)]
async fn a_domain_that_the_object_takes_away_is_refused_at_once() {
    let corp = spec("corp.example", "720h");
    let (stage, ca) = stage(&spec("bank.corp.example", "720h"));
    make(&stage, &ca, &corp, Order::Create).await;
    stage.deployment(WEB, json!({}));
    stage.settle().await;
    stage.pass(3).await;
    let identity = stage.identity(WEB);
    assert_eq!(Stage::reason(&identity), ("False", "NameRefused"));
    assert!(Stage::message(&identity).contains("is not below bank.corp.example"), "{identity:?}");
}

#[tokio::test(start_paused = true)]
async fn a_new_intermediate_signs_from_the_next_certificate_on_and_the_old_one_stays_delivered() {
    let corp = spec("corp.example", "720h");
    let (stage, ca) = stage(&corp);
    let first = make(&stage, &ca, &corp, Order::Create).await;
    stage.deployment(WEB, json!({}));
    stage.settle().await;
    stage.pass(3).await;
    let before = delivered(&stage, "tls.crt");
    stage.clock.advance(SignedDuration::from_hours(1));
    let second = make(&stage, &ca, &corp, Order::Renew).await;
    stage.pass(700).await;
    assert_eq!(delivered(&stage, "tls.crt"), before, "nothing is renewed for it");
    stage.sleep(120).await;
    stage.look_again().await;
    let after = delivered(&stage, "tls.crt");
    assert_eq!(after[1..], second.held.path()[..1]);
    assert_ne!(after[1], first.held.path()[0]);
    assert_eq!(delivered(&stage, "ca.crt"), ca.path(), "the root is the same");
}

#[tokio::test(start_paused = true)]
async fn its_end_is_told_long_before_and_no_leaf_outlives_it() {
    let corp = spec("corp.example", "240h");
    let (stage, ca) = stage(&corp);
    let made = make(&stage, &ca, &corp, Order::Create).await;
    stage.sleep(159).await;
    stage.pass(400).await;
    assert_eq!(condition(&stage, "LifetimeLeft").0, "True");
    stage.sleep(2).await;
    stage.pass(400).await;
    let (status, reason, message) = condition(&stage, "LifetimeLeft");
    assert_eq!((status.as_str(), reason.as_str()), ("False", "RenewalDue"));
    assert!(message.contains("sallyport ca intermediate renew ca"), "{message}");
    assert!(stage.told(Reason::RenewalDue, "renew it by"));
    assert_eq!(condition(&stage, "Ready").0, "True", "it signs for as long as it lives");
    stage.deployment(WEB, json!({}));
    stage.settle().await;
    stage.pass(3).await;
    let latest = made.held.not_after().saturating_sub(SignedDuration::from_mins(10)).unwrap();
    assert_eq!(ends(&stage), latest);
    stage.sleep(80).await;
    stage.pass(400).await;
    assert!(condition(&stage, "Ready").2.contains("is valid from"), "{:?}", condition(&stage, "Ready"));
}

#[tokio::test(start_paused = true)]
async fn law_4_a_secret_or_a_parent_that_is_not_right_signs_nothing() {
    type Change = fn(&mut Value, &mut Value);
    let cases: [(&str, Change); 6] = [
        ("not of type kubernetes.io/tls", |secret, _| secret["metadata"]["labels"] = json!({})),
        ("tls.key is missing", |secret, _| secret["data"]["tls.key"] = json!("AA==")),
        ("another key", |secret, _| {
            let other = crate::key::PrivateKey::generate().unwrap();
            secret["data"]["tls.key"] = json!(k8s_openapi::ByteString(other.pem().as_bytes().to_vec()));
        }),
        ("belongs to the parent", |_, parent| {
            parent["spec"]["awsPrivateCA"]["arn"] = json!(ARN.replace("555555555555", "000000000000"));
        }),
        ("which is no CA of AWS Private CA", |_, parent| parent["spec"] = json!({"embedded": {}})),
        ("which does not exist", |_, parent| *parent = Value::Null),
    ];
    for (told, change) in cases {
        let corp = spec("corp.example", "720h");
        let (stage, ca) = stage(&corp);
        make(&stage, &ca, &corp, Order::Create).await;
        {
            let mut memory = stage.twin.memory();
            let place = |kind: &str, namespace: &str, name: &str| {
                (kind.to_owned(), namespace.to_owned(), name.to_owned())
            };
            let (secret, parent) =
                (place("secrets", SYSTEM, SECRET), place("certificateauthorities", "", "corp-pca"));
            let mut objects = (memory.objects[&secret].clone(), memory.objects[&parent].clone());
            change(&mut objects.0, &mut objects.1);
            memory.objects.insert(secret, objects.0);
            memory.objects.remove(&parent);
            if !objects.1.is_null() {
                memory.objects.insert(parent, objects.1);
            }
        }
        stage.deployment(WEB, json!({}));
        stage.settle().await;
        stage.pass(12).await;
        let (status, reason, message) = condition(&stage, "Ready");
        assert_eq!((status.as_str(), reason.as_str()), ("False", "AuthorityUnavailable"), "{told}");
        assert!(message.contains(told), "{told}: {message}");
        assert!(stage.secret(WEB).is_none(), "{told}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_leaf_that_aws_does_not_know_is_not_revoked_and_what_to_do_is_told() {
    let corp = spec("corp.example", "720h");
    let (stage, ca) = stage(&corp);
    let made = make(&stage, &ca, &corp, Order::Create).await;
    stage.deployment(WEB, json!({}));
    stage.settle().await;
    stage.pass(3).await;
    let request = json!({"apiVersion": "sallyport.dev/v1alpha1", "kind": "IdentityRequest",
        "metadata": {"name": "ask", "namespace": NAMESPACE, "uid": "r", "resourceVersion": "1"},
        "spec": {"identity": name(WEB), "revoke": {"reason": "KeyCompromise"}}});
    let place = ("identityrequests".to_owned(), NAMESPACE.to_owned(), "ask".to_owned());
    {
        let mut memory = stage.twin.memory();
        memory.objects.insert(place.clone(), request);
        memory.journal.push("a person asks".to_owned());
        memory.places.push(place.clone());
    }
    stage.settle().await;
    stage.pass(3).await;
    let request: IdentityRequest = read(stage.twin.memory().objects[&place].clone(), "IdentityRequest");
    let done = &request.status.unwrap().conditions[0];
    assert_eq!((done.status.as_str(), done.reason.as_str()), ("False", "CertificateRefused"));
    let revoke = format!("--certificate-authority-arn {ARN} --certificate-serial {}", made.held.serial());
    for part in ["AWS does not know this certificate", "sallyport ca intermediate renew ca", revoke.as_str()]
    {
        assert!(done.message.contains(part), "{part}: {}", done.message);
    }
}

#[tokio::test(start_paused = true)]
async fn law_11_the_agent_never_writes_the_intermediates_secret() {
    let corp = spec("corp.example", "720h");
    let (stage, ca) = stage(&corp);
    make(&stage, &ca, &corp, Order::Create).await;
    let before: Secret = stage.twin.stored(SYSTEM, SECRET).unwrap();
    stage.deployment(WEB, json!({}));
    stage.pass_days(10).await;
    stage.sweep().await;
    assert_eq!(stage.twin.stored::<Secret>(SYSTEM, &stored::name("ca")), Some(before));
}
