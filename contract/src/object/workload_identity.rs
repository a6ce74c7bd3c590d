//! `WorkloadIdentity`: one identity, what it is to be and what is proven of it.
//!
//! Its spec is cert-agent's. Its status has two writers, each with its own fields: cert-agent
//! (`CertificateIssued`, `certificate`, `unwantedSince`) and policy-sync (`FirewallEnforced`, `Ready`,
//! `firewall`, `pods`).

use jiff::Timestamp;
use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use super::{Action, CertificateTerms, Condition, Delivery};

/// One identity of a namespace. Written by Sallyport; people read it.
#[derive(CustomResource, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "sallyport.dev",
    version = "v1alpha1",
    kind = "WorkloadIdentity",
    doc = "One identity of a namespace: names, certificate, firewall and what is proven. Written by Sallyport.",
    plural = "workloadidentities",
    namespaced,
    shortname = "wid",
    category = "sallyport",
    status = "WorkloadIdentityStatus",
    printcolumn = r#"{"name":"DNS Names","type":"string","jsonPath":".spec.dnsNames"}"#,
    printcolumn = r#"{"name":"Action","type":"string","jsonPath":".spec.action"}"#,
    printcolumn = r#"{"name":"Certificate","type":"string","jsonPath":".status.conditions[?(@.type=='CertificateIssued')].reason"}"#,
    printcolumn = r#"{"name":"Firewall","type":"string","jsonPath":".status.conditions[?(@.type=='FirewallEnforced')].reason"}"#,
    printcolumn = r#"{"name":"Ready","type":"string","jsonPath":".status.conditions[?(@.type=='Ready')].status"}"#,
    printcolumn = r#"{"name":"Pods","type":"string","jsonPath":".status.pods.summary"}"#,
    printcolumn = r#"{"name":"Expires","type":"string","jsonPath":".status.certificate.notAfter"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.dnsNames == oldSelf.dnsNames && self.delivery == oldSelf.delivery")
    .message("an identity is its content: dnsNames and delivery never change"))]
pub struct WorkloadIdentitySpec {
    /// The names, in normal form, sorted.
    #[schemars(length(min = 1, max = 50))]
    pub dns_names: Vec<String>,
    /// How the certificate reaches the pods.
    pub delivery: Delivery,
    /// What the firewall does with traffic for the names.
    pub action: Action,
    /// The `IdentityPolicy` that decided.
    pub policy: String,
    /// What the certificate is to be.
    pub certificate: CertificateTerms,
    /// The `Firewall` that must hold the names.
    pub firewall: String,
}

/// What is proven of an identity.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadIdentityStatus {
    /// The delivered certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<CertificateStatus>,
    /// The certificates of its pods, where each has one of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificates: Option<PodCertificates>,
    /// What the firewall holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub firewall: Option<FirewallEnforcement>,
    /// The pods that carry it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pods: Option<PodCounts>,
    /// Since when no workload and no living pod wants it; it is deleted a while after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub unwanted_since: Option<Timestamp>,
    /// `CertificateIssued` (cert-agent), `FirewallEnforced` and `Ready` (policy-sync).
    #[serde(default)]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}

impl WorkloadIdentity {
    /// What its status says under one type of condition.
    #[must_use]
    pub fn condition(&self, kind: &str) -> Option<&Condition> {
        self.status.as_ref()?.conditions.iter().find(|condition| condition.kind == kind)
    }
}

/// The certificate that the Secret carries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct CertificateStatus {
    /// Serial number in lower-case hex with colons.
    pub serial: String,
    /// When it begins.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub not_before: Timestamp,
    /// When it ends.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub not_after: Timestamp,
    /// When it will be renewed.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub renew_at: Timestamp,
    /// Its ARN, where AWS Private CA signed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,
    /// The Secret that carries it.
    pub secret_name: String,
}

/// The certificates of the pods of an identity whose delivery is `Pod`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct PodCertificates {
    /// How many living pods have one.
    pub count: i64,
    /// When the first of them ends, as far as is known: requests are cleaned away half an hour after they
    /// were made, and the certificates lie on the nodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub earliest_not_after: Option<Timestamp>,
}

/// What the firewall holds for an identity.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct FirewallEnforcement {
    /// One entry for each DNS name.
    #[serde(default)]
    pub apps: Vec<EnforcedApp>,
}

/// One DNS name as the firewall holds it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct EnforcedApp {
    /// The name.
    pub dns_name: String,
    /// Its custom App-ID.
    pub app: String,
    /// The rule that carries it.
    pub rule: String,
    /// The devices whose running configuration was read.
    #[serde(default)]
    pub devices: Vec<String>,
    /// When it was last proven.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub proven_at: Option<Timestamp>,
    /// The commit job that carried it, where we know it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
}

/// The pods that carry an identity.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct PodCounts {
    /// All living pods.
    pub total: i64,
    /// Those whose gate is open.
    pub ready: i64,
    /// Both, for the column: `3/3`.
    pub summary: String,
}
