//! What holds the whole firewall still, or some of its names, although something is due.

use std::collections::BTreeMap;

use sallyport_contract::{DnsName, Reason};

use super::{Cycle, Hitch, Moment, snapshot::Snapshot};
use crate::{
    actual::{Configuration, Inventory},
    brakes::{self, Window},
    cluster::Cluster,
    desired::Desired,
    diff::Held,
    farewell::leaves,
    firewall::Firewall,
    limits,
};

/// So many locks are told with their owners.
const MOST_LOCKS_TOLD: usize = 3;

impl<F: Firewall, C: Cluster> Cycle<F, C> {
    /// Whether nothing may be written now: suspended, outside the change windows, or more may come in a moment.
    pub(super) fn holds_still(&mut self, moment: Moment<'_>) -> bool {
        let spec = moment.spec();
        self.memory.still = None;
        if spec.suspend {
            self.memory.hold((Reason::Suspended, brakes::SUSPENDED.to_owned()));
            return true;
        }
        let blocks = self.memory.desired.iter().any(|desired| self.blocks_are_due(desired));
        match brakes::window(&spec.commit, moment.now) {
            Window::Open => {}
            Window::Closed { .. } if blocks => {}
            Window::Closed { words, until } => {
                self.memory.hold((Reason::OutsideWindow, words));
                if let Some(until) = until {
                    self.memory.next_pass = self.memory.next_pass.min(until);
                }
                return true;
            }
        }
        let waits = self.memory.pace.due(&spec.commit).is_some_and(|due| due > moment.now);
        waits && !blocks
    }

    /// Adds who holds the locks to what the device said of them, if it tells.
    pub(super) async fn name_who_locks(
        &self,
        moment: Moment<'_>,
        result: Result<bool, Hitch>,
    ) -> Result<bool, Hitch> {
        let Err(Hitch::Firewall(mut fault)) = result else { return result };
        let locked = fault.fate.reason() == Reason::LockedByOther;
        if let Some(connection) = self.memory.connection.as_ref().filter(|_| locked)
            && let Ok(locks) = connection.firewall.locks().await
        {
            let user = self.user(moment);
            let others = locks.iter().filter(|lock| lock.owner != user);
            let told: Vec<String> = others.take(MOST_LOCKS_TOLD).map(ToString::to_string).collect();
            if !told.is_empty() {
                fault.message = format!("{}; {}", fault.message, told.join("; "));
            }
        }
        Err(Hitch::Firewall(fault))
    }

    /// Whether a name is blocked and not shown to be denied yet: that waits for nothing.
    fn blocks_are_due(&self, desired: &Desired) -> bool {
        desired.names().iter().any(|(dns, name)| {
            let entry = self.memory.ledger.get(dns).map(|holding| &holding.entry);
            name.blocked && !entry.is_some_and(|entry| entry.rule == name.rule && entry.evidence.is_some())
        })
    }

    /// Holds back what is more than one commit may change.
    pub(super) fn limit(
        &mut self,
        moment: Moment<'_>,
        wanted: &Desired,
        snapshot: &Snapshot,
        inventory: &Inventory,
    ) {
        let candidate = &snapshot.candidate;
        let mut limited = self.limits(moment, wanted, candidate, inventory);
        limited.extend(self.doubted(wanted, &snapshot.running));
        if let Window::Closed { words, .. } = brakes::window(&moment.spec().commit, moment.now) {
            // Only what is blocked goes out now.
            let held: Held = (Reason::OutsideWindow, words);
            let others = wanted.names().iter().filter(|(_, name)| !name.blocked).map(|(dns, _)| dns.clone());
            let leaving = limits::leaving(wanted, candidate, inventory);
            limited.extend(others.chain(leaving).map(|dns| (dns, held.clone())));
        }
        self.memory.limited = limited;
    }

    /// What is more than one commit may change.
    pub(super) fn limits(
        &mut self,
        moment: Moment<'_>,
        wanted: &Desired,
        candidate: &Configuration,
        inventory: &Inventory,
    ) -> BTreeMap<DnsName, Held> {
        self.memory.limited = BTreeMap::new();
        if leaves(moment.firewall) {
            // Whoever deleted the object meant all of it.
            return BTreeMap::new();
        }
        let frozen = self.memory.frozen(moment.now);
        limits::held(moment.spec(), wanted, candidate, inventory, &frozen)
    }
}
