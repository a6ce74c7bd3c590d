//! How every wanted name stands, and what keeps it from being proven.

use std::{collections::BTreeMap, sync::Arc};

use sallyport_contract::{
    DnsName, Reason,
    object::{Action, ConditionStatus, DefaultDeny, FirewallSpec, JobKind},
};

use super::{Cycle, memory::Job};
use crate::{
    brakes::SUSPENDED,
    cluster::Cluster,
    desired::Name,
    diff::Held,
    firewall::Firewall,
    ledger::{Worth, worth},
    proven::{clock, too_old},
    standing::{NameState, Standing},
};

/// Steps in which a job's progress is told: each is a write for every pod that waits.
const PROGRESS_STEP: u8 = 20;

impl<F: Firewall, C: Cluster> Cycle<F, C> {
    /// How every wanted name stands.
    pub(super) fn standing(&self, spec: &FirewallSpec) -> Standing {
        let Some(wanted) = &self.memory.desired else { return Standing::default() };
        let wanted_now = wanted.names().iter().filter(|(_, name)| name.quarantined_until.is_none());
        let names: BTreeMap<DnsName, NameState> = wanted_now
            .map(|(dns, name)| {
                let (reason, words) = self.state(spec, dns, name);
                let entry = self.memory.ledger.get(dns).map(|holding| Arc::clone(&holding.entry));
                (dns.clone(), NameState { reason, words, entry })
            })
            .collect();
        Standing { names, refused: wanted.refused().clone(), commit: self.memory.last_commit.clone() }
    }

    /// Why a name stands as it does: proof first, then what keeps it from being proven.
    fn state(&self, spec: &FirewallSpec, dns: &DnsName, name: &Name) -> Held {
        let memory = &self.memory;
        let evidence = memory.ledger.get(dns).and_then(|holding| holding.entry.evidence.as_ref());
        if name.blocked {
            return self.blocked(spec, dns, name);
        }
        match worth(evidence, &name.rule, name.action, spec.proof_max_age, self.ports.clock.now()) {
            Worth::Proof => self.proven_state(spec, name),
            Worth::Nothing => self.hindrance(spec, dns),
            Worth::TooOld(at) => {
                let (reason, words) = self.hindrance(spec, dns);
                (reason, format!("{words}; {}", too_old(&self.name, spec, at)))
            }
        }
    }

    /// How a proven name stands: an allow rule means something only where the default is to deny.
    fn proven_state(&self, spec: &FirewallSpec, name: &Name) -> Held {
        let judged = self.memory.surroundings.default_deny.as_ref().filter(|_| name.action == Action::Allow);
        match (judged, spec.default_deny) {
            (Some((ConditionStatus::True, _)), _) => (Reason::Enforced, String::new()),
            (None | Some((ConditionStatus::Unknown, _)), DefaultDeny::Warn) => {
                (Reason::Enforced, String::new())
            }
            (Some((ConditionStatus::False, words)), DefaultDeny::Warn) => {
                (Reason::EnforcedPermissive, words.clone())
            }
            (None, DefaultDeny::Require) if name.action == Action::Deny => (Reason::Enforced, String::new()),
            (None, DefaultDeny::Require) => {
                let words =
                    "whether other traffic is denied is about to be judged (spec.defaultDeny: Require)";
                (Reason::AwaitingDefaultDeny, self.signed(words))
            }
            (Some((ConditionStatus::False | ConditionStatus::Unknown, words)), DefaultDeny::Require) => (
                Reason::AwaitingDefaultDeny,
                self.signed(&format!("spec.defaultDeny is Require, and {words}")),
            ),
        }
    }

    /// How a name stands that the `Firewall` blocks: its gates stay shut, and people hear whether it is denied already.
    fn blocked(&self, spec: &FirewallSpec, dns: &DnsName, name: &Name) -> Held {
        let evidence = self.memory.ledger.get(dns).and_then(|holding| holding.entry.evidence.as_ref());
        let denied = evidence.filter(|evidence| evidence.rule == name.rule && evidence.action == name.action);
        let words = match denied {
            Some(evidence) => format!(
                "spec.blocked lists {dns}; it is denied by rule {} since {}, whatever its workloads ask for",
                name.rule,
                clock(evidence.proven_at)
            ),
            None => {
                let (reason, words) = self.hindrance(spec, dns);
                return (Reason::Blocked, format!("{words} ({reason}); spec.blocked lists {dns}"));
            }
        };
        (Reason::Blocked, self.signed(&words))
    }

    /// What keeps a name from being proven now: first what will not pass by itself, then what will.
    fn hindrance(&self, spec: &FirewallSpec, dns: &DnsName) -> Held {
        let memory = &self.memory;
        let refused = memory.refused.get(dns).map(|(held, _)| held);
        let held = refused.or_else(|| memory.held.get(dns)).or_else(|| memory.limited.get(dns));
        if let Some((reason, words)) = held {
            return (*reason, self.signed(words));
        }
        if let Some(trouble) = &memory.trouble {
            return (trouble.fault.fate.reason(), self.signed(&trouble.fault.message));
        }
        let unproven = memory.unproven.get(dns);
        let passes = |(reason, _): &&Held| {
            matches!(reason, Reason::AwaitingCommit | Reason::PartialCommitIneffective | Reason::AwaitingPush)
        };
        if let Some((reason, words)) = unproven.filter(|held| !passes(held)) {
            return (*reason, self.signed(words));
        }
        if spec.suspend {
            return (Reason::Suspended, self.signed(SUSPENDED));
        }
        if let Some(job) = &memory.job {
            return (job.reason(), self.running(job));
        }
        if let Some((reason, words)) = &memory.still {
            return (*reason, self.signed(words));
        }
        match unproven {
            Some((reason, words)) => (*reason, self.signed(words)),
            None => (Reason::AwaitingFirewall, self.signed("the name is about to be written and proven")),
        }
    }

    fn signed(&self, words: &str) -> String {
        format!("firewall {}: {words}", self.name)
    }

    fn running(&self, job: &Job) -> String {
        let progress =
            job.progress.map(|percent| percent - percent % PROGRESS_STEP).filter(|percent| *percent > 0);
        let progress = progress.map(|percent| format!(" ({percent} %)")).unwrap_or_default();
        let what = match job.kind {
            JobKind::Commit => "job",
            JobKind::Push => "push job",
        };
        format!("firewall {} runs {what} {} since {}{progress}", self.name, job.id, clock(job.started))
    }
}
