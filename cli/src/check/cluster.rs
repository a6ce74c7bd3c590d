//! What a cluster knows, to judge manifests by.

use std::sync::Arc;

use k8s_openapi::{
    Resource as _,
    api::{certificates::v1::PodCertificateRequest, core::v1::Namespace},
};
use kube::ResourceExt as _;
use sallyport_process::kubernetes;

use super::bundle::Known;
use crate::cluster::{client, list, timely};

/// Everything of the cluster that manifests are judged by.
pub(crate) async fn known() -> Result<Known, String> {
    let client = client().await?;
    let namespaces = list::<Namespace>(&client).await?.into_iter();
    let labels = |namespace: Namespace| {
        (namespace.name_any(), Arc::new(namespace.metadata.labels.unwrap_or_default()))
    };
    let (version, plural) = (PodCertificateRequest::API_VERSION, PodCertificateRequest::URL_PATH_SEGMENT);
    let doing = format!("ask whether {plural} of {version} are served");
    let served = timely(&doing, kubernetes::serves(&client, version, plural)).await?;
    Ok(Known {
        no_pod_certificates: !served,
        policies: list(&client).await?,
        firewalls: list(&client).await?,
        claims: list(&client).await?,
        namespaces: namespaces.map(labels).collect(),
    })
}
