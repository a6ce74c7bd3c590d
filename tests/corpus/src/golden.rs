//! What an answer of the webhook looks like in a file.

use json_patch::PatchOperation;
use sallyport_webhook::{
    judge::{Judged, Outcome},
    review::Ruling,
};
use serde::{Deserialize, Serialize};

/// What comes out: a patch, `untouched`, `leftOut` (with a patch if it has to be cleaned) or `refused`.
#[derive(Clone, Deserialize, Serialize, PartialEq, Debug, Default)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Golden {
    /// What is changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub patch: Vec<PatchOperation>,
    /// It is none of ours.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub untouched: bool,
    /// It asked to be left out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub left_out: bool,
    /// The refusal, with a line end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// What people are warned of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

impl From<&Judged> for Golden {
    fn from(judged: &Judged) -> Self {
        let mut golden = Self { warnings: judged.answer.warnings.clone(), ..Self::default() };
        match &judged.answer.ruling {
            Ruling::Allowed(patch) => golden.patch = patch.operations().to_vec(),
            Ruling::Denied { message, .. } => golden.refused = Some(format!("{message}\n")),
        }
        golden.untouched = judged.outcome == Outcome::Untouched;
        golden.left_out = judged.outcome == Outcome::LeftOut;
        golden
    }
}
