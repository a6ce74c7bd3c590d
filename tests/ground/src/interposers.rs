//! The proxies of a ground whose programs are to be stopped, or held up, at a chosen call.

use std::{net::SocketAddr, path::Path};

use anyhow::{Context as _, Result};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;

use crate::{
    accounts::Route,
    control_plane::ControlPlane,
    interposer::{Interposer, ServerIdentity, call::FarSide},
    pca::PcaSim,
    programs::Aws,
    wait,
};

const SYSTEM: &str = "sallyport-system";

/// The proxies between the programs and what they call. A team's firewall has one of its own.
pub struct Interposers {
    /// Between cert-agent and the API server.
    pub cert_agent: Interposer,
    /// Between policy-sync and the API server.
    pub policy_sync: Interposer,
    /// Between cert-agent and AWS Private CA.
    pub authority: Interposer,
}

impl Interposers {
    pub(crate) async fn start(cluster: &ControlPlane, pca: &PcaSim) -> Result<Self> {
        let ca = String::from_utf8(STANDARD.decode(&cluster.ca_data)?)?;
        let api: SocketAddr = cluster.server.trim_start_matches("https://").parse()?;
        let endpoint: SocketAddr =
            pca.endpoint.trim_start_matches("https://").trim_end_matches('/').parse()?;
        let endpoint_ca = std::fs::read_to_string(&pca.ca_file)?;
        Ok(Self {
            cert_agent: Interposer::start(FarSide::ApiServer, api, &ca).await?,
            policy_sync: Interposer::start(FarSide::ApiServer, api, &ca).await?,
            authority: Interposer::start(FarSide::Authority, endpoint, &endpoint_ca).await?,
        })
    }

    /// The way to AWS through the proxy.
    pub(crate) fn aws(&self, folder: &Path) -> Result<Aws> {
        let ca_file = folder.join("authority-interposer.ca.pem");
        std::fs::write(&ca_file, &self.authority.ca_pem)?;
        Ok(Aws { endpoint: format!("https://{}", self.authority.address), ca_file })
    }
}

impl Interposer {
    /// The way to the API server through this proxy.
    pub(crate) fn route(&self) -> Route {
        Route { server: format!("https://{}", self.address), ca_data: STANDARD.encode(&self.ca_pem) }
    }
}

/// The proxy between the API server and the webhook. The API server trusts what cert-agent made, so the
/// proxy shows the webhook's own certificate.
pub(crate) async fn before_the_webhook(cluster: &ControlPlane, webhook: SocketAddr) -> Result<Interposer> {
    let secret = wait::until("the webhook's serving certificate", wait::GENEROUS, || {
        cluster.kubectl.get(&["secret", "sallyport-webhook-tls", "-n", SYSTEM])
    })
    .await?;
    let identity = ServerIdentity {
        chain: part(&secret, "tls.crt")?,
        key: part(&secret, "tls.key")?,
        ca_pem: part(&secret, "ca.crt")?,
    };
    let ca = identity.ca_pem.clone();
    Interposer::start_as(FarSide::Webhook, webhook, &ca, identity).await
}

fn part(secret: &Value, key: &str) -> Result<String> {
    let text = secret["data"][key].as_str().with_context(|| format!("the Secret has no {key}"))?;
    Ok(String::from_utf8(STANDARD.decode(text)?)?)
}
