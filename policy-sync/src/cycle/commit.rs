//! Starting a commit, and asking about its job, or a push's, until it ends.

use std::sync::Arc;

use sallyport_contract::{
    Reason,
    object::{JobKind, LastCommit},
};

use super::{Cycle, Hitch, Moment, memory::Job, pass::After, snapshot::Snapshot};
use crate::{
    actual::Inventory,
    cluster::Cluster,
    desired::Desired,
    firewall::{Extent, Fate, Fault, Firewall, JobLine, JobState, Pending},
    operation::{Change, Node, Operation, Subject},
    pace::later,
    pending::{self, Look, Verdict},
};

impl<F: Firewall, C: Cluster> Cycle<F, C> {
    /// Commits our administrator's changes, unless others' would have to go along.
    pub(super) async fn commit(
        &mut self,
        device: &F,
        moment: Moment<'_>,
        snapshot: &Snapshot,
    ) -> Result<(), Hitch> {
        self.others_pending(device, moment, snapshot).await?;
        self.may_ship_later(moment)?;
        self.start(device, moment, Extent::Changes).await
    }

    /// Starts a commit, unless one runs. The first question about its job comes at once, but only after the job's id is
    /// stored.
    async fn start(&mut self, device: &F, moment: Moment<'_>, extent: Extent) -> Result<(), Hitch> {
        // What a commit that runs does not carry goes with the next one.
        let jobs = device.jobs(None).await?;
        if self.adopt(moment, &jobs, JobKind::Commit) {
            return Ok(());
        }
        let description =
            format!("sallyport {} by Firewall {}", moment.spec().cluster_name, self.member.firewall());
        self.leads()?;
        match device.commit(&description, extent).await? {
            Some(id) => {
                tracing::info!(firewall = self.name, job = id, "commit started");
                self.memory.job = Some(self.job(id, JobKind::Commit, None));
            }
            None => {
                self.memory.nothing_to_commit = true;
                self.memory.next_pass = moment.now;
            }
        }
        Ok(())
    }

    /// Takes over a job of ours that runs and that we do not know: its id was lost with a former process, or another
    /// replica started it. Tells whether there was one.
    pub(super) fn adopt(&mut self, moment: Moment<'_>, jobs: &[JobLine], kind: JobKind) -> bool {
        let user = self.user(moment);
        let runs = |job: &&JobLine| {
            let alike = match kind {
                JobKind::Commit => job.is_commit(),
                JobKind::Push => job.is_push(),
            };
            alike && job.user == user && !job.ended
        };
        let Some(job) = jobs.iter().filter(runs).max_by_key(|job| job.number()) else { return false };
        tracing::info!(firewall = self.name, job = job.id, "a job of ours runs already");
        self.memory.job = Some(self.job(job.id.clone(), kind, None));
        true
    }

    /// A job that was started just now.
    pub(super) fn job(&self, id: String, kind: JobKind, group: Option<String>) -> Job {
        let started = self.ports.clock.now();
        Job { id, kind, group, started, progress: None, poll_at: started }
    }

    /// Our administrator.
    pub(super) fn user(&self, moment: Moment<'_>) -> String {
        let login = moment.world.logins.get(&moment.spec().credentials.secret_name);
        login.map(|login| login.user.clone()).unwrap_or_default()
    }

    /// Whether PAN-OS would make us commit what others have not committed yet, or our administrator wrote what we did
    /// not write.
    async fn others_pending(
        &mut self,
        device: &F,
        moment: Moment<'_>,
        snapshot: &Snapshot,
    ) -> Result<(), Hitch> {
        let pending = device.pending().await?;
        let user = self.user(moment);
        let inventory = Inventory::of(&self.memory.ledger);
        let look = self.judged_by(moment, &user, &inventory);
        match pending::judge(&pending, look, &snapshot.candidate, &snapshot.running) {
            Verdict::Clear => Ok(()),
            Verdict::Others(message) => {
                let back = pending::yields(look, &snapshot.candidate, &snapshot.running);
                self.take_back(device, moment, &back).await?;
                Err(Fault { fate: Fate::Wait(Reason::OthersPending), message }.into())
            }
            Verdict::Stranger(message) => {
                Err(Fault { fate: Fate::Stop(Reason::ForeignWriteByOurAccount), message }.into())
            }
        }
    }

    /// What pending changes are judged by.
    fn judged_by<'a>(&'a self, moment: Moment<'a>, user: &'a str, inventory: &'a Inventory) -> Look<'a> {
        Look {
            site: &moment.access.site,
            cluster: &moment.firewall.spec.cluster_name,
            user,
            inventory,
            members_bind: self.memory.members_bind,
            about_to: false,
        }
    }

    /// What others' uncommitted changes mean for a commit of ours. `about_to`: rules of ours are about to come, go or move.
    pub(super) fn judge_pending(
        &self,
        pending: &[Pending],
        moment: Moment<'_>,
        snapshot: &Snapshot,
        about_to: bool,
    ) -> Verdict {
        let user = self.user(moment);
        let inventory = Inventory::of(&self.memory.ledger);
        let look = Look { about_to, ..self.judged_by(moment, &user, &inventory) };
        pending::judge(pending, look, &snapshot.candidate, &snapshot.running)
    }

    /// Before rules are added, removed or moved: others' that pend would have to be committed with ours, so ours are not
    /// even written.
    pub(super) async fn rules_are_free(
        &self,
        device: &F,
        moment: Moment<'_>,
        operations: &[Operation],
        snapshot: &Snapshot,
    ) -> Result<(), Hitch> {
        let user = self.user(moment);
        let inventory = Inventory::of(&self.memory.ledger);
        let look = self.judged_by(moment, &user, &inventory);
        if !operations.iter().any(Operation::changes_rules)
            || !pending::others_rules_pend(look, &snapshot.candidate, &snapshot.running)
        {
            return Ok(());
        }
        let message = pending::rule_words(&device.pending().await?, look);
        Err(Fault { fate: Fate::Wait(Reason::OthersPending), message }.into())
    }

    /// Takes rules out of the candidate that are not in force yet.
    async fn take_back(&mut self, device: &F, moment: Moment<'_>, rules: &[&str]) -> Result<(), Hitch> {
        let delete = |rule: &&str| Operation {
            subject: Subject::Rule((*rule).to_owned()),
            change: Change::Delete(Node::Rule((*rule).to_owned())),
        };
        let operations: Vec<Operation> = rules.iter().map(delete).collect();
        if !operations.is_empty() {
            tracing::info!(firewall = self.name, ?rules, "taken back, so that another cluster can commit");
            self.write(device, moment, operations).await?;
        }
        Ok(())
    }

    /// Has signatures compiled anew, though nothing changed. A device that takes no `force` around a partial
    /// commit does it with the next change.
    pub(super) async fn recompile(&mut self, device: &F, moment: Moment<'_>) -> Result<(), Hitch> {
        match self.start(device, moment, Extent::Forced).await {
            Err(Hitch::Firewall(Fault { fate: Fate::Stop(Reason::EntryRefused), message })) => {
                tracing::warn!(firewall = self.name, why = message, "the firewall compiles nothing anew");
                Ok(())
            }
            done => done,
        }
    }

    /// Asks about the running job.
    pub(super) async fn poll(&mut self, moment: Moment<'_>, wanted: &Arc<Desired>) -> Result<(), Hitch> {
        self.store_status(moment).await?;
        let Some(job) = self.memory.job.clone() else { return Ok(()) };
        let device = self.device(moment)?;
        match device.job(&job.id).await? {
            JobState::Running { progress } => {
                let poll_at = later(self.ports.clock.now(), self.settings.job_poll);
                self.memory.job = Some(Job { progress, poll_at, ..job });
                Ok(())
            }
            JobState::Done { words } => {
                tracing::info!(firewall = self.name, job = job.id, words, "the job ended");
                self.ended(&job, "OK");
                let after = match job.kind {
                    JobKind::Commit => After::Commit,
                    JobKind::Push => After::Push(job.group.clone()),
                };
                self.pass(moment, wanted, after).await
            }
            JobState::Failed { words } => {
                self.ended(&job, "FAIL");
                Err(self.failed(&job, &words).into())
            }
            JobState::Unknown => {
                tracing::warn!(
                    firewall = self.name,
                    job = job.id,
                    "the firewall does not know the job any more"
                );
                self.memory.job = None;
                self.pass(moment, wanted, After::Nothing).await
            }
        }
    }

    fn failed(&mut self, job: &Job, words: &str) -> Fault {
        match job.kind {
            JobKind::Push => Fault {
                fate: Fate::Retry(Reason::DeviceOutOfSync),
                message: format!("push job {} failed: {words}", job.id),
            },
            JobKind::Commit => {
                // If others changed rules, it may be for them: the next try asks first.
                self.memory.members_bind = true;
                let message = format!("commit job {} failed: {words}", job.id);
                self.memory.trial.failed(&message);
                Fault { fate: Fate::Retry(Reason::CommitFailed), message }
            }
        }
    }

    fn ended(&mut self, job: &Job, result: &'static str) {
        let finished = self.ports.clock.now();
        let took_seconds = finished.duration_since(job.started).as_secs().max(0);
        self.memory.job = None;
        match job.kind {
            JobKind::Push => self.ports.metrics.pushed(result, took_seconds),
            JobKind::Commit => {
                self.ports.metrics.committed(result, took_seconds);
                let (id, result) = (job.id.clone(), result.to_owned());
                self.memory.last_commit = Some(LastCommit { job: id, result, finished, took_seconds });
            }
        }
    }
}
