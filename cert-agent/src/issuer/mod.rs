//! The port to certificate authorities: ask, come back with the ticket, verify what one gets.

pub mod aws_client;
pub mod aws_pca;
pub mod embedded;
pub mod foundry;
pub mod pace;

use std::{sync::Arc, time::Duration};

use futures::future::BoxFuture;
use jiff::Timestamp;
use sallyport_contract::object::CertificateAuthority;

use crate::request::Request;

/// What an authority says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// Its key algorithm as AWS writes it: `EC_prime256v1`.
    pub key_algorithm: String,
    /// Its usage mode as AWS writes it: `GENERAL_PURPOSE`.
    pub usage_mode: String,
    /// When its own certificate ends.
    pub not_after: Timestamp,
    /// The longest lifetime that it gives, in seconds.
    pub longest: Option<u32>,
    /// Its own certificate and those above it up to the root, DER.
    pub path: Vec<Vec<u8>>,
}

/// What came of a ticket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// Nothing yet.
    Pending,
    /// A certificate, not verified.
    Ready {
        /// The leaf, PEM.
        leaf: String,
        /// The chain, PEM, issuer first; may be absent.
        chain: Option<String>,
    },
}

/// Why an authority did not do what it was asked. The texts are the far side's own words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IssueError {
    /// It answers that we ask too often, or our own pace holds us back.
    #[error("{0}")]
    Throttled(String),
    /// It cannot be reached, or failed by itself.
    #[error("{0}")]
    Unavailable(String),
    /// It does not let us.
    #[error("{0}")]
    Denied(String),
    /// It is not able to sign: disabled, expired, not yet installed.
    #[error("{0}")]
    NotActive(String),
    /// It does not know what we ask about.
    #[error("{0}")]
    NotFound(String),
    /// It refuses this request.
    #[error("{0}")]
    Refused(String),
    /// It accepted the request, and nothing came of it.
    #[error("{0}")]
    Failed(String),
}

/// An authority.
pub trait Issuer: Send + Sync {
    /// The authority as it knows itself: its ARN.
    fn id(&self) -> &str;

    /// How long a certificate takes at least.
    fn first_wait(&self) -> Duration;

    /// What it says about itself.
    fn describe(&self) -> BoxFuture<'_, Result<Described, IssueError>>;

    /// Asks for a certificate. The same request asked twice within minutes gives the same ticket.
    fn issue<'a>(
        &'a self,
        request: &'a Request,
        described: &'a Described,
    ) -> BoxFuture<'a, Result<String, IssueError>>;

    /// Asks what came of a ticket.
    fn fetch<'a>(
        &'a self,
        request: &'a Request,
        ticket: &'a str,
    ) -> BoxFuture<'a, Result<Fetched, IssueError>>;
}

/// Where issuers come from.
pub trait Issuers: Send + Sync {
    /// The issuer for an object, the same one for the same object.
    fn issuer<'a>(
        &'a self,
        authority: &'a CertificateAuthority,
    ) -> BoxFuture<'a, Result<Arc<dyn Issuer>, IssueError>>;
}
