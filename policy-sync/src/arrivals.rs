//! Pods whose gate opens: measured, logged, and handed on to be traced. No gate waits for any of it.

use tokio::sync::mpsc;

use crate::{
    gate::{Carrier, Gate},
    journey::Journey,
    metrics::Metrics,
    traces::Arrival,
    world::Key,
};

/// Arrivals that wait to be sent; more are dropped and counted.
pub const ROOM: usize = 2048;

/// What is told of pods whose gate opens.
#[derive(Clone)]
pub struct Arrivals {
    metrics: Metrics,
    traces: Option<mpsc::Sender<Arrival>>,
}

/// One pod whose gate was written: before and after.
#[derive(Clone, Copy)]
pub struct Opening<'a> {
    /// Its identity.
    pub identity: &'a Key,
    /// The pod's name.
    pub pod: &'a str,
    /// As it was.
    pub before: &'a Carrier,
    /// What was written.
    pub gate: &'a Gate,
}

impl Arrivals {
    /// Measures and logs.
    #[must_use]
    pub const fn new(metrics: Metrics) -> Self {
        Self { metrics, traces: None }
    }

    /// The same, with traces that somebody else sends.
    #[must_use]
    pub fn traced(metrics: Metrics) -> (Self, mpsc::Receiver<Arrival>) {
        let (sender, receiver) = mpsc::channel(ROOM);
        (Self { metrics, traces: Some(sender) }, receiver)
    }

    /// Tells of a pod that waits no more. `journey`: its firewall and its way there, if they are known.
    pub fn opened(&self, opening: Opening<'_>, journey: impl FnOnce() -> Option<(String, Journey)>) {
        let Opening { identity, pod, before, gate } = opening;
        if !gate.open || before.gate.as_ref().is_some_and(|before| before.open) {
            return;
        }
        let journey = if gate.is_proven() { journey() } else { None };
        let seconds = journey.as_ref().map(|(_, journey)| journey.total().as_secs());
        tracing::info!(
            namespace = identity.namespace,
            identity = identity.name,
            pod,
            reason = gate.reason,
            seconds,
            "gate opened"
        );
        let Some((firewall, journey)) = journey else { return };
        self.metrics.arrived(&journey);
        let Some(traces) = &self.traces else { return };
        let arrival = Arrival {
            uid: before.uid.clone(),
            pod: Key::new(&identity.namespace, pod),
            identity: identity.name.clone(),
            firewall,
            reason: gate.reason.clone(),
            journey,
        };
        if traces.try_send(arrival).is_err() {
            self.metrics.traced("dropped", 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use prometheus_client::{encoding::text::encode, registry::Registry};
    use sallyport_contract::object::WorkloadIdentity;
    use serde_json::json;

    use super::*;
    use crate::identity::Identity;

    #[test]
    fn each_pod_arrives_once_and_by_proof_alone_it_is_measured() {
        let identity: WorkloadIdentity = serde_json::from_value(json!({
            "apiVersion": "sallyport.dev/v1alpha1", "kind": "WorkloadIdentity", "metadata": {"name": "web-1", "namespace": "shop"},
            "spec": {"dnsNames": ["web.x.example"], "delivery": "Secret", "action": "Allow", "policy": "p",
                "certificate": {"authority": "ca"}, "firewall": "edge"}}))
        .unwrap();
        let identity = Identity::from(identity);
        let mut registry = Registry::default();
        let (arrivals, mut traces) = Arrivals::traced(Metrics::new(&mut registry));
        let gate = |open, reason: &str| Gate { open, reason: reason.into(), message: String::new() };
        let key = Key::new("shop", "web-1");
        let mut arrive = |before: Option<Gate>, gate: Gate| {
            let before = Carrier { uid: "u".into(), gate: before, ..Carrier::default() };
            let journey = Journey::of(Timestamp::UNIX_EPOCH, &identity, None, Timestamp::UNIX_EPOCH);
            let opening = Opening { identity: &key, pod: "web-a", before: &before, gate: &gate };
            arrivals.opened(opening, || Some(("edge".into(), journey)));
            traces.try_recv().ok().map(|arrival| arrival.firewall)
        };
        assert_eq!(arrive(None, gate(false, "AwaitingCommit")), None, "it waits");
        assert_eq!(arrive(Some(gate(false, "AwaitingCommit")), gate(true, "Enforced")), Some("edge".into()));
        assert_eq!(arrive(None, gate(true, "EnforcedPermissive")), Some("edge".into()));
        assert_eq!(
            arrive(Some(gate(true, "BreakGlass")), gate(true, "Enforced")),
            None,
            "it was let in before"
        );
        assert_eq!(arrive(None, gate(true, "Observed")), None, "nothing was proven");
        for n in 0..=ROOM {
            let before = Carrier { uid: n.to_string(), ..Carrier::default() };
            let journey = Journey::of(Timestamp::UNIX_EPOCH, &identity, None, Timestamp::UNIX_EPOCH);
            let gate = gate(true, "Enforced");
            let opening = Opening { identity: &key, pod: "p", before: &before, gate: &gate };
            arrivals.opened(opening, || Some((String::new(), journey)));
        }
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        assert!(text.contains("traces_total{result=\"dropped\"} 1"), "{text}");
        let total = format!("time_to_ready_seconds_count{{stage=\"total\"}} {}", 3 + ROOM);
        assert!(text.contains(&total), "{text}");
    }
}
