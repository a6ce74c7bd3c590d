//! The Secret that a pod mounts: made only from a verified leaf, and never in place of somebody else's.

use std::collections::BTreeMap;

use k8s_openapi::{
    ByteString,
    api::core::v1::Secret,
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference},
};
use sallyport_contract::{identity::secret_of, keys};

use crate::{chain::VerifiedLeaf, key::PrivateKey, step::Delivered};

/// The identity that owns a Secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedBy {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: String,
}

/// The Secret for a certificate, in the version that is to be replaced if there is one.
#[must_use]
pub fn secret(
    owner: &OwnedBy,
    leaf: &VerifiedLeaf,
    key: &PrivateKey,
    resource_version: Option<String>,
) -> Secret {
    let labels = [(keys::MANAGED_BY, keys::MANAGED_BY_SALLYPORT), (keys::IDENTITY, owner.name.as_str())];
    let reference = OwnerReference {
        api_version: format!("{}/{}", keys::GROUP, keys::VERSION),
        kind: "WorkloadIdentity".to_owned(),
        name: owner.name.clone(),
        uid: owner.uid.clone(),
        controller: Some(true),
        block_owner_deletion: None,
    };
    let metadata = ObjectMeta {
        name: Some(secret_of(&owner.name)),
        namespace: Some(owner.namespace.clone()),
        labels: Some(labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into()),
        owner_references: Some(vec![reference]),
        resource_version,
        ..ObjectMeta::default()
    };
    let type_ = Some("kubernetes.io/tls".to_owned());
    Secret { metadata, data: Some(data(leaf, key)), type_, ..Secret::default() }
}

fn data(leaf: &VerifiedLeaf, key: &PrivateKey) -> BTreeMap<String, ByteString> {
    let chain = format!("{}{}", leaf.leaf(), leaf.intermediates());
    [("tls.crt", chain.as_str()), ("tls.key", key.pem()), ("ca.crt", leaf.root())]
        .map(|(name, text)| (name.to_owned(), ByteString(text.as_bytes().to_vec())))
        .into()
}

/// What lies in the place of the Secret. `current` is what should.
#[must_use]
pub fn judge(
    found: Option<&Secret>,
    owner: &OwnedBy,
    current: Option<(&VerifiedLeaf, &PrivateKey)>,
) -> Delivered {
    let Some(found) = found else { return Delivered::Nothing };
    if !is_ours(found, owner) {
        return Delivered::Foreign;
    }
    match current {
        Some((leaf, key)) if found.data.as_ref() == Some(&data(leaf, key)) => Delivered::Current,
        Some(_) | None => Delivered::Stale,
    }
}

/// Ours carries our label and is owned by this very identity: by UID, so that an object of the same name
/// that somebody made is not taken for it.
fn is_ours(found: &Secret, owner: &OwnedBy) -> bool {
    is_marked(found)
        && found.metadata.owner_references.iter().flatten().any(|reference| {
            reference.kind == "WorkloadIdentity" && reference.name == owner.name && reference.uid == owner.uid
        })
}

/// Whether a Secret that is not ours was a former identity's of the same name: the garbage collector
/// takes it away.
#[must_use]
pub fn is_a_predecessors(found: &Secret, owner: &OwnedBy) -> bool {
    let mut references = found.metadata.owner_references.iter().flatten();
    is_marked(found)
        && references.any(|reference| reference.kind == "WorkloadIdentity" && reference.name == owner.name)
}

fn is_marked(found: &Secret) -> bool {
    let labels = found.metadata.labels.as_ref();
    labels.and_then(|labels| labels.get(keys::MANAGED_BY)).is_some_and(|by| by == keys::MANAGED_BY_SALLYPORT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner() -> OwnedBy {
        OwnedBy { namespace: "shop".to_owned(), name: "web-1".to_owned(), uid: "uid".to_owned() }
    }

    fn found(label: &str, kind: &str, uid: &str) -> Secret {
        serde_json::from_value(serde_json::json!({"metadata": {"labels": {keys::MANAGED_BY: label},
            "ownerReferences": [{"apiVersion": "v", "kind": kind, "name": "web-1", "uid": uid}]}}))
        .unwrap()
    }

    #[test]
    fn law_4_ours_is_what_this_very_identity_owns() {
        for (what, secret, delivered, predecessor) in [
            ("ours", found("sallyport", "WorkloadIdentity", "uid"), Delivered::Stale, true),
            ("no label", found("helm", "WorkloadIdentity", "uid"), Delivered::Foreign, false),
            ("another kind", found("sallyport", "Deployment", "uid"), Delivered::Foreign, false),
            ("a former one's", found("sallyport", "WorkloadIdentity", "old"), Delivered::Foreign, true),
            ("nobody's", Secret::default(), Delivered::Foreign, false),
        ] {
            assert_eq!(judge(Some(&secret), &owner(), None), delivered, "{what}");
            assert_eq!(is_a_predecessors(&secret, &owner()), predecessor, "{what}");
        }
        assert_eq!(judge(None, &owner(), None), Delivered::Nothing);
    }
}
