//! A kubeconfig for a service account: programs run under their own rights, never the administrator's.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use k8s_openapi::api::{
    authentication::v1::{TokenRequest, TokenRequestSpec},
    core::v1::ServiceAccount,
};
use kube::{Api, api::PostParams};
use serde_json::json;

use crate::control_plane::ControlPlane;

const A_DAY: i64 = 24 * 3600;

/// Writes a kubeconfig with a fresh token of `namespace/account` into `folder`.
pub(crate) async fn kubeconfig(
    cluster: &ControlPlane,
    namespace: &str,
    account: &str,
    folder: &Path,
) -> Result<PathBuf> {
    let accounts: Api<ServiceAccount> = Api::namespaced(cluster.client.clone(), namespace);
    let spec = TokenRequestSpec { expiration_seconds: Some(A_DAY), ..TokenRequestSpec::default() };
    let request = TokenRequest { spec: Some(spec), ..TokenRequest::default() };
    let token = accounts.create_token_request(account, &PostParams::default(), &request).await?;
    let token = token.status.context("the API server gave no token")?.token;
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "ground",
        "clusters": [{"name": "ground", "cluster": {"server": cluster.server, "certificate-authority-data": cluster.ca_data}}],
        "users": [{"name": account, "user": {"token": token}}],
        "contexts": [{"name": "ground", "context": {"cluster": "ground", "user": account, "namespace": namespace}}],
    });
    let file = folder.join(format!("{account}.kubeconfig"));
    write_private(&file, &config.to_string())?;
    Ok(file)
}

fn write_private(file: &Path, text: &str) -> Result<()> {
    use std::{io::Write as _, os::unix::fs::OpenOptionsExt as _};
    let mut options = std::fs::OpenOptions::new();
    let mut open = options.write(true).create(true).truncate(true).mode(0o600).open(file)?;
    open.write_all(text.as_bytes())?;
    Ok(())
}
