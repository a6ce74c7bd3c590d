//! Starting and stopping the stand-in in process.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use tokio::{net::TcpListener, sync::watch, task::JoinSet};

use crate::{
    authority::{Authority, AuthorityOptions, Renewal, Status},
    clock::{Clock, SystemClock},
    control,
    counters::Counters,
    endpoint_tls,
    error::AwsError,
    fault::Fault,
    ledger::Issued,
    listener, protocol,
    quota::{Buckets, Quotas},
    rules::arn::CaArn,
    service::{IssueDelay, Memory, Service},
    sessions::SessionRules,
};

/// How the stand-in is to be started. `Options::default()` is one P-256 root CA on free loopback ports.
#[derive(Clone)]
pub struct Options {
    /// Where the AWS endpoint listens.
    pub listen: SocketAddr,
    /// Where the control endpoint listens; it has no authentication: keep it on loopback.
    pub control: SocketAddr,
    /// The Region.
    pub region: String,
    /// The account, twelve digits.
    pub account: String,
    /// The CAs; the first is `Running::ca_arn`.
    pub authorities: Vec<AuthorityOptions>,
    /// How long an issuance takes.
    pub issue_delay: IssueDelay,
    /// Rate quotas; `None`: unlimited.
    pub quotas: Option<Quotas>,
    /// More names and addresses for the endpoint's TLS certificate, besides those of loopback.
    pub tls_names: Vec<String>,
    /// The time it lives in.
    pub clock: Arc<dyn Clock>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            control: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            region: "eu-central-1".to_owned(),
            account: "123456789012".to_owned(),
            authorities: vec![AuthorityOptions::default()],
            issue_delay: IssueDelay { base: Duration::from_millis(200), jitter: Duration::ZERO },
            quotas: None,
            tls_names: Vec::new(),
            clock: Arc::new(SystemClock),
        }
    }
}

/// Why the stand-in did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No CA was asked for.
    #[error("the stand-in needs at least one CA")]
    NoAuthority,
    /// The ARN that follows from the options is not one.
    #[error("'{0}' is no CA ARN: check Region, account and id")]
    Arn(String),
    /// Two CAs have the same ARN.
    #[error("two CAs have the ARN {0}")]
    Twice(CaArn),
    /// A CA could not be made.
    #[error("a CA could not be made")]
    Authority(#[source] rcgen::Error),
    /// The endpoint has no TLS.
    #[error("the endpoint has no TLS")]
    Tls(#[source] endpoint_tls::TlsError),
    /// A port could not be bound.
    #[error("could not listen on {address}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
}

/// The stand-in.
pub struct Simulator;

impl Simulator {
    /// Makes the CAs, binds both endpoints and serves them until [`Running::stop`] or the end of [`Running`].
    ///
    /// # Errors
    /// When the options contradict themselves, or a port is taken.
    pub async fn start(options: Options) -> Result<Running, StartError> {
        let authorities = authorities(&options)?;
        let first = authorities.first().ok_or(StartError::NoAuthority)?;
        let (ca_arn, root_pem, chain_pem) =
            (first.arn.clone(), newline(first.root()), newline(&first.chain()));
        let ca_arns = authorities.iter().map(|ca| ca.arn.to_string()).collect();
        let names =
            ["localhost", "127.0.0.1", "::1"].map(str::to_owned).into_iter().chain(options.tls_names.clone());
        let (acceptor, tls_ca_pem) =
            endpoint_tls::acceptor(&names.collect::<Vec<_>>()).map_err(StartError::Tls)?;
        let (listener, endpoint) = bind(options.listen).await?;
        let (control_listener, control) = bind(options.control).await?;

        let mut by_arn = BTreeMap::new();
        for authority in authorities {
            if let Some(twin) = by_arn.insert(authority.arn.clone(), authority) {
                return Err(StartError::Twice(twin.arn));
            }
        }
        let memory = Memory::new(by_arn, options.quotas, options.issue_delay);
        let service = Arc::new(Service::new(&options.region, &options.account, options.clock, memory));
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        let aws = protocol::router(Arc::clone(&service));
        let reachable = service.reachable.subscribe();
        tasks.spawn(listener::serve(listener, Some(acceptor), aws, reachable, stopped.clone()));
        let tests = control::router(Arc::clone(&service));
        let (_, always) = watch::channel(true);
        tasks.spawn(listener::serve(control_listener, None, tests, always, stopped));
        Ok(Running {
            endpoint: format!("https://{endpoint}"),
            control: format!("http://{control}"),
            region: options.region,
            ca_arn: ca_arn.to_string(),
            ca_arns,
            tls_ca_pem,
            root_pem,
            chain_pem,
            service,
            stop,
            tasks,
        })
    }
}

/// A stand-in that is serving.
pub struct Running {
    /// The AWS endpoint, `https://127.0.0.1:<port>`.
    pub endpoint: String,
    /// The control endpoint, `http://127.0.0.1:<port>`.
    pub control: String,
    /// The Region to sign for.
    pub region: String,
    /// The ARN of the first CA.
    pub ca_arn: String,
    /// The ARNs of all CAs.
    pub ca_arns: Vec<String>,
    /// What a client has to trust to reach the endpoint.
    pub tls_ca_pem: String,
    /// The root of the first CA's chains.
    pub root_pem: String,
    /// The first CA's chain, issuer first.
    pub chain_pem: String,
    service: Arc<Service>,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Running {
    /// Plants a fault, as `POST /faults` does.
    ///
    /// # Errors
    /// When the action does not fit the operation.
    pub fn plant(&self, fault: Fault) -> Result<(), String> {
        self.service.memory().faults.plant(fault)
    }

    /// How many faults are still to strike.
    pub fn faults_left(&self) -> usize {
        self.service.memory().faults.pending().count()
    }

    /// Removes all faults.
    pub fn clear_faults(&self) {
        self.service.memory().faults.clear();
    }

    /// What happened so far.
    pub fn counters(&self) -> Counters {
        self.service.memory().counters.clone()
    }

    /// All issued certificates, oldest first.
    pub fn issued(&self) -> Vec<Issued> {
        self.service.memory().ledger.list()
    }

    /// Changes how long the next issuances take.
    pub fn set_issue_delay(&self, base: Duration) {
        self.service.memory().issue_delay = IssueDelay { base, jitter: Duration::ZERO };
    }

    /// Changes the rate quotas; their buckets are full again.
    pub fn set_quotas(&self, quotas: Option<Quotas>) {
        self.service.memory().buckets = Buckets::new(quotas);
    }

    /// Takes the AWS endpoint off the network, or brings it back; the control endpoint stays.
    pub fn set_reachable(&self, reachable: bool) {
        self.service.reachable.send_replace(reachable);
    }

    /// Changes how the next credentials are handed out.
    pub fn set_session_rules(&self, rules: SessionRules) {
        self.service.memory().sessions.rules = rules;
    }

    /// What nobody may ever read in a log: the secret keys and tokens of all credentials that were handed out.
    pub fn secrets(&self) -> Vec<String> {
        self.service.memory().sessions.secrets()
    }

    /// Ends all credentials that were handed out so far.
    pub fn end_sessions(&self) {
        let now = self.service.now();
        self.service.memory().sessions.end_all(now);
    }

    /// Changes the state of a CA.
    ///
    /// # Errors
    /// When there is no such CA.
    pub fn set_status(&self, ca_arn: &str, status: Status) -> Result<(), AwsError> {
        self.service.set_status(&CaArn::parse(ca_arn)?, status)
    }

    /// Makes the root of a CA anew; tells it, PEM.
    ///
    /// # Errors
    /// When there is no such CA.
    pub fn renew(&self, ca_arn: &str, how: Renewal) -> Result<String, AwsError> {
        self.service.renew(&CaArn::parse(ca_arn)?, how).map(|root| newline(&root))
    }

    /// Stops both endpoints; calls in flight have two seconds to end.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended {
                tracing::warn!(%error, "an endpoint did not end well");
            }
        }
    }
}

fn authorities(options: &Options) -> Result<Vec<Authority>, StartError> {
    let now = options.clock.now();
    let make = |wanted: &AuthorityOptions| {
        let id = wanted.id.clone().unwrap_or_else(|| protocol::uuid(rand::random()));
        let text = CaArn::new(&options.region, &options.account, &id).to_string();
        let arn = CaArn::parse(&text).map_err(|_| StartError::Arn(text))?;
        Authority::create(arn, wanted, now).map_err(StartError::Authority)
    };
    options.authorities.iter().map(make).collect()
}

async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |source| StartError::Bind { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

fn newline(pem: &str) -> String {
    format!("{pem}\n")
}
