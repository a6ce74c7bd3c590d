//! `Firewall`: where, and within which bounds. The network security team's object.

mod brakes;
mod path;
mod status;
mod target;

pub use brakes::{Commit, DayOfWeek, Drift, Freeze, Push, Removal, Window};
pub use path::{PathNetwork, PathPair, PathProof};
pub use status::{
    FirewallDevice, FirewallJob, FirewallMember, FirewallStatus, JobKind, LastCommit, NameCount,
};
pub use target::{Count, Devices, HaPair, Independent, Panorama, Standalone, Target};

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
    printcolumn = r#"{"name":"Names","type":"integer","jsonPath":".status.names.used"}"#,
    printcolumn = r#"{"name":"Reachable","type":"string","jsonPath":".status.conditions[?(@.type=='Reachable')].status"}"#,
    printcolumn = r#"{"name":"In Sync","type":"string","jsonPath":".status.conditions[?(@.type=='InSync')].status"}"#,
    printcolumn = r#"{"name":"Reason","type":"string","jsonPath":".status.conditions[?(@.type=='InSync')].reason"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new(
    "[has(self.standalone), has(self.haPair), has(self.independent), has(self.panorama)].filter(x, x).size() == 1")
    .message("exactly one of standalone, haPair, independent and panorama must be set"))]
#[x_kube(validation = Rule::new("self.rules.rulebase == 'Pre' || has(self.panorama)")
    .message("rules.rulebase: Post needs panorama; a firewall has one rulebase of its own"))]
pub struct FirewallSpec {
    /// One firewall by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standalone: Option<Standalone>,
    /// Two firewalls in high availability, of which one is active.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ha_pair: Option<HaPair>,
    /// Several firewalls, each programmed and proven by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub independent: Option<Independent>,
    /// A device group of Panorama, and the firewalls in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub panorama: Option<Panorama>,
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
    /// What follows if the firewall lets other traffic pass between the same zones.
    #[serde(default)]
    pub default_deny: DefaultDeny,
    /// How commits are gathered, and when they may be.
    #[serde(default)]
    pub commit: Commit,
    /// How Panorama's configuration goes to its firewalls.
    #[serde(default)]
    pub push: Push,
    /// How removal goes.
    #[serde(default)]
    pub removal: Removal,
    /// How we notice what others changed.
    #[serde(default)]
    pub drift: Drift,
    /// How it is shown that packets between the pods' networks cross this firewall. Nothing is shown without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_proof: Option<PathProof>,
    /// What stands on the firewall once this object is deleted.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
    /// DNS names that are denied now, whatever the workloads say: their App-IDs stand in a deny rule, also
    /// outside the change windows. Gates that are shut stay shut; pods that are Ready stay Ready.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 500), inner(length(min = 1, max = 253)))]
    pub blocked: Vec<String>,
    /// DNS names that may be removed although more than `commit.maxRemovals` are due.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 6000), inner(length(min = 1, max = 253)))]
    pub approved_removals: Vec<String>,
    /// Other clusters (their `clusterName`) on this firewall. Where one of them holds a name that is wanted here too, with
    /// the same action, its App-ID and rule are used as they are, and made anew by us once they are gone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20), inner(regex(pattern = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")))]
    pub shared_with: Vec<String>,
    /// DNS names that a cluster of `sharedWith` holds and this one takes over: its App-ID goes from its rule and from the
    /// firewall in the batch that brings ours, so that one commit changes hands and no session is left without a rule.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 6000), inner(length(min = 1, max = 253)))]
    pub adopted: Vec<String>,
    /// The memory tier of a VM-Series, which the device does not tell and which decides how many rules it
    /// holds: <https://docs.paloaltonetworks.com/vm-series/activation-and-onboarding/software-ngfw/maximum-limits-based-on-memory>.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 4))]
    pub memory_tier: Option<u8>,
    /// What a person found with the device check (docs/FIREWALL.md).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attested: Option<Attested>,
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
    /// Which of a device group's two rulebases.
    #[serde(default)]
    pub rulebase: Rulebase,
    /// How names share rules. A change makes the new rules first and removes the old ones in the same batch.
    #[serde(default)]
    pub style: Style,
}

/// Which of a device group's two rulebases: before the firewalls' own rules, or after them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Rulebase {
    /// Before the firewalls' own rules.
    #[default]
    Pre,
    /// After them.
    Post,
}

/// How names share rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Style {
    /// One rule for each policy and action: rules stand, names come and go as members.
    #[default]
    PerPolicy,
    /// One rule for each DNS name.
    PerIdentity,
}

/// What follows if the firewall lets other traffic pass between the zones in use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DefaultDeny {
    /// It is told, and identities say `EnforcedPermissive`.
    #[default]
    Warn,
    /// Gates wait until it is shown to deny.
    Require,
}

/// What happens to our App-IDs and rules when the `Firewall` object is deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DeletionPolicy {
    /// They stay as they are.
    #[default]
    Retain,
    /// They are removed first, in one batch and one commit, whatever workloads still want; until then a finalizer keeps
    /// the object. `suspend` and the change windows still hold.
    Remove,
}

/// What a person found with the device check, and on which release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Attested {
    /// The software version that was checked.
    #[schemars(length(min = 1, max = 64))]
    pub version: String,
    /// `^` and `$` hold at the edges of the SNI.
    pub anchors: bool,
    /// A pattern with `(?i)` matches both cases.
    pub ignore_case: bool,
    /// A name with a trailing dot matches.
    pub trailing_dot: bool,
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
