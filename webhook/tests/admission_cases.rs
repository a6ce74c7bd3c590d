//! The webhook's golden cases: every file under `tests/cases/admission` says what is asked and answered.
//! What was admitted is asked again as it was patched, and the answer must be an empty patch.
//! `UPDATE_CASES=1` writes what comes out into the files, to be read before it is committed.
#![cfg(test)]

use std::{collections::BTreeMap, fs, path::PathBuf, sync::Arc};

use corpus::Golden;
use kube::core::ObjectMeta;
use sallyport_contract::{
    object::{IdentityPolicy, IdentityPolicySpec},
    policy::PolicyBook,
};
use sallyport_webhook::{
    facts::{Labels, Snapshot},
    judge::{Judged, judge},
    review::{Entry, Ruling},
};
use serde::Deserialize;
use serde_json::{Value, json};

/// One case file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Case {
    /// What the case shows, for the reader.
    about: String,
    namespace: Namespace,
    /// Policies by name.
    policies: BTreeMap<String, Value>,
    entry: EntryName,
    operation: String,
    /// The pod or workload.
    object: Value,
    #[serde(default)]
    old_object: Value,
    /// Whether the cluster is older than pods' own requests for certificates.
    #[serde(default)]
    pod_certificates_not_served: bool,
    #[serde(default)]
    expect: Golden,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Namespace {
    name: String,
    labels: Labels,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum EntryName {
    Pods,
    Workloads,
}

#[test]
fn law_3_every_case_is_answered_as_written_and_twice_is_once() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/cases/admission");
    let mut files: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 35, "the cases are missing: {} in {}", files.len(), folder.display());
    let mut wrong = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let case: Case = serde_saphyr::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        let judged = run(&case, &case.object);
        let actual = expect(&judged);
        check_second_pass(&case, &judged);
        if actual == case.expect {
            continue;
        }
        let shown = serde_saphyr::to_string(&actual).unwrap();
        if std::env::var_os("UPDATE_CASES").is_some() {
            let head = text.split("\nexpect:").next().unwrap().trim_end();
            let indented: String = shown.lines().map(|line| format!("  {line}\n")).collect();
            fs::write(&file, format!("{head}\nexpect:\n{indented}")).unwrap();
        } else {
            wrong.push(format!("{} ({})\nis:\n{shown}", file.display(), case.about));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn run(case: &Case, object: &Value) -> Judged {
    let kind = object["kind"].as_str().unwrap();
    let group = match kind {
        "Deployment" | "StatefulSet" | "DaemonSet" => "apps",
        "Job" | "CronJob" => "batch",
        _ => "",
    };
    let review = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
        "uid": "705ab4f5", "kind": {"group": group, "version": "v1", "kind": kind},
        "namespace": case.namespace.name, "name": object["metadata"]["name"].as_str().unwrap_or_default(),
        "operation": case.operation, "dryRun": false, "object": object, "oldObject": case.old_object}});
    let entry = match case.entry {
        EntryName::Pods => Entry::Pods,
        EntryName::Workloads => Entry::Workloads,
    };
    judge(entry, review.to_string().as_bytes(), &snapshot(case)).unwrap()
}

fn snapshot(case: &Case) -> Snapshot {
    let policies: Vec<IdentityPolicy> = case
        .policies
        .iter()
        .map(|(name, spec)| {
            let spec: IdentityPolicySpec = serde_json::from_value(spec.clone()).unwrap();
            let metadata = ObjectMeta { name: Some(name.clone()), ..Default::default() };
            IdentityPolicy { metadata, spec, status: None }
        })
        .collect();
    let labels = Arc::new(case.namespace.labels.clone());
    Snapshot {
        namespaces: Arc::new([(case.namespace.name.clone(), labels)].into()),
        policies: Arc::new(PolicyBook::new(&policies)),
        pod_certificates: !case.pod_certificates_not_served,
    }
}

fn expect(judged: &Judged) -> Golden {
    let unsaid = judged.answer.warnings.iter().find(|warning| warning.contains(char::is_control));
    assert_eq!(unsaid, None, "the API server drops a warning with control characters");
    Golden::from(judged)
}

fn check_second_pass(case: &Case, judged: &Judged) {
    let Ruling::Allowed(patch) = &judged.answer.ruling else { return };
    let mut patched = case.object.clone();
    json_patch::patch(&mut patched, patch.operations()).unwrap();
    let again = run(case, &patched);
    let Ruling::Allowed(second) = &again.answer.ruling else { panic!("{}: {again:?}", case.about) };
    assert!(second.is_empty(), "{}: the second pass patches {second:?}", case.about);
}
