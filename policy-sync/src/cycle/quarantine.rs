//! When a name was last wanted. Written only when that ends, so that idle means no writes.

use jiff::{SignedDuration, Timestamp};
use sallyport_contract::{DnsName, object::FirewallSpec};

use super::{Cycle, Hitch};
use crate::{cluster::Cluster, desired::Desired, firewall::Firewall, ledger::Holding, pace::later};

impl<F: Firewall, C: Cluster> Cycle<F, C> {
    /// Starts the quarantine of every name that has just become unwanted; tells whether there was any.
    pub(super) async fn note_unwanted(
        &mut self,
        spec: &FirewallSpec,
        wanted: &Desired,
        now: Timestamp,
    ) -> Result<bool, Hitch> {
        let quarantine = spec.removal.quarantine.as_signed();
        let mut ended = Vec::new();
        for (name, holding) in self.memory.ledger.iter() {
            let is_wanted = wanted.names().get(name).is_some_and(|name| name.quarantined_until.is_none());
            let was_wanted = self.memory.was_wanted.insert(name.clone(), is_wanted);
            if !is_wanted && begins(was_wanted, holding, quarantine, now) {
                ended.push((name.clone(), holding.clone()));
            }
        }
        let begun = !ended.is_empty();
        let changed = ended.into_iter().map(|(name, mut holding): (DnsName, Holding)| {
            holding.entry.last_wanted = now;
            (name, holding)
        });
        self.store(changed.collect()).await?;
        Ok(begun)
    }
}

/// Whether the quarantine begins now. After a restart nobody knows since when a name has been unwanted: a
/// quarantine that is still running goes on, one that would be over begins again.
fn begins(was_wanted: Option<bool>, holding: &Holding, quarantine: SignedDuration, now: Timestamp) -> bool {
    match was_wanted {
        Some(was_wanted) => was_wanted,
        None => later(holding.entry.last_wanted, quarantine) <= now,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sallyport_contract::object::{Action, ClaimedFirewall};

    #[test]
    fn law_10_a_quarantine_begins_when_a_name_is_seen_unwanted() {
        let now = Timestamp::from_second(10_000).unwrap();
        let hour = SignedDuration::from_hours(1);
        let holding = |second: i64| Holding {
            namespace: "shop".into(),
            entry: ClaimedFirewall {
                firewall: "edge".into(),
                app: "a".into(),
                rule: "r".into(),
                action: Action::Allow,
                last_wanted: Timestamp::from_second(second).unwrap(),
                evidence: None,
            },
            stored: true,
        };
        assert!(begins(Some(true), &holding(9_000), hour, now), "wanted a moment ago");
        assert!(!begins(Some(false), &holding(9_000), hour, now), "already in quarantine");
        assert!(!begins(Some(false), &holding(1), hour, now), "its quarantine is over");
        assert!(!begins(None, &holding(9_000), hour, now), "a restart does not lengthen it");
        assert!(begins(None, &holding(1), hour, now), "a restart does not skip it");
    }
}
