//! What an intermediate may sign at all: its name constraints, which every client enforces (RFC 5280, section 4.2.1.10).

use std::{collections::BTreeSet, fmt};

use rcgen::{BasicConstraints, CertificateParams, CidrSubnet, GeneralSubtree, IsCa, NameConstraints};
use sallyport_contract::{DnsName, DnsNames, dns_name::NameError};
use x509_parser::{
    extensions::{GeneralName, ParsedExtension},
    oid_registry::OID_X509_EXT_NAME_CONSTRAINTS,
    prelude::X509Certificate,
};

use crate::key::{KeyError, PrivateKey};

/// The DNS domains that may be signed for, each with all names below it. Never empty; never a whole top-level domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permitted(BTreeSet<DnsName>);

/// Why there are no constraints that are worth something.
#[derive(Debug, thiserror::Error)]
pub enum ConstraintsError {
    /// A text that is no domain.
    #[error("permittedDNSDomains holds {text:?}, which {why}")]
    Domain {
        /// The text.
        text: String,
        /// Why.
        why: NameError,
    },
    /// A wildcard.
    #[error("permittedDNSDomains holds {0:?}; a domain stands for all names below it without a *")]
    Wildcard(String),
    /// Nothing at all.
    #[error("it permits no DNS domain, and so would sign for every name")]
    Empty,
    /// The certificate has none.
    #[error("it has no name constraints, and so would sign for every name")]
    Absent,
    /// Clients may ignore them.
    #[error("its name constraints are not critical, and a client may ignore them")]
    NotCritical,
    /// They cannot be read.
    #[error("its name constraints cannot be read")]
    Unreadable,
    /// They permit what nobody asked for.
    #[error("its name constraints permit {0}, which is no DNS domain that may be signed for")]
    Foreign(String),
    /// They leave room for IP addresses.
    #[error("its name constraints do not exclude every IP address")]
    Addresses,
    /// They could not be written.
    #[error("the name constraints could not be written")]
    Encode(#[source] rcgen::Error),
    /// The key cannot be used.
    #[error("the key cannot be used")]
    Key(#[source] KeyError),
}

/// Every IPv4 address, then every IPv6 address: address and mask.
const ADDRESSES: [&[u8]; 2] = [&[0; 8], &[0; 32]];

impl Permitted {
    /// The domains as people write them in `spec.intermediate.permittedDNSDomains`.
    ///
    /// # Errors
    /// There are none, or one is no domain.
    pub fn from_spec(domains: &[String]) -> Result<Self, ConstraintsError> {
        let domain = |text: &String| {
            let name: DnsName =
                text.parse().map_err(|why| ConstraintsError::Domain { text: text.clone(), why })?;
            if name.is_wildcard() { Err(ConstraintsError::Wildcard(text.clone())) } else { Ok(name) }
        };
        Self::of(domains.iter().map(domain).collect::<Result<_, _>>()?)
    }

    fn of(domains: BTreeSet<DnsName>) -> Result<Self, ConstraintsError> {
        if domains.is_empty() { Err(ConstraintsError::Empty) } else { Ok(Self(domains)) }
    }

    /// What a certificate of a CA permits; anything but critical constraints to DNS domains, without any IP address, is
    /// refused.
    ///
    /// # Errors
    /// The first thing that is not so.
    pub fn of_certificate(certificate: &X509Certificate<'_>) -> Result<Self, ConstraintsError> {
        let found = certificate.extensions().iter().find(|one| one.oid == OID_X509_EXT_NAME_CONSTRAINTS);
        let extension = found.ok_or(ConstraintsError::Absent)?;
        let ParsedExtension::NameConstraints(constraints) = extension.parsed_extension() else {
            return Err(ConstraintsError::Unreadable);
        };
        if !extension.critical {
            return Err(ConstraintsError::NotCritical);
        }
        let domain = |name: &GeneralName<'_>| {
            let domain =
                if let GeneralName::DNSName(text) = name { text.parse::<DnsName>().ok() } else { None };
            let domain = domain.filter(|domain| !domain.is_wildcard());
            domain.ok_or_else(|| ConstraintsError::Foreign(name.to_string()))
        };
        let permitted = constraints.permitted_subtrees.iter().flatten().map(|subtree| domain(&subtree.base));
        let permitted = Self::of(permitted.collect::<Result<_, _>>()?)?;
        let excluded: Vec<&[u8]> =
            constraints
                .excluded_subtrees
                .iter()
                .flatten()
                .filter_map(|subtree| {
                    if let GeneralName::IPAddress(range) = &subtree.base { Some(*range) } else { None }
                })
                .collect();
        if ADDRESSES.iter().all(|range| excluded.contains(range)) {
            Ok(permitted)
        } else {
            Err(ConstraintsError::Addresses)
        }
    }

    /// The first of these names that may not be signed.
    #[must_use]
    pub fn first_outside<'a>(&self, names: &'a DnsNames) -> Option<&'a DnsName> {
        names.iter().find(|name| !self.0.iter().any(|domain| is_below(name.as_str(), domain.as_str())))
    }

    /// The value of the extension, DER, as the certificate library writes it. The key signs a draft that nobody sees.
    ///
    /// # Errors
    /// The key cannot be used.
    pub fn extension(&self, key: &PrivateKey) -> Result<Vec<u8>, ConstraintsError> {
        let permitted = self.0.iter().map(|domain| GeneralSubtree::DnsName(domain.as_str().to_owned()));
        let mut draft = CertificateParams::default();
        draft.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        draft.name_constraints = Some(NameConstraints {
            permitted_subtrees: permitted.collect(),
            excluded_subtrees: vec![
                GeneralSubtree::IpAddress(CidrSubnet::V4([0; 4], [0; 4])),
                GeneralSubtree::IpAddress(CidrSubnet::V6([0; 16], [0; 16])),
            ],
        });
        let pair = key.pair().map_err(ConstraintsError::Key)?;
        let draft = draft.self_signed(&pair).map_err(ConstraintsError::Encode)?;
        let (_, draft) =
            x509_parser::parse_x509_certificate(draft.der()).map_err(|_| ConstraintsError::Unreadable)?;
        let written = draft.extensions().iter().find(|one| one.oid == OID_X509_EXT_NAME_CONSTRAINTS);
        written.map(|extension| extension.value.to_vec()).ok_or(ConstraintsError::Absent)
    }
}

impl fmt::Display for Permitted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let domains: Vec<&str> = self.0.iter().map(DnsName::as_str).collect();
        f.write_str(&domains.join(", "))
    }
}

/// A domain stands for itself and for every name that ends in it at a dot. A wildcard stands for names below its parent.
fn is_below(name: &str, domain: &str) -> bool {
    let name = name.strip_prefix("*.").unwrap_or(name);
    name.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}
