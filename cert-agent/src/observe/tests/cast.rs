//! Who appears in the cases: policies, workloads, pods and identities of namespace shop.

use std::sync::Arc;

use sallyport_contract::{
    DnsNames, IdentityName, Reason,
    object::{Action, Delivery, IdentityPolicy, WorkloadIdentity},
    policy::PolicyBook,
};
use serde_json::{Value, json};

use crate::observe::{
    facts::{PodFacts, Workload},
    made::Made,
    wanted::{MADE_FOR, Plan, Scene},
};

pub(super) const DEFAULT: &str = "{workload}.shop.corp.example";

/// The one policy of shop, with more merged into its spec.
pub(super) fn book_with(more: &Value) -> PolicyBook {
    let mut policy = json!({
        "apiVersion": "sallyport.dev/v1alpha1", "kind": "IdentityPolicy", "metadata": {"name": "shop"},
        "spec": {"namespaces": ["shop"], "dnsNames": {"default": DEFAULT, "allowed": ["*.shop.corp.example"]},
            "traffic": {"actions": ["Allow", "Deny"], "default": "Allow", "ports": [443],
                "from": {"zones": ["a"], "addresses": ["any"]}, "to": {"zones": ["b"], "addresses": ["any"]}},
            "certificate": {"authority": "ca"}, "firewall": "edge"}});
    let spec = policy["spec"].as_object_mut().unwrap();
    spec.extend(more.as_object().unwrap().clone());
    let policy: IdentityPolicy = serde_json::from_value(policy).unwrap();
    PolicyBook::new([&policy])
}

pub(super) fn book(default: &str) -> PolicyBook {
    book_with(&json!({"dnsNames": {"default": default, "allowed": ["*.shop.corp.example"]}}))
}

pub(super) fn deployment(name: &str, created: &str, annotations: Value) -> Arc<Workload> {
    let object = json!({"metadata": {"name": name, "namespace": "shop", "uid": format!("uid-{name}"),
            "creationTimestamp": created},
        "spec": {"selector": {}, "template": {"metadata": {"annotations": annotations}, "spec": {"containers": []}}}});
    Arc::new(Workload::deployment(&serde_json::from_value(object).unwrap()))
}

pub(super) fn web(annotations: Value) -> Arc<Workload> {
    deployment("web", "2027-01-01T00:00:00Z", annotations)
}

/// The ReplicaSet `<deployment>-5d` with the UID `rs-<deployment>`, as the Deployment's controller makes it.
pub(super) fn replica_set_of(deployment: &str) -> Arc<Workload> {
    replica_set(
        deployment,
        &json!([{"apiVersion": "apps/v1", "kind": "Deployment", "name": deployment,
            "uid": format!("uid-{deployment}"), "controller": true}]),
    )
}

/// The same without its Deployment.
pub(super) fn orphaned_replica_set_of(deployment: &str) -> Arc<Workload> {
    replica_set(deployment, &json!([]))
}

fn replica_set(deployment: &str, owners: &Value) -> Arc<Workload> {
    let object = json!({"metadata": {"name": format!("{deployment}-5d"), "namespace": "shop",
        "uid": format!("rs-{deployment}"), "labels": {"pod-template-hash": "5d"}, "ownerReferences": owners}});
    Arc::new(Workload::replica_set(&serde_json::from_value(object).unwrap()))
}

pub(super) fn replica_set_of_web() -> Arc<Workload> {
    replica_set_of("web")
}

pub(super) fn name_of(dns_name: &str) -> String {
    name_in("shop", dns_name)
}

pub(super) fn name_in(namespace: &str, dns_name: &str) -> String {
    let names = DnsNames::new([dns_name.parse().unwrap()]).unwrap();
    IdentityName::of(namespace, &names, Delivery::Secret).to_string()
}

/// The metadata of a pod of `deployment` that says it is the identity of `dns_name`.
pub(super) fn pod_meta(name: &str, deployment: &str, dns_name: &str, annotations: Value) -> Value {
    let mut annotations = annotations;
    annotations["resolved.sallyport.dev/dns-names"] = json!(dns_name);
    json!({"name": name, "namespace": "shop", "uid": format!("uid-{name}"),
        "creationTimestamp": "2027-01-01T00:00:00Z", "annotations": annotations,
        "labels": {"sallyport.dev/identity": name_of(dns_name), "pod-template-hash": "5d"},
        "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": format!("{deployment}-5d"),
            "uid": format!("rs-{deployment}"), "controller": true}]})
}

pub(super) fn pod_from(metadata: Value) -> Arc<PodFacts> {
    let gates = json!([{"conditionType": "sallyport.dev/identity-ready"}]);
    let object = json!({"metadata": metadata, "spec": {"containers": [], "readinessGates": gates}});
    Arc::new(PodFacts::read(&serde_json::from_value(object).unwrap()))
}

pub(super) fn pod_of(name: &str, deployment: &str, dns_name: &str, annotations: Value) -> Arc<PodFacts> {
    pod_from(pod_meta(name, deployment, dns_name, annotations))
}

/// A pod of web that says it is the identity of `label` with the names `names`.
pub(super) fn pod(label: &str, names: &str, annotations: Value) -> Arc<PodFacts> {
    let mut meta = pod_meta("web-5d-x", "web", names, annotations);
    meta["labels"]["sallyport.dev/identity"] = json!(name_of(label));
    pod_from(meta)
}

pub(super) fn made(dns_name: &str, action: Action, made_for: &str) -> Arc<Made> {
    let mut object: WorkloadIdentity = serde_json::from_value(json!({
        "apiVersion": "sallyport.dev/v1alpha1", "kind": "WorkloadIdentity",
        "metadata": {"name": name_of(dns_name), "namespace": "shop", "annotations": {MADE_FOR: made_for}},
        "spec": {"dnsNames": [dns_name], "delivery": "Secret", "action": action, "policy": "shop",
            "certificate": {"authority": "ca"}, "firewall": "edge"}}))
    .unwrap();
    object.metadata.uid = Some("wid".to_owned());
    Arc::new(Made::read(&object))
}

pub(super) fn scene(workloads: Vec<Arc<Workload>>, pods: Vec<Arc<PodFacts>>, made: Vec<Arc<Made>>) -> Scene {
    let labels = [("sallyport.dev/inject".to_owned(), "enabled".to_owned())].into();
    Scene { namespace: "shop".to_owned(), enabled: true, labels, workloads, pods, made, requests: Vec::new() }
}

pub(super) fn names(plan: &Plan) -> Vec<String> {
    let mut names: Vec<String> =
        plan.identities.values().map(|wanted| wanted.content.dns_names.to_string()).collect();
    names.sort();
    names
}

pub(super) fn reasons(plan: &Plan) -> Vec<(&str, Reason)> {
    plan.complaints.iter().map(|complaint| (complaint.about.name.as_str(), complaint.reason)).collect()
}

/// What is decided about a name.
pub(super) fn action_of(plan: &Plan, dns_name: &str) -> Action {
    plan.identities[name_of(dns_name).as_str()].content.action
}
