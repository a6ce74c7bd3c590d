//! Conditions as Kubernetes has them, with reasons from the closed list.

use jiff::Timestamp;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::reason::Reason;

/// One condition of an object, in the shape that Kubernetes tools expect:
/// <https://github.com/kubernetes/community/blob/master/contributors/devel/sig-architecture/api-conventions.md#typical-status-properties>.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// What is judged.
    #[serde(rename = "type")]
    pub kind: String,
    /// The judgement.
    pub status: ConditionStatus,
    /// A code of the closed list.
    pub reason: String,
    /// For people: what, why, and the far side's own words.
    pub message: String,
    /// When the status last changed.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub last_transition_time: Timestamp,
    /// The object's generation that was judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
}

/// The judgement of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum ConditionStatus {
    /// Holds.
    True,
    /// Does not hold.
    False,
    /// Not known.
    Unknown,
}

impl ConditionStatus {
    /// The status as Kubernetes writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

impl From<bool> for ConditionStatus {
    fn from(holds: bool) -> Self {
        if holds { Self::True } else { Self::False }
    }
}

/// The condition to store after `previous`: its transition time stays while the status does.
#[must_use]
pub fn set_condition(
    previous: &[Condition],
    kind: &str,
    status: ConditionStatus,
    reason: Reason,
    message: impl Into<String>,
    generation: Option<i64>,
    now: Timestamp,
) -> Condition {
    let since =
        previous.iter().find(|c| c.kind == kind && c.status == status).map(|c| c.last_transition_time);
    Condition {
        kind: kind.to_owned(),
        status,
        reason: reason.code().to_owned(),
        message: message.into(),
        last_transition_time: since.unwrap_or(now),
        observed_generation: generation,
    }
}
