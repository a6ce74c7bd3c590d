//! What waits for the proof beside the readiness gate, which holds back endpoints and not containers.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a pod's containers are held back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Hold {
    /// An init container, before all others, that ends when the gate opens: for Jobs, and for programs that only call
    /// out. Where the policy does not enforce there is none.
    pub start_init: StartInit,
}

/// The init container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct StartInit {
    /// Sallyport's image, as the nodes of these namespaces can pull it.
    #[schemars(length(min = 1, max = 512))]
    #[x_kube(validation = Rule::new("self.matches('^[^[:space:]]+$')").message("an image has no white space"))]
    pub image: String,
}

/// Up to where a pod comes without proof, as a namespace's binding tells it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum HeldAt {
    /// Its containers run, and its Services do not send to it.
    #[default]
    Gate,
    /// Its containers do not start.
    StartInit,
}

impl HeldAt {
    /// What a policy asks for.
    #[must_use]
    pub const fn of(hold: Option<&Hold>) -> Self {
        if hold.is_some() { Self::StartInit } else { Self::Gate }
    }
}
