//! The two Secrets: what is being asked for, with its key, and the intermediate once it is whole.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::{ByteString, api::core::v1::Secret, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use sallyport_contract::keys;
use serde::{Deserialize, Serialize};

use super::{
    asked::Asked,
    held::{Held, Unfit},
};
use crate::{chain, key::PrivateKey};

/// The Secret of the intermediate that signs for a `CertificateAuthority`. It exists only when it is whole.
#[must_use]
pub fn name(authority: &str) -> String {
    format!("intermediate-ca-{authority}")
}

/// The Secret of the one that is being asked for.
#[must_use]
pub fn name_of_request(authority: &str) -> String {
    format!("intermediate-request-{authority}")
}

/// An intermediate as it lies in its Secret.
#[derive(Clone)]
pub struct Stored {
    /// The intermediate.
    pub held: Held,
    /// The parent's ARN.
    pub parent: String,
    /// The ARN of its certificate, by which AWS revokes nothing but finds it.
    pub certificate: String,
}

/// A request, its key, and how far it came.
#[derive(Clone)]
pub struct Pending {
    /// The key.
    pub key: PrivateKey,
    /// The rest.
    pub request: PendingRequest,
}

/// What is stored of a request beside the key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PendingRequest {
    /// The parent's ARN.
    pub parent: String,
    /// What is asked.
    pub asked: Asked,
    /// The ARN of the certificate, once AWS has accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
}

/// Why a Secret is not what it should be. No text of it is shown: it may be a key.
#[derive(Debug, thiserror::Error)]
pub enum Spoiled {
    /// Not one of ours.
    #[error(
        "it is not of type kubernetes.io/tls with the label {}={}",
        keys::MANAGED_BY,
        keys::MANAGED_BY_SALLYPORT
    )]
    Foreign,
    /// A part is not there, or not text.
    #[error("its {0} is missing or cannot be read")]
    Part(&'static str),
    /// What is in it may not sign.
    #[error("what is in it may not sign: {0}")]
    Unfit(#[from] Unfit),
}

const KEY: &str = "tls.key";
const CERTIFICATE: &str = "tls.crt";
const ROOT: &str = "ca.crt";
const PARENT: &str = "parent";
const ARN: &str = "arn";
const REQUEST: &str = "request";
const TLS: &str = "kubernetes.io/tls";
const OPAQUE: &str = "Opaque";

impl Stored {
    /// As a Secret.
    #[must_use]
    pub fn secret(&self, system: &str, authority: &str) -> Secret {
        let (root, rest) = self
            .held
            .path()
            .split_last()
            .map_or((String::new(), &[][..]), |(root, rest)| (chain::pem(root), rest));
        let certificate: String = rest.iter().map(|der| chain::pem(der)).collect();
        let parts = [
            (CERTIFICATE, certificate.as_str()),
            (KEY, self.held.key().pem()),
            (ROOT, root.as_str()),
            (PARENT, self.parent.as_str()),
            (ARN, self.certificate.as_str()),
        ];
        secret(system, &name(authority), TLS, &parts)
    }

    /// From its Secret, judged as if it had just come.
    ///
    /// # Errors
    /// The Secret is somebody else's or spoiled, or may not sign.
    pub fn read(secret: &Secret, now: Timestamp) -> Result<Self, Spoiled> {
        let part = parts(secret, TLS)?;
        let key = PrivateKey::from_pem(part(KEY)?).map_err(|_| Spoiled::Part(KEY))?;
        let certificates = format!("{}{}", part(CERTIFICATE)?, part(ROOT)?);
        let path = chain::read("the intermediate's chain", &certificates).map_err(Unfit::from)?;
        let held = Held::new(key, path, now)?;
        Ok(Self { held, parent: part(PARENT)?, certificate: part(ARN)? })
    }
}

impl Pending {
    /// As a Secret.
    ///
    /// # Errors
    /// The request cannot be written as JSON.
    pub fn secret(&self, system: &str, authority: &str) -> Result<Secret, Spoiled> {
        let request = serde_json::to_string(&self.request).map_err(|_| Spoiled::Part(REQUEST))?;
        let parts = [(KEY, self.key.pem()), (REQUEST, request.as_str())];
        Ok(secret(system, &name_of_request(authority), OPAQUE, &parts))
    }

    /// From its Secret.
    ///
    /// # Errors
    /// The Secret is somebody else's or spoiled.
    pub fn read(secret: &Secret) -> Result<Self, Spoiled> {
        let part = parts(secret, OPAQUE)?;
        let key = PrivateKey::from_pem(part(KEY)?).map_err(|_| Spoiled::Part(KEY))?;
        let request = serde_json::from_str(&part(REQUEST)?).map_err(|_| Spoiled::Part(REQUEST))?;
        Ok(Self { key, request })
    }
}

fn secret(system: &str, name: &str, kind: &str, parts: &[(&str, &str)]) -> Secret {
    let data = parts.iter().map(|(part, text)| ((*part).to_owned(), ByteString(text.as_bytes().to_vec())));
    let labels = [(keys::MANAGED_BY.to_owned(), keys::MANAGED_BY_SALLYPORT.to_owned())];
    let metadata = ObjectMeta {
        name: Some(name.to_owned()),
        namespace: Some(system.to_owned()),
        labels: Some(labels.into()),
        ..ObjectMeta::default()
    };
    let data: BTreeMap<String, ByteString> = data.collect();
    Secret { metadata, data: Some(data), type_: Some(kind.to_owned()), ..Secret::default() }
}

fn parts<'a>(
    secret: &'a Secret,
    kind: &str,
) -> Result<impl Fn(&'static str) -> Result<String, Spoiled> + 'a, Spoiled> {
    let labels = secret.metadata.labels.as_ref();
    let ours = labels.and_then(|labels| labels.get(keys::MANAGED_BY)).map(String::as_str);
    if secret.type_.as_deref() != Some(kind) || ours != Some(keys::MANAGED_BY_SALLYPORT) {
        return Err(Spoiled::Foreign);
    }
    Ok(|part| {
        let bytes = secret.data.as_ref().and_then(|data| data.get(part));
        let text = bytes.and_then(|bytes| String::from_utf8(bytes.0.clone()).ok());
        text.ok_or(Spoiled::Part(part))
    })
}
