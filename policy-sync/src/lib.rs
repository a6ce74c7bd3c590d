//! Makes the firewall agree with the identities, proves it, and opens the pods' gates.
//!
//! Read in the order of the flow: [`observe`] what is seen of the cluster ([`identity`] and [`claim`] what is kept of the many) · [`desired`] what a firewall is
//! to hold ([`wish`] who wants it, [`policies`] and [`bounds`] what is allowed, [`ledger`] what we remember) · [`actual`] what
//! it holds, and whose · [`overlap`] foreign signatures · [`rulebase`] foreign rules · [`path`] whether packets cross the device · [`diff`] the operations
//! between the two · [`pace`] when they go out · [`firewall`] the device, [`panos`] over its XML API · [`cycle`]
//! the whole flow of one firewall · [`evidence`] what proves a name · [`standing`] and [`board`] how names stand ·
//! [`proven`] what is proven of an identity · [`breakglass`] who lets pods in without · [`gate`], [`status`] and
//! [`gates`] what pods and identities are told · [`journey`] how long pods wait, [`arrivals`] who tells of it, [`traces`] in what form a collector behind [`otlp`] hears it · [`cluster`] where that is stored · [`preview`] the same for people, with nothing written.

pub mod actual;
pub mod args;
pub mod arrivals;
pub mod board;
pub mod bounds;
pub mod brakes;
pub mod breakglass;
pub mod capacity;
pub mod claim;
pub mod cluster;
pub mod cycle;
pub mod desired;
pub mod devices;
pub mod diff;
pub mod elements;
pub mod evidence;
pub mod farewell;
pub mod firewall;
pub mod gate;
pub mod gates;
pub mod identity;
pub mod journey;
pub mod kubernetes;
pub mod ledger;
pub mod lending;
pub mod limits;
pub mod member;
pub mod metrics;
pub mod network;
pub mod observe;
pub mod operation;
pub mod otlp;
pub mod overlap;
pub mod pace;
pub mod panos;
pub mod path;
pub mod pending;
pub mod policies;
pub mod preview;
pub mod proven;
mod releases;
pub mod rulebase;
mod run;
pub mod shipping;
pub mod standing;
pub mod status;
pub mod traces;
pub mod trial;
pub mod wish;
pub mod worker;
pub mod world;
pub mod xml;

pub use run::{RunError, run};
