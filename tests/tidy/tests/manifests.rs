//! `manifests/` holds what the types say.

use std::fs;

use sallyport_contract::object;
use serde_json::Value;

#[test]
fn definitions_are_what_the_types_say() {
    for definition in object::definitions() {
        let name = definition.metadata.name.clone().unwrap();
        let file = tidy::repository().join(format!("manifests/crds/{name}.yaml"));
        let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let stored: Value = serde_saphyr::from_str(&text).unwrap();
        let typed = serde_json::to_value(&definition).unwrap();
        assert_eq!(plain(&stored), plain(&typed), "{name} is stale: run `make manifests`");
    }
}

/// The chart's own bound is held to the tests' by `tests/chart/check.sh`.
#[test]
fn the_oldest_kubernetes_is_the_one_that_there_are_tests_on() {
    let text = |file: &str| fs::read_to_string(tidy::repository().join(file)).unwrap();
    let modules = text("tests/control-plane/oldest.mod");
    let version = modules.lines().find_map(|line| line.strip_prefix("\tk8s.io/kubernetes v")).unwrap();
    let mut parts = version.split('.');
    let (major, minor) = (parts.next().unwrap(), parts.next().unwrap());
    for (file, words) in [
        ("cli/src/preflight/cluster.rs", format!("const OLDEST: (u32, u32) = ({major}, {minor});")),
        ("README.md", format!("Kubernetes {major}.{minor} and later (tested on {major}.{minor} and ")),
        ("docs/INSTALL.md", format!("Kubernetes {major}.{minor} and later")),
        ("docs/UPGRADE.md", format!("**Kubernetes**: {major}.{minor} and later")),
        ("docs/QUICKSTART.md", format!("Kubernetes {major}.{minor} or later")),
    ] {
        assert!(text(file).contains(&words), "no {words:?} in {file}");
    }
}

/// Whole numbers in one form: `1.0` in a schema and `1` in YAML are the same bound.
fn plain(value: &Value) -> Value {
    match value {
        Value::Number(number) => {
            number.as_f64().map_or(Value::Null, |number| Value::from(number.to_string()))
        }
        Value::Array(items) => items.iter().map(plain).collect(),
        Value::Object(fields) => fields.iter().map(|(key, value)| (key.clone(), plain(value))).collect(),
        Value::Null | Value::Bool(_) | Value::String(_) => value.clone(),
    }
}
