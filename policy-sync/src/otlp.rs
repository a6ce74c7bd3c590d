//! Sends traces to a collector, if one is configured. What does not go out in time is lost and counted: no gate waits for it.

use std::time::Duration;

use sallyport_process::{shutdown::Stop, tasks::TaskResult};
use tokio::sync::mpsc;

use crate::{
    metrics::Metrics,
    traces::{Arrival, request},
};

/// Arrivals in one request.
const AT_ONCE: usize = 256;
/// What a collector has for one request.
const DEADLINE: Duration = Duration::from_secs(5);

/// What sends traces to a collector.
pub struct Exporter {
    url: String,
    http: reqwest::Client,
    waiting: mpsc::Receiver<Arrival>,
    metrics: Metrics,
}

impl Exporter {
    /// Sends what waits to the collector at this address, such as `http://collector.observability:4318`.
    ///
    /// # Errors
    /// The HTTP client cannot be set up.
    pub fn new(
        endpoint: &str,
        waiting: mpsc::Receiver<Arrival>,
        metrics: Metrics,
    ) -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder()
            .timeout(DEADLINE)
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        let url = format!("{}/v1/traces", endpoint.trim_end_matches('/'));
        Ok(Self { url, http, waiting, metrics })
    }

    /// Sends until the stop is asked, all that came together in one request.
    ///
    /// # Errors
    /// None; the type is that of every task.
    pub async fn run(mut self, stop: Stop) -> TaskResult {
        let mut arrivals = Vec::with_capacity(AT_ONCE);
        loop {
            tokio::select! {
                () = stop.wait() => return Ok(()),
                count = self.waiting.recv_many(&mut arrivals, AT_ONCE) => if count == 0 {
                    stop.wait().await;
                    return Ok(());
                },
            }
            let body = request(&arrivals).to_string();
            let sent = self.http.post(&self.url).header("content-type", "application/json").body(body).send();
            let answered = tokio::select! {
                () = stop.wait() => return Ok(()),
                answered = sent => answered.and_then(reqwest::Response::error_for_status),
            };
            match answered {
                Ok(_) => self.metrics.traced("sent", arrivals.len()),
                Err(error) => {
                    self.metrics.traced("failed", arrivals.len());
                    tracing::debug!(%error, traces = arrivals.len(), "the collector did not take them");
                }
            }
            arrivals.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use jiff::Timestamp;
    use prometheus_client::registry::Registry;
    use sallyport_contract::object::WorkloadIdentity;
    use serde_json::{Value, json};
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
        task::JoinSet,
    };

    use super::*;
    use crate::{identity::Identity, journey::Journey, world::Key};

    fn arrival(pod: &str) -> Arrival {
        let identity: WorkloadIdentity = serde_json::from_value(json!({
            "apiVersion": "sallyport.dev/v1alpha1", "kind": "WorkloadIdentity", "metadata": {"name": "web-1", "namespace": "shop"},
            "spec": {"dnsNames": ["web.x.example"], "delivery": "Secret", "action": "Allow", "policy": "p",
                "certificate": {"authority": "ca"}, "firewall": "edge"}}))
        .unwrap();
        let identity = Identity::from(identity);
        let journey = Journey::of(Timestamp::UNIX_EPOCH, &identity, None, Timestamp::UNIX_EPOCH);
        let (identity, firewall, reason) = ("web-1".into(), "edge".into(), "Enforced".into());
        Arrival { uid: pod.into(), pod: Key::new("shop", pod), identity, firewall, reason, journey }
    }

    /// A collector that reads one request after the other and answers each with the next of these.
    async fn collector(
        tasks: &mut JoinSet<()>,
        answers: &'static [&'static str],
    ) -> (String, Arc<Mutex<Vec<(String, Value)>>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let took = Arc::clone(&seen);
        tasks.spawn(async move {
            for answer in answers {
                let (mut stream, _) = listener.accept().await.unwrap();
                let (mut text, mut buffer) = (String::new(), [0; 65536]);
                let body = loop {
                    let read = stream.read(&mut buffer).await.unwrap();
                    text.push_str(std::str::from_utf8(&buffer[..read]).unwrap());
                    let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
                    let length = head
                        .to_lowercase()
                        .split_once("content-length: ")
                        .unwrap()
                        .1
                        .split_whitespace()
                        .next()
                        .unwrap()
                        .parse::<usize>();
                    if body.len() >= length.unwrap() {
                        break body.to_owned();
                    }
                };
                let line = text.lines().next().unwrap().to_owned();
                took.lock().unwrap().push((line, serde_json::from_str(&body).unwrap()));
                stream
                    .write_all(
                        format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                            .as_bytes(),
                    )
                    .await
                    .unwrap();
            }
        });
        (address, seen)
    }

    #[tokio::test]
    async fn what_arrived_goes_to_the_collector_and_what_fails_is_counted() {
        let mut tasks = JoinSet::new();
        let (address, seen) = collector(&mut tasks, &["200 OK", "503 Service Unavailable"]).await;
        let (mut registry, stop) = (Registry::default(), Stop::new());
        let metrics = Metrics::new(&mut registry);
        let (traces, waiting) = mpsc::channel(8);
        let exporter = Exporter::new(&address, waiting, metrics).unwrap();
        traces.try_send(arrival("a")).unwrap();
        traces.try_send(arrival("b")).unwrap();
        let stopped = stop.clone();
        tasks.spawn(async move { exporter.run(stopped).await.unwrap() });
        let shown = |registry: &Registry| {
            let mut text = String::new();
            prometheus_client::encoding::text::encode(&mut text, registry).unwrap();
            text
        };
        let until = async |sign: &str| {
            while !shown(&registry).contains(sign) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), until("traces_total{result=\"sent\"} 2"))
            .await
            .unwrap();
        traces.try_send(arrival("c")).unwrap();
        tokio::time::timeout(Duration::from_secs(30), until("traces_total{result=\"failed\"} 1"))
            .await
            .unwrap();
        stop.now();
        while let Some(done) = tasks.join_next().await {
            done.unwrap();
        }
        let seen = seen.lock().unwrap();
        assert!(seen.iter().all(|(line, _)| line == "POST /v1/traces HTTP/1.1"), "{seen:?}");
        let pods: Vec<usize> =
            seen.iter().map(|(_, body)| body.to_string().matches("k8s.pod.name").count()).collect();
        assert_eq!(pods, [2, 1]);
    }
}
