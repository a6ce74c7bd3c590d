//! Whether the device's pattern engine takes our patterns: asked once for each login, before the first App-ID is
//! written. They all have one shape, so one speaks for all.

use sallyport_contract::{DnsName, Reason, firewall_names::sni_pattern};

use super::{Cycle, Hitch, snapshot::Snapshot};
use crate::{
    actual::Configuration,
    cluster::Cluster,
    desired::{Desired, Name},
    diff::Held,
    firewall::{Firewall, PatternVerdict},
};

impl<F: Firewall, C: Cluster> Cycle<F, C> {
    /// Has a pattern tested that is about to be written.
    pub(super) async fn test_patterns(
        &mut self,
        device: &F,
        wanted: &Desired,
        snapshot: &Snapshot,
    ) -> Result<(), Hitch> {
        match new(wanted, &snapshot.candidate).next() {
            Some((dns, _)) => self.test_pattern(device, &sni_pattern(dns), snapshot).await,
            None => Ok(()),
        }
    }

    /// Has one pattern tested on every device that has not taken one before.
    pub(super) async fn test_pattern(
        &mut self,
        device: &F,
        pattern: &str,
        snapshot: &Snapshot,
    ) -> Result<(), Hitch> {
        for front in snapshot.fronts.iter().filter(|front| front.state.is_some()) {
            // A person may change the engine, so what is refused is asked again.
            let known = self.memory.engines.get(&front.serial);
            if !matches!(known, None | Some(PatternVerdict::Invalid(_))) {
                continue;
            }
            let verdict = match device.test_pattern(front.target(), pattern).await? {
                PatternVerdict::Invalid(words) => PatternVerdict::Invalid(front.signed(words)),
                told @ (PatternVerdict::Valid(_) | PatternVerdict::Unknown(_)) => told,
            };
            self.memory.engines.insert(front.serial.clone(), verdict);
        }
        Ok(())
    }

    /// The names that some device's engine cannot take.
    pub(super) fn untakeable(&self, wanted: &Desired, candidate: &Configuration) -> Vec<DnsName> {
        match self.refusing_engine() {
            Some(_) => new(wanted, candidate).map(|(dns, _)| dns.clone()).collect(),
            None => Vec::new(),
        }
    }

    /// Why they wait.
    pub(super) fn engine_refuses(&self) -> Held {
        let words = self.refusing_engine().unwrap_or_default();
        let words = format!(
            "the pattern engine does not take our pattern, it answers {words}; switch the device to the enhanced pattern \
             engine, or update it to 10.0 or later"
        );
        (Reason::EngineTooOld, words)
    }

    fn refusing_engine(&self) -> Option<&str> {
        self.memory.engines.values().find_map(|verdict| match verdict {
            PatternVerdict::Invalid(words) => Some(words.as_str()),
            PatternVerdict::Valid(_) | PatternVerdict::Unknown(_) => None,
        })
    }
}

/// The names whose App-ID does not stand yet.
fn new<'a>(
    wanted: &'a Desired,
    candidate: &'a Configuration,
) -> impl Iterator<Item = (&'a DnsName, &'a Name)> {
    wanted.names().iter().filter(|(_, name)| {
        name.quarantined_until.is_none() && !candidate.applications.contains_key(name.app.as_str())
    })
}
