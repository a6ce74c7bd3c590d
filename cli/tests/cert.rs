//! `sallyport cert …` with a cluster: what it reads there, and the one object that it writes.
#![cfg(test)]

mod support;

use serde_json::{Value, json};
use support::{api::Api, err, out, sallyport};

const IN_SHOP: &str = "/apis/sallyport.dev/v1alpha1/namespaces/shop";
const ALL: &str = "/apis/sallyport.dev/v1alpha1";

/// A cluster with one identity that waits; it stands where one namespace is read and where all are.
async fn cluster() -> Api {
    let api = Api::new().await;
    let identity = json!({"apiVersion": "sallyport.dev/v1alpha1", "kind": "WorkloadIdentity",
        "metadata": {"name": "web-1", "namespace": "shop"},
        "spec": {"dnsNames": ["web.shop.corp.example"], "delivery": "Secret", "action": "Allow", "policy": "shop",
            "certificate": {"authority": "ca"}, "firewall": "edge"},
        "status": {"conditions": [{"type": "CertificateIssued", "status": "False", "reason": "SpendingCapReached",
            "message": "its words", "lastTransitionTime": "2027-01-01T00:00:00Z"}]}});
    api.put(&format!("{ALL}/workloadidentities"), identity.clone());
    api.put(&format!("{IN_SHOP}/workloadidentities"), identity);
    api
}

async fn run(api: &Api, arguments: &[&str]) -> std::process::Output {
    sallyport("cert", arguments).env("KUBECONFIG", api.kubeconfig()).output().await.unwrap()
}

fn asked(api: &Api) -> Value {
    api.get(&format!("{IN_SHOP}/identityrequests/web-1-x1"))["spec"].clone()
}

#[tokio::test]
async fn status_and_explain_read_and_write_nothing() {
    let api = cluster().await;
    let output = run(&api, &["status"]).await;
    assert!(out(&output).contains("SpendingCapReached"), "{}{}", out(&output), err(&output));
    let output = run(&api, &["status", "-n", "other"]).await;
    assert!(out(&output).starts_with("there is no WorkloadIdentity"), "{}{}", out(&output), err(&output));
    let output = run(&api, &["explain", "shop/web-1"]).await;
    assert!(out(&output).contains("the platform team"), "{}{}", out(&output), err(&output));
    assert_eq!(api.writes(), Vec::<String>::new());
}

#[tokio::test]
async fn renew_and_revoke_write_one_request_each() {
    for (arguments, spec) in [
        (&["renew", "shop/web-1"][..], json!({"identity": "web-1", "renew": {}})),
        (
            &["revoke", "shop/web-1", "--reason", "KeyCompromise"][..],
            json!({"identity": "web-1", "revoke": {"reason": "KeyCompromise"}}),
        ),
    ] {
        let api = cluster().await;
        let output = run(&api, arguments).await;
        assert!(out(&output).contains("get idreq web-1-x1"), "{}{}", out(&output), err(&output));
        assert_eq!((asked(&api), api.writes().len()), (spec, 1));
    }
}

#[tokio::test]
async fn what_is_not_there_or_not_understood_is_told_and_nothing_is_written() {
    let api = cluster().await;
    for (arguments, words) in [
        (&["renew", "shop/web-2"][..], "there is no WorkloadIdentity shop/web-2"),
        (&["renew", "web-1"][..], "NAMESPACE/NAME"),
        (&["revoke", "shop/web-1", "--reason", "Because"][..], "PrivilegeWithdrawn"),
        (&["revoke", "shop/web-1"][..], "--reason"),
    ] {
        let output = run(&api, arguments).await;
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(err(&output).contains(words), "{arguments:?}: {}", err(&output));
    }
    assert_eq!(api.writes(), Vec::<String>::new());
}
