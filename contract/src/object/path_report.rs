//! `PathReport`: what one path probe met in its last round.

use jiff::Timestamp;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What one path probe met. Written by the probes in the namespace `sallyport-path-proof`, and believed in one thing
/// alone: the condition `PathProven` of its `Firewall`. No gate depends on it.
#[derive(CustomResource, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "sallyport.dev",
    version = "v1alpha1",
    kind = "PathReport",
    doc = "What one path probe met in its last round. Written by Sallyport's path probes.",
    plural = "pathreports",
    namespaced,
    shortname = "pathr",
    category = "sallyport",
    printcolumn = r#"{"name":"Firewall","type":"string","jsonPath":".spec.firewall"}"#,
    printcolumn = r#"{"name":"Address","type":"string","jsonPath":".spec.address"}"#,
    printcolumn = r#"{"name":"Round","type":"date","jsonPath":".spec.at"}"#,
    printcolumn = r#"{"name":"Canary","type":"string","jsonPath":".spec.met[*].canary"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct PathReportSpec {
    /// The `Firewall` that its sessions should cross.
    #[schemars(length(min = 1, max = 253))]
    pub firewall: String,
    /// The probe's own address.
    #[schemars(length(min = 1, max = 45))]
    pub address: String,
    /// When the round began.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub at: Timestamp,
    /// What it met at other probes.
    #[serde(default)]
    #[schemars(length(max = 64))]
    pub met: Vec<Met>,
}

/// What two sessions to another probe came to, one under each name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Met {
    /// The other probe's address.
    #[schemars(length(min = 1, max = 45))]
    pub address: String,
    /// Under the name that the firewall allows.
    pub control: PathOutcome,
    /// Under the name that the firewall denies.
    pub canary: PathOutcome,
}

/// What became of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum PathOutcome {
    /// The other probe answered.
    Answered,
    /// It was reset once it had said its name.
    Reset,
    /// Nothing came back.
    Silent,
    /// There was no connection.
    NoConnection,
    /// Somebody else answered, or ended the session without a word.
    Strange,
}

impl PathOutcome {
    /// As a person reads it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "was answered",
            Self::Reset => "was reset",
            Self::Silent => "got no answer",
            Self::NoConnection => "found no connection",
            Self::Strange => "was ended by somebody else",
        }
    }
}
