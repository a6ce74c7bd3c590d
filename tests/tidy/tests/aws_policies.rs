//! `manifests/aws` allows what cert-agent calls, and nothing else.
#![cfg(test)]

use std::{collections::BTreeSet, fs};

use serde_json::Value;

/// All calls of AWS Private CA (<https://docs.aws.amazon.com/privateca/latest/APIReference/API_Operations.html>).
const CALLS: [&str; 23] = [
    "CreateCertificateAuthority",
    "CreateCertificateAuthorityAuditReport",
    "CreatePermission",
    "DeleteCertificateAuthority",
    "DeletePermission",
    "DeletePolicy",
    "DescribeCertificateAuthority",
    "DescribeCertificateAuthorityAuditReport",
    "GetCertificate",
    "GetCertificateAuthorityCertificate",
    "GetCertificateAuthorityCsr",
    "GetPolicy",
    "ImportCertificateAuthorityCertificate",
    "IssueCertificate",
    "ListCertificateAuthorities",
    "ListPermissions",
    "ListTags",
    "PutPolicy",
    "RestoreCertificateAuthority",
    "RevokeCertificate",
    "TagCertificateAuthority",
    "UntagCertificateAuthority",
    "UpdateCertificateAuthority",
];

/// The policies by file name.
fn policies(prefix: &str) -> Vec<(String, Value)> {
    let folder = tidy::repository().join("manifests/aws");
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.starts_with(prefix) && name.ends_with(".json") {
            found.push((name, serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()));
        }
    }
    assert!(found.len() > 1, "{prefix}");
    found
}

/// One or a list, as IAM has it.
fn several(value: &Value) -> Vec<&str> {
    value.as_array().map_or_else(
        || vec![value.as_str().unwrap()],
        |all| all.iter().map(|one| one.as_str().unwrap()).collect(),
    )
}

fn statements(policy: &Value) -> &Vec<Value> {
    policy["Statement"].as_array().unwrap()
}

/// The client's method for a call: `IssueCertificate` is `.issue_certificate()`.
fn method(call: &str) -> String {
    let mut name = String::from(".");
    for letter in call.chars() {
        if letter.is_uppercase() && name.len() > 1 {
            name.push('_');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name + "()"
}

fn sources() -> Vec<tidy::Source> {
    ["cert-agent/src", "cli/src"].into_iter().flat_map(tidy::sources).collect()
}

#[test]
fn what_the_code_calls_is_what_the_policies_allow() {
    let called: BTreeSet<&str> = CALLS
        .into_iter()
        .filter(|call| sources().iter().any(|file| file.running().contains(&method(call))))
        .collect();
    let policies = policies("iam-");
    let all = policies.iter().flat_map(|(_, policy)| statements(policy));
    let allowed: BTreeSet<&str> = all
        .flat_map(|statement| several(&statement["Action"]))
        .filter_map(|action| action.strip_prefix("acm-pca:"))
        .collect();
    assert_eq!(called, allowed, "called by the code, and allowed by manifests/aws");
    assert!(called.contains("IssueCertificate"));
}

#[test]
fn every_statement_is_for_one_resource_and_issuing_for_named_templates() {
    for (name, policy) in policies("iam-") {
        for statement in statements(&policy) {
            assert_eq!(statement["Effect"], "Allow", "{name}");
            assert!(!statement["Resource"].as_str().unwrap().contains('*'), "{name}: {statement}");
            for action in several(&statement["Action"]) {
                assert!(!action.contains('*'), "{name}: {action}");
                if action == "acm-pca:IssueCertificate" {
                    let templates = &statement["Condition"]["ArnLike"]["acm-pca:TemplateArn"];
                    several(templates).into_iter().for_each(|template| known(&name, template));
                }
            }
        }
    }
}

/// A template stands in the code as it stands in the policy.
fn known(file: &str, template: &str) {
    let name = template.strip_prefix("arn:*:acm-pca:::template/").unwrap();
    let quoted = format!("\"{name}\"");
    let known = sources().iter().any(|source| source.running().contains(&quoted));
    assert!(known, "{file}: no code asks for {name}");
    if name.starts_with("EndEntity") {
        assert_eq!(name.contains("_APIPassthrough"), file.contains("pod"), "{file}: {name}");
    }
}

#[test]
fn trust_is_for_this_service_account_alone() {
    for (name, policy) in policies("trust-") {
        for statement in statements(&policy) {
            assert!(!statement["Condition"]["StringEquals"].as_object().unwrap().is_empty(), "{name}");
        }
        let text = policy.to_string();
        assert!(!text.contains('*'), "{name}");
        let account = text.contains("sallyport-cert-agent") && text.contains("sallyport-system");
        assert!(account || name == "trust-other-account.json", "{name}");
    }
}
