//! What a policy says of the certificate: who signs it, its key and life, and how it reaches the pod.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::duration::Duration;

/// What the certificate is to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct CertificateTerms {
    /// The `CertificateAuthority` that signs.
    #[schemars(length(min = 1, max = 253))]
    pub authority: String,
    /// The key of the certificate; made anew for each.
    #[serde(default)]
    pub key: CertificateKey,
    /// How long a certificate lives, one hour at least. Renewed when two thirds are over.
    #[serde(default = "default_lifetime")]
    pub lifetime: Duration,
    /// What the certificate may be used for; chooses the AWS template.
    #[serde(default = "default_usages")]
    #[schemars(length(min = 1, max = 2))]
    pub usages: Vec<Usage>,
    /// How the certificate reaches the pod.
    #[serde(default)]
    pub delivery: Delivery,
    /// Further forms in which the Secret carries the same certificate.
    #[serde(default, skip_serializing_if = "Forms::is_plain")]
    pub forms: Forms,
    /// What becomes of pods that began with the certificate before.
    #[serde(default, skip_serializing_if = "OnRenewal::is_none")]
    pub on_renewal: OnRenewal,
}

impl CertificateTerms {
    /// Whether a certificate that was made by these terms is asked for anew when they become `after`.
    #[must_use]
    pub fn makes_due(&self, after: &Self) -> bool {
        self.authority != after.authority
            || self.key != after.key
            || self.lifetime != after.lifetime
            || self.usages != after.usages
    }
}

/// Further forms of a delivered certificate, beside `tls.crt`, `tls.key` and `ca.crt`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Forms {
    /// `tls-combined.pem`: the key, then the chain, leaf first, in one file.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub combined_pem: bool,
    /// `keystore.p12`: key and chain in PKCS#12, for Java and Windows programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pkcs12: Option<Pkcs12>,
}

/// A PKCS#12 keystore.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Pkcs12 {
    /// The Secret, in each namespace of the policy, whose key `password` opens the keystore. Teams make it;
    /// until it is there, nothing is delivered.
    #[schemars(length(min = 1, max = 253))]
    pub password_secret: String,
}

impl Forms {
    /// Whether there is nothing beside the usual three.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }
}

/// What becomes of pods that began with the certificate before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum OnRenewal {
    /// Nothing: programs read the new files.
    #[default]
    None,
    /// Their workload is restarted, as its own strategy says, before the old certificate ends: for programs that
    /// read their certificate once.
    RestartWorkload,
}

impl OnRenewal {
    /// Whether nothing becomes of them.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }
}

/// The kind of key that a certificate has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new(
    "!has(self.size) || (self.algorithm == 'RSA' ? self.size in [2048, 3072, 4096] : self.size in [256, 384])")
    .message("size must be 256 or 384 for ECDSA, and 2048, 3072 or 4096 for RSA"))]
pub struct CertificateKey {
    /// ECDSA unless clients need RSA, which costs a thousand times the work.
    #[serde(default)]
    pub algorithm: KeyAlgorithm,
    /// Bits: 256 or 384 for ECDSA, 2048, 3072 or 4096 for RSA; the smallest if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 256, max = 4096))]
    pub size: Option<u16>,
}

/// A key's algorithm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum KeyAlgorithm {
    /// On NIST's curves P-256 and P-384.
    #[default]
    #[serde(rename = "ECDSA")]
    Ecdsa,
    /// RSA.
    #[serde(rename = "RSA")]
    Rsa,
}

/// A key that can be made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum KeyKind {
    /// ECDSA on P-256.
    #[default]
    P256,
    /// ECDSA on P-384.
    P384,
    /// RSA, 2048 bits.
    Rsa2048,
    /// RSA, 3072 bits.
    Rsa3072,
    /// RSA, 4096 bits.
    Rsa4096,
}

impl KeyKind {
    /// The `keyType` by which a kubelet makes such a key
    /// (<https://github.com/kubernetes/api/blob/v0.37.0/core/v1/types.go>, `PodCertificateProjection`); none if
    /// it makes none.
    #[must_use]
    pub const fn of_kubelet(self) -> Option<&'static str> {
        match self {
            Self::P256 => Some("ECDSAP256"),
            Self::P384 => Some("ECDSAP384"),
            Self::Rsa2048 => None,
            Self::Rsa3072 => Some("RSA3072"),
            Self::Rsa4096 => Some("RSA4096"),
        }
    }
}

impl CertificateKey {
    /// The key that is meant; none if there is no such key.
    #[must_use]
    pub const fn kind(self) -> Option<KeyKind> {
        match (self.algorithm, self.size) {
            (KeyAlgorithm::Ecdsa, None | Some(256)) => Some(KeyKind::P256),
            (KeyAlgorithm::Ecdsa, Some(384)) => Some(KeyKind::P384),
            (KeyAlgorithm::Rsa, None | Some(2048)) => Some(KeyKind::Rsa2048),
            (KeyAlgorithm::Rsa, Some(3072)) => Some(KeyKind::Rsa3072),
            (KeyAlgorithm::Rsa, Some(4096)) => Some(KeyKind::Rsa4096),
            (KeyAlgorithm::Ecdsa | KeyAlgorithm::Rsa, Some(_)) => None,
        }
    }
}

const fn default_lifetime() -> Duration {
    Duration::from_secs(144 * 3600)
}

fn default_usages() -> Vec<Usage> {
    vec![Usage::ServerAuth]
}

/// What a certificate may be used for (its extended key usage).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Usage {
    /// TLS server.
    ServerAuth,
    /// TLS client.
    ClientAuth,
}

/// How the certificate reaches the pod.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Delivery {
    /// In a `kubernetes.io/tls` Secret beside the pod.
    #[default]
    Secret,
    /// By a `podCertificate` volume: the kubelet makes the key, and it never leaves the node. Takes
    /// `certificates.k8s.io/v1` PodCertificateRequests, served from Kubernetes 1.37; each pod costs a certificate.
    Pod,
}

impl Delivery {
    /// The word that enters an identity's content.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Secret => "Secret",
            Self::Pod => "Pod",
        }
    }
}
