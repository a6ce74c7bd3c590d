//! Two clusters on one firewall: each its administrator, its mark and its names; a name that one holds the other may only
//! borrow.
#![cfg(test)]

mod support;

use panos_sim::{Accounts, Options, Running, Simulator};
use sallyport_contract::{Reason, object::ClaimedFirewall};
use sallyport_policy_sync::{board::Board, cycle::Cycle, panos::Panos};
use sallyport_process::clock::Clock;
use serde_json::{Value, json};
use support::{SETTINGS, Twin, commits, counts, dns, objects, options, ports};

const WEB: &str = "web.shop.corp.example";
const PAY: &str = "pay.shop.corp.example";

struct Cluster {
    twin: Twin,
    board: Board,
    cycle: Cycle<Panos, Twin>,
    spec: Value,
}

impl Cluster {
    fn new(sim: &Running, name: &str, change: impl FnOnce(&mut Value)) -> Self {
        let mut spec = objects::firewall_spec(&sim.api_addr.to_string(), &sim.ca_pem);
        spec["clusterName"] = name.into();
        change(&mut spec);
        let twin = Twin::default();
        twin.put_firewall("edge", spec.clone());
        twin.put_policy("shop", objects::policy_spec("shop"));
        twin.login("edge", name, "pass", "1");
        twin.complete();
        let board = Board::default();
        let cycle = Cycle::new(support::edge(&twin), ports(&twin, &board), SETTINGS);
        Self { twin, board, cycle, spec }
    }

    /// Has `spec.adopted` list these names.
    fn adopt(&self, names: &[&str]) {
        let mut spec = self.spec.clone();
        spec["adopted"] = json!(names);
        self.twin.put_firewall("edge", spec);
    }

    fn state(&self, name: &str) -> Option<(Reason, String)> {
        let standing = self.board.standing("edge")?;
        standing.names.get(&dns(name)).map(|state| (state.reason, state.words.clone()))
    }

    fn is(&self, name: &str, reason: Reason) -> bool {
        self.state(name).is_some_and(|(state, _)| state == reason)
    }
}

async fn firewall() -> Running {
    let accounts = ["prod-eu-0", "prod-eu-1", "admin"]
        .map(|user| (user.to_owned(), if user == "admin" { "admin" } else { "pass" }.to_owned()));
    Simulator::start(Options { accounts: Accounts::new(accounts), ..options() }).await.unwrap()
}

/// How many App-IDs, of whichever cluster, a name has.
fn held(xml: &str, name: &str) -> usize {
    xml.matches(&format!(" {name}  (managed")).count()
}

/// Steps both until the condition holds.
async fn until(what: &str, clusters: &mut [Cluster], holds: impl Fn(&[Cluster]) -> bool) {
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(60);
    while !holds(clusters) {
        let told: Vec<_> = clusters.iter().map(|one| (one.state(WEB), one.state(PAY))).collect();
        assert!(tokio::time::Instant::now() < deadline, "{what}: not reached; {told:?}");
        let mut wake = Clock::system().now() + jiff::SignedDuration::from_millis(50);
        for cluster in clusters.iter_mut() {
            wake = wake.min(cluster.cycle.step(&cluster.twin.world()).await);
        }
        let wait =
            std::time::Duration::try_from(wake.duration_since(Clock::system().now())).unwrap_or_default();
        tokio::time::sleep(wait).await;
    }
}

#[tokio::test]
async fn two_clusters_that_begin_at_once_do_not_wait_for_each_other_for_ever() {
    let sim = firewall().await;
    let mut both = [Cluster::new(&sim, "prod-eu-0", |_| ()), Cluster::new(&sim, "prod-eu-1", |_| ())];
    both[0].twin.want("web-1", &[WEB], "Allow");
    both[1].twin.want("pay-1", &[PAY], "Allow");
    until("both are enforced", &mut both, |both| {
        both[0].is(WEB, Reason::Enforced) && both[1].is(PAY, Reason::Enforced)
    })
    .await;
    let running = sim.running_xml();
    for (cluster, name) in [(&both[0], WEB), (&both[1], PAY)] {
        let app = cluster.twin.entry(name).unwrap().app;
        assert_eq!(running.matches(&format!("<entry name=\"{app}\"")).count(), 1, "{name}");
    }
}

#[tokio::test]
async fn law_6_a_name_that_another_cluster_holds_is_refused_with_its_name() {
    let sim = firewall().await;
    let mut both = [Cluster::new(&sim, "prod-eu-0", |_| ()), Cluster::new(&sim, "prod-eu-1", |_| ())];
    both[0].twin.want("web-1", &[WEB], "Allow");
    until("the first holds it", &mut both[..1], |both| both[0].is(WEB, Reason::Enforced)).await;
    both[1].twin.want("web-1", &[WEB], "Allow");
    until("the second is refused", &mut both, |both| both[1].is(WEB, Reason::NameHeldElsewhere)).await;
    assert!(both[1].state(WEB).unwrap().1.contains("cluster prod-eu-0"));
    assert_eq!(counts(&sim.candidate_xml(), WEB), (0, 0), "the second wrote nothing");
}

#[tokio::test]
async fn a_name_is_borrowed_and_made_anew_once_the_other_cluster_lets_go() {
    let sim = firewall().await;
    let mut both = [
        Cluster::new(&sim, "prod-eu-0", |spec| spec["removal"]["quarantine"] = "0s".into()),
        Cluster::new(&sim, "prod-eu-1", |spec| spec["sharedWith"] = json!(["prod-eu-0"])),
    ];
    both[0].twin.want("web-1", &[WEB], "Allow");
    until("the first holds it", &mut both[..1], |both| both[0].is(WEB, Reason::Enforced)).await;
    let before = sim.running_xml();
    both[1].twin.want("web-1", &[WEB], "Allow");
    until("the second borrows it", &mut both, |both| both[1].is(WEB, Reason::Enforced)).await;
    let (lent, borrowed) = (both[0].twin.entry(WEB).unwrap(), both[1].twin.entry(WEB).unwrap());
    assert_eq!((&lent.app, &lent.rule), (&borrowed.app, &borrowed.rule));
    assert_eq!(sim.running_xml(), before, "nothing is written for it");

    both[1].twin.want("web-1", &[WEB], "Deny");
    until("it means another thing here", &mut both, |both| both[1].is(WEB, Reason::ActionConflict)).await;
    both[1].twin.want("web-1", &[WEB], "Allow");
    until("again", &mut both, |both| both[1].is(WEB, Reason::Enforced)).await;

    both[0].twin.unwant("web-1");
    until("the second makes its own", &mut both, |both| {
        both[1].is(WEB, Reason::Enforced) && both[1].twin.entry(WEB).unwrap().app != lent.app
    })
    .await;
    assert_eq!(counts(&sim.running_xml(), WEB), (1, 1));
    assert!(!sim.running_xml().contains(&lent.app), "the other's is gone");
}

#[tokio::test]
async fn an_adopted_name_changes_hands_in_one_commit() {
    let sim = firewall().await;
    let shared = |with: &'static str| move |spec: &mut Value| spec["sharedWith"] = json!([with]);
    let mut both = [
        Cluster::new(&sim, "prod-eu-0", shared("prod-eu-1")),
        Cluster::new(&sim, "prod-eu-1", shared("prod-eu-0")),
    ];
    both[0].twin.want("web-1", &[WEB], "Allow");
    both[0].twin.want("pay-1", &[PAY], "Allow");
    until("the first holds both", &mut both[..1], |both| {
        both[0].is(WEB, Reason::Enforced) && both[0].is(PAY, Reason::Enforced)
    })
    .await;
    both[1].twin.want("web-1", &[WEB], "Allow");
    until("the second borrows one", &mut both, |both| both[1].is(WEB, Reason::Enforced)).await;
    let ClaimedFirewall { app: theirs, rule: their_rule, .. } = both[1].twin.entry(WEB).unwrap();

    let before = commits(&sim);
    both[1].adopt(&[WEB]);
    until("the second makes its own", &mut both[1..], |both| {
        both[0].is(WEB, Reason::Enforced) && both[0].twin.entry(WEB).unwrap().app != theirs
    })
    .await;
    let running = sim.running_xml();
    assert_eq!((held(&running, WEB), held(&running, PAY), counts(&running, WEB)), (1, 1, (1, 1)));
    assert!(!running.contains(&theirs) && running.contains(&their_rule));
    assert_eq!(commits(&sim) - before, 1);

    until("the first goes on with what the second holds", &mut both, |both| {
        let (lent, own) = (both[0].twin.entry(WEB), both[1].twin.entry(WEB));
        both[0].is(WEB, Reason::Enforced) && lent.unwrap().app == own.unwrap().app
    })
    .await;
    assert_eq!(sim.running_xml(), running, "nobody writes anything for it");

    both[1].adopt(&[WEB, PAY]);
    both[1].twin.want("pay-1", &[PAY], "Allow");
    until("the last name takes its rule along", &mut both[1..], |both| both[0].is(PAY, Reason::Enforced))
        .await;
    let running = sim.running_xml();
    assert_eq!((held(&running, WEB), held(&running, PAY), counts(&running, WEB)), (1, 1, (1, 1)));
    assert!(!running.contains(&their_rule), "their rule went with its last App-ID");
}

#[tokio::test]
async fn law_5_what_is_not_shared_is_not_adopted() {
    let sim = firewall().await;
    let mut both = [Cluster::new(&sim, "prod-eu-0", |_| ()), Cluster::new(&sim, "prod-eu-1", |_| ())];
    both[0].twin.want("web-1", &[WEB], "Allow");
    until("the first holds it", &mut both[..1], |both| both[0].is(WEB, Reason::Enforced)).await;
    let before = (sim.candidate_xml(), sim.running_xml());
    both[1].adopt(&[WEB]);
    both[1].twin.want("web-1", &[WEB], "Allow");
    until("it is refused", &mut both, |both| both[1].is(WEB, Reason::NameHeldElsewhere)).await;
    assert_eq!((sim.candidate_xml(), sim.running_xml()), before);
}

#[tokio::test]
async fn law_7_a_borrowed_name_that_nobody_wants_any_more_is_left_to_its_cluster() {
    let sim = firewall().await;
    let mut both = [
        Cluster::new(&sim, "prod-eu-0", |_| ()),
        Cluster::new(&sim, "prod-eu-1", |spec| spec["sharedWith"] = json!(["prod-eu-0"])),
    ];
    both[0].twin.want("web-1", &[WEB], "Allow");
    until("the first holds it", &mut both[..1], |both| both[0].is(WEB, Reason::Enforced)).await;
    both[1].twin.want("web-1", &[WEB], "Allow");
    until("the second borrows it", &mut both, |both| both[1].is(WEB, Reason::Enforced)).await;
    let before = (sim.candidate_xml(), sim.running_xml());
    both[1].twin.unwant("web-1");
    until("the second forgets it", &mut both, |both| both[1].twin.entry(WEB).is_none()).await;
    assert_eq!((sim.candidate_xml(), sim.running_xml()), before);
}
