//! What the deletion of a `Firewall` asks of us.

use sallyport_contract::{
    keys,
    object::{DeletionPolicy, Firewall},
};

use crate::world::World;

/// What is to be done about a `Firewall` that goes, or may go one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Farewell {
    /// Nothing.
    None,
    /// Our finalizer is put on it, so that its deletion waits for us.
    Hold,
    /// It is being deleted: all that is ours leaves the firewall.
    Leave,
    /// Our finalizer is taken off it.
    Release,
}

/// Decides it. `gone`: nothing of ours stands on the member that asks.
#[must_use]
pub fn farewell(name: &str, firewall: &Firewall, world: &World, gone: bool) -> Farewell {
    let metadata = &firewall.metadata;
    let held = metadata.finalizers.iter().flatten().any(|finalizer| finalizer == keys::REMOVE_FROM_FIREWALL);
    match (firewall.spec.deletion_policy, metadata.deletion_timestamp.is_some(), held) {
        (DeletionPolicy::Remove, false, false) => Farewell::Hold,
        (DeletionPolicy::Remove, true, true) if gone && is_empty(name, world) => Farewell::Release,
        (DeletionPolicy::Remove, true, true) => Farewell::Leave,
        (DeletionPolicy::Retain, _, true) => Farewell::Release,
        (DeletionPolicy::Remove, false, true)
        | (DeletionPolicy::Remove, true, false)
        | (DeletionPolicy::Retain, _, false) => Farewell::None,
    }
}

/// Whether all that is ours is to leave the firewall, whatever is wanted.
#[must_use]
pub fn leaves(firewall: &Firewall) -> bool {
    firewall.spec.deletion_policy == DeletionPolicy::Remove && firewall.metadata.deletion_timestamp.is_some()
}

/// Whether no claim says that a name stands on the firewall or one of its members.
fn is_empty(name: &str, world: &World) -> bool {
    let of_it = |entry: &str| entry == name || entry.split_once('/').is_some_and(|(first, _)| first == name);
    !world.claims.values().flat_map(|claim| &claim.entries).any(|entry| of_it(&entry.firewall))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sallyport_contract::object::NameClaim;
    use serde_json::json;

    use super::*;

    fn firewall(policy: &str, deleted: bool, held: bool) -> Firewall {
        let mut object = json!({
            "apiVersion": "sallyport.dev/v1alpha1", "kind": "Firewall", "metadata": {"name": "edge"},
            "spec": {
                "standalone": {"host": "fw-1"}, "clusterName": "c1", "credentials": {"secretName": "edge"}, "tls": {},
                "rules": {"at": "Top"}, "deletionPolicy": policy,
                "bounds": {"policies": ["shop"], "nameSuffixes": ["x"], "actions": ["Allow"], "zones": ["z"],
                    "destinations": ["any"], "ports": [443]},
            },
        });
        if deleted {
            object["metadata"]["deletionTimestamp"] = "2026-11-21T09:00:00Z".into();
        }
        if held {
            object["metadata"]["finalizers"] = json!(["other.example/x", keys::REMOVE_FROM_FIREWALL]);
        }
        serde_json::from_value(object).unwrap()
    }

    fn world(entry: Option<&str>) -> World {
        let mut world = World::default();
        if let Some(entry) = entry {
            let claim = json!({
                "apiVersion": "sallyport.dev/v1alpha1", "kind": "NameClaim", "metadata": {"name": "web"},
                "spec": {"dnsName": "web.x", "namespace": "shop"},
                "status": {"firewalls": [{"firewall": entry, "app": "a", "rule": "r", "action": "Allow",
                    "lastWanted": "2026-11-21T09:00:00Z"}]},
            });
            let claim: NameClaim = serde_json::from_value(claim).unwrap();
            world.claims = Arc::new([("web".to_owned(), Arc::new(claim.into()))].into());
        }
        world
    }

    #[test]
    fn a_finalizer_stands_only_where_deletion_removes() {
        for (policy, deleted, held, gone, entry, expected) in [
            ("Retain", false, false, false, None, Farewell::None),
            ("Retain", true, false, false, Some("edge"), Farewell::None),
            ("Retain", false, true, false, Some("edge"), Farewell::Release),
            ("Retain", true, true, false, Some("edge"), Farewell::Release),
            ("Remove", false, false, false, None, Farewell::Hold),
            ("Remove", false, true, false, Some("edge"), Farewell::None),
            ("Remove", true, true, false, None, Farewell::Leave),
            ("Remove", true, true, true, Some("edge"), Farewell::Leave),
            ("Remove", true, true, true, Some("edge/fw-2"), Farewell::Leave),
            ("Remove", true, true, true, Some("edge-2"), Farewell::Release),
            ("Remove", true, true, true, None, Farewell::Release),
            ("Remove", true, false, true, None, Farewell::None),
        ] {
            let firewall = firewall(policy, deleted, held);
            let decided = farewell("edge", &firewall, &world(entry), gone);
            assert_eq!(decided, expected, "{policy} deleted {deleted} held {held} gone {gone} {entry:?}");
            assert_eq!(leaves(&firewall), policy == "Remove" && deleted);
        }
    }
}
