//! The way to AWS Private CA: one client for each Region, one attempt for each call, TLS always.

use std::{collections::HashMap, path::PathBuf, time::Duration};

use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};
use aws_sdk_acmpca::{
    Client,
    config::{
        ConfigBag, Intercept, RuntimeComponents, SharedCredentialsProvider,
        interceptors::BeforeTransmitInterceptorContextRef,
    },
    error::BoxError,
};
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode};
use tokio::sync::Mutex;

const ATTEMPT: Duration = Duration::from_secs(5);
const OPERATION: Duration = Duration::from_secs(10);

/// What is not left to AWS's usual settings.
#[derive(Clone, Debug, Default)]
pub struct Way {
    /// A PEM file with the only CAs that are trusted, instead of the public ones.
    pub ca_bundle: Option<PathBuf>,
    /// Another endpoint.
    pub endpoint: Option<String>,
    /// Other credentials.
    pub credentials: Option<SharedCredentialsProvider>,
}

/// The clients, made when they are first needed.
pub struct Clients {
    way: Way,
    by_region: Mutex<HashMap<String, Client>>,
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The file with CAs cannot be read.
    #[error("the CA bundle {path} cannot be read")]
    Bundle {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// What is in it is not usable.
    #[error("the CA bundle {path} holds no usable certificate: {why}")]
    Trust {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
}

impl Clients {
    /// Clients that go this way.
    #[must_use]
    pub fn new(way: Way) -> Self {
        Self { way, by_region: Mutex::default() }
    }

    /// The client for a Region.
    ///
    /// # Errors
    /// The CA bundle cannot be used.
    pub async fn get(&self, region: &str) -> Result<Client, ClientError> {
        let mut by_region = self.by_region.lock().await;
        if let Some(client) = by_region.get(region) {
            return Ok(client.clone());
        }
        let client = self.connect(region).await?;
        by_region.insert(region.to_owned(), client.clone());
        Ok(client)
    }

    async fn connect(&self, region: &str) -> Result<Client, ClientError> {
        let shared = self.settings(region).await?;
        let config = aws_sdk_acmpca::config::Builder::from(&shared).interceptor(TlsOnly).build();
        Ok(Client::from_conf(config))
    }

    /// What every client for a Region has in common: who asks, and by what the far side is trusted.
    ///
    /// # Errors
    /// The CA bundle cannot be used.
    pub(super) async fn settings(&self, region: &str) -> Result<SdkConfig, ClientError> {
        let timeouts =
            TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT).operation_timeout(OPERATION).build();
        let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
            .region(Region::new(region.to_owned()))
            // Every attempt passes the governor; the SDK's repetitions would go around it.
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts);
        if let Some(endpoint) = &self.way.endpoint {
            loader = loader.endpoint_url(endpoint);
        }
        if let Some(credentials) = &self.way.credentials {
            loader = loader.credentials_provider(credentials.clone());
        }
        if let Some(path) = &self.way.ca_bundle {
            let pem = tokio::fs::read(path)
                .await
                .map_err(|source| ClientError::Bundle { path: path.clone(), source })?;
            let trust = TrustStore::empty().with_pem_certificate(pem);
            let tls = TlsContext::builder()
                .with_trust_store(trust)
                .build()
                .map_err(|error| ClientError::Trust { path: path.clone(), why: error.to_string() })?;
            let http = aws_smithy_http_client::Builder::new()
                .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
                .tls_context(tls)
                .build_https();
            loader = loader.http_client(http);
        }
        Ok(loader.load().await)
    }
}

/// Refuses to speak without TLS, wherever the endpoint came from.
#[derive(Debug)]
struct TlsOnly;

#[derive(Debug, thiserror::Error)]
#[error("the endpoint {0} is not https: certificates are asked for over TLS only")]
struct NotHttps(String);

impl Intercept for TlsOnly {
    fn name(&self) -> &'static str {
        "TlsOnly"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let uri = context.request().uri();
        if uri.starts_with("https://") { Ok(()) } else { Err(NotHttps(uri.to_owned()).into()) }
    }
}
