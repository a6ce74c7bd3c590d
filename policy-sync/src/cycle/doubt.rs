//! Taking new names back out of a candidate that does not commit.

use std::collections::{BTreeMap, BTreeSet};

use sallyport_contract::{DnsName, Reason};

use super::{Cycle, Hitch, Moment, snapshot::Snapshot, write::REFUSED_FOR};
use crate::{
    actual::{Configuration, Inventory},
    cluster::Cluster,
    desired::Desired,
    diff::{Held, diff, give_back},
    firewall::{Firewall, View},
    operation::{Change, Operation},
    pace::later,
    trial::Verdict,
};

impl<F: Firewall, C: Cluster> Cycle<F, C> {
    /// After commits that failed: takes back what they carried.
    pub(super) async fn doubt(
        &mut self,
        device: &F,
        moment: Moment<'_>,
        wanted: &Desired,
        snapshot: &mut Snapshot,
    ) -> Result<(), Hitch> {
        let carried: BTreeSet<DnsName> = new(wanted, &snapshot.running)
            .filter(|dns| {
                wanted
                    .names()
                    .get(*dns)
                    .is_some_and(|name| snapshot.candidate.applications.contains_key(name.app.as_str()))
            })
            .cloned()
            .collect();
        self.memory.trial.witness(carried.len(), snapshot.failed_foreign_commits(&self.user(moment)));
        match self.memory.trial.judge(carried.len()) {
            Verdict::Stay => return Ok(()),
            Verdict::TakeBack => {}
            Verdict::SetAside(words) => {
                let until = later(moment.now, REFUSED_FOR);
                let held =
                    carried.iter().map(|dns| (dns.clone(), ((Reason::CommitFailed, words.clone()), until)));
                self.memory.refused.extend(held);
            }
        }
        tracing::warn!(firewall = self.name, names = carried.len(), "taken back, for they do not commit");
        let operations = self.taken_back(moment, wanted, snapshot, &carried);
        self.write(device, moment, operations).await?;
        snapshot.candidate = device.configuration(View::Candidate).await?;
        self.survey(moment, wanted, snapshot);
        Ok(())
    }

    /// What takes these names out of the candidate: removals only, and what adopted names were taken from.
    fn taken_back(
        &mut self,
        moment: Moment<'_>,
        wanted: &Desired,
        snapshot: &Snapshot,
        names: &BTreeSet<DnsName>,
    ) -> Vec<Operation> {
        let inventory = Inventory::of(&self.memory.ledger);
        let rest = wanted.without(names);
        let mut frozen = self.memory.frozen(moment.now);
        frozen.names.retain(|dns| !names.contains(dns));
        let mut operations = diff(snapshot.sides(moment, &rest, &inventory, &BTreeMap::new()), &frozen);
        operations.retain(|operation| matches!(operation.change, Change::Delete(_)));
        let adopted = names.iter().filter(|dns| moment.spec().adopted.iter().any(|one| one == dns.as_str()));
        let back = give_back(
            &moment.spec().cluster_name,
            &snapshot.candidate,
            &snapshot.running,
            &adopted.collect(),
        );
        back.into_iter().chain(operations).collect()
    }

    /// The new names that wait because commits failed.
    pub(super) fn doubted(&self, wanted: &Desired, running: &Configuration) -> BTreeMap<DnsName, Held> {
        let Some((most, words)) = self.memory.trial.most() else { return BTreeMap::new() };
        let doubted = new(wanted, running).filter(|dns| !self.memory.refused.contains_key(*dns)).skip(most);
        doubted.map(|dns| (dns.clone(), (Reason::CommitFailed, words.clone()))).collect()
    }
}

/// The names that are wanted and not in force.
fn new<'a>(wanted: &'a Desired, running: &'a Configuration) -> impl Iterator<Item = &'a DnsName> {
    let names = wanted.names().iter().filter(|(_, name)| {
        name.quarantined_until.is_none()
            && name.lender.is_none()
            && !running.applications.contains_key(name.app.as_str())
    });
    names.map(|(dns, _)| dns)
}
