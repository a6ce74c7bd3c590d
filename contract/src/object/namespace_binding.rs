//! `NamespaceBinding`: which policy holds an enabled namespace.

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use super::{Condition, HeldAt, Mode, OptOut};

/// Which policy holds this namespace. Always called `sallyport`; written by cert-agent alone, so that
/// people can look it up and admission policies can take it as their parameter.
#[derive(CustomResource, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "sallyport.dev",
    version = "v1alpha1",
    kind = "NamespaceBinding",
    doc = "Which policy holds this namespace. Written by Sallyport.",
    plural = "namespacebindings",
    namespaced,
    shortname = "nsb",
    category = "sallyport",
    status = "NamespaceBindingStatus",
    printcolumn = r#"{"name":"Policy","type":"string","jsonPath":".spec.policy"}"#,
    printcolumn = r#"{"name":"Mode","type":"string","jsonPath":".spec.mode"}"#,
    printcolumn = r#"{"name":"Opt-out","type":"string","jsonPath":".spec.optOut"}"#,
    printcolumn = r#"{"name":"Injected","type":"string","jsonPath":".status.conditions[?(@.type=='PodsInjected')].status"}"#,
    printcolumn = r#"{"name":"Problem","type":"string","jsonPath":".spec.problem"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct NamespaceBindingSpec {
    /// The `IdentityPolicy` that holds the namespace; absent if none does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// How far that policy reaches.
    #[serde(default)]
    pub mode: Mode,
    /// Whether pods may be left out.
    #[serde(default)]
    pub opt_out: OptOut,
    /// Up to where pods come without proof, where the policy enforces.
    #[serde(default)]
    pub hold: HeldAt,
    /// Why nothing can be admitted here, or what else selects this namespace; absent if all is well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// How the namespace stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct NamespaceBindingStatus {
    /// `PodsInjected`: whether every living pod has what the policy gives.
    #[serde(default)]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}
