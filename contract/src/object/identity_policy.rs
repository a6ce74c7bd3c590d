//! `IdentityPolicy`: the platform team's guard rail and defaults.

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{CertificateTerms, Condition, Hold};

/// Which namespaces may be called what, with which certificate, and what the firewall does with it.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "sallyport.dev",
    version = "v1alpha1",
    kind = "IdentityPolicy",
    doc = "Which namespaces may be called what, with which certificate, and what the firewall does with it. Written by the platform team.",
    plural = "identitypolicies",
    shortname = "idpol",
    category = "sallyport",
    status = "IdentityPolicyStatus",
    printcolumn = r#"{"name":"Mode","type":"string","jsonPath":".spec.mode"}"#,
    printcolumn = r#"{"name":"Namespaces","type":"string","jsonPath":".status.namespaces"}"#,
    printcolumn = r#"{"name":"Identities","type":"integer","jsonPath":".status.identities"}"#,
    printcolumn = r#"{"name":"Accepted","type":"string","jsonPath":".status.conditions[?(@.type=='Accepted')].status"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.namespaces) != has(self.namespaceSelector)")
    .message("exactly one of namespaces and namespaceSelector must be set"))]
pub struct IdentityPolicySpec {
    /// How far the policy reaches into what is applied.
    #[serde(default)]
    pub mode: Mode,
    /// Of several policies that select a namespace the highest holds it, then the first by name.
    #[serde(default)]
    pub priority: i32,
    /// The namespaces by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 500))]
    pub namespaces: Option<Vec<String>>,
    /// The namespaces by label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace_selector: Option<LabelSelector>,
    /// Which names.
    pub dns_names: DnsNameRules,
    /// What the firewall does with them.
    pub traffic: Traffic,
    /// What the certificate is to be.
    pub certificate: CertificateTerms,
    /// The `Firewall` that must hold the names.
    #[schemars(length(min = 1, max = 253))]
    pub firewall: String,
    /// May a pod ask to be left out with the label `sallyport.dev/inject: disabled`?
    #[serde(default)]
    pub opt_out: OptOut,
    /// What waits for the proof beside the readiness gate; absent: nothing, containers start at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<Hold>,
    /// Annotations for every pod, for example `paloaltonetworks.com/firewall: pan-fw`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pod_annotations: BTreeMap<String, String>,
}

/// How far a policy reaches: a way to turn Sallyport on in steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Mode {
    /// Judge and report only: nothing is refused, injected, issued or written to a firewall.
    Audit,
    /// Do everything, but open each gate at once, with the reason `Observed`.
    Observe,
    /// A gate opens only when certificate and firewall are proven.
    #[default]
    Enforce,
}

impl IdentityPolicySpec {
    /// Whether the policy selects a namespace with these labels. Which of several holds it, their order decides.
    #[must_use]
    pub fn selects(&self, namespace: &str, labels: &BTreeMap<String, String>) -> bool {
        self.namespaces.iter().flatten().any(|name| name == namespace)
            || self.namespace_selector.as_ref().is_some_and(|selector| selector.matches(labels))
    }
}

impl Mode {
    /// As the manifest writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Audit => "Audit",
            Self::Observe => "Observe",
            Self::Enforce => "Enforce",
        }
    }
}

/// A selector over labels, as everywhere in Kubernetes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct LabelSelector {
    /// Labels that must have exactly these values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub match_labels: BTreeMap<String, String>,
    /// Requirements, all of which must hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub match_expressions: Vec<SelectorRequirement>,
}

/// One requirement of a [`LabelSelector`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct SelectorRequirement {
    /// The label's key.
    pub key: String,
    /// How the values are compared.
    pub operator: SelectorOperator,
    /// The values, for `In` and `NotIn`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
}

/// How a [`SelectorRequirement`] compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the words are Kubernetes' own")]
pub enum SelectorOperator {
    In,
    NotIn,
    Exists,
    DoesNotExist,
}

impl LabelSelector {
    /// Whether the labels satisfy every requirement; an empty selector takes everything.
    #[must_use]
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.match_labels.iter().all(|(key, value)| labels.get(key) == Some(value))
            && self.match_expressions.iter().all(|requirement| {
                let value = labels.get(&requirement.key);
                let listed = value.is_some_and(|value| requirement.values.contains(value));
                match requirement.operator {
                    SelectorOperator::In => listed,
                    SelectorOperator::NotIn => !listed,
                    SelectorOperator::Exists => value.is_some(),
                    SelectorOperator::DoesNotExist => value.is_none(),
                }
            })
    }
}

/// Which DNS names the namespaces of a policy may have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct DnsNameRules {
    /// The name of a workload that asks for none: `{workload}.{namespace}.corp.example`. Variables are
    /// `{workload}`, `{namespace}`, `{serviceAccount}`, `{service}` and, for StatefulSets, `{pod}`.
    #[schemars(length(min = 1, max = 253))]
    pub default: String,
    /// The names that may be asked for: the same variables, and `*` for one label.
    #[serde(default)]
    #[schemars(length(max = 50))]
    pub allowed: Vec<String>,
    /// May a workload ask for a wildcard certificate?
    #[serde(default)]
    pub wildcards: Wildcards,
    /// The most names that one workload may ask for.
    #[serde(default = "default_max")]
    #[schemars(range(min = 1, max = 50))]
    pub max: u8,
}

const fn default_max() -> u8 {
    4
}

/// Whether wildcard names may be asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Wildcards {
    /// No wildcard names.
    #[default]
    Forbid,
    /// Wildcard names that an allowed pattern with `*` covers.
    Allow,
}

/// What the firewall does with traffic for the names. Must lie within `Firewall.spec.bounds`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Traffic {
    /// The actions that a workload may ask for.
    #[schemars(length(min = 1, max = 2))]
    pub actions: Vec<Action>,
    /// The action of a workload that asks for none.
    pub default: Action,
    /// Where the traffic comes from.
    pub from: Side,
    /// Where the traffic goes. There is no default: an SNI is only what the client says.
    pub to: Side,
    /// TCP ports of the names.
    #[schemars(length(min = 1, max = 16), inner(range(min = 1)))]
    pub ports: Vec<u16>,
    /// How a denied session ends.
    #[serde(default)]
    pub deny_with: DenyWith,
    /// Security profile group of the rules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 31))]
    pub profile_group: Option<String>,
    /// Log forwarding profile of the rules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub log_setting: Option<String>,
}

/// One side of the traffic: zones and addresses as the firewall writes them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Side {
    /// Zones of the firewall.
    #[schemars(length(min = 1, max = 16), inner(length(min = 1, max = 31)))]
    pub zones: Vec<String>,
    /// `any`, or CIDRs.
    #[schemars(length(min = 1, max = 64), inner(length(min = 1, max = 63)))]
    pub addresses: Vec<String>,
}

/// Whether the firewall lets traffic for a name pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Action {
    /// Sessions for the name pass.
    Allow,
    /// Sessions for the name are ended.
    Deny,
}

impl Action {
    /// As in annotations and rule names.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
        }
    }
}

/// How a denied session ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DenyWith {
    /// Client and server get a reset.
    #[default]
    ResetBoth,
    /// Packets vanish.
    Drop,
}

/// Whether pods may be left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum OptOut {
    /// The label `sallyport.dev/inject: disabled` is refused.
    #[default]
    Forbid,
    /// The label `sallyport.dev/inject: disabled` leaves the pod as it is.
    Allow,
}

/// What cert-agent found about a policy.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct IdentityPolicyStatus {
    /// The enabled namespaces that it holds.
    #[serde(default)]
    pub namespaces: Vec<String>,
    /// How many identities it gave.
    #[serde(default)]
    pub identities: i64,
    /// `Accepted`.
    #[serde(default)]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}
