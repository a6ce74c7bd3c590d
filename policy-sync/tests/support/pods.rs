//! Pods of the identity `web-1`, and the gates that they wait for.

use std::collections::BTreeSet;

use prometheus_client::registry::Registry;
use sallyport_contract::object::ConditionStatus;
use sallyport_policy_sync::{
    gate::Carrier,
    gates::Gates,
    metrics::Metrics,
    world::{Key, Version},
};
use sallyport_process::clock::Clock;

use super::{Ground, Twin, objects};

pub(crate) const WEB: &str = "web.shop.corp.example";

/// A pod as the webhook left it.
pub(crate) fn pod(uid: &str) -> Carrier {
    Carrier {
        uid: uid.into(),
        version: Version::default(),
        created: jiff::Timestamp::UNIX_EPOCH,
        labels: [("app".to_owned(), "web".to_owned())].into(),
        dns_names: Some(WEB.into()),
        action: Some("allow".into()),
        gated: true,
        held: false,
        living: true,
        gate: None,
    }
}

/// The flow of the gates.
pub(crate) fn gates<S>(ground: &Ground<S>) -> Gates<Twin> {
    gates_by(ground, Clock::system())
}

/// The same by another clock.
pub(crate) fn gates_by<S>(ground: &Ground<S>, clock: Clock) -> Gates<Twin> {
    let metrics = Metrics::new(&mut Registry::default());
    Gates::new(ground.twin.seen.clone(), ground.board.clone(), ground.twin.clone(), clock, metrics)
}

/// The one identity.
pub(crate) fn web() -> BTreeSet<Key> {
    [Key::new("shop", "web-1")].into()
}

impl Ground {
    /// Judges the identity; whether something is to be tried again.
    pub(crate) async fn judge(&self, gates: &mut Gates<Twin>) -> bool {
        !gates.judge(&self.twin.world(), web()).await.is_empty()
    }

    /// A new pod, judged at once: whether its gate is open, its reason and message.
    pub(crate) async fn new_pod(&self, gates: &mut Gates<Twin>, name: &str) -> (bool, String, String) {
        self.twin.put_pod("web-1", name, pod(name));
        self.judge(gates).await;
        self.gate(name)
    }

    /// How a pod's gate stands.
    pub(crate) fn gate(&self, name: &str) -> (bool, String, String) {
        let gate = self.twin.gate("web-1", name).unwrap();
        (gate.open, gate.reason, gate.message)
    }

    /// The conditions of the identity.
    pub(crate) fn conditions(&self) -> Vec<(String, ConditionStatus, String)> {
        let status = self.twin.identity("web-1").status.unwrap_or_default();
        status.conditions.into_iter().map(|c| (c.kind, c.status, c.reason)).collect()
    }

    /// Changes the policy, from what it is at first.
    pub(crate) fn put_policy(&self, change: impl FnOnce(&mut serde_json::Value)) {
        let mut policy = objects::policy_spec("shop");
        change(&mut policy);
        self.twin.put_policy("shop", policy);
    }
}
