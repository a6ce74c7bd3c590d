//! What is left of Sallyport in the cluster, as far as it can be read.

use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, Client,
    api::{DynamicObject, ListParams},
    core::ApiResource,
};
use sallyport_contract::{
    keys,
    object::{Firewall, NameClaim},
};

use super::kinds::{KINDS, Kind, NAMESPACES, Where};
use crate::cluster::{list, timely};

/// What was read. What could not be is absent, and why is told.
#[derive(Default)]
pub(super) struct Left {
    /// Objects of the install, in the order in which they are taken away.
    pub(super) objects: Vec<Object>,
    /// Firewalls whose deletion waits for policy-sync.
    pub(super) held: Vec<Held>,
    /// How many names each firewall still holds.
    pub(super) names: Vec<(String, usize)>,
    /// Namespaces that are still enabled.
    pub(super) enabled: Vec<String>,
    /// What could not be read.
    pub(super) unread: Vec<String>,
}

/// One object.
#[derive(Clone)]
pub(super) struct Object {
    /// The place of its kind in the list of kinds.
    pub(super) kind: usize,
    pub(super) namespace: Option<String>,
    pub(super) name: String,
    /// Whether it was deleted already, and something keeps it.
    pub(super) going: bool,
}

/// A Firewall with our finalizer.
#[derive(Clone)]
pub(super) struct Held {
    pub(super) name: String,
    /// Whether it was deleted already.
    pub(super) going: bool,
}

/// Reads it.
pub(super) async fn read(client: &Client) -> Left {
    let mut left = Left::default();
    for (place, kind) in KINDS.iter().enumerate() {
        match objects(client, kind).await {
            Ok(found) => left.objects.extend(found.iter().map(|object| of(place, object))),
            Err(why) => left.unread.push(why),
        }
    }
    let defined =
        |plural: &str| left.objects.iter().any(|object| object.name == format!("{plural}.sallyport.dev"));
    let (firewalls, claims) = (defined("firewalls"), defined("nameclaims"));
    if firewalls {
        match held(client).await {
            Ok(held) => left.held = held,
            Err(why) => left.unread.push(why),
        }
    }
    if claims {
        match names(client).await {
            Ok(names) => left.names = names,
            Err(why) => left.unread.push(why),
        }
    }
    match enabled(client).await {
        Ok(enabled) => left.enabled = enabled,
        Err(why) => left.unread.push(why),
    }
    left
}

/// A way to objects of a kind.
pub(super) fn api(client: &Client, resource: &ApiResource, namespace: Option<&str>) -> Api<DynamicObject> {
    match namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, resource),
        None => Api::all_with(client.clone(), resource),
    }
}

async fn objects(client: &Client, kind: &Kind) -> Result<Vec<DynamicObject>, String> {
    let (resource, what) = (kind.resource(), format!("list {}", kind.plural));
    let parameters = ListParams::default().labels(kind.selector);
    let places: Vec<Option<&str>> = match kind.place {
        Where::Cluster => vec![None],
        Where::Ours => NAMESPACES.iter().copied().map(Some).collect(),
    };
    let mut found = Vec::new();
    for place in places {
        let list = timely(&what, async { api(client, &resource, place).list(&parameters).await }).await?;
        found.extend(
            list.items
                .into_iter()
                .filter(|object| kind.takes(object.metadata.name.as_deref().unwrap_or_default())),
        );
    }
    Ok(found)
}

fn of(kind: usize, object: &DynamicObject) -> Object {
    let metadata = &object.metadata;
    Object {
        kind,
        namespace: metadata.namespace.clone(),
        name: metadata.name.clone().unwrap_or_default(),
        going: metadata.deletion_timestamp.is_some(),
    }
}

async fn held(client: &Client) -> Result<Vec<Held>, String> {
    let firewalls: Vec<Firewall> = list(client).await?;
    let ours = |firewall: &Firewall| {
        firewall.metadata.finalizers.iter().flatten().any(|finalizer| finalizer == keys::REMOVE_FROM_FIREWALL)
    };
    let held = firewalls.into_iter().filter(ours).map(|firewall| Held {
        going: firewall.metadata.deletion_timestamp.is_some(),
        name: firewall.metadata.name.unwrap_or_default(),
    });
    Ok(held.collect())
}

async fn names(client: &Client) -> Result<Vec<(String, usize)>, String> {
    let claims: Vec<NameClaim> = list(client).await?;
    let mut names = std::collections::BTreeMap::<String, usize>::new();
    for held in claims.iter().filter_map(|claim| claim.status.as_ref()).flat_map(|status| &status.firewalls) {
        *names.entry(held.firewall.clone()).or_default() += 1;
    }
    Ok(names.into_iter().collect())
}

async fn enabled(client: &Client) -> Result<Vec<String>, String> {
    let api: Api<Namespace> = Api::all(client.clone());
    let label = format!("{}={}", keys::INJECT, keys::INJECT_ENABLED);
    let found =
        timely("list the enabled namespaces", api.list(&ListParams::default().labels(&label))).await?;
    Ok(found.items.into_iter().filter_map(|namespace| namespace.metadata.name).collect())
}
