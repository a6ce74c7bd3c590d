//! What was given, sorted: policies, namespaces and firewalls that decide, and the workloads that are judged.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use sallyport_contract::{
    keys,
    object::{Firewall, IdentityPolicy, NameClaim},
    policy::PolicyBook,
};
use sallyport_webhook::facts::{Labels, Snapshot};
use serde::de::DeserializeOwned;

use super::{
    Finding, Outcome,
    document::{self, Document, Piece},
    gather::Source,
    parallel,
};

const API: &str = "sallyport.dev/";
/// The kinds that admission judges.
const JUDGED: [(&str, &str); 6] = [
    ("v1", "Pod"),
    ("apps/v1", "Deployment"),
    ("apps/v1", "StatefulSet"),
    ("apps/v1", "DaemonSet"),
    ("batch/v1", "Job"),
    ("batch/v1", "CronJob"),
];

/// What is known beside the manifests: of a cluster, or nothing.
#[derive(Clone, Default)]
pub(crate) struct Known {
    pub(crate) policies: Vec<IdentityPolicy>,
    pub(crate) firewalls: Vec<Firewall>,
    pub(crate) claims: Vec<NameClaim>,
    pub(crate) namespaces: HashMap<String, Arc<Labels>>,
    /// The cluster said that it serves no pods' own requests for certificates.
    pub(crate) no_pod_certificates: bool,
}

/// One workload to judge.
pub(super) struct Candidate {
    pub(super) file: String,
    pub(super) namespace: String,
    pub(super) document: Document,
}

/// Everything that was given.
pub(crate) struct Bundle {
    known: Known,
    namespace: String,
    candidates: Vec<Candidate>,
    /// What could not be read.
    findings: Vec<Finding>,
}

/// What decides, sorted.
pub(crate) struct Complete {
    pub(crate) facts: Snapshot,
    pub(crate) policies: BTreeMap<String, Arc<IdentityPolicy>>,
    pub(crate) firewalls: Vec<Firewall>,
    pub(super) claims: Vec<NameClaim>,
    pub(super) findings: Vec<Finding>,
}

impl Bundle {
    pub(crate) fn new(mut known: Known, namespace: &str, enabled: &[String]) -> Self {
        for name in enabled {
            let labels = known.namespaces.entry(name.clone()).or_default();
            Arc::make_mut(labels).insert(keys::INJECT.to_owned(), keys::INJECT_ENABLED.to_owned());
        }
        Self { known, namespace: namespace.to_owned(), candidates: Vec::new(), findings: Vec::new() }
    }

    /// Takes files in. What decides counts wherever it stands, `judged` or not.
    pub(crate) fn add(&mut self, sources: impl Iterator<Item = Source>, judged: bool) {
        let mut pieces: Vec<(Arc<str>, Piece)> = Vec::new();
        for Source { file, text } in sources {
            match text {
                Ok(text) => {
                    let file: Arc<str> = file.into();
                    pieces.extend(document::split(&text).into_iter().map(|piece| (Arc::clone(&file), piece)));
                }
                Err(error) => self.unreadable(&file, 1, format!("the file cannot be read: {error}")),
            }
        }
        let read = parallel::map(pieces, parallel::processors(), |(file, piece)| (file, piece.read()));
        for (file, documents) in read {
            for document in documents {
                match document {
                    Ok(document) => self.sort(&file, document, judged),
                    Err((line, words)) => self.unreadable(&file, line, words),
                }
            }
        }
    }

    fn unreadable(&mut self, file: &str, line: usize, words: String) {
        let outcome = Outcome::Unjudged(words);
        let (file, object) = (file.to_owned(), String::new());
        self.findings.push(Finding { file, line, width: 1, object, outcome, warnings: Vec::new() });
    }

    fn sort(&mut self, file: &str, document: Document, judged: bool) {
        let (version, kind) = (document.text_at(&["apiVersion"]), document.text_at(&["kind"]));
        match (version, kind) {
            (version, "IdentityPolicy") if version.starts_with(API) => {
                let read = self.read(file, &document);
                self.known.policies.extend(read);
            }
            (version, "Firewall") if version.starts_with(API) => {
                let read = self.read(file, &document);
                self.known.firewalls.extend(read);
            }
            ("v1", "Namespace") => {
                let labels = document.object.pointer("/metadata/labels").cloned().unwrap_or_default();
                let labels: Labels = serde_json::from_value(labels).unwrap_or_default();
                let name = document.text_at(&["metadata", "name"]).to_owned();
                let known = self.known.namespaces.entry(name).or_default();
                Arc::make_mut(known).extend(labels);
            }
            known if judged && JUDGED.contains(&known) => {
                let namespace = match document.text_at(&["metadata", "namespace"]) {
                    "" => self.namespace.clone(),
                    named => named.to_owned(),
                };
                self.candidates.push(Candidate { file: file.to_owned(), namespace, document });
            }
            ("", _) | (_, "") if judged => {
                let words = "it is not a Kubernetes object: apiVersion or kind is missing".to_owned();
                self.unreadable(file, document.line_of(""), words);
            }
            _ => {}
        }
    }

    fn read<K: DeserializeOwned>(&mut self, file: &str, document: &Document) -> Option<K> {
        match serde_json::from_value(document.object.clone()) {
            Ok(object) => Some(object),
            Err(error) => {
                let kind = document.text_at(&["kind"]);
                self.unreadable(file, document.line_of(""), format!("it cannot be read as {kind}: {error}"));
                None
            }
        }
    }

    /// What is to be judged: apiVersion, kind, namespace and name of each.
    pub(crate) fn subjects(&self) -> Vec<[String; 4]> {
        let subject = |one: &Candidate| {
            let text = |path: &[&str]| one.document.text_at(path).to_owned();
            [text(&["apiVersion"]), text(&["kind"]), one.namespace.clone(), text(&["metadata", "name"])]
        };
        self.candidates.iter().map(subject).collect()
    }

    /// Everything was added: what is judged, and by what.
    pub(super) fn complete(self) -> (Vec<Candidate>, Complete) {
        let Self { known, candidates, findings, namespace: _ } = self;
        let Known { policies, firewalls, claims, namespaces, no_pod_certificates } = known;
        // Of two policies of one name the later one counts, as if it was applied over the former.
        let policies: BTreeMap<String, Arc<IdentityPolicy>> = policies
            .into_iter()
            .map(|policy| (policy.metadata.name.clone().unwrap_or_default(), Arc::new(policy)))
            .collect();
        let book = PolicyBook::new(policies.values().map(AsRef::as_ref));
        let facts = Snapshot {
            namespaces: Arc::new(namespaces),
            policies: Arc::new(book),
            pod_certificates: !no_pod_certificates,
        };
        (candidates, Complete { facts, policies, firewalls, claims, findings })
    }
}
