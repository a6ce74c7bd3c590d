//! How bytes go to AWS: over TLS always, through the proxy of the environment, and without TLS only to the agent on
//! this node that hands out credentials.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
};

use aws_sdk_acmpca::config::{HttpClient, RuntimeComponents, SharedHttpClient};
use aws_smithy_http_client::{
    Connector,
    proxy::ProxyConfig,
    tls::{Provider, TlsContext, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::{
    http::{HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector},
    orchestrator::HttpRequest,
    result::ConnectorError,
};
use http::{Method, Uri};

/// One client for all that is asked of AWS: Private CA, STS, and whoever hands out credentials.
pub(super) fn client(tls: TlsContext) -> SharedHttpClient {
    SharedHttpClient::new(Wire { tls, connectors: Mutex::default() })
}

/// Connectors by their settings: a caller with other timeouts has connections of its own.
#[derive(Debug)]
struct Wire {
    tls: TlsContext,
    connectors: Mutex<HashMap<String, SharedHttpConnector>>,
}

impl HttpClient for Wire {
    fn http_connector(&self, settings: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        let timeouts = format!("{:?} {:?}", settings.connect_timeout(), settings.read_timeout());
        let mut connectors = self.connectors.lock().unwrap_or_else(PoisonError::into_inner);
        let connector = connectors.entry(timeouts).or_insert_with(|| {
            let connector = Connector::builder()
                .connector_settings(settings.clone())
                .proxy_config(ProxyConfig::from_env())
                .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
                .tls_context(self.tls.clone());
            SharedHttpConnector::new(Guarded(connector.build()))
        });
        connector.clone()
    }
}

/// Refuses to speak without TLS, wherever the endpoint came from.
#[derive(Debug)]
struct Guarded(Connector);

#[derive(Debug, thiserror::Error)]
#[error("the endpoint {0} is not https: AWS is asked over TLS only")]
struct NotHttps(String);

impl HttpConnector for Guarded {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        if may_go(request.method(), request.uri()) {
            return self.0.call(request);
        }
        let refusal = NotHttps(request.uri().to_owned());
        HttpConnectorFuture::ready(Err(ConnectorError::user(refusal.into())))
    }
}

/// EKS Pod Identity's agent, and that of ECS, are asked without TLS, by a `GET` to an address that leads nowhere but to this node
/// (<https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html>). Every call that is worth a
/// certificate or a session is a `POST`.
fn may_go(method: &str, uri: &str) -> bool {
    let Ok(uri) = uri.parse::<Uri>() else { return false };
    match uri.scheme_str() {
        Some("https") => true,
        Some("http") => method == Method::GET && uri.host().is_some_and(of_this_node),
        Some(_) | None => false,
    }
}

fn of_this_node(host: &str) -> bool {
    match host.trim_matches(['[', ']']).parse() {
        Ok(IpAddr::V4(address)) => address.is_loopback() || address.is_link_local(),
        // fd00:ec2::/32 is what AWS calls its link-local addresses in IPv6.
        Ok(IpAddr::V6(address)) => address.is_loopback() || address.segments().starts_with(&[0xfd00, 0x0ec2]),
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn law_11_without_tls_only_the_agent_on_this_node_is_asked() {
        for (method, uri, goes) in [
            ("POST", "https://acm-pca.eu-central-1.amazonaws.com/", true),
            ("GET", "http://169.254.170.23/v1/credentials", true),
            ("GET", "http://[fd00:ec2::23]/v1/credentials", true),
            ("GET", "http://127.0.0.1:8080/credentials", true),
            ("POST", "http://127.0.0.1:8080/", false),
            ("POST", "http://169.254.170.23/", false),
            ("POST", "http://sts.eu-central-1.amazonaws.com/", false),
            ("GET", "http://10.0.0.1/credentials", false),
            ("GET", "http://localhost/credentials", false),
            ("GET", "http://[fd00:ec3::23]/v1/credentials", false),
            ("GET", "ftp://127.0.0.1/", false),
            ("GET", "/credentials", false),
        ] {
            assert_eq!(may_go(method, uri), goes, "{method} {uri}");
        }
    }
}
