//! The worker: takes one job after the other, lets it last as long as the device's commits last, then applies it.
//! A commit carries the candidate as it is when the job starts; later changes stay pending.

use super::{
    commit::CommitRequest,
    queue::{JobResult, Stage, Task},
};
use crate::{
    clock,
    config::{Excluded, Selection, plan_commit, validate},
    device::{Device, Enforced, State},
    faults::{Action, Where},
    tree::{Element, NodePath},
};
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, sleep};

/// Runs jobs until the future is dropped.
pub(crate) async fn run(device: Arc<Device>) {
    loop {
        let queued = device.job_queued.notified();
        match start_next(&device) {
            Some(work) => {
                let mut cleared = device.faults.watch_cleared();
                sleep(work.lasts).await;
                if work.never_finish && cleared.changed().await.is_err() {
                    return;
                }
                finish(&device, work);
            }
            None => queued.await,
        }
    }
}

/// A started job: what it will put into force when its time is over.
struct Work {
    id: u32,
    lasts: Duration,
    never_finish: bool,
    not_compiled: Option<Vec<String>>,
    outcome: Result<Committed, Vec<String>>,
}

/// A configuration that passed validation; `None` for a mere validation.
struct Committed {
    running: Option<(Element, Vec<(NodePath, u64)>)>,
    everything: bool,
    details: Vec<String>,
}

fn start_next(device: &Device) -> Option<Work> {
    let mut state = device.lock();
    let id = state.jobs.next_pending()?;
    let lasts = device.commit_time();
    let job = state.jobs.get_mut(id)?;
    job.stage = Stage::Active { since: Instant::now(), lasts, dequeued: clock::now() };
    let (task, subject) = (job.task.clone(), format!("{} {}", job.user, job.description));
    let mut outcome = match &task {
        Task::Commit(request) => prepare(device, &state, request),
        Task::Validate => validate(&state.store.candidate, &device.quirks)
            .map(|()| Committed {
                running: None,
                everything: false,
                details: vec!["Configuration is valid".to_owned()],
            })
            .map_err(|refusal| validation_error(&refusal.lines)),
    };
    let (mut never_finish, mut not_compiled) = (false, None);
    for action in device.faults.strike(&[Where::Job], &subject) {
        match action {
            Action::FailJob(text) => outcome = Err(vec![text]),
            Action::NeverFinish => never_finish = true,
            Action::CommitNotCompiled(apps) => not_compiled = Some(apps),
            Action::Refuse { text, .. } => outcome = Err(vec![text]),
            Action::HttpStatus(_)
            | Action::DelayMs(_)
            | Action::DropBefore
            | Action::DropAfter
            | Action::CutMidway
            | Action::Truncate
            | Action::Garbage => {}
        }
    }
    Some(Work { id, lasts, never_finish, not_compiled, outcome })
}

fn prepare(device: &Device, state: &State, request: &CommitRequest) -> Result<Committed, Vec<String>> {
    let plan = plan_commit(&state.store, &request.selection, request.excluded, &device.quirks)
        .map_err(|why| vec![why])?;
    validate(&plan.running, &device.quirks).map_err(|refusal| validation_error(&refusal.lines))?;
    let mut details = Vec::new();
    if let Selection::Admins(admins) = &request.selection {
        let admins = admins.iter().cloned().collect::<Vec<_>>().join(", ");
        details
            .push(format!("Partial changes to commit: changes to configuration by administrators: {admins}"));
    }
    details.push("Configuration committed successfully".to_owned());
    let everything = request.selection == Selection::Everybody && request.excluded == Excluded::default();
    let effective = everything || device.quirks.partial_commit_takes_effect;
    Ok(Committed { running: effective.then_some((plan.running, plan.settled)), everything, details })
}

fn validation_error(lines: &[String]) -> Vec<String> {
    let mut details = vec!["Validation Error:".to_owned()];
    details.extend(lines.iter().cloned());
    details.push("Configuration is invalid".to_owned());
    details
}

fn finish(device: &Device, work: Work) {
    let now = clock::now();
    let mut state = device.lock();
    let (result, details) = match work.outcome {
        Ok(committed) => {
            if let Some((running, settled)) = committed.running {
                let refuse = |app: &str| {
                    work.not_compiled
                        .as_ref()
                        .is_some_and(|apps| apps.is_empty() || apps.iter().any(|a| a == app))
                };
                device.enforce(Enforced::new(&running, &device.vsys, &device.quirks, &refuse));
                state.archive.committed(&running);
                state.store.running = running;
                state.store.units.settle(&settled);
                state.store.audit_comments.clear();
                state.store.full_commit_required &= !committed.everything;
                // A commit that succeeds releases the locks of the one who made it.
                let owner = state.jobs.get(work.id).map(|job| job.user.clone()).unwrap_or_default();
                state.locks.release_all(&owner);
            }
            (JobResult::Ok, committed.details)
        }
        Err(details) => (JobResult::Fail, details),
    };
    if let Some(job) = state.jobs.get_mut(work.id) {
        let dequeued = match job.stage {
            Stage::Active { dequeued, .. } => dequeued,
            Stage::Pending | Stage::Finished { .. } => now,
        };
        job.details = details;
        job.stage = Stage::Finished { result, dequeued, finished: now };
    }
}
