//! The init container that holds a pod's other containers back until its gate opens, and the volume that tells it.
//!
//! It reads one annotation by the downward API, so it needs no account and no way to the API server.

use sallyport_contract::{Reason, Refusal, keys, object::Hold};
use serde_json::{Value, json};

use crate::{
    decide::Case,
    injection::{Obstacle, named, taken},
    patch::{Change, Path},
    volume::only,
};

/// The user of Sallyport's image; said, because a pod may want another for its own containers.
const USER: u32 = 65_532;

/// What a pod lacks to be held, and what its owner should know.
#[derive(Default)]
pub(crate) struct Held {
    pub(crate) volume: Option<Change>,
    /// To be done after whatever names an init container by its place.
    pub(crate) container: Option<Change>,
    pub(crate) warning: Option<String>,
}

/// Holds a pod back as its policy says.
pub(crate) fn held(object: &Value, case: &Case, hold: &Hold, policy: &str) -> Result<Held, Obstacle> {
    if is_of_windows(object, case)? {
        return Err(Obstacle::Taken(not_for_windows(case, policy)));
    }
    Ok(Held {
        volume: volume(object, case)?,
        container: container(object, case, hold)?,
        warning: started_before(object, case)?,
    })
}

/// What tells that a gate is open is written when it opens: a pod that is made with it says what nobody has proven.
pub(crate) fn check_not_proven(object: &Value, case: &Case) -> Result<(), Obstacle> {
    let annotations = case.of_pod(&["metadata", "annotations"]).map(object)?;
    if annotations.is_none_or(|map| !map.contains_key(keys::PROVEN)) {
        return Ok(());
    }
    Err(Obstacle::Taken(Refusal {
        reason: Reason::Tampered,
        what: format!(
            "annotation {} says that something is proven of a pod that is only being made",
            keys::PROVEN
        ),
        place: case.subject.annotation_place(keys::PROVEN),
        rule: "Sallyport: policy-sync alone writes it, when it opens the pod's gate".to_owned(),
        remedy: "take the annotation away; it comes with a manifest that was copied from a pod".to_owned(),
    }))
}

fn is_of_windows(object: &Value, case: &Case) -> Result<bool, Obstacle> {
    let said = case.of_pod(&["spec", "os", "name"]).value(object)?;
    let selected = case.of_pod(&["spec", "nodeSelector"]).map(object)?;
    let selected = selected.and_then(|labels| labels.get("kubernetes.io/os"));
    Ok([said, selected].into_iter().flatten().any(|os| os == "windows"))
}

fn not_for_windows(case: &Case, policy: &str) -> Refusal {
    Refusal {
        reason: Reason::NotSupportedHere,
        what: "a pod of Windows cannot be held back: Sallyport's image is one of Linux".to_owned(),
        place: case.subject.object.clone(),
        rule: format!(
            "IdentityPolicy {policy} has spec.hold.startInit, by which no container starts without proof"
        ),
        remedy: "have the policy's owner give Windows pods a namespace with a policy without spec.hold"
            .to_owned(),
    }
}

fn volume(object: &Value, case: &Case) -> Result<Option<Change>, Obstacle> {
    let place = case.of_pod(&["spec", "volumes"]);
    let field = format!("metadata.annotations['{}']", keys::PROVEN);
    let items = json!([{"path": keys::HOLD_FILE, "fieldRef": {"fieldPath": field}}]);
    let ours = json!({"name": keys::HOLD, "downwardAPI": {"items": items}});
    let found = place.list(object)?.iter().enumerate().find(|(_, volume)| named(volume, keys::HOLD));
    match found {
        None => Ok(Some(Change::Append(place, ours))),
        Some((_, volume)) if covers(volume, &ours) && only(volume.as_object(), &["name", "downwardAPI"]) => {
            Ok(None)
        }
        Some((index, _)) => Err(taken(
            case,
            &place.index(index),
            format!(
                "volume {} is there already and does not show the annotation {}",
                keys::HOLD,
                keys::PROVEN
            ),
            format!("the volume {} shows {} to the init container of that name", keys::HOLD, keys::PROVEN),
            "give the volume another name, or take it away: it is added by itself",
        )),
    }
}

fn container(object: &Value, case: &Case, hold: &Hold) -> Result<Option<Change>, Obstacle> {
    let place = case.of_pod(&["spec", "initContainers"]);
    let ours = ours(hold);
    let among = case.of_pod(&["spec", "containers"]);
    if let Some((index, _)) = standing(object, &among)? {
        return Err(not_ours(case, &among.index(index), hold));
    }
    match standing(object, &place)? {
        None => Ok(Some(Change::Prepend(place, ours))),
        Some((_, container)) if waits(container, &ours) => Ok(None),
        Some((index, _)) => Err(not_ours(case, &place.index(index), hold)),
    }
}

fn standing<'a>(object: &'a Value, place: &Path) -> Result<Option<(usize, &'a Value)>, Obstacle> {
    Ok(place.list(object)?.iter().enumerate().find(|(_, container)| named(container, keys::HOLD)))
}

fn not_ours(case: &Case, place: &Path, hold: &Hold) -> Obstacle {
    taken(
        case,
        place,
        format!("container {} is there already and does not wait for the proof", keys::HOLD),
        format!("the init container {} of image {} holds the others back", keys::HOLD, hold.start_init.image),
        "give the container another name, or take it away: it is added by itself",
    )
}

/// Others that put theirs first after us did what their owner asked of them; people should know what does not wait.
fn started_before(object: &Value, case: &Case) -> Result<Option<String>, Obstacle> {
    let place = case.of_pod(&["spec", "initContainers"]);
    let Some((index, _)) = standing(object, &place)?.filter(|(index, _)| *index > 0) else { return Ok(None) };
    let before = place.list(object)?.iter().take(index);
    let names: Vec<&str> = before.filter_map(|container| container.get("name")?.as_str()).collect();
    Ok(Some(format!("init containers that start before {} and its proof: {}", keys::HOLD, names.join(", "))))
}

fn ours(hold: &Hold) -> Value {
    // Equal, so that a pod of the class Guaranteed stays one; they are free again when the others start.
    let resources = json!({"cpu": "20m", "memory": "32Mi"});
    json!({
        "name": keys::HOLD,
        "image": hold.start_init.image,
        "args": ["hold", "--file", format!("{}/{}", keys::HOLD_PATH, keys::HOLD_FILE)],
        "resources": {"requests": resources, "limits": resources},
        "securityContext": {
            "allowPrivilegeEscalation": false,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": true,
            "runAsNonRoot": true,
            "runAsUser": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "volumeMounts": [{"name": keys::HOLD, "mountPath": keys::HOLD_PATH, "readOnly": true}],
    })
}

/// Runs what ours runs, before the others and to its end. Kubernetes' defaults and other injectors may have added to it:
/// a token's mount, variables, where to pull from.
fn waits(container: &Value, ours: &Value) -> bool {
    const ADDED: [&str; 11] = [
        "name",
        "image",
        "args",
        "resources",
        "securityContext",
        "volumeMounts",
        "env",
        "imagePullPolicy",
        "terminationMessagePath",
        "terminationMessagePolicy",
        "resizePolicy",
    ];
    const MOUNT: [&str; 3] = ["name", "mountPath", "readOnly"];
    let same = |key: &str| container.get(key).zip(ours.get(key)).is_some_and(|(is, ours)| covers(is, ours));
    let mounts = |one: &Value| one.get("volumeMounts").and_then(Value::as_array).cloned().unwrap_or_default();
    let standing = mounts(container);
    only(container.as_object(), &ADDED)
        && ["image", "args", "securityContext"].into_iter().all(same)
        && mounts(ours)
            .iter()
            .all(|ours| standing.iter().any(|mount| covers(mount, ours) && only(mount.as_object(), &MOUNT)))
}

/// Whether all that `ours` says stands in `value`; lists have nothing beside it.
fn covers(value: &Value, ours: &Value) -> bool {
    match (value, ours) {
        (Value::Object(value), Value::Object(ours)) => {
            ours.iter().all(|(key, ours)| value.get(key).is_some_and(|value| covers(value, ours)))
        }
        (Value::Array(value), Value::Array(ours)) => {
            value.len() == ours.len() && value.iter().zip(ours).all(|(value, ours)| covers(value, ours))
        }
        (value, ours) => value == ours,
    }
}

#[cfg(test)]
mod tests {
    use sallyport_contract::object::StartInit;

    use super::*;

    #[test]
    fn law_3_ours_is_known_again_after_the_defaults_and_other_injectors() {
        let hold = Hold { start_init: StartInit { image: "registry.example/sallyport:1".into() } };
        let plain = ours(&hold);
        let with = |key: &str, value: Value| {
            let mut container = plain.clone();
            container[key] = value;
            container
        };
        let token = json!({"name": "kube-api-access-x", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"});
        let mut mounts = plain["volumeMounts"].as_array().unwrap().clone();
        mounts.push(token.clone());
        let mut in_part = plain["volumeMounts"][0].clone();
        in_part["subPath"] = json!("other");
        let mut whole = plain.clone();
        whole["securityContext"]["runAsGroup"] = json!(65532);
        for (container, ours) in [
            (plain.clone(), true),
            (whole, true),
            (with("imagePullPolicy", json!("IfNotPresent")), true),
            (with("env", json!([{"name": "AWS_REGION", "value": "eu-central-1"}])), true),
            (with("volumeMounts", json!(mounts)), true),
            (with("resources", json!({})), true),
            (with("command", json!(null)), true),
            (with("command", json!(["true"])), false),
            (with("args", json!(["hold"])), false),
            (with("image", json!("busybox")), false),
            (with("restartPolicy", json!("Always")), false),
            (with("lifecycle", json!({"postStart": {}})), false),
            (with("volumeMounts", json!([token])), false),
            (with("volumeMounts", json!([in_part])), false),
            (with("securityContext", json!({})), false),
        ] {
            assert_eq!(waits(&container, &plain), ours, "{container}");
        }
    }
}
