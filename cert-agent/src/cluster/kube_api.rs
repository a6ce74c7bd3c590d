//! Kubernetes itself behind the port.

use std::future::Future;

use k8s_openapi::{
    api::core::v1::{ObjectReference, Pod, Secret},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::{
    Client,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams, Preconditions},
    core::{ObjectList, PartialObjectMeta, Request},
    runtime::events::{Event, EventType, Recorder, Reporter},
};
use sallyport_contract::keys;
use sallyport_process::{kubernetes::in_time, report};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Cluster, ClusterError, Exactly, Kind, Notice};

/// Field manager of everything that we apply.
pub const MANAGER: &str = "sallyport-cert-agent";

/// So many objects are read at once: more would only take memory.
const PAGE: u32 = 100;

/// The API server.
#[derive(Clone)]
pub struct KubeCluster {
    client: Client,
    recorder: Recorder,
}

impl KubeCluster {
    /// Talks through this client.
    #[must_use]
    pub fn new(client: Client) -> Self {
        let reporter = Reporter { controller: MANAGER.to_owned(), instance: None };
        Self { recorder: Recorder::new(client.clone(), reporter), client }
    }

    async fn ask<T: DeserializeOwned>(&self, request: Asked) -> Result<T, ClusterError> {
        let request = request.map_err(|error| ClusterError::Refused(report::chain(&error)))?;
        within_deadline(self.client.request::<T>(request)).await
    }

    /// Asks for an object, and leaves out of the answer the book-keeping of its fields: nothing decides by it, and it is
    /// most of what a remembered object would weigh.
    async fn ask_for<K: Kind>(&self, request: Asked) -> Result<K, ClusterError> {
        let mut object: K = self.ask(request).await?;
        object.meta_mut().managed_fields = None;
        Ok(object)
    }
}

/// A request, if it could be made.
type Asked = Result<http::Request<Vec<u8>>, kube::core::request::Error>;

async fn within_deadline<T>(work: impl Future<Output = Result<T, kube::Error>>) -> Result<T, ClusterError> {
    match in_time(work).await {
        Ok(answer) => answer.map_err(|error| classed(&error)),
        Err(late) => Err(ClusterError::Away(late.to_string())),
    }
}

fn classed(error: &kube::Error) -> ClusterError {
    let kube::Error::Api(status) = error else { return ClusterError::Away(report::chain(error)) };
    let message = status.message.clone();
    match status.code {
        409 => ClusterError::Conflict(message),
        403 => ClusterError::Forbidden(message),
        404 => ClusterError::Gone(message),
        400 | 405 | 413 | 415 | 422 => ClusterError::Refused(message),
        _ => ClusterError::Away(message),
    }
}

fn request<K: Kind>(namespace: &str) -> Request {
    Request::new(K::url_path(&(), Some(namespace).filter(|namespace| !namespace.is_empty())))
}

fn body<T: serde::Serialize>(object: &T) -> Result<Vec<u8>, ClusterError> {
    serde_json::to_vec(object).map_err(|error| ClusterError::Refused(error.to_string()))
}

fn by_us() -> PostParams {
    PostParams { field_manager: Some(MANAGER.to_owned()), ..PostParams::default() }
}

fn place<K: Kind>(object: &K) -> (&str, &str) {
    let meta = object.meta();
    (meta.namespace.as_deref().unwrap_or_default(), meta.name.as_deref().unwrap_or_default())
}

/// The object with its kind written on it, which a patch needs.
fn typed<K: Kind>(object: &K) -> Result<Value, ClusterError> {
    let mut value = serde_json::to_value(object).map_err(|error| ClusterError::Refused(error.to_string()))?;
    value["apiVersion"] = Value::from(K::api_version(&()));
    value["kind"] = Value::from(K::kind(&()));
    Ok(value)
}

impl Cluster for KubeCluster {
    async fn get<K: Kind>(&self, namespace: &str, name: &str) -> Result<Option<K>, ClusterError> {
        match self.ask_for(request::<K>(namespace).get(name, &kube::api::GetParams::default())).await {
            Ok(object) => Ok(Some(object)),
            Err(ClusterError::Gone(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn create<K: Kind>(&self, object: &K) -> Result<K, ClusterError> {
        let (namespace, _) = place(object);
        self.ask_for(request::<K>(namespace).create(&by_us(), body(&typed(object)?)?)).await
    }

    async fn replace<K: Kind>(&self, object: &K) -> Result<K, ClusterError> {
        let (namespace, name) = place(object);
        self.ask_for(request::<K>(namespace).replace(name, &by_us(), body(&typed(object)?)?)).await
    }

    async fn replace_status<K: Kind>(&self, object: &K) -> Result<K, ClusterError> {
        let (namespace, name) = place(object);
        let body = body(&typed(object)?)?;
        self.ask_for(request::<K>(namespace).replace_subresource("status", name, &by_us(), body)).await
    }

    async fn apply<K: Kind>(&self, object: &K) -> Result<K, ClusterError> {
        let (namespace, name) = place(object);
        let patch = Patch::Apply(typed(object)?);
        self.ask_for(request::<K>(namespace).patch(name, &PatchParams::apply(MANAGER).force(), &patch)).await
    }

    async fn apply_status<K: Kind>(&self, object: &Value) -> Result<K, ClusterError> {
        let text = |key: &str| object["metadata"][key].as_str().unwrap_or_default().to_owned();
        let params = PatchParams::apply(MANAGER).force();
        let request = request::<K>(&text("namespace"));
        self.ask_for(request.patch_subresource("status", &text("name"), &params, &Patch::Apply(object))).await
    }

    async fn patch<K: Kind>(
        &self,
        namespace: &str,
        name: &str,
        operations: &Value,
    ) -> Result<(), ClusterError> {
        let params = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
        let mut request = request::<K>(namespace)
            .patch(name, &params, &Patch::Merge(operations))
            .map_err(|error| ClusterError::Refused(report::chain(&error)))?;
        // The same bytes as a merge patch, under the name of what they are.
        let kind = http::HeaderValue::from_static("application/json-patch+json");
        request.headers_mut().insert(http::header::CONTENT_TYPE, kind);
        self.ask::<Value>(Ok(request)).await.map(drop)
    }

    async fn delete<K: Kind>(
        &self,
        namespace: &str,
        name: &str,
        exactly: &Exactly,
    ) -> Result<(), ClusterError> {
        let preconditions = Preconditions {
            uid: Some(exactly.uid.clone()),
            resource_version: Some(exactly.resource_version.clone()),
        };
        let params = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::default() };
        match self.ask::<Value>(request::<K>(namespace).delete(name, &params)).await {
            Ok(_) | Err(ClusterError::Gone(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn carriers(&self, namespace: &str, identity: &str) -> Result<Vec<String>, ClusterError> {
        let params = ListParams::default().labels(&format!("{}={identity}", keys::IDENTITY));
        let list: ObjectList<PodPhase> = self.ask(request::<Pod>(namespace).list(&params)).await?;
        let living = list.items.into_iter().filter(PodPhase::living);
        Ok(living.filter_map(|pod| pod.metadata.name).collect())
    }

    async fn states<T: Send>(
        &self,
        namespace: &str,
        mut keep: impl FnMut(ObjectMeta) -> Option<T> + Send,
    ) -> Result<Vec<T>, ClusterError> {
        let ours = format!("{}={},{}", keys::MANAGED_BY, keys::MANAGED_BY_SALLYPORT, keys::IDENTITY);
        let mut states = Vec::new();
        let mut page = ListParams::default().labels(&ours).limit(PAGE);
        loop {
            let list: ObjectList<PartialObjectMeta<Secret>> =
                self.ask(request::<Secret>(namespace).list_metadata(&page)).await?;
            states.extend(list.items.into_iter().filter_map(|item| keep(item.metadata)));
            match list.metadata.continue_.filter(|more| !more.is_empty()) {
                Some(more) => page = page.continue_token(&more),
                None => return Ok(states),
            }
        }
    }

    async fn tell(&self, notice: &Notice) -> Result<(), ClusterError> {
        // An event holds 1 kB of text: https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/.
        const NOTE: usize = 1000;
        let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let reference = ObjectReference {
            api_version: text(notice.about.api_version),
            kind: text(notice.about.kind),
            name: text(&notice.about.name),
            namespace: text(&notice.about.namespace),
            uid: text(&notice.about.uid),
            ..ObjectReference::default()
        };
        let mut note = notice.note.clone();
        while note.len() > NOTE {
            note.pop();
        }
        let event = Event {
            type_: if notice.warning { EventType::Warning } else { EventType::Normal },
            reason: notice.reason.to_owned(),
            note: Some(note),
            action: notice.action.to_owned(),
            secondary: None,
        };
        within_deadline(self.recorder.publish(&event, &reference)).await
    }
}

/// Of a pod only what tells whether it lives.
#[derive(Clone, Debug, serde::Deserialize)]
struct PodPhase {
    metadata: ObjectMeta,
    #[serde(default)]
    status: Option<Phase>,
}

#[derive(Clone, Debug, serde::Deserialize)]
struct Phase {
    phase: Option<String>,
}

impl PodPhase {
    fn living(&self) -> bool {
        let phase = self.status.as_ref().and_then(|status| status.phase.as_deref());
        !matches!(phase, Some("Succeeded" | "Failed"))
    }
}
