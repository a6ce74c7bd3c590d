//! The webhook over real TLS: good and bad requests, overload, slow clients, certificates, the end.
#![cfg(test)]

mod support;
#[path = "support/tls.rs"]
mod tls;

use std::{future::Future, io::ErrorKind, sync::Arc, time::Duration};

use axum::body::Body;
use hyper::Request;
use sallyport_process::{clock::Clock, readiness::Readiness, shutdown::Stop};
use sallyport_webhook::{
    certificate::{Pem, ServingCertificate},
    facts::Facts,
    metrics::Metrics,
    review::SIZE_LIMIT,
    server::{InUse, Limits, in_use, router},
};
use serde_json::Value;
use support::{Twin, pod, review};
use tls::{GENEROUS, Issued, Running, issue, post, short};
use tokio::io::AsyncReadExt as _;

async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(GENEROUS, future).await.unwrap_or_else(|_| panic!("{what} took too long"))
}

fn shop() -> Vec<u8> {
    review("Pod", "", "shop", &pod())
}

/// A namespace that the caches do not know, so that the answer waits for the API server.
fn unknown() -> Vec<u8> {
    review("Pod", "", "elsewhere", &pod())
}

fn allowed(body: &str) -> bool {
    serde_json::from_str::<Value>(body).unwrap()["response"]["allowed"] == true
}

#[tokio::test]
async fn answers_over_both_protocols() {
    let (running, issued) = Running::usual(Arc::new(Twin::new())).await;
    for protocol in [b"h2".as_slice(), b"http/1.1"] {
        let (status, body) = running.send(&issued, protocol, post("/pods", shop())).await;
        assert_eq!(status, 200, "{body}");
        let wire: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(
            (&wire["response"]["uid"], &wire["response"]["patchType"]),
            (&"705ab4f5".into(), &"JSONPatch".into())
        );
        assert!(allowed(&body) && wire["response"]["patch"].is_string(), "{body}");
    }
    let bad = serde_json::json!({"metadata": {"name": "web", "annotations": {"sallyport.dev/san": "x.other.example"}}});
    let (status, body) = running.post(&issued, "/pods", review("Pod", "", "shop", &bad)).await;
    let wire: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, &wire["response"]["status"]["code"]), (200, &403.into()));
    let message = wire["response"]["status"]["message"].as_str().unwrap();
    assert!(
        message.contains("\n  where: Pod shop/web, metadata.annotations[\"sallyport.dev/san\"]\n"),
        "{message}"
    );
}

#[tokio::test]
async fn law_13_bad_requests_get_a_status_and_the_next_an_answer() {
    let (running, issued) = Running::usual(Arc::new(Twin::new())).await;
    let other_version = String::from_utf8(shop()).unwrap().replace("k8s.io/v1", "k8s.io/v1beta1");
    let mut large = shop();
    large.resize(SIZE_LIMIT + 1, b' ');
    let mut largest = shop();
    largest.resize(SIZE_LIMIT, b' ');
    let typed = |kind: &str| Request::post("https://localhost/pods").header("content-type", kind);
    for protocol in [b"h2".as_slice(), b"http/1.1"] {
        for (request, status, says) in [
            (
                post("/pods", b"{\"apiVersion\":".to_vec()),
                400,
                "not an AdmissionReview of admission.k8s.io/v1: EOF",
            ),
            (post("/workloads", Vec::new()), 400, "has no body"),
            (post("/pods", other_version.clone().into_bytes()), 400, "\"admission.k8s.io/v1beta1\""),
            (post("/pods", large.clone()), 413, "more than 3145728 bytes"),
            (
                typed("text/plain").body(Body::from(shop())).unwrap(),
                415,
                "\"text/plain\"; application/json is expected",
            ),
            (
                Request::post("https://localhost/pods").body(Body::from(shop())).unwrap(),
                415,
                "application/json",
            ),
            (Request::get("https://localhost/pods").body(Body::empty()).unwrap(), 405, ""),
            (post("/nothing", shop()), 404, ""),
            (typed("Application/JSON; charset=utf-8").body(Body::from(shop())).unwrap(), 200, "705ab4f5"),
            (post("/pods", largest.clone()), 200, "705ab4f5"),
        ] {
            let path = request.uri().clone();
            let (got, body) = soon("a request", running.send(&issued, protocol, request)).await;
            assert!(got == status && body.contains(says), "{path}: {got} {body}");
        }
    }
}

#[tokio::test]
async fn too_many_at_once_are_sent_away_fast() {
    let twin = Arc::new(Twin::new());
    let room = router::Limits { bytes: 1, wait_for_room: Duration::from_millis(50), body_deadline: GENEROUS };
    let facts: Arc<dyn Facts> = Arc::clone(&twin) as _;
    let (running, issued) = (Running::start(facts, short(), room).await, issue(30));
    running.serve(&issued.pem);
    let first = running.post(&issued, "/pods", unknown());
    let second = async {
        twin.asked.acquire().await.unwrap().forget();
        let (status, body) = running.post(&issued, "/pods", shop()).await;
        assert!(status == 503 && body.contains("too many reviews at once"), "{status} {body}");
        twin.answers.add_permits(1);
    };
    let ((status, _), ()) = soon("both", futures::future::join(first, second)).await;
    assert_eq!(status, 200);
    assert_eq!(soon("a third", running.post(&issued, "/pods", shop())).await.0, 200);
}

#[tokio::test]
async fn clients_that_say_nothing_are_hung_up_on() {
    let quick = Duration::from_millis(100);
    let limits = Limits { handshake: quick, first_request: quick, ..short() };
    let (running, issued) =
        (Running::start(Arc::new(Twin::new()), limits, router::Limits::default()).await, issue(30));
    running.serve(&issued.pem);
    let mut silent = tokio::net::TcpStream::connect(running.address).await.unwrap();
    let ended = soon("the silent one", silent.read(&mut [0; 16])).await;
    assert!(matches!(ended, Ok(0) | Err(_)), "{ended:?}");
    for protocol in [b"h2".as_slice(), b"http/1.1"] {
        let mut idle = running.connect(&issued, protocol).await.unwrap();
        let mut rest = Vec::new();
        let ended = soon("the idle one", idle.read_to_end(&mut rest)).await.map_err(|error| error.kind());
        assert!(
            matches!(ended, Ok(_) | Err(ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset)),
            "{ended:?}"
        );
    }
    assert_eq!(running.post(&issued, "/pods", shop()).await.0, 200);
}

#[tokio::test]
async fn a_body_that_never_ends_is_given_up() {
    let room = router::Limits { body_deadline: Duration::from_millis(100), ..router::Limits::default() };
    let (running, issued) = (Running::start(Arc::new(Twin::new()), short(), room).await, issue(30));
    running.serve(&issued.pem);
    let endless = Body::from_stream(futures::stream::pending::<Result<Vec<u8>, std::io::Error>>());
    let request =
        Request::post("https://localhost/pods").header("content-type", "application/json").body(endless);
    let (status, body) = soon("giving up", running.send(&issued, b"h2", request.unwrap())).await;
    assert_eq!((status, body.as_str()), (408, "the body did not arrive in time\n"));
}

#[tokio::test]
async fn running_requests_finish_after_the_stop() {
    let twin = Arc::new(Twin::new());
    let (mut running, issued) = Running::usual(Arc::clone(&twin) as Arc<dyn Facts>).await;
    let request = async { running.send(&issued, b"h2", post("/pods", unknown())).await };
    let end = async {
        twin.asked.acquire().await.unwrap().forget();
        running.stop.now();
        // Nobody listens any more, and still the request waits for its answer.
        while tokio::net::TcpStream::connect(running.address).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        twin.answers.add_permits(1);
    };
    let ((status, body), ()) = soon("the running request", futures::future::join(request, end)).await;
    assert!(status == 200 && allowed(&body), "{status} {body}");
    soon("the end", running.task.join_next()).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn connections_are_taken_until_everybody_knows_of_the_stop() {
    let limits = Limits { drain_delay: GENEROUS, ..short() };
    let (running, issued) =
        (Running::start(Arc::new(Twin::new()), limits, router::Limits::default()).await, issue(30));
    running.serve(&issued.pem);
    running.stop.now();
    assert_eq!(running.post(&issued, "/pods", shop()).await.0, 200);
}

/// Certificates that a test hands over one by one.
struct Handed(std::sync::Mutex<Option<futures::channel::mpsc::UnboundedReceiver<Pem>>>);

impl ServingCertificate for Handed {
    fn updates(&self) -> futures::stream::BoxStream<'static, Pem> {
        Box::pin(self.0.lock().unwrap().take().unwrap())
    }
}

/// Whether the server shows exactly this certificate.
async fn shows(running: &Running, issued: &Issued) -> bool {
    running.connect(issued, b"h2").await.is_ok()
}

async fn until_shown(running: &Running, issued: &Issued) {
    soon("the new certificate", async {
        while !shows(running, issued).await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn certificates_change_without_a_restart_and_broken_ones_do_not_count() {
    let mut running = Running::start(Arc::new(Twin::new()), short(), router::Limits::default()).await;
    let (sender, receiver) = futures::channel::mpsc::unbounded();
    let mut registry = prometheus_client::registry::Registry::default();
    let (readiness, stop, metrics) = (Readiness::new(), Stop::new(), Metrics::new(&mut registry));
    let source = Arc::new(Handed(std::sync::Mutex::new(Some(receiver))));
    let certificate: InUse = running.in_use.clone();
    let ready = readiness.wait_for("serving certificate");
    running.task.spawn(in_use::keep(
        certificate,
        source,
        tls::provider(),
        Clock::system(),
        metrics,
        ready,
        stop.clone(),
    ));

    let (first, second, third, over) = (issue(1), issue(1), issue(2), issue(-1));
    let hand = |pem: &Pem| {
        let pem = Pem { certificate: pem.certificate.clone(), key: pem.key.clone() };
        sender.unbounded_send(pem).unwrap();
    };
    hand(&over.pem);
    hand(&Pem { certificate: first.pem.certificate.clone(), key: second.pem.key.clone() });
    assert!(!shows(&running, &first).await && !shows(&running, &over).await);
    assert_eq!(readiness.missing(), ["serving certificate"]);
    for good in [&first, &second] {
        hand(&good.pem);
        until_shown(&running, good).await;
        assert!(readiness.missing().is_empty());
        for broken in [
            Pem { certificate: Vec::new(), key: Vec::new() },
            Pem {
                certificate: b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_vec(),
                key: third.pem.key.clone(),
            },
            Pem { certificate: third.pem.certificate.clone(), key: b"nonsense".to_vec() },
            Pem { certificate: third.pem.certificate.clone(), key: good.pem.key.clone() },
            Pem { certificate: over.pem.certificate.clone(), key: over.pem.key.clone() },
        ] {
            hand(&broken);
        }
        assert!(shows(&running, good).await);
    }
    hand(&third.pem);
    until_shown(&running, &third).await;
    assert!(!shows(&running, &second).await);
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    assert!(text.contains("sallyport_webhook_certificates_refused_total 12\n"), "{text}");
    stop.now();
    soon("the keeper", running.task.join_next()).await.unwrap().unwrap().unwrap();
}
