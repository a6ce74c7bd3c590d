//! The terms of a certificate as they are stored.

use sallyport_contract::{
    DnsNames,
    object::{KeyKind, Usage},
};
use serde::{Deserialize, Serialize};

use crate::request::Terms;

/// [`Terms`] as they are stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredTerms {
    authority: String,
    issuer: String,
    dns_names: Vec<String>,
    usages: Vec<Usage>,
    lifetime: u32,
    #[serde(default)]
    key: KeyKind,
}

impl From<&Terms> for StoredTerms {
    fn from(terms: &Terms) -> Self {
        Self {
            authority: terms.authority.clone(),
            issuer: terms.issuer.clone(),
            dns_names: terms.dns_names.to_strings(),
            usages: terms.usages.clone(),
            lifetime: terms.lifetime,
            key: terms.key,
        }
    }
}

impl StoredTerms {
    /// The terms; none if the names are none.
    pub(super) fn read(self) -> Option<Terms> {
        Some(Terms {
            authority: self.authority,
            issuer: self.issuer,
            dns_names: DnsNames::from_strings(&self.dns_names)?,
            usages: self.usages,
            lifetime: self.lifetime,
            key: self.key,
        })
    }
}
