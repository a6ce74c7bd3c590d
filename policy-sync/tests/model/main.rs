//! A model of everything: two clusters on one firewall, a colleague, faults, crashes, brakes and time, in any order that
//! chance makes. After each step the laws hold on the device; in the end everything settles.
//!
//! `SALLYPORT_MODEL_SEED=17` runs that sequence too, `SALLYPORT_MODEL_EVENTS=200` makes sequences longer.
#![cfg(test)]

mod course;
mod device;
mod dice;
mod events;
mod hand;
mod laws;
mod party;
#[path = "../support/mod.rs"]
mod support;
mod switches;

use course::Course;
use futures::{StreamExt as _, stream};
use support::one_in;
use switches::{Position, others, positions};

/// Events of one sequence.
const EVENTS: usize = 40;
/// Sequences that go on at once.
const AT_ONCE: usize = 2;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// The switch that a seed draws.
fn position(seed: u64) -> Position {
    let all = others();
    all[usize::try_from(seed).unwrap() % all.len()].clone()
}

async fn sequence(seed: u64) {
    let events = number("SALLYPORT_MODEL_EVENTS").map_or(EVENTS, |events| usize::try_from(events).unwrap());
    let mut course = Course::new(seed, position(seed)).await;
    if let Err(broken) = course.run(events).await {
        let steps = course.steps.join("\n");
        panic!("seed {seed}, {:?}\n{steps}\n{}{broken}", position(seed), course.last_writes().await);
    }
}

async fn sequences(seeds: impl Iterator<Item = u64>) {
    stream::iter(seeds).map(sequence).buffer_unordered(AT_ONCE).collect::<Vec<_>>().await;
}

fn seeds() -> u64 {
    u64::try_from(others().len()).unwrap()
}

#[tokio::test]
async fn law_2_5_6_7_9_and_10_hold_after_every_step_of_the_even_seeds() {
    sequences((0..seeds()).filter(|seed| seed % 2 == 0).step_by(one_in())).await;
}

#[tokio::test]
async fn law_2_5_6_7_9_and_10_hold_after_every_step_of_the_odd_seeds() {
    sequences((0..seeds()).filter(|seed| seed % 2 == 1).step_by(one_in())).await;
}

#[tokio::test]
async fn law_2_5_6_7_9_and_10_hold_after_every_step_of_the_seed_that_is_asked_for() {
    sequence(number("SALLYPORT_MODEL_SEED").unwrap_or(1_000_003)).await;
}

#[test]
fn every_position_of_every_switch_is_drawn() {
    let drawn: Vec<_> =
        (0..seeds()).map(|seed| serde_json::to_value(position(seed).quirks()).unwrap()).collect();
    let all = positions();
    assert!(all.len() > 70, "{} positions", all.len());
    for Position { switch, value } in all {
        assert!(drawn.iter().any(|quirks| quirks[&switch] == value), "{switch} {value}");
    }
}
