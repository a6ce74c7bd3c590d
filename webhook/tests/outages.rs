//! The API server is away, comes back with everything changed, or the clock jumps: admission goes on by the last good state,
//! tells since when it is that, and catches up.
#![cfg(test)]

mod support;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{body::Body, http::Request, http::Response};
use jiff::{SignedDuration, Timestamp};
use kube::Client;
use prometheus_client::registry::Registry;
use sallyport_process::{clock::Clock, readiness::Readiness, shutdown::Stop, tasks::TaskResult};
use sallyport_webhook::{adapter::Cluster, admit::admit, metrics::Metrics, review::Entry};
use serde_json::{Value, json};
use support::{pod, review};
use tokio::{sync::Notify, task::JoinSet};

/// An API server whose every policy gives names under one domain.
struct Server {
    away: bool,
    domain: &'static str,
    policies: usize,
    version: u32,
    /// Told to the next watch of policies, a line each.
    told: Vec<String>,
}

/// What a question gets.
enum Answer {
    Now(u16, String),
    /// Nothing, until watches are broken off.
    Watch,
}

impl Server {
    fn policy(&self, number: usize) -> Value {
        let (side, name) = (json!({"zones": ["trust"], "addresses": ["any"]}), format!("team-{number}"));
        let default = format!("{{workload}}.{name}.{}", self.domain);
        json!({"apiVersion": "sallyport.dev/v1alpha1", "kind": "IdentityPolicy",
            "metadata": {"name": name, "resourceVersion": self.version.to_string()},
            "spec": {"namespaces": [name], "dnsNames": {"default": default},
                "traffic": {"actions": ["Allow"], "default": "Allow", "from": side, "to": side, "ports": [443]},
                "certificate": {"authority": "corp-pca"}, "firewall": "edge"}})
    }

    fn answer(&mut self, path: &str) -> Answer {
        if self.away {
            return Answer::Now(500, "{}".to_owned());
        }
        let of_policies = path.contains("identitypolicies");
        if path.contains("watch=true") {
            let told = if of_policies { std::mem::take(&mut self.told) } else { Vec::new() };
            return match path.contains(&format!("resourceVersion={}", self.version)) {
                _ if !told.is_empty() => Answer::Now(200, told.join("\n") + "\n"),
                true => Answer::Watch,
                false => Answer::Now(200, expired().to_string() + "\n"),
            };
        }
        let item = |number| {
            if of_policies {
                return self.policy(number);
            }
            json!({"metadata": {"name": format!("team-{number}"), "labels": {"sallyport.dev/inject": "enabled"}}})
        };
        let items: Vec<Value> = (0..self.policies).map(item).collect();
        let kind = if of_policies { "IdentityPolicyList" } else { "PartialObjectMetadataList" };
        let meta = json!({"resourceVersion": self.version.to_string()});
        let list = json!({"kind": kind, "apiVersion": "v1", "metadata": meta, "items": items});
        Answer::Now(200, list.to_string())
    }
}

/// How a watch from a version that is known no more ends at once.
fn expired() -> Value {
    json!({"type": "ERROR", "object": {"kind": "Status", "apiVersion": "v1", "status": "Failure",
        "reason": "Expired", "code": 410, "message": "too old resource version"}})
}

struct Running {
    server: Arc<Mutex<Server>>,
    breaks: Arc<Notify>,
    cluster: Arc<Cluster>,
    clock: Clock,
    registry: Registry,
    _tasks: JoinSet<TaskResult>,
}

const START: i64 = 1_800_000_000;

impl Running {
    /// The webhook's caches before an API server with so many policies, when they are listed.
    async fn with(policies: usize) -> Self {
        let server = Server { away: false, domain: "old.example", policies, version: 7, told: Vec::new() };
        let (server, breaks) = (Arc::new(Mutex::new(server)), Arc::new(Notify::new()));
        let (asked, broken) = (Arc::clone(&server), Arc::clone(&breaks));
        let service = tower::service_fn(move |request: Request<kube::client::Body>| {
            let path = request.uri().path_and_query().unwrap().to_string();
            let (answer, broken) = (asked.lock().unwrap().answer(&path), Arc::clone(&broken));
            async move {
                let (status, body) = match answer {
                    Answer::Now(status, body) => (status, body),
                    Answer::Watch => {
                        broken.notified().await;
                        (200, String::new())
                    }
                };
                let response = Response::builder().status(status).header("content-type", "application/json");
                Ok::<_, std::io::Error>(response.body(Body::from(body)).unwrap())
            }
        });
        let (mut registry, readiness, stop) = (Registry::default(), Readiness::new(), Stop::new());
        let metrics = Metrics::new(&mut registry);
        let clock = Clock::manual(Timestamp::from_second(START).unwrap());
        let client = Client::new(service, "default");
        let cluster = Arc::new(Cluster::new(client, clock.clone(), metrics));
        let mut tasks = JoinSet::new();
        let ready = readiness.wait_for("namespaces listed");
        tasks.spawn(Arc::clone(&cluster).watch_namespaces(ready, stop.clone()));
        let ready = readiness.wait_for("policies listed");
        tasks.spawn(Arc::clone(&cluster).watch_policies(ready, stop));
        while !readiness.missing().is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Self { server, breaks, cluster, clock, registry, _tasks: tasks }
    }

    /// Changes something at the API server, which then ends every watch, as it does now and then.
    fn change(&self, change: impl FnOnce(&mut Server)) {
        let mut server = self.server.lock().unwrap();
        server.version += 1;
        change(&mut server);
        self.breaks.notify_waiters();
    }

    /// The answer to a new pod of a team, as text.
    async fn granted(&self, number: usize) -> String {
        let namespace = format!("team-{number}");
        let body = review("Pod", "", &namespace, &pod());
        let judged = admit(Entry::Pods, &body, &*self.cluster).await.unwrap();
        format!("{:?}", judged.answer)
    }

    async fn until_granted(&self, number: usize, domain: &str) {
        let limit = tokio::time::Instant::now() + Duration::from_secs(600);
        let name = format!("web.team-{number}.{domain}");
        while !self.granted(number).await.contains(&name) {
            assert!(tokio::time::Instant::now() < limit, "{}", self.granted(number).await);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Since when the cache of policies is behind, in Unix time; 0 if it is not.
    fn behind_since(&self) -> i64 {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).unwrap();
        let line = "cache_behind_since_timestamp_seconds{cache=\"policies\"} ";
        text.split(line).nth(1).and_then(|rest| rest.lines().next()?.parse().ok()).unwrap()
    }
}

#[tokio::test(start_paused = true)]
async fn law_10_ten_minutes_without_the_api_server_change_no_answer() {
    let running = Running::with(3).await;
    running.until_granted(1, "old.example").await;
    assert_eq!(running.behind_since(), 0);
    running.change(|server| (server.away, server.domain) = (true, "new.example"));
    for minute in 1..=10 {
        tokio::time::sleep(Duration::from_secs(60)).await;
        running.clock.advance(SignedDuration::from_secs(60));
        let granted = running.granted(1).await;
        assert!(granted.contains("web.team-1.old.example"), "minute {minute}: {granted}");
    }
    assert_eq!(running.behind_since(), START, "it says since when it is that state");
    running.change(|server| server.away = false);
    running.until_granted(1, "new.example").await;
    assert_eq!(running.behind_since(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_thousand_policies_changed_at_once_are_seen_at_once() {
    let running = Running::with(1000).await;
    running.until_granted(999, "old.example").await;
    running.change(|server| {
        server.domain = "new.example";
        let line = |number| format!(r#"{{"type":"MODIFIED","object":{}}}"#, server.policy(number));
        server.told = (0..server.policies).map(line).collect();
    });
    for number in [0, 500, 999] {
        running.until_granted(number, "new.example").await;
    }
    assert_eq!(running.behind_since(), 0, "a watch that ended and goes on is not behind");
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_jumps_changes_no_answer() {
    let running = Running::with(1).await;
    running.until_granted(0, "old.example").await;
    for hours in [24 * 365, -24 * 730, 24 * 365] {
        running.clock.advance(SignedDuration::from_hours(hours));
        assert!(running.granted(0).await.contains("web.team-0.old.example"));
        assert_eq!(running.behind_since(), 0);
    }
    running.change(|server| server.domain = "new.example");
    running.until_granted(0, "new.example").await;
}
