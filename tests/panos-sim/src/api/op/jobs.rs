//! `show jobs …`, `clear job id`, `validate full`.

use super::{Command, refuse};
use crate::{
    api::envelope::Answer,
    clock,
    jobs::{Job, Task},
    refusal::{Code, Refusal},
};

pub(super) fn handle(command: &Command<'_>) -> Option<Answer> {
    if let Some(id) = command.at(&["show", "jobs", "id"]) {
        return Some(show_one(command, &id.text));
    }
    for (word, pending_only) in [("all", false), ("pending", true), ("processed", false)] {
        if command.at(&["show", "jobs", word]).is_some() {
            return Some(show_all(command, pending_only));
        }
    }
    if let Some(id) = command.at(&["clear", "job", "id"]) {
        return Some(clear(command, &id.text));
    }
    if command.at(&["validate", "full"]).is_some() {
        let id = command.device.lock().jobs.enqueue(command.user, Task::Validate, "", clock::now());
        command.device.job_queued.notify_one();
        return Some(Answer::job_enqueued("Validate", id));
    }
    None
}

fn show_one(command: &Command<'_>, id: &str) -> Answer {
    let state = command.device.lock();
    let Ok(number) = id.parse() else { return refuse(&format!(" show -> jobs -> id '{id}' is invalid")) };
    match state.jobs.get(number) {
        Some(job) => Answer::result([&state.jobs.to_xml(job, &command.device.quirks)]),
        None => Answer::refused(&Refusal::new(Code::NotPresent, format!("job {id} not found"))),
    }
}

fn show_all(command: &Command<'_>, pending_only: bool) -> Answer {
    let state = command.device.lock();
    let wanted = |job: &&Job| !pending_only || matches!(job.stage, crate::jobs::Stage::Pending);
    let jobs = state.jobs.iter().rev().filter(wanted);
    let jobs: Vec<_> = jobs.map(|job| state.jobs.to_xml(job, &command.device.quirks)).collect();
    Answer::result(&jobs)
}

fn clear(command: &Command<'_>, id: &str) -> Answer {
    let cancelled = id.parse().is_ok_and(|id| command.device.lock().jobs.cancel(id, clock::now()));
    if cancelled {
        Answer::result_text(&format!("Job {id} is cancelled"))
    } else {
        Answer::refused(&Refusal::new(Code::NotPossible, format!("Job {id} cannot be stopped")))
    }
}
