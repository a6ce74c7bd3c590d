//! Patches are the smallest, and do what they were computed to do.

use serde_json::json;

use super::*;

fn run(object: Value, changes: &[Change]) -> (Value, Value) {
    let mut after = object.clone();
    let patch = Patch::of(&mut after, changes).unwrap();
    let mut applied = object;
    json_patch::patch(&mut applied, patch.operations()).unwrap();
    assert_eq!(applied, after, "the patch does what was computed");
    assert!(Patch::of(&mut after, &without_appends(changes)).unwrap().is_empty(), "twice is once");
    (serde_json::to_value(&patch).unwrap(), applied)
}

fn without_appends(changes: &[Change]) -> Vec<Change> {
    let grows = |change: &&Change| matches!(change, Change::Append(..) | Change::Prepend(..));
    changes.iter().filter(|change| !grows(change)).cloned().collect()
}

fn annotations() -> Path {
    Path::of(&["metadata", "annotations"])
}

fn set(key: &str, value: &str) -> Change {
    Change::Set(annotations(), key.into(), value.into())
}

#[test]
fn missing_and_null_parents_come_in_one_operation() {
    for before in [json!({"metadata": {}}), json!({"metadata": {"annotations": null}})] {
        let (patch, _) =
            run(before, &[set("a", "1"), set("b/c~d", "2"), Change::Unset(annotations(), "x".into())]);
        assert_eq!(
            patch,
            json!([{"op": "add", "path": "/metadata/annotations", "value": {"a": "1", "b/c~d": "2"}}])
        );
    }
    let labels = Change::Set(Path::of(&["metadata", "labels"]), "l".into(), "1".into());
    let (patch, _) = run(json!({}), &[set("a", "1"), labels]);
    assert_eq!(
        patch,
        json!([{"op": "add", "path": "/metadata", "value": {"annotations": {"a": "1"}}},
            {"op": "add", "path": "/metadata/labels", "value": {"l": "1"}}])
    );
}

#[test]
fn members_are_added_replaced_removed_and_escaped() {
    let before = json!({"metadata": {"annotations": {"same": "1", "old": "1", "gone": "1"}}});
    let changes =
        [set("a/b~c", "2"), set("old", "2"), set("same", "1"), Change::Unset(annotations(), "gone".into())];
    let (patch, _) = run(before, &changes);
    assert_eq!(
        patch,
        json!([{"op": "add", "path": "/metadata/annotations/a~1b~0c", "value": "2"},
            {"op": "replace", "path": "/metadata/annotations/old", "value": "2"},
            {"op": "remove", "path": "/metadata/annotations/gone"}])
    );
}

#[test]
fn elements_go_to_the_end() {
    let env = Path::of(&["spec", "containers"]).index(1).key("env");
    let changes =
        [Change::Append(env.clone(), json!({"name": "A"})), Change::Append(env, json!({"name": "B"}))];
    let (patch, _) = run(json!({"spec": {"containers": [{}, {"env": [{"name": "X"}]}]}}), &changes);
    assert_eq!(
        patch,
        json!([{"op": "add", "path": "/spec/containers/1/env/-", "value": {"name": "A"}},
            {"op": "add", "path": "/spec/containers/1/env/-", "value": {"name": "B"}}])
    );
    let (patch, _) = run(json!({"spec": {"containers": [{}, {"env": null}]}}), &changes);
    assert_eq!(
        patch,
        json!([{"op": "add", "path": "/spec/containers/1/env", "value": [{"name": "A"}, {"name": "B"}]}])
    );
}

#[test]
fn an_element_goes_to_the_head_without_moving_what_is_there_on_its_own() {
    let init = Path::of(&["spec", "initContainers"]);
    let first = [Change::Prepend(init, json!({"name": "ours"}))];
    let (patch, _) = run(json!({"spec": {"initContainers": [{"name": "theirs"}]}}), &first);
    assert_eq!(patch, json!([{"op": "add", "path": "/spec/initContainers/0", "value": {"name": "ours"}}]));
    let (patch, _) = run(json!({"spec": {}}), &first);
    assert_eq!(patch, json!([{"op": "add", "path": "/spec/initContainers", "value": [{"name": "ours"}]}]));
}

#[test]
fn law_13_odd_shapes_are_told_not_guessed() {
    let env = Path::of(&["spec", "containers"]).index(0).key("env");
    for (object, says) in [
        (json!({"spec": {"containers": 5}}), "spec.containers is not a list"),
        (json!({"spec": {"containers": [5]}}), "spec.containers[0] is not an object"),
        (json!({"spec": {"containers": [{"env": {}}]}}), "spec.containers[0].env is not a list"),
        (json!({"spec": {"containers": []}}), "spec.containers[0] is not there"),
        (json!([]), " is not an object"),
    ] {
        let error = Patch::of(&mut object.clone(), &[Change::Append(env.clone(), json!({}))]).unwrap_err();
        assert_eq!(error.to_string(), says);
    }
}
