//! The admission server: derives names, injects them, or refuses with the whole reason. Reads only.
//!
//! In the order in which a review travels: [`server`] takes the connection and the request · [`admit`] leads
//! it on · [`review`] reads it · [`facts`] what is known · [`decide`] the verdict · [`injection`] what a pod
//! gets · [`annotation`] what a workload gets · [`patch`] the smallest operations. [`judge`] is all of that
//! without waiting. Beside it: [`adapter`] keeps what is known up to date, [`certificate`] the server's own.

pub mod adapter;
pub mod admit;
pub mod annotation;
pub mod args;
pub mod certificate;
pub mod decide;
pub mod facts;
mod hold;
pub mod injection;
pub mod judge;
pub mod metrics;
pub mod patch;
pub mod review;
mod run;
pub mod server;
mod unwise;
mod volume;

pub use run::{RunError, run};
