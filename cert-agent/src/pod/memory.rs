//! The memory of one request: one annotation on the request itself, written before each step. There is no
//! key to keep, so it is no secret.

use jiff::Timestamp;
use k8s_openapi::api::certificates::v1::PodCertificateRequest;
use sallyport_contract::keys;
use serde::{Deserialize, Serialize};

use crate::state::{Refused, StoredTerms};

/// What is remembered of one request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Memory {
    /// How many times the authority was to be asked anew.
    pub generation: u32,
    /// What it is asked now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<Attempt>,
    /// Why the last one came to nothing, until another is begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<Refused>,
}

/// A request to an authority under way. Its CSR is the pod's own request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    /// What it was made of.
    pub terms: StoredTerms,
    /// When the certificate is to begin.
    pub not_before: Timestamp,
    /// When it is to end.
    pub not_after: Timestamp,
    /// By this the authority knows the request again.
    pub token: String,
    /// When the authority was last about to be asked.
    pub requested_at: Timestamp,
    /// The authority's own name for it, once it was accepted: an ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
}

impl Memory {
    /// What a request carries; nothing, if it carries nothing that this program wrote.
    #[must_use]
    pub fn of(request: &PodCertificateRequest) -> Self {
        let annotations = request.metadata.annotations.as_ref();
        let text = annotations.and_then(|annotations| annotations.get(keys::POD_REQUEST_STATE));
        text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    }

    /// The request with this memory on it, in the version that it has.
    #[must_use]
    pub fn on(&self, request: &PodCertificateRequest) -> PodCertificateRequest {
        let mut request = request.clone();
        let text = serde_json::to_string(self).unwrap_or_default();
        request.metadata.annotations.get_or_insert_default().insert(keys::POD_REQUEST_STATE.to_owned(), text);
        request
    }
}

#[cfg(test)]
mod tests {
    use sallyport_contract::{
        DnsNames,
        object::{KeyKind, Usage},
    };

    use super::*;
    use crate::request::Terms;

    #[test]
    fn law_8_what_is_stored_is_read_back_byte_by_byte() {
        let at = |second: i64| Timestamp::from_second(1_800_000_000 + second).unwrap();
        let terms = Terms {
            authority: "ca".to_owned(),
            issuer: "arn".to_owned(),
            dns_names: DnsNames::new(["a.x.example".parse().unwrap()]).unwrap(),
            usages: vec![Usage::ServerAuth],
            lifetime: 86_400,
            key: KeyKind::P256,
        };
        let attempt = Attempt {
            terms: (&terms).into(),
            not_before: at(0),
            not_after: at(86_400),
            token: "t".repeat(36),
            requested_at: at(60),
            ticket: Some("arn:1".to_owned()),
        };
        let refusal =
            Refused { at: at(1), count: 2, billed: true, message: "no".to_owned(), terms: (&terms).into() };
        let memory = Memory { generation: 3, attempt: Some(attempt), refusal: Some(refusal) };
        let mut request = PodCertificateRequest::default();
        request.metadata.resource_version = Some("7".to_owned());
        assert_eq!(Memory::of(&request), Memory::default());
        let stored = memory.on(&request);
        assert_eq!((Memory::of(&stored), stored.metadata.resource_version.as_deref()), (memory, Some("7")));
        request.metadata.annotations = Some([(keys::POD_REQUEST_STATE.to_owned(), "{}".to_owned())].into());
        assert_eq!(Memory::of(&request), Memory::default(), "what cannot be read is begun anew");
    }
}
