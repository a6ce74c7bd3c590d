//! The threat model names the test that proves each claim, and every one of them exists.

use std::{collections::BTreeSet, fs};

#[test]
fn every_test_that_the_threat_model_names_exists() {
    let text = fs::read_to_string(tidy::repository().join("docs/THREAT-MODEL.md")).unwrap();
    let sources: Vec<_> = tidy::sources(".");
    let named: BTreeSet<&str> = text
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|word| word.contains("law_") || word.contains("::"))
        .collect();
    assert!(named.len() > 30, "only {} tests are named", named.len());
    let exists = |name: &str| {
        let (system, unit) = (format!("\"{name}\""), format!("fn {name}("));
        sources.iter().any(|source| source.text.contains(&system) || source.text.contains(&unit))
    };
    let missing: Vec<_> = named.iter().filter(|name| !exists(name)).collect();
    assert!(missing.is_empty(), "no such tests: {missing:?}");
}
