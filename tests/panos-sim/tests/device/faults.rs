//! Every fault strikes as it says, and only as often as it says.

use crate::support::{Client, between, start};
use panos_sim::{Action, Fault, Times, Where};
use std::time::{Duration, Instant};

const INFO: &str = "<show><system><info/></system></show>";

fn fault(place: Where, action: Action) -> Fault {
    Fault { place, action, times: Times::Count(1), matching: None }
}

#[tokio::test]
async fn refusals_statuses_and_broken_bodies() {
    let (running, us) = start().await;
    running.plant(fault(
        Where::Op,
        Action::Refuse { code: 13, text: "Another commit/validate is in progress".to_owned() },
    ));
    us.op(INFO).await.has(r#"code="13""#).has("Another commit/validate is in progress");
    running.plant(fault(Where::Op, Action::Refuse { code: 403, text: String::new() }));
    assert_eq!(us.op(INFO).await.http, 403);
    running.plant(fault(Where::Op, Action::HttpStatus(502)));
    let reply = us.op(INFO).await;
    assert_eq!(reply.http, 502);
    reply.lacks("<response");
    running.plant(fault(Where::Op, Action::Truncate));
    us.op(INFO).await.has("<response").lacks("</response>");
    running.plant(fault(Where::Op, Action::Garbage));
    us.op(INFO).await.lacks("<response");
    us.op(INFO).await.has("</response>");
}

#[tokio::test]
async fn dropped_connections_before_and_after_the_work() {
    let (running, us) = start().await;
    for (action, there) in [(Action::DropBefore, false), (Action::DropAfter, true)] {
        running.plant(fault(Where::Config, action));
        let form = [
            ("type", "config"),
            ("action", "set"),
            ("xpath", "/config/shared/tag/entry[@name='x']"),
            ("element", "<color>color1</color>"),
        ];
        us.try_send(&form).await.unwrap_err();
        assert_eq!(running.candidate_xml().contains("color1"), there);
    }
    running.plant(Fault { times: Times::Forever, ..fault(Where::Connect, Action::DropBefore) });
    let fresh = Client::http(&running);
    let url = format!("https://{}/api/?type=version", running.api_addr);
    for _ in 0..3 {
        fresh.get(&url).send().await.unwrap_err();
    }
    running.clear_faults();
    assert_eq!(fresh.get(&url).send().await.unwrap().status().as_u16(), 403);
}

#[tokio::test]
async fn delays_and_matching() {
    let (running, us) = start().await;
    let slow = Fault { matching: Some("jobs".to_owned()), ..fault(Where::Op, Action::DelayMs(300)) };
    running.plant(slow);
    us.op(INFO).await.has("success");
    let before = Instant::now();
    us.op("<show><jobs><all/></jobs></show>").await.has("success");
    assert!(before.elapsed() >= Duration::from_millis(300));
}

#[tokio::test]
async fn jobs_that_fail_hang_or_do_not_compile() {
    let (running, us) = start().await;
    let change = |name: &str| format!("/tag/entry[@name='{name}']");
    us.config("set", &change("a"), "<color>color1</color>").await;
    running.plant(fault(
        Where::Job,
        Action::FailJob("Management server failed to send phase 1 to client".to_owned()),
    ));
    us.commit_of(&["sallyport"]).await.has("<result>FAIL</result>").has("phase 1");
    us.op("<check><pending-changes/></check>").await.has("yes");

    running.plant(fault(Where::Job, Action::NeverFinish));
    let id = between(&us.commit("<commit/>").await.body, "<job>", "</job>");
    for _ in 0..20 {
        us.job(&id).await.lacks("<status>FIN</status>");
    }
    us.control("DELETE", "/faults", "").await;
    us.finished(&id).await.has("<result>OK</result>");

    us.control(
        "POST",
        "/faults",
        r#"{"where":"job","action":{"commit_not_compiled":["legacy-corp"]},"times":1}"#,
    )
    .await;
    us.config("set", &change("b"), "<color>color1</color>").await;
    us.commit_of(&["sallyport"]).await.has("<result>OK</result>");
    us.op("<show><bad-custom-signature/></show>").await.has(r#"<entry name="legacy-corp">"#);
    us.control("GET", "/bad-signatures", "").await.has("legacy-corp");
    us.config("set", &change("c"), "<color>color1</color>").await;
    us.commit_of(&["sallyport"]).await.has("<result>OK</result>");
    us.op("<show><bad-custom-signature/></show>").await.lacks("legacy-corp");
}

#[tokio::test]
async fn the_control_endpoint_refuses_nonsense() {
    let (_running, us) = start().await;
    for body in [
        r#"{"where":"nowhere","action":"drop_before"}"#,
        r#"{"where":"op"}"#,
        "x",
        r#"{"where":"op","action":"drop_before","extra":1}"#,
    ] {
        assert!(us.control("POST", "/faults", body).await.http >= 400, "{body}");
    }
    us.control("POST", "/faults", r#"{"where":"keygen","action":{"http_status":503},"times":"forever"}"#)
        .await;
    us.control("GET", "/faults", "").await.has(r#""times":"forever""#);
    assert_eq!(us.send(&[("type", "keygen")]).await.http, 503);
    assert_eq!(us.control("POST", "/commit-time", r#"{"ms":5}"#).await.http, 204);
    us.control("POST", "/expire-keys", "").await;
    assert_eq!(us.op(INFO).await.http, 403);
}
