//! A replica whose outward calls are counted, so that a test can hold it before or after any of them.

use std::{
    future::Future,
    sync::{Arc, Mutex},
};

use panos_sim::{Running, Simulator};
use prometheus_client::registry::Registry;
use sallyport_contract::{
    Reason,
    object::{ClaimedFirewall, FirewallStatus, WorkloadIdentityStatus},
};
use sallyport_policy_sync::{
    actual::Configuration,
    board::Board,
    cluster::{Cluster, ClusterError, Note},
    cycle::{Cycle, Ports},
    firewall::{
        BadSignatures, Enforcers, Extent, Facts, Fault, Firewall, JobLine, JobState, Lock, MayWrite,
        PatternVerdict, Pending, Probe, View,
    },
    gate::{Carrier, Gate},
    metrics::Metrics,
    operation::Batch,
    panos::Panos,
    rulebase::Rulebase,
    world::{Key, Version},
};
use sallyport_process::{clock::Clock, lease::Leadership};
use tokio::sync::{Notify, watch};

use super::{DEADLINE, PASSWORD, SETTINGS, Twin, USER, dns, objects, options};

tokio::task_local! {
    static TURNS: Turns;
}

/// The places before and after each outward call of one replica, and where it is held.
#[derive(Clone)]
pub(crate) struct Turns(Arc<Places>);

struct Places {
    passed: Mutex<Vec<String>>,
    hold: Mutex<Hold>,
    held: watch::Sender<bool>,
    go: Notify,
}

/// Where a replica is held.
enum Hold {
    Nowhere,
    /// At the so-manieth place of all, counted from zero.
    Nth(usize),
    /// At this place, when it is passed so many times already.
    Place(String, usize),
}

impl Turns {
    fn new(hold: Hold) -> Self {
        let (passed, held) = (Mutex::default(), watch::Sender::new(false));
        Self(Arc::new(Places { passed, hold: Mutex::new(hold), held, go: Notify::new() }))
    }

    /// Holds nowhere.
    pub(crate) fn free() -> Self {
        Self::new(Hold::Nowhere)
    }

    /// Holds at a place when it is passed so many times already.
    pub(crate) fn hold_at(place: &str, times: usize) -> Self {
        Self::new(Hold::Place(place.to_owned(), times))
    }

    /// Holds at the `n`-th place after those that are passed already.
    pub(crate) fn hold_later(&self, n: usize) {
        self.0.held.send_replace(false);
        *self.0.hold.lock().unwrap() = Hold::Nth(self.passed().len() + n);
    }

    /// Holds nowhere any more.
    pub(crate) fn hold_nowhere(&self) {
        *self.0.hold.lock().unwrap() = Hold::Nowhere;
    }

    /// The places that were passed, in order.
    pub(crate) fn passed(&self) -> Vec<String> {
        self.0.passed.lock().unwrap().clone()
    }

    /// Waits until the replica is held.
    pub(crate) async fn held(&self) {
        self.0.held.subscribe().wait_for(|held| *held).await.unwrap();
    }

    /// Lets the held replica go on.
    pub(crate) fn go(&self) {
        self.0.go.notify_one();
    }

    async fn pass(&self, place: String) {
        let here = {
            let mut passed = self.0.passed.lock().unwrap();
            let here = match &*self.0.hold.lock().unwrap() {
                Hold::Nowhere => false,
                Hold::Nth(n) => passed.len() == *n,
                Hold::Place(hold, times) => {
                    *hold == place && passed.iter().filter(|before| **before == place).count() == *times
                }
            };
            passed.push(place);
            here
        };
        if here {
            self.0.held.send_replace(true);
            self.0.go.notified().await;
        }
    }
}

async fn around<T>(call: &str, future: impl Future<Output = T>) -> T {
    let turns = TURNS.with(Clone::clone);
    turns.pass(format!("before {call}")).await;
    let result = future.await;
    turns.pass(format!("after {call}")).await;
    result
}

/// A port whose every call is a place.
#[derive(Clone)]
pub(crate) struct Stepwise<T>(T);

impl Firewall for Stepwise<Panos> {
    async fn facts(&self) -> Result<Facts, Fault> {
        around("facts", self.0.facts()).await
    }

    async fn rematches(&self, serial: Option<&str>) -> Result<Option<bool>, Fault> {
        around("rematches", self.0.rematches(serial)).await
    }

    async fn configuration(&self, view: View) -> Result<Configuration, Fault> {
        let call = match view {
            View::Candidate => "candidate",
            View::Running => "running",
        };
        around(call, self.0.configuration(view)).await
    }

    async fn write(&self, batch: &Batch, may: &MayWrite<'_>) -> Result<(), Fault> {
        around("write", self.0.write(batch, may)).await
    }

    async fn commit(&self, description: &str, extent: Extent) -> Result<Option<String>, Fault> {
        around("commit", self.0.commit(description, extent)).await
    }

    async fn audit_comment(&self, rule: &str, comment: &str) -> Result<(), Fault> {
        around("audit comment", self.0.audit_comment(rule, comment)).await
    }

    async fn jobs(&self, serial: Option<&str>) -> Result<Vec<JobLine>, Fault> {
        around("jobs", self.0.jobs(serial)).await
    }

    async fn job(&self, id: &str) -> Result<JobState, Fault> {
        around("job", self.0.job(id)).await
    }

    async fn pending(&self) -> Result<Vec<Pending>, Fault> {
        around("pending", self.0.pending()).await
    }

    async fn locks(&self) -> Result<Vec<Lock>, Fault> {
        around("locks", self.0.locks()).await
    }

    async fn test_pattern(&self, serial: Option<&str>, pattern: &str) -> Result<PatternVerdict, Fault> {
        around("test pattern", self.0.test_pattern(serial, pattern)).await
    }

    async fn enforcers(&self) -> Result<Enforcers, Fault> {
        around("enforcers", self.0.enforcers()).await
    }

    async fn push(
        &self,
        group: &str,
        serials: &[String],
        description: &str,
    ) -> Result<Option<String>, Fault> {
        around("push", self.0.push(group, serials, description)).await
    }

    async fn in_force(&self, serial: &str) -> Result<Configuration, Fault> {
        around("in force", self.0.in_force(serial)).await
    }

    async fn rulebase(&self, serial: Option<&str>) -> Result<Rulebase, Fault> {
        around("rulebase", self.0.rulebase(serial)).await
    }

    async fn bad_signatures(&self, serial: Option<&str>) -> Result<BadSignatures, Fault> {
        around("bad signatures", self.0.bad_signatures(serial)).await
    }

    async fn policy_test(&self, serial: Option<&str>, probe: &Probe) -> Result<Option<String>, Fault> {
        around("policy test", self.0.policy_test(serial, probe)).await
    }
}

impl Cluster for Stepwise<Twin> {
    async fn store_claim(
        &self,
        claim: &str,
        base: Version,
        firewall: &str,
        entry: Option<&ClaimedFirewall>,
    ) -> Result<Version, ClusterError> {
        around("store claim", self.0.store_claim(claim, base, firewall, entry)).await
    }

    async fn store_firewall(
        &self,
        name: &str,
        base: Version,
        status: &FirewallStatus,
    ) -> Result<Version, ClusterError> {
        around("store firewall", self.0.store_firewall(name, base, status)).await
    }

    async fn hold_firewall(&self, name: &str, uid: &str, hold: bool) -> Result<Version, ClusterError> {
        around("hold firewall", self.0.hold_firewall(name, uid, hold)).await
    }

    async fn store_identity(
        &self,
        key: &Key,
        status: &WorkloadIdentityStatus,
    ) -> Result<Version, ClusterError> {
        around("store identity", self.0.store_identity(key, status)).await
    }

    async fn store_gate(&self, pod: &Key, seen: &Carrier, gate: &Gate) -> Result<Version, ClusterError> {
        around("store gate", self.0.store_gate(pod, seen, gate)).await
    }

    async fn tell(&self, note: &Note) {
        around("tell", self.0.tell(note)).await;
    }
}

/// A device and a cluster without any replica. What nobody wants goes at once.
pub(crate) async fn ground() -> (Running, Twin) {
    let sim = Simulator::start(options()).await.unwrap();
    let twin = Twin::default();
    let mut spec = objects::firewall_spec(&sim.api_addr.to_string(), &sim.ca_pem);
    spec["removal"]["quarantine"] = "0s".into();
    twin.put_firewall("edge", spec);
    twin.put_policy("shop", objects::policy_spec("shop"));
    twin.login("edge", USER, PASSWORD, "1");
    twin.complete();
    (sim, twin)
}

/// One replica: a cycle with a memory and a board of its own.
pub(crate) struct Replica {
    pub(crate) turns: Turns,
    twin: Twin,
    board: Board,
    clock: Clock,
    cycle: Cycle<Stepwise<Panos>, Stepwise<Twin>>,
}

impl Replica {
    pub(crate) fn new(twin: &Twin, turns: Turns) -> Self {
        Self::by(twin, turns, Clock::system())
    }

    /// The same by another clock. A manual one is moved to whatever is due next, so that nobody waits.
    pub(crate) fn by(twin: &Twin, turns: Turns, clock: Clock) -> Self {
        let board = Board::default();
        let ports = Ports {
            connect: |access, login, metrics| Panos::new(access, login, metrics).map(Stepwise),
            cluster: Stepwise(twin.clone()),
            board: board.clone(),
            clock: clock.clone(),
            draw: || 0.0,
            metrics: Metrics::new(&mut Registry::default()),
            leadership: Leadership::uncontested(),
        };
        let cycle = Cycle::new(super::edge(twin), ports, SETTINGS);
        Self { turns, twin: twin.clone(), board, clock, cycle }
    }

    /// One step; waits a moment if nothing is due.
    pub(crate) async fn step(&mut self) {
        let world = self.twin.world();
        let wake = TURNS.scope(self.turns.clone(), self.cycle.step(&world)).await;
        super::pass_time(&self.clock, wake).await;
    }

    /// Steps until the condition holds.
    pub(crate) async fn until(&mut self, what: &str, holds: impl Fn(&Self) -> bool) {
        let deadline = tokio::time::Instant::now() + DEADLINE;
        while !holds(self) {
            assert!(tokio::time::Instant::now() < deadline, "{what}: not reached; {}", self.twin.describe());
            self.step().await;
        }
    }

    /// Whether this replica says that the name is enforced.
    pub(crate) fn enforces(&self, name: &str) -> bool {
        self.reason(name).is_some_and(|(reason, _)| reason == Reason::Enforced)
    }

    /// How this replica says that the name stands.
    pub(crate) fn reason(&self, name: &str) -> Option<(Reason, String)> {
        let standing = self.board.standing("edge")?;
        standing.names.get(&dns(name)).map(|state| (state.reason, state.words.clone()))
    }
}
