//! When the pods are restarted that began with the certificate before, and what is written to their workload.

use jiff::{SignedDuration, Timestamp};
use sallyport_contract::keys;
use serde_json::{Value, json};

use crate::state::Span;

/// A certificate that was asked for is delivered, and seen on every node, within so long.
const SETTLED: SignedDuration = SignedDuration::from_secs(60);

/// Pods whose containers began before this may have read the certificate before.
#[must_use]
pub fn older_than(current: Span) -> Timestamp {
    current.received_at.saturating_add(SETTLED).unwrap_or(current.received_at)
}

/// When they are restarted: within so long, or within half of what is left to the old certificate if that is
/// less, spread over that time. The first certificate of an identity replaces none.
#[must_use]
pub fn due(current: Span, within: SignedDuration, draw: u16) -> Option<Timestamp> {
    let begin = older_than(current);
    let left = current.replaces?.duration_since(begin).max(SignedDuration::ZERO);
    let seconds = (left / 2).min(within).as_secs();
    let wait = SignedDuration::from_secs(seconds * i64::from(draw) / i64::from(u16::MAX));
    Some(begin.saturating_add(wait).unwrap_or(begin))
}

/// The JSON patch that has a workload make its pods anew, as its own strategy says; nothing if it was done for
/// this certificate. `object` is the workload as it stands: another version of it is not touched.
#[must_use]
pub fn patch(object: &Value, serial: &str) -> Option<Value> {
    let place = "/spec/template/metadata/annotations";
    let annotations = object.pointer(place).and_then(Value::as_object);
    if annotations
        .and_then(|annotations| annotations.get(keys::RESTARTED_FOR))
        .is_some_and(|one| one == serial)
    {
        return None;
    }
    let version = &object["metadata"]["resourceVersion"];
    let mut operations = vec![json!({"op": "test", "path": "/metadata/resourceVersion", "value": version})];
    if annotations.is_some() {
        let path = format!("{place}/{}", keys::RESTARTED_FOR.replace('/', "~1"));
        operations.push(json!({"op": "add", "path": path, "value": serial}));
    } else {
        if object.pointer("/spec/template/metadata").is_none() {
            operations.push(json!({"op": "add", "path": "/spec/template/metadata", "value": {}}));
        }
        operations.push(json!({"op": "add", "path": place, "value": {keys::RESTARTED_FOR: serial}}));
    }
    Some(Value::Array(operations))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restart_is_written_once_for_a_certificate_and_beside_what_is_there() {
        let serial = "5c:1f";
        for metadata in [json!(null), json!({}), json!({"annotations": {"note": "mine"}})] {
            let mut object =
                json!({"metadata": {"resourceVersion": "7"}, "spec": {"template": {"metadata": metadata}}});
            if metadata.is_null() {
                object["spec"]["template"] = json!({});
            }
            let operations = patch(&object, serial).unwrap();
            let operations: json_patch::Patch = serde_json::from_value(operations).unwrap();
            let mut changed = object.clone();
            json_patch::patch(&mut changed, &operations).unwrap();
            let annotations = &changed["spec"]["template"]["metadata"]["annotations"];
            assert_eq!(annotations[keys::RESTARTED_FOR], serial, "{metadata}");
            assert_eq!(annotations.get("note"), metadata.pointer("/annotations/note"), "{metadata}");
            assert_eq!(patch(&changed, serial), None, "once is enough");
            assert!(patch(&changed, "5c:20").is_some(), "the next one");
            let mut newer = object.clone();
            newer["metadata"]["resourceVersion"] = json!("8");
            assert!(json_patch::patch(&mut newer, &operations).is_err(), "somebody was faster");
        }
    }
}
