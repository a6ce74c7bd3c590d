//! The derivation's golden cases: every file under `tests/cases/derive` says who asks and what comes out.
//! `UPDATE_CASES=1` writes what comes out into the files, to be read before it is committed.
#![cfg(test)]

use std::{collections::BTreeMap, fs, path::PathBuf};

use kube::core::ObjectMeta;
use sallyport_contract::{
    derive::{Audit, Verdict, derive},
    object::{IdentityPolicy, IdentityPolicySpec},
    policy::PolicyBook,
    workload::Subject,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One case file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// What the case shows, for the reader.
    about: String,
    namespace: String,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    /// Policies by name.
    policies: BTreeMap<String, Value>,
    /// The pod or workload.
    object: Value,
    expect: Expect,
}

/// What comes out: exactly one of the fields.
#[derive(Deserialize, Serialize, PartialEq, Debug, Default)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Expect {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    identities: Vec<Given>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    containers: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refused: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    audited: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    left_out: bool,
}

#[derive(Deserialize, Serialize, PartialEq, Debug)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Given {
    name: String,
    dns_names: String,
    action: String,
    policy: String,
}

#[test]
fn law_1_every_case_derives_as_written() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/cases/derive");
    let mut files: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 20, "the cases are missing: {} in {}", files.len(), folder.display());
    let mut wrong = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let case: Case = serde_saphyr::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        let actual = run(&case);
        if actual != case.expect && std::env::var_os("UPDATE_CASES").is_some() {
            let head = text.split("\nexpect:").next().unwrap();
            let expect = serde_saphyr::to_string(&actual).unwrap();
            let indented: String = expect.lines().map(|line| format!("  {line}\n")).collect();
            fs::write(&file, format!("{head}\nexpect:\n{indented}")).unwrap();
        } else if actual != case.expect {
            wrong.push(format!(
                "{} ({})\nis:\n{}",
                file.display(),
                case.about,
                serde_saphyr::to_string(&actual).unwrap()
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn run(case: &Case) -> Expect {
    let policies: Vec<IdentityPolicy> = case
        .policies
        .iter()
        .map(|(name, spec)| {
            let spec: IdentityPolicySpec = serde_json::from_value(spec.clone()).unwrap();
            IdentityPolicy {
                metadata: ObjectMeta { name: Some(name.clone()), ..Default::default() },
                spec,
                status: None,
            }
        })
        .collect();
    match derive(&subject(case), &case.labels, &PolicyBook::new(&policies)) {
        Verdict::LeftOut => Expect { left_out: true, ..Expect::default() },
        Verdict::Refused(refusal) => Expect { refused: Some(format!("{refusal}\n")), ..Expect::default() },
        Verdict::Audited(audit) => Expect { audited: Some(told(&audit)), ..Expect::default() },
        Verdict::Granted(grant) => Expect {
            identities: grant
                .identities()
                .map(|identity| Given {
                    name: identity.name.to_string(),
                    dns_names: identity.dns_names.to_string(),
                    action: identity.action.as_str().to_owned(),
                    policy: identity.policy.clone(),
                })
                .collect(),
            containers: grant.containers.clone(),
            warnings: grant.warnings.clone(),
            ..Expect::default()
        },
    }
}

/// What is told of an audit: the names that would be given, or the refusal that would be made.
fn told(audit: &Audit) -> String {
    audit.would_be_refused().unwrap_or_else(|| match &audit.would {
        Ok(Some(grant)) => format!("would get {}", grant.first.dns_names),
        Ok(None) | Err(_) => "would be left out".to_owned(),
    })
}

fn subject(case: &Case) -> Subject {
    fn read<T: serde::de::DeserializeOwned>(object: &Value) -> T {
        serde_json::from_value(object.clone()).unwrap()
    }
    let (namespace, object) = (case.namespace.as_str(), &case.object);
    match object["kind"].as_str().unwrap() {
        "Pod" => Subject::of_pod(namespace, &read(object)),
        "Deployment" => Subject::of_deployment(namespace, &read(object)),
        "StatefulSet" => Subject::of_stateful_set(namespace, &read(object)),
        "DaemonSet" => Subject::of_daemon_set(namespace, &read(object)),
        "Job" => Subject::of_job(namespace, &read(object)),
        "CronJob" => Subject::of_cron_job(namespace, &read(object)),
        other => panic!("no case knows the kind {other}"),
    }
}
