//! `IdentityRequest`: what people may ask of an identity, which itself stays Sallyport's.

use jiff::Timestamp;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Condition;

/// One thing that is asked of one identity, once.
#[derive(CustomResource, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "sallyport.dev",
    version = "v1alpha1",
    kind = "IdentityRequest",
    doc = "Asks for one thing of one identity, once: a new certificate, or the end of the one it has. Written by people.",
    plural = "identityrequests",
    namespaced,
    shortname = "idreq",
    category = "sallyport",
    status = "IdentityRequestStatus",
    printcolumn = r#"{"name":"Identity","type":"string","jsonPath":".spec.identity"}"#,
    printcolumn = r#"{"name":"Serial","type":"string","jsonPath":".status.serial"}"#,
    printcolumn = r#"{"name":"Done","type":"string","jsonPath":".status.conditions[?(@.type=='Done')].status"}"#,
    printcolumn = r#"{"name":"Reason","type":"string","jsonPath":".status.conditions[?(@.type=='Done')].reason"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("has(self.renew) != has(self.revoke)")
        .message("exactly one of renew and revoke must be set"),
    validation = Rule::new("self == oldSelf").message("a request is for once: make another one"),
)]
pub struct IdentityRequestSpec {
    /// The `WorkloadIdentity` of this namespace.
    #[schemars(length(min = 1, max = 253))]
    pub identity: String,
    /// Give it a new certificate now, with a new key. The one it has stays valid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renew: Option<Renew>,
    /// Revoke the certificate that it has, and give it a new one with a new key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoke: Option<Revoke>,
}

/// A renewal has no particulars.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
pub struct Renew {}

/// A revocation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Revoke {
    /// Why; it stands in the authority's revocation list.
    pub reason: RevocationReason,
}

/// Why a certificate is revoked (RFC 5280, section 5.3.1), as far as it may be the reason of a workload's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum RevocationReason {
    /// Not told.
    Unspecified,
    /// Somebody else has the key, or may have.
    KeyCompromise,
    /// Who runs it is another one now.
    AffiliationChanged,
    /// Another certificate is used.
    Superseded,
    /// The service has ended.
    CessationOfOperation,
    /// It must not have the name any more.
    PrivilegeWithdrawn,
}

impl RevocationReason {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Unspecified,
        Self::KeyCompromise,
        Self::AffiliationChanged,
        Self::Superseded,
        Self::CessationOfOperation,
        Self::PrivilegeWithdrawn,
    ];

    /// As the manifest writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unspecified => "Unspecified",
            Self::KeyCompromise => "KeyCompromise",
            Self::AffiliationChanged => "AffiliationChanged",
            Self::Superseded => "Superseded",
            Self::CessationOfOperation => "CessationOfOperation",
            Self::PrivilegeWithdrawn => "PrivilegeWithdrawn",
        }
    }
}

/// What became of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct IdentityRequestStatus {
    /// The serial number of the certificate that it is about; written before anything is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// The authority that signed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority: Option<String>,
    /// When it was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub done_at: Option<Timestamp>,
    /// `Done`.
    #[serde(default)]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}
