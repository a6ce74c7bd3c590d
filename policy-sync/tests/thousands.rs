//! Thousands of names at once: a few writes, one commit, and every gate open on it.
#![cfg(test)]

mod support;

use std::time::Duration;

use panos_sim::{LogLine, Options, Running, RunningPanorama};
use sallyport_policy_sync::{gate::Carrier, worker};
use sallyport_process::{shutdown::Stop, tasks::TaskResult};
use serde_json::Value;
use support::{
    Ground, SETTINGS, Twin,
    fleet::SERIALS,
    one_in, options,
    pods::{gates, pod},
    ports,
};
use tokio::task::JoinSet;

/// New names at once.
fn many() -> usize {
    1000 / one_in()
}
/// More of them while the first are being committed.
fn more() -> usize {
    200 / one_in()
}
/// Reads of a firewall for both of them, whatever the number of names.
const MOST_READS: usize = 200;
/// For all of it, in a debug build on a busy machine.
const PATIENCE: Duration = Duration::from_secs(400);

fn roomy(spec: &mut Value) {
    spec["bounds"]["maxNames"] = 2000.into();
    spec["commit"]["maxChanges"] = 2000.into();
}

/// So many identities, each with its certificate and a pod that waits.
fn burst(twin: &Twin, kind: &str, many: usize) -> Vec<String> {
    let identities: Vec<String> = (0..many).map(|n| format!("{kind}-{n:04}")).collect();
    for identity in &identities {
        let name = format!("{identity}.shop.corp.example");
        twin.want(identity, &[&name], "Allow");
        twin.issue(identity);
        twin.put_pod(identity, identity, Carrier { dns_names: Some(name), ..pod(identity) });
    }
    identities
}

/// The workers as the program starts them.
struct Program {
    tasks: JoinSet<TaskResult>,
    stop: Stop,
}

impl Program {
    fn start<S>(ground: &Ground<S>) -> Self {
        let (seen, stop, mut tasks) = (&ground.twin.seen, Stop::new(), JoinSet::new());
        let ports = ports(&ground.twin, &ground.board);
        tasks.spawn(worker::firewalls(seen.clone(), ports, SETTINGS, stop.clone()));
        tasks.spawn(worker::gates(gates(ground), seen.clone(), ground.board.watch(), stop.clone()));
        Self { tasks, stop }
    }

    async fn end(mut self) {
        self.stop.now();
        while let Some(ended) = self.tasks.join_next().await {
            ended.unwrap().unwrap();
        }
    }
}

/// Waits until each identity's pod has its gate open.
async fn all_open(twin: &Twin, mut identities: Vec<String>) {
    let mut shown = twin.seen.watch_gates();
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        shown.mark_unchanged();
        identities.retain(|identity| !twin.gate(identity, identity).is_some_and(|gate| gate.open));
        let Some(first) = identities.first() else { return };
        let changed = tokio::time::timeout_at(deadline, shown.changed()).await;
        let waits = || format!("{} wait, {first}: {:?}", identities.len(), twin.gate(first, first));
        changed.unwrap_or_else(|_| panic!("{}; {}", waits(), twin.describe())).unwrap();
    }
}

/// What went over the wire: calls that change something, commits and pushes among them, and policy tests and other reads.
#[derive(Debug, Default)]
struct Calls {
    writes: usize,
    commits: usize,
    pushes: usize,
    tests: usize,
    reads: usize,
}

impl Calls {
    fn of(log: &[LogLine]) -> Self {
        let mut calls = Self::default();
        for line in log.iter().filter(|line| line.user == support::USER) {
            match (line.kind.as_str(), line.action.as_str()) {
                ("config", "get" | "show") | ("keygen", _) => calls.reads += 1,
                ("op", _) if line.cmd.starts_with("<test><security-policy-match>") => calls.tests += 1,
                ("op", _) if line.cmd.starts_with("<show>") || line.cmd.starts_with("<test>") => {
                    calls.reads += 1;
                }
                (kind, action) => {
                    calls.writes += 1;
                    calls.commits += usize::from(kind == "commit" && action.is_empty());
                    calls.pushes += usize::from(kind == "commit" && action == "all");
                }
            }
        }
        calls
    }
}

/// Where commits take a second, as they take half a minute elsewhere.
fn slow() -> Options {
    Options { commit_time: Duration::from_secs(1), ..options() }
}

#[tokio::test(flavor = "multi_thread")]
async fn law_9_a_thousand_new_identities_cost_one_commit_and_a_second_burst_one_more() {
    let ground = Ground::with(slow(), roomy).await;
    let sim: &Running = &ground.sim;
    let first = burst(&ground.twin, "web", many());
    let program = Program::start(&ground);
    let committing = || Calls::of(&sim.log_lines()).commits == 1;
    support::until_within(PATIENCE, &ground.board, "the commit runs", committing).await;
    let at_first = Calls::of(&sim.log_lines());
    assert!(at_first.writes <= 10, "{at_first:?}");
    let second = burst(&ground.twin, "late", more());
    all_open(&ground.twin, first).await;
    let calls = Calls::of(&sim.log_lines());
    assert!(calls.commits <= 2 && calls.writes <= 10, "{calls:?}");
    all_open(&ground.twin, second).await;
    let calls = Calls::of(&sim.log_lines());
    assert_eq!(calls.commits, 2, "one commit for what came while the first ran");
    assert_eq!(calls.tests, many() + more(), "each name is tested once");
    assert!(calls.reads <= MOST_READS, "{calls:?}");
    program.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn law_9_a_thousand_new_identities_on_panorama_cost_one_commit_and_one_push_for_each_group() {
    let ground: Ground<RunningPanorama> = Ground::fleet(roomy).await;
    let identities = burst(&ground.twin, "web", many());
    let program = Program::start(&ground);
    all_open(&ground.twin, identities.clone()).await;
    let calls = Calls::of(&ground.sim.panorama.log_lines());
    assert_eq!((calls.commits, calls.pushes), (1, 2), "{calls:?}");
    assert!(calls.writes <= 10 && calls.tests == SERIALS.len() * many(), "{calls:?}");
    for identity in identities {
        let entry = ground.twin.entry(&format!("{identity}.shop.corp.example")).unwrap();
        let mut devices = entry.evidence.unwrap().devices;
        devices.sort();
        assert_eq!(devices, SERIALS, "evidence from each device");
    }
    program.end().await;
}
