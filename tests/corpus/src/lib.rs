//! The corpus: pods and workloads as the real world has them, where they are judged, and what admission answers.
//!
//! `tests/cases/corpus` holds a `setting.yaml` (namespaces and policies), one manifest a file in `manifests`, and in
//! `golden`, under the same name, the answer. Whoever gives a verdict is held to the same files: the webhook in process,
//! `sallyport check`, and a real API server.

mod golden;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context as _, Result, ensure};
pub use golden::Golden;
use sallyport_contract::{object::IdentityPolicy, policy::PolicyBook};
use sallyport_webhook::{
    facts::{Labels, Snapshot},
    judge::{Judged, judge},
    review::Entry,
};
use serde_json::{Value, json};

/// What the API server says of a manifest that something besides the webhook refuses, in a comment of its own line.
const KUBERNETES: &str = "# kubernetes: ";

/// The folder of the corpus.
#[must_use]
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../cases/corpus")
}

/// One manifest.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// The file's name without its ending: what it shows.
    pub name: String,
    /// The same in a sentence.
    pub about: String,
    /// Words of another refusal, where Kubernetes itself or an admission policy refuses the manifest whatever the webhook says.
    pub kubernetes: Option<String>,
    /// The object.
    pub object: Value,
}

/// Every manifest, by name.
///
/// # Errors
/// A file is not one manifest with a sentence before it.
pub fn manifests() -> Result<Vec<Manifest>> {
    let folder = folder().join("manifests");
    let entries = std::fs::read_dir(&folder).with_context(|| format!("no {}", folder.display()))?;
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    files.sort();
    files.iter().map(|file| manifest(file).with_context(|| file.display().to_string())).collect()
}

fn manifest(file: &Path) -> Result<Manifest> {
    let text = std::fs::read_to_string(file)?;
    let about =
        text.lines().next().and_then(|line| line.strip_prefix("# ")).context("no sentence before it")?;
    let kubernetes = text.lines().find_map(|line| line.strip_prefix(KUBERNETES)).map(str::to_owned);
    let name = file.file_stem().context("no name")?.to_string_lossy().into_owned();
    let object: Value = serde_saphyr::from_str(&text)?;
    ensure!(object["metadata"]["namespace"].is_string(), "it names no namespace");
    Ok(Manifest { name, about: about.to_owned(), kubernetes, object })
}

/// The objects among which the manifests are judged.
///
/// # Errors
/// `setting.yaml` cannot be read.
pub fn setting() -> Result<Vec<Value>> {
    let text = std::fs::read_to_string(folder().join("setting.yaml"))?;
    Ok(serde_saphyr::from_multiple(&text)?)
}

/// The same as the webhook knows it.
///
/// # Errors
/// An object in it has not the shape of its kind.
pub fn snapshot() -> Result<Snapshot> {
    let (mut namespaces, mut policies) = (std::collections::HashMap::new(), Vec::<IdentityPolicy>::new());
    for object in setting()? {
        match object["kind"].as_str() {
            Some("Namespace") => {
                let labels: Option<Labels> = serde_json::from_value(object["metadata"]["labels"].clone())?;
                let name = object["metadata"]["name"].as_str().context("a namespace without a name")?;
                namespaces.insert(name.to_owned(), Arc::new(labels.unwrap_or_default()));
            }
            Some("IdentityPolicy") => policies.push(serde_json::from_value(object)?),
            _ => {}
        }
    }
    let policies = Arc::new(PolicyBook::new(&policies));
    Ok(Snapshot { namespaces: Arc::new(namespaces), policies, pod_certificates: true })
}

/// What the webhook answers to the creation of an object.
///
/// # Errors
/// The review could not be read.
pub fn judged(object: &Value, snapshot: &Snapshot) -> Result<Judged> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let version = text(&object["apiVersion"]);
    let (group, version) = version.split_once('/').unwrap_or(("", &version));
    let kind = text(&object["kind"]);
    let entry = if kind == "Pod" { Entry::Pods } else { Entry::Workloads };
    let review = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
        "uid": "705ab4f5", "operation": "CREATE", "kind": {"group": group, "version": version, "kind": kind},
        "namespace": text(&object["metadata"]["namespace"]), "name": text(&object["metadata"]["name"]),
        "object": object}});
    Ok(judge(entry, review.to_string().as_bytes(), snapshot)?)
}
