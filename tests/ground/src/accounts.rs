//! A kubeconfig for a service account: programs run under their own rights, never the administrator's.

use std::path::Path;

use anyhow::Result;
use serde_json::json;

use crate::{control_plane::ControlPlane, person};

const NAMESPACE: &str = "sallyport-system";

/// A way to the API server: straight, or through a proxy.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    /// `https://127.0.0.1:PORT`.
    pub(crate) server: String,
    /// What its certificate is trusted by: PEM, base64 as in kubeconfigs.
    pub(crate) ca_data: String,
}

/// Writes a kubeconfig with a fresh token of an account of ours.
pub(crate) async fn kubeconfig(
    cluster: &ControlPlane,
    account: &str,
    route: &Route,
    file: &Path,
) -> Result<()> {
    let token = person::token(cluster, NAMESPACE, account).await?;
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "ground",
        "clusters": [{"name": "ground", "cluster": {"server": route.server, "certificate-authority-data": route.ca_data}}],
        "users": [{"name": account, "user": {"token": token}}],
        "contexts": [{"name": "ground", "context": {"cluster": "ground", "user": account, "namespace": NAMESPACE}}],
    });
    write_private(file, &config.to_string())
}

fn write_private(file: &Path, text: &str) -> Result<()> {
    use std::{io::Write as _, os::unix::fs::OpenOptionsExt as _};
    let mut options = std::fs::OpenOptions::new();
    let mut open = options.write(true).create(true).truncate(true).mode(0o600).open(file)?;
    open.write_all(text.as_bytes())?;
    Ok(())
}
