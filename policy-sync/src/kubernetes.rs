//! The cluster port over the API server: server-side apply of our own fields, and events.

use std::future::Future;

use k8s_openapi::api::core::v1::{ObjectReference, Pod};
use kube::{
    Api, Client, Resource,
    api::{Patch, PatchParams},
    runtime::events::{Event, EventType, Recorder, Reporter},
};
use sallyport_contract::{
    keys,
    object::{
        ClaimedFirewall, Firewall, FirewallStatus, GateOverride, NameClaim, WorkloadIdentity,
        WorkloadIdentityStatus,
    },
};
use sallyport_process::{
    clock::Clock,
    kubernetes::{in_time, is_conflict, is_not_found},
    report::chain,
};
use serde_json::{Value, json};

use crate::{
    cluster::{About, Cluster, ClusterError, Loss, Note},
    gate::{Carrier, Gate},
    world::{Key, Version},
};

/// The one who writes our fields.
const MANAGER: &str = "sallyport-policy-sync";
/// Another one for the finalizer, so that applying a status never takes it off.
const FINALIZER_MANAGER: &str = "sallyport-policy-sync-finalizer";
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
    /// Remembers events for some minutes, so that what repeats makes a series of one.
    recorder: Recorder,
    clock: Clock,
}

impl Kubernetes {
    /// Writes through this client.
    #[must_use]
    pub fn new(client: Client, clock: Clock) -> Self {
        Self { recorder: recorder(&client), client, clock }
    }

    async fn apply<K>(
        &self,
        api: Api<K>,
        name: &str,
        base: Version,
        manager: &str,
        status: Value,
    ) -> Result<Version, ClusterError>
    where
        K: Resource<DynamicType = ()> + Clone + serde::de::DeserializeOwned + std::fmt::Debug,
    {
        let body = json!({
            "apiVersion": K::api_version(&()),
            "kind": K::kind(&()),
            "metadata": metadata("name", name, Some(base)),
            "status": status,
        });
        let parameters = PatchParams::apply(manager).force();
        let patch = Patch::Apply(&body);
        let write = api.patch_status(name, &parameters, &patch);
        stored(format!("status of {} {name}", K::kind(&())), write).await
    }
}

/// The version that an object has after a write, if there is an answer in time.
async fn stored<K: Resource>(
    what: String,
    write: impl Future<Output = Result<K, kube::Error>>,
) -> Result<Version, ClusterError> {
    match in_time(write).await {
        Ok(Ok(stored)) => Ok(Version::of(stored.meta())),
        Ok(Err(error)) => Err(refused(what, error)),
        Err(late) => Err(ClusterError { what, loss: Loss::Failed, source: late.into() }),
    }
}

fn refused(what: String, error: kube::Error) -> ClusterError {
    let loss = match (is_not_found(&error), is_conflict(&error)) {
        (true, _) => Loss::Gone,
        (false, true) => Loss::Outrun,
        (false, false) => Loss::Failed,
    };
    ClusterError { what, loss, source: Box::new(error) }
}

/// What a write says about the object that it means, and of which version it must still be.
fn metadata(key: &str, value: &str, base: Option<Version>) -> Value {
    let mut metadata = json!({key: value});
    if let Some(version) = base.and_then(Version::precondition) {
        metadata["resourceVersion"] = version.into();
    }
    metadata
}

/// Each firewall has a manager of its own, so that applying one's entry leaves the others' alone.
fn claim_manager(firewall: &str) -> String {
    format!("{MANAGER}-{firewall}").chars().take(MANAGER_LIMIT).collect()
}

impl Cluster for Kubernetes {
    async fn store_claim(
        &self,
        claim: &str,
        base: Version,
        firewall: &str,
        entry: Option<&ClaimedFirewall>,
    ) -> Result<Version, ClusterError> {
        let entries: Vec<&ClaimedFirewall> = entry.into_iter().collect();
        let api: Api<NameClaim> = Api::all(self.client.clone());
        self.apply(api, claim, base, &claim_manager(firewall), json!({"firewalls": entries})).await
    }

    async fn store_firewall(
        &self,
        name: &str,
        base: Version,
        status: &FirewallStatus,
    ) -> Result<Version, ClusterError> {
        let api: Api<Firewall> = Api::all(self.client.clone());
        self.apply(api, name, base, MANAGER, json!(status)).await
    }

    async fn hold_firewall(&self, name: &str, uid: &str, hold: bool) -> Result<Version, ClusterError> {
        let api: Api<Firewall> = Api::all(self.client.clone());
        let finalizers: &[&str] = if hold { &[keys::REMOVE_FROM_FIREWALL] } else { &[] };
        let body = json!({
            "apiVersion": Firewall::api_version(&()),
            "kind": Firewall::kind(&()),
            // With the UID an apply makes no new object.
            "metadata": {"name": name, "uid": uid, "finalizers": finalizers},
        });
        let parameters = PatchParams::apply(FINALIZER_MANAGER).force();
        let patch = Patch::Apply(&body);
        let write = api.patch(name, &parameters, &patch);
        stored(format!("finalizer of Firewall {name}"), write).await
    }

    async fn store_identity(
        &self,
        key: &Key,
        status: &WorkloadIdentityStatus,
    ) -> Result<Version, ClusterError> {
        let WorkloadIdentityStatus {
            conditions,
            firewall,
            pods,
            certificate: _,
            certificates: _,
            unwanted_since: _,
        } = status;
        let api: Api<WorkloadIdentity> = Api::namespaced(self.client.clone(), &key.namespace);
        let ours = json!({"conditions": conditions, "firewall": firewall, "pods": pods});
        // cert-agent writes it too, and only our own fields are in this.
        self.apply(api, &key.name, Version::default(), MANAGER, ours).await
    }

    async fn store_gate(&self, pod: &Key, seen: &Carrier, gate: &Gate) -> Result<Version, ClusterError> {
        let api: Api<Pod> = Api::namespaced(self.client.clone(), &pod.namespace);
        // Conditions merge by their type: https://kubernetes.io/docs/tasks/manage-kubernetes-objects/update-api-object-kubectl-patch/
        let mut condition = json!({
            "type": keys::GATE,
            "status": if gate.open { "True" } else { "False" },
            "reason": gate.reason,
            "message": gate.message,
        });
        let now = self.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let mut metadata = metadata("uid", &seen.uid, (!gate.open).then_some(seen.version));
        if gate.open && seen.held {
            metadata["annotations"] = json!({keys::PROVEN: format!("{} {now}", gate.reason)});
        }
        if seen.gate.as_ref().is_none_or(|before| before.open != gate.open) {
            condition["lastTransitionTime"] = now.into();
        }
        let body = json!({"metadata": metadata, "status": {"conditions": [condition]}});
        let (parameters, patch) = (PatchParams::default(), Patch::Strategic(&body));
        let write = api.patch_status(&pod.name, &parameters, &patch);
        stored(format!("status of Pod {pod}"), write).await
    }

    async fn tell(&self, note: &Note) {
        let event = Event {
            type_: if note.warning { EventType::Warning } else { EventType::Normal },
            reason: note.reason.code().to_owned(),
            note: Some(note.words.chars().take(NOTE_LIMIT / 4).collect()),
            action: "Enforce".to_owned(),
            // Events that differ in nothing but their words become one, with the first one's words.
            secondary: note
                .related
                .as_ref()
                .map(|key| reference::<GateOverride>(Some(&key.namespace), &key.name, "")),
        };
        let published = match &note.about {
            About::Firewall(name, uid) => {
                in_time(self.recorder.publish(&event, &reference::<Firewall>(None, name, uid))).await
            }
            About::Pod(key, uid) => {
                let about = reference::<Pod>(Some(&key.namespace), &key.name, uid);
                in_time(self.recorder.publish(&event, &about)).await
            }
            // There are thousands, one commit proves them all, and none says the same twice: nothing is remembered.
            About::Identity(key, uid) => {
                let about = reference::<WorkloadIdentity>(Some(&key.namespace), &key.name, uid);
                in_time(recorder(&self.client).publish(&event, &about)).await
            }
        };
        match published {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(error = chain(&error), "an event was not taken"),
            Err(_) => tracing::warn!("an event was not taken in time"),
        }
    }
}

fn recorder(client: &Client) -> Recorder {
    Recorder::new(client.clone(), Reporter { controller: MANAGER.to_owned(), instance: None })
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
        uid: Some(uid.to_owned()).filter(|uid| !uid.is_empty()),
        ..ObjectReference::default()
    }
}
