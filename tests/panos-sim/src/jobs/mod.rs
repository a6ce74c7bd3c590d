//! Commit jobs: a first-in, first-out queue, and the worker that makes running configurations of them.

mod commit;
mod queue;
mod worker;

pub(crate) use commit::CommitRequest;
pub(crate) use queue::{Job, Jobs, Stage, Task};
pub(crate) use worker::run;
