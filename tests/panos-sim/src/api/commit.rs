//! `type=commit`: enqueues a commit or a push, or says that there is nothing to commit.
//!
//! <https://docs.paloaltonetworks.com/ngfw/api/pan-os-xml-api-request-types-and-actions/commit> and `commit-all` there

use super::{envelope::Answer, params::Params};
use crate::{
    clock,
    config::Selection,
    device::{Device, State},
    jobs::{CommitRequest, Task},
    panorama::{PushRequest, groups},
    refusal::{Code, Refusal},
    tree::{Element, parse_one},
};
use std::sync::{Arc, MutexGuard};

/// While a commit, a start or a push is on its way; `PaloAltoNetworks/pan-os-python:panos/base.py` looks for it.
const BUSY: &str = "Another commit/validate is in progress. Please try again later";

pub(crate) fn handle(device: &Device, user: &str, params: &Params) -> Answer {
    let done = match params.get("action") {
        "" | "partial" => enqueue(device, user, params),
        "all" if device.is_panorama() => enqueue_push(device, user, params),
        // `action=all` is Panorama's.
        _ => Err(Refusal::new(Code::InvalidCommand, " commit-all is unexpected")),
    };
    done.unwrap_or_else(|refusal| Answer::refused(&refusal))
}

fn command(params: &Params, absent: &str) -> Result<Element, Refusal> {
    parse_one(params.given("cmd").unwrap_or(absent)).map_err(Refusal::malformed)
}

fn enqueue(device: &Device, user: &str, params: &Params) -> Result<Answer, Refusal> {
    let request = CommitRequest::parse(&command(params, "<commit/>")?, device.identity.model)?;
    let state = device.lock();
    check_free(device, &state, user)?;
    if matches!(request.selection, Selection::Admins(_)) {
        check_partial(device, state.store.full_commit_required, request.force)?;
    }
    let pending = state.store.units.iter().any(|(path, unit)| request.includes(path, unit));
    if !pending && !request.force {
        return Ok(Answer::message(19, "There are no changes to commit."));
    }
    let description = request.description.clone();
    let id = take_in(device, state, user, Task::Commit(request), &description)?;
    Ok(Answer::job_enqueued("Commit", id))
}

/// A push makes a job also when every firewall is in sync.
fn enqueue_push(device: &Device, user: &str, params: &Params) -> Result<Answer, Refusal> {
    let request = PushRequest::parse(&command(params, "<commit-all/>")?)?;
    let state = device.lock();
    check_free(device, &state, user)?;
    let known = |name: &str| groups(&state.store.running).any(|(group, _)| group == name);
    if let Some((name, _)) = request.groups.iter().find(|(name, _)| !known(name)) {
        let line = format!(" commit-all -> shared-policy -> device-group '{name}' is not a valid reference");
        return Err(Refusal::new(Code::InvalidObject, line));
    }
    let description = request.description.clone();
    let id = take_in(device, state, user, Task::Push(Arc::new(request)), &description)?;
    Ok(Answer::job_enqueued("Push", id))
}

/// Locks, the role in a pair, a start that is not over, and what a Panorama is putting into force.
fn check_free(device: &Device, state: &State, user: &str) -> Result<(), Refusal> {
    device.ha.check_write(state)?;
    state.locks.check_commit(user)?;
    let starting = state.jobs.has(|task| *task == Task::AutoCommit);
    if starting || state.jobs.installing() {
        return Err(Refusal::new(Code::NotFound, BUSY));
    }
    Ok(())
}

fn take_in(
    device: &Device,
    mut state: MutexGuard<'_, State>,
    user: &str,
    task: Task,
    description: &str,
) -> Result<u32, Refusal> {
    if state.jobs.busy() && state.jobs.waiting() >= device.quirks.commit_queue_limit {
        return Err(Refusal::new(Code::NotFound, BUSY));
    }
    let id = state.jobs.enqueue(user, task, description, clock::now());
    drop(state);
    device.job_queued.notify_one();
    Ok(if device.quirks.job_ids_cut { id & 0xffff } else { id })
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
