//! What refuses requests goes with what it needs: each has an owner, and the cluster's garbage collector takes it along.
//!
//! Without this a namespace or a definition that is deleted first leaves behind what nobody can answer: a webhook that fails
//! closed without programs, and admission policies whose parameters no API server that starts from then on knows. There they
//! refuse every request that they match, new namespaces of others among them
//! (<https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/#failure-policy>).

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::Resource;
use serde_json::{Value, json};

/// The admission policy that holds the end state of pods, and its binding.
pub const END_STATE: &str = "sallyport-end-state";
/// The binding of the admission policy that holds the labels of namespaces.
pub const NAMESPACES: &str = "sallyport-namespaces";
/// The definition of the parameters of [`END_STATE`].
pub const BINDINGS_DEFINITION: &str = "namespacebindings.sallyport.dev";
/// The definition of the parameters of [`NAMESPACES`].
pub const POLICIES_DEFINITION: &str = "identitypolicies.sallyport.dev";

/// Whether an object has this owner already. Whether its UID is right is the garbage collector's to find out.
#[must_use]
pub fn is_owned<Owner: Resource<DynamicType = ()>>(metadata: &ObjectMeta, owner: &str) -> bool {
    let mut owners = metadata.owner_references.iter().flatten();
    owners.any(|found| found.kind == Owner::kind(&()) && found.name == owner)
}

/// The operations that write the owner beside those that the object has, and nothing else: JSON patch, guarded by the version
/// that was read. `None` for an owner that has no UID or is being deleted.
#[must_use]
pub fn own<Owner: Resource<DynamicType = ()>>(metadata: &ObjectMeta, owner: &Owner) -> Option<Value> {
    if owner.meta().deletion_timestamp.is_some() {
        return None;
    }
    let reference = OwnerReference { controller: None, ..owner.controller_owner_ref(&())? };
    let mut owners = metadata.owner_references.clone().unwrap_or_default();
    owners.push(reference);
    Some(json!([
        {"op": "test", "path": "/metadata/resourceVersion", "value": metadata.resource_version},
        {"op": "add", "path": "/metadata/ownerReferences", "value": owners},
    ]))
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::{admissionregistration::v1::MutatingWebhookConfiguration, core::v1::Namespace};

    use super::*;

    fn namespace(metadata: Value) -> Namespace {
        serde_json::from_value(json!({"metadata": metadata})).unwrap()
    }

    #[test]
    fn an_owner_is_added_beside_those_that_are_there() {
        let owner = namespace(json!({"name": "sallyport-system", "uid": "u1"}));
        let mut configuration: MutatingWebhookConfiguration = serde_json::from_value(json!({"metadata": {
            "name": "sallyport", "resourceVersion": "7",
            "ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": "u0"}]}}))
        .unwrap();
        assert!(!is_owned::<Namespace>(&configuration.metadata, "sallyport-system"));
        let operations = own(&configuration.metadata, &owner).unwrap();
        assert_eq!(
            operations,
            json!([{"op": "test", "path": "/metadata/resourceVersion", "value": "7"},
                {"op": "add", "path": "/metadata/ownerReferences", "value": [
                    {"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": "u0"},
                    {"apiVersion": "v1", "kind": "Namespace", "name": "sallyport-system", "uid": "u1"}]}])
        );
        configuration.metadata.owner_references =
            serde_json::from_value(operations[1]["value"].clone()).unwrap();
        assert!(is_owned::<Namespace>(&configuration.metadata, "sallyport-system"));
        assert!(!is_owned::<Namespace>(&configuration.metadata, "sallyport-firewall"));
    }

    #[test]
    fn an_owner_that_goes_already_owns_nothing_new() {
        let going = json!({"name": "s", "uid": "u1", "deletionTimestamp": "2026-01-01T00:00:00Z"});
        for metadata in [going, json!({"name": "s"})] {
            assert_eq!(own(&ObjectMeta::default(), &namespace(metadata)), None);
        }
    }

    #[test]
    fn the_names_are_those_of_the_install() {
        let end_state = include_str!("../../../manifests/install/57-guard-end-state.yaml");
        let namespaces = include_str!("../../../manifests/install/54-guard-namespaces.yaml");
        assert!(end_state.contains(&format!("  policyName: {END_STATE}\n")));
        assert!(namespaces.contains(&format!("  policyName: {NAMESPACES}\n")));
        for (guard, definition) in [(end_state, BINDINGS_DEFINITION), (namespaces, POLICIES_DEFINITION)] {
            let kind = guard
                .split_once("paramKind:")
                .unwrap()
                .1
                .split_once("kind: ")
                .unwrap()
                .1
                .lines()
                .next()
                .unwrap();
            assert_eq!(
                definition,
                format!("{}s.sallyport.dev", kind.to_lowercase().replace("policy", "policie"))
            );
        }
    }
}
