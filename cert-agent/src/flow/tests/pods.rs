//! Pods with certificates of their own: the requests of their kubelets, answered through the real flow.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use k8s_openapi::api::certificates::v1::PodCertificateRequest;
use sallyport_contract::{
    DnsNames, IdentityName,
    object::{Delivery, IdentityPolicy, WorkloadIdentity},
};
use serde_json::json;

use super::{
    authority::Script,
    intermediate,
    stage::{NAMESPACE, PRICE, Stage, WEB},
};
use crate::{
    chain,
    cluster::turnstile::Side,
    intermediate::journey::Order,
    issuer::{Class, Fetched, IssueError},
    pod::memory::Memory,
};

const REQUEST: &str = "req-web";

fn identity() -> String {
    let names = DnsNames::new([format!("{WEB}.{NAMESPACE}.corp.example").parse().unwrap()]).unwrap();
    IdentityName::of(NAMESPACE, &names, Delivery::Pod).to_string()
}

/// A policy that delivers to the pod, and the pod web as the webhook made it.
fn furnish(stage: &Stage, policy: &str) {
    let default = "{workload}.{namespace}.corp.example";
    let certificate = json!({"authority": "ca", "lifetime": "24h", "delivery": "Pod"});
    stage.policy(
        NAMESPACE,
        &json!({"mode": policy, "dnsNames": {"default": default}, "certificate": certificate}),
    );
    stage.pod(json!({"name": WEB, "namespace": NAMESPACE, "uid": "pod-web",
        "labels": {"sallyport.dev/identity": identity()},
        "annotations": {"resolved.sallyport.dev/dns-names": format!("{WEB}.{NAMESPACE}.corp.example")}}));
}

/// The kubelet of the pod asks; gives the public key.
fn ask(stage: &Stage) -> Vec<u8> {
    use rcgen::PublicKeyData as _;
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    let stub = STANDARD.encode(params.serialize_request(&key).unwrap().der());
    let request = json!({"apiVersion": "certificates.k8s.io/v1", "kind": "PodCertificateRequest",
        "metadata": {"name": REQUEST, "namespace": NAMESPACE, "uid": "uid-of-request", "resourceVersion": "1",
            "creationTimestamp": stage.now().round(jiff::Unit::Second).unwrap()},
        "spec": {"signerName": "sallyport.dev/workload", "podName": WEB, "podUID": "pod-web", "nodeName": "n",
            "nodeUID": "n", "serviceAccountName": "default", "serviceAccountUID": "s",
            "maxExpirationSeconds": 7200, "stubPKCS10Request": stub}});
    let place = ("podcertificaterequests".to_owned(), NAMESPACE.to_owned(), REQUEST.to_owned());
    let mut memory = stage.twin.memory();
    memory.objects.insert(place.clone(), request);
    memory.places.push(place);
    memory.journal.push("the kubelet asks".to_owned());
    drop(memory);
    key.subject_public_key_info()
}

/// The request goes with its pod.
fn gone(stage: &Stage) {
    let place = ("podcertificaterequests".to_owned(), NAMESPACE.to_owned(), REQUEST.to_owned());
    let mut memory = stage.twin.memory();
    memory.objects.remove(&place);
    memory.places.push(place);
    memory.journal.push("the request is gone".to_owned());
}

fn request(stage: &Stage) -> PodCertificateRequest {
    stage.twin.stored(NAMESPACE, REQUEST).unwrap()
}

fn said(stage: &Stage) -> Option<(String, String)> {
    let conditions = request(stage).status.unwrap_or_default().conditions.unwrap_or_default();
    conditions.first().map(|condition| (condition.type_.clone(), condition.reason.clone()))
}

fn stored(stage: &Stage) -> WorkloadIdentity {
    stage.twin.stored(NAMESPACE, &identity()).unwrap()
}

async fn scene(script: Script) -> Stage {
    let stage = Stage::scripted(script).await;
    furnish(&stage, "Enforce");
    stage.settle().await;
    stage
}

/// Answered with one whole certificate, which is all that was made.
fn is_whole(stage: &Stage, what: &str) {
    assert_eq!(said(stage), Some(("Issued".to_owned(), "Issued".to_owned())), "{what}");
    let made = stage.script.certificates();
    assert_eq!(made.values().copied().collect::<Vec<_>>(), [1], "{what}: {made:?}");
    let identity = stored(stage);
    assert_eq!(Stage::reason(&identity), ("True", "Issued"), "{what}: {}", Stage::message(&identity));
    assert_eq!(identity.status.unwrap().certificates.unwrap().count, 1, "{what}");
}

#[tokio::test(start_paused = true)]
async fn law_8_a_request_is_three_writes_and_no_key_is_ever_stored() {
    let stage = scene(Script::default()).await;
    let waiting = stored(&stage);
    assert_eq!(Stage::reason(&waiting), ("False", "AwaitingCertificate"));
    let key = ask(&stage);
    stage.settle().await;
    stage.pass(3).await;
    is_whole(&stage, "the journey");
    let journal = stage.journal();
    let of_request: Vec<&String> = journal.iter().filter(|line| line.contains(REQUEST)).collect();
    let (kind, name) = ("podcertificaterequests", REQUEST);
    assert_eq!(
        of_request,
        [
            &format!("replace {kind} {name}"),
            &format!("replace {kind} {name}"),
            &format!("status {kind} {name}")
        ]
    );
    assert!(!journal.iter().any(|line| line.contains("state.") || line.contains("-tls")), "{journal:?}");
    let status = request(&stage).status.unwrap();
    let chain = chain::read("the chain", &status.certificate_chain.unwrap()).unwrap();
    assert_eq!(chain.len(), 1, "the leaf, and no root");
    let (_, leaf) = x509_parser::parse_x509_certificate(&chain[0]).unwrap();
    assert_eq!(leaf.public_key().raw, key);
    let (from, to) = (status.not_before.unwrap().0, status.not_after.unwrap().0);
    assert_eq!(to.duration_since(from).as_secs(), 7200, "what the request allows, not what the policy asks");
    let refresh = status.begin_refresh_at.unwrap().0;
    assert!(refresh.duration_since(from).as_secs() > 3600 && to.duration_since(refresh).as_secs() > 600);
    stage.look_again().await;
    assert_eq!(stage.journal(), journal, "nothing to do");
}

#[tokio::test(start_paused = true)]
async fn law_8_a_pods_certificate_is_asked_for_in_the_line_of_its_namespace_and_is_paid() {
    let stage = scene(Script::default()).await;
    assert!(stage.counted("certificates_cost_total").abs() < f64::EPSILON);
    ask(&stage);
    stage.settle().await;
    stage.pass(3).await;
    is_whole(&stage, "the journey");
    let asked = stage.script.asked();
    let callers: Vec<_> = asked.iter().map(|asked| (asked.caller.class, &*asked.caller.namespace)).collect();
    assert_eq!(callers, [(Class::New, NAMESPACE)]);
    assert_eq!(asked[0].caller.name, "uid-of-request", "each request of a pod has a place of its own");
    assert!((stage.counted("certificates_cost_total") - PRICE).abs() < f64::EPSILON);
}

#[tokio::test(start_paused = true)]
async fn law_8_an_outage_leaves_it_pending_and_heals() {
    let stage = scene(Script::default()).await;
    let away = || Err(IssueError::Unavailable("connection refused".to_owned()));
    stage.script.then((0..12).map(|_| away()).collect(), Vec::new());
    ask(&stage);
    stage.settle().await;
    stage.pass(30).await;
    assert_eq!(said(&stage), None, "neither Denied nor Failed");
    let identity = stored(&stage);
    assert_eq!(Stage::reason(&identity), ("False", "AuthorityUnavailable"));
    assert!(Stage::message(&identity).contains("connection refused"), "{}", Stage::message(&identity));
    stage.pass(500).await;
    is_whole(&stage, "after the outage");
    let status = request(&stage).status.unwrap();
    let age = stage.now().duration_since(status.not_before.unwrap().0);
    assert!(
        Memory::of(&request(&stage)).generation > 1,
        "what was decided before the outage began too early: {age}"
    );
}

#[tokio::test(start_paused = true)]
async fn law_8_what_comes_too_late_is_given_up_and_asked_for_anew_but_slowly() {
    let stage = scene(Script::default()).await;
    stage.script.then(Vec::new(), (0..200).map(|_| Ok(Fetched::Pending)).collect());
    ask(&stage);
    stage.settle().await;
    stage.pass(250).await;
    let memory = Memory::of(&request(&stage));
    assert!(said(&stage).is_none() && memory.generation == 2, "{memory:?}");
    stage.pass(300).await;
    assert_eq!(
        Memory::of(&request(&stage)).refusal.map(|refused| (refused.count, refused.billed)),
        Some((2, true))
    );
    let asked = stage.script.requests().len();
    stage.pass(1000).await;
    assert_eq!(
        stage.script.requests().len(),
        asked,
        "each try costs a certificate, so the next is half an hour away"
    );
    stage.script.then(Vec::new(), Vec::new());
    stage.pass(1000).await;
    assert_eq!(said(&stage), Some(("Issued".to_owned(), "Issued".to_owned())));
}

#[tokio::test(start_paused = true)]
async fn law_4_a_stranger_is_denied_with_the_rule() {
    let stage = scene(Script::default()).await;
    stage.pod(json!({"name": WEB, "namespace": NAMESPACE, "uid": "pod-web"}));
    ask(&stage);
    stage.settle().await;
    stage.pass(5).await;
    assert_eq!(said(&stage), None, "a denial is for good, and a watch may be behind");
    stage.pass(10).await;
    assert_eq!(said(&stage), Some(("Denied".to_owned(), "NameRefused".to_owned())));
    assert!(stage.script.requests().is_empty());
}

async fn play(stage: &Stage) {
    stage.settle().await;
    stage.pass(3).await;
}

async fn asked() -> Stage {
    let stage = scene(Script::default()).await;
    ask(&stage);
    stage
}

fn after(stage: &Stage) -> Stage {
    let next = stage.beside();
    furnish(&next, "Enforce");
    next
}

async fn calls() -> usize {
    let stage = asked().await;
    stage.gate.count_anew();
    play(&stage).await;
    stage.gate.calls()
}

#[tokio::test(start_paused = true)]
async fn law_8_pulled_at_any_call_there_is_one_certificate_for_each_request() {
    let calls = calls().await;
    assert!(calls >= 7, "the journey takes {calls} calls only");
    for call in 1..=calls {
        for side in [Side::Before, Side::After] {
            let stage = asked().await;
            stage.gate.stop_at(call, side);
            tokio::select! {
                biased;
                () = stage.gate.stopped() => {}
                () = play(&stage) => panic!("call {call} never came"),
            }
            let next = after(&stage);
            play(&next).await;
            next.pass(30).await;
            is_whole(&next, &format!("{side:?} call {call}"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn law_8_of_two_agents_one_goes_on_at_any_call() {
    for call in 1..=calls().await {
        for side in [Side::Before, Side::After] {
            let one = asked().await;
            let two = after(&one);
            one.gate.stop_at(call, side);
            let mut playing = std::pin::pin!(play(&one));
            tokio::select! {
                biased;
                () = one.gate.stopped() => {}
                () = &mut playing => panic!("call {call} never came"),
            }
            play(&two).await;
            one.gate.resume();
            playing.await;
            futures::future::join(one.pass(30), two.pass(30)).await;
            is_whole(&one, &format!("overtaken {side:?} call {call}"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_goes_with_its_pod_is_forgotten() {
    let stage = scene(Script { fetch: vec![Ok(Fetched::Pending); 3], ..Script::default() }).await;
    ask(&stage);
    stage.settle().await;
    gone(&stage);
    stage.pass(10).await;
    let fetched = stage.script.fetched();
    tokio::time::advance(Duration::from_secs(1)).await;
    stage.pass(60).await;
    assert_eq!(stage.script.fetched(), fetched, "nobody asks for what nobody waits for");
    assert_eq!(Stage::reason(&stored(&stage)), ("False", "AwaitingCertificate"));
}

#[tokio::test(start_paused = true)]
async fn a_pod_gets_a_certificate_of_an_intermediate_and_aws_is_asked_for_none() {
    let corp = intermediate::spec("corp.example", "720h");
    let (stage, ca) = intermediate::stage(&corp);
    let made = intermediate::make(&stage, &ca, &corp, Order::Create).await;
    furnish(&stage, "Enforce");
    stage.settle().await;
    ask(&stage);
    stage.settle().await;
    stage.pass(3).await;
    assert_eq!(said(&stage), Some(("Issued".to_owned(), "Issued".to_owned())));
    let answer = request(&stage).status.unwrap().certificate_chain.unwrap();
    let answer = chain::read("the answer", &answer).unwrap();
    assert_eq!(answer[1..], made.held.path()[..1], "the leaf, then its intermediate");
    assert_eq!(ca.signed.lock().unwrap().len(), 1, "the intermediate, and nothing for the pod");
}

#[tokio::test(start_paused = true)]
async fn a_policy_says_that_the_cluster_is_too_old_for_it_until_it_is_not() {
    let accepted = |stage: &Stage| {
        let policy: IdentityPolicy = stage.twin.stored("", NAMESPACE).unwrap();
        let said = policy.status.unwrap().conditions.remove(0);
        (said.status.as_str().to_owned(), said.reason, said.message)
    };
    let stage = scene(Script::default()).await;
    assert_eq!(accepted(&stage).1, "Accepted");
    stage.intake.pod_requests_served(false);
    stage.settle().await;
    let (status, reason, message) = accepted(&stage);
    assert_eq!((status.as_str(), reason.as_str()), ("False", "NotSupportedHere"));
    assert!(message.contains("Set spec.certificate.delivery: Secret, or upgrade the cluster"), "{message}");
    stage.intake.pod_requests_served(true);
    stage.settle().await;
    assert_eq!(accepted(&stage).1, "Accepted");
    stage.intake.pod_requests_served(false);
    stage.furnish_namespace(NAMESPACE, &json!([]));
    stage.settle().await;
    assert_eq!(accepted(&stage).1, "Accepted", "delivered as a Secret");
}
