//! What a cluster knows, to judge manifests by.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Namespace;
use kube::ResourceExt as _;

use super::bundle::Known;
use crate::cluster::{client, list};

/// Everything of the cluster that manifests are judged by.
pub(crate) async fn known() -> Result<Known, String> {
    let client = client().await?;
    let namespaces = list::<Namespace>(&client).await?.into_iter();
    let labels = |namespace: Namespace| {
        (namespace.name_any(), Arc::new(namespace.metadata.labels.unwrap_or_default()))
    };
    Ok(Known {
        policies: list(&client).await?,
        firewalls: list(&client).await?,
        claims: list(&client).await?,
        namespaces: namespaces.map(labels).collect(),
    })
}
