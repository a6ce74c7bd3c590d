//! A certificate authority that follows a script and then does what AWS does: the same token within minutes
//! gives the same ticket, and each ticket is one certificate.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::future::{BoxFuture, FutureExt as _};
use jiff::{SignedDuration, Timestamp};
use sallyport_contract::object::{CertificateAuthority, RevocationReason};
use sallyport_process::clock::Clock;

use crate::{
    cluster::{turnstile::Turnstile, twin::Twin},
    issuer::{
        Call, Caller, Described, Fetched, IssueError, Issuer, Issuers, Turn,
        embedded::Embedded,
        governor::{gate::Governor, rates::Rates},
    },
    metrics::GovernorMetrics,
    request::Request,
};

/// What the scripted authority answers before it does what it should.
#[derive(Default)]
pub(super) struct Script {
    pub(super) issue: Vec<Result<String, IssueError>>,
    pub(super) fetch: Vec<Result<Fetched, IssueError>>,
}

type Answers = (VecDeque<Result<String, IssueError>>, VecDeque<Result<Fetched, IssueError>>);

/// One certificate that was made, and paid for.
struct Entry {
    token: String,
    names: String,
    at: Timestamp,
    /// The certificate, once it was fetched: it stays the same.
    signed: Option<Fetched>,
}

/// An authority that follows a script, then a ledger before an embedded CA.
pub(super) struct Scripted {
    script: Mutex<Answers>,
    requests: Mutex<Vec<Request>>,
    fetched: Mutex<usize>,
    ledger: Mutex<Vec<Entry>>,
    scripted: bool,
    clock: Clock,
    inner: Embedded<Twin>,
    governor: Mutex<Option<Arc<Governor>>>,
    away: AtomicBool,
    described: AtomicUsize,
    asked: Mutex<Vec<Asked>>,
    /// The serial numbers of what was revoked, as often as it was.
    pub(super) revoked: Mutex<Vec<String>>,
    never_revokes: AtomicBool,
}

/// One wire attempt to get a certificate.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// For these names.
    pub(super) names: String,
    /// When.
    pub(super) at: Timestamp,
    /// For whom.
    pub(super) caller: Caller,
}

/// <https://docs.aws.amazon.com/privateca/latest/APIReference/API_IssueCertificate.html>, `IdempotencyToken`.
const REMEMBERED: SignedDuration = SignedDuration::from_mins(5);

impl Scripted {
    pub(super) fn new(
        script: Script,
        scripted: bool,
        clock: &Clock,
        inner: Embedded<Twin>,
        governor: Option<Governor>,
    ) -> Self {
        Self {
            script: Mutex::new((script.issue.into(), script.fetch.into())),
            requests: Mutex::default(),
            fetched: Mutex::default(),
            ledger: Mutex::default(),
            scripted,
            clock: clock.clone(),
            inner,
            governor: Mutex::new(governor.map(Arc::new)),
            away: AtomicBool::default(),
            described: AtomicUsize::default(),
            asked: Mutex::default(),
            revoked: Mutex::default(),
            never_revokes: AtomicBool::default(),
        }
    }

    /// Whether it gives the same certificate for a ticket whenever it is asked.
    pub(super) fn keeps(&self) -> bool {
        self.scripted
    }

    /// Whether it cannot be reached from now on.
    pub(super) fn set_away(&self, away: bool) {
        self.away.store(away, Ordering::Relaxed);
    }

    fn reachable(&self) -> Result<(), IssueError> {
        let away = || IssueError::Unavailable("connection refused".to_owned());
        if self.away.load(Ordering::Relaxed) { Err(away()) } else { Ok(()) }
    }

    /// Another root signs from now on, and nobody was told.
    pub(super) async fn another_root(&self, cluster: &Twin) {
        let place = ("secrets".to_owned(), "sallyport-system".to_owned(), "embedded-ca-ca".to_owned());
        cluster.memory().objects.remove(&place).unwrap();
        self.inner.describe().await.unwrap();
    }

    /// How often it was asked about itself.
    pub(super) fn described(&self) -> usize {
        self.described.load(Ordering::Relaxed)
    }

    /// Revokes as the embedded CA does.
    pub(super) fn refuse_to_revoke(&self) {
        self.never_revokes.store(true, Ordering::Relaxed);
    }

    /// Every wire attempt to get a certificate.
    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// Another governor, with these rates.
    pub(super) fn slow_down(&self, rates: Rates) {
        let governor = Governor::new(rates, "an account".to_owned(), GovernorMetrics::default());
        *self.governor.lock().unwrap() = Some(Arc::new(governor));
    }

    fn governor(&self) -> Option<Arc<Governor>> {
        self.governor.lock().unwrap().clone()
    }

    async fn pass(&self, call: Call, caller: &Caller) -> Result<(), IssueError> {
        match self.governor() {
            Some(governor) => governor.pass(call, caller).await.map(drop),
            None => Ok(()),
        }
    }

    pub(super) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// What it answers from now on.
    pub(super) fn then(
        &self,
        issue: Vec<Result<String, IssueError>>,
        fetch: Vec<Result<Fetched, IssueError>>,
    ) {
        *self.script.lock().unwrap() = (issue.into(), fetch.into());
    }

    pub(super) fn fetched(&self) -> usize {
        *self.fetched.lock().unwrap()
    }

    /// How many certificates were made, by the names in them.
    pub(super) fn certificates(&self) -> BTreeMap<String, usize> {
        let mut certificates = BTreeMap::new();
        for entry in self.ledger.lock().unwrap().iter() {
            *certificates.entry(entry.names.clone()).or_default() += 1;
        }
        certificates
    }

    fn ticket(&self, request: &Request) -> String {
        let mut ledger = self.ledger.lock().unwrap();
        let (token, now) = (&request.token, self.clock.now());
        let known = |entry: &Entry| entry.token == *token && now.duration_since(entry.at) < REMEMBERED;
        let place = ledger.iter().position(known).unwrap_or_else(|| {
            let names = request.dns_names.to_string();
            ledger.push(Entry { token: token.clone(), names, at: now, signed: None });
            ledger.len() - 1
        });
        format!("arn:aws:acm-pca:ticket/{}", place + 1)
    }

    async fn sign(&self, caller: &Caller, request: &Request, ticket: &str) -> Result<Fetched, IssueError> {
        let place = ticket.rsplit('/').next().and_then(|number| number.parse::<usize>().ok());
        let entry = |place: Option<usize>| place.and_then(|place| place.checked_sub(1));
        let known = entry(place).and_then(|at| {
            let ledger = self.ledger.lock().unwrap();
            ledger.get(at).map(|entry| (entry.token.clone(), entry.signed.clone()))
        });
        let Some((_, signed)) = known.filter(|(token, _)| *token == request.token) else {
            return Err(IssueError::NotFound(format!("{ticket} is not of this request")));
        };
        if let Some(signed) = signed {
            return Ok(signed);
        }
        let made =
            self.inner.fetch(caller, request, &format!("{}:{}", self.inner.id(), request.token)).await?;
        if let Some(at) = entry(place) {
            self.ledger.lock().unwrap()[at].signed = Some(made.clone());
        }
        Ok(made)
    }
}

/// The authority as one agent reaches it.
pub(super) struct Reached {
    pub(super) authority: Arc<Scripted>,
    pub(super) gate: Arc<Turnstile>,
}

impl Issuer for Reached {
    fn id(&self) -> &str {
        self.authority.inner.id()
    }

    fn first_wait(&self) -> Duration {
        if self.authority.scripted { Duration::from_millis(200) } else { Duration::ZERO }
    }

    fn keeps_certificates(&self) -> bool {
        self.authority.keeps()
    }

    fn describe(&self) -> BoxFuture<'_, Result<Described, IssueError>> {
        async {
            let call = self.gate.before().await;
            self.authority.described.fetch_add(1, Ordering::Relaxed);
            let reachable = self.authority.reachable();
            let described = reachable.map(|()| self.authority.inner.describe());
            let described = match described {
                Ok(described) => described.await,
                Err(error) => Err(error),
            };
            self.gate.after(call).await;
            described
        }
        .boxed()
    }

    fn issue<'a>(
        &'a self,
        caller: &'a Caller,
        request: &'a Request,
        _: &'a Described,
    ) -> BoxFuture<'a, Result<String, IssueError>> {
        async move {
            self.authority.pass(Call::Issue, caller).await?;
            let call = self.gate.before().await;
            self.authority.requests.lock().unwrap().push(request.clone());
            let scripted = self.authority.script.lock().unwrap().0.pop_front();
            let (at, caller) = (self.authority.clock.now(), caller.clone());
            let asked = Asked { names: request.dns_names.to_string(), at, caller };
            self.authority.asked.lock().unwrap().push(asked);
            let reachable = self.authority.reachable();
            let answer = scripted.unwrap_or_else(|| reachable.map(|()| self.authority.ticket(request)));
            self.gate.after(call).await;
            answer
        }
        .boxed()
    }

    fn fetch<'a>(
        &'a self,
        caller: &'a Caller,
        request: &'a Request,
        ticket: &'a str,
    ) -> BoxFuture<'a, Result<Fetched, IssueError>> {
        async move {
            self.authority.pass(Call::Get, caller).await?;
            let call = self.gate.before().await;
            *self.authority.fetched.lock().unwrap() += 1;
            let scripted = self.authority.script.lock().unwrap().1.pop_front();
            let answer = match scripted {
                Some(answer) => answer,
                None => match self.authority.reachable() {
                    Ok(()) => self.authority.sign(caller, request, ticket).await,
                    Err(error) => Err(error),
                },
            };
            self.gate.after(call).await;
            answer
        }
        .boxed()
    }

    fn revoke<'a>(
        &'a self,
        serial: &'a str,
        reason: RevocationReason,
    ) -> BoxFuture<'a, Result<(), IssueError>> {
        async move {
            let call = self.gate.before().await;
            if self.authority.never_revokes.load(Ordering::Relaxed) {
                return self.authority.inner.revoke(serial, reason).await;
            }
            let reachable = self.authority.reachable();
            if reachable.is_ok() {
                self.authority.revoked.lock().unwrap().push(serial.to_owned());
            }
            self.gate.after(call).await;
            reachable
        }
        .boxed()
    }

    fn turn(&self, call: Call, caller: &Caller) -> Turn {
        self.authority.governor().map_or(Turn::Now, |governor| governor.turn(call, caller))
    }
}

/// The one authority for every object.
pub(super) struct Only(pub(super) Arc<Reached>);

impl Issuers for Only {
    fn issuer<'a>(
        &'a self,
        _: &'a CertificateAuthority,
    ) -> BoxFuture<'a, Result<Arc<dyn Issuer>, IssueError>> {
        let issuer: Arc<dyn Issuer> = Arc::<Reached>::clone(&self.0);
        async { Ok(issuer) }.boxed()
    }
}
