//! Any body as an AdmissionReview: it is judged, and what is patched is judged alike with nothing left to patch.

#![no_main]

use std::{collections::HashMap, sync::LazyLock};

use libfuzzer_sys::fuzz_target;
use sallyport_contract::{object::IdentityPolicy, policy::PolicyBook};
use sallyport_webhook::{
    facts::Snapshot,
    judge::judge,
    review::{Entry, Ruling},
};
use serde_json::{Value, json};

static SNAPSHOT: LazyLock<Snapshot> = LazyLock::new(|| {
    let side = json!({"zones": ["trust"], "addresses": ["any"]});
    let policy: IdentityPolicy = serde_json::from_value(json!({"apiVersion": "sallyport.dev/v1alpha1",
        "kind": "IdentityPolicy", "metadata": {"name": "shop"}, "spec": {"namespaces": ["shop"],
        "dnsNames": {"default": "{workload}.shop.corp.example", "allowed": ["*.shop.corp.example"], "wildcards": "Allow"},
        "traffic": {"actions": ["Allow", "Deny"], "default": "Allow", "from": side, "to": side, "ports": [443]},
        "certificate": {"authority": "corp"}, "firewall": "edge", "optOut": "Allow",
        "podAnnotations": {"paloaltonetworks.com/firewall": "pan-fw"}}}))
    .unwrap();
    let labels = [("sallyport.dev/inject".to_owned(), "enabled".to_owned())].into();
    Snapshot {
        namespaces: HashMap::from([("shop".to_owned(), std::sync::Arc::new(labels))]).into(),
        policies: PolicyBook::new([&policy]).into(),
        pod_certificates: true,
    }
});

fuzz_target!(|body: &[u8]| {
    for entry in [Entry::Pods, Entry::Workloads] {
        let Ok(judged) = judge(entry, body, &SNAPSHOT) else { continue };
        let answer = judged.answer.to_json().unwrap();
        assert!(answer.len() < 4 * body.len() + 100_000, "an answer of {} bytes", answer.len());
        let Ruling::Allowed(patch) = &judged.answer.ruling else { continue };
        let mut review: Value = serde_json::from_slice(body).unwrap();
        json_patch::patch(&mut review["request"]["object"], patch.operations()).unwrap();
        let again = judge(entry, review.to_string().as_bytes(), &SNAPSHOT).unwrap();
        let Ruling::Allowed(second) = &again.answer.ruling else { panic!("refused at last: {again:?}") };
        assert!(second.is_empty(), "{second:?}");
    }
});
