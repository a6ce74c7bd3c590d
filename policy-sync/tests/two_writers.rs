//! Two replicas that both believe that they lead, over one firewall and one cluster: they may do work twice, but
//! no harm.
#![cfg(test)]

mod support;

use std::cell::Cell;

use futures::{StreamExt as _, stream};
use panos_sim::Running;
use support::{
    Twin, foreign, one_in,
    turns::{Replica, Turns, ground},
};

const WEB: &str = "web.shop.corp.example";
const AT_ONCE: usize = 8;
/// Places of a journey at which the first replica is held; later ones are polls and repetitions.
const PLACES: usize = 36;
/// Steps in which the first replica comes through its journey.
const STEPS: usize = 30;

/// Every other place: after one call is before the next.
fn places(most: usize) -> impl Iterator<Item = usize> {
    (0..most).step_by(2 * one_in())
}

/// Lets both go on until both say the same and the device agrees.
async fn settle(one: &mut Replica, other: &mut Replica, sim: &Running, twin: &Twin, wanted: bool) {
    let settled = |replica: &Replica| match wanted {
        true => replica.enforces(WEB) && support::counts(&sim.running_xml(), WEB) == (1, 1),
        false => twin.entry(WEB).is_none() && support::counts(&sim.running_xml(), WEB) == (0, 0),
    };
    // Twice, since one may take back what the other has just been content with.
    for _ in 0..2 {
        tokio::join!(one.until("the first settles", settled), other.until("the second settles", settled));
        one.step().await;
        other.step().await;
    }
    tokio::join!(one.until("the first settles", settled), other.until("the second settles", settled));
}

/// Lets both go on until the name stands, once.
async fn settle_on_one(one: &mut Replica, other: &mut Replica, sim: &Running, twin: &Twin) {
    settle(one, other, sim, twin, true).await;
    support::stands_once(sim, twin, WEB);
}

/// The first is held at the `n`-th place of a journey while `meanwhile` happens, and goes on with its old memory.
async fn held<F: Future<Output = Replica>>(
    n: usize,
    twin: &Twin,
    mut first: Replica,
    meanwhile: impl FnOnce(Replica) -> F,
) -> Option<(Replica, Replica)> {
    let turns = first.turns.clone();
    turns.hold_later(n);
    let second = {
        let mut journey = std::pin::pin!(async {
            for _ in 0..STEPS {
                first.step().await;
            }
        });
        tokio::select! {
            () = &mut journey => return None,
            () = turns.held() => {}
        }
        let second = meanwhile(Replica::new(twin, Turns::free())).await;
        turns.go();
        journey.await;
        second
    };
    Some((first, second))
}

async fn writes_late(n: usize) -> bool {
    let (sim, twin) = ground().await;
    let before = foreign(&sim.running_xml());
    twin.want("web-1", &[WEB], "Allow");
    let first = Replica::new(&twin, Turns::free());
    let both = held(n, &twin, first, |mut second| async {
        second.until("enforced", |replica| replica.enforces(WEB)).await;
        second
    })
    .await;
    let Some((mut first, mut second)) = both else { return false };
    settle_on_one(&mut first, &mut second, &sim, &twin).await;
    assert_eq!(foreign(&sim.running_xml()), before, "held at {n}");
    true
}

#[tokio::test]
async fn law_9_a_replica_that_goes_on_late_writes_nothing_twice() {
    let reached =
        stream::iter(places(PLACES)).map(writes_late).buffer_unordered(AT_ONCE).collect::<Vec<_>>().await;
    assert!(reached.iter().all(|held| *held), "{reached:?}");
}

async fn writes_what_was_removed(n: usize) -> bool {
    let (sim, twin) = ground().await;
    let before = foreign(&sim.running_xml());
    twin.want("web-1", &[WEB], "Allow");
    let first = Replica::new(&twin, Turns::free());
    let both = held(n, &twin, first, |mut second| async {
        second.until("enforced", |replica| replica.enforces(WEB)).await;
        twin.unwant("web-1");
        second.until("gone", |_| twin.entry(WEB).is_none()).await;
        second
    })
    .await;
    let Some((mut first, mut second)) = both else { return false };
    settle(&mut first, &mut second, &sim, &twin, false).await;
    twin.want("web-2", &[WEB], "Allow");
    settle_on_one(&mut first, &mut second, &sim, &twin).await;
    assert_eq!(foreign(&sim.running_xml()), before, "held at {n}");
    true
}

#[tokio::test]
async fn law_10_what_a_late_replica_writes_after_its_removal_goes_again() {
    let reached = stream::iter(places(PLACES))
        .map(writes_what_was_removed)
        .buffer_unordered(AT_ONCE)
        .collect::<Vec<_>>()
        .await;
    assert!(reached.iter().all(|held| *held), "{reached:?}");
}

async fn removes_what_is_wanted(n: usize) -> bool {
    let (sim, twin) = ground().await;
    let before = foreign(&sim.running_xml());
    twin.want("web-1", &[WEB], "Allow");
    let mut first = Replica::new(&twin, Turns::free());
    first.until("enforced", |replica| replica.enforces(WEB)).await;
    let delete = format!("<delete xpath=\"{APPS}{}", twin.entry(WEB).unwrap().app);
    let removals = || sim.log_lines().iter().filter(|line| line.element.contains(&delete)).count();
    twin.unwant("web-1");
    let while_unwanted = Cell::new(0);
    let both = held(n, &twin, first, |mut second| async {
        while_unwanted.set(removals());
        twin.want("web-2", &[WEB], "Allow");
        second.until("enforced", |replica| replica.enforces(WEB)).await;
        second
    })
    .await;
    let Some((mut first, mut second)) = both else { return false };
    settle_on_one(&mut first, &mut second, &sim, &twin).await;
    assert_eq!(foreign(&sim.running_xml()), before, "held at {n}");
    let flapped = removals() - while_unwanted.get();
    assert!(flapped <= 1, "it flapped {flapped} times, held at {n}");
    true
}

const APPS: &str = "/config/devices/entry[@name=&apos;localhost.localdomain&apos;]/vsys/entry[@name=&apos;vsys1&apos;]/application/entry[@name=&apos;";

#[tokio::test]
async fn law_10_what_a_late_replica_removes_although_it_is_wanted_comes_back() {
    let reached = stream::iter(places(24))
        .map(removes_what_is_wanted)
        .buffer_unordered(AT_ONCE)
        .collect::<Vec<_>>()
        .await;
    assert!(reached.iter().filter(|held| **held).count() * 3 >= reached.len(), "{reached:?}");
}

#[tokio::test]
async fn two_replicas_at_once_write_one_of_each() {
    let (sim, twin) = ground().await;
    let before = foreign(&sim.running_xml());
    twin.want("web-1", &[WEB], "Allow");
    let (mut one, mut other) = (Replica::new(&twin, Turns::free()), Replica::new(&twin, Turns::free()));
    settle(&mut one, &mut other, &sim, &twin, true).await;
    support::stands_once(&sim, &twin, WEB);
    twin.unwant("web-1");
    settle(&mut one, &mut other, &sim, &twin, false).await;
    assert_eq!(foreign(&sim.running_xml()), before);
}
