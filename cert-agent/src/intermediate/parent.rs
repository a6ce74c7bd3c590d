//! The CA above, a port; and whether it can have an intermediate of ours below it at all.

use std::future::Future;

use jiff::Timestamp;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::asked::Asked;
use crate::issuer::{Described, Fetched, IssueError};

/// What the parent is, and who asks it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Looked {
    /// What it says about itself.
    pub described: Described,
    /// The account that owns it.
    pub owner: String,
    /// The account of whoever asks.
    pub caller: String,
}

/// Why a CA cannot be a parent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsuitable {
    /// A short-lived CA: <https://docs.aws.amazon.com/privateca/latest/userguide/short-lived-certificates.html>.
    #[error(
        "it issues short-lived certificates only ({0}): such a CA stands last in its hierarchy, and an intermediate would \
         end within seven days. Take a parent whose usage mode is GENERAL_PURPOSE"
    )]
    UsageMode(String),
    /// A CA of another account, shared with this one. Through a share AWS takes base templates only, and those carry no
    /// name constraints: <https://docs.aws.amazon.com/privateca/latest/userguide/pca-ram.html>.
    #[error(
        "it belongs to account {owner} and is shared with yours, {caller}: through a share AWS takes no template with name \
         constraints. Run this with a role of account {owner}"
    )]
    Shared {
        /// Whose it is.
        owner: String,
        /// Who asks.
        caller: String,
    },
    /// Its own certificate allows no CA below it.
    #[error(
        "its own certificate has a path length of 0, so that no CA may stand below it. Take the CA above it as the parent"
    )]
    PathLength,
    /// It told no certificate that can be read.
    #[error("its own certificate cannot be read")]
    Unreadable,
    /// It is over.
    #[error("its own certificate ended at {0}")]
    Ended(Timestamp),
}

impl Looked {
    /// Whether an intermediate of ours may stand below it.
    ///
    /// # Errors
    /// The first thing that speaks against it.
    pub fn suits(&self, now: Timestamp) -> Result<(), Unsuitable> {
        if self.described.usage_mode != "GENERAL_PURPOSE" {
            return Err(Unsuitable::UsageMode(self.described.usage_mode.clone()));
        }
        if self.owner != self.caller {
            let (owner, caller) = (self.owner.clone(), self.caller.clone());
            return Err(Unsuitable::Shared { owner, caller });
        }
        if self.described.not_after <= now {
            return Err(Unsuitable::Ended(self.described.not_after));
        }
        let own = self.described.path.first().ok_or(Unsuitable::Unreadable)?;
        let (_, own) = X509Certificate::from_der(own).map_err(|_| Unsuitable::Unreadable)?;
        match own.basic_constraints() {
            Ok(Some(basic)) if basic.value.path_len_constraint != Some(0) => Ok(()),
            Ok(Some(_)) => Err(Unsuitable::PathLength),
            Ok(None) | Err(_) => Err(Unsuitable::Unreadable),
        }
    }
}

/// The CA above.
pub trait Parent: Send + Sync {
    /// Its ARN.
    fn arn(&self) -> &str;

    /// What it is, and who asks.
    fn look(&self) -> impl Future<Output = Result<Looked, IssueError>> + Send;

    /// Asks for an intermediate; gives the ARN of its certificate. The same request asked twice within five minutes gives
    /// the same ARN.
    fn issue(
        &self,
        asked: &Asked,
        described: &Described,
    ) -> impl Future<Output = Result<String, IssueError>> + Send;

    /// Asks what came of it.
    fn fetch(&self, certificate: &str) -> impl Future<Output = Result<Fetched, IssueError>> + Send;
}
