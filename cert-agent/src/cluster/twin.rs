//! The API server in memory: versions, conflicts, server-side apply of top fields, and a journal of writes.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::{Value, json};

use super::{Cluster, ClusterError, Exactly, Kind, Notice, turnstile::Turnstile};

/// Kind, namespace and name.
pub(crate) type Place = (String, String, String);

/// What a test sees.
#[derive(Default)]
pub(crate) struct Memory {
    pub(crate) objects: BTreeMap<Place, Value>,
    pub(crate) journal: Vec<String>,
    /// Where each write of the journal was.
    pub(crate) places: Vec<Place>,
    /// Every Secret that ever was, as it was written.
    pub(crate) secrets: Vec<Value>,
    pub(crate) notices: Vec<Notice>,
    /// `verb kind namespace` that fail, with how often.
    pub(crate) faults: Vec<(String, u32, ClusterError)>,
    pub(crate) carriers: Vec<String>,
    version: u64,
}

/// The API server in memory, as one agent reaches it.
#[derive(Clone, Default)]
pub(crate) struct Twin {
    memory: Arc<Mutex<Memory>>,
    gate: Arc<Turnstile>,
}

impl Twin {
    pub(crate) fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap()
    }

    /// The same API server, reached through another turnstile.
    pub(crate) fn through(&self, gate: &Arc<Turnstile>) -> Self {
        Self { memory: Arc::clone(&self.memory), gate: Arc::clone(gate) }
    }

    async fn call<T>(&self, work: impl FnOnce() -> T) -> T {
        let call = self.gate.before().await;
        let done = work();
        self.gate.after(call).await;
        done
    }

    /// What is stored, as its type.
    pub(crate) fn stored<K: Kind>(&self, namespace: &str, name: &str) -> Option<K> {
        let place = (K::plural(&()).to_string(), namespace.to_owned(), name.to_owned());
        self.memory().objects.get(&place).map(|value| serde_json::from_value(value.clone()).unwrap())
    }

    fn write<K: Kind>(
        &self,
        verb: &str,
        namespace: &str,
        name: &str,
        change: impl FnOnce(Option<&Value>) -> Result<Value, ClusterError>,
    ) -> Result<K, ClusterError> {
        let mut memory = self.memory();
        memory.fault(&format!("{verb} {} {namespace}", K::plural(&())))?;
        let place = (K::plural(&()).to_string(), namespace.to_owned(), name.to_owned());
        let mut value = change(memory.objects.get(&place))?;
        memory.version += 1;
        let version = memory.version;
        value["metadata"]["resourceVersion"] = json!(version.to_string());
        if value["metadata"]["uid"].is_null() {
            value["metadata"]["uid"] = json!(format!("uid-{version}"));
            value["metadata"]["creationTimestamp"] = json!("2027-01-01T00:00:00Z");
        }
        memory.journal.push(format!("{verb} {} {name}", K::plural(&())));
        memory.places.push(place.clone());
        if place.0 == "secrets" {
            memory.secrets.push(value.clone());
        }
        memory.objects.insert(place, value.clone());
        Ok(serde_json::from_value(value).unwrap())
    }
}

impl Twin {
    /// Replaces in the version that the object carries, or not at all.
    fn replaced<K: Kind>(
        &self,
        verb: &str,
        object: &K,
        change: impl FnOnce(&Value) -> Value,
    ) -> Result<K, ClusterError> {
        let meta = object.meta();
        let (namespace, name) = (meta.namespace.as_deref().unwrap_or(""), meta.name.as_deref().unwrap());
        self.write(verb, namespace, name, |found| {
            let found = found.ok_or_else(|| ClusterError::Gone("gone".to_owned()))?;
            if json!(meta.resource_version) != found["metadata"]["resourceVersion"] {
                return exists();
            }
            Ok(change(found))
        })
    }
}

impl Memory {
    fn fault(&mut self, call: &str) -> Result<(), ClusterError> {
        let Some(fault) = self.faults.iter_mut().find(|(at, times, _)| at == call && *times > 0) else {
            return Ok(());
        };
        fault.1 -= 1;
        Err(fault.2.clone())
    }
}

fn merge(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from.clone(),
    }
}

fn exists<T>() -> Result<T, ClusterError> {
    Err(ClusterError::Conflict("exists".to_owned()))
}

impl Cluster for Twin {
    async fn get<K: Kind>(&self, namespace: &str, name: &str) -> Result<Option<K>, ClusterError> {
        let get = || {
            self.memory().fault(&format!("get {} {namespace}", K::plural(&())))?;
            Ok(self.stored(namespace, name))
        };
        self.call(get).await
    }

    async fn create<K: Kind>(&self, object: &K) -> Result<K, ClusterError> {
        let meta = object.meta().clone();
        let value = serde_json::to_value(object).unwrap();
        let create = || {
            self.write("create", meta.namespace.as_deref().unwrap_or(""), &meta.name.unwrap(), |found| {
                if found.is_some() { exists() } else { Ok(value) }
            })
        };
        self.call(create).await
    }

    async fn replace<K: Kind>(&self, object: &K) -> Result<K, ClusterError> {
        let value = serde_json::to_value(object).unwrap();
        let replace = || {
            self.replaced("replace", object, |found| {
                let mut value = value;
                value["metadata"]["uid"] = found["metadata"]["uid"].clone();
                if K::plural(&()) == "podcertificaterequests" {
                    value["status"] = found["status"].clone();
                }
                value
            })
        };
        self.call(replace).await
    }

    async fn replace_status<K: Kind>(&self, object: &K) -> Result<K, ClusterError> {
        let status = serde_json::to_value(object).unwrap()["status"].clone();
        let replace = || {
            self.replaced("status", object, |found| {
                let mut value = found.clone();
                value["status"] = status;
                value
            })
        };
        self.call(replace).await
    }

    async fn apply<K: Kind>(&self, object: &K) -> Result<K, ClusterError> {
        let meta = object.meta().clone();
        let value = serde_json::to_value(object).unwrap();
        let apply = || {
            self.write("apply", meta.namespace.as_deref().unwrap_or(""), &meta.name.unwrap(), |found| {
                let mut merged = found.cloned().unwrap_or(json!({}));
                // Nobody but us applies a spec, so what we no longer say is no longer there.
                merged["spec"] = Value::Null;
                merge(&mut merged, &value);
                Ok(merged)
            })
        };
        self.call(apply).await
    }

    async fn apply_status<K: Kind>(&self, object: &Value) -> Result<K, ClusterError> {
        let text = |key: &str| object["metadata"][key].as_str().unwrap_or_default().to_owned();
        let apply = || {
            self.write("status", &text("namespace"), &text("name"), |found| {
                let mut value = found.cloned().ok_or_else(|| ClusterError::Gone("gone".to_owned()))?;
                value["status"] = object["status"].clone();
                Ok(value)
            })
        };
        self.call(apply).await
    }

    async fn patch<K: Kind>(
        &self,
        namespace: &str,
        name: &str,
        operations: &Value,
    ) -> Result<(), ClusterError> {
        let operations: json_patch::Patch = serde_json::from_value(operations.clone()).unwrap();
        let patch = || {
            self.write::<K>("patch", namespace, name, |found| {
                let mut value = found.cloned().ok_or_else(|| ClusterError::Gone("gone".to_owned()))?;
                let patched = json_patch::patch(&mut value, &operations);
                patched.map_err(|error| ClusterError::Refused(error.to_string()))?;
                Ok(value)
            })
            .map(drop)
        };
        self.call(patch).await
    }

    async fn delete<K: Kind>(
        &self,
        namespace: &str,
        name: &str,
        exactly: &Exactly,
    ) -> Result<(), ClusterError> {
        let delete = || {
            let mut memory = self.memory();
            let place = (K::plural(&()).to_string(), namespace.to_owned(), name.to_owned());
            let Some(found) = memory.objects.get(&place) else { return Ok(()) };
            if found["metadata"]["uid"] != json!(exactly.uid)
                || found["metadata"]["resourceVersion"] != json!(exactly.resource_version)
            {
                return exists();
            }
            memory.objects.remove(&place);
            memory.journal.push(format!("delete {} {name}", K::plural(&())));
            memory.places.push(place);
            Ok(())
        };
        self.call(delete).await
    }

    async fn carriers(&self, _: &str, _: &str) -> Result<Vec<String>, ClusterError> {
        self.call(|| Ok(self.memory().carriers.clone())).await
    }

    async fn states<T: Send>(
        &self,
        namespace: &str,
        keep: impl FnMut(ObjectMeta) -> Option<T> + Send,
    ) -> Result<Vec<T>, ClusterError> {
        let states = || {
            let memory = self.memory();
            let secrets =
                memory.objects.iter().filter(|((kind, ns, _), _)| kind == "secrets" && ns == namespace);
            let states = secrets.filter(|((_, _, name), _)| name.starts_with("state."));
            let metadata = |value: &Value| serde_json::from_value(value["metadata"].clone()).unwrap();
            Ok(states.map(|(_, value)| metadata(value)).filter_map(keep).collect())
        };
        self.call(states).await
    }

    async fn tell(&self, notice: &Notice) -> Result<(), ClusterError> {
        self.call(|| self.memory().notices.push(notice.clone())).await;
        Ok(())
    }
}
