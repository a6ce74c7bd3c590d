//! The plug is pulled before and after each outward call; who comes after knows only what was stored.

use serde_json::json;

use super::{
    authority::Script,
    stage::{Stage, WEB},
};
use crate::cluster::turnstile::Side;

/// What an agent is at when it ends.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part {
    /// The first certificate.
    Issue,
    /// The second, when the first is due.
    Renew,
    /// The end of an identity that nobody wants.
    End,
}

/// So long after the first certificate its renewal is due in any case.
const DUE: u32 = 112;

/// A stage just before the part.
pub(super) async fn begin(part: Part, embedded: bool) -> Stage {
    let stage = if embedded { Stage::embedded().await } else { Stage::scripted(Script::default()).await };
    match part {
        Part::Issue => {}
        Part::Renew | Part::End => play(&stage, Part::Issue).await,
    }
    stage
}

/// Time passes until the part is due.
pub(super) async fn until_due(stage: &Stage, part: Part) {
    if matches!(part, Part::Renew) {
        stage.sleep(DUE).await;
    }
}

/// What an agent does in this part, with time enough for it.
pub(super) async fn play(stage: &Stage, part: Part) {
    match part {
        Part::Issue | Part::Renew => {
            stage.deployment(WEB, json!({}));
            stage.settle().await;
            stage.pass(3).await;
        }
        Part::End => {
            stage.gone(WEB);
            stage.settle().await;
            for _ in 0..2 {
                stage.sleep(1).await;
                stage.settle().await;
            }
        }
    }
}

/// How many outward calls the part takes when nothing comes between.
pub(super) async fn calls(part: Part, embedded: bool) -> usize {
    let stage = begin(part, embedded).await;
    until_due(&stage, part).await;
    stage.gate.count_anew();
    play(&stage, part).await;
    stage.gate.calls()
}

/// Plays until the plug is pulled at that call; gives the agent that comes after.
async fn pulled(part: Part, embedded: bool, call: usize, side: Side) -> Stage {
    let stage = begin(part, embedded).await;
    until_due(&stage, part).await;
    stage.gate.stop_at(call, side);
    let pulled = tokio::select! {
        biased;
        () = stage.gate.stopped() => true,
        () = play(&stage, part) => false,
    };
    assert!(pulled, "{part:?}: call {call} never came");
    stage.beside()
}

async fn after_every_pull(part: Part, embedded: bool, least: usize, certificates: usize) {
    let calls = calls(part, embedded).await;
    assert!(calls >= least, "{part:?} takes {calls} calls only");
    for call in 1..=calls {
        for side in [Side::Before, Side::After] {
            let next = pulled(part, embedded, call, side).await;
            play(&next, part).await;
            next.pass(30).await;
            next.is_whole(certificates, &format!("{part:?}, {side:?} call {call}")).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn law_8_pulled_at_any_call_there_is_exactly_one_certificate() {
    after_every_pull(Part::Issue, false, 15, 1).await;
}

#[tokio::test(start_paused = true)]
async fn law_8_the_embedded_authority_makes_one_certificate_too() {
    // It signs by the request's own token and keeps no ledger; what counts is that all that is stored agrees.
    after_every_pull(Part::Issue, true, 15, 1).await;
}

#[tokio::test(start_paused = true)]
async fn law_8_pulled_at_any_call_of_a_renewal_there_is_exactly_one_more() {
    after_every_pull(Part::Renew, false, 8, 2).await;
}

#[tokio::test(start_paused = true)]
async fn law_10_pulled_at_any_call_of_its_end_an_identity_ends_and_comes_back_with_what_it_had() {
    let calls = calls(Part::End, false).await;
    assert!(calls >= 6, "the end takes {calls} calls only");
    for call in 1..=calls {
        for side in [Side::Before, Side::After] {
            let next = pulled(Part::End, false, call, side).await;
            play(&next, Part::End).await;
            next.pass(130).await;
            let left = [next.all("workloadidentities"), next.all("nameclaims")].concat();
            assert!(left.is_empty(), "{side:?} call {call}: {left:?}");
            play(&next, Part::Issue).await;
            next.is_whole(1, &format!("back after its end, {side:?} call {call}")).await;
        }
    }
}
