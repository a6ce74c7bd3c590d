//! Every fault at every stage of a journey: in each cell the end is the one that was wanted, with no commit more than the
//! fault makes necessary, and everything of others is as they left it.
//!
//! A journey takes one name from the firewall and puts two on it. Its places are those before and after each outward
//! call; they are found by a journey that nobody disturbs, so a new call is a new column by itself.
#![cfg(test)]

mod cell;
mod faults;
mod field;
#[path = "../support/mod.rs"]
mod support;

use cell::{Columns, matrix};
use faults::{Call, Fault};
use field::Shape;
use panos_sim::Action;

/// Cells that go on at once.
const AT_ONCE: usize = 6;

fn answered(actions: &[Action]) -> Vec<Fault> {
    actions.iter().cloned().map(Fault::Answer).collect()
}

#[tokio::test]
async fn law_9_no_answer_at_any_call_or_half_of_one_heals() {
    let actions =
        [Action::DropBefore, Action::DropAfter, Action::CutMidway, Action::Truncate, Action::Garbage];
    matrix(Shape::Standalone, Columns::Each, &answered(&actions)).await;
}

#[tokio::test]
async fn law_9_a_proxys_page_a_slow_answer_or_a_refused_key_at_any_call_heals() {
    let refused = Action::Refuse { code: 403, text: String::new() };
    let mut faults = answered(&[Action::HttpStatus(502), Action::DelayMs(1000), refused]);
    faults.push(Fault::KeysExpire);
    matrix(Shape::Standalone, Columns::Each, &faults).await;
}

#[tokio::test]
async fn law_9_an_unreachable_device_a_restart_or_our_own_end_at_any_place_heals() {
    matrix(Shape::Standalone, Columns::Each, &[Fault::Unreachable, Fault::Restart, Fault::Killed]).await;
}

#[tokio::test]
async fn law_9_every_code_at_any_call_heals_when_it_passes() {
    let codes =
        faults::CODES.iter().map(|code| Action::Refuse { code: *code, text: "as planted".to_owned() });
    matrix(Shape::Standalone, Columns::First, &answered(&codes.collect::<Vec<_>>())).await;
}

#[tokio::test]
async fn law_9_every_text_that_means_later_is_waited_for_at_any_call() {
    let texts = faults::PASSING.iter().map(|text| Action::Refuse { code: 13, text: (*text).to_owned() });
    matrix(Shape::Standalone, Columns::First, &answered(&texts.collect::<Vec<_>>())).await;
}

#[tokio::test]
async fn law_7_and_9_locks_and_edits_of_a_colleague_at_any_place_are_waited_for_and_left() {
    let faults = [Fault::ConfigLock, Fault::CommitLock, Fault::RuleAdded, Fault::RuleEdited];
    matrix(Shape::Standalone, Columns::Each, &faults).await;
}

#[tokio::test]
async fn law_9_jobs_that_fail_hang_or_compile_nothing_cost_one_more_commit_at_most() {
    matrix(Shape::Standalone, Columns::Each, &[Fault::CommitFails, Fault::NotCompiled, Fault::NeverEnds])
        .await;
}

#[tokio::test]
async fn law_9_a_failover_at_any_place_is_followed() {
    let drop = Fault::Answer(Action::DropAfter);
    matrix(Shape::Pair, Columns::Each, &[Fault::FailOver, Fault::FailOverAndRestart, drop, Fault::Killed])
        .await;
}
