//! What the path probes' reports come to for this firewall.

use jiff::Timestamp;
use sallyport_contract::{
    DnsName,
    object::{Action, ConditionStatus, PathProof},
};

use super::{Cycle, Moment};
use crate::{cluster::Cluster, firewall::Firewall, path};

/// Since when a name has been denied without a break, as far as we know; not at all while it is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Canary {
    name: String,
    denied_since: Option<Timestamp>,
}

impl<F: Firewall, C: Cluster> Cycle<F, C> {
    /// Judges the reports anew.
    pub(super) fn look_at_the_path(&mut self, moment: Moment<'_>) {
        let Some(proof) = &moment.spec().path_proof else {
            (self.memory.canary, self.memory.path) = (None, None);
            self.ports.metrics.no_paths(&self.name);
            return;
        };
        let denied = self.denied(moment, proof);
        let reports = moment.world.path_reports.values().map(|report| &report.spec);
        let about_us = reports.filter(|report| report.firewall == self.member.firewall());
        let path = path::judge(proof, denied, about_us, moment.now);
        self.ports.metrics.paths(&self.name, path.tally);
        let was = self.memory.path.as_ref().map(|path| path.status);
        if path.status == ConditionStatus::False && was != Some(ConditionStatus::False) {
            tracing::warn!(firewall = self.name, words = path.words, "packets go around the firewall");
        }
        self.memory.path = Some(path);
    }

    /// Since when the canary has been denied, or why it is not. What was denied when we began counts as it was stored.
    fn denied(&mut self, moment: Moment<'_>, proof: &PathProof) -> Result<Timestamp, String> {
        let state = self.canary_denied(moment, &proof.canary);
        let before = self.memory.canary.take();
        let denied_since = match (&state, &before) {
            (Err(_), _) => None,
            (Ok(()), None) => Some(Timestamp::UNIX_EPOCH),
            (Ok(()), Some(before)) if before.name == proof.canary => {
                Some(before.denied_since.unwrap_or(moment.now))
            }
            (Ok(()), Some(_)) => Some(moment.now),
        };
        self.memory.canary = Some(Canary { name: proof.canary.clone(), denied_since });
        state.map(|()| denied_since.unwrap_or(moment.now))
    }

    fn canary_denied(&self, moment: Moment<'_>, canary: &str) -> Result<(), String> {
        let dns = canary
            .parse::<DnsName>()
            .map_err(|error| format!("spec.pathProof.canary is no DNS name: {canary:?} {error}"))?;
        let name = self.memory.desired.as_ref().and_then(|desired| desired.names().get(&dns));
        let Some(name) = name.filter(|name| name.quarantined_until.is_none()) else {
            return Err(format!(
                "no identity asks this firewall to deny {dns}, the name of spec.pathProof.canary: see that the path \
                 probes run"
            ));
        };
        if name.action != Action::Deny {
            return Err(format!(
                "{dns}, the name of spec.pathProof.canary, is to be allowed; it must be denied"
            ));
        }
        match self.standing(moment.spec()).names.get(&dns) {
            Some(state) if state.enforced() => Ok(()),
            Some(state) => Err(format!("the firewall is not known to deny {dns} ({})", state.reason)),
            None => Err(format!("the firewall has not been asked about {dns} yet")),
        }
    }
}
