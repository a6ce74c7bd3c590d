//! `Firewall`: where, and within which bounds. The network security team's object.

use jiff::Timestamp;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Action, Condition};
use crate::duration::Duration;

/// A firewall, how to reach it, where our rules stand, and what they may be.
#[derive(CustomResource, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "sallyport.dev",
    version = "v1alpha1",
    kind = "Firewall",
    doc = "A firewall, how to reach it, where our rules stand, and what they may be. Written by the network security team.",
    plural = "firewalls",
    shortname = "fw",
    category = "sallyport",
    status = "FirewallStatus",
    printcolumn = r#"{"name":"Model","type":"string","jsonPath":".status.model"}"#,
    printcolumn = r#"{"name":"Version","type":"string","jsonPath":".status.version"}"#,
    printcolumn = r#"{"name":"Names","type":"integer","jsonPath":".status.names"}"#,
    printcolumn = r#"{"name":"Reachable","type":"string","jsonPath":".status.conditions[?(@.type=='Reachable')].status"}"#,
    printcolumn = r#"{"name":"In Sync","type":"string","jsonPath":".status.conditions[?(@.type=='InSync')].status"}"#,
    printcolumn = r#"{"name":"Reason","type":"string","jsonPath":".status.conditions[?(@.type=='InSync')].reason"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct FirewallSpec {
    /// One firewall by itself.
    pub standalone: Standalone,
    /// This cluster's name on the firewall; stands in every mark and in the hash of every name.
    #[schemars(length(min = 1, max = 32), regex(pattern = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"))]
    #[x_kube(validation = Rule::new("self == oldSelf")
        .message("clusterName never changes: what stands on the firewall is known by it"))]
    pub cluster_name: String,
    /// How we log in.
    pub credentials: Credentials,
    /// How we know that it is the firewall.
    pub tls: FirewallTls,
    /// Where our rules stand.
    pub rules: Rules,
    /// What our rules may be.
    pub bounds: Bounds,
    /// How commits are gathered.
    #[serde(default)]
    pub commit: Commit,
    /// How removal goes.
    #[serde(default)]
    pub removal: Removal,
    /// How long a stored proof opens gates while it cannot be repeated, for example because the firewall is
    /// away. Open gates stay open.
    #[serde(default = "default_proof_max_age")]
    pub proof_max_age: Duration,
    /// Reads go on, nothing is written.
    #[serde(default)]
    pub suspend: bool,
}

const fn default_proof_max_age() -> Duration {
    Duration::from_secs(24 * 3600)
}

/// One firewall by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Standalone {
    /// Host name or address of the management interface, with `:port` if it is not 443.
    #[schemars(length(min = 1, max = 260), regex(pattern = r"^[A-Za-z0-9._:\[\]-]+$"))]
    pub host: String,
    /// The virtual system.
    #[serde(default = "default_vsys")]
    #[schemars(regex(pattern = r"^vsys[0-9]{1,3}$"))]
    pub vsys: String,
}

fn default_vsys() -> String {
    "vsys1".to_owned()
}

/// How we log in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Credentials {
    /// A Secret in the namespace `sallyport-firewall` with `user` and `password`, or with `apiKey` (and
    /// `user`, whose name partial commits need). One administrator for each cluster.
    #[schemars(length(min = 1, max = 253))]
    pub secret_name: String,
}

/// How we know that it is the firewall. There is no way to switch the check off.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.caBundle) != has(self.fingerprint)")
    .message("exactly one of caBundle and fingerprint must be set"))]
pub struct FirewallTls {
    /// CA certificates in PEM that must have signed the management interface's certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 100_000))]
    pub ca_bundle: Option<String>,
    /// `SHA256:` and the 64 hex digits of the management interface's own certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^SHA256:([0-9A-Fa-f]{2}:?){31}[0-9A-Fa-f]{2}$"))]
    pub fingerprint: Option<String>,
}

/// Where our rules stand in the rulebase. A missing anchor stops us; we never fall back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("[has(self.before), has(self.after), has(self.at)].filter(x, x).size() == 1")
    .message("exactly one of before, after and at must be set"))]
pub struct Rules {
    /// The rule that ours stand before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub before: Option<String>,
    /// The rule that ours stand after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub after: Option<String>,
    /// An end of the rulebase.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Position>,
}

/// An end of the rulebase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Position {
    /// The first rules.
    Top,
    /// The last rules before the default ones.
    Bottom,
}

/// What the policies may ask of this firewall.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Bounds {
    /// The `IdentityPolicy` objects that may use it.
    #[schemars(length(min = 1, max = 500))]
    pub policies: Vec<String>,
    /// The domains under which every name must lie.
    #[schemars(length(min = 1, max = 100))]
    pub name_suffixes: Vec<String>,
    /// The actions.
    #[schemars(length(min = 1, max = 2))]
    pub actions: Vec<Action>,
    /// The zones, on either side.
    #[schemars(length(min = 1, max = 64))]
    pub zones: Vec<String>,
    /// The sources: CIDRs, or `any`.
    #[serde(default = "any")]
    pub sources: Vec<String>,
    /// The destinations: CIDRs; `any` only if listed.
    #[schemars(length(min = 1, max = 200))]
    pub destinations: Vec<String>,
    /// The TCP ports.
    #[schemars(length(min = 1, max = 64), inner(range(min = 1)))]
    pub ports: Vec<u16>,
    /// The most DNS names of this cluster on the firewall. A virtual system takes 6,000 signatures:
    /// <https://docs.paloaltonetworks.com/vm-series/activation-and-onboarding/software-ngfw/maximum-limits-based-on-memory>.
    #[serde(default = "default_max_names")]
    #[schemars(range(min = 1, max = 6000))]
    pub max_names: u16,
}

fn any() -> Vec<String> {
    vec!["any".to_owned()]
}

const fn default_max_names() -> u16 {
    2000
}

/// How commits are gathered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Commit {
    /// How long a batch waits for more after the last new change; `0s` for not at all.
    #[serde(default = "default_coalesce")]
    pub coalesce: Duration,
    /// How long a batch waits at most.
    #[serde(default = "default_longest_wait")]
    pub longest_wait: Duration,
}

const fn default_coalesce() -> Duration {
    Duration::from_secs(2)
}

const fn default_longest_wait() -> Duration {
    Duration::from_secs(15)
}

impl Default for Commit {
    fn default() -> Self {
        Self { coalesce: default_coalesce(), longest_wait: default_longest_wait() }
    }
}

/// How removal goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Removal {
    /// How long a name that nobody wants stays on the firewall.
    #[serde(default = "default_quarantine")]
    pub quarantine: Duration,
}

const fn default_quarantine() -> Duration {
    Duration::from_secs(3600)
}

impl Default for Removal {
    fn default() -> Self {
        Self { quarantine: default_quarantine() }
    }
}

/// What policy-sync found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct FirewallStatus {
    /// The device's model: `PA-VM`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The device's software version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The device's serial number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// How many DNS names of this cluster stand on the firewall.
    #[serde(default)]
    pub names: i64,
    /// The commit job that was started by us and has not been seen to end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<FirewallJob>,
    /// The last commit of ours that ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_commit: Option<LastCommit>,
    /// `Reachable`, `InSync`, `PathProven`.
    #[serde(default)]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}

/// A commit job that runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct FirewallJob {
    /// The device's job id.
    pub id: String,
    /// When it was started.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub started: Timestamp,
}

/// A commit job that ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct LastCommit {
    /// The device's job id.
    pub job: String,
    /// The device's verdict: `OK` or `FAIL`.
    pub result: String,
    /// When it ended, as we saw it.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub finished: Timestamp,
    /// How long it took, in seconds.
    pub took_seconds: i64,
}
