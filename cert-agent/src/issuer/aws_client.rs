//! Whom AWS Private CA is asked as: one client for each Region and role, one attempt for each call.

use std::{collections::HashMap, path::PathBuf, str::FromStr, time::Duration};

use aws_config::{
    BehaviorVersion, Region, SdkConfig, retry::RetryConfig, sts::AssumeRoleProvider, timeout::TimeoutConfig,
};
use aws_sdk_acmpca::{
    Client,
    config::{SharedCredentialsProvider, SharedHttpClient},
};
use aws_smithy_http_client::tls::{TlsContext, TrustStore};
use tokio::sync::Mutex;

use super::aws_wire;

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
    /// Under which name a role is assumed.
    pub session_name: SessionName,
}

/// The name of a session under an assumed role: what CloudTrail and the far account see of us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionName(String);

impl Default for SessionName {
    fn default() -> Self {
        Self("sallyport-cert-agent".to_owned())
    }
}

impl FromStr for SessionName {
    type Err = String;

    /// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
        if (2..=64).contains(&text.len()) && text.chars().all(known) {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!(
                "{text:?} is no name for a session: AWS takes 2 to 64 letters, digits and any of _+=,.@-"
            ))
        }
    }
}

impl std::fmt::Display for SessionName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where a CA is asked, and as whom.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Access {
    /// The CA's Region.
    pub region: String,
    /// A role to assume first; without one we ask with our own credentials.
    pub role: Option<Role>,
}

/// An IAM role.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Role {
    /// Its ARN.
    pub arn: String,
    /// What its trust policy wants to hear besides.
    pub external_id: Option<String>,
}

/// The clients, made when they are first needed.
pub struct Clients {
    way: Way,
    made: Mutex<HashMap<Access, Client>>,
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
        Self { way, made: Mutex::default() }
    }

    /// With one client that was made elsewhere.
    #[must_use]
    pub fn with(access: Access, client: Client) -> Self {
        Self { way: Way::default(), made: Mutex::new(HashMap::from([(access, client)])) }
    }

    /// The client for an access.
    ///
    /// # Errors
    /// The CA bundle cannot be used.
    pub async fn get(&self, access: &Access) -> Result<Client, ClientError> {
        let mut made = self.made.lock().await;
        if let Some(client) = made.get(access) {
            return Ok(client.clone());
        }
        let client = self.connect(access).await?;
        made.insert(access.clone(), client.clone());
        Ok(client)
    }

    /// Drops the client for an access, and with it the credentials that it keeps: the next one fetches new ones. The SDK itself
    /// fetches credentials anew only when their own time is over, whatever AWS says about them before.
    pub async fn forget(&self, access: &Access) {
        self.made.lock().await.remove(access);
    }

    async fn connect(&self, access: &Access) -> Result<Client, ClientError> {
        Ok(Client::new(&self.settings(access).await?))
    }

    /// What every client of an access has in common: who asks, and by what the far side is trusted.
    ///
    /// # Errors
    /// The CA bundle cannot be used.
    pub(super) async fn settings(&self, access: &Access) -> Result<SdkConfig, ClientError> {
        let shared = self.shared(&access.region).await?;
        let Some(role) = &access.role else { return Ok(shared) };
        let credentials = self.assumed(role, &shared).await;
        Ok(shared.into_builder().credentials_provider(credentials).build())
    }

    /// The settings of the environment for a Region: FIPS and endpoints too
    /// (<https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html>).
    async fn shared(&self, region: &str) -> Result<SdkConfig, ClientError> {
        let timeouts =
            TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT).operation_timeout(OPERATION).build();
        let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
            .region(Region::new(region.to_owned()))
            // Every attempt passes the governor; the SDK's repetitions would go around it.
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts)
            .http_client(self.http().await?);
        if let Some(endpoint) = &self.way.endpoint {
            loader = loader.endpoint_url(endpoint);
        }
        if let Some(credentials) = &self.way.credentials {
            loader = loader.credentials_provider(credentials.clone());
        }
        Ok(loader.load().await)
    }

    /// The role's credentials, from STS in the CA's own Region, and fetched anew shortly before they end.
    async fn assumed(&self, role: &Role, shared: &SdkConfig) -> SharedCredentialsProvider {
        let mut provider = AssumeRoleProvider::builder(&role.arn)
            .configure(shared)
            .session_name(self.way.session_name.to_string());
        if let Some(id) = &role.external_id {
            provider = provider.external_id(id);
        }
        SharedCredentialsProvider::new(provider.build().await)
    }

    async fn http(&self) -> Result<SharedHttpClient, ClientError> {
        let Some(path) = &self.way.ca_bundle else {
            return Ok(aws_wire::client(TlsContext::default()));
        };
        let pem = tokio::fs::read(path)
            .await
            .map_err(|source| ClientError::Bundle { path: path.clone(), source })?;
        let tls = TlsContext::builder()
            .with_trust_store(TrustStore::empty().with_pem_certificate(pem))
            .build()
            .map_err(|error| ClientError::Trust { path: path.clone(), why: error.to_string() })?;
        Ok(aws_wire::client(tls))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_has_a_name_that_aws_takes() {
        for (text, taken) in [
            ("sallyport-cert-agent", true),
            ("prod-eu-1@sallyport", true),
            ("a", false),
            ("two words", false),
            ("ü", false),
        ] {
            assert_eq!(text.parse::<SessionName>().is_ok(), taken, "{text}");
        }
        assert!("x".repeat(65).parse::<SessionName>().is_err());
        let default = SessionName::default().to_string();
        assert!(default.parse::<SessionName>().is_ok(), "{default}");
    }
}
