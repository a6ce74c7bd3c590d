//! `sallyport plan --from-cluster` and `sallyport status`: what they read of a cluster, and that they write nothing.
#![cfg(test)]

mod support;

use serde_json::{Value, json};
use support::{api::Api, err, out, sallyport};

const GROUP: &str = "/apis/sallyport.dev/v1alpha1";

fn example(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap()
}

fn deployment(name: &str, annotations: &Value) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": "shop"},
        "spec": {"selector": {"matchLabels": {"app": name}}, "template": {
            "metadata": {"labels": {"app": name}, "annotations": annotations},
            "spec": {"containers": [{"name": "app", "image": "x:1"}]}}}})
}

fn identity(name: &str, dns_name: &str, status: &Value) -> Value {
    json!({"apiVersion": "sallyport.dev/v1alpha1", "kind": "WorkloadIdentity", "metadata": {"name": name, "namespace": "shop"},
        "spec": {"dnsNames": [dns_name], "delivery": "Secret", "action": "Allow", "policy": "shop",
            "certificate": {"authority": "first-try"}, "firewall": "edge"},
        "status": status})
}

/// A cluster with a firewall, a policy, an enabled namespace, and two workloads of which one is known here.
async fn cluster() -> Api {
    let api = Api::new().await;
    let firewall = example(include_str!("../../manifests/examples/firewall.yaml"));
    api.put(&format!("{GROUP}/firewalls"), firewall);
    let policy = example(include_str!("../../manifests/examples/identity-policy.yaml"));
    api.put(&format!("{GROUP}/identitypolicies"), policy);
    let labels = json!({"sallyport.dev/inject": "enabled"});
    api.put("/api/v1/namespaces", json!({"metadata": {"name": "shop", "labels": labels}}));
    api.put("/apis/apps/v1/namespaces/shop/deployments", deployment("web", &json!({})));
    let other = identity("other-1", "other.shop.corp.example", &json!(null));
    api.put(&format!("{GROUP}/workloadidentities"), other);
    api
}

#[tokio::test]
async fn a_plan_against_a_cluster_changes_only_what_is_given() {
    let api = cluster().await;
    let after = json!({"apiVersion": "v1", "kind": "List", "items": [
        deployment("web", &json!({"sallyport.dev/action": "deny"})),
        deployment("pay", &json!({})),
    ]});
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("after.json");
    std::fs::write(&file, after.to_string()).unwrap();
    let arguments = ["--from-cluster", "--lines", "--after", file.to_str().unwrap()];
    let done = sallyport("plan", &arguments).env("KUBECONFIG", api.kubeconfig()).output().await.unwrap();
    let text = out(&done);
    assert_eq!(done.status.code(), Some(0), "{text}{}", err(&done));
    assert!(
        text.starts_with(
            "+ shop/pay  pay.shop.corp.example  allow\n~ shop/web  web.shop.corp.example  allow → deny\nfirewall edge, vsys \
             vsys1: 1 App-ID and 2 rules written, 1 commit\n"
        ),
        "{text}"
    );
    let allow = text.lines().filter(|line| line.contains(" sp-shop-allow-")).collect::<Vec<_>>();
    assert!(
        matches!(allow.as_slice(), [set, delete] if set.contains(" application sp-pay-") && delete.starts_with("delete ")),
        "the rule stands for another workload and only gains and loses a member: {allow:?}"
    );
    assert!(text.ends_with("certificates: 1\n") && !text.contains("other.shop"), "{text}");
    assert_eq!(api.writes(), Vec::<String>::new());
}

#[tokio::test]
async fn the_status_of_a_namespace_ends_with_one_while_something_waits() {
    let api = cluster().await;
    let binding = json!({"metadata": {"name": "sallyport"}, "spec": {"policy": "shop", "mode": "Enforce", "optOut": "Forbid"}});
    api.put(&format!("{GROUP}/namespaces/shop/namespacebindings"), binding);
    let put = |ready: &str, reason: &str| {
        let condition = |kind: &str| json!({"type": kind, "status": ready, "reason": reason, "message": "told", "lastTransitionTime": "2026-11-21T11:00:00Z"});
        let conditions: Vec<Value> = ["CertificateIssued", "FirewallEnforced", "Ready"].map(condition).into();
        let object = identity("web-1", "web.shop.corp.example", &json!({"conditions": conditions}));
        api.put(&format!("{GROUP}/namespaces/shop/workloadidentities"), object);
    };
    let status = || sallyport("status", &["-n", "shop"]).env("KUBECONFIG", api.kubeconfig()).output();
    put("False", "AwaitingCommit");
    let waits = status().await.unwrap();
    assert_eq!(waits.status.code(), Some(1), "{}", err(&waits));
    assert!(
        out(&waits).contains("1 identity, 1 not Ready\n  web-1: AwaitingCommit: told\n    whose turn: "),
        "{}",
        out(&waits)
    );
    put("True", "Enforced");
    let ready = status().await.unwrap();
    assert_eq!(ready.status.code(), Some(0), "{}", out(&ready));
    assert!(
        out(&ready).starts_with("namespace shop: policy shop, mode Enforce, opt-out Forbid\n"),
        "{}",
        out(&ready)
    );
    let none =
        sallyport("status", &["-n", "nowhere"]).env("KUBECONFIG", api.kubeconfig()).output().await.unwrap();
    assert_eq!(none.status.code(), Some(2));
    assert!(err(&none).contains("there is no namespace nowhere"), "{}", err(&none));
    assert_eq!(api.writes(), Vec::<String>::new());
}
