//! Whether a rollout has the time that its firewall takes: admission cannot tell, for it looks at no firewall.

use sallyport_contract::object::Firewall;
use sallyport_webhook::decide::{Case, Kind};
use serde_json::Value;

/// For so many seconds a Deployment that says nothing may make no progress:
/// <https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#progress-deadline-seconds>.
const DEADLINE: i64 = 600;

/// What a Deployment should know of the firewall's last commit, if that took more than half of what its rollout may.
pub(super) fn warning(case: &Case, object: &Value, firewall: &Firewall) -> Option<String> {
    if case.kind != Kind::Deployment {
        return None;
    }
    let status = firewall.status.as_ref()?;
    let members = status.members.iter().filter_map(|member| member.last_commit.as_ref());
    let took = members.chain(&status.last_commit).map(|commit| commit.took_seconds).max()?;
    let deadline =
        object.pointer("/spec/progressDeadlineSeconds").and_then(Value::as_i64).unwrap_or(DEADLINE);
    let name = firewall.metadata.name.as_deref().unwrap_or_default();
    (took.saturating_mul(2) > deadline).then(|| {
        format!(
            "the last commit on firewall {name} took {took} s, and the rollout of a new name waits for one; it may make no \
             progress for {deadline} s at most (spec.progressDeadlineSeconds)"
        )
    })
}

#[cfg(test)]
mod tests {
    use sallyport_webhook::review::{Entry, ObjectKind, Operation, Review};
    use serde_json::json;

    use super::*;

    fn told(kind: &str, deadline: Value, took: i64) -> bool {
        let object = json!({"metadata": {"name": "web"}, "spec": {"progressDeadlineSeconds": deadline,
            "template": {"spec": {"containers": [{"name": "a"}]}}}});
        let review = Review {
            uid: "u".to_owned(),
            kind: ObjectKind { group: "apps".to_owned(), version: "v1".to_owned(), kind: kind.to_owned() },
            sub_resource: String::new(),
            namespace: "shop".to_owned(),
            name: "web".to_owned(),
            operation: Operation::Create,
            object: object.clone(),
            old_object: Value::Null,
        };
        let case = Case::of(Entry::Workloads, &review).unwrap().unwrap();
        let firewall: Firewall = serde_json::from_value(json!({
            "apiVersion": "sallyport.dev/v1alpha1", "kind": "Firewall", "metadata": {"name": "edge"},
            "spec": {"standalone": {"host": "fw-1"}, "clusterName": "c", "credentials": {"secretName": "s"},
                "rules": {"at": "Top"}, "tls": {"caBundle": "-"},
                "bounds": {"policies": ["shop"], "nameSuffixes": ["corp.example"], "actions": ["Allow"],
                    "zones": ["trust"], "destinations": ["any"], "ports": [443]}},
            "status": {"lastCommit": {"job": "7", "result": "OK", "finished": "2026-11-21T12:00:00Z", "tookSeconds": took}},
        }))
        .unwrap();
        warning(&case, &object, &firewall).is_some()
    }

    #[test]
    fn a_commit_of_more_than_half_of_the_deadline_is_told() {
        assert!(told("Deployment", json!(60), 31) && !told("Deployment", json!(60), 30));
        assert!(told("Deployment", Value::Null, 301) && !told("Deployment", Value::Null, 300));
        assert!(!told("StatefulSet", Value::Null, 301), "only Deployments have a deadline");
    }
}
