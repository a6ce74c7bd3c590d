//! An identity is content: namespace, sorted DNS names and delivery give its name.

use std::fmt;

use crate::{
    dns_name::{DnsName, DnsNames},
    firewall_names::readable,
    hash,
    object::{Action, CertificateTerms, Delivery, WorkloadIdentity, WorkloadIdentitySpec},
};

/// Name of a `WorkloadIdentity`, and value of the pod label `sallyport.dev/identity`: the first label of
/// the first DNS name and a hash of the content, 63 characters at most.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IdentityName(String);

/// Longest value of a Kubernetes label, which an identity's name must fit:
/// <https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/>.
const LABEL_VALUE_LIMIT: usize = 63;

impl IdentityName {
    /// The one name for this content.
    #[must_use]
    pub fn of(namespace: &str, dns_names: &DnsNames, delivery: Delivery) -> Self {
        let names = dns_names.to_strings();
        let mut parts = vec!["identity", namespace, delivery.as_str()];
        parts.extend(names.iter().map(String::as_str));
        let hash = hash::short(&parts);
        let label =
            readable(dns_names.first(), LABEL_VALUE_LIMIT - "-".len() - hash.len() - SECRET_SUFFIX.len());
        Self(format!("{label}-{hash}"))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Name of the Secret that carries the certificate, in the identity's namespace.
    #[must_use]
    pub fn secret(&self) -> String {
        secret_of(&self.0)
    }
}

const SECRET_SUFFIX: &str = "-tls";

/// Name of the Secret that carries the certificate of the identity called `identity`.
#[must_use]
pub fn secret_of(identity: &str) -> String {
    format!("{identity}{SECRET_SUFFIX}")
}

impl fmt::Display for IdentityName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Object name of the `NameClaim` for a DNS name: readable, and one for each name.
#[must_use]
pub fn claim_of(dns_name: &DnsName) -> String {
    // Longer than the other hashes: this one is the lock, and must not be shared by accident.
    let text = dns_name.as_str();
    format!(
        "{}-{}{}",
        readable(dns_name, 40),
        hash::short(&["claim", text]),
        hash::short(&["claim again", text])
    )
}

/// What one pod, or each pod of a template, is to be: the result of the derivation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The name that its content gives it.
    pub name: IdentityName,
    /// The namespace that holds it.
    pub namespace: String,
    /// The names in the certificate and on the firewall.
    pub dns_names: DnsNames,
    /// How the certificate reaches the pod.
    pub delivery: Delivery,
    /// Whether the firewall lets traffic for these names pass.
    pub action: Action,
    /// The `IdentityPolicy` that decided.
    pub policy: String,
    /// What the certificate is to be.
    pub certificate: CertificateTerms,
    /// The `Firewall` that must hold the names.
    pub firewall: String,
}

impl Identity {
    /// The identity as an object's spec.
    #[must_use]
    pub fn spec(&self) -> WorkloadIdentitySpec {
        WorkloadIdentitySpec {
            dns_names: self.dns_names.to_strings(),
            delivery: self.delivery,
            action: self.action,
            policy: self.policy.clone(),
            certificate: self.certificate.clone(),
            firewall: self.firewall.clone(),
        }
    }

    /// The object that stands for it, without labels and annotations.
    #[must_use]
    pub fn object(&self) -> WorkloadIdentity {
        let mut object = WorkloadIdentity::new(self.name.as_str(), self.spec());
        object.metadata.namespace = Some(self.namespace.clone());
        object
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(texts: &[&str]) -> DnsNames {
        DnsNames::new(texts.iter().map(|text| text.parse().unwrap())).unwrap()
    }

    #[test]
    fn content_gives_the_name() {
        let one = IdentityName::of("shop", &names(&["web.shop.example", "a.shop.example"]), Delivery::Secret);
        assert!(one.as_str().starts_with("a-"), "{one}");
        assert_eq!(
            one,
            IdentityName::of("shop", &names(&["a.shop.example", "web.shop.example"]), Delivery::Secret)
        );
        assert_ne!(one, IdentityName::of("shop", &names(&["a.shop.example"]), Delivery::Secret));
        assert_ne!(
            one,
            IdentityName::of("bill", &names(&["a.shop.example", "web.shop.example"]), Delivery::Secret)
        );
    }

    #[test]
    fn names_are_labels_even_when_long() {
        let long = names(&[&format!("{}-{}.shop.example", "w".repeat(50), "x".repeat(12))]);
        let name = IdentityName::of("shop", &long, Delivery::Secret);
        assert!(name.as_str().len() <= 63 && name.secret().len() <= 63, "{name}");
        assert_eq!(claim_of(long.first()).len(), 57);
    }
}
