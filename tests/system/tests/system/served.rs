//! What this cluster serves decides which tests run on it. One that needs more is told as not run, and never as passed.

use anyhow::Result;
use ground::Ground;

/// A kind of object that not every version of Kubernetes serves: its group with the version, and its plural.
#[derive(Clone, Copy)]
pub(crate) struct Kind(pub(crate) &'static str, pub(crate) &'static str);

/// The pods' own requests for certificates.
pub(crate) const POD_CERTIFICATES: Kind = Kind("certificates.k8s.io/v1", "podcertificaterequests");
/// Roots as objects of the cluster.
pub(crate) const TRUST_BUNDLES: Kind = Kind("certificates.k8s.io/v1", "clustertrustbundles");

impl Kind {
    /// Whether this cluster serves it.
    pub(crate) async fn served(self, ground: &Ground) -> Result<bool> {
        ground.cluster.serves(self.0, self.1).await
    }
}

/// On which clusters a test runs.
#[derive(Clone, Copy)]
pub(crate) enum Where {
    /// On all.
    All,
    /// On those that serve this.
    Served(Kind),
    /// On those that do not.
    NotServed(Kind),
}

impl Where {
    /// Why a test is not run on this cluster; none if it is.
    pub(crate) async fn left_out(self, ground: &Ground) -> Result<Option<String>> {
        let (kind, wanted) = match self {
            Self::All => return Ok(None),
            Self::Served(kind) => (kind, true),
            Self::NotServed(kind) => (kind, false),
        };
        let served = kind.served(ground).await?;
        let Kind(version, plural) = kind;
        let is = if served { "served here" } else { "not served here" };
        Ok((served != wanted).then(|| format!("{is}: {plural} of {version}")))
    }
}
