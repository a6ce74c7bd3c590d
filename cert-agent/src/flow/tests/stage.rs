//! A cluster in memory with one agent, time that stands still, and a certificate authority of choice.

use std::{
    sync::{Arc, atomic::AtomicUsize},
    time::Duration,
};

use jiff::SignedDuration;
use prometheus_client::registry::Registry;
use sallyport_contract::{DnsNames, IdentityName, identity, object::Delivery};
use sallyport_process::{clock::Clock, shutdown::Stop};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::authority::{Only, Reached, Script, Scripted};
use crate::{
    cluster::{ClusterError, turnstile::Turnstile, twin::Twin},
    flow::{
        agent::{Agent, Settings},
        intake::Intake,
        queue::Work,
        worker,
    },
    issuer::{
        Issuers,
        aws_client::{Clients, Way},
        embedded::Embedded,
        foundry::Foundry,
        governor::{
            gate::{Governor, Governors},
            rates::Rates,
        },
    },
    metrics::{GovernorMetrics, Metrics},
    observe::{
        facts::{NamespaceFacts, PodFacts, Workload},
        shelf::Change,
    },
};

pub(super) struct Stage {
    pub(super) twin: Twin,
    pub(super) script: Arc<Scripted>,
    pub(super) clock: Clock,
    /// What the agent's outward calls go through.
    pub(super) gate: Arc<Turnstile>,
    agent: Arc<Agent<Twin>>,
    registry: Arc<Registry>,
    pub(super) intake: Intake,
    /// How much of the journal the watches have told.
    pub(super) told: AtomicUsize,
}

pub(super) const NAMESPACE: &str = "shop";
pub(super) const SYSTEM: &str = "sallyport-system";
const RESYNC: Duration = Duration::from_secs(60);
/// What a certificate costs.
pub(super) const PRICE: f64 = 0.75;
/// The workload that is everywhere.
pub(super) const WEB: &str = "web";

impl Stage {
    pub(super) async fn embedded() -> Self {
        Self::new(Script::default(), false).await
    }

    pub(super) async fn scripted(script: Script) -> Self {
        Self::new(script, true).await
    }

    async fn new(script: Script, scripted: bool) -> Self {
        Self::made(script, scripted, None, RESYNC)
    }

    /// An authority that is asked through a governor, and an agent that looks again rarely.
    pub(super) async fn governed(rates: Rates) -> Self {
        let governor = Governor::new(rates, "an account".to_owned(), GovernorMetrics::default());
        Self::made(Script::default(), true, Some(governor), Duration::from_secs(7 * 86_400))
    }

    fn made(script: Script, scripted: bool, governor: Option<Governor>, resync: Duration) -> Self {
        let (twin, clock) = (Twin::default(), Clock::manual("2027-01-01T00:00:00Z".parse().unwrap()));
        let inner = Embedded::new(twin.clone(), SYSTEM, "ca", clock.clone());
        let script = Arc::new(Scripted::new(script, scripted, &clock, inner, governor));
        let stage = Self::over(&twin, script, clock, resync, None);
        stage.furnish();
        stage
    }

    /// An agent with the issuers that it has in a cluster, and the authority `ca` as this spec has it.
    pub(super) fn with_issuers_of_its_own(spec: &Value) -> Self {
        let (twin, clock) = (Twin::default(), Clock::manual("2027-01-01T00:00:00Z".parse().unwrap()));
        let inner = Embedded::new(twin.clone(), SYSTEM, "ca", clock.clone());
        let script = Arc::new(Scripted::new(Script::default(), false, &clock, inner, None));
        let governors = Governors::new(Vec::new(), GovernorMetrics::default());
        let issuers =
            Foundry::new(twin.clone(), SYSTEM, clock.clone(), Clients::new(Way::default()), governors);
        let stage = Self::over(&twin, script, clock, RESYNC, Some(Arc::new(issuers)));
        stage.authority(spec);
        stage.furnish_namespace(NAMESPACE, &json!([]));
        stage
    }

    /// One life of an agent that asks these issuers, in the machine's own time: it works until it is killed, in the
    /// middle of whatever it does.
    pub(super) async fn live(
        twin: &Twin,
        issuers: Arc<dyn Issuers>,
        life: Duration,
        furnish: impl FnOnce(&Self),
    ) {
        let clock = Clock::system();
        let inner = Embedded::new(twin.clone(), SYSTEM, "ca", clock.clone());
        let script = Arc::new(Scripted::new(Script::default(), true, &clock, inner, None));
        let stage = Self::over(twin, script, clock, RESYNC, Some(issuers));
        stage.told_by_watch();
        furnish(&stage);
        let watch = async {
            loop {
                stage.told_by_watch();
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::select! {
            ended = worker::run(Arc::clone(&stage.agent), Stop::new()) => panic!("{ended:?}"),
            () = watch => {}
            () = tokio::time::sleep(life) => {}
        }
    }

    fn over(
        twin: &Twin,
        script: Arc<Scripted>,
        clock: Clock,
        resync: Duration,
        issuers: Option<Arc<dyn Issuers>>,
    ) -> Self {
        let settings = Settings {
            system: SYSTEM.to_owned(),
            identity_grace: Duration::from_secs(600),
            resync,
            restart_within: Duration::from_secs(3600),
            webhook_names: Vec::new(),
        };
        let mut registry = Registry::default();
        let metrics = Metrics::new(&mut registry).priced(PRICE);
        let gate: Arc<Turnstile> = Arc::default();
        let reached = Reached { authority: Arc::clone(&script), gate: Arc::clone(&gate) };
        let issuers = issuers.unwrap_or_else(|| Arc::new(Only(Arc::new(reached))));
        let twin = twin.through(&gate);
        let agent = Arc::new(Agent::new(twin.clone(), issuers, clock.clone(), settings, metrics));
        let intake = Intake::new(agent.world.clone(), Arc::clone(&agent.queue));
        let (registry, told) = (Arc::new(registry), AtomicUsize::new(usize::MAX));
        Self { twin, script, clock, gate, agent, registry, intake, told }
    }

    /// What is done for the webhook, once.
    pub(super) async fn webhook(&self) -> Result<(), ClusterError> {
        self.agent.webhook().await.map(drop)
    }

    /// What a counter without labels stands at.
    pub(super) fn counted(&self, counter: &str) -> f64 {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).unwrap();
        let line =
            text.lines().find_map(|line| line.strip_prefix(&format!("sallyport_cert_agent_{counter} ")));
        line.unwrap_or_else(|| panic!("no {counter}")).parse().unwrap()
    }

    /// Another agent over the same cluster, whose first lists are in.
    pub(super) fn beside(&self) -> Self {
        let resync = self.agent.settings.resync;
        let stage = Self::over(&self.twin, Arc::clone(&self.script), self.clock.clone(), resync, None);
        stage.told_by_watch();
        stage.furnish();
        stage.agent.queue.add(Work::Sweep, Instant::now() + Duration::from_secs(60), true);
        stage
    }

    /// The same after a restart, with the Deployment web as it was.
    pub(super) async fn restarted(&self) -> Self {
        let stage = self.beside();
        stage.deployment(WEB, json!({}));
        stage.settle().await;
        stage
    }

    fn furnish(&self) {
        self.authority(&json!({"embedded": {}}));
        self.furnish_namespace(NAMESPACE, &json!([]));
    }

    /// The one authority, with this spec.
    pub(super) fn authority(&self, spec: &Value) {
        let authority = json!({"metadata": {"name": "ca", "uid": "c"}, "spec": spec});
        self.store("certificateauthorities", "", "ca", &authority);
        let place = (String::new(), "ca".to_owned());
        self.intake.authority(Change::Put(place, read(authority, "CertificateAuthority")));
    }

    /// A namespace that is turned on, with a policy of its own that gives these names too.
    pub(super) fn furnish_namespace(&self, namespace: &str, allowed: &Value) {
        self.policy(
            namespace,
            &json!({"dnsNames": {"allowed": allowed, "wildcards": "Allow",
            "default": "{workload}.{namespace}.corp.example"}}),
        );
        self.turn(namespace, true);
    }

    /// The policy of a namespace, with more merged into its spec.
    pub(super) fn policy(&self, namespace: &str, more: &Value) {
        let mut policy = json!({"metadata": {"name": namespace, "uid": format!("policy-{namespace}")}, "spec": {
            "namespaces": [namespace],
            "dnsNames": {"default": "{workload}.{namespace}.corp.example"},
            "traffic": {"actions": ["Allow", "Deny"], "default": "Allow", "ports": [443],
                "from": {"zones": ["a"], "addresses": ["any"]}, "to": {"zones": ["b"], "addresses": ["any"]}},
            "certificate": {"authority": "ca", "lifetime": "144h"}, "firewall": "edge"}});
        policy["spec"].as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.store("identitypolicies", "", namespace, &policy);
        let place = (String::new(), namespace.to_owned());
        self.intake.policy(Change::Put(place, read(policy, "IdentityPolicy")));
    }

    pub(super) fn store(&self, kind: &str, namespace: &str, name: &str, object: &Value) {
        let mut object = object.clone();
        let (version, word) = match kind {
            "certificateauthorities" => ("sallyport.dev/v1alpha1", "CertificateAuthority"),
            "identitypolicies" => ("sallyport.dev/v1alpha1", "IdentityPolicy"),
            "deployments" => ("apps/v1", "Deployment"),
            _ => ("v1", "Secret"),
        };
        object["apiVersion"] = json!(version);
        object["kind"] = json!(word);
        let place = (kind.to_owned(), namespace.to_owned(), name.to_owned());
        self.twin.memory().objects.entry(place).or_insert(object);
    }

    fn turn(&self, namespace: &str, on: bool) {
        let labels = on.then(|| ("sallyport.dev/inject".to_owned(), "enabled".to_owned()));
        let uid = format!("ns-{namespace}");
        let facts = NamespaceFacts { uid, labels: labels.into_iter().collect(), ending: false };
        self.intake.namespace(Change::Put((String::new(), namespace.to_owned()), facts));
    }

    pub(super) fn turned_off(&self) {
        self.turn(NAMESPACE, false);
    }

    pub(super) fn deployment(&self, name: &str, annotations: Value) {
        self.deployment_in(NAMESPACE, name, annotations);
    }

    pub(super) fn deployment_in(&self, namespace: &str, name: &str, annotations: Value) {
        let object = json!({"metadata": {"name": name, "namespace": namespace, "uid": format!("uid-of-{name}")},
            "spec": {"selector": {}, "template": {"metadata": {"annotations": annotations}, "spec": {"containers": []}}}});
        let workload = Workload::deployment(&serde_json::from_value(object).unwrap());
        let place = (namespace.to_owned(), name.to_owned());
        self.intake.workload(|shelves| &mut shelves.deployments, Change::Put(place, workload));
    }

    pub(super) fn gone(&self, name: &str) {
        let place = (NAMESPACE.to_owned(), name.to_owned());
        self.intake.workload(|shelves| &mut shelves.deployments, Change::Gone(place));
    }

    /// A bare pod, as a person writes it.
    pub(super) fn pod(&self, metadata: Value) {
        let object = json!({"metadata": metadata, "spec": {"containers": []}});
        let pod = PodFacts::read(&serde_json::from_value(object).unwrap());
        self.intake.pod(Change::Put((NAMESPACE.to_owned(), pod.name.to_string()), pod));
    }

    /// Ends what is over, and counts what is counted beside that.
    pub(super) async fn sweep(&self) {
        self.agent.work(&Work::Sweep, false, 0).await.unwrap();
    }

    /// A pod as the API server has it.
    pub(super) fn pod_object(&self, object: &Value) {
        let pod = PodFacts::read(&serde_json::from_value(object.clone()).unwrap());
        self.intake.pod(Change::Put((NAMESPACE.to_owned(), pod.name.to_string()), pod));
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

    /// Lets time pass in steps.
    pub(super) async fn pass_in_steps(&self, time: Duration, step: Duration) {
        for _ in 0..time.as_millis() / step.as_millis() {
            tokio::time::advance(step).await;
            self.clock.advance(SignedDuration::try_from(step).unwrap());
            self.work_once().await;
        }
    }

    /// Lets days pass in coarse steps: nothing happens between them but looking again.
    pub(super) async fn pass_days(&self, days: u64) {
        for _ in 0..days * 24 {
            tokio::time::advance(Duration::from_secs(3600)).await;
            self.clock.advance(SignedDuration::from_hours(1));
            self.settle().await;
        }
    }

    /// Lets time pass while nobody works.
    pub(super) async fn sleep(&self, hours: u32) {
        tokio::time::advance(Duration::from_secs(3600) * hours).await;
        self.clock.advance(SignedDuration::from_hours(hours.into()));
    }

    /// Everything is looked at again, as after a while.
    pub(super) async fn look_again(&self) {
        self.pass(130).await;
    }

    /// Does what is due, all of it at the same time as the worker does, and what becomes due at once by it.
    async fn work_once(&self) {
        /// More rounds than anything needs; a defect must not spin.
        const ROUNDS: usize = 100;
        for _ in 0..ROUNDS {
            self.told_by_watch();
            let mut due: Vec<(Work, bool)> =
                std::iter::from_fn(|| self.agent.queue.take(Instant::now()).ok()).collect();
            if due.is_empty() {
                return;
            }
            let first = self.gate.deal(due.len());
            due.rotate_left(first);
            let work = due.iter().map(|(work, anew)| self.agent.work(work, *anew, 0));
            let results = futures::future::join_all(work).await;
            for ((work, _), result) in due.iter().zip(results) {
                let again = match result {
                    Ok(next) => next.after.map(|after| (Instant::now() + after, next.anew)),
                    Err(_) => Some((Instant::now() + Duration::from_millis(50), true)),
                };
                self.agent.queue.done(work, again);
            }
        }
        panic!("more rounds than anything needs");
    }
}

pub(super) fn read<K: serde::de::DeserializeOwned>(mut value: Value, kind: &str) -> K {
    value["apiVersion"] = json!("sallyport.dev/v1alpha1");
    value["kind"] = json!(kind);
    serde_json::from_value(value).unwrap()
}

fn dns_names(workload: &str) -> DnsNames {
    DnsNames::new([format!("{workload}.{NAMESPACE}.corp.example").parse().unwrap()]).unwrap()
}

/// The name of the identity of a workload that asks for no name.
pub(super) fn name(workload: &str) -> String {
    IdentityName::of(NAMESPACE, &dns_names(workload), Delivery::Secret).to_string()
}

pub(super) fn claim_name(workload: &str) -> String {
    identity::claim_of(dns_names(workload).first())
}
