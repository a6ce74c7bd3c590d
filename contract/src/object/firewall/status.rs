//! What policy-sync found on a firewall, and what it does there.

use jiff::Timestamp;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Condition;

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
    /// The host of a pair that is active.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active: Option<String>,
    /// How many DNS names of this cluster stand on the firewall, and how many fit.
    #[serde(default)]
    pub names: NameCount,
    /// The job that was started by us and has not been seen to end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<FirewallJob>,
    /// The last commit of ours that ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_commit: Option<LastCommit>,
    /// The newest of Panorama's jobs when the firewalls of the group were last seen to run all that Panorama held: what
    /// others committed up to it would not be shipped by our push.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_sync_through: Option<String>,
    /// The firewalls of the device group.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["serial".into()]))]
    pub devices: Vec<FirewallDevice>,
    /// Each of several independent firewalls.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["host".into()]))]
    pub members: Vec<FirewallMember>,
    /// `Reachable`, `InSync`, `DefaultDeny`, `PatternsProven`, `PathProven`.
    #[serde(default)]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}

/// How many names there are, and how many fit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct NameCount {
    /// DNS names of this cluster that stand on the firewall.
    #[serde(default)]
    pub used: i64,
    /// How many fit, beside what others keep there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<i64>,
}

/// A job that runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct FirewallJob {
    /// The device's job id.
    pub id: String,
    /// When it was started.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub started: Timestamp,
    /// What it does.
    #[serde(default)]
    pub kind: JobKind,
    /// The device group that a push is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_group: Option<String>,
}

/// What a job does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum JobKind {
    /// It puts our changes into the running configuration.
    #[default]
    Commit,
    /// It brings Panorama's running configuration to the firewalls of a group.
    Push,
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

/// A firewall of the device group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct FirewallDevice {
    /// Its serial number.
    pub serial: String,
    /// Its name.
    #[serde(default)]
    pub hostname: String,
    /// The device group that it is in.
    #[serde(default)]
    pub device_group: String,
    /// Whether it must enforce a name before the name counts as enforced.
    #[serde(default)]
    pub counts: bool,
    /// Since when it has not been connected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub disconnected_since: Option<Timestamp>,
}

/// One of several independent firewalls.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct FirewallMember {
    /// Its management interface, as in `spec.independent.hosts`.
    pub host: String,
    /// Its model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Its software version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Its serial number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// How many DNS names stand on it, and how many fit.
    #[serde(default)]
    pub names: NameCount,
    /// The job that was started by us and has not been seen to end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<FirewallJob>,
    /// The last commit of ours that ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_commit: Option<LastCommit>,
    /// As on the `Firewall`.
    #[serde(default)]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}

impl FirewallMember {
    /// What a status says of a firewall that is not one of several.
    #[must_use]
    pub fn of(status: &FirewallStatus) -> Self {
        let FirewallStatus { model, version, serial, names, job, last_commit, conditions, .. } =
            status.clone();
        Self { host: String::new(), model, version, serial, names, job, last_commit, conditions }
    }
}

impl FirewallStatus {
    /// The status of a firewall that is not one of several.
    #[must_use]
    pub fn of(member: FirewallMember) -> Self {
        let FirewallMember { host: _, model, version, serial, names, job, last_commit, conditions } = member;
        Self { model, version, serial, names, job, last_commit, conditions, ..Self::default() }
    }
}
