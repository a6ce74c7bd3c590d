//! The cluster port over the API server: server-side apply of our own fields, and events.

use k8s_openapi::api::core::v1::{ObjectReference, Pod};
use kube::{
    Api, Client, Resource,
    api::{Patch, PatchParams},
    runtime::events::{Event, EventType, Recorder, Reporter},
};
use sallyport_contract::{
    keys,
    object::{
        ClaimedFirewall, Firewall, FirewallStatus, NameClaim, WorkloadIdentity, WorkloadIdentityStatus,
    },
};
use sallyport_process::{clock::Clock, kubernetes::is_conflict, kubernetes::is_not_found, report::chain};
use serde_json::{Value, json};

use crate::{
    cluster::{About, Cluster, ClusterError, Note},
    gate::Gate,
    world::Key,
};

/// The one who writes our fields.
const MANAGER: &str = "sallyport-policy-sync";
/// Longest name of a field manager:
/// <https://kubernetes.io/docs/reference/using-api/server-side-apply/#managers>.
const MANAGER_LIMIT: usize = 128;
/// Longest note of an event:
/// <https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/>.
const NOTE_LIMIT: usize = 1024;

/// The API server.
#[derive(Clone)]
pub struct Kubernetes {
    client: Client,
    recorder: Recorder,
    clock: Clock,
}

impl Kubernetes {
    /// Writes through this client.
    #[must_use]
    pub fn new(client: Client, clock: Clock) -> Self {
        let reporter = Reporter { controller: MANAGER.to_owned(), instance: None };
        Self { recorder: Recorder::new(client.clone(), reporter), client, clock }
    }

    async fn apply<K>(
        &self,
        api: Api<K>,
        name: &str,
        manager: &str,
        status: Value,
    ) -> Result<(), ClusterError>
    where
        K: Resource<DynamicType = ()> + Clone + serde::de::DeserializeOwned + std::fmt::Debug,
    {
        let body = json!({
            "apiVersion": K::api_version(&()),
            "kind": K::kind(&()),
            "metadata": {"name": name},
            "status": status,
        });
        let parameters = PatchParams::apply(manager).force();
        let result = api.patch_status(name, &parameters, &Patch::Apply(&body)).await;
        result.map(|_| ()).map_err(|error| refused(format!("status of {} {name}", K::kind(&())), error))
    }
}

fn refused(what: String, error: kube::Error) -> ClusterError {
    ClusterError { what, gone: is_not_found(&error), source: Box::new(error) }
}

/// Each firewall has a manager of its own, so that applying one's entry leaves the others' alone.
fn claim_manager(firewall: &str) -> String {
    format!("{MANAGER}-{firewall}").chars().take(MANAGER_LIMIT).collect()
}

impl Cluster for Kubernetes {
    async fn store_claim(
        &self,
        claim: &str,
        firewall: &str,
        entry: Option<&ClaimedFirewall>,
    ) -> Result<(), ClusterError> {
        let entries: Vec<&ClaimedFirewall> = entry.into_iter().collect();
        let api: Api<NameClaim> = Api::all(self.client.clone());
        self.apply(api, claim, &claim_manager(firewall), json!({"firewalls": entries})).await
    }

    async fn store_firewall(&self, name: &str, status: &FirewallStatus) -> Result<(), ClusterError> {
        let api: Api<Firewall> = Api::all(self.client.clone());
        self.apply(api, name, MANAGER, json!(status)).await
    }

    async fn store_identity(&self, key: &Key, status: &WorkloadIdentityStatus) -> Result<(), ClusterError> {
        let WorkloadIdentityStatus { conditions, firewall, pods, certificate: _, unwanted_since: _ } = status;
        let api: Api<WorkloadIdentity> = Api::namespaced(self.client.clone(), &key.namespace);
        let ours = json!({"conditions": conditions, "firewall": firewall, "pods": pods});
        self.apply(api, &key.name, MANAGER, ours).await
    }

    async fn store_gate(&self, pod: &Key, uid: &str, gate: &Gate, turned: bool) -> Result<(), ClusterError> {
        let api: Api<Pod> = Api::namespaced(self.client.clone(), &pod.namespace);
        // Conditions merge by their type: https://kubernetes.io/docs/tasks/manage-kubernetes-objects/update-api-object-kubectl-patch/
        let mut condition = json!({
            "type": keys::GATE,
            "status": if gate.open { "True" } else { "False" },
            "reason": gate.reason,
            "message": gate.message,
        });
        if turned {
            let now = self.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
            condition["lastTransitionTime"] = now.into();
        }
        let body = json!({"metadata": {"uid": uid}, "status": {"conditions": [condition]}});
        let result = api.patch_status(&pod.name, &PatchParams::default(), &Patch::Strategic(&body)).await;
        result.map(|_| ()).map_err(|error| {
            // A conflict says that another pod has the name now.
            let gone = is_not_found(&error) || is_conflict(&error);
            ClusterError { what: format!("status of Pod {pod}"), gone, source: Box::new(error) }
        })
    }

    async fn tell(&self, note: &Note) {
        let event = Event {
            type_: if note.warning { EventType::Warning } else { EventType::Normal },
            reason: note.reason.code().to_owned(),
            note: Some(note.words.chars().take(NOTE_LIMIT / 4).collect()),
            action: "Enforce".to_owned(),
            secondary: None,
        };
        let reference = match &note.about {
            About::Firewall(name, uid) => reference::<Firewall>(None, name, uid),
            About::Identity(key, uid) => reference::<WorkloadIdentity>(Some(&key.namespace), &key.name, uid),
        };
        if let Err(error) = self.recorder.publish(&event, &reference).await {
            tracing::warn!(error = chain(&error), "an event was not taken");
        }
    }
}

fn reference<K: Resource<DynamicType = ()>>(
    namespace: Option<&str>,
    name: &str,
    uid: &str,
) -> ObjectReference {
    ObjectReference {
        api_version: Some(K::api_version(&()).into_owned()),
        kind: Some(K::kind(&()).into_owned()),
        namespace: namespace.map(ToOwned::to_owned),
        name: Some(name.to_owned()),
        uid: Some(uid.to_owned()),
        ..ObjectReference::default()
    }
}
