//! The plug is pulled before and after every outward call: what is left in the objects and on the device is all
//! that the next process has.
#![cfg(test)]

mod support;

use futures::{StreamExt as _, stream};
use panos_sim::{Action, Where};
use support::{
    Colleague, Ground, always, commits,
    fleet::SERIALS,
    foreign,
    turns::{Replica, Turns, ground},
};

const WEB: &str = "web.shop.corp.example";
/// Journeys that go on at once.
const AT_ONCE: usize = 8;

/// Wants the name until it is enforced, by a process that ends at a place and by the one after it. Tells whether
/// the first came to that place.
async fn created((place, times): (String, usize)) -> (String, usize, bool) {
    let (sim, twin) = ground().await;
    let before = foreign(&sim.running_xml());
    twin.want("web-1", &[WEB], "Allow");
    let mut first = Replica::new(&twin, Turns::hold_at(&place, times));
    let turns = first.turns.clone();
    let crashed = tokio::select! {
        () = first.until("enforced", |replica| replica.enforces(WEB)) => false,
        () = turns.held() => true,
    };
    drop(first);
    let mut second = Replica::new(&twin, Turns::free());
    second.until("enforced", |replica| replica.enforces(WEB)).await;
    support::stands_once(&sim, &twin, WEB);
    assert_eq!(commits(&sim), 1, "killed {place}, {times}");
    assert_eq!(foreign(&sim.running_xml()), before, "killed {place}, {times}");
    (place, times, crashed)
}

#[tokio::test]
async fn law_9_killed_at_any_call_a_name_is_written_once_and_committed_once() {
    let clean = journey().await;
    for place in ["before write", "after commit", "after pending", "after store claim", "before job"] {
        assert!(clean.iter().any(|passed| passed == place), "{place}: {clean:?}");
    }
    let times = |n: usize| clean.iter().take(n).filter(|place| **place == clean[n]).count();
    let places = (0..clean.len()).map(|n| (clean[n].clone(), times(n)));
    let places = stream::iter(places).map(created).buffer_unordered(AT_ONCE).collect::<Vec<_>>().await;
    // How often a job is asked about, and told of, varies.
    let missed: Vec<_> = places.iter().filter(|(_, times, crashed)| *times == 0 && !crashed).collect();
    assert!(missed.is_empty(), "nobody was killed {missed:?}");
}

/// The places of a journey that nobody interrupts. How often its job is asked about varies.
async fn journey() -> Vec<String> {
    let (_sim, twin) = ground().await;
    twin.want("web-1", &[WEB], "Allow");
    let mut replica = Replica::new(&twin, Turns::free());
    replica.until("enforced", |replica| replica.enforces(WEB)).await;
    replica.turns.passed()
}

/// Removes the name again, by a process that ends at the `n`-th place of the removal and by the one after it.
async fn removed(n: usize) -> bool {
    let (sim, twin) = ground().await;
    let before = sim.running_xml();
    twin.want("web-1", &[WEB], "Allow");
    let mut first = Replica::new(&twin, Turns::free());
    first.until("enforced", |replica| replica.enforces(WEB)).await;
    twin.unwant("web-1");
    let turns = first.turns.clone();
    turns.hold_later(n);
    let crashed = tokio::select! {
        () = first.until("gone", |_| twin.entry(WEB).is_none()) => None,
        () = turns.held() => turns.passed().pop(),
    };
    drop(first);
    let mut second = Replica::new(&twin, Turns::free());
    second.until("gone", |_| twin.entry(WEB).is_none()).await;
    assert_eq!(
        support::without_uuids(&sim.running_xml()),
        support::without_uuids(&before),
        "killed {crashed:?}"
    );
    assert_eq!(
        support::without_uuids(&sim.candidate_xml()),
        support::without_uuids(&before),
        "killed {crashed:?}"
    );
    assert_eq!(commits(&sim), 2, "killed {crashed:?}");
    crashed.is_some()
}

#[tokio::test]
async fn law_10_killed_at_any_call_of_a_removal_nothing_of_ours_is_left() {
    let reached = stream::iter(0..40).map(removed).buffer_unordered(AT_ONCE).collect::<Vec<_>>().await;
    let reached = reached.into_iter().filter(|crashed| *crashed).count();
    assert!(reached >= 20, "{reached} places of the removal were reached");
}

#[tokio::test]
async fn a_lost_commit_that_ends_while_the_next_process_reads_is_not_started_again() {
    let (sim, twin) = ground().await;
    let colleague = Colleague::new(&sim).await;
    sim.plant(always(Where::Job, Action::NeverFinish));
    twin.want("web-1", &[WEB], "Allow");
    let mut first = Replica::new(&twin, Turns::hold_at("after commit", 0));
    let turns = first.turns.clone();
    tokio::select! {
        () = first.until("enforced", |replica| replica.enforces(WEB)) => unreachable!("its commit never ends"),
        () = turns.held() => {}
    }
    drop(first);
    let mut second = Replica::new(&twin, Turns::hold_at("after running", 0));
    let turns = second.turns.clone();
    let ends = async {
        turns.held().await;
        sim.clear_faults();
        colleague.idle().await;
        turns.go();
    };
    tokio::join!(second.until("enforced", |replica| replica.enforces(WEB)), ends);
    support::stands_once(&sim, &twin, WEB);
    assert_eq!(commits(&sim), 1);
}

#[tokio::test]
async fn a_lost_push_that_ends_while_the_next_process_reads_is_not_started_again() {
    let ground = Ground::fleet(|_| ()).await;
    let colleague = Colleague::new(&ground.sim.panorama).await;
    let firewalls = || SERIALS.iter().map(|serial| ground.sim.firewall(serial).unwrap());
    firewalls().for_each(|firewall| firewall.plant(always(Where::Job, Action::NeverFinish)));
    ground.twin.want("web-1", &[WEB], "Allow");
    let mut first = Replica::new(&ground.twin, Turns::hold_at("after push", 0));
    let turns = first.turns.clone();
    tokio::select! {
        () = first.until("enforced", |replica| replica.enforces(WEB)) => unreachable!("its push never ends"),
        () = turns.held() => {}
    }
    drop(first);
    // The last firewall is read.
    let mut second = Replica::new(&ground.twin, Turns::hold_at("after in force", SERIALS.len() - 1));
    let turns = second.turns.clone();
    let ends = async {
        turns.held().await;
        firewalls().for_each(panos_sim::Running::clear_faults);
        colleague.idle().await;
        turns.go();
    };
    tokio::join!(second.until("enforced", |replica| replica.enforces(WEB)), ends);
    assert_eq!(ground.sent(), (1, 2), "one push for each group");
}
