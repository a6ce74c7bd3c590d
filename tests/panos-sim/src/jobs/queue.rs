//! The job table. Commits are done in the order in which they came
//! (<https://docs.paloaltonetworks.com/pan-os/7-1/pan-os-new-features/management-features/commit-queues>);
//! the shape of a job is as recorded in public client tests (`<tenq>`, `<tdeq>`, `<positionInQ>`…).

use super::{
    commit::CommitRequest,
    delivery::{Delivery, progress},
    install::Shipment,
};
use crate::{
    clock::Moment,
    panorama::PushRequest,
    quirks::{FinishedProgress, QueuedStatus, Quirks},
    tree::Element,
};
use serde::Serialize;
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;

/// What a job does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Task {
    Commit(CommitRequest),
    /// Checks the candidate and changes nothing.
    Validate,
    /// A Panorama sends policy to its firewalls.
    Push(Arc<PushRequest>),
    /// A firewall puts into force what a Panorama sent.
    Install(Arc<Shipment>),
    /// A passive device takes over the configuration that its peer committed.
    HaSync(Arc<Element>),
    /// After a start, before any other job.
    AutoCommit,
}

impl Task {
    /// The `type` of the job.
    fn kind(&self) -> &'static str {
        match self {
            Task::Commit(_) => "Commit",
            Task::Validate => "Validate",
            Task::Push(_) | Task::Install(_) => "CommitAll",
            Task::HaSync(_) => "HA-Sync",
            Task::AutoCommit => "AutoCom",
        }
    }
}

/// How a job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum JobResult {
    Ok,
    Fail,
}

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Pending,
    Active { since: Instant, lasts: Duration, dequeued: Moment },
    Finished { result: JobResult, dequeued: Moment, finished: Moment },
}

/// One job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Job {
    pub(crate) id: u32,
    pub(crate) user: String,
    pub(crate) task: Task,
    pub(crate) description: String,
    pub(crate) enqueued: Moment,
    pub(crate) stage: Stage,
    pub(crate) details: Vec<String>,
    pub(crate) warnings: Vec<String>,
    /// Of a push: each firewall.
    pub(crate) deliveries: Vec<Delivery>,
}

/// All jobs since the start, oldest first.
#[derive(Debug)]
pub(crate) struct Jobs {
    list: Vec<Job>,
    first: u32,
}

impl Jobs {
    /// No jobs yet. A device that ran for long has numbers that do not fit into 16 bits.
    pub(crate) fn new(ran_for_long: bool) -> Self {
        Self { list: Vec::new(), first: if ran_for_long { 70_001 } else { 1 } }
    }

    pub(crate) fn enqueue(&mut self, user: &str, task: Task, description: &str, now: Moment) -> u32 {
        let id = u32::try_from(self.list.len()).unwrap_or(u32::MAX).saturating_add(self.first);
        self.list.push(Job {
            id,
            user: user.to_owned(),
            task,
            description: description.to_owned(),
            enqueued: now,
            stage: Stage::Pending,
            details: Vec::new(),
            warnings: Vec::new(),
            deliveries: Vec::new(),
        });
        id
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &Job> {
        self.list.iter()
    }

    pub(crate) fn get(&self, id: u32) -> Option<&Job> {
        self.list.iter().find(|job| job.id == id)
    }

    pub(crate) fn get_mut(&mut self, id: u32) -> Option<&mut Job> {
        self.list.iter_mut().find(|job| job.id == id)
    }

    pub(crate) fn next_pending(&self) -> Option<u32> {
        self.list.iter().find(|job| job.stage == Stage::Pending).map(|job| job.id)
    }

    pub(crate) fn waiting(&self) -> usize {
        self.list.iter().filter(|job| job.stage == Stage::Pending).count()
    }

    /// Is any job waiting or running?
    pub(crate) fn busy(&self) -> bool {
        self.list.iter().any(|job| !matches!(job.stage, Stage::Finished { .. }))
    }

    /// Is a job that is running or waiting of this kind?
    pub(crate) fn has(&self, kind: impl Fn(&Task) -> bool) -> bool {
        self.list.iter().any(|job| !matches!(job.stage, Stage::Finished { .. }) && kind(&job.task))
    }

    /// Does what a Panorama sent come into force right now?
    pub(crate) fn installing(&self) -> bool {
        let active = |job: &&Job| matches!(job.stage, Stage::Active { .. });
        self.list.iter().filter(active).any(|job| matches!(job.task, Task::Install(_)))
    }

    /// Takes a job out of the queue before it starts; `false` when it is not waiting.
    pub(crate) fn cancel(&mut self, id: u32, now: Moment) -> bool {
        match self.get_mut(id).filter(|job| job.stage == Stage::Pending) {
            Some(job) => {
                job.stage = Stage::Finished { result: JobResult::Fail, dequeued: now, finished: now };
                job.details.push("Job is cancelled".to_owned());
                true
            }
            None => false,
        }
    }

    /// How many jobs wait before this one.
    fn position(&self, job: &Job) -> usize {
        match job.stage {
            Stage::Pending => {
                self.list.iter().filter(|j| j.stage == Stage::Pending && j.id < job.id).count() + 1
            }
            Stage::Active { .. } | Stage::Finished { .. } => 0,
        }
    }

    pub(crate) fn to_xml(&self, job: &Job, quirks: &Quirks) -> Element {
        let pending = match quirks.queued_status {
            QueuedStatus::Pend => "PEND",
            QueuedStatus::Act => "ACT",
        };
        let (status, result, tdeq, tfin, progress) = match job.stage {
            Stage::Pending => (pending, "PEND", String::new(), String::new(), "0".to_owned()),
            Stage::Active { since, lasts, dequeued } => {
                let percent = match job.task {
                    Task::Push(_) => progress(&job.deliveries).min(99).to_string(),
                    Task::Commit(_)
                    | Task::Validate
                    | Task::Install(_)
                    | Task::HaSync(_)
                    | Task::AutoCommit => percent_of(since, lasts),
                };
                ("ACT", "PEND", dequeued.time(), "Still Active".to_owned(), percent)
            }
            Stage::Finished { result, dequeued, finished } => {
                let result = match result {
                    JobResult::Ok => "OK",
                    JobResult::Fail => "FAIL",
                };
                let sent = !job.deliveries.iter().all(Delivery::is_over);
                let progress = match quirks.finished_progress {
                    _ if sent => progress(&job.deliveries).to_string(),
                    FinishedProgress::Percent => "100".to_owned(),
                    FinishedProgress::Timestamp => finished.date_time(),
                };
                ("FIN", result, dequeued.time(), finished.date_time(), progress)
            }
        };
        let lines = |name: &str, lines: &[String]| {
            Element::new(name).with_all(lines.iter().map(|line| Element::leaf("line", line.as_str())))
        };
        Element::new("job")
            .with(Element::leaf("tenq", job.enqueued.date_time()))
            .with(Element::leaf("tdeq", tdeq))
            .with(Element::leaf("id", job.id.to_string()))
            .with(Element::leaf("user", job.user.as_str()))
            .with(Element::leaf("type", job.task.kind()))
            .with(Element::leaf("status", status))
            .with(Element::leaf("queued", if job.stage == Stage::Pending { "YES" } else { "NO" }))
            .with(Element::leaf("stoppable", if job.stage == Stage::Pending { "yes" } else { "no" }))
            .with(Element::leaf("result", result))
            .with(Element::leaf("tfin", tfin))
            .with(Element::leaf("description", job.description.as_str()))
            .with(Element::leaf("positionInQ", self.position(job).to_string()))
            .with(Element::leaf("progress", progress))
            .with(lines("details", &job.details))
            .with(lines("warnings", &job.warnings))
            .with_all(push_facts(job))
    }
}

fn percent_of(since: Instant, lasts: Duration) -> String {
    let percent = since.elapsed().as_millis() * 100 / lasts.as_millis().max(1);
    percent.min(99).to_string()
}

/// What only a push shows.
fn push_facts(job: &Job) -> Vec<Element> {
    let Task::Push(request) = &job.task else { return Vec::new() };
    let groups: Vec<&str> = request.groups.iter().map(|(name, _)| name.as_str()).collect();
    let entries = job.deliveries.iter().map(|delivery| delivery.to_xml(job.id));
    vec![
        Element::leaf("push_type", "shared-policy"),
        Element::leaf("dgname", groups.join(",")),
        Element::new("devices").with_all(entries),
    ]
}
