//! A stand-in for AWS Private CA, our issuer in front of it, and the whole way of one request.

use std::{io::Write as _, sync::Arc, time::Duration};

use aws_sdk_acmpca::config::{BehaviorVersion, Credentials, Region, SharedCredentialsProvider};
use jiff::Timestamp;
use pca_sim::{IssueDelay, Options, Running, Simulator};
use sallyport_cert_agent::{
    chain::{self, Expected, VerifiedLeaf, Wrong},
    issuer::{
        Described, Fetched, IssueError, Issuer as _,
        aws_client::{Clients, Way},
        aws_pca::{Arn, AwsPca, Pace},
    },
    key::PrivateKey,
    request::{Limits, Request, Terms},
};
use sallyport_contract::{DnsNames, object::Usage};
use sallyport_process::clock::Clock;

/// An authority and our issuer for it.
pub(crate) struct Desk {
    pub(crate) running: Running,
    pub(crate) issuer: AwsPca,
    bundle: tempfile::NamedTempFile,
}

/// Why nothing was obtained.
#[derive(Debug)]
pub(crate) enum Obtained {
    Failed(IssueError),
    Wrong(Wrong),
}

fn credentials() -> SharedCredentialsProvider {
    SharedCredentialsProvider::new(Credentials::new("test", "test", None, None, "test"))
}

fn now() -> Timestamp {
    Clock::system().now()
}

fn pace() -> Arc<Pace> {
    Arc::new(Pace::new(std::time::Instant::now()))
}

impl Desk {
    pub(crate) async fn start(options: Options) -> Self {
        let issue_delay = IssueDelay { base: Duration::from_millis(50), jitter: Duration::ZERO };
        let running = Simulator::start(Options { issue_delay, ..options }).await.unwrap();
        let mut bundle = tempfile::NamedTempFile::new().unwrap();
        bundle.write_all(running.tls_ca_pem.as_bytes()).unwrap();
        let way = Way {
            ca_bundle: Some(bundle.path().to_owned()),
            endpoint: Some(running.endpoint.clone()),
            credentials: Some(credentials()),
        };
        let client = Clients::new(way).get(&running.region).await.unwrap();
        let issuer = AwsPca::new(client, Arn::read(&running.ca_arn).unwrap(), None, pace());
        Self { running, issuer, bundle }
    }

    /// moto has no TLS, so its client is not one of ours.
    pub(crate) async fn moto(moto: &pca_sim::moto::Moto) -> Self {
        let mut desk = Self::start(Options::default()).await;
        let config = aws_sdk_acmpca::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .endpoint_url(&moto.endpoint)
            .region(Region::new("eu-central-1"))
            .credentials_provider(credentials())
            .build();
        let client = aws_sdk_acmpca::Client::from_conf(config);
        desk.issuer = AwsPca::new(client, Arn::read(&moto.ca_arn).unwrap(), None, pace());
        desk
    }

    /// Our issuer at another endpoint, trusting only the bundle given or the public CAs.
    pub(crate) async fn issuer_at(&self, endpoint: &str, bundle: Option<&std::path::Path>) -> AwsPca {
        let way = Way {
            ca_bundle: bundle.map(Into::into),
            endpoint: Some(endpoint.to_owned()),
            credentials: Some(credentials()),
        };
        let client = Clients::new(way).get(&self.running.region).await.unwrap();
        AwsPca::new(client, Arn::read(&self.running.ca_arn).unwrap(), None, pace())
    }

    /// Our issuer with a limit on templates.
    pub(crate) async fn issuer_with(&self, allowed: Option<Vec<String>>) -> AwsPca {
        let way = Way {
            ca_bundle: Some(self.bundle.path().to_owned()),
            endpoint: Some(self.running.endpoint.clone()),
            credentials: Some(credentials()),
        };
        let client = Clients::new(way).get(&self.running.region).await.unwrap();
        AwsPca::new(client, Arn::read(&self.running.ca_arn).unwrap(), allowed, pace())
    }

    pub(crate) async fn described(&self) -> Described {
        self.issuer.describe().await.unwrap()
    }

    pub(crate) async fn request(&self, usages: &[Usage]) -> Request {
        let described = self.described().await;
        let terms = Terms {
            authority: "corp".to_owned(),
            issuer: self.issuer.id().to_owned(),
            dns_names: DnsNames::new(
                ["web.shop.corp.example", "api.shop.corp.example"].map(|name| name.parse().unwrap()),
            )
            .unwrap(),
            usages: usages.to_vec(),
            lifetime: 144 * 3600,
        };
        let limits = Limits { authority_ends: described.not_after, longest: described.longest };
        Request::new(&PrivateKey::generate().unwrap(), &terms, limits, 1, now()).unwrap()
    }

    /// The whole way: ask, poll, judge.
    pub(crate) async fn obtain(&self, request: &Request) -> Result<VerifiedLeaf, Obtained> {
        let described = self.described().await;
        let ticket = self.issuer.issue(request, &described).await.map_err(Obtained::Failed)?;
        for _ in 0..200 {
            match self.issuer.fetch(request, &ticket).await.map_err(Obtained::Failed)? {
                Fetched::Pending => tokio::time::sleep(Duration::from_millis(20)).await,
                Fetched::Ready { leaf, chain } => {
                    let judged = self.judge(request, &described, &leaf, chain.as_deref());
                    return judged.map_err(Obtained::Wrong);
                }
            }
        }
        Err(Obtained::Failed(IssueError::Unavailable("never ready".to_owned())))
    }

    #[expect(clippy::unused_self, reason = "read beside obtain")]
    pub(crate) fn judge(
        &self,
        request: &Request,
        described: &Described,
        leaf: &str,
        chain: Option<&str>,
    ) -> Result<VerifiedLeaf, Wrong> {
        let expected = Expected {
            public_key: &request.public_key,
            dns_names: &request.dns_names,
            usages: &request.usages,
            not_after: request.not_after,
        };
        chain::verify(leaf, chain, &expected, &described.path, now())
    }
}
