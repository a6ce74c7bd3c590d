//! What may be in the tree: licences, sources, and one TLS stack.
#![cfg(test)]

use std::process::Command;

use serde_json::Value;

/// Licences that an Apache-2.0 program may carry along.
const LICENCES: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "MPL-2.0",
    "OpenSSL",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Crates that would bring a second TLS stack or crypto provider.
const BANNED: &[&str] = &["openssl-sys", "native-tls"];

fn packages() -> Vec<Value> {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--locked",
            "--offline",
            "--filter-platform",
            "x86_64-unknown-linux-gnu",
        ])
        .current_dir(tidy::repository())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap().clone();
    assert!(packages.len() > 200, "only {} packages: the metadata is not what it should be", packages.len());
    packages
}

/// One side of an `OR` is enough; every part of an `AND` must be allowed.
fn allowed(expression: &str) -> bool {
    let plain = expression.replace(['(', ')'], "").replace('/', " OR ");
    plain.split(" OR ").any(|side| side.split(" AND ").all(|licence| LICENCES.contains(&licence.trim())))
}

#[test]
fn licences_allow_us_to_ship_it() {
    let wrong: Vec<String> = packages()
        .iter()
        .filter(|package| !package["license"].as_str().is_some_and(allowed))
        .map(|package| format!("{} {}: {}", package["name"], package["version"], package["license"]))
        .collect();
    assert!(wrong.is_empty(), "licences that are not listed:\n  {}", wrong.join("\n  "));
}

#[test]
fn everything_comes_from_the_registry_and_nothing_brings_a_second_tls_stack() {
    for package in packages() {
        let (name, source) = (package["name"].as_str().unwrap(), &package["source"]);
        let registry = source.as_str().is_none_or(|source| source.starts_with("registry+"));
        assert!(registry, "{name} comes from {source}");
        assert!(!BANNED.contains(&name), "{name} is in the tree");
    }
}
