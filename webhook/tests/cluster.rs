//! The adapter before an API server that answers as told: lists, broken watches, reads, the serving Secret.
#![cfg(test)]

mod support;

use std::{
    future::Future,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{body::Body, http::Request, http::Response};
use futures::StreamExt as _;
use kube::Client;
use prometheus_client::registry::Registry;
use sallyport_contract::policy::Holder;
use sallyport_process::{clock::Clock, readiness::Readiness, shutdown::Stop, tasks::TaskResult};
use sallyport_webhook::{
    adapter::{Cluster, ServingSecret},
    certificate::ServingCertificate as _,
    facts::{Facts as _, ReadError},
    metrics::Metrics,
};
use serde_json::{Value, json};
use tokio::task::JoinSet;

/// What the API server says to a path with its query; `None` is no answer at all.
type Script = Arc<dyn Fn(&str) -> Option<(u16, Value)> + Send + Sync>;

/// A client of an API server that follows a script, and every question that it was asked.
fn client(script: Script) -> (Client, Arc<Mutex<Vec<String>>>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&asked);
    let service = tower::service_fn(move |request: Request<kube::client::Body>| {
        let path = request.uri().path_and_query().unwrap().to_string();
        let answer = script(&path);
        log.lock().unwrap().push(path);
        async move {
            let Some((status, body)) = answer else { return std::future::pending().await };
            let response = Response::builder().status(status).header("content-type", "application/json");
            Ok::<_, std::io::Error>(response.body(Body::from(body.to_string())).unwrap())
        }
    });
    (Client::new(service, "default"), asked)
}

fn list(kind: &str, items: Value) -> Option<(u16, Value)> {
    Some((
        200,
        json!({"kind": kind, "apiVersion": "v1", "metadata": {"resourceVersion": "7"}, "items": items}),
    ))
}

fn status(code: u16, reason: &str) -> Option<(u16, Value)> {
    Some((
        code,
        json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "code": code, "message": reason}),
    ))
}

fn namespaces() -> Value {
    json!([{"metadata": {"name": "shop", "labels": {"sallyport.dev/inject": "enabled"}}}])
}

fn policies() -> Value {
    let side = json!({"zones": ["trust"], "addresses": ["any"]});
    let spec = json!({"namespaces": ["shop"], "dnsNames": {"default": "{workload}.shop.corp.example"},
        "traffic": {"actions": ["Allow"], "default": "Allow", "from": side, "to": side, "ports": [443]},
        "certificate": {"authority": "corp-pca"}, "firewall": "edge"});
    json!([{"metadata": {"name": "shop"}, "spec": spec}, {"metadata": {"name": "newer"}, "spec": {"namespaces": 5}}])
}

/// Lists answer, watches stay open and silent.
fn healthy(path: &str) -> Option<(u16, Value)> {
    match path {
        _ if path.contains("watch=true") => None,
        _ if path.starts_with("/api/v1/namespaces?") => list("PartialObjectMetadataList", namespaces()),
        _ if path.starts_with("/apis/sallyport.dev/v1alpha1/identitypolicies?") => {
            list("IdentityPolicyList", policies())
        }
        _ => status(404, "NotFound"),
    }
}

struct Running {
    cluster: Arc<Cluster>,
    readiness: Readiness,
    registry: Registry,
    stop: Stop,
    tasks: JoinSet<TaskResult>,
}

fn start(client: Client) -> Running {
    let (mut registry, readiness, stop) = (Registry::default(), Readiness::new(), Stop::new());
    let metrics = Metrics::new(&mut registry);
    let cluster = Arc::new(Cluster::new(client, Clock::system(), metrics));
    let mut tasks = JoinSet::new();
    let ready = readiness.wait_for("namespaces listed");
    tasks.spawn(Arc::clone(&cluster).watch_namespaces(ready, stop.clone()));
    let ready = readiness.wait_for("policies listed");
    tasks.spawn(Arc::clone(&cluster).watch_policies(ready, stop.clone()));
    Running { cluster, readiness, registry, stop, tasks }
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let wait = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    soon(what, wait).await;
}

async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(600), future)
        .await
        .unwrap_or_else(|_| panic!("{what} took too long"))
}

impl Running {
    fn metrics(&self) -> String {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).unwrap();
        text
    }
}

#[tokio::test(start_paused = true)]
async fn law_13_lists_make_ready_and_one_odd_policy_stops_nothing() {
    let (client, asked) = client(Arc::new(healthy));
    let mut running = start(client);
    assert!(running.cluster.snapshot().namespaces.is_empty());
    until("the lists", || running.readiness.missing().is_empty()).await;
    let known = running.cluster.snapshot().of("shop");
    assert_eq!(known.gap("shop"), None);
    assert!(matches!(known.policies.holder("shop", &known.labels.unwrap()), Holder::Held { .. }));
    assert!(running.cluster.snapshot().of("gone").labels.is_none());
    assert!(running.metrics().contains("sallyport_webhook_unreadable_policies 1\n"), "{}", running.metrics());
    assert!(
        asked.lock().unwrap().iter().all(|path| path.starts_with("/apis/sallyport.dev/")
            || (path.starts_with("/api/v1/namespaces?")
                && path.contains("labelSelector=sallyport.dev%2Finject%3Denabled"))),
        "of the namespaces only those that are turned on are asked for"
    );
    running.stop.now();
    while let Some(ended) = soon("the end", running.tasks.join_next()).await {
        ended.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn law_10_what_was_known_stays_known_while_the_api_server_is_away() {
    let away = Arc::new(AtomicBool::new(false));
    let switch = Arc::clone(&away);
    let (client, asked) = client(Arc::new(move |path| {
        if switch.load(Ordering::SeqCst) {
            return status(500, "InternalError");
        }
        // A watch that is told to start anew, so that the next list fails.
        if path.contains("watch=true") {
            return status(410, "Expired");
        }
        healthy(path)
    }));
    let running = start(client);
    until("the lists", || running.readiness.missing().is_empty()).await;
    away.store(true, Ordering::SeqCst);
    let before = asked.lock().unwrap().len();
    until("many failures", || asked.lock().unwrap().len() > before + 10).await;
    assert_eq!(running.cluster.snapshot().of("shop").gap("shop"), None);
    let behind = "cache_behind_since_timestamp_seconds{cache=\"namespaces\"} ";
    assert!(
        running.metrics().contains(behind) && !running.metrics().contains(&format!("{behind}0\n")),
        "{}",
        running.metrics()
    );
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_goes_on_quietly_is_not_behind() {
    let broken = Arc::new(AtomicBool::new(true));
    let switch = Arc::clone(&broken);
    let (client, _) = client(Arc::new(move |path| {
        if path.contains("watch=true") && switch.load(Ordering::SeqCst) {
            return status(500, "InternalError");
        }
        healthy(path)
    }));
    let running = start(client);
    until("the lists", || running.readiness.missing().is_empty()).await;
    let stands = ["namespaces", "policies"]
        .map(|cache| format!("cache_behind_since_timestamp_seconds{{cache=\"{cache}\"}} 0\n"));
    // Both stay broken until both were seen so; then nothing ever happens to either.
    until("both to fail", || !stands.iter().any(|line| running.metrics().contains(line))).await;
    broken.store(false, Ordering::SeqCst);
    until("both to stand", || stands.iter().all(|line| running.metrics().contains(line))).await;
}

#[tokio::test(start_paused = true)]
async fn reads_tell_what_the_api_server_told() {
    let (client, _) = client(Arc::new(|path| match path {
        "/api/v1/namespaces/shop" => Some((200, json!({"metadata": {"name": "shop", "labels": {"a": "b"}}}))),
        "/api/v1/namespaces/forbidden" => status(403, "Forbidden"),
        "/api/v1/namespaces/silent" => None,
        _ => healthy(path),
    }));
    let running = start(client);
    let labels = running.cluster.read_namespace("shop").await.unwrap().unwrap();
    assert_eq!(labels.get("a").map(String::as_str), Some("b"));
    assert_eq!(running.cluster.read_namespace("gone").await, Ok(None));
    let refused = running.cluster.read_namespace("forbidden").await.unwrap_err();
    assert!(refused.to_string().contains("Forbidden"), "{refused}");
    assert_eq!(running.cluster.read_namespace("silent").await, Err(ReadError::Late));
    let book = running.cluster.read_policies().await.unwrap();
    assert!(matches!(book.holder("shop", &labels), Holder::Held { .. }));
    assert!(
        running.metrics().contains("fresh_reads_total{cache=\"namespaces\",result=\"failed\"} 2\n"),
        "{}",
        running.metrics()
    );
}

#[tokio::test(start_paused = true)]
async fn law_11_only_the_serving_secret_is_asked_for() {
    let (client, asked) = client(Arc::new(|path| {
        if path.contains("watch=true") {
            return None;
        }
        list(
            "SecretList",
            json!([{"metadata": {"name": "sallyport-webhook-tls"}, "data": {"tls.crt": "Q0VSVA==", "tls.key": "S0VZ"}}]),
        )
    }));
    let secret = ServingSecret::new(client, "sallyport-system".to_owned());
    let pem = soon("the certificate", secret.updates().next()).await.unwrap();
    assert_eq!((pem.certificate.as_slice(), pem.key.as_slice()), (b"CERT".as_slice(), b"KEY".as_slice()));
    let only = "/api/v1/namespaces/sallyport-system/secrets?";
    let asked = asked.lock().unwrap();
    assert!(
        asked.iter().all(|path| path.starts_with(only)
            && path.contains("fieldSelector=metadata.name%3Dsallyport-webhook-tls")),
        "{asked:?}"
    );
}
