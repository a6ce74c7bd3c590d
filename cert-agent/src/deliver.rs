//! The Secret that a pod mounts: made only from a verified leaf, and never in place of somebody else's.

use std::collections::BTreeMap;

use k8s_openapi::{
    ByteString,
    api::core::v1::Secret,
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference},
};
use sallyport_contract::{identity::secret_of, keys};

use crate::{
    chain::{self, VerifiedLeaf},
    forms::{self, Further, Keystore, KeystoreError},
    key::PrivateKey,
    step::Delivered,
};

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
///
/// # Errors
/// A keystore could not be made.
pub fn secret(
    owner: &OwnedBy,
    leaf: &VerifiedLeaf,
    key: &PrivateKey,
    further: &Further,
    resource_version: Option<String>,
) -> Result<Secret, KeystoreError> {
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
    let mut data = data(leaf, key, further);
    match &further.keystore {
        Keystore::No => {}
        Keystore::Locked => return Err(KeystoreError),
        Keystore::Under(password) => {
            let keystore = forms::keystore(key, leaf, password)?;
            data.insert(forms::KEYSTORE.to_owned(), ByteString(keystore));
        }
    }
    Ok(Secret { metadata, data: Some(data), type_, ..Secret::default() })
}

/// All but the keystore, which is another one each time that it is made.
fn data(leaf: &VerifiedLeaf, key: &PrivateKey, further: &Further) -> BTreeMap<String, ByteString> {
    let chain = format!("{}{}", leaf.leaf(), leaf.intermediates());
    // The leaf's own root stands first: by it the certificate is known again.
    let roots = format!("{}{}", leaf.root(), further.more_roots);
    let combined = further.combined_pem.then(|| forms::combined(key, leaf));
    let combined = combined.as_ref().map(|text| (forms::COMBINED, text.as_str()));
    [("tls.crt", chain.as_str()), ("tls.key", key.pem()), ("ca.crt", roots.as_str())]
        .into_iter()
        .chain(combined)
        .map(|(name, text)| (name.to_owned(), ByteString(text.as_bytes().to_vec())))
        .collect()
}

fn is_whole(found: &Secret, leaf: &VerifiedLeaf, key: &PrivateKey, further: &Further) -> bool {
    let Some(found) = &found.data else { return false };
    let plain = found.iter().filter(|(name, _)| *name != forms::KEYSTORE);
    if !plain.eq(&data(leaf, key, further)) {
        return false;
    }
    // Last, for a keystore is made to open slowly.
    match (found.get(forms::KEYSTORE), &further.keystore) {
        (None, Keystore::No) | (Some(_), Keystore::Locked) => true,
        (Some(found), Keystore::Under(password)) => forms::holds(&found.0, key, leaf, password),
        (Some(_), Keystore::No) | (None, Keystore::Locked | Keystore::Under(_)) => false,
    }
}

/// A certificate as it lies in a Secret, PEM; nothing of it is believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The leaf.
    pub leaf: String,
    /// What stands above it, with the root.
    pub above: String,
}

/// The certificate in a Secret of ours, if it lies there with this very key.
#[must_use]
pub fn certificate(found: &Secret, owner: &OwnedBy, key: &PrivateKey) -> Option<Found> {
    let text = |name: &str| std::str::from_utf8(&found.data.as_ref()?.get(name)?.0).ok();
    if !is_ours(found, owner) || text("tls.key")? != key.pem() {
        return None;
    }
    let mut chain = chain::read("the delivered chain", text("tls.crt")?).ok()?.into_iter();
    let leaf = chain::pem(&chain.next()?);
    let roots = chain::read("the delivered roots", text("ca.crt")?).ok()?;
    Some(Found { leaf, above: chain.chain(roots.into_iter().next()).map(|der| chain::pem(&der)).collect() })
}

/// What lies in the place of the Secret. `current` is what should.
#[must_use]
pub fn judge(
    found: Option<&Secret>,
    owner: &OwnedBy,
    current: Option<(&VerifiedLeaf, &PrivateKey)>,
    further: &Further,
) -> Delivered {
    let Some(found) = found else { return Delivered::Nothing };
    if !is_ours(found, owner) {
        return Delivered::Foreign;
    }
    match current {
        Some((leaf, key)) if is_whole(found, leaf, key, further) => Delivered::Current,
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
        let plain = Further::default();
        for (what, secret, delivered, predecessor) in [
            ("ours", found("sallyport", "WorkloadIdentity", "uid"), Delivered::Stale, true),
            ("no label", found("helm", "WorkloadIdentity", "uid"), Delivered::Foreign, false),
            ("another kind", found("sallyport", "Deployment", "uid"), Delivered::Foreign, false),
            ("a former one's", found("sallyport", "WorkloadIdentity", "old"), Delivered::Foreign, true),
            ("nobody's", Secret::default(), Delivered::Foreign, false),
        ] {
            assert_eq!(judge(Some(&secret), &owner(), None, &plain), delivered, "{what}");
            assert_eq!(is_a_predecessors(&secret, &owner()), predecessor, "{what}");
        }
        assert_eq!(judge(None, &owner(), None, &plain), Delivered::Nothing);
    }
}
