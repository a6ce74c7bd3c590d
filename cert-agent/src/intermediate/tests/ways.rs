//! Every way to an intermediate: made, renewed, refused; and the plug pulled before and after each outward call.

use std::sync::Arc;

use jiff::SignedDuration;
use k8s_openapi::api::core::v1::Secret;
use sallyport_process::clock::Clock;

use super::{
    ca::{ARN, Ca, Reached},
    fit::{clock, spec},
};
use crate::{
    cluster::{
        turnstile::{Side, Turnstile},
        twin::Twin,
    },
    intermediate::{
        journey::{Journey, Order, Step, Trouble},
        stored::{self, Stored},
    },
    issuer::IssueError,
};

const SYSTEM: &str = "sallyport-system";
const AUTHORITY: &str = "corp-app";

/// A cluster, a CA above, and time.
struct Ground {
    twin: Twin,
    ca: Arc<Ca>,
    clock: Clock,
}

impl Ground {
    fn new() -> Self {
        let clock = clock();
        Self { twin: Twin::default(), ca: Arc::new(Ca::new(&clock)), clock }
    }

    fn journey(&self, order: Order, gate: &Arc<Turnstile>) -> Journey<Twin, Reached> {
        Journey {
            cluster: self.twin.through(gate),
            parent: Reached { ca: Arc::clone(&self.ca), gate: Arc::clone(gate) },
            clock: self.clock.clone(),
            system: SYSTEM.to_owned(),
            authority: AUTHORITY.to_owned(),
            spec: spec(&["corp.example"]),
            order,
        }
    }

    async fn run(&self, order: Order) -> Result<Stored, Trouble> {
        run(&self.journey(order, &Arc::default())).await
    }

    fn secret(&self, name: &str) -> Option<Secret> {
        self.twin.stored(SYSTEM, name)
    }

    fn standing(&self) -> Option<Stored> {
        let secret = self.secret(&stored::name(AUTHORITY))?;
        Some(Stored::read(&secret, self.clock.now()).unwrap())
    }

    /// Nothing is left over.
    fn is_tidy(&self) -> bool {
        self.secret(&stored::name_of_request(AUTHORITY)).is_none()
    }

    fn signed(&self) -> usize {
        self.ca.signed.lock().unwrap().len()
    }
}

async fn run(journey: &Journey<Twin, Reached>) -> Result<Stored, Trouble> {
    const MOST_STEPS: usize = 10;
    for _ in 0..MOST_STEPS {
        if let Step::Done(made) = journey.step().await? {
            return Ok(made);
        }
    }
    panic!("more steps than the way has");
}

#[tokio::test]
async fn the_first_is_created_and_another_takes_its_place() {
    let ground = Ground::new();
    assert!(matches!(ground.run(Order::Renew).await, Err(Trouble::ThereIsNone)));
    let first = ground.run(Order::Create).await.unwrap();
    assert_eq!(first.held.permitted().to_string(), "corp.example");
    assert_eq!((first.parent.as_str(), ground.signed(), ground.is_tidy()), (ARN, 1, true));
    assert!(matches!(ground.run(Order::Create).await, Err(Trouble::ThereIsOne(_))));
    assert_eq!(ground.signed(), 1, "nothing more was asked");
    ground.clock.advance(SignedDuration::from_hours(400));
    let second = ground.run(Order::Renew).await.unwrap();
    assert_eq!((ground.signed(), ground.is_tidy()), (2, true));
    assert!(second.held.key().public().unwrap() != first.held.key().public().unwrap(), "a new key");
    assert_ne!(second.held.serial(), first.held.serial());
    assert_eq!(second.held.path().last(), first.held.path().last(), "and the same root");
    assert_eq!(ground.standing().unwrap().held.serial(), second.held.serial());
}

async fn pulled_at_every_call(order: Order, least: usize) {
    let (already, whole) = if order == Order::Create { (0, 1) } else { (1, 2) };
    let begin = async || {
        let ground = Ground::new();
        if order == Order::Renew {
            ground.run(Order::Create).await.unwrap();
        }
        assert_eq!(ground.signed(), already);
        ground
    };
    let gate: Arc<Turnstile> = Arc::default();
    run(&begin().await.journey(order, &gate)).await.unwrap();
    let calls = gate.calls();
    assert!(calls >= least, "{order:?} takes {calls} calls only");
    for call in 1..=calls {
        for side in [Side::Before, Side::After] {
            let what = format!("{order:?}, {side:?} call {call}");
            let (ground, gate) = (begin().await, Arc::<Turnstile>::default());
            let former = ground.standing().map(|former| former.held.serial().to_owned());
            gate.stop_at(call, side);
            let journey = ground.journey(order, &gate);
            tokio::select! {
                biased;
                () = gate.stopped() => {}
                ended = run(&journey) => panic!("{what}: it was not stopped: {}", ended.is_ok()),
            }
            let standing = ground.standing().map(|standing| standing.held.serial().to_owned());
            let replaced = standing != former;
            if replaced && ground.is_tidy() {
                // Stopped after the very last call: all is done, and only the person does not know.
                assert_eq!((call, side), (calls, Side::After), "{what}");
            } else {
                ground.run(order).await.unwrap_or_else(|error| panic!("{what}: {error}"));
            }
            assert_eq!((ground.signed(), ground.is_tidy()), (whole, true), "{what}");
            assert_ne!(ground.standing().map(|now| now.held.serial().to_owned()), former, "{what}");
        }
    }
}

#[tokio::test]
async fn law_8_pulled_at_any_call_there_is_exactly_one_intermediate() {
    pulled_at_every_call(Order::Create, 12).await;
}

#[tokio::test]
async fn law_8_pulled_at_any_call_of_a_renewal_there_is_exactly_one_more() {
    pulled_at_every_call(Order::Renew, 12).await;
}

#[tokio::test]
async fn law_8_an_outage_of_aws_asks_for_nothing_twice() {
    let ground = Ground::new();
    for error in [
        IssueError::Throttled("slow".to_owned()),
        IssueError::Unavailable("away".to_owned()),
        IssueError::Denied("not authorized".to_owned()),
    ] {
        ground.ca.errors.lock().unwrap().push(error);
        let told = ground.run(Order::Create).await.err().unwrap().to_string();
        assert!(told.contains("run this again to go on"), "{told}");
    }
    let kept = ground.secret(&stored::name_of_request(AUTHORITY)).unwrap();
    let made = ground.run(Order::Create).await.unwrap();
    let key = String::from_utf8(kept.data.unwrap()["tls.key"].0.clone()).unwrap();
    assert_eq!((made.held.key().pem(), ground.signed()), (key.as_str(), 1), "the key that was stored first");
}

#[tokio::test]
async fn what_aws_refuses_for_good_is_over_and_leaves_nothing() {
    for error in [IssueError::Refused("MalformedCSR".to_owned()), IssueError::Failed("failed".to_owned())] {
        let ground = Ground::new();
        ground.ca.errors.lock().unwrap().push(error);
        let told = ground.run(Order::Create).await.err().unwrap();
        assert!(matches!(told, Trouble::Refused(_)), "{told}");
        assert_eq!((ground.signed(), ground.is_tidy(), ground.standing().is_none()), (0, true, true));
        ground.run(Order::Create).await.unwrap();
    }
}

#[tokio::test]
async fn a_parent_that_does_not_suit_is_told_and_asked_for_nothing() {
    type Change = fn(&mut crate::intermediate::parent::Looked);
    let cases: [(&str, Change); 4] = [
        ("short-lived", |looked| "SHORT_LIVED_CERTIFICATE".clone_into(&mut looked.described.usage_mode)),
        ("shared with yours", |looked| "999999999999".clone_into(&mut looked.caller)),
        ("ended at", |looked| looked.described.not_after = clock().now()),
        ("cannot be read", |looked| looked.described.path = vec![vec![0]]),
    ];
    for (told, change) in cases {
        let ground = Ground::new();
        change(&mut ground.ca.looked.lock().unwrap());
        let error = ground.run(Order::Create).await.err().unwrap().to_string();
        assert!(error.contains(told), "{told}: {error}");
        assert_eq!((ground.signed(), ground.is_tidy()), (0, true), "{told}");
    }
}

#[tokio::test]
async fn law_4_an_answer_that_was_not_asked_for_is_thrown_away_with_its_key() {
    let ground = Ground::new();
    ground.run(Order::Create).await.unwrap();
    let before = ground.standing().unwrap();
    *ground.ca.spoil.lock().unwrap() = Some(|params| params.custom_extensions.clear());
    let told = ground.run(Order::Renew).await.err().unwrap().to_string();
    for part in ["has no name constraints", "the key was thrown away", "aws acm-pca revoke-certificate", ARN]
    {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert!(ground.is_tidy());
    assert_eq!(ground.standing().unwrap().held.serial(), before.held.serial(), "the one before stands");
}

#[tokio::test]
async fn a_request_for_other_terms_is_neither_finished_nor_forgotten() {
    let ground = Ground::new();
    ground.ca.errors.lock().unwrap().push(IssueError::Unavailable("away".to_owned()));
    ground.run(Order::Create).await.err().unwrap();
    let mut journey = ground.journey(Order::Create, &Arc::default());
    journey.spec = spec(&["other.example"]);
    let told = run(&journey).await.err().unwrap().to_string();
    assert!(told.contains("other permittedDNSDomains") && told.contains("delete that Secret"), "{told}");
    assert_eq!((ground.signed(), ground.is_tidy()), (0, false));
    ground.run(Order::Create).await.unwrap();
}
