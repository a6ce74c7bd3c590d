//! The objects of the group `sallyport.dev`. A schema holds only fields that are obeyed.
//!
//! People write [`IdentityPolicy`], [`CertificateAuthority`], [`Firewall`], [`IdentityRequest`] and [`GateOverride`];
//! the programs write [`WorkloadIdentity`], [`NameClaim`] and [`NamespaceBinding`], and meet nowhere else; path probes
//! write [`PathReport`].

#![allow(
    unreachable_pub,
    reason = "KubeSchema repeats each struct in a scope of its own, where nothing is reachable"
)]

mod certificate_authority;
mod certificate_terms;
mod condition;
mod firewall;
mod gate_override;
mod hold;
mod identity_policy;
mod identity_request;
mod name_claim;
mod namespace_binding;
mod path_report;
mod trust;
mod workload_identity;

pub use certificate_authority::{
    AwsPrivateCa, Caps, CertificateAuthority, CertificateAuthoritySpec, CertificateAuthorityStatus,
    EmbeddedCa, IntermediateCa,
};
pub use certificate_terms::{
    CertificateKey, CertificateTerms, Delivery, Forms, KeyAlgorithm, KeyKind, OnRenewal, Pkcs12, Usage,
};
pub use condition::{Condition, ConditionStatus, set_condition};
pub use firewall::{
    Attested, Bounds, Commit, Count, Credentials, DayOfWeek, DefaultDeny, DeletionPolicy, Devices, Drift,
    Firewall, FirewallDevice, FirewallJob, FirewallMember, FirewallSpec, FirewallStatus, FirewallTls, Freeze,
    HaPair, Independent, JobKind, LastCommit, NameCount, Panorama, PathNetwork, PathPair, PathProof,
    Position, Push, Removal, Rulebase, Rules, Standalone, Style, Target, Window,
};
pub use gate_override::{GateOverride, GateOverrideSpec};
pub use hold::{HeldAt, Hold, StartInit};
pub use identity_policy::{
    Action, DenyWith, DnsNameRules, IdentityPolicy, IdentityPolicySpec, IdentityPolicyStatus, LabelSelector,
    Mode, OptOut, SelectorOperator, SelectorRequirement, Side, Traffic, Wildcards,
};
pub use identity_request::{
    IdentityRequest, IdentityRequestSpec, IdentityRequestStatus, Renew, RevocationReason, Revoke,
};
pub use name_claim::{ClaimedFirewall, Evidence, NameClaim, NameClaimSpec, NameClaimStatus};
pub use namespace_binding::{NamespaceBinding, NamespaceBindingSpec, NamespaceBindingStatus};
pub use path_report::{Met, PathOutcome, PathReport, PathReportSpec};
pub use trust::{Trust, TrustRoot};
pub use workload_identity::{
    CertificateStatus, EnforcedApp, FirewallEnforcement, PodCertificates, PodCounts, WorkloadIdentity,
    WorkloadIdentitySpec, WorkloadIdentityStatus,
};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray,
};
use kube::CustomResourceExt as _;

/// The definitions of all objects, as `manifests/crds` holds them.
#[must_use]
pub fn definitions() -> Vec<CustomResourceDefinition> {
    let mut definitions = vec![
        IdentityPolicy::crd(),
        CertificateAuthority::crd(),
        Firewall::crd(),
        WorkloadIdentity::crd(),
        NameClaim::crd(),
        NamespaceBinding::crd(),
        IdentityRequest::crd(),
        GateOverride::crd(),
        PathReport::crd(),
    ];
    for version in definitions.iter_mut().flat_map(|definition| &mut definition.spec.versions) {
        let schema = version.schema.as_mut().and_then(|schema| schema.open_api_v3_schema.as_mut());
        schema.into_iter().for_each(without_foreign_formats);
    }
    definitions
}

/// The API server warns of formats that it does not know; the bounds say all there is to say.
fn without_foreign_formats(schema: &mut JSONSchemaProps) {
    schema.format.take_if(|format| format.starts_with("uint"));
    schema.properties.iter_mut().flatten().for_each(|(_, property)| without_foreign_formats(property));
    if let Some(JSONSchemaPropsOrArray::Schema(items)) = &mut schema.items {
        without_foreign_formats(items);
    }
}
