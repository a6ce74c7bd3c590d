//! Which policy holds a namespace.
//!
//! A policy is read once into a [`Policy`] that can no longer be wrong. One that cannot be read still
//! holds its namespaces: what it would have forbidden must not pass because of a typing error.

mod book;

use std::collections::{BTreeMap, BTreeSet};

pub use book::{Holder, PolicyBook};

use crate::{
    object::{CertificateTerms, Delivery, Hold, IdentityPolicySpec, Mode, OptOut, Traffic},
    template::{NamePattern, PatternError, Variable},
};

/// A policy that is well formed.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// The object's name.
    pub name: String,
    /// How far it reaches.
    pub mode: Mode,
    /// The name of a workload that asks for none.
    pub default: NamePattern,
    /// The names that may be asked for, beside the default.
    pub allowed: Vec<NamePattern>,
    /// May wildcard names be asked for?
    pub wildcards: bool,
    /// The most names of one workload.
    pub max: u8,
    /// What the firewall does.
    pub traffic: Traffic,
    /// What the certificate is to be.
    pub certificate: CertificateTerms,
    /// The `Firewall`.
    pub firewall: String,
    /// May pods be left out?
    pub opt_out: OptOut,
    /// What waits for the proof beside the gate.
    pub hold: Option<Hold>,
    /// Annotations for every pod.
    pub pod_annotations: BTreeMap<String, String>,
}

/// Why a policy is not well formed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// Neither or both of `namespaces` and `namespaceSelector`.
    #[error("exactly one of spec.namespaces and spec.namespaceSelector must be set")]
    Scope,
    /// A name pattern that cannot be read.
    #[error("spec.dnsNames: pattern {pattern:?} {error}")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        error: PatternError,
    },
    /// The default has a `*`.
    #[error("spec.dnsNames.default has a *, which names nothing")]
    DefaultStar,
    /// A policy for several namespaces with a pattern that does not keep them apart.
    #[error(
        "spec.dnsNames: pattern {0:?} must have {{namespace}} as a whole label, at the same place counted \
         from the right in every pattern, because this policy can hold more than one namespace"
    )]
    NamespaceNotApart(String),
    /// The default action is not among the actions.
    #[error("spec.traffic.default is not one of spec.traffic.actions")]
    DefaultAction,
    /// A list that must not be empty is.
    #[error("{0} must not be empty")]
    Empty(&'static str),
    /// A certificate that lives shorter than the least.
    #[error("spec.certificate.lifetime is {0}; it must be one hour at least")]
    Lifetime(crate::duration::Duration),
    /// A key that no kubelet makes.
    #[error(
        "spec.certificate.key is RSA of 2048 bits, which no kubelet makes; with delivery: Pod take ECDSA of 256 or \
         384 bits, or RSA of 3072 or 4096"
    )]
    KubeletKey,
    /// What only a Secret can do.
    #[error("spec.certificate.{0} takes delivery: Secret; with delivery: Pod the kubelet writes the files")]
    SecretOnly(&'static str),
    /// An annotation under Sallyport's own prefixes.
    #[error("spec.podAnnotations holds {0:?}; keys of sallyport.dev are Sallyport's own")]
    OwnAnnotation(String),
}

const LEAST_LIFETIME_SECS: u32 = 3600;

impl Policy {
    /// Reads a policy.
    ///
    /// # Errors
    /// The first rule that the object breaks.
    pub fn read(name: &str, spec: &IdentityPolicySpec) -> Result<Self, PolicyError> {
        let several = match (&spec.namespaces, &spec.namespace_selector) {
            (Some(named), None) => named.iter().collect::<BTreeSet<_>>().len() > 1,
            (None, Some(_)) => true,
            (Some(_), Some(_)) | (None, None) => return Err(PolicyError::Scope),
        };
        let read = |text: &String| {
            text.parse().map_err(|error| PolicyError::Pattern { pattern: text.clone(), error })
        };
        let default: NamePattern = read(&spec.dns_names.default)?;
        let allowed = spec.dns_names.allowed.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        if default.as_str().contains('*') {
            return Err(PolicyError::DefaultStar);
        }
        if several {
            check_apart(&default, &allowed)?;
        }
        check_rest(spec)?;
        Ok(Self {
            name: name.to_owned(),
            mode: spec.mode,
            default,
            allowed,
            wildcards: spec.dns_names.wildcards == crate::object::Wildcards::Allow,
            max: spec.dns_names.max.max(1),
            traffic: spec.traffic.clone(),
            certificate: spec.certificate.clone(),
            firewall: spec.firewall.clone(),
            opt_out: spec.opt_out,
            hold: spec.hold.clone(),
            pod_annotations: spec.pod_annotations.clone(),
        })
    }

    /// Every pattern that a name may come from: what was allowed, and the default.
    pub fn patterns(&self) -> impl Iterator<Item = &NamePattern> {
        self.allowed.iter().chain(std::iter::once(&self.default))
    }

    /// The patterns as one text for messages: `a.shop.example and *.shop.example`.
    #[must_use]
    pub fn shown_for(&self, namespace: &str) -> String {
        let mut seen = BTreeSet::new();
        let texts: Vec<String> = self
            .patterns()
            .map(|p| p.shown_for(namespace))
            .filter(|text| seen.insert(text.clone()))
            .collect();
        match texts.split_last() {
            Some((last, [])) => last.clone(),
            Some((last, others)) => format!("{} and {last}", others.join(", ")),
            None => String::new(),
        }
    }

    /// Whether `{pod}` can appear in a name.
    #[must_use]
    pub fn names_each_pod(&self) -> bool {
        self.default.uses(Variable::Pod)
    }
}

/// Law 5: two namespaces can never be given one name by one policy.
fn check_apart(default: &NamePattern, allowed: &[NamePattern]) -> Result<(), PolicyError> {
    let place = default.namespace_place();
    std::iter::once(default)
        .chain(allowed)
        .find(|pattern| pattern.namespace_place().is_none() || pattern.namespace_place() != place)
        .map_or(Ok(()), |pattern| Err(PolicyError::NamespaceNotApart(pattern.as_str().to_owned())))
}

/// What the schema says too, for policies that come from files.
fn check_rest(spec: &IdentityPolicySpec) -> Result<(), PolicyError> {
    let traffic = &spec.traffic;
    for (what, empty) in [
        ("spec.traffic.actions", traffic.actions.is_empty()),
        ("spec.traffic.ports", traffic.ports.is_empty()),
        ("spec.traffic.from.zones", traffic.from.zones.is_empty()),
        ("spec.traffic.from.addresses", traffic.from.addresses.is_empty()),
        ("spec.traffic.to.zones", traffic.to.zones.is_empty()),
        ("spec.traffic.to.addresses", traffic.to.addresses.is_empty()),
        ("spec.certificate.usages", spec.certificate.usages.is_empty()),
        ("spec.certificate.authority", spec.certificate.authority.is_empty()),
        ("spec.firewall", spec.firewall.is_empty()),
        (
            "spec.hold.startInit.image",
            spec.hold.as_ref().is_some_and(|hold| hold.start_init.image.is_empty()),
        ),
    ] {
        if empty {
            return Err(PolicyError::Empty(what));
        }
    }
    if !traffic.actions.contains(&traffic.default) {
        return Err(PolicyError::DefaultAction);
    }
    if spec.certificate.lifetime.as_secs() < LEAST_LIFETIME_SECS {
        return Err(PolicyError::Lifetime(spec.certificate.lifetime));
    }
    check_pod_delivery(&spec.certificate)?;
    match spec.pod_annotations.keys().find(|key| key.contains("sallyport.dev/")) {
        Some(key) => Err(PolicyError::OwnAnnotation(key.clone())),
        None => Ok(()),
    }
}

/// What the kubelet cannot do is refused here, and not by pods that never start.
fn check_pod_delivery(terms: &CertificateTerms) -> Result<(), PolicyError> {
    if terms.delivery != Delivery::Pod {
        return Ok(());
    }
    if terms.key.kind().is_some_and(|kind| kind.of_kubelet().is_none()) {
        return Err(PolicyError::KubeletKey);
    }
    if !terms.forms.is_plain() {
        return Err(PolicyError::SecretOnly("forms"));
    }
    if !terms.on_renewal.is_none() {
        return Err(PolicyError::SecretOnly("onRenewal"));
    }
    Ok(())
}
