//! Every fault on every kind of request: whether the request was done, what the client hears, how often.

use crate::support::{Client, Reply, VSYS, start};
use panos_sim::{Action, Fault, Running, Times, Where};
use std::time::{Duration, Instant};

/// A request of one kind, and what shows that it was done.
struct Call {
    place: Where,
    form: Vec<(&'static str, String)>,
    effect: Option<Effect>,
}

/// A text that is (or is no longer) in an answer of the control endpoint.
#[derive(Clone, Copy)]
struct Effect {
    path: &'static str,
    text: &'static str,
    there: bool,
}

const LEGACY: &str = "/rulebase/security/rules/entry[@name='allow-legacy']";

fn calls() -> Vec<Call> {
    let candidate = |text, there| Some(Effect { path: "/config/candidate", text, there });
    let job = |text| Some(Effect { path: "/state", text, there: true });
    let config = |place, action: &str, below: &str, more: &[(&'static str, &str)], effect| Call {
        place,
        form: [("type", "config"), ("action", action), ("xpath", &format!("{VSYS}{below}"))]
            .iter()
            .chain(more)
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect(),
        effect,
    };
    let plain = |place, parameters: &[(&'static str, &str)], effect| Call {
        place,
        form: parameters.iter().map(|(name, value)| (*name, (*value).to_owned())).collect(),
        effect,
    };
    let batch = format!(
        "<multi-config><set xpath=\"{VSYS}/tag/entry[@name='x']\"><color>color7</color></set></multi-config>"
    );
    let commented = "<comments>edited</comments>";
    vec![
        plain(Where::Keygen, &[("type", "keygen"), ("user", "alice"), ("password", "wonder")], None),
        config(Where::Get, "get", "/tag", &[], None),
        config(Where::Show, "show", "/tag", &[], None),
        config(
            Where::Set,
            "set",
            "/tag/entry[@name='x']",
            &[("element", "<color>color7</color>")],
            candidate("color7", true),
        ),
        config(
            Where::Edit,
            "edit",
            "/tag/entry[@name='legacy']/comments",
            &[("element", commented)],
            candidate("edited", true),
        ),
        config(Where::Delete, "delete", LEGACY, &[], candidate("allow-legacy", false)),
        config(
            Where::Move,
            "move",
            LEGACY,
            &[("where", "bottom")],
            candidate("workloads</description></entry><entry name=\"allow-legacy\"", true),
        ),
        plain(
            Where::MultiConfig,
            &[("type", "config"), ("action", "multi-config"), ("element", &batch)],
            candidate("color7", true),
        ),
        plain(Where::Op, &[("type", "op"), ("cmd", "<validate><full/></validate>")], job("Validate")),
        plain(Where::JobPoll, &[("type", "op"), ("cmd", "<show><jobs><all/></jobs></show>")], None),
        plain(
            Where::Commit,
            &[("type", "commit"), ("cmd", "<commit><force/></commit>")],
            job("\"type\":\"Commit\""),
        ),
    ]
}

impl Call {
    async fn send(&self, us: &Client) -> Result<Reply, reqwest::Error> {
        let form: Vec<_> = self.form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        us.try_send(&form).await
    }

    async fn was_done(&self, us: &Client, done: bool, what: &str) {
        let Some(effect) = self.effect else { return };
        let found = us.control("GET", effect.path, "").await.body.contains(effect.text);
        assert_eq!(found == effect.there, done, "{:?} after {what}", self.place);
    }
}

fn plant(running: &Running, place: Where, action: &Action, times: Times) {
    running.plant(Fault { place, action: action.clone(), times, matching: None });
}

#[tokio::test]
async fn each_kind_of_request_goes_through_without_a_fault() {
    for call in calls() {
        let (_running, us) = start().await;
        call.was_done(&us, false, "nothing").await;
        call.send(&us).await.unwrap().has("status=\"success\"");
        call.was_done(&us, true, "the request").await;
    }
}

#[tokio::test]
async fn a_request_that_is_cut_off_before_was_not_done_and_one_cut_off_after_was() {
    for (action, done) in [(Action::DropBefore, false), (Action::DropAfter, true), (Action::CutMidway, true)]
    {
        for call in calls() {
            let (running, us) = start().await;
            plant(&running, call.place, &action, Times::Count(1));
            assert!(call.send(&us).await.is_err(), "{:?} {action:?}", call.place);
            call.was_done(&us, done, "it was cut off").await;
            assert_eq!(running.log_lines().last().unwrap().status, "dropped");
            call.send(&us).await.unwrap().has("<response");
            call.was_done(&us, true, "it was sent again").await;
        }
    }
}

#[tokio::test]
async fn a_request_that_is_refused_was_not_done() {
    let refuse = Action::Refuse { code: 13, text: "Another sync is in progress".to_owned() };
    for (action, answer) in [(refuse, "Another sync is in progress"), (Action::HttpStatus(502), "nginx")] {
        for call in calls() {
            let (running, us) = start().await;
            plant(&running, call.place, &action, Times::Count(2));
            for _ in 0..2 {
                call.send(&us).await.unwrap().has(answer);
                call.was_done(&us, false, answer).await;
            }
            call.send(&us).await.unwrap().has("status=\"success\"");
            call.was_done(&us, true, "the faults are used up").await;
        }
    }
}

#[tokio::test]
async fn a_slow_request_is_done_late() {
    for call in calls() {
        let (running, us) = start().await;
        plant(&running, call.place, &Action::DelayMs(120), Times::Count(1));
        let before = Instant::now();
        call.send(&us).await.unwrap().has("status=\"success\"");
        assert!(before.elapsed() >= Duration::from_millis(120), "{:?}", call.place);
        call.was_done(&us, true, "waiting").await;
    }
}

#[tokio::test]
async fn a_fault_for_ever_lasts_until_it_is_cleared_and_strikes_only_its_kind() {
    for call in calls() {
        let (running, us) = start().await;
        plant(&running, call.place, &Action::DropBefore, Times::Forever);
        for _ in 0..3 {
            assert!(call.send(&us).await.is_err(), "{:?}", call.place);
        }
        for other in calls().iter().filter(|other| other.place != call.place) {
            // Asking for jobs is an operational command too.
            let meant_too = call.place == Where::Op && other.place == Where::JobPoll;
            let heard = other.send(&us).await.is_ok();
            assert_eq!(heard, !meant_too, "a fault on {:?} and {:?}", call.place, other.place);
        }
        running.clear_faults();
        call.send(&us).await.unwrap().has("<response");
    }
}

#[tokio::test]
async fn a_device_that_cannot_be_reached_hears_nothing() {
    let (running, us) = start().await;
    plant(&running, Where::Connect, &Action::DropBefore, Times::Forever);
    let fresh = Client::http(&running);
    let url = format!("https://{}/api/?type=version&key={}", running.api_addr, us.key);
    fresh.get(&url).send().await.unwrap_err();
    let heard = running.log_lines().len();
    fresh.get(&url).send().await.unwrap_err();
    assert_eq!(running.log_lines().len(), heard);
    running.clear_faults();
    assert_eq!(fresh.get(&url).send().await.unwrap().status().as_u16(), 200);
}
