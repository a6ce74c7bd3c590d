//! Jobs: a first-in, first-out queue, and the worker that makes running configurations of them.

mod apply;
mod commit;
mod delivery;
mod install;
mod push;
mod queue;
mod worker;

pub(crate) use commit::CommitRequest;
pub(crate) use install::InstallRecord;
pub(crate) use queue::{Job, Jobs, Stage, Task};
pub(crate) use worker::run;
