//! `type=commit`: enqueues a job, or says that there is nothing to commit.
//!
//! <https://docs.paloaltonetworks.com/ngfw/api/pan-os-xml-api-request-types-and-actions/commit>

use super::{envelope::Answer, params::Params};
use crate::{
    clock,
    device::Device,
    jobs::{CommitRequest, Task},
    refusal::{Code, Refusal},
    tree::parse_one,
};

pub(crate) fn handle(device: &Device, user: &str, params: &Params) -> Answer {
    if !matches!(params.get("action"), "" | "partial") {
        // `action=all` is Panorama's.
        return Answer::refused(&Refusal::new(Code::InvalidCommand, " commit-all is unexpected"));
    }
    enqueue(device, user, params).unwrap_or_else(|refusal| Answer::refused(&refusal))
}

fn enqueue(device: &Device, user: &str, params: &Params) -> Result<Answer, Refusal> {
    let cmd = params.given("cmd").unwrap_or("<commit/>");
    let cmd =
        parse_one(cmd).map_err(|e| Refusal::new(Code::InvalidCommand, format!("Malformed Request: {e}")))?;
    let request = CommitRequest::parse(&cmd)?;
    let mut state = device.lock();
    state.locks.check_commit(user)?;
    let pending = state.store.units.iter().any(|(_, unit)| request.selection.includes(unit));
    if !pending && !request.force {
        return Ok(Answer::message(19, "There are no changes to commit."));
    }
    if state.jobs.waiting() >= device.quirks.commit_queue_limit {
        let text = "Another commit/validate is in progress. Please try again later";
        return Err(Refusal::new(Code::NotFound, text));
    }
    let description = request.description.clone();
    let id = state.jobs.enqueue(user, Task::Commit(request), &description, clock::now());
    drop(state);
    device.job_queued.notify_one();
    Ok(Answer::job_enqueued("Commit", id))
}
