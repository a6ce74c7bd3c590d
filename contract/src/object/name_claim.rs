//! `NameClaim`: one for each DNS name of the cluster. Creating it is the lock.
//!
//! Its spec is cert-agent's, its status policy-sync's memory: App-ID and rule membership belong to a DNS
//! name, and identities that share a name share them.

use jiff::Timestamp;
use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use super::Action;

/// Who holds a DNS name. Written by Sallyport.
#[derive(CustomResource, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "sallyport.dev",
    version = "v1alpha1",
    kind = "NameClaim",
    doc = "Who holds a DNS name of the cluster, and what stands on the firewalls for it. Written by Sallyport.",
    plural = "nameclaims",
    shortname = "nclaim",
    category = "sallyport",
    status = "NameClaimStatus",
    printcolumn = r#"{"name":"DNS Name","type":"string","jsonPath":".spec.dnsName"}"#,
    printcolumn = r#"{"name":"Namespace","type":"string","jsonPath":".spec.namespace"}"#,
    printcolumn = r#"{"name":"Firewalls","type":"string","jsonPath":".status.firewalls[*].firewall"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self == oldSelf").message("a claim never changes: it is made and it ends"))]
pub struct NameClaimSpec {
    /// The name, in normal form. The object's name is its hash.
    pub dns_name: String,
    /// The namespace that holds it.
    pub namespace: String,
}

/// What policy-sync did with the name, by firewall.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct NameClaimStatus {
    /// One entry for each firewall that holds, or held, the name. The claim ends only without any.
    #[serde(default)]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["firewall".into()]))]
    pub firewalls: Vec<ClaimedFirewall>,
}

/// The stored inventory: what we put on one firewall for one name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClaimedFirewall {
    /// The `Firewall`.
    pub firewall: String,
    /// The custom App-ID, stored before it is first written.
    pub app: String,
    /// The rule that carries it.
    pub rule: String,
    /// What the rule does.
    pub action: Action,
    /// When an identity last wanted it; the quarantine counts from here.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub last_wanted: Timestamp,
    /// The last proof, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
}

/// What was read back from the running configuration of every device that counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// The devices, by serial number.
    pub devices: Vec<String>,
    /// When it was read.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub proven_at: Timestamp,
    /// The action that was proven.
    pub action: Action,
    /// The rule with which the device's own policy test answered.
    pub rule: String,
    /// Provenance, not proof: the commit job of ours that carried it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
}
