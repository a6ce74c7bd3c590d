//! What a workload gets: the answers on its own metadata, and for a CronJob its name in its pods' template.

use std::collections::{BTreeMap, BTreeSet};

use sallyport_contract::{DnsName, derive::Grant, keys};
use serde_json::Value;

use crate::{
    decide::{Case, Kind},
    injection::answers,
    patch::{Change, Misshapen, Path},
};

/// The most names that the annotation lists; of more it says how many.
const NAMES_SHOWN: usize = 20;

/// The answers on a workload, recomputed.
///
/// # Errors
/// The metadata does not have the shape of an object's.
pub fn annotate(workload: &Value, case: &Case, grant: &Grant) -> Result<Vec<Change>, Misshapen> {
    let given = BTreeMap::from([
        (keys::RESOLVED_DNS_NAMES, names(grant)),
        (keys::RESOLVED_ACTION, grant.first.action.as_str().to_owned()),
        (keys::RESOLVED_POLICY, grant.first.policy.clone()),
    ]);
    let mut changes = answers(workload, &Path::of(&["metadata", "annotations"]), &given, None)?;
    changes.extend(in_template(workload, case)?);
    Ok(changes)
}

/// Wishes on the workload itself, where nobody reads them: they belong to its pods.
pub fn misplaced(workload: &Value, case: &Case) -> Vec<String> {
    if case.kind == Kind::Pod {
        return Vec::new();
    }
    let metadata = |map: &'static str| Path::of(&["metadata", map]).map(workload).ok().flatten();
    let holds = |map, key: &str| metadata(map).is_some_and(|map| map.contains_key(key));
    let wishes =
        keys::WISHES.into_iter().filter(|key| holds("annotations", key)).map(|key| ("annotation", key));
    let label = holds("labels", keys::INJECT).then_some(("label", keys::INJECT));
    let place = case.subject.metadata_path;
    wishes
        .chain(label)
        .map(|(what, key)| {
            format!("{what} {key} of the {} itself is not read; put it into {place}", case.kind.as_str())
        })
        .collect()
}

/// What the answers that stand on a workload and the new ones say together: traffic for its names turns.
pub fn turned(workload: &Value, case: &Case, grant: &Grant) -> Option<String> {
    if case.kind == Kind::Pod {
        return None;
    }
    let standing = Path::of(&["metadata", "annotations"]).map(workload).ok().flatten()?;
    let before =
        standing.get(keys::RESOLVED_ACTION)?.as_str().filter(|was| matches!(*was, "allow" | "deny"))?;
    let after = grant.first.action.as_str();
    (before != after).then(|| {
        format!(
            "traffic for {} turns from {before} to {after}, for every pod that has the name",
            names(grant)
        )
    })
}

/// Takes stale answers off a workload that is left out.
///
/// # Errors
/// The metadata does not have the shape of an object's.
pub fn clean(workload: &Value) -> Result<Vec<Change>, Misshapen> {
    answers(workload, &Path::of(&["metadata", "annotations"]), &BTreeMap::new(), None)
}

/// The pods of a CronJob cannot tell whose they are, so their template does. A Job that no CronJob made
/// must not claim to be one's.
fn in_template(workload: &Value, case: &Case) -> Result<Option<Change>, Misshapen> {
    let place = case.kind.template().key("metadata").key("annotations");
    let key = keys::RESOLVED_WORKLOAD.to_owned();
    let standing = place.map(workload)?.is_some_and(|map| map.contains_key(&key));
    match (case.kind, &case.name) {
        (Kind::CronJob, Some(name)) => Ok(Some(Change::Set(place, key, name.clone()))),
        (Kind::CronJob, None) | (Kind::Job, _) => Ok(standing.then_some(Change::Unset(place, key))),
        (Kind::Pod | Kind::Deployment | Kind::StatefulSet | Kind::DaemonSet, _) => Ok(None),
    }
}

/// All names of all identities, sorted; the pods of a StatefulSet may have thousands.
fn names(grant: &Grant) -> String {
    let all: BTreeSet<&DnsName> = grant.identities().flat_map(|identity| identity.dns_names.iter()).collect();
    let mut shown: Vec<String> = all.iter().take(NAMES_SHOWN).map(ToString::to_string).collect();
    if let Some(more) = all.len().checked_sub(NAMES_SHOWN).filter(|more| *more > 0) {
        shown.push(format!("…(+{more})"));
    }
    shown.join(",")
}
