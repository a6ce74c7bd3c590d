//! The worker: takes one job after the other, lets it last as long as the device's commits last, then applies it.
//! A commit carries the candidate as it is when the job starts; later changes stay pending.

use super::{
    apply::{Change, Prepared, prepare, put_into_force},
    push,
    queue::{JobResult, Stage, Task},
};
use crate::{
    clock,
    device::{Device, State},
    faults::{Action, Where},
    quirks::PushJobEnds,
};
use std::{sync::Arc, time::Duration};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};

/// Runs jobs until the future is dropped.
pub(crate) async fn run(device: Arc<Device>) {
    let mut sent = JoinSet::new();
    loop {
        let queued = device.job_queued.notified();
        match start_next(&device) {
            Some(work) => {
                tokio::select! {
                    () = last(&device, &work, &mut sent) => {}
                    () = until_restart(&device, work.life) => {}
                }
                finish(&device, work);
            }
            None => queued.await,
        }
        while sent.try_join_next().is_some() {}
    }
}

/// The time that a job takes.
async fn last(device: &Arc<Device>, work: &Work, sent: &mut JoinSet<()>) {
    let mut cleared = device.faults.watch_cleared();
    match work.push.then(|| push::start(device, work)).flatten() {
        Some(push) if device.quirks.push_job_ends == PushJobEnds::WhenSent => {
            sent.spawn(push::carry_out(Arc::clone(device), push));
        }
        Some(push) => push::carry_out(Arc::clone(device), push).await,
        None => sleep(work.lasts).await,
    }
    if work.never_finish {
        cleared.changed().await.ok();
    }
}

async fn until_restart(device: &Device, life: u64) {
    let mut changes = device.watch_changes();
    while device.lock().life == life && changes.changed().await.is_ok() {}
}

/// A started job: what it will put into force when its time is over.
pub(super) struct Work {
    pub(super) id: u32,
    /// Which life of the management plane it belongs to.
    life: u64,
    lasts: Duration,
    never_finish: bool,
    not_compiled: Option<Vec<String>>,
    push: bool,
    outcome: Result<Prepared, Vec<String>>,
}

fn start_next(device: &Device) -> Option<Work> {
    let mut state = device.lock();
    let id = state.jobs.next_pending()?;
    let lasts = device.commit_time();
    let job = state.jobs.get_mut(id)?;
    job.stage = Stage::Active { since: Instant::now(), lasts, dequeued: clock::now() };
    let (task, subject) = (job.task.clone(), format!("{} {}", job.user, job.description));
    let mut outcome = prepare(device, &state, &task);
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
    let push = matches!(task, Task::Push(_)) && outcome.is_ok();
    Some(Work { id, life: state.life, lasts, never_finish, not_compiled, push, outcome })
}

fn finish(device: &Device, work: Work) {
    let mut state = device.lock();
    if state.life != work.life {
        return; // the management plane restarted: nobody knows of this job any more
    }
    let started = state.jobs.get(work.id).is_some_and(|job| job.task == Task::AutoCommit);
    let committed = conclude(device, &mut state, work);
    let shared = committed && device.ha.is_paired();
    let running = shared.then(|| Arc::new(state.store.running.clone()));
    drop(state);
    if let Some(running) = running {
        device.ha.send_to_peer(running);
    }
    if started {
        device.ha.catch_up();
    }
    device.tell_change();
}

/// Ends a job; `true` when it was a commit that the peer of a pair needs too.
fn conclude(device: &Device, state: &mut State, work: Work) -> bool {
    let now = clock::now();
    let owner = state.jobs.get(work.id).map(|job| job.user.clone()).unwrap_or_default();
    let mut committed = false;
    let (mut result, details) = match work.outcome {
        Ok(prepared) => {
            let refuse = |app: &str| {
                work.not_compiled
                    .as_ref()
                    .is_some_and(|apps| apps.is_empty() || apps.iter().any(|a| a == app))
            };
            committed = matches!(prepared.change, Change::Commit { .. });
            put_into_force(device, state, prepared.change, &owner, &refuse);
            (JobResult::Ok, prepared.details)
        }
        Err(details) => (JobResult::Fail, details),
    };
    if work.push {
        result = push::result(device, state, work.id);
    }
    if let Some(job) = state.jobs.get_mut(work.id) {
        let dequeued = match job.stage {
            Stage::Active { dequeued, .. } => dequeued,
            Stage::Pending | Stage::Finished { .. } => now,
        };
        if !work.push {
            job.details = details;
        }
        job.stage = Stage::Finished { result, dequeued, finished: now };
    }
    committed
}
