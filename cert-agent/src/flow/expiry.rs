//! How the certificates stand that are still wanted: which ends first, and which should have been renewed.

use jiff::Timestamp;

use super::{
    agent::{Agent, lock},
    memo::Laid,
};
use crate::{cluster::Cluster, issuer::Class};

impl<C: Cluster> Agent<C> {
    /// Shows them. What is no longer given is kept and ends as it should, so it is left out; the certificates of pods that have their own
    /// are their kubelets' to renew.
    pub(super) fn show_expiry(&self) {
        let plans = self.all_plans();
        let memos = lock(&self.memos);
        let (mut earliest, mut overdue, now) = (None::<Timestamp>, 0, self.clock.now());
        for (namespace, name) in
            plans.iter().flat_map(|(at, plan)| plan.identities.keys().map(move |name| (at, name)))
        {
            let key = (namespace.clone(), name.clone());
            let Some(current) = memos.get(&key).and_then(Laid::span) else { continue };
            earliest = Some(earliest.map_or(current.not_after, |first| first.min(current.not_after)));
            let holds = Some((current.received_at, current.not_after));
            overdue += usize::from(Class::of(holds, now) == Class::Expiring);
        }
        self.metrics.expiry(earliest, overdue);
    }
}
