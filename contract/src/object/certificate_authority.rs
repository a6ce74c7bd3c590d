//! `CertificateAuthority`: who signs.

use jiff::{Timestamp, civil::Date};
use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use super::{Condition, Trust, TrustRoot};
use crate::duration::Duration;

/// Who signs certificates. Which kind it is, and the ARN, never change: another CA is another object.
#[derive(CustomResource, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "sallyport.dev",
    version = "v1alpha1",
    kind = "CertificateAuthority",
    doc = "Who signs certificates. Written by the platform team.",
    plural = "certificateauthorities",
    shortname = "ca",
    category = "sallyport",
    status = "CertificateAuthorityStatus",
    printcolumn = r#"{"name":"Ready","type":"string","jsonPath":".status.conditions[?(@.type=='Ready')].status"}"#,
    printcolumn = r#"{"name":"Reason","type":"string","jsonPath":".status.conditions[?(@.type=='Ready')].reason"}"#,
    printcolumn = r#"{"name":"Key","type":"string","jsonPath":".status.keyAlgorithm"}"#,
    printcolumn = r#"{"name":"Today","type":"integer","jsonPath":".status.issuedToday"}"#,
    printcolumn = r#"{"name":"Expires","type":"string","jsonPath":".status.notAfter"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("[has(self.awsPrivateCA), has(self.embedded), has(self.intermediate)].filter(h, h).size() == 1")
        .message("exactly one of awsPrivateCA, embedded and intermediate must be set"),
    validation = Rule::new("has(self.awsPrivateCA) == has(oldSelf.awsPrivateCA) && has(self.embedded) == has(oldSelf.embedded)")
        .message("the kind of a CertificateAuthority never changes: make another object"),
)]
pub struct CertificateAuthoritySpec {
    /// A CA of AWS Private CA.
    #[serde(default, rename = "awsPrivateCA", skip_serializing_if = "Option::is_none")]
    pub aws_private_ca: Option<AwsPrivateCa>,
    /// A CA made and kept by cert-agent itself: for a first try, not for production.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub embedded: Option<EmbeddedCa>,
    /// An intermediate below a CA of AWS Private CA, for names below a few domains. cert-agent signs with its key, and no
    /// certificate costs anything but the intermediate itself. It is made by `sallyport ca intermediate create`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intermediate: Option<IntermediateCa>,
    /// How many certificates it may be asked for. If absent, a CA of AWS Private CA has the default caps, for each
    /// certificate costs money there, and any other CA has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caps: Option<Caps>,
    /// Who is told its roots, and how long before they are used. If absent, nobody is, and nothing waits for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trust: Option<Trust>,
}

impl CertificateAuthoritySpec {
    /// The caps that hold, if any do.
    #[must_use]
    pub fn caps_in_force(&self) -> Option<Caps> {
        self.caps.or_else(|| self.aws_private_ca.as_ref().map(|_| Caps::default()))
    }
}

/// How many certificates a CA may be asked for. When a cap is reached, what would go beyond it waits with the reason
/// `SpendingCapReached`, and nothing else does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Caps {
    /// For one identity in any hour.
    #[serde(default = "per_identity_per_hour")]
    #[schemars(range(min = 1))]
    pub per_identity_per_hour: u32,
    /// For one namespace in any hour.
    #[serde(default = "per_namespace_per_hour")]
    #[schemars(range(min = 1))]
    pub per_namespace_per_hour: u32,
    /// In one day (UTC).
    #[serde(default = "per_day")]
    #[schemars(range(min = 1))]
    pub per_day: u32,
}

impl Default for Caps {
    fn default() -> Self {
        Self {
            per_identity_per_hour: per_identity_per_hour(),
            per_namespace_per_hour: per_namespace_per_hour(),
            per_day: per_day(),
        }
    }
}

const fn per_identity_per_hour() -> u32 {
    6
}

const fn per_namespace_per_hour() -> u32 {
    600
}

const fn per_day() -> u32 {
    20_000
}

/// A CA of AWS Private CA. Region, account and partition are read from the ARN.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!has(self.externalId) || has(self.roleArn)")
        .message("an externalId goes with a roleArn"),
    validation = Rule::new("!has(self.roleArn) || self.roleArn.split(':')[1] == self.arn.split(':')[1]")
        .message("the role and the CA must be in one partition of AWS (arn:aws, arn:aws-us-gov, arn:aws-cn)"),
)]
pub struct AwsPrivateCa {
    /// The CA's ARN.
    #[schemars(
        length(max = 200),
        regex(
            pattern = r"^arn:aws(-[a-z]+)*:acm-pca:[a-z0-9-]+:[0-9]{12}:certificate-authority/[0-9a-f-]{36}$"
        )
    )]
    #[x_kube(validation = Rule::new("self == oldSelf").message("the ARN never changes: make another object"))]
    pub arn: String,
    /// The AWS templates that may be used (`EndEntityServerAuthCertificate/V1`; for pods with certificates of
    /// their own `EndEntityServerAuthCertificate_APIPassthrough/V1`); all that Sallyport knows if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 6))]
    pub templates: Option<Vec<String>>,
    /// The ARN of an IAM role that cert-agent assumes to ask this CA, for a CA in another account. Without one it asks with
    /// its own credentials. It may change: it says how the CA is reached, not which one it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(max = 600),
        regex(pattern = r"^arn:aws(-[a-z]+)*:iam::[0-9]{12}:role/([!-~]{1,510}/)?[A-Za-z0-9+=,.@_-]{1,64}$")
    )]
    pub role_arn: Option<String>,
    /// The external id that the role's trust policy asks for, if it does. It is no secret
    /// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_common-scenarios_third-party.html>).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 1224), regex(pattern = r"^[A-Za-z0-9_+=,.@:/-]+$"))]
    pub external_id: Option<String>,
}

/// A CA made and kept by cert-agent itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
pub struct EmbeddedCa {}

/// An intermediate of our own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct IntermediateCa {
    /// The `CertificateAuthority` that signs it: a general-purpose CA of AWS Private CA, in the account of whoever makes
    /// the intermediate.
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = Rule::new("self == oldSelf").message("the parent never changes: make another object"))]
    pub parent: String,
    /// The DNS domains that it may sign for, each with all names below it: the intermediate's critical name constraints. A
    /// change holds from the next `sallyport ca intermediate renew` on; what is taken away is refused at once.
    #[serde(rename = "permittedDNSDomains")]
    #[schemars(length(min = 1, max = 16), inner(length(min = 1, max = 253)))]
    pub permitted_dns_domains: Vec<String>,
    /// How long one intermediate lives: from a day to a year.
    #[serde(default = "intermediate_lifetime")]
    pub lifetime: Duration,
}

const fn intermediate_lifetime() -> Duration {
    Duration::from_secs(720 * 3600)
}

/// What cert-agent found about a CA.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct CertificateAuthorityStatus {
    /// The CA's key algorithm as AWS writes it: `EC_prime256v1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_algorithm: Option<String>,
    /// The CA's usage mode as AWS writes it: `GENERAL_PURPOSE`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage_mode: Option<String>,
    /// When the CA's own certificate ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub not_after: Option<Timestamp>,
    /// How many certificates Sallyport has asked it for since this day began (UTC).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issued_today: Option<i64>,
    /// The day of `issuedToday`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "date"))]
    pub issued_on: Option<Date>,
    /// How many certificates Sallyport has asked it for in all. AWS lets a CA issue 1,000,000 in its life.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issued_total: Option<i64>,
    /// Its roots, the one that signs now first; each stays until the last certificate under it has ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    pub roots: Vec<TrustRoot>,
    /// `Ready`; for AWS Private CA `CapacityLeft`, for an intermediate `LifetimeLeft`, with `spec.trust` `TrustPublished`.
    #[serde(default)]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}
