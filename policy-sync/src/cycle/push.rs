//! From Panorama to its firewalls: one group at a time, and only what is ours.

use sallyport_contract::{Reason, object::JobKind};

use super::{Cycle, Hitch, Moment, snapshot::Snapshot};
use crate::{
    cluster::Cluster,
    firewall::{Fate, Fault, Firewall},
    shipping::Shipment,
};

impl<F: Firewall, C: Cluster> Cycle<F, C> {
    /// The first group with a firewall that does not hold of ours what Panorama runs. A push to a group does not reach
    /// the groups below it, so each that holds firewalls gets its own
    /// (<https://docs.paloaltonetworks.com/ngfw/api/pan-os-xml-api-request-types-and-actions/commit-all>).
    pub(super) fn unpushed(&self, moment: Moment<'_>, snapshot: &Snapshot) -> Option<String> {
        snapshot.fronts.iter().find_map(|front| {
            let group = &front.device.as_ref()?.managed.group;
            let state = front.state.as_ref()?;
            self.differ(moment, &snapshot.running, &state.running).then(|| group.clone())
        })
    }

    /// Before a commit on Panorama: what others hold back must be known, or our push could not tell it from ours.
    pub(super) fn may_ship_later(&mut self, moment: Moment<'_>) -> Result<(), Hitch> {
        if self.memory.devices.is_empty() {
            return Ok(());
        }
        self.ship(moment, false)
    }

    /// Pushes one group.
    pub(super) async fn push(&mut self, device: &F, moment: Moment<'_>, group: String) -> Result<(), Hitch> {
        self.ship(moment, true)?;
        let description =
            format!("sallyport {} by Firewall {}", moment.spec().cluster_name, self.member.firewall());
        // Two pushes at once can corrupt what they carry: PAN-286231,
        // https://docs.paloaltonetworks.com/pan-os/11-2/pan-os-release-notes/pan-os-11-2-7-known-and-addressed-issues/pan-os-11-2-7-h3-addressed-issues
        let jobs = device.jobs(None).await?;
        if self.adopt(moment, &jobs, JobKind::Push) {
            return Ok(());
        }
        if let Some(job) = jobs.iter().find(|job| job.is_push() && !job.ended) {
            let message = format!("push job {} of {} runs; ours waits for its end", job.id, job.user);
            return Err(Fault { fate: Fate::Wait(Reason::AwaitingPush), message }.into());
        }
        self.leads()?;
        // One that is not connected would only make the job fail.
        let reached =
            self.memory.devices.iter().filter(|one| one.managed.connected && one.managed.group == group);
        let serials: Vec<String> = reached.map(|one| one.managed.serial.clone()).collect();
        match device.push(&group, &serials, &description).await? {
            Some(id) => {
                tracing::info!(firewall = self.name, job = id, group, "push started");
                self.memory.job = Some(self.job(id, JobKind::Push, Some(group)));
                Ok(())
            }
            None => {
                let message = format!("Panorama made no job of the push to device group {group}");
                Err(Fault { fate: Fate::Retry(Reason::AwaitingPush), message }.into())
            }
        }
    }

    /// Whether a push ships nothing but ours, or what others hold back may go along.
    fn ship(&mut self, moment: Moment<'_>, ours: bool) -> Result<(), Hitch> {
        if moment.spec().push.ship_others {
            return Ok(());
        }
        match self.memory.shipping.judge(ours) {
            Shipment::Ours => Ok(()),
            Shipment::LookAgain(at) => {
                let message = "Panorama's list of firewalls is looked at once more before anything goes out";
                self.memory.look_again = Some(at);
                Err(Fault { fate: Fate::Wait(Reason::AwaitingPush), message: message.to_owned() }.into())
            }
            Shipment::Others(message) => {
                Err(Fault { fate: Fate::Wait(Reason::OthersUnpushed), message }.into())
            }
        }
    }
}
