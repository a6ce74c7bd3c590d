//! The install as a user applies it, but for one overlay: here the programs run as processes of the host,
//! so the webhook is reached by `url`, and the Deployments are kept at zero replicas.

use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::paths;

/// The custom resource definitions, each as it stands in `manifests/crds`.
///
/// # Errors
/// A file cannot be read.
pub fn definitions() -> Result<Vec<Value>> {
    folder(&paths::repository().join("manifests/crds"))
}

/// The install as it stands in `manifests/install`.
///
/// # Errors
/// A file cannot be read.
pub fn install() -> Result<Vec<Value>> {
    folder(&paths::repository().join("manifests/install"))
}

/// Every object of `manifests/examples`.
///
/// # Errors
/// A file cannot be read.
pub fn examples() -> Result<Vec<Value>> {
    folder(&paths::repository().join("manifests/examples"))
}

/// Every object of `manifests/path-proof`.
///
/// # Errors
/// A file cannot be read.
pub fn path_proof() -> Result<Vec<Value>> {
    folder(&paths::repository().join("manifests/path-proof"))
}

/// An example of `manifests/examples` as one object.
///
/// # Errors
/// There is no such example.
pub fn example(name: &str) -> Result<Value> {
    let file = paths::repository().join("manifests/examples").join(format!("{name}.yaml"));
    documents(&file)?.into_iter().next().with_context(|| format!("{} is empty", file.display()))
}

fn folder(folder: &Path) -> Result<Vec<Value>> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    files.sort();
    let mut objects = Vec::new();
    for file in files {
        objects.extend(documents(&file)?);
    }
    Ok(objects)
}

fn documents(file: &Path) -> Result<Vec<Value>> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    serde_saphyr::from_multiple(&text).with_context(|| format!("{} is not YAML", file.display()))
}

/// The object as the test ground applies it.
#[must_use]
pub fn overlay(mut object: Value, webhook: &str) -> Value {
    match object["kind"].as_str() {
        Some("Deployment") => object["spec"]["replicas"] = json!(0),
        Some("MutatingWebhookConfiguration") => {
            for entry in object["webhooks"].as_array_mut().into_iter().flatten() {
                let path = entry["clientConfig"]["service"]["path"].as_str().unwrap_or_default();
                entry["clientConfig"] = json!({"url": format!("{webhook}{path}")});
            }
        }
        Some(_) | None => {}
    }
    object
}

/// Several objects as one text for `kubectl apply`.
#[must_use]
pub fn stream(objects: &[Value]) -> String {
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
    list.to_string()
}

/// Puts `more` over `into`, field by field.
pub(crate) fn merge(into: &mut Value, more: &Value) {
    match (into, more) {
        (Value::Object(into), Value::Object(more)) => {
            for (key, value) in more {
                merge(into.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (into, more) => *into = more.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Paths at which two values differ.
    fn differences(path: &str, a: &Value, b: &Value, found: &mut Vec<String>) {
        match (a, b) {
            (Value::Object(x), Value::Object(y)) => {
                let mut keys: Vec<&String> = x.keys().chain(y.keys()).collect();
                keys.sort();
                keys.dedup();
                for key in keys {
                    differences(&format!("{path}.{key}"), &a[key.as_str()], &b[key.as_str()], found);
                }
            }
            (Value::Array(x), Value::Array(y)) if x.len() == y.len() => {
                for (a, b) in x.iter().zip(y) {
                    differences(&format!("{path}[]"), a, b, found);
                }
            }
            (a, b) if a != b => found.push(path.to_owned()),
            (_, _) => {}
        }
    }

    #[test]
    fn the_overlay_changes_nothing_but_url_and_replicas() {
        let mut found = Vec::new();
        for object in install().unwrap() {
            let kind = object["kind"].as_str().unwrap().to_owned();
            let overlaid = overlay(object.clone(), "https://127.0.0.1:1");
            differences(&kind, &object, &overlaid, &mut found);
        }
        found.sort();
        found.dedup();
        assert_eq!(
            found,
            [
                "Deployment.spec.replicas",
                "MutatingWebhookConfiguration.webhooks[].clientConfig.service",
                "MutatingWebhookConfiguration.webhooks[].clientConfig.url",
            ]
        );
    }
}
