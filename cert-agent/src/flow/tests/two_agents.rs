//! Two agents that both believe that they lead do no harm.

use super::{
    crashes::{Part, begin, calls, play, until_due},
    stage::Stage,
};
use crate::cluster::turnstile::Side;

/// Two agents over one cluster, both just before the part, both with what they remember.
async fn two(part: Part) -> (Stage, Stage) {
    let one = begin(part, false).await;
    let two = one.beside();
    if matches!(part, Part::Renew) {
        play(&two, Part::Issue).await;
        assert_eq!(one.deliveries(), (1, 0), "the second found everything done");
    }
    until_due(&one, part).await;
    (one, two)
}

/// Both look at everything again and again, and neither finds anything to do.
async fn agree(one: &Stage, two: &Stage, certificates: usize, what: &str) {
    futures::future::join(one.look_again(), two.look_again()).await;
    let journal = one.journal();
    futures::future::join(one.look_again(), two.look_again()).await;
    assert_eq!(one.journal(), journal, "{what}: they write against each other");
    one.is_whole(certificates, what).await;
    assert_eq!(one.deliveries(), (1, certificates - 1), "{what}: each certificate is delivered once");
}

/// One stops at a call, the other goes all the way, then the first goes on.
async fn overtaken(part: Part, certificates: usize) {
    for call in 1..=calls(part, false).await {
        for side in [Side::Before, Side::After] {
            let (one, two) = two(part).await;
            one.gate.stop_at(call, side);
            let mut playing = std::pin::pin!(play(&one, part));
            tokio::select! {
                biased;
                () = one.gate.stopped() => {}
                () = &mut playing => panic!("{part:?}: call {call} never came"),
            }
            play(&two, part).await;
            one.gate.resume();
            playing.await;
            agree(&one, &two, certificates, &format!("{part:?}, overtaken {side:?} call {call}")).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn law_8_overtaken_at_any_call_there_is_one_certificate_between_them() {
    overtaken(Part::Issue, 1).await;
}

#[tokio::test(start_paused = true)]
async fn law_8_overtaken_at_any_call_of_a_renewal_there_is_one_more_between_them() {
    overtaken(Part::Renew, 2).await;
}

#[tokio::test(start_paused = true)]
async fn law_8_woven_into_each_other_they_make_one_certificate() {
    for (part, certificates) in [(Part::Issue, 1), (Part::Renew, 2)] {
        for seed in 0..40 {
            let (one, two) = two(part).await;
            one.gate.weave(seed);
            two.gate.weave(seed.wrapping_mul(0x9e37_79b9));
            futures::future::join(play(&one, part), play(&two, part)).await;
            agree(&one, &two, certificates, &format!("{part:?}, seed {seed}")).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn law_8_an_agent_that_was_asleep_brings_no_old_certificate_back() {
    let (asleep, awake) = two(Part::Renew).await;
    play(&awake, Part::Renew).await;
    assert_eq!(awake.deliveries(), (1, 1), "renewed while the other slept");
    // Somebody looks at it again: the first thing that it does is with what it remembers.
    play(&asleep, Part::Renew).await;
    agree(&asleep, &awake, 2, "awake again").await;
}

#[tokio::test(start_paused = true)]
async fn law_8_what_another_agent_says_is_looked_at_and_not_contradicted_from_memory() {
    // Somebody deletes the state; the one that starts anew knows of no certificate and asks for another, while
    // the other remembers the first and is at rest.
    let one = begin(Part::Renew, false).await;
    one.remove_state();
    let written = one.journal().len();
    let two = one.beside();
    futures::future::join(play(&one, Part::Issue), play(&two, Part::Issue)).await;
    let told = one.journal()[written..].iter().filter(|line| line.starts_with("status workload")).count();
    assert!(told <= 6, "{told} times they told each other");
    agree(&one, &two, 2, "after the state was deleted").await;
}
