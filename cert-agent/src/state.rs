//! The memory of one identity: one Secret in the agent's own namespace, written before each step.

mod terms;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::{ByteString, api::core::v1::Secret, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use sallyport_contract::keys;
use serde::{Deserialize, Serialize};

use crate::{
    chain::VerifiedLeaf,
    key::PrivateKey,
    request::{Request, Terms},
    spending::Spent,
};

pub use terms::StoredTerms;

/// Label of a state Secret: the namespace of its identity.
pub const OF_NAMESPACE: &str = "sallyport.dev/namespace";
/// Annotation of a state Secret: when the last certificate in it ends.
pub const ENDS: &str = "resolved.sallyport.dev/not-after";

/// Annotation of a state Secret: how many certificates were asked for lately.
pub const ASKED: &str = "resolved.sallyport.dev/asked";

/// What is remembered of one identity.
#[derive(Clone)]
pub struct State {
    /// The UID of the identity's namespace: one that is made again gets nothing of the former one's.
    pub namespace_uid: String,
    /// How many requests were begun.
    pub generation: u32,
    /// The request under way.
    pub attempt: Option<Attempt>,
    /// Why the last request came to nothing, until another is begun.
    pub refusal: Option<Refused>,
    /// The certificate that is delivered, or ready to be.
    pub current: Option<Current>,
    /// To another authority than the one that signed it, if another one is wanted.
    pub moving: Option<Moving>,
    /// The authority that signed before another one was wanted.
    pub former: Option<String>,
    /// How many were asked for lately; it stands beside the data, so that all can be counted in one list.
    pub spent: Option<Spent>,
}

/// How many certificates the identity of a state Secret was asked for lately.
#[must_use]
pub fn spent(metadata: &ObjectMeta) -> Option<Spent> {
    serde_json::from_str(metadata.annotations.as_ref()?.get(ASKED)?).ok()
}

/// A request under way.
#[derive(Clone)]
pub struct Attempt {
    /// Its key.
    pub key: PrivateKey,
    /// What is asked, byte by byte.
    pub request: Request,
    /// What it was made of.
    pub terms: Terms,
    /// When the authority was last about to be asked for it.
    pub requested_at: Timestamp,
    /// The authority's own name for it, once it was accepted: an ARN.
    pub ticket: Option<String>,
    /// The authority's own certificate and those above it when it was asked, PEM: by these a delivered
    /// certificate is known again while the authority is away.
    pub anchors: String,
}

/// Another authority is wanted than the one that signed the current certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Moving {
    /// To which.
    pub to: String,
    /// Since when.
    pub since: Timestamp,
}

/// A request that came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Refused {
    /// When.
    pub at: Timestamp,
    /// How many in a row.
    pub count: u32,
    /// Whether the authority made, and counts, a certificate.
    pub billed: bool,
    /// Both sides' words.
    pub message: String,
    /// What was asked under; other terms are asked at once.
    pub terms: StoredTerms,
}

impl Refused {
    /// Refused, and once more than `before` if that was under the same terms.
    #[must_use]
    pub fn anew(before: Option<Self>, terms: &Terms, billed: bool, text: &str, at: Timestamp) -> Self {
        let message = format!(
            "CertificateAuthority {} refused a certificate for {} of {} s: {text}",
            terms.authority, terms.dns_names, terms.lifetime
        );
        let terms = StoredTerms::from(terms);
        let before = before.filter(|before| before.terms == terms);
        let count = before.map_or(0, |before| before.count).saturating_add(1);
        Self { at, count, billed, message, terms }
    }
}

/// A certificate that was verified when it came, and is verified again before it is delivered.
#[derive(Clone)]
pub struct Current {
    /// Its key.
    pub key: PrivateKey,
    /// The leaf, PEM.
    pub leaf: String,
    /// What stands between leaf and root, PEM; may be empty.
    pub intermediates: String,
    /// The root, PEM.
    pub root: String,
    /// What it was asked under.
    pub terms: Terms,
    /// What was asked.
    pub not_before: Timestamp,
    /// When it ends.
    pub not_after: Timestamp,
    /// When it was asked for, a moment before it came.
    pub received_at: Timestamp,
    /// The authority's own name for it.
    pub ticket: Option<String>,
    /// Whether somebody asked for another one, whatever is left of this.
    pub superseded: bool,
    /// When the one ends that it replaced.
    pub replaces: Option<Timestamp>,
}

/// When a certificate came and ends: by this it is known when it is to be renewed, and which pods began before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// When it was asked for, a moment before it came.
    pub received_at: Timestamp,
    /// When it ends.
    pub not_after: Timestamp,
    /// When the one ends that it replaced.
    pub replaces: Option<Timestamp>,
}

impl Current {
    /// When it came and ends.
    #[must_use]
    pub const fn span(&self) -> Span {
        Span { received_at: self.received_at, not_after: self.not_after, replaces: self.replaces }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    namespace_uid: String,
    generation: u32,
    attempt: Option<WireAttempt>,
    refusal: Option<Refused>,
    current: Option<WireCurrent>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    moving: Option<Moving>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    former: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireAttempt {
    csr: String,
    not_before: Timestamp,
    not_after: Timestamp,
    token: String,
    terms: StoredTerms,
    requested_at: Timestamp,
    ticket: Option<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    anchors: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireCurrent {
    leaf: String,
    intermediates: String,
    root: String,
    terms: StoredTerms,
    not_before: Timestamp,
    not_after: Timestamp,
    received_at: Timestamp,
    ticket: Option<String>,
    #[serde(default)]
    superseded: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    replaces: Option<Timestamp>,
}

const STATE: &str = "state.json";
const ATTEMPT_KEY: &str = "attempt.key";
const CURRENT_KEY: &str = "current.key";

/// Name of the state Secret of an identity.
#[must_use]
pub fn name_of(namespace: &str, identity: &str) -> String {
    format!("state.{namespace}.{identity}")
}

impl State {
    /// Nothing asked yet.
    #[must_use]
    pub fn new(namespace_uid: &str) -> Self {
        Self {
            namespace_uid: namespace_uid.to_owned(),
            generation: 0,
            attempt: None,
            refusal: None,
            current: None,
            moving: None,
            former: None,
            spent: None,
        }
    }

    /// When the last certificate ends that may have been made.
    fn ends(&self) -> Option<Timestamp> {
        let asked = self.attempt.as_ref().filter(|attempt| attempt.ticket.is_some());
        let current = self.current.as_ref().map(|current| current.not_after);
        current.into_iter().chain(asked.map(|attempt| attempt.request.not_after)).max()
    }

    /// The verified certificate that the request under way came to is the current one from now on. What it
    /// says follows from what is stored, so that it is the same after a restart.
    pub fn adopt(&mut self, verified: &VerifiedLeaf) {
        let Some(attempt) = self.attempt.take() else { return };
        (self.refusal, self.moving) = (None, None);
        let before = self.current.as_ref().map(|before| &before.terms.authority);
        if let Some(before) = before.filter(|before| **before != attempt.terms.authority) {
            self.former = Some(before.clone());
        }
        self.current = Some(Current {
            key: attempt.key,
            leaf: verified.leaf().to_owned(),
            intermediates: verified.intermediates().to_owned(),
            root: verified.root().to_owned(),
            terms: attempt.terms,
            not_before: verified.not_before(),
            not_after: verified.not_after(),
            received_at: attempt.requested_at,
            ticket: attempt.ticket,
            superseded: false,
            replaces: self.current.as_ref().map(|before| before.not_after),
        });
    }

    /// The Secret to store, in the version that was read.
    #[must_use]
    pub fn to_secret(
        &self,
        system: &str,
        namespace: &str,
        identity: &str,
        resource_version: Option<String>,
    ) -> Secret {
        let mut data = BTreeMap::new();
        let mut put = |name: &str, text: &str| {
            data.insert(name.to_owned(), ByteString(text.as_bytes().to_vec()));
        };
        if let Some(attempt) = &self.attempt {
            put(ATTEMPT_KEY, attempt.key.pem());
        }
        if let Some(current) = &self.current {
            put(CURRENT_KEY, current.key.pem());
        }
        put(STATE, &serde_json::to_string(&self.wire()).unwrap_or_default());
        let labels = [
            (keys::MANAGED_BY, keys::MANAGED_BY_SALLYPORT),
            (OF_NAMESPACE, namespace),
            (keys::IDENTITY, identity),
        ];
        let ends = self.ends().map(|ends| (ENDS.to_owned(), ends.to_string()));
        let asked = self.spent.as_ref().and_then(|spent| serde_json::to_string(spent).ok());
        let asked = asked.map(|asked| (ASKED.to_owned(), asked));
        let metadata = ObjectMeta {
            name: Some(name_of(namespace, identity)),
            namespace: Some(system.to_owned()),
            labels: Some(labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into()),
            annotations: Some(ends.into_iter().chain(asked).collect()),
            resource_version,
            ..ObjectMeta::default()
        };
        Secret {
            metadata,
            data: Some(data),
            type_: Some("sallyport.dev/state".to_owned()),
            ..Secret::default()
        }
    }

    fn wire(&self) -> Wire {
        Wire {
            namespace_uid: self.namespace_uid.clone(),
            generation: self.generation,
            attempt: self.attempt.as_ref().map(|attempt| WireAttempt {
                csr: attempt.request.csr.clone(),
                not_before: attempt.request.not_before,
                not_after: attempt.request.not_after,
                token: attempt.request.token.clone(),
                terms: (&attempt.terms).into(),
                requested_at: attempt.requested_at,
                ticket: attempt.ticket.clone(),
                anchors: attempt.anchors.clone(),
            }),
            refusal: self.refusal.clone(),
            moving: self.moving.clone(),
            former: self.former.clone(),
            current: self.current.as_ref().map(|current| WireCurrent {
                leaf: current.leaf.clone(),
                intermediates: current.intermediates.clone(),
                root: current.root.clone(),
                terms: (&current.terms).into(),
                not_before: current.not_before,
                not_after: current.not_after,
                received_at: current.received_at,
                ticket: current.ticket.clone(),
                superseded: current.superseded,
                replaces: current.replaces,
            }),
        }
    }

    /// Reads a Secret; `None` if it is not one that this program wrote, and then it is begun anew.
    #[must_use]
    pub fn read(secret: &Secret) -> Option<Self> {
        let data = secret.data.as_ref()?;
        let text = |name: &str| String::from_utf8(data.get(name)?.0.clone()).ok();
        let key = |name: &str| PrivateKey::from_pem(text(name)?).ok();
        let wire: Wire = serde_json::from_str(&text(STATE)?).ok()?;
        let attempt = wire.attempt.and_then(|attempt| read_attempt(attempt, key(ATTEMPT_KEY)?));
        let current = wire.current.and_then(|current| read_current(current, key(CURRENT_KEY)?));
        Some(Self {
            namespace_uid: wire.namespace_uid,
            generation: wire.generation,
            attempt,
            refusal: wire.refusal,
            current,
            moving: wire.moving,
            former: wire.former,
            spent: spent(&secret.metadata),
        })
    }
}

fn read_attempt(wire: WireAttempt, key: PrivateKey) -> Option<Attempt> {
    let terms = wire.terms.read()?;
    let request = Request {
        csr: wire.csr,
        public_key: key.public().ok()?,
        dns_names: terms.dns_names.clone(),
        usages: terms.usages.clone(),
        not_before: wire.not_before,
        not_after: wire.not_after,
        token: wire.token,
    };
    let WireAttempt { requested_at, ticket, anchors, .. } = wire;
    Some(Attempt { key, request, terms, requested_at, ticket, anchors })
}

fn read_current(wire: WireCurrent, key: PrivateKey) -> Option<Current> {
    Some(Current {
        key,
        leaf: wire.leaf,
        intermediates: wire.intermediates,
        root: wire.root,
        terms: wire.terms.read()?,
        not_before: wire.not_before,
        not_after: wire.not_after,
        received_at: wire.received_at,
        ticket: wire.ticket,
        superseded: wire.superseded,
        replaces: wire.replaces,
    })
}
