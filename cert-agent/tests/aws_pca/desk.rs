//! A stand-in for AWS Private CA, our issuer in front of it, and the whole way of one request with all its fates.

use std::{io::Write as _, sync::Arc, time::Duration};

use aws_sdk_acmpca::config::{BehaviorVersion, Credentials, Region, SharedCredentialsProvider};
use jiff::Timestamp;
use pca_sim::{Action, Fault, IssueDelay, Operation, Options, Running, Simulator};
use sallyport_cert_agent::{
    chain::{self, Expected, VerifiedLeaf, Wrong},
    fate::{self, Fate},
    issuer::{
        Caller, Class, Described, Fetched, Issuer as _,
        aws_client::{Access, Clients, Way},
        aws_pca::{Arn, AwsPca},
        governor::{gate::Governor, rates::Rates},
    },
    key::PrivateKey,
    metrics::GovernorMetrics,
    request::{Limits, Request, Terms},
};
use sallyport_contract::{
    DnsNames,
    object::{KeyKind, Usage},
};
use sallyport_process::clock::Clock;

/// An authority and our issuer for it.
pub(crate) struct Desk {
    pub(crate) running: Running,
    pub(crate) issuer: AwsPca,
    bundle: tempfile::NamedTempFile,
}

/// What became of a request: the fate of each error on its way, and its end.
#[derive(Debug)]
pub(crate) struct Journey {
    /// The reason of each repetition, or `refused`, or `refused, billed`.
    pub(crate) fates: Vec<String>,
    pub(crate) end: End,
}

/// How a request ended.
#[derive(Debug)]
pub(crate) enum End {
    Verified(VerifiedLeaf),
    Wrong(Wrong),
    Refused,
    /// It was followed for long enough, and would go on.
    Waiting,
}

impl Journey {
    pub(crate) fn verified(self) -> VerifiedLeaf {
        let Self { fates, end } = self;
        if let End::Verified(leaf) = end { leaf } else { panic!("{end:?} after {fates:?}") }
    }
}

/// So many errors and so many answers "in progress" are followed, and then no more.
const MOST_FATES: usize = 9;
const MOST_POLLS: u32 = 40;
/// The waits of a journey are the issuer's, so many times shorter.
const HASTE: u32 = 100;

fn credentials() -> SharedCredentialsProvider {
    SharedCredentialsProvider::new(Credentials::new("test", "test", None, None, "test"))
}

/// What [`Desk::request`] asks for, in seconds.
const LIFETIME: u32 = 144 * 3600;

pub(crate) fn now() -> Timestamp {
    Clock::system().now()
}

/// For whom a request is, where that is not what is looked at.
pub(crate) fn somebody() -> Caller {
    Caller { class: Class::New, namespace: "shop".to_owned(), name: "web".to_owned(), since: now() }
}

/// Faster than any test asks, so that what is seen is the stand-in's own pace.
fn governor() -> Arc<Governor> {
    let rates = Rates { issue: 100, get: 100, others: 100 };
    Arc::new(Governor::new(rates, "123456789012/eu-central-1".to_owned(), GovernorMetrics::default()))
}

fn asked(way: Way, ca_arn: &str, allowed: Option<Vec<String>>) -> AwsPca {
    AwsPca::new(Arc::new(Clients::new(way)), Arn::read(ca_arn).unwrap(), None, allowed, governor())
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
            ..Way::default()
        };
        let issuer = asked(way, &running.ca_arn, None);
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
        let access = Access { region: "eu-central-1".to_owned(), role: None };
        let clients = Arc::new(Clients::with(access, client));
        desk.issuer = AwsPca::new(clients, Arn::read(&moto.ca_arn).unwrap(), None, None, governor());
        desk
    }

    /// Our issuer at another endpoint, trusting only the bundle given or the public CAs.
    pub(crate) fn issuer_at(&self, endpoint: &str, bundle: Option<&std::path::Path>) -> AwsPca {
        let way = Way {
            ca_bundle: bundle.map(Into::into),
            endpoint: Some(endpoint.to_owned()),
            credentials: Some(credentials()),
            ..Way::default()
        };
        asked(way, &self.running.ca_arn, None)
    }

    /// Our issuer with a limit on templates.
    pub(crate) fn issuer_with(&self, allowed: Option<Vec<String>>) -> AwsPca {
        let way = Way {
            ca_bundle: Some(self.bundle.path().to_owned()),
            endpoint: Some(self.running.endpoint.clone()),
            credentials: Some(credentials()),
            ..Way::default()
        };
        asked(way, &self.running.ca_arn, allowed)
    }

    pub(crate) async fn described(&self) -> Described {
        self.issuer.describe().await.unwrap()
    }

    pub(crate) async fn request(&self, usages: &[Usage]) -> Request {
        self.request_with(usages, KeyKind::P256).await
    }

    pub(crate) async fn request_with(&self, usages: &[Usage], key: KeyKind) -> Request {
        let names = ["web.shop.corp.example", "api.shop.corp.example"].map(str::to_owned);
        self.asked(&names, usages, key, LIFETIME).await
    }

    /// A request for these names that is to last so many seconds.
    pub(crate) async fn request_for(&self, names: &[String], lifetime: u32) -> Request {
        self.asked(names, &[Usage::ServerAuth], KeyKind::P256, lifetime).await
    }

    async fn asked(&self, names: &[String], usages: &[Usage], key: KeyKind, lifetime: u32) -> Request {
        let described = self.described().await;
        let terms = Terms {
            authority: "corp".to_owned(),
            issuer: self.issuer.id().to_owned(),
            dns_names: DnsNames::new(names.iter().map(|name| name.parse().unwrap())).unwrap(),
            usages: usages.to_vec(),
            lifetime,
            key,
        };
        let limits = Limits { authority_ends: described.not_after, longest: described.longest };
        Request::new(&PrivateKey::generate_for(key).unwrap(), &terms, limits, 1, now()).unwrap()
    }

    /// The whole way: ask, poll, judge; and again as the fates say, always with the same request.
    pub(crate) async fn follow(&self, request: &Request) -> Journey {
        let (mut fates, mut ticket, mut polls) = (Vec::new(), None, 0);
        let end = loop {
            let tries = u32::try_from(fates.len()).unwrap();
            let (first, longest) = match self.step(request, &mut ticket).await {
                Ok(Some(end)) => break end,
                Ok(None) if polls == MOST_POLLS => break End::Waiting,
                Ok(None) => {
                    polls += 1;
                    (self.issuer.first_wait(), self.issuer.first_wait())
                }
                Err(Fate::Again { reason, first, longest }) => {
                    fates.push(format!("{reason:?}"));
                    (first, longest)
                }
                Err(Fate::Refuse { billed }) => {
                    fates.push(if billed { "refused, billed" } else { "refused" }.to_owned());
                    break End::Refused;
                }
            };
            if fates.len() == MOST_FATES {
                break End::Waiting;
            }
            tokio::time::sleep(fate::wait(first, longest, tries, 0) / HASTE).await;
        };
        Journey { fates, end }
    }

    /// One step on the way; `None`: nothing yet.
    async fn step(&self, request: &Request, ticket: &mut Option<String>) -> Result<Option<End>, Fate> {
        let described = self.issuer.describe().await.map_err(|error| fate::of_issue(&error))?;
        let arn = match ticket {
            Some(arn) => arn.clone(),
            None => {
                let issued = self.issuer.issue(&somebody(), request, &described).await;
                issued.map_err(|error| fate::of_issue(&error))?
            }
        };
        *ticket = Some(arn.clone());
        let fetched = self.issuer.fetch(&somebody(), request, &arn).await;
        match fetched.map_err(|error| fate::of_fetch(&error, Duration::ZERO))? {
            Fetched::Pending => Ok(None),
            Fetched::Ready { leaf, chain } => {
                Ok(Some(match self.judge(request, &described, &leaf, chain.as_deref()) {
                    Ok(verified) => End::Verified(verified),
                    Err(wrong) => End::Wrong(wrong),
                }))
            }
        }
    }

    /// How many certificates AWS would bill, over all tokens.
    pub(crate) fn billed(&self) -> u64 {
        self.running.counters().certificates_issued
    }

    /// Plants a fault for so many calls.
    pub(crate) fn plant(&self, operation: Operation, action: &Action, times: u32) {
        self.running.plant(Fault::new(operation, action.clone(), times)).unwrap();
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
