//! What a pod gets: names, gate, volume, mounts and environment. Never in place of what somebody wrote.
//!
//! Init containers get something only where they are named, ephemeral containers never. A container that is not chosen is
//! not looked at.

use std::collections::{BTreeMap, BTreeSet};

use sallyport_contract::{Reason, Refusal, derive::Grant, keys, object::Delivery};
use serde_json::{Value, json};

use crate::{
    decide::Case,
    hold,
    patch::{Change, Misshapen, Path},
    unwise,
    volume::volume,
};

/// Why a pod that was granted an identity cannot be given it.
#[derive(Clone, Debug, PartialEq)]
pub enum Obstacle {
    /// Something of somebody else's stands where ours has to go.
    Taken(Refusal),
    /// The object does not have the shape of a pod.
    Misshapen(Misshapen),
}

impl From<Misshapen> for Obstacle {
    fn from(error: Misshapen) -> Self {
        Self::Misshapen(error)
    }
}

/// The changes to a pod, and what its owner should know.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Injection {
    /// In the order in which they are to be done.
    pub changes: Vec<Change>,
    /// Allowed but unexpected.
    pub warnings: Vec<String>,
}

/// Everything that a granted pod lacks; of a workload, what its template lacks to be as its pods will be.
///
/// # Errors
/// Something stands in the way.
pub fn inject(object: &Value, case: &Case, grant: &Grant) -> Result<Injection, Obstacle> {
    let mut injection = Injection::default();
    hold::check_not_proven(object, case)?;
    annotate(object, case, grant, &mut injection)?;
    let identity = grant.first.name.as_str();
    let labels = case.of_pod(&["metadata", "labels"]);
    injection.changes.push(Change::Set(labels, keys::IDENTITY.to_owned(), identity.to_owned()));
    injection.changes.extend(gate(object, case)?);
    injection.changes.extend(volume(object, case, &grant.first)?);
    let held =
        grant.hold.as_ref().map(|hold| hold::held(object, case, hold, &grant.first.policy)).transpose()?;
    let held = held.unwrap_or_default();
    injection.changes.extend(held.volume);
    for kind in ["containers", "initContainers"] {
        let containers = case.of_pod(&["spec", kind]);
        for (index, container) in containers.list(object)?.iter().enumerate() {
            let chosen = container.get("name").and_then(Value::as_str);
            if chosen.is_some_and(|name| grant.containers.iter().any(|granted| granted == name)) {
                let place = containers.index(index);
                injection.changes.extend(mount(object, case, &place)?);
                injection.changes.extend(environment(object, case, &place, grant.first.delivery)?);
            }
        }
    }
    // Last, since it moves the other init containers by one place.
    injection.changes.extend(held.container);
    injection.warnings.extend(held.warning);
    injection.warnings.extend(unwise::warnings(object, case, grant)?);
    Ok(injection)
}

/// Takes off a pod that is left out what only an injected pod carries, should it have been copied from one.
///
/// # Errors
/// The metadata does not have the shape of an object's.
pub fn clean(pod: &Value, case: &Case) -> Result<Vec<Change>, Misshapen> {
    let labels = case.of_pod(&["metadata", "labels"]);
    let mut changes = answers(pod, &annotations(case), &BTreeMap::new(), kept(case))?;
    if labels.map(pod)?.is_some_and(|map| map.contains_key(keys::IDENTITY)) {
        changes.push(Change::Unset(labels, keys::IDENTITY.to_owned()));
    }
    Ok(changes)
}

/// The answers in a map of annotations: those given are set, every other key under our prefix goes.
///
/// # Errors
/// The place is not a map.
pub fn answers(
    object: &Value,
    place: &Path,
    given: &BTreeMap<&str, String>,
    kept: Option<&str>,
) -> Result<Vec<Change>, Misshapen> {
    let standing = place.map(object)?;
    let stale: BTreeSet<&String> = standing
        .iter()
        .flat_map(|map| map.keys())
        .filter(|key| key.starts_with(keys::RESOLVED_PREFIX))
        .filter(|key| !given.contains_key(key.as_str()) && kept != Some(key.as_str()))
        .collect();
    let set = given.iter().map(|(key, value)| Change::Set(place.clone(), (*key).to_owned(), value.clone()));
    Ok(set.chain(stale.into_iter().map(|key| Change::Unset(place.clone(), key.clone()))).collect())
}

fn annotations(case: &Case) -> Path {
    case.of_pod(&["metadata", "annotations"])
}

/// A Job's pods carry the name of their CronJob, which their template got from us.
fn kept(case: &Case) -> Option<&'static str> {
    case.of_job.then_some(keys::RESOLVED_WORKLOAD)
}

fn annotate(object: &Value, case: &Case, grant: &Grant, injection: &mut Injection) -> Result<(), Misshapen> {
    let identity = &grant.first;
    let given = BTreeMap::from([
        (keys::RESOLVED_DNS_NAMES, identity.dns_names.to_string()),
        (keys::RESOLVED_ACTION, identity.action.as_str().to_owned()),
        (keys::RESOLVED_POLICY, identity.policy.clone()),
    ]);
    let place = annotations(case);
    injection.changes.extend(answers(object, &place, &given, kept(case))?);
    let standing = place.map(object)?;
    for (key, value) in &grant.pod_annotations {
        match standing.and_then(|map| map.get(key)) {
            None => injection.changes.push(Change::Set(place.clone(), key.clone(), value.clone())),
            Some(own) if own.as_str() == Some(value) => {}
            Some(_) => injection.warnings.push(format!(
                "annotation {key} is left as it is; IdentityPolicy {} would set another value",
                identity.policy
            )),
        }
    }
    Ok(())
}

fn gate(object: &Value, case: &Case) -> Result<Option<Change>, Misshapen> {
    let place = case.of_pod(&["spec", "readinessGates"]);
    let there = place
        .list(object)?
        .iter()
        .any(|gate| gate.get("conditionType").is_some_and(|kind| kind == keys::GATE));
    Ok((!there).then(|| Change::Append(place, json!({"conditionType": keys::GATE}))))
}

fn mount(object: &Value, case: &Case, container: &Path) -> Result<Option<Change>, Obstacle> {
    let place = container.key("volumeMounts");
    let mut there = false;
    for (index, mount) in place.list(object)?.iter().enumerate() {
        let ours = named(mount, keys::VOLUME);
        let here = mount.get("mountPath").and_then(Value::as_str).is_some_and(is_our_path);
        let whole = ["subPath", "subPathExpr"].iter().all(|key| is_blank(mount.get(*key)));
        match (ours, here) {
            (false, false) => {}
            (true, true) if whole => there = true,
            (true, _) | (_, true) => {
                return Err(taken(
                    case,
                    &place.index(index),
                    format!("a mount of volume {} or at {} is there already", keys::VOLUME, keys::MOUNT_PATH),
                    format!("the volume {} is mounted whole at {}", keys::VOLUME, keys::MOUNT_PATH),
                    "mount something else elsewhere, or take this mount away: it is added by itself",
                ));
            }
        }
    }
    let ours = json!({"name": keys::VOLUME, "mountPath": keys::MOUNT_PATH, "readOnly": true});
    Ok((!there).then_some(Change::Append(place, ours)))
}

/// A volume of the kubelet's own making holds no CA: there is no variable that would name one.
fn variables(delivery: Delivery) -> impl Iterator<Item = (&'static str, &'static str)> {
    keys::ENVIRONMENT.into_iter().filter(move |(_, file)| match delivery {
        Delivery::Secret => true,
        Delivery::Pod => keys::POD_FILES.contains(file),
    })
}

fn environment(
    object: &Value,
    case: &Case,
    container: &Path,
    delivery: Delivery,
) -> Result<Vec<Change>, Obstacle> {
    let place = container.key("env");
    let mut changes = Vec::new();
    for (name, file) in variables(delivery) {
        let wanted = format!("{}/{file}", keys::MOUNT_PATH);
        let mut there = false;
        for (index, variable) in
            place.list(object)?.iter().enumerate().filter(|(_, variable)| named(variable, name))
        {
            there = variable.get("value").is_some_and(|value| *value == wanted)
                && variable.get("valueFrom").is_none_or(Value::is_null);
            if !there {
                return Err(taken(
                    case,
                    &place.index(index),
                    format!("environment variable {name} is there already with another value"),
                    format!("{name} is {wanted}"),
                    "give the variable another name, or take it away: it is added by itself",
                ));
            }
        }
        if !there {
            changes.push(Change::Append(place.clone(), json!({"name": name, "value": wanted})));
        }
    }
    Ok(changes)
}

pub(crate) fn taken(case: &Case, place: &Path, what: String, rule: String, remedy: &str) -> Obstacle {
    Obstacle::Taken(Refusal {
        reason: Reason::NameRefused,
        what,
        place: format!("{}, {place}", case.subject.object),
        rule: format!("Sallyport: {rule}; what somebody wrote is never overwritten"),
        remedy: remedy.to_owned(),
    })
}

pub(crate) fn named(item: &Value, name: &str) -> bool {
    item.get("name").is_some_and(|own| own == name)
}

fn is_our_path(path: &str) -> bool {
    let parts = |path: &str| {
        path.split('/').filter(|part| !part.is_empty() && *part != ".").map(str::to_owned).collect::<Vec<_>>()
    };
    parts(path) == parts(keys::MOUNT_PATH)
}

fn is_blank(value: Option<&Value>) -> bool {
    value.is_none_or(|value| value.is_null() || value == "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_ours_however_it_is_written() {
        for (path, ours) in [
            ("/var/run/sallyport/tls", true),
            ("/var/run/sallyport/tls/", true),
            ("/var//run/./sallyport/tls", true),
            ("/var/run/sallyport", false),
            ("/var/run/sallyport/tls/more", false),
        ] {
            assert_eq!(is_our_path(path), ours, "{path}");
        }
    }
}
