//! Starting a commit, and asking about its job until it ends.

use sallyport_contract::{Reason, object::LastCommit};

use super::{Cycle, Hitch, Moment, memory::Job};
use crate::{
    cluster::Cluster,
    desired::Desired,
    firewall::{Extent, Fate, Fault, Firewall, JobState},
    pace::later,
};

impl<F: Firewall, C: Cluster> Cycle<F, C> {
    /// Starts a commit of our administrator's changes, unless one runs. The first question about its job comes
    /// at once, but only after the job's id is stored.
    pub(super) async fn commit(
        &mut self,
        device: &F,
        moment: Moment<'_>,
        extent: Extent,
    ) -> Result<(), Hitch> {
        // A commit of ours whose id was lost with a former process, or that another replica started: what it does
        // not carry goes with the next one.
        if let Some(id) = device.running_commit().await? {
            tracing::info!(firewall = self.name, job = id, "a commit of ours runs already");
            let started = self.ports.clock.now();
            self.memory.job = Some(Job { id, started, progress: None, poll_at: started });
            return Ok(());
        }
        let description = format!("sallyport {} by Firewall {}", moment.spec().cluster_name, self.name);
        self.leads()?;
        match device.commit(&description, extent).await? {
            Some(id) => {
                tracing::info!(firewall = self.name, job = id, "commit started");
                let started = self.ports.clock.now();
                self.memory.job = Some(Job { id, started, progress: None, poll_at: started });
            }
            None => {
                self.memory.nothing_to_commit = true;
                self.memory.next_pass = moment.now;
            }
        }
        Ok(())
    }

    /// Has signatures compiled anew, though nothing changed. A device that takes no `force` around a partial
    /// commit does it with the next change.
    pub(super) async fn recompile(&mut self, device: &F, moment: Moment<'_>) -> Result<(), Hitch> {
        match self.commit(device, moment, Extent::Forced).await {
            Err(Hitch::Firewall(Fault { fate: Fate::Stop(Reason::EntryRefused), message })) => {
                tracing::warn!(firewall = self.name, message, "the firewall compiles nothing anew");
                Ok(())
            }
            done => done,
        }
    }

    /// Asks about the running job.
    pub(super) async fn poll(&mut self, moment: Moment<'_>, wanted: &Desired) -> Result<(), Hitch> {
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
                tracing::info!(firewall = self.name, job = job.id, words, "commit ended");
                self.ended(&job, "OK");
                self.pass(moment, wanted, true).await
            }
            JobState::Failed { words } => {
                self.ended(&job, "FAIL");
                let message = format!("commit job {} failed: {words}", job.id);
                Err(Hitch::Firewall(Fault { fate: Fate::Retry(Reason::CommitFailed), message }))
            }
            JobState::Unknown => {
                tracing::warn!(
                    firewall = self.name,
                    job = job.id,
                    "the firewall does not know the commit job any more"
                );
                self.memory.job = None;
                self.pass(moment, wanted, false).await
            }
        }
    }

    fn ended(&mut self, job: &Job, result: &'static str) {
        let finished = self.ports.clock.now();
        let took_seconds = finished.duration_since(job.started).as_secs().max(0);
        self.ports.metrics.committed(result, took_seconds);
        self.memory.last_commit =
            Some(LastCommit { job: job.id.clone(), result: result.to_owned(), finished, took_seconds });
        self.memory.job = None;
    }
}
