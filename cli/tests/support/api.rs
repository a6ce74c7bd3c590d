//! An API server that holds a few objects: lists, reads, writes, and merge patches that name the version they mean.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    http::{Method, StatusCode, Uri},
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinSet;

/// The objects by path, and what was asked.
#[derive(Default)]
struct Held {
    objects: BTreeMap<String, Value>,
    asked: Vec<String>,
    /// Patches that somebody else's write outruns.
    outrun: usize,
    /// Paths that the caller has no right to.
    forbidden: Vec<String>,
}

/// The server; it ends with this value.
pub(crate) struct Api {
    held: Arc<Mutex<Held>>,
    folder: TempDir,
    _serving: JoinSet<()>,
}

impl Api {
    pub(crate) async fn new() -> Self {
        let held = Arc::<Mutex<Held>>::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().fallback(answer).with_state(Arc::clone(&held));
        let mut serving = JoinSet::new();
        serving.spawn(async move { axum::serve(listener, router).await.unwrap() });
        let folder = tempfile::tempdir().unwrap();
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "c",
            "clusters": [{"name": "c", "cluster": {"server": format!("http://{address}")}}],
            "users": [{"name": "c", "user": {}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c"}}],
        });
        std::fs::write(folder.path().join("config"), config.to_string()).unwrap();
        Self { held, folder, _serving: serving }
    }

    /// The kubeconfig of this server.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.folder.path().join("config")
    }

    /// Puts an object.
    pub(crate) fn put(&self, list: &str, mut object: Value) {
        let name = object["metadata"]["name"].as_str().unwrap().to_owned();
        object["metadata"]["resourceVersion"] = "7".into();
        self.held.lock().unwrap().objects.insert(format!("{list}/{name}"), object);
    }

    /// The object at a path.
    pub(crate) fn get(&self, path: &str) -> Value {
        self.held.lock().unwrap().objects[path].clone()
    }

    /// Whether there is an object at a path.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.held.lock().unwrap().objects.contains_key(path)
    }

    /// Lets the next patch meet an object that somebody has written since.
    pub(crate) fn outrun_next_patch(&self) {
        self.held.lock().unwrap().outrun += 1;
    }

    /// Takes the caller's right to a path.
    pub(crate) fn forbid(&self, path: &str) {
        self.held.lock().unwrap().forbidden.push(path.to_owned());
    }

    /// The requests that were no reads.
    pub(crate) fn writes(&self) -> Vec<String> {
        let held = self.held.lock().unwrap();
        held.asked.iter().filter(|asked| !asked.starts_with("GET ")).cloned().collect()
    }
}

async fn answer(
    State(held): State<Arc<Mutex<Held>>>,
    method: Method,
    uri: Uri,
    body: Bytes,
) -> (StatusCode, Json<Value>) {
    let mut held = held.lock().unwrap();
    held.asked.push(format!("{method} {}", uri.path()));
    let path = uri.path().to_owned();
    if held.forbidden.contains(&path) {
        return status(403, "Forbidden");
    }
    if method == Method::PATCH {
        if held.outrun > 0 {
            held.outrun -= 1;
            held.objects.get_mut(&path).unwrap()["metadata"]["resourceVersion"] = "8".into();
        }
        let patch: Value = serde_json::from_slice(&body).unwrap();
        let object = held.objects.get_mut(&path).unwrap();
        if patch["metadata"]["resourceVersion"] != object["metadata"]["resourceVersion"] {
            return status(409, "Conflict");
        }
        object["spec"]["blocked"] = patch["spec"]["blocked"].clone();
        return (StatusCode::OK, Json(object.clone()));
    }
    if method == Method::POST {
        return create(&mut held, &path, &body);
    }
    if method == Method::PUT {
        let mut object: Value = serde_json::from_slice(&body).unwrap();
        if object["metadata"]["resourceVersion"] != held.objects[&path]["metadata"]["resourceVersion"] {
            return status(409, "Conflict");
        }
        object["metadata"]["resourceVersion"] = held.asked.len().to_string().into();
        object["metadata"]["uid"] = held.objects[&path]["metadata"]["uid"].clone();
        held.objects.insert(path, object.clone());
        return (StatusCode::OK, Json(object));
    }
    if method == Method::DELETE {
        let gone = held.objects.remove(&path);
        return gone.map_or_else(|| status(404, "NotFound"), |gone| (StatusCode::OK, Json(gone)));
    }
    if let Some(object) = held.objects.get(&path) {
        return (StatusCode::OK, Json(object.clone()));
    }
    // A list has no name behind it, an object has.
    let named = path.rsplit('/').next().is_some_and(|last| {
        ![
            "firewalls",
            "workloadidentities",
            "nameclaims",
            "identitypolicies",
            "namespaces",
            "certificateauthorities",
            "identityrequests",
            "pods",
        ]
        .contains(&last)
    });
    if named {
        return status(404, "NotFound");
    }
    let prefix = format!("{path}/");
    let items: Vec<&Value> =
        held.objects.iter().filter(|(key, _)| key.starts_with(&prefix)).map(|(_, object)| object).collect();
    let list =
        json!({"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": "9"}, "items": items});
    (StatusCode::OK, Json(list))
}

/// Makes an object, with a name if it asks for one.
fn create(held: &mut Held, path: &str, body: &[u8]) -> (StatusCode, Json<Value>) {
    let mut object: Value = serde_json::from_slice(body).unwrap();
    let generated = object["metadata"]["generateName"].as_str().map(|prefix| format!("{prefix}x1"));
    let name = generated.unwrap_or_else(|| object["metadata"]["name"].as_str().unwrap().to_owned());
    if held.objects.contains_key(&format!("{path}/{name}")) {
        return status(409, "AlreadyExists");
    }
    object["metadata"]["name"] = name.clone().into();
    object["metadata"]["uid"] = format!("uid-{}", held.asked.len()).into();
    object["metadata"]["resourceVersion"] = held.asked.len().to_string().into();
    held.objects.insert(format!("{path}/{name}"), object.clone());
    (StatusCode::CREATED, Json(object))
}

fn status(code: u16, reason: &str) -> (StatusCode, Json<Value>) {
    let body = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "code": code, "message": reason});
    (StatusCode::from_u16(code).unwrap(), Json(body))
}
