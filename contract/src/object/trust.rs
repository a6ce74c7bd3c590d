//! Who is told by which roots an authority's certificates are trusted, and what is remembered of each root.

use jiff::Timestamp;
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::LabelSelector;
use crate::duration::Duration;

/// Who gets an authority's roots, and how long before they are used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Trust {
    /// The namespaces that get the ConfigMap `sallyport-trust` with the roots; an empty selector takes all but `kube-*` and
    /// `sallyport-*`. If absent, only the ClusterTrustBundle is written, where the cluster serves those.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace_selector: Option<LabelSelector>,
    /// How long a new root is published before a certificate in use is replaced by one under it. A certificate that is about
    /// to expire does not wait for that.
    #[serde(default = "overlap")]
    pub overlap: Duration,
}

const fn overlap() -> Duration {
    Duration::from_secs(24 * 3600)
}

/// A root of an authority.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct TrustRoot {
    /// SHA-256 of the certificate in lower-case hex.
    pub sha256: String,
    /// The certificate, PEM.
    #[schemars(length(max = 16384))]
    pub certificate: String,
    /// When it ends.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub not_after: Timestamp,
    /// When it was first seen.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub since: Timestamp,
    /// When it had been written to everybody who is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub published: Option<Timestamp>,
    /// When the last certificate ends that was asked for under it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub last_leaf_ends: Option<Timestamp>,
}
