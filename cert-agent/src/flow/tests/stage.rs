//! A cluster in memory with one agent, time that stands still, and a certificate authority of choice.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::future::{BoxFuture, FutureExt as _};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::{
    ByteString,
    api::{core::v1::Secret, rbac::v1::RoleBinding},
};
use prometheus_client::registry::Registry;
use sallyport_contract::{
    DnsNames, IdentityName, Reason, identity,
    object::{CertificateAuthority, Delivery, NameClaim, NamespaceBinding, WorkloadIdentity},
};
use sallyport_process::clock::Clock;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{
    claim::{Claim, to_make},
    cluster::{Cluster as _, twin::Twin},
    flow::{
        agent::{Agent, Settings},
        intake::Intake,
        queue::Work,
    },
    issuer::{Described, Fetched, IssueError, Issuer, Issuers, embedded::Embedded},
    metrics::Metrics,
    observe::{
        facts::{NamespaceFacts, Workload},
        shelf::Change,
    },
    request::Request,
    state::{self, State},
};

/// What the scripted authority answers before it does what it should.
#[derive(Default)]
pub(super) struct Script {
    pub(super) issue: Vec<Result<String, IssueError>>,
    pub(super) fetch: Vec<Result<Fetched, IssueError>>,
}

type Answers = (VecDeque<Result<String, IssueError>>, VecDeque<Result<Fetched, IssueError>>);

/// An authority that follows a script, then an embedded CA.
pub(super) struct Scripted {
    script: Mutex<Answers>,
    requests: Mutex<Vec<Request>>,
    fetched: Mutex<usize>,
    scripted: bool,
    inner: Embedded<Twin>,
}

impl Scripted {
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
}

impl Issuer for Scripted {
    fn id(&self) -> &str {
        self.inner.id()
    }

    fn first_wait(&self) -> Duration {
        if self.scripted { Duration::from_millis(200) } else { Duration::ZERO }
    }

    fn describe(&self) -> BoxFuture<'_, Result<Described, IssueError>> {
        self.inner.describe()
    }

    fn issue<'a>(
        &'a self,
        request: &'a Request,
        _: &'a Described,
    ) -> BoxFuture<'a, Result<String, IssueError>> {
        self.requests.lock().unwrap().push(request.clone());
        let answer = self.script.lock().unwrap().0.pop_front();
        async { answer.unwrap_or_else(|| Ok("arn:aws:acm-pca:ticket/1".to_owned())) }.boxed()
    }

    fn fetch<'a>(&'a self, request: &'a Request, _: &'a str) -> BoxFuture<'a, Result<Fetched, IssueError>> {
        *self.fetched.lock().unwrap() += 1;
        let answer = self.script.lock().unwrap().1.pop_front();
        async move {
            match answer {
                Some(answer) => answer,
                None => self.inner.fetch(request, &format!("{}:{}", self.inner.id(), request.token)).await,
            }
        }
        .boxed()
    }
}

struct Only(Arc<Scripted>);

impl Issuers for Only {
    fn issuer<'a>(
        &'a self,
        _: &'a CertificateAuthority,
    ) -> BoxFuture<'a, Result<Arc<dyn Issuer>, IssueError>> {
        let issuer: Arc<dyn Issuer> = Arc::<Scripted>::clone(&self.0);
        async { Ok(issuer) }.boxed()
    }
}

pub(super) struct Stage {
    pub(super) twin: Twin,
    pub(super) script: Arc<Scripted>,
    pub(super) clock: Clock,
    agent: Agent<Twin>,
    intake: Intake,
}

const NAMESPACE: &str = "shop";
const SYSTEM: &str = "sallyport-system";

impl Stage {
    pub(super) async fn embedded() -> Self {
        Self::new(Script::default(), false).await
    }

    pub(super) async fn scripted(script: Script) -> Self {
        Self::new(script, true).await
    }

    async fn new(script: Script, scripted: bool) -> Self {
        let (twin, clock) = (Twin::default(), Clock::manual("2027-01-01T00:00:00Z".parse().unwrap()));
        let script = Arc::new(Scripted {
            script: Mutex::new((script.issue.into(), script.fetch.into())),
            requests: Mutex::default(),
            fetched: Mutex::default(),
            scripted,
            inner: Embedded::new(twin.clone(), SYSTEM, "ca", clock.clone()),
        });
        let stage = Self::over(twin, script, clock);
        stage.furnish();
        stage
    }

    fn over(twin: Twin, script: Arc<Scripted>, clock: Clock) -> Self {
        let settings = Settings {
            system: SYSTEM.to_owned(),
            identity_grace: Duration::from_secs(600),
            resync: Duration::from_secs(60),
            webhook_names: Vec::new(),
        };
        let metrics = Metrics::new(&mut Registry::default());
        let issuers = Arc::new(Only(Arc::clone(&script)));
        let agent = Agent::new(twin.clone(), issuers, clock.clone(), settings, metrics);
        let intake = Intake::new(agent.world.clone(), Arc::clone(&agent.queue));
        Self { twin, script, clock, agent, intake }
    }

    /// Another agent over the same cluster.
    pub(super) async fn restarted(&self) -> Self {
        let stage = Self::over(self.twin.clone(), Arc::clone(&self.script), self.clock.clone());
        stage.furnish();
        stage.deployment("web", json!({}));
        stage.settle().await;
        stage
    }

    fn furnish(&self) {
        let policy = json!({"metadata": {"name": "shop", "uid": "p"}, "spec": {
            "namespaces": [NAMESPACE],
            "dnsNames": {"default": "{workload}.{namespace}.corp.example"},
            "traffic": {"actions": ["Allow", "Deny"], "default": "Allow", "ports": [443],
                "from": {"zones": ["a"], "addresses": ["any"]}, "to": {"zones": ["b"], "addresses": ["any"]}},
            "certificate": {"authority": "ca", "lifetime": "144h"}, "firewall": "edge"}});
        let authority = json!({"metadata": {"name": "ca", "uid": "c"}, "spec": {"embedded": {}}});
        let cluster_wide = |name: &str| (String::new(), name.to_owned());
        self.store("certificateauthorities", "", "ca", &authority);
        self.store("identitypolicies", "", "shop", &policy);
        self.intake.policy(Change::Put(cluster_wide("shop"), read(policy, "IdentityPolicy")));
        self.intake.authority(Change::Put(cluster_wide("ca"), read(authority, "CertificateAuthority")));
        self.turn(true);
    }

    fn store(&self, kind: &str, namespace: &str, name: &str, object: &Value) {
        let mut object = object.clone();
        let (version, word) = match kind {
            "certificateauthorities" => ("sallyport.dev/v1alpha1", "CertificateAuthority"),
            "identitypolicies" => ("sallyport.dev/v1alpha1", "IdentityPolicy"),
            _ => ("v1", "Secret"),
        };
        object["apiVersion"] = json!(version);
        object["kind"] = json!(word);
        let place = (kind.to_owned(), namespace.to_owned(), name.to_owned());
        self.twin.memory().objects.entry(place).or_insert(object);
    }

    fn turn(&self, on: bool) {
        let labels = on.then(|| ("sallyport.dev/inject".to_owned(), "enabled".to_owned()));
        let facts =
            NamespaceFacts { uid: "ns".to_owned(), labels: labels.into_iter().collect(), ending: false };
        self.intake.namespace(Change::Put((String::new(), NAMESPACE.to_owned()), facts));
    }

    pub(super) fn turned_off(&self) {
        self.turn(false);
    }

    pub(super) fn deployment(&self, name: &str, annotations: Value) {
        let object = json!({"metadata": {"name": name, "namespace": NAMESPACE, "uid": format!("uid-of-{name}")},
            "spec": {"selector": {}, "template": {"metadata": {"annotations": annotations}, "spec": {"containers": []}}}});
        let workload = Workload::deployment(&serde_json::from_value(object).unwrap());
        let place = (NAMESPACE.to_owned(), name.to_owned());
        self.intake.workload(|shelves| &mut shelves.deployments, Change::Put(place, workload));
    }

    pub(super) fn gone(&self, name: &str) {
        let place = (NAMESPACE.to_owned(), name.to_owned());
        self.intake.workload(|shelves| &mut shelves.deployments, Change::Gone(place));
    }

    /// Does all work that is due now, and what becomes due by it within moments.
    pub(super) async fn settle(&self) {
        for _ in 0..40 {
            tokio::time::advance(Duration::from_millis(10)).await;
            self.clock.advance(SignedDuration::from_millis(10));
            self.work_once().await;
        }
    }

    /// Lets so many seconds pass, working as one goes.
    pub(super) async fn pass(&self, seconds: u64) {
        for _ in 0..seconds {
            tokio::time::advance(Duration::from_secs(1)).await;
            self.clock.advance(SignedDuration::from_secs(1));
            self.work_once().await;
        }
    }

    /// Everything is looked at again, as after a while.
    pub(super) async fn look_again(&self) {
        self.pass(130).await;
    }

    async fn work_once(&self) {
        while let Ok((work, anew)) = self.agent.queue.take(Instant::now()) {
            let again = match self.agent.work(&work, anew, 0).await {
                Ok(next) => next.after.map(|after| (Instant::now() + after, next.anew)),
                Err(_) => Some((Instant::now() + Duration::from_millis(50), true)),
            };
            self.agent.queue.done(&work, again);
            self.told_by_watch();
            if matches!(work, Work::Sweep) {
                break;
            }
        }
    }

    /// What the watches would tell of what the agent wrote.
    fn told_by_watch(&self) {
        let objects: Vec<_> =
            self.twin.memory().objects.iter().map(|(place, value)| (place.clone(), value.clone())).collect();
        self.intake.identity(Change::ListBegins);
        self.intake.binding(Change::ListBegins);
        self.intake.claim(Change::ListBegins);
        for ((kind, namespace, name), value) in objects {
            let place = (namespace, name);
            match kind.as_str() {
                "workloadidentities" => {
                    self.intake.identity(Change::Listed(place, read(value, "WorkloadIdentity")));
                }
                "namespacebindings" => {
                    self.intake.binding(Change::Listed(place, read(value, "NamespaceBinding")));
                }
                "nameclaims" => {
                    let claim = Claim::read(&read::<NameClaim>(value, "NameClaim")).unwrap();
                    self.intake.claim(Change::Listed(place, claim));
                }
                _ => {}
            }
        }
        self.intake.identity(Change::ListEnds);
        self.intake.binding(Change::ListEnds);
        self.intake.claim(Change::ListEnds);
    }

    pub(super) fn journal(&self) -> Vec<String> {
        self.twin.memory().journal.clone()
    }

    pub(super) fn identity(&self, workload: &str) -> WorkloadIdentity {
        self.twin.stored(NAMESPACE, &name(workload)).unwrap()
    }

    pub(super) fn reason(identity: &WorkloadIdentity) -> (&str, &str) {
        let condition = &identity.status.as_ref().unwrap().conditions[0];
        (condition.status.as_str(), condition.reason.as_str())
    }

    pub(super) fn message(identity: &WorkloadIdentity) -> &str {
        &identity.status.as_ref().unwrap().conditions[0].message
    }

    pub(super) fn told(&self, reason: Reason, words: &str) -> bool {
        let memory = self.twin.memory();
        memory.notices.iter().any(|notice| notice.reason == reason.code() && notice.note.contains(words))
    }

    pub(super) fn secret(&self, workload: &str) -> Option<Secret> {
        self.twin.stored(NAMESPACE, &identity::secret_of(&name(workload)))
    }

    pub(super) fn stored_ticket(&self, workload: &str) -> Option<String> {
        let secret: Secret = self.twin.stored(SYSTEM, &state::name_of(NAMESPACE, &name(workload)))?;
        State::read(&secret)?.attempt?.ticket
    }

    pub(super) fn remove_secret(&self, workload: &str) {
        let place = ("secrets".to_owned(), NAMESPACE.to_owned(), identity::secret_of(&name(workload)));
        self.twin.memory().objects.remove(&place);
    }

    pub(super) fn edit_secret(&self, workload: &str) {
        let place = ("secrets".to_owned(), NAMESPACE.to_owned(), identity::secret_of(&name(workload)));
        let mut memory = self.twin.memory();
        memory.objects.get_mut(&place).unwrap()["data"]["tls.crt"] = json!(ByteString(b"edited".to_vec()));
    }

    pub(super) fn foreign_secret(&self, workload: &str) {
        let secret = identity::secret_of(&name(workload));
        let object = json!({"metadata": {"name": secret, "namespace": NAMESPACE, "uid": "theirs",
            "resourceVersion": "1"}, "data": {"theirs": ""}});
        self.store("secrets", NAMESPACE, &secret, &object);
    }

    pub(super) fn claimed(&self, dns_name: &str, namespace: &str) {
        let claim = to_make(&dns_name.parse().unwrap(), namespace);
        let created = self.twin.create(&claim).now_or_never().unwrap().unwrap();
        assert_eq!(created.spec.namespace, namespace);
    }

    pub(super) fn claim(&self, workload: &str) -> NameClaim {
        self.twin.stored("", &claim_name(workload)).unwrap()
    }

    pub(super) fn binding(&self) -> Option<NamespaceBinding> {
        self.twin.stored(NAMESPACE, "sallyport")
    }

    pub(super) fn role_binding(&self) -> Option<RoleBinding> {
        self.twin.stored(NAMESPACE, "sallyport-certificate-writer")
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

fn read<K: serde::de::DeserializeOwned>(mut value: Value, kind: &str) -> K {
    value["apiVersion"] = json!("sallyport.dev/v1alpha1");
    value["kind"] = json!(kind);
    serde_json::from_value(value).unwrap()
}

fn dns_names(workload: &str) -> DnsNames {
    DnsNames::new([format!("{workload}.{NAMESPACE}.corp.example").parse().unwrap()]).unwrap()
}

fn name(workload: &str) -> String {
    IdentityName::of(NAMESPACE, &dns_names(workload), Delivery::Secret).to_string()
}

pub(super) fn claim_name(workload: &str) -> String {
    identity::claim_of(dns_names(workload).first())
}
