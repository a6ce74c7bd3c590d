//! What the programs of Sallyport agree on, and nothing else: names, keys, objects, reason codes and
//! the one derivation `pod + namespace + policy → identities | refusal`.
//!
//! This crate is pure: no I/O, no clock, no randomness, no environment, no logging. The webhook, the
//! certificate agent, the policy syncer and the command line all call [`derive::derive`], so what CI
//! prints is what the CA signs and what the firewall matches.
//!
//! Read in the order in which a name travels:
//! [`dns_name`] what may be a name at all · [`template`] how a policy writes names · [`policy`] which
//! policy holds a namespace · [`workload`] whose pods they are · [`wish`] what people ask for ·
//! [`derive`] the decision · [`identity`] and [`firewall_names`] what the names are called elsewhere.

pub mod derive;
pub mod dns_name;
pub mod duration;
pub mod firewall_names;
mod hash;
pub mod identity;
pub mod keys;
pub mod object;
pub mod policy;
pub mod reason;
pub mod refusal;
pub mod template;
pub mod wish;
pub mod workload;

pub use dns_name::{DnsName, DnsNames};
pub use identity::{Identity, IdentityName};
pub use reason::{Reason, Turn};
pub use refusal::Refusal;
