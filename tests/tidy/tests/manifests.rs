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
