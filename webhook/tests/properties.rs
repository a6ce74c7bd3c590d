//! Whatever a pod or workload looks like: no panic, nothing of the user's is lost, and twice is once.
#![cfg(test)]

mod support;

use std::cell::Cell;

use proptest::{prelude::*, test_runner::TestRunner};
use sallyport_webhook::{
    facts::Snapshot,
    judge::{Judged, Outcome, judge},
    review::{Entry, Ruling},
};
use serde_json::{Map, Value, json};

/// What may stand somewhere, fitting or not.
fn odd() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        Just(json!(7)),
        Just(json!(true)),
        Just(json!("")),
        Just(json!([])),
        Just(json!([null])),
        Just(json!([5])),
        Just(json!({})),
        Just(json!({"name": "x"})),
    ]
}

fn strings() -> impl Strategy<Value = Value> {
    let key = prop_oneof![
        Just("app"),
        Just("a/b~c"),
        Just("sallyport.dev/action"),
        Just("sallyport.dev/containers"),
        Just("sallyport.dev/inject"),
        Just("sallyport.dev/identity"),
        Just("resolved.sallyport.dev/dns-names"),
        Just("resolved.sallyport.dev/workload"),
        Just("resolved.sallyport.dev/else"),
        Just("paloaltonetworks.com/firewall"),
    ];
    let value = prop_oneof![
        Just("1"),
        Just("allow"),
        Just("deny"),
        Just("disabled"),
        Just("pan-fw"),
        Just("a,c"),
        Just("")
    ];
    let map = prop::collection::btree_map(key, value, 0..4).prop_map(|map| json!(map));
    prop_oneof![4 => map, 1 => Just(Value::Null)]
}

/// A list of such items, null, or nothing.
fn list(items: &[Value]) -> impl Strategy<Value = Option<Value>> + use<> {
    let some = prop::collection::vec(prop::sample::select(items.to_vec()), 0..3).prop_map(|list| json!(list));
    prop::option::of(prop_oneof![5 => some, 1 => Just(Value::Null)])
}

fn object(fields: Vec<(&'static str, Option<Value>)>) -> Value {
    let fields = fields.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
    Value::Object(fields.collect::<Map<_, _>>())
}

fn container() -> impl Strategy<Value = Value> {
    let env = list(&[
        json!({"name": "MODE", "value": "x"}),
        json!({"name": "SALLYPORT_TLS_KEY", "value": "/var/run/sallyport/tls/tls.key"}),
        json!({"name": "FROM", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}),
    ]);
    let mounts = list(&[
        json!({"name": "data", "mountPath": "/data"}),
        json!({"name": "sallyport-tls", "mountPath": "/var/run/sallyport/tls"}),
    ]);
    ("[a-c]", env, mounts).prop_map(|(name, env, mounts)| {
        object(vec![
            ("name", Some(json!(name))),
            ("env", env),
            ("volumeMounts", mounts),
            ("new", Some(json!([1]))),
        ])
    })
}

fn pod() -> impl Strategy<Value = Value> {
    let volumes =
        list(&[json!({"name": "data", "emptyDir": {}}), json!({"name": "more", "hostPath": {"path": "/x"}})]);
    let gates =
        list(&[json!({"conditionType": "x/y"}), json!({"conditionType": "sallyport.dev/identity-ready"})]);
    let containers = prop::collection::vec(container(), 0..4);
    let meta = (prop::option::of(strings()), prop::option::of(strings()));
    let init = prop::option::of(prop::collection::vec(container(), 0..3).prop_map(|init| json!(init)));
    (meta, containers, init, volumes, gates).prop_map(
        |((labels, annotations), containers, init, volumes, gates)| {
            let meta =
                object(vec![("name", Some(json!("web"))), ("labels", labels), ("annotations", annotations)]);
            let spec = object(vec![
                ("containers", Some(json!(containers))),
                ("initContainers", init),
                ("volumes", volumes),
                ("readinessGates", gates),
            ]);
            json!({"metadata": meta, "spec": spec, "status": {}, "fromTheFuture": {"level": 11}})
        },
    )
}

/// Puts something odd in one place of a document; which place, the number tells.
fn spoil(value: &mut Value, place: usize, odd: &Value) -> usize {
    if place == 0 {
        *value = odd.clone();
        return 0;
    }
    let mut left = place;
    let children: Vec<&mut Value> = match value {
        Value::Object(map) => map.values_mut().collect(),
        Value::Array(list) => list.iter_mut().collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    };
    for child in children {
        if left == 0 {
            return 0;
        }
        left = spoil(child, left - 1, odd);
    }
    left
}

/// Every value of the user's is where it was. Null is nothing, and the answers are ours.
fn check_kept(before: &Value, after: &Value, path: &str) -> Result<(), TestCaseError> {
    match before {
        Value::Null => {}
        Value::Object(map) => {
            for (key, value) in map {
                let ours = key.starts_with("resolved.sallyport.dev/") || key == "sallyport.dev/identity";
                if !ours {
                    let there = after.get(key).unwrap_or(&Value::Null);
                    check_kept(value, there, &format!("{path}/{key}"))?;
                }
            }
            prop_assert!(after.is_object(), "{path} is {after}");
        }
        Value::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                check_kept(value, after.get(index).unwrap_or(&Value::Null), &format!("{path}/{index}"))?;
            }
            prop_assert!(after.is_array(), "{path} is {after}");
        }
        Value::Bool(_) | Value::Number(_) | Value::String(_) => prop_assert_eq!(before, after, "{}", path),
    }
    Ok(())
}

fn check(entry: Entry, kind: &str, group: &str, object: &Value) -> Result<Judged, TestCaseError> {
    check_by(&support::snapshot(), entry, kind, group, object)
}

/// What is put first moves what stands there by one place; taken away again, everything is where it was.
fn without_hold(patched: &Value) -> Value {
    let mut patched = patched.clone();
    if let Some(init) = patched["spec"]["initContainers"].as_array_mut() {
        let first = init.first().is_some_and(|first| first["name"] == "sallyport-hold");
        init.drain(..usize::from(first));
    }
    patched
}

fn check_by(
    facts: &Snapshot,
    entry: Entry,
    kind: &str,
    group: &str,
    object: &Value,
) -> Result<Judged, TestCaseError> {
    let run = |object: &Value| judge(entry, &support::review(kind, group, "shop", object), facts);
    let judged = run(object).unwrap();
    let Ruling::Allowed(patch) = &judged.answer.ruling else { return Ok(judged) };
    let mut patched = object.clone();
    json_patch::patch(&mut patched, patch.operations()).unwrap();
    check_kept(object, &without_hold(&patched), "")?;
    let again = run(&patched).unwrap();
    prop_assert_eq!(judged.outcome, again.outcome);
    let Ruling::Allowed(second) = &again.answer.ruling else {
        return Err(TestCaseError::fail("refused at last"));
    };
    prop_assert!(second.is_empty(), "{second:?}");
    Ok(judged)
}

#[test]
fn law_3_pods_only_gain() {
    only_gain(&support::snapshot());
}

#[test]
fn law_3_held_pods_only_gain() {
    only_gain(&support::holding());
}

fn only_gain(facts: &Snapshot) {
    let config = ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() };
    let granted = Cell::new(0);
    let result = TestRunner::new(config).run(&pod(), |pod| {
        let judged = check_by(facts, Entry::Pods, "Pod", "", &pod)?;
        granted.set(granted.get() + u32::from(judged.outcome == Outcome::Granted));
        Ok(())
    });
    result.unwrap();
    assert!(
        granted.get() > 500,
        "only {} of 2000 pods were granted: the property says little",
        granted.get()
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn law_13_spoiled_pods_are_survived(mut pod in pod(), place in 0_usize..60, odd in odd()) {
        spoil(&mut pod, place, &odd);
        let judged = check(Entry::Pods, "Pod", "", &pod)?;
        prop_assert_ne!(judged.outcome, Outcome::CannotJudge);
    }

    #[test]
    fn law_13_spoiled_workloads_are_survived(
        template in pod(), annotations in prop::option::of(strings()), place in 0_usize..70, odd in odd(),
        spoiled: bool, which in 0_usize..5,
    ) {
        let (kind, group) = [("Deployment", "apps"), ("StatefulSet", "apps"), ("DaemonSet", "apps"),
            ("Job", "batch"), ("CronJob", "batch")][which];
        let meta = object(vec![("name", Some(json!("web"))), ("annotations", annotations)]);
        let mut workload = if kind == "CronJob" {
            json!({"metadata": meta, "spec": {"jobTemplate": {"spec": {"template": template}}}})
        } else {
            json!({"metadata": meta, "spec": {"template": template}})
        };
        if spoiled {
            spoil(&mut workload, place, &odd);
        }
        check(Entry::Workloads, kind, group, &workload)?;
    }

    #[test]
    fn law_13_no_body_is_too_odd(body in prop::collection::vec(any::<u8>(), 0..300), cut in 0_usize..200) {
        prop_assert!(judge(Entry::Pods, &body, &support::snapshot()).is_err());
        let mut whole = support::review("Pod", "", "shop", &support::pod());
        whole.truncate(cut);
        prop_assert!(judge(Entry::Pods, &whole, &support::snapshot()).is_err());
    }
}
