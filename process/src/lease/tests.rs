//! Campaigns against a Lease that is kept in memory, on a clock that stands still.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
    time::Duration,
};

use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use kube::{Client, client::Body, core::Status};
use tokio::{
    task::JoinSet,
    time::{Instant, advance, sleep},
};

use super::{Campaign, Leadership, LeaseArgs};
use crate::{clock::Clock, shutdown::Stop, tasks::TaskResult};

/// The API server's side of one Lease.
#[derive(Clone, Default)]
struct Twin(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    lease: Option<Lease>,
    version: u64,
    away: bool,
}

impl Twin {
    fn client(&self) -> Client {
        let twin = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let twin = twin.clone();
            async move { Ok::<_, Infallible>(twin.answer(request).await) }
        });
        Client::new(service, "sallyport-system")
    }

    async fn answer(&self, request: Request<Body>) -> Response<Body> {
        let method = request.method().clone();
        let body = request.into_body().collect().await.unwrap().to_bytes();
        let mut inner = self.0.lock().unwrap();
        if inner.away {
            return refusal(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable");
        }
        let stands = inner.lease.as_ref().and_then(|lease| lease.metadata.resource_version.clone());
        if method == Method::GET {
            return match &inner.lease {
                Some(lease) => json(StatusCode::OK, lease),
                None => refusal(StatusCode::NOT_FOUND, "NotFound"),
            };
        }
        let mut lease: Lease = serde_json::from_slice(&body).unwrap();
        if lease.metadata.resource_version != stands {
            return refusal(StatusCode::CONFLICT, "Conflict");
        }
        inner.version += 1;
        lease.metadata.resource_version = Some(inner.version.to_string());
        inner.lease = Some(lease.clone());
        json(StatusCode::OK, &lease)
    }

    fn holder(&self) -> Option<String> {
        self.0.lock().unwrap().lease.clone()?.spec?.holder_identity
    }

    fn away(&self, away: bool) {
        self.0.lock().unwrap().away = away;
    }

    fn campaign(&self, holder: &str) -> Campaign {
        let args = LeaseArgs { lease_holder: holder.to_owned(), lease_seconds: 15 };
        let clock = Clock::manual(Timestamp::UNIX_EPOCH);
        Campaign::new(self.client(), "sallyport-system", "sallyport-test", args, clock)
    }
}

fn json(status: StatusCode, object: &impl serde::Serialize) -> Response<Body> {
    Response::builder().status(status).body(Body::from(serde_json::to_vec(object).unwrap())).unwrap()
}

fn refusal(status: StatusCode, reason: &str) -> Response<Body> {
    json(status, &Status::failure(reason, reason).with_code(status.as_u16()))
}

/// A campaign that runs until it is stopped or lost.
struct Running {
    leadership: Leadership,
    stop: Stop,
    task: JoinSet<TaskResult>,
}

impl Running {
    /// How it ended.
    async fn ended(&mut self) -> TaskResult {
        self.task.join_next().await.unwrap().unwrap()
    }

    fn has_ended(&mut self) -> bool {
        self.task.try_join_next().is_some()
    }
}

fn run(campaign: &Campaign) -> Running {
    let stop = Stop::new();
    let mut task = JoinSet::new();
    task.spawn(campaign.clone().run(stop.clone()));
    Running { leadership: campaign.leadership(), stop, task }
}

/// A campaign that runs and has won.
async fn leading(campaign: &Campaign) -> Running {
    let running = run(campaign);
    until(|| running.leadership.holds()).await;
    running
}

/// Lets paused time pass until something holds, for an hour at most.
async fn until(what: impl Fn() -> bool) -> Duration {
    let start = Instant::now();
    while !what() {
        assert!(start.elapsed() < Duration::from_secs(3600), "it never came");
        sleep(Duration::from_millis(100)).await;
    }
    start.elapsed()
}

#[tokio::test(start_paused = true)]
async fn the_second_waits_and_takes_over_when_the_first_is_gone() {
    let twin = Twin::default();
    let (one, two) = (twin.campaign("one"), twin.campaign("two"));
    let mut first = leading(&one).await;
    let second = run(&two);
    sleep(Duration::from_secs(300)).await;
    assert!(first.leadership.holds() && !second.leadership.holds());
    // Killed: nobody gives anything back.
    first.task.abort_all();
    let waited = until(|| second.leadership.holds()).await;
    assert!((Duration::from_secs(12)..Duration::from_secs(20)).contains(&waited), "{waited:?}");
    assert_eq!(twin.holder().as_deref(), Some("two"));
    assert!(!first.leadership.holds(), "long before that the first may write nothing");
}

#[tokio::test(start_paused = true)]
async fn what_is_given_back_is_taken_at_once() {
    let twin = Twin::default();
    let (one, two) = (twin.campaign("one"), twin.campaign("two"));
    let mut first = leading(&one).await;
    let second = run(&two);
    first.stop.now();
    first.ended().await.unwrap();
    one.give_back().await;
    assert!(!first.leadership.holds());
    assert!(until(|| second.leadership.holds()).await < Duration::from_secs(5));
    // Whoever does not hold it gives nothing back.
    twin.campaign("one").give_back().await;
    assert_eq!(twin.holder().as_deref(), Some("two"));
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_cannot_renew_ends_before_another_may_begin() {
    let twin = Twin::default();
    let mut first = leading(&twin.campaign("one")).await;
    twin.away(true);
    let held = until(|| !first.leadership.holds()).await;
    assert!(held < Duration::from_secs(15), "{held:?}");
    let error = first.ended().await.unwrap_err();
    assert!(error.to_string().contains("could not be renewed in time"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_short_outage_changes_nothing() {
    let twin = Twin::default();
    let mut first = leading(&twin.campaign("one")).await;
    twin.away(true);
    sleep(Duration::from_secs(5)).await;
    twin.away(false);
    sleep(Duration::from_secs(60)).await;
    assert!(first.leadership.holds() && !first.has_ended());
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_slept_too_long_finds_another_and_ends() {
    let twin = Twin::default();
    let mut first = leading(&twin.campaign("one")).await;
    // Stopped: time goes on, its task does not. The other one sees a Lease that nobody renews.
    let stale = twin.0.lock().unwrap().lease.clone();
    advance(Duration::from_secs(40)).await;
    assert!(!first.leadership.holds(), "the first question after the sleep is answered no");
    let mut lease = stale.unwrap();
    lease.spec.as_mut().unwrap().holder_identity = Some("two".to_owned());
    lease.metadata.resource_version = Some("77".to_owned());
    twin.0.lock().unwrap().lease = Some(lease);
    let error = first.ended().await.unwrap_err();
    assert!(error.to_string().contains("held by two now"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_container_that_starts_anew_in_its_pod_goes_on_at_once() {
    let twin = Twin::default();
    let mut first = leading(&twin.campaign("one")).await;
    first.task.abort_all();
    let again = run(&twin.campaign("one"));
    assert!(until(|| again.leadership.holds()).await < Duration::from_secs(1));
}
