//! Everything of the cluster that a pod's story is told from.

use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::{Api, Client};
use sallyport_contract::{
    keys,
    object::{Firewall, NamespaceBinding, WorkloadIdentity},
};

use crate::cluster::{client, timely};

/// A pod and what belongs to it.
#[derive(Default)]
pub(super) struct Scene {
    pub(super) pod: Pod,
    /// Whether the namespace carries our label.
    pub(super) enabled: bool,
    /// What the namespace's label says, whatever it is.
    pub(super) label: Option<String>,
    /// Which policy holds the namespace, and how.
    pub(super) binding: Option<NamespaceBinding>,
    /// The identity that the pod's label names.
    pub(super) identity: Option<WorkloadIdentity>,
    /// The identity's firewall.
    pub(super) firewall: Option<Firewall>,
}

/// Reads it.
pub(super) async fn read(namespace: &str, pod: &str) -> Result<Scene, String> {
    let client = client().await?;
    let found =
        timely("read the pod", Api::<Pod>::namespaced(client.clone(), namespace).get_opt(pod)).await?;
    let Some(found) = found else { return Err(format!("there is no pod {pod} in namespace {namespace}")) };
    let labels = found.metadata.labels.clone().unwrap_or_default();
    let home = timely("read the namespace", Api::<Namespace>::all(client.clone()).get_opt(namespace)).await?;
    let labelled = home.and_then(|home| home.metadata.labels).unwrap_or_default();
    let mut scene = Scene {
        pod: found,
        enabled: sallyport_contract::derive::enabled(&labelled),
        label: labelled.get(keys::INJECT).cloned(),
        ..Scene::default()
    };
    let bindings = Api::<NamespaceBinding>::namespaced(client.clone(), namespace);
    scene.binding = timely("read the NamespaceBinding", bindings.get_opt(keys::BINDING)).await?;
    if let Some(name) = labels.get(keys::IDENTITY) {
        let identities = Api::<WorkloadIdentity>::namespaced(client.clone(), namespace);
        scene.identity = timely("read the WorkloadIdentity", identities.get_opt(name)).await?;
    }
    if let Some(identity) = &scene.identity {
        scene.firewall = firewall(&client, &identity.spec.firewall).await?;
    }
    Ok(scene)
}

/// Not everybody may read firewalls: who may not is told the rest.
async fn firewall(client: &Client, name: &str) -> Result<Option<Firewall>, String> {
    let api = Api::<Firewall>::all(client.clone());
    Ok(timely("read the Firewall", api.get_opt(name)).await.unwrap_or_default())
}
