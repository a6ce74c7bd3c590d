//! What is, as a cluster holds it: the same workloads that the manifests name, and all identities.

use std::sync::Arc;

use kube::{
    Api, Client,
    api::DynamicObject,
    core::{ApiResource, GroupVersionKind},
};
use sallyport_contract::object::WorkloadIdentity;
use sallyport_policy_sync::world::Key;

use super::{
    Args,
    side::{Given, Side},
};
use crate::{
    check::{Source, known},
    cluster::{client, list, timely},
};

/// The cluster's side and that of the manifests.
pub(super) async fn sides(args: &Args) -> Result<(Side, Side), String> {
    let known = known().await?;
    let after = Given::knowing(args, known.clone()).files(&args.after);
    let client = client().await?;
    let mut objects = Vec::new();
    for subject in after.subjects() {
        objects.extend(object(&client, &subject).await?);
    }
    // The policies that both sides share are the cluster's here: those of the manifests are not in force yet.
    let mut before = Side::of(Given::knowing(args, known).objects(objects.into_iter()));
    let mut after = Side::of(after);
    for identity in list::<WorkloadIdentity>(&client).await? {
        let key = Key::of(&identity.metadata);
        if !before.identities.contains_key(&key) {
            after.beside.insert(key.clone(), Arc::new(identity.clone()));
            before.beside.insert(key, Arc::new(identity));
        }
    }
    Ok((before, after))
}

/// One workload as it is; nothing where there is none of this name, or where its name is to be generated.
async fn object(
    client: &Client,
    [version, kind, namespace, name]: &[String; 4],
) -> Result<Option<Source>, String> {
    if name.is_empty() {
        return Ok(None);
    }
    let (group, version) = version.split_once('/').unwrap_or(("", version));
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &resource);
    let what = format!("read {kind} {namespace}/{name}");
    let found = timely(&what, api.get_opt(name)).await?;
    found
        .map(|object| {
            let text = serde_json::to_string(&object).map_err(|error| format!("cannot {what}: {error}"))?;
            Ok(Source { file: "cluster".to_owned(), text: Ok(text) })
        })
        .transpose()
}
