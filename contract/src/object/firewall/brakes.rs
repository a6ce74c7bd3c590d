//! When and how much policy-sync may change on a firewall.

use jiff::Timestamp;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::duration::Duration;

/// How commits are gathered, and when they may be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Commit {
    /// How long a batch waits for more after the last new change; `0s` for not at all.
    #[serde(default = "default_coalesce")]
    pub coalesce: Duration,
    /// How long a batch waits at most.
    #[serde(default = "default_longest_wait")]
    pub longest_wait: Duration,
    /// When changes may be written; always, if empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    pub change_windows: Vec<Window>,
    /// When nothing may be written, window or not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    pub freezes: Vec<Freeze>,
    /// The most DNS names that one commit changes; the others wait for the next.
    #[serde(default = "default_max_changes")]
    #[schemars(range(min = 1, max = 6000))]
    pub max_changes: u16,
    /// The most DNS names that are removed at once. If more are due, none goes until a person lists it in
    /// `approvedRemovals`.
    #[serde(default = "default_max_removals")]
    #[schemars(range(max = 6000))]
    pub max_removals: u16,
}

const fn default_coalesce() -> Duration {
    Duration::from_secs(2)
}

const fn default_longest_wait() -> Duration {
    Duration::from_secs(15)
}

const fn default_max_changes() -> u16 {
    2000
}

const fn default_max_removals() -> u16 {
    50
}

impl Default for Commit {
    fn default() -> Self {
        Self {
            coalesce: default_coalesce(),
            longest_wait: default_longest_wait(),
            change_windows: Vec::new(),
            freezes: Vec::new(),
            max_changes: default_max_changes(),
            max_removals: default_max_removals(),
        }
    }
}

/// A time of day, in UTC, on some days. One that ends before it begins ends on the next day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Window {
    /// The days on which it begins.
    #[schemars(length(min = 1, max = 7))]
    pub days: Vec<DayOfWeek>,
    /// When it begins: `22:00`, UTC.
    #[schemars(regex(pattern = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"))]
    pub start: String,
    /// When it ends: `05:30`, UTC. The same as `start` means a whole day.
    #[schemars(regex(pattern = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"))]
    pub end: String,
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs, reason = "days need no words")]
pub enum DayOfWeek {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

/// A time in which nothing is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Freeze {
    /// When it begins.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub from: Timestamp,
    /// When it ends.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub until: Timestamp,
    /// Why, for those who wait.
    #[schemars(length(min = 1, max = 200))]
    pub reason: String,
}

/// How Panorama's configuration goes to its firewalls. A push ships all that Panorama runs for the group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Push {
    /// Whether what other administrators committed and did not push yet may go along.
    #[serde(default)]
    pub ship_others: bool,
}

/// How we notice what others changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Drift {
    /// Between two looks at the firewall while nothing is to be done.
    #[serde(default = "default_period")]
    pub period: Duration,
}

const fn default_period() -> Duration {
    Duration::from_secs(600)
}

impl Default for Drift {
    fn default() -> Self {
        Self { period: default_period() }
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
