//! What refuses requests is given an owner, once, and only where it is installed.

use k8s_openapi::{
    api::{
        admissionregistration::v1::{
            MutatingWebhookConfiguration, ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding,
        },
        core::v1::Namespace,
    },
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::stage::{SYSTEM, Stage};
use crate::{
    cluster::{Cluster as _, ClusterError, Kind},
    house::leaving::{BINDINGS_DEFINITION, END_STATE, NAMESPACES, POLICIES_DEFINITION},
};

async fn install<K: Kind + DeserializeOwned>(stage: &Stage, name: &str, spec: Value) {
    let object = json!({"metadata": {"name": name}, "spec": spec});
    stage.twin.create::<K>(&serde_json::from_value(object).unwrap()).await.unwrap();
}

async fn definition(stage: &Stage, name: &str) {
    let spec = json!({"group": "sallyport.dev", "names": {"kind": "X", "plural": "xs"}, "scope": "Cluster", "versions": []});
    install::<CustomResourceDefinition>(stage, name, spec).await;
}

/// The owners of an object: kind and name.
fn owners<K: Kind>(stage: &Stage, name: &str) -> Vec<(String, String)> {
    let object: K = stage.twin.stored("", name).unwrap();
    let owners = object.meta().owner_references.clone().unwrap_or_default();
    owners.into_iter().map(|owner| (owner.kind, owner.name)).collect()
}

fn one(kind: &str, name: &str) -> Vec<(String, String)> {
    vec![(kind.to_owned(), name.to_owned())]
}

#[tokio::test(start_paused = true)]
async fn what_refuses_requests_goes_with_what_it_needs() {
    let stage = Stage::embedded().await;
    install::<Namespace>(&stage, SYSTEM, json!({})).await;
    install::<MutatingWebhookConfiguration>(&stage, "sallyport", json!({})).await;
    install::<ValidatingAdmissionPolicy>(&stage, END_STATE, json!({})).await;
    for name in [END_STATE, NAMESPACES] {
        install::<ValidatingAdmissionPolicyBinding>(&stage, name, json!({})).await;
    }
    definition(&stage, BINDINGS_DEFINITION).await;
    stage.webhook().await.unwrap();
    assert_eq!(owners::<MutatingWebhookConfiguration>(&stage, "sallyport"), one("Namespace", SYSTEM));
    assert_eq!(owners::<ValidatingAdmissionPolicy>(&stage, END_STATE), one("Namespace", SYSTEM));
    let of_binding = owners::<ValidatingAdmissionPolicyBinding>;
    assert_eq!(of_binding(&stage, END_STATE), one("CustomResourceDefinition", BINDINGS_DEFINITION));
    assert!(of_binding(&stage, NAMESPACES).is_empty(), "its definition is not installed yet");

    definition(&stage, POLICIES_DEFINITION).await;
    stage.webhook().await.unwrap();
    assert_eq!(of_binding(&stage, NAMESPACES), one("CustomResourceDefinition", POLICIES_DEFINITION));
    let before = stage.journal();
    stage.webhook().await.unwrap();
    assert_eq!(stage.journal(), before, "it stands, and is not written again");
}

/// Without the right, or with an older install, the webhook still gets its certificate.
#[tokio::test(start_paused = true)]
async fn the_webhook_serves_although_nothing_can_be_given_an_owner() {
    let stage = Stage::embedded().await;
    install::<Namespace>(&stage, SYSTEM, json!({})).await;
    install::<MutatingWebhookConfiguration>(&stage, "sallyport", json!({})).await;
    let refused = ClusterError::Forbidden("no".to_owned());
    stage.twin.memory().faults.push(("patch mutatingwebhookconfigurations ".to_owned(), 9, refused.clone()));
    assert_eq!(stage.webhook().await.err(), Some(refused));
    assert!(
        stage.twin.stored::<k8s_openapi::api::core::v1::Secret>(SYSTEM, "sallyport-webhook-tls").is_some()
    );
}
