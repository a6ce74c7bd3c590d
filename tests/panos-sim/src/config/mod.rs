//! Candidate and running configuration: writes, ownership of changes, and what a commit carries over.

mod complete;
mod guard;
mod initial;
mod merge;
mod multi;
mod partial;
mod pushed;
mod range;
mod read;
mod store;
mod target;
mod units;
mod validate;
mod write;

pub(crate) use complete::complete;
pub use initial::InitialError;
pub(crate) use initial::load as load_initial;
pub(crate) use multi::{MultiReply, run_multi};
pub(crate) use partial::{Selection, plan_commit, revert, transplant};
pub(crate) use pushed::with_pushed;
pub(crate) use range::Range;
pub(crate) use read::{Readout, read_candidate, read_running};
pub(crate) use store::{Model, Store, Writer};
pub(crate) use target::address;
pub(crate) use units::{Unit, Units};
pub(crate) use validate::validate;
pub(crate) use write::{Outcome, Place, Write, apply_write};

#[cfg(test)]
mod tests;
