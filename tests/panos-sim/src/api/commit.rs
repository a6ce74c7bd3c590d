//! `type=commit`: enqueues a job, or says that there is nothing to commit.
//!
//! <https://docs.paloaltonetworks.com/ngfw/api/pan-os-xml-api-request-types-and-actions/commit>

use super::{envelope::Answer, params::Params};
use crate::{
    clock,
    config::Selection,
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
    let cmd = parse_one(cmd).map_err(Refusal::malformed)?;
    let request = CommitRequest::parse(&cmd)?;
    let mut state = device.lock();
    state.locks.check_commit(user)?;
    if matches!(request.selection, Selection::Admins(_)) {
        check_partial(device, state.store.full_commit_required, request.force)?;
    }
    let pending = state
        .store
        .units
        .iter()
        .any(|(path, unit)| request.selection.includes(unit) && !request.excluded.holds(path));
    if !pending && !request.force {
        return Ok(Answer::message(19, "There are no changes to commit."));
    }
    if state.jobs.busy() && state.jobs.waiting() >= device.quirks.commit_queue_limit {
        let text = "Another commit/validate is in progress. Please try again later";
        return Err(Refusal::new(Code::NotFound, text));
    }
    let description = request.description.clone();
    let id = state.jobs.enqueue(user, Task::Commit(request), &description, clock::now());
    drop(state);
    device.job_queued.notify_one();
    let named = if device.quirks.job_ids_cut { id & 0xffff } else { id };
    Ok(Answer::job_enqueued("Commit", named))
}

/// After `load config` the whole configuration must be committed, by force
/// (<https://github.com/PaloAltoNetworks/pan-os-python/pull/604>); the device's words are not public.
fn check_partial(device: &Device, full_commit_required: bool, force: bool) -> Result<(), Refusal> {
    if full_commit_required {
        let text = "Partial commit is not possible: a configuration was loaded, a full commit is required";
        return Err(Refusal::new(Code::NotPossible, text));
    }
    if force && !device.quirks.forced_partial_commit {
        let lines = vec![" commit -> force -> partial unexpected here".to_owned()];
        return Err(Refusal { code: Code::InvalidCommand, lines });
    }
    Ok(())
}
