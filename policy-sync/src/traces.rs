//! A pod's journey as one trace: the whole, and one span for each stage that added time.
//!
//! In the JSON form of OTLP over HTTP (<https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding>): a journey goes through objects of
//! Kubernetes and not through calls, so there is no context to carry, and five spans that are known when a gate opens need no more than that.

use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::{journey::Journey, world::Key};

/// One pod whose gate opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// The pod's UID, which gives the trace its id.
    pub uid: String,
    /// The pod.
    pub pod: Key,
    /// Its identity.
    pub identity: String,
    /// The identity's firewall.
    pub firewall: String,
    /// The gate's reason.
    pub reason: String,
    /// Where its time went.
    pub journey: Journey,
}

/// The body of one request to `/v1/traces`.
#[must_use]
pub fn request(arrivals: &[Arrival]) -> Value {
    let spans: Vec<Value> = arrivals.iter().flat_map(spans).collect();
    json!({"resourceSpans": [{
        "resource": {"attributes": [attribute("service.name", "sallyport-policy-sync")]},
        "scopeSpans": [{"scope": {"name": "sallyport"}, "spans": spans}],
    }]})
}

fn spans(arrival: &Arrival) -> Vec<Value> {
    let trace = id::<16>(&[&arrival.uid]);
    let whole = id::<8>(&[&arrival.uid, "ready"]);
    let (from, to) = arrival.journey.whole();
    let mut spans = vec![json!({
        "traceId": trace, "spanId": whole, "name": "pod ready", "kind": 1,
        "startTimeUnixNano": nanoseconds(from), "endTimeUnixNano": nanoseconds(to),
        "attributes": [
            attribute("k8s.namespace.name", &arrival.pod.namespace),
            attribute("k8s.pod.name", &arrival.pod.name),
            attribute("k8s.pod.uid", &arrival.uid),
            attribute("sallyport.identity", &arrival.identity),
            attribute("sallyport.firewall", &arrival.firewall),
            attribute("sallyport.reason", &arrival.reason),
        ],
    })];
    let stages = arrival.journey.spans().filter(|(_, from, to)| from < to);
    spans.extend(stages.map(|(stage, from, to)| {
        json!({
            "traceId": trace, "spanId": id::<8>(&[&arrival.uid, stage.as_str()]), "parentSpanId": whole,
            "name": stage.as_str(), "kind": 1,
            "startTimeUnixNano": nanoseconds(from), "endTimeUnixNano": nanoseconds(to),
        })
    }));
    spans
}

fn attribute(key: &str, value: &str) -> Value {
    json!({"key": key, "value": {"stringValue": value}})
}

/// The same for the same pod, so that a gate that is written twice is one trace.
fn id<const BYTES: usize>(parts: &[&str]) -> String {
    let hash = parts.iter().fold(Sha256::new(), |hash, part| hash.chain_update(part).chain_update([0]));
    hash.finalize().iter().take(BYTES).map(|byte| format!("{byte:02x}")).collect()
}

/// Numbers of 64 bits are text in this form.
fn nanoseconds(time: Timestamp) -> String {
    time.as_nanosecond().max(0).to_string()
}

#[cfg(test)]
mod tests {
    use sallyport_contract::object::WorkloadIdentity;

    use super::*;
    use crate::identity::Identity;

    #[test]
    fn a_journey_is_one_trace_and_each_stage_that_added_time_a_span() {
        let at = |second: i64| Timestamp::from_second(1_800_000_000 + second).unwrap();
        let identity: WorkloadIdentity = serde_json::from_value(json!({
            "apiVersion": "sallyport.dev/v1alpha1", "kind": "WorkloadIdentity", "metadata": {"name": "web-1", "namespace": "shop"},
            "spec": {"dnsNames": ["web.x.example"], "delivery": "Secret", "action": "Allow", "policy": "p",
                "certificate": {"authority": "ca"}, "firewall": "edge"},
            "status": {"conditions": [{"type": "CertificateIssued", "status": "True", "reason": "Issued", "message": "", "lastTransitionTime": at(2)}]}}))
        .unwrap();
        let identity = Identity::from(identity);
        let arrival = Arrival {
            uid: "0b5b…".into(),
            pod: Key::new("shop", "web-a"),
            identity: "web-1".into(),
            firewall: "edge".into(),
            reason: "Enforced".into(),
            journey: Journey::of(at(0), &identity, None, at(9)),
        };
        let sent = request(std::slice::from_ref(&arrival));
        let spans = sent["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap();
        let told: Vec<_> = spans
            .iter()
            .map(|span| {
                (
                    span["name"].as_str().unwrap(),
                    span["startTimeUnixNano"].as_str().unwrap(),
                    span["endTimeUnixNano"].as_str().unwrap(),
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                ("pod ready", "1800000000000000000", "1800000009000000000"),
                ("certificate", "1800000000000000000", "1800000002000000000"),
                ("gate", "1800000002000000000", "1800000009000000000"),
            ]
        );
        for span in spans {
            assert_eq!(span["traceId"], spans[0]["traceId"]);
            assert_eq!(
                (span["traceId"].as_str().unwrap().len(), span["spanId"].as_str().unwrap().len()),
                (32, 16)
            );
        }
        assert!(spans[1..].iter().all(|span| span["parentSpanId"] == spans[0]["spanId"]));
        assert_eq!(request(&[arrival]), sent, "the same journey is the same trace");
    }
}
