//! What a probe reads and writes: one `Firewall`, and its own report.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::{
    Api, Client,
    api::{Patch, PatchParams},
};
use sallyport_contract::{
    keys,
    object::{Firewall, Met, PathProof, PathReport, PathReportSpec},
};

use super::Args;
use crate::cluster::timely;

/// Whose fields the report's are.
const MANAGER: &str = "sallyport-path-probe";

/// What is to be tried.
pub(super) async fn proof(client: &Client, firewall: &str) -> Result<PathProof, String> {
    let api: Api<Firewall> = Api::all(client.clone());
    let found = timely(&format!("read Firewall {firewall}"), api.get(firewall)).await?;
    found
        .spec
        .path_proof
        .ok_or_else(|| format!("Firewall {firewall} has no spec.pathProof: there is nothing to try"))
}

/// Stores what was met. The report goes when its pod does.
pub(super) async fn store(client: &Client, args: &Args, at: Timestamp, met: Vec<Met>) -> Result<(), String> {
    let spec = PathReportSpec { firewall: args.firewall.clone(), address: args.address.to_string(), at, met };
    let mut report = PathReport::new(&args.pod, spec);
    report.metadata.owner_references = Some(vec![OwnerReference {
        api_version: "v1".to_owned(),
        kind: "Pod".to_owned(),
        name: args.pod.clone(),
        uid: args.pod_uid.clone(),
        ..OwnerReference::default()
    }]);
    let api: Api<PathReport> = Api::namespaced(client.clone(), keys::PATH_PROOF_NAMESPACE);
    let params = PatchParams::apply(MANAGER).force();
    let what = format!("store PathReport {}/{}", keys::PATH_PROOF_NAMESPACE, args.pod);
    timely(&what, api.patch(&args.pod, &params, &Patch::Apply(&report))).await.map(|_| ())
}
