//! Who gets what: one pod, one request, and what differs from case to case.

use std::{collections::BTreeMap, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sallyport_contract::{
    DnsNames, IdentityName,
    object::{Delivery, IdentityPolicy},
    policy::PolicyBook,
};
use serde_json::{Value, json};

use super::*;
use crate::observe::{
    facts::PodFacts,
    wanted::{Plan, wanted},
};

fn book(delivery: &str, allowed: &str) -> PolicyBook {
    let policy: IdentityPolicy = serde_json::from_value(json!({
        "apiVersion": "sallyport.dev/v1alpha1", "kind": "IdentityPolicy", "metadata": {"name": "shop"},
        "spec": {"namespaces": ["shop"], "dnsNames": {"default": "{workload}.shop.corp.example", "allowed": [allowed]},
            "traffic": {"actions": ["Allow"], "default": "Allow", "ports": [443],
                "from": {"zones": ["a"], "addresses": ["any"]}, "to": {"zones": ["b"], "addresses": ["any"]}},
            "certificate": {"authority": "ca", "delivery": delivery}, "firewall": "edge"}}))
    .unwrap();
    PolicyBook::new([&policy])
}

fn name(dns_name: &str, delivery: Delivery) -> String {
    let names = DnsNames::new([dns_name.parse().unwrap()]).unwrap();
    IdentityName::of("shop", &names, delivery).to_string()
}

const WEB: &str = "web.shop.corp.example";
const PAY: &str = "pay.shop.corp.example";

/// The pod web with the UID p, as the webhook made it, with more merged into its metadata.
fn pod(more: &Value, delivery: Delivery) -> Arc<PodFacts> {
    let mut metadata = json!({"name": "web", "namespace": "shop", "uid": "p",
        "labels": {"sallyport.dev/identity": name(WEB, delivery)},
        "annotations": {"resolved.sallyport.dev/dns-names": WEB}});
    metadata.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let pod = json!({"metadata": metadata, "spec": {"containers": [], "serviceAccountName": "robot"}});
    Arc::new(PodFacts::read(&serde_json::from_value(pod).unwrap()))
}

/// A request for it, with more merged into its spec.
fn request(more: &Value) -> Arc<PodCertificateRequest> {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    let stub = STANDARD.encode(params.serialize_request(&key).unwrap().der());
    let mut spec = json!({"signerName": "sallyport.dev/workload", "podName": "web", "podUID": "p",
        "serviceAccountName": "robot", "serviceAccountUID": "s", "nodeName": "n", "nodeUID": "n",
        "maxExpirationSeconds": 86400, "stubPKCS10Request": stub});
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let request = json!({"apiVersion": "certificates.k8s.io/v1", "kind": "PodCertificateRequest",
        "metadata": {"name": "r", "namespace": "shop", "uid": "r"}, "spec": spec});
    Arc::new(serde_json::from_value(request).unwrap())
}

fn plan(book: &PolicyBook, pods: Vec<Arc<PodFacts>>, request: Arc<PodCertificateRequest>) -> Plan {
    let labels = BTreeMap::from([("sallyport.dev/inject".to_owned(), "enabled".to_owned())]);
    let scene = Scene {
        namespace: "shop".to_owned(),
        enabled: true,
        labels,
        workloads: Vec::new(),
        pods,
        made: Vec::new(),
        requests: vec![request],
    };
    wanted(&scene, book)
}

fn judged(book: &PolicyBook, pods: Vec<Arc<PodFacts>>, asked: &Value) -> Judgement {
    plan(book, pods, request(asked)).requests.remove("r").unwrap()
}

fn web() -> Vec<Arc<PodFacts>> {
    vec![pod(&json!({}), Delivery::Pod)]
}

#[test]
fn law_4_a_pod_gets_the_name_of_its_workload_whatever_it_says() {
    let granted = Judgement::Granted(name(WEB, Delivery::Pod));
    let words = json!({"unverifiedUserAnnotations": {"sallyport.dev/san": PAY, "resolved.sallyport.dev/dns-names": PAY}});
    for asked in [json!({}), words] {
        assert_eq!(judged(&book("Pod", "*.shop.corp.example"), web(), &asked), granted, "{asked}");
    }
}

#[test]
fn law_4_what_no_rule_gives_is_denied_with_the_rule() {
    let carries = |label: &str, names: &str| {
        vec![pod(
            &json!({"labels": {"sallyport.dev/identity": label}, "annotations": {"resolved.sallyport.dev/dns-names": names}}),
            Delivery::Pod,
        )]
    };
    let all = || book("Pod", "*.shop.corp.example");
    for (what, book, pods, asked, expected, words) in [
        (
            "no identity",
            all(),
            vec![pod(&json!({"labels": {}}), Delivery::Pod)],
            json!({}),
            "NameRefused",
            "was given no identity",
        ),
        (
            "another's",
            all(),
            carries(&name(PAY, Delivery::Pod), PAY),
            json!({}),
            "Tampered",
            "neither what Sallyport derives",
        ),
        (
            "by Secret",
            book("Secret", "*.shop.corp.example"),
            vec![pod(&json!({}), Delivery::Secret)],
            json!({}),
            "NameRefused",
            "delivers by Secret",
        ),
        (
            "another account",
            all(),
            web(),
            json!({"serviceAccountName": "boss"}),
            "Tampered",
            "runs as the service account robot",
        ),
        ("no key", all(), web(), json!({"stubPKCS10Request": "AA=="}), "Malformed", "cannot be read"),
    ] {
        let Judgement::Denied { reason, message } = judged(&book, pods, &asked) else {
            panic!("{what} is not denied")
        };
        assert_eq!(reason, expected, "{what}");
        assert!(message.contains(words), "{what}: {message}");
    }
}

#[test]
fn what_cannot_be_told_yet_waits() {
    let all = book("Pod", "*.shop.corp.example");
    let gone = json!({"ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "r", "uid": "gone", "controller": true}]});
    let nobodys = PolicyBook::default();
    let mistyped = book("Pod", "*.*.{nonsense}");
    for (what, book, pods, asked) in [
        ("a pod that no watch has told", &all, vec![], json!({})),
        ("a pod made again under the same name", &all, web(), json!({"podUID": "former"})),
        ("a pod whose owner is not known", &all, vec![pod(&gone, Delivery::Pod)], json!({})),
        ("a policy with a typing error", &mistyped, web(), json!({})),
        ("a policy that is just being made again", &nobodys, web(), json!({})),
    ] {
        assert_eq!(judged(book, pods, &asked), Judgement::Waiting, "{what}");
    }
}

#[test]
fn what_is_answered_is_not_judged() {
    let mut answered = (*request(&json!({}))).clone();
    let now = jiff::Timestamp::from_second(1_800_000_000).unwrap();
    answered = crate::pod::answer::denied(&answered, "NameRefused", "no", now);
    assert!(plan(&book("Pod", "*.shop.corp.example"), web(), Arc::new(answered)).requests.is_empty());
}
