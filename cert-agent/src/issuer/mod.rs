//! The port to certificate authorities: ask, come back with the ticket, verify what one gets.

pub mod aws_client;
mod aws_error;
pub mod aws_parent;
pub mod aws_pca;
mod aws_wire;
pub mod embedded;
pub mod foundry;
pub mod governor;
pub mod intermediate;
mod signing;
pub mod template;

use std::{sync::Arc, time::Duration};

use futures::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use sallyport_contract::{
    DnsNames,
    object::{CertificateAuthority, RevocationReason},
};

use crate::{
    intermediate::constraints::Permitted,
    request::{Limits, Request},
};

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
    /// The domains that every name must be in, of each of these; an authority that signs any name has none.
    pub permitted: Vec<Permitted>,
}

impl Described {
    /// What it leaves of an asked lifetime.
    #[must_use]
    pub const fn limits(&self) -> Limits {
        Limits { authority_ends: self.not_after, longest: self.longest }
    }

    /// Why the `CertificateAuthority` called `authority` may not sign these names, if it may not.
    #[must_use]
    pub fn refuses(&self, authority: &str, names: &DnsNames) -> Option<String> {
        let outside = |permitted: &Permitted| {
            permitted.first_outside(names).map(|name| {
                let name = name.as_str();
                format!(
                    "name {name:?} is not below {permitted}. Whose rule: CertificateAuthority {authority} is an intermediate and \
                     may sign nothing else. Do: ask for a name there, have the policy name another authority, or have the \
                     domain added to spec.intermediate.permittedDNSDomains and the intermediate renewed"
                )
            })
        };
        self.permitted.iter().find_map(outside)
    }
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

/// The calls that have a quota of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Call {
    /// Ask for a certificate.
    Issue,
    /// Ask what came of a ticket.
    Get,
    /// Ask an authority about itself.
    Describe,
    /// End a certificate.
    Revoke,
}

impl Call {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Issue, Self::Get, Self::Describe, Self::Revoke];

    /// As metrics name it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Issue => "issue",
            Self::Get => "get",
            Self::Describe => "describe",
            Self::Revoke => "revoke",
        }
    }
}

/// How urgent a certificate is, the most urgent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// The one there is about to expire, or has.
    Expiring,
    /// There is none yet, and pods wait.
    New,
    /// The one there holds for long enough.
    Renewal,
}

impl Class {
    /// All of them, in order.
    pub const ALL: [Self; 3] = [Self::Expiring, Self::New, Self::Renewal];
    /// About to expire is what has less than this part of its life left. Renewals begin with a quarter.
    const LAST_PART: i64 = 8;

    /// From when on a certificate that came and ends then is about to expire.
    #[must_use]
    pub fn expiring_from(came: Timestamp, ends: Timestamp) -> Timestamp {
        let life = ends.duration_since(came).as_secs();
        ends.saturating_sub(SignedDuration::from_secs(life / Self::LAST_PART)).unwrap_or(ends)
    }

    /// The class of whoever holds a certificate that came and ends then, or none.
    #[must_use]
    pub fn of(holds: Option<(Timestamp, Timestamp)>, now: Timestamp) -> Self {
        let Some((came, ends)) = holds else { return Self::New };
        let life = ends.duration_since(came).as_secs();
        let left = ends.duration_since(now).as_secs();
        if left < life / Self::LAST_PART { Self::Expiring } else { Self::Renewal }
    }

    /// As metrics name it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Expiring => "expiring",
            Self::New => "new",
            Self::Renewal => "renewal",
        }
    }
}

/// For whom an authority is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// How urgent it is.
    pub class: Class,
    /// Namespaces take turns.
    pub namespace: String,
    /// One name of a namespace has one place.
    pub name: String,
    /// The earliest goes first: when the certificate ends, or since when none is there.
    pub since: Timestamp,
}

/// Whether a caller may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Now.
    Now,
    /// He asks again after so long, and has his place until then.
    In(Duration),
}

/// An authority.
pub trait Issuer: Send + Sync {
    /// The authority as it knows itself: its ARN.
    fn id(&self) -> &str;

    /// How long a certificate takes at least.
    fn first_wait(&self) -> Duration;

    /// Whether a ticket gives the very same certificate for as long as that lives, so that nobody else has to
    /// keep it.
    fn keeps_certificates(&self) -> bool {
        false
    }

    /// What it says about itself.
    fn describe(&self) -> BoxFuture<'_, Result<Described, IssueError>>;

    /// Asks for a certificate, for a caller who had his turn told. The same request asked twice within minutes
    /// gives the same ticket.
    fn issue<'a>(
        &'a self,
        caller: &'a Caller,
        request: &'a Request,
        described: &'a Described,
    ) -> BoxFuture<'a, Result<String, IssueError>>;

    /// Asks what came of a ticket, for a caller who had his turn told.
    fn fetch<'a>(
        &'a self,
        caller: &'a Caller,
        request: &'a Request,
        ticket: &'a str,
    ) -> BoxFuture<'a, Result<Fetched, IssueError>>;

    /// Ends a certificate before its time, by its serial number; one that has been ended is no error.
    fn revoke<'a>(&'a self, _: &'a str, _: RevocationReason) -> BoxFuture<'a, Result<(), IssueError>> {
        let words = "this kind of authority cannot revoke; its certificates end by themselves".to_owned();
        Box::pin(std::future::ready(Err(IssueError::Refused(words))))
    }

    /// Whether a caller may go now. Nobody has to ask: a call that did not waits a short time by itself.
    fn turn(&self, _: Call, _: &Caller) -> Turn {
        Turn::Now
    }
}

/// Where issuers come from.
pub trait Issuers: Send + Sync {
    /// The issuer for an object, the same one for the same object.
    fn issuer<'a>(
        &'a self,
        authority: &'a CertificateAuthority,
    ) -> BoxFuture<'a, Result<Arc<dyn Issuer>, IssueError>>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn about_to_expire_is_what_has_less_than_an_eighth_left() {
        let at = |second: i64| Timestamp::from_second(1_800_000_000 + second).unwrap();
        let holds = Some((at(0), at(8000)));
        for (holds, now, class) in [
            (None, 0, Class::New),
            (holds, 0, Class::Renewal),
            (holds, 7000, Class::Renewal),
            (holds, 7001, Class::Expiring),
            (holds, 9000, Class::Expiring),
        ] {
            assert_eq!(Class::of(holds, at(now)), class, "{holds:?} {now}");
        }
    }
}
