//! A cluster in memory and a simulated firewall, with the real flow between them.
#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "only tests use this")]

pub(crate) mod answers;
pub(crate) mod endpoint;
pub(crate) mod fleet;
pub(crate) mod objects;
pub(crate) mod pods;
mod store;
pub(crate) mod turns;
pub(crate) mod twin;

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use panos_sim::{Accounts, Options, Running, Simulator};
use prometheus_client::registry::Registry;
use sallyport_contract::{DnsName, Reason, firewall_names, object::Firewall};
use sallyport_policy_sync::{
    board::Board,
    cycle::{self, Cycle, Ports, Settings},
    firewall::Fault,
    member::Member,
    metrics::Metrics,
    observe::Change,
    panos::Panos,
    preview::Preview,
    world::{Login, Proof},
    xml::{Element, parse},
};
use sallyport_process::{clock::Clock, lease::Leadership};
use serde_json::{Value, json};
pub(crate) use twin::Twin;
use zeroize::Zeroizing;

pub(crate) const USER: &str = "sallyport";
pub(crate) const PASSWORD: &str = "correct horse";
const DEADLINE: Duration = Duration::from_secs(30);

/// A cluster, a firewall, and the cycle between them.
pub(crate) struct Ground<S = Running> {
    pub(crate) sim: S,
    pub(crate) twin: Twin,
    pub(crate) board: Board,
    pub(crate) cycle: Cycle<Panos, Twin>,
}

/// Options of a device that commits fast, with our administrator and a colleague.
pub(crate) fn options() -> Options {
    let accounts =
        [(USER, PASSWORD), ("admin", "admin")].map(|(user, word)| (user.to_owned(), word.to_owned()));
    Options {
        accounts: Accounts::new(accounts),
        commit_time: Duration::from_millis(50),
        ..Options::default()
    }
}

/// As impatient as a test may be.
pub(crate) const SETTINGS: Settings =
    Settings { job_poll: SignedDuration::from_millis(20), resync: SignedDuration::from_secs(1) };

/// The real adapter to the firewall, and the cluster in memory.
pub(crate) fn ports(twin: &Twin, board: &Board) -> Ports<Panos, Twin> {
    Ports {
        connect: Panos::new,
        cluster: twin.clone(),
        board: board.clone(),
        clock: Clock::system(),
        draw: || 0.0,
        metrics: Metrics::new(&mut Registry::default()),
        leadership: Leadership::uncontested(),
    }
}

/// The first member of the one firewall.
pub(crate) fn edge(twin: &Twin) -> Member {
    Member::of("edge", &twin.world().firewalls["edge"].spec).swap_remove(0)
}

impl Ground {
    /// A ground with one firewall `edge`, one policy `shop`, and nothing wanted.
    pub(crate) async fn new() -> Self {
        Self::with(options(), |_| ()).await
    }

    /// The same with other options, and the Firewall's spec changed.
    pub(crate) async fn with(options: Options, change: impl FnOnce(&mut Value)) -> Self {
        let sim = Simulator::start(options).await.unwrap();
        let mut spec = objects::firewall_spec(&sim.api_addr.to_string(), &sim.ca_pem);
        change(&mut spec);
        let twin = Twin::default();
        twin.put_firewall("edge", spec);
        twin.put_policy("shop", objects::policy_spec("shop"));
        twin.login("edge", USER, PASSWORD, "1");
        twin.complete();
        Self::around(sim, twin)
    }

    /// How many requests of this kind came.
    pub(crate) fn count(&self, kind: &str, action: &str) -> usize {
        count(&self.sim, kind, action)
    }
}

impl<S> Ground<S> {
    /// The cycle between these, with a memory of its own.
    pub(crate) fn around(sim: S, twin: Twin) -> Self {
        let board = Board::default();
        let cycle = Cycle::new(edge(&twin), ports(&twin, &board), SETTINGS);
        Self { sim, twin, board, cycle }
    }

    /// The program ends without a word and another begins: all that is left is in the objects.
    pub(crate) fn restart(self) -> Self {
        Self::around(self.sim, self.twin)
    }

    /// The same with a clock that stands until it is moved.
    pub(crate) fn restart_with(self, clock: Clock) -> Self {
        let Self { sim, twin, board, .. } = self;
        let ports = Ports { clock, ..ports(&twin, &board) };
        let cycle = Cycle::new(edge(&twin), ports, SETTINGS);
        Self { sim, twin, board, cycle }
    }

    /// The same objects and firewall, worked on by a replica that does not lead.
    pub(crate) fn deposed(self) -> Self {
        let Self { sim, twin, board, .. } = self;
        let ports = Ports { leadership: Leadership::never(), ..ports(&twin, &board) };
        let cycle = Cycle::new(edge(&twin), ports, SETTINGS);
        Self { sim, twin, board, cycle }
    }

    /// One step; hands back when the next is due.
    pub(crate) async fn step(&mut self) -> Timestamp {
        self.cycle.step(&self.twin.world()).await
    }

    /// Steps until the condition holds.
    pub(crate) async fn until(&mut self, what: &str, mut holds: impl FnMut(&Self) -> bool) {
        let deadline = tokio::time::Instant::now() + DEADLINE;
        while !holds(self) {
            assert!(tokio::time::Instant::now() < deadline, "{what}: not reached; {}", self.twin.describe());
            let wake = self.step().await;
            let now = Clock::system().now();
            let wait = Duration::try_from(wake.duration_since(now)).unwrap_or_default();
            tokio::time::sleep(wait.min(Duration::from_millis(50))).await;
        }
    }

    /// Steps until every one of these names is enforced.
    pub(crate) async fn until_enforced(&mut self, names: &[&str]) {
        let names: Vec<DnsName> = names.iter().map(|name| name.parse().unwrap()).collect();
        self.until("enforced", |ground| {
            names.iter().all(|name| ground.reason(name) == Some(Reason::Enforced))
        })
        .await;
    }

    /// Steps until a name stands so; hands back the words.
    pub(crate) async fn until_reason(&mut self, name: &str, reason: Reason) -> String {
        let name: DnsName = name.parse().unwrap();
        self.until(reason.code(), |ground| ground.reason(&name) == Some(reason)).await;
        self.state(&name).unwrap().1
    }

    /// How a name stands.
    pub(crate) fn reason(&self, name: &DnsName) -> Option<Reason> {
        self.state(name).map(|(reason, _)| reason)
    }

    pub(crate) fn state(&self, name: &DnsName) -> Option<(Reason, String)> {
        let standing = self.board.standing("edge")?;
        standing.names.get(name).map(|state| (state.reason, state.words.clone()))
    }

    /// The Firewall object.
    pub(crate) fn firewall(&self) -> Arc<Firewall> {
        Arc::clone(&self.twin.world().firewalls["edge"])
    }

    /// The reason of one of the Firewall's conditions.
    pub(crate) fn condition(&self, kind: &str) -> (String, String) {
        let firewall = self.firewall();
        let conditions = &firewall.status.as_ref().unwrap().conditions;
        let condition = conditions.iter().find(|condition| condition.kind == kind).unwrap();
        (condition.reason.clone(), condition.message.clone())
    }
}

/// Lets time pass after a step: a manual clock goes on to what is due next, the machine's is waited for, within reason.
pub(crate) async fn pass_time(clock: &Clock, wake: Timestamp) {
    let (moment, hour) = (SignedDuration::from_millis(1), SignedDuration::from_hours(1));
    clock.advance(wake.duration_since(clock.now()).clamp(moment, hour));
    let wait = Duration::try_from(wake.duration_since(clock.now())).unwrap_or_default();
    tokio::time::sleep(wait.min(Duration::from_millis(30))).await;
}

/// What a person would be told now, without a word to the cycle.
pub(crate) async fn look<S>(ground: &Ground<S>) -> Result<Preview, Fault> {
    cycle::preview(Panos::new, edge(&ground.twin), &ground.twin.world(), Clock::system()).await
}

/// A fast run sweeps only one in so many: `tests/run.sh` says how many.
pub(crate) fn one_in() -> usize {
    std::env::var("SALLYPORT_ONE_IN").ok().and_then(|text| text.parse().ok()).unwrap_or(1)
}

/// How many requests of this kind came to a device.
pub(crate) fn count(sim: &Running, kind: &str, action: &str) -> usize {
    sim.log_lines().iter().filter(|line| line.kind == kind && line.action == action).count()
}

/// Waits until the condition holds, which it may whenever a worker posts.
pub(crate) async fn until(board: &Board, what: &str, holds: impl Fn() -> bool) {
    until_within(DEADLINE, board, what, holds).await;
}

/// The same, with so much patience for the next post.
pub(crate) async fn until_within(patience: Duration, board: &Board, what: &str, holds: impl Fn() -> bool) {
    let mut posted = board.watch();
    while !holds() {
        tokio::time::timeout(patience, posted.changed()).await.expect(what).unwrap();
    }
}

/// A DNS name.
pub(crate) fn dns(name: &str) -> DnsName {
    name.parse().unwrap()
}

/// A login as a Secret gives it.
pub(crate) fn login(user: &str, password: &str, version: &str) -> Login {
    Login {
        user: user.into(),
        proof: Proof::Password(Zeroizing::new(password.into())),
        version: version.into(),
    }
}

/// The object with this name made from a spec.
pub(crate) fn object(kind: &str, namespace: Option<&str>, name: &str, spec: Value, version: u64) -> Value {
    json!({
        "apiVersion": "sallyport.dev/v1alpha1",
        "kind": kind,
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": format!("uid-{name}"),
            "resourceVersion": version.to_string(),
            "generation": version,
            "creationTimestamp": "2026-11-21T09:00:00Z",
        },
        "spec": spec,
    })
}

/// A step of a watch that shows an object.
pub(crate) fn applied<K, V>(key: K, value: V) -> Change<K, V> {
    Change::Applied(key, value)
}

/// A fault that strikes until faults are cleared.
pub(crate) fn always(place: panos_sim::Where, action: panos_sim::Action) -> panos_sim::Fault {
    panos_sim::Fault { place, action, times: panos_sim::Times::Forever, matching: None }
}

/// A fault that strikes once.
pub(crate) fn once(place: panos_sim::Where, action: panos_sim::Action) -> panos_sim::Fault {
    panos_sim::Fault { place, action, times: panos_sim::Times::Count(1), matching: None }
}

/// A configuration without what is ours in it.
pub(crate) fn foreign(xml: &str) -> String {
    fn strip(element: &mut Element) {
        let ours = |child: &Element| ["sp-", "sallyport:"].iter().any(|p| child.entry_name().starts_with(p));
        element.children.retain(|child| !ours(child));
        element.children.iter_mut().for_each(strip);
    }
    let mut root = parse(xml).unwrap();
    strip(&mut root);
    root.print()
}

/// How many commits were asked for.
pub(crate) fn commits(sim: &Running) -> usize {
    sim.log_lines().iter().filter(|line| line.kind == "commit").count()
}

/// How many App-IDs and how many memberships in rules a configuration holds for a name.
pub(crate) fn counts(xml: &str, name: &str) -> (usize, usize) {
    let app = firewall_names::app_id("prod-eu-1", &dns(name));
    let count = |text: String| xml.matches(&text).count();
    (count(format!("<entry name=\"{app}\"")), count(format!("<member>{app}</member>")))
}

/// The name has one App-ID, one rule and one membership, in both configurations and in the inventory.
pub(crate) fn stands_once(sim: &Running, twin: &Twin, name: &str) {
    let entry = twin.entry(name).expect("it is in the inventory");
    assert!(entry.evidence.is_some(), "it is proven");
    for xml in [sim.candidate_xml(), sim.running_xml()] {
        assert_eq!(counts(&xml, name), (1, 1));
        assert_eq!(xml.matches(&format!("<entry name=\"{}\"", entry.rule)).count(), 1, "one rule");
    }
}

/// Rules get their UUIDs in the order in which they are made.
pub(crate) fn without_uuids(xml: &str) -> String {
    let mut parts = xml.split(" uuid=\"");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.split_once('"').map_or("", |(_, rest)| rest))
}

/// Path of the virtual system.
pub(crate) const VSYS: &str =
    "/config/devices/entry[@name='localhost.localdomain']/vsys/entry[@name='vsys1']";

/// Another administrator at the device, with a client that is not ours.
pub(crate) struct Colleague {
    http: reqwest::Client,
    url: String,
}

impl Colleague {
    pub(crate) async fn new(sim: &Running) -> Self {
        let ca = reqwest::Certificate::from_pem(sim.ca_pem.as_bytes()).unwrap();
        let http = reqwest::Client::builder().tls_certs_only([ca]).build().unwrap();
        Self { http, url: format!("https://{}/api/", sim.api_addr) }
    }

    pub(crate) async fn send(&self, parameters: &[(&str, &str)]) -> String {
        let text = self.attempt(parameters).await.unwrap();
        assert!(text.contains("status=\"success\""), "{parameters:?} {text}");
        text
    }

    /// The same, whatever the device answers, if it does.
    pub(crate) async fn attempt(&self, parameters: &[(&str, &str)]) -> Option<String> {
        let request = self.http.post(&self.url).basic_auth("admin", Some("admin")).form(parameters);
        request.send().await.ok()?.text().await.ok()
    }

    /// Jobs and pending changes, as the simulator tells them besides its API.
    pub(crate) async fn state(&self, sim: &Running) -> Value {
        let request = self.http.get(format!("http://{}/state", sim.control_addr));
        serde_json::from_str(&request.send().await.unwrap().text().await.unwrap()).unwrap()
    }

    /// What an administrator changed and did not commit.
    pub(crate) async fn pending(&self, sim: &Running, owner: &str) -> Vec<Value> {
        let state = self.state(sim).await;
        let pending = state["pending"].as_array().unwrap().iter();
        pending.filter(|unit| unit["owner"] == owner).cloned().collect()
    }

    pub(crate) async fn config(&self, action: &str, xpath: &str, element: &str) {
        self.send(&[("type", "config"), ("action", action), ("xpath", xpath), ("element", element)]).await;
    }

    /// A full commit, waited for.
    pub(crate) async fn commit(&self) {
        self.job(&[("type", "commit"), ("cmd", "<commit/>")]).await;
    }

    /// A push to a device group, waited for.
    pub(crate) async fn push(&self, group: &str) {
        let cmd = format!(
            "<commit-all><shared-policy><device-group><entry name=\"{group}\"/></device-group></shared-policy></commit-all>"
        );
        self.job(&[("type", "commit"), ("action", "all"), ("cmd", &cmd)]).await;
    }

    async fn job(&self, parameters: &[(&str, &str)]) {
        let reply = self.send(parameters).await;
        let Some(id) = reply.split("<job>").nth(1).and_then(|rest| rest.split('<').next()) else { return };
        let ask = format!("<show><jobs><id>{id}</id></jobs></show>");
        self.until(&ask, |jobs| jobs.contains("<status>FIN</status>")).await;
    }

    /// Waits until no job runs.
    pub(crate) async fn idle(&self) {
        let runs = |jobs: &str| {
            ["<status>ACT</status>", "<status>PEND</status>"].iter().any(|one| jobs.contains(one))
        };
        self.until("<show><jobs><all/></jobs></show>", |jobs| !runs(jobs)).await;
    }

    async fn until(&self, ask: &str, holds: impl Fn(&str) -> bool) {
        let deadline = tokio::time::Instant::now() + DEADLINE;
        while !holds(&self.send(&[("type", "op"), ("cmd", ask)]).await) {
            assert!(tokio::time::Instant::now() < deadline, "{ask}: still not so");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}
