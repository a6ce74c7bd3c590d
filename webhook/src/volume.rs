//! The volume that carries the certificate: the identity's Secret, or what the kubelet makes by itself.

use sallyport_contract::{
    Identity, keys,
    object::{Delivery, KeyKind},
};
use serde_json::{Map, Value, json};

use crate::{
    decide::Case,
    injection::{Obstacle, named, taken},
    patch::Change,
};

/// The kind of key that the kubelet makes where the policy's is none; such a policy was refused before.
const KEY_TYPE: &str = "ECDSAP256";
/// What Kubernetes takes as the longest life of a pod's certificate: one hour to 91 days
/// (<https://github.com/kubernetes/api/blob/v0.37.0/core/v1/types.go>, `PodCertificateProjection`).
const LONGEST_SECS: u32 = 7_862_400;

/// The volume, if the pod lacks it.
pub(crate) fn volume(object: &Value, case: &Case, identity: &Identity) -> Result<Option<Change>, Obstacle> {
    let place = case.of_pod(&["spec", "volumes"]);
    let wanted = source(identity);
    let volumes = place.list(object)?;
    for (index, volume) in volumes.iter().enumerate().filter(|(_, volume)| !named(volume, keys::VOLUME)) {
        if asks_our_signer(volume) {
            return Err(taken(
                case,
                &place.index(index),
                format!("a volume asks the signer {} for one more certificate", keys::SIGNER),
                format!(
                    "a pod has one certificate, in the volume {}, and each one is paid for",
                    keys::VOLUME
                ),
                "take the podCertificate source away",
            ));
        }
    }
    let standing = volumes.iter().enumerate().find(|(_, volume)| named(volume, keys::VOLUME));
    match standing {
        None => {
            let mut ours = json!({"name": keys::VOLUME});
            if let (Some(ours), Some(wanted)) = (ours.as_object_mut(), wanted.as_object()) {
                ours.extend(wanted.clone());
            }
            Ok(Some(Change::Append(place, ours)))
        }
        Some((_, volume)) if is_ours(volume, &wanted) => Ok(None),
        Some((index, _)) => Err(taken(
            case,
            &place.index(index),
            format!("volume {} is there already and is not {}", keys::VOLUME, shown(identity)),
            format!("the volume {} carries the pod's certificate", keys::VOLUME),
            "give the volume another name, or take it away if the pod was copied from another",
        )),
    }
}

fn shown(identity: &Identity) -> String {
    match identity.delivery {
        Delivery::Secret => format!("the Secret {}", identity.name.secret()),
        Delivery::Pod => format!("a podCertificate of the signer {} as Sallyport writes it", keys::SIGNER),
    }
}

/// The volume's source, without its name.
fn source(identity: &Identity) -> Value {
    match identity.delivery {
        Delivery::Secret => json!({"secret": {"secretName": identity.name.secret()}}),
        Delivery::Pod => {
            let [key, chain, bundle] = keys::POD_FILES;
            let key_type = identity.certificate.key.kind().and_then(KeyKind::of_kubelet);
            json!({"projected": {"sources": [{"podCertificate": {
                "signerName": keys::SIGNER,
                "keyType": key_type.unwrap_or(KEY_TYPE),
                "maxExpirationSeconds": identity.certificate.lifetime.as_secs().min(LONGEST_SECS),
                "keyPath": key,
                "certificateChainPath": chain,
                "credentialBundlePath": bundle,
            }}]}})
        }
    }
}

/// This very source, whole and not optional; the mode of its files is the owner's choice.
fn is_ours(volume: &Value, wanted: &Value) -> bool {
    let Some(kind) = wanted.as_object().and_then(|wanted| wanted.keys().next()) else { return false };
    let (Some(source), Some(expected)) =
        (volume.get(kind).and_then(Value::as_object), wanted.get(kind).and_then(Value::as_object))
    else {
        return false;
    };
    let told = |(key, value): (&String, &Value)| match key.as_str() {
        "defaultMode" => true,
        "optional" => value.is_null() || *value == false,
        key => value.is_null() || expected.get(key).is_some_and(|expected| same(value, expected)),
    };
    only(volume.as_object(), &["name", kind])
        && source.iter().all(told)
        && expected.keys().all(|key| source.get(key).is_some_and(|value| !value.is_null()))
}

/// Equal, but for members that are null, which are not there.
fn same(value: &Value, expected: &Value) -> bool {
    match (value, expected) {
        (Value::Object(value), Value::Object(expected)) => {
            value.iter().all(|(key, value)| {
                value.is_null() || expected.get(key).is_some_and(|expected| same(value, expected))
            }) && expected.keys().all(|key| value.get(key).is_some_and(|value| !value.is_null()))
        }
        (Value::Array(value), Value::Array(expected)) => {
            value.len() == expected.len() && value.iter().zip(expected).all(|(value, one)| same(value, one))
        }
        (value, expected) => value == expected,
    }
}

fn asks_our_signer(volume: &Value) -> bool {
    let sources = volume.get("projected").and_then(|projected| projected.get("sources"));
    let signer = |source: &Value| {
        source
            .get("podCertificate")
            .and_then(|one| one.get("signerName"))
            .is_some_and(|one| one == keys::SIGNER)
    };
    sources.and_then(Value::as_array).is_some_and(|sources| sources.iter().any(signer))
}

/// Whether a map has no members but these; what is null is not there.
pub(crate) fn only(map: Option<&Map<String, Value>>, keys: &[&str]) -> bool {
    map.is_some_and(|map| map.iter().all(|(key, value)| value.is_null() || keys.contains(&key.as_str())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_volume_is_ours_only_with_our_secret_whole() {
        let wanted = json!({"secret": {"secretName": "s"}});
        for (volume, ours) in [
            (json!({"name": "v", "secret": {"secretName": "s"}}), true),
            (
                json!({"name": "v", "secret": {"secretName": "s", "defaultMode": 420, "optional": false}}),
                true,
            ),
            (json!({"name": "v", "secret": {"secretName": "s"}, "emptyDir": null}), true),
            (json!({"name": "v", "secret": {"secretName": "s", "optional": true}}), false),
            (
                json!({"name": "v", "secret": {"secretName": "s", "items": [{"key": "tls.crt", "path": "x"}]}}),
                false,
            ),
            (json!({"name": "v", "secret": {"secretName": "other"}}), false),
            (json!({"name": "v", "secret": {"secretName": null}}), false),
            (json!({"name": "v", "secret": {"secretName": "s"}, "emptyDir": {}}), false),
            (json!({"name": "v", "emptyDir": {}}), false),
            (json!({"name": "v", "secret": 5}), false),
        ] {
            assert_eq!(is_ours(&volume, &wanted), ours, "{volume}");
        }
    }

    #[test]
    fn law_4_a_pod_certificate_is_ours_only_as_we_write_it() {
        let one = || json!({"signerName": keys::SIGNER, "keyType": "ECDSAP256", "keyPath": "tls.key"});
        let wanted = json!({"projected": {"sources": [{"podCertificate": one()}]}});
        let volume = |certificate: Value| json!({"name": "v", "projected": {"sources": [{"podCertificate": certificate}], "defaultMode": 420}});
        let with = |key: &str, value: Value| {
            let mut certificate = one();
            certificate[key] = value;
            volume(certificate)
        };
        for (volume, ours) in [
            (volume(one()), true),
            (with("userAnnotations", Value::Null), true),
            (with("userAnnotations", json!({"sallyport.dev/san": "pay.bank.example"})), false),
            (with("signerName", json!("example.com/other")), false),
            (with("keyPath", Value::Null), false),
            (
                json!({"name": "v", "projected": {"sources": [{"podCertificate": one()}, {"secret": {"name": "s"}}]}}),
                false,
            ),
            (json!({"name": "v", "projected": {"sources": []}}), false),
            (json!({"name": "v", "secret": {"secretName": "s"}}), false),
        ] {
            assert_eq!(is_ours(&volume, &wanted), ours, "{volume}");
        }
        assert!(
            asks_our_signer(&volume(one())) && !asks_our_signer(&with("signerName", json!("x.example/y")))
        );
    }
}
