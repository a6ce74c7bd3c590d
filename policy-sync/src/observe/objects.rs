//! Pods and Secrets, cut down to what is looked at.

use k8s_openapi::api::core::v1::{Pod, Secret};
use kube::ResourceExt as _;
use sallyport_contract::keys;
use zeroize::Zeroizing;

use crate::{
    gate::{Carrier, Gate},
    world::{Login, Proof, Version},
};

/// What is known of a pod.
pub(super) fn carrier(pod: &Pod) -> Carrier {
    let annotation = |key: &str| pod.annotations().get(key).cloned();
    let status = pod.status.as_ref();
    let ended = matches!(status.and_then(|status| status.phase.as_deref()), Some("Succeeded" | "Failed"));
    let condition = status
        .and_then(|status| status.conditions.as_ref())
        .and_then(|conditions| conditions.iter().find(|condition| condition.type_ == keys::GATE));
    let init = pod.spec.as_ref().and_then(|spec| spec.init_containers.as_ref());
    let holds = init.is_some_and(|init| init.iter().any(|container| container.name == keys::HOLD));
    let gates = pod.spec.as_ref().and_then(|spec| spec.readiness_gates.as_ref());
    Carrier {
        uid: pod.uid().unwrap_or_default(),
        version: Version::of(&pod.metadata),
        created: pod.metadata.creation_timestamp.as_ref().map(|time| time.0).unwrap_or_default(),
        labels: pod.labels().clone(),
        dns_names: annotation(keys::RESOLVED_DNS_NAMES),
        action: annotation(keys::RESOLVED_ACTION),
        gated: gates.is_some_and(|gates| gates.iter().any(|gate| gate.condition_type == keys::GATE)),
        held: holds && annotation(keys::PROVEN).is_none(),
        living: pod.metadata.deletion_timestamp.is_none() && !ended,
        gate: condition.map(|condition| Gate {
            open: condition.status == "True",
            reason: condition.reason.clone().unwrap_or_default(),
            message: condition.message.clone().unwrap_or_default(),
        }),
    }
}

/// The login that a Secret holds: `user` and `password`, or `user` and `apiKey`; `None` if it holds none.
#[must_use]
pub fn login(secret: Secret) -> Option<Login> {
    let version = secret.resource_version().unwrap_or_default();
    let mut data = secret.data.unwrap_or_default();
    let mut text = |key: &str| {
        let bytes = Zeroizing::new(data.remove(key)?.0);
        let text = std::str::from_utf8(&bytes).ok()?.trim_end_matches(['\r', '\n']);
        (!text.is_empty()).then(|| Zeroizing::new(text.to_owned()))
    };
    let user = text("user")?;
    let proof = match (text("password"), text("apiKey")) {
        (_, Some(key)) => Proof::ApiKey(key),
        (Some(password), None) => Proof::Password(password),
        (None, None) => return None,
    };
    Some(Login { user: user.to_string(), proof, version })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(fields: &[(&str, &str)]) -> Secret {
        let fields: serde_json::Map<String, serde_json::Value> = fields
            .iter()
            .map(|(key, value)| {
                use base64::Engine as _;
                ((*key).to_owned(), base64::engine::general_purpose::STANDARD.encode(value).into())
            })
            .collect();
        serde_json::from_value(
            serde_json::json!({"metadata": {"name": "edge", "resourceVersion": "7"}, "data": fields}),
        )
        .unwrap()
    }

    #[test]
    fn a_login_needs_a_user_and_a_proof() {
        let password = login(secret(&[("user", "sp"), ("password", "pw\n")])).unwrap();
        assert_eq!((password.user.as_str(), password.version.as_str()), ("sp", "7"));
        assert!(matches!(&password.proof, Proof::Password(text) if text.as_str() == "pw"));
        assert!(matches!(login(secret(&[("user", "sp"), ("apiKey", "k")])).unwrap().proof, Proof::ApiKey(_)));
        for bad in [
            &[("user", "sp")][..],
            &[("password", "pw")],
            &[("apiKey", "k")],
            &[("user", ""), ("password", "pw")],
        ] {
            assert!(login(secret(bad)).is_none());
        }
    }

    #[test]
    fn a_pod_is_read_with_its_gate() {
        let pod: Pod = serde_json::from_value(serde_json::json!({
            "metadata": {"name": "web-1", "namespace": "shop", "uid": "u", "annotations": {keys::RESOLVED_DNS_NAMES: "a.b", keys::RESOLVED_ACTION: "allow"}},
            "spec": {"containers": [], "readinessGates": [{"conditionType": keys::GATE}]},
            "status": {"phase": "Running", "conditions": [{"type": keys::GATE, "status": "True", "reason": "Enforced", "message": "m"}]},
        }))
        .unwrap();
        let carrier = carrier(&pod);
        assert!(carrier.gated && carrier.living && !carrier.held);
        assert!(carrier.gate.is_some_and(|gate| gate.open));
    }

    #[test]
    fn a_pod_is_held_until_its_annotation_is_there() {
        let held = |init: serde_json::Value, annotations: serde_json::Value| {
            let pod = serde_json::json!({"metadata": {"annotations": annotations}, "spec": {"containers": [], "initContainers": init}});
            carrier(&serde_json::from_value(pod).unwrap()).held
        };
        let ours = || serde_json::json!([{"name": "migrate"}, {"name": keys::HOLD}]);
        assert!(held(ours(), serde_json::json!({})));
        assert!(!held(ours(), serde_json::json!({keys::PROVEN: "Enforced"})));
        assert!(!held(serde_json::json!([{"name": "migrate"}]), serde_json::json!({})));
    }
}
