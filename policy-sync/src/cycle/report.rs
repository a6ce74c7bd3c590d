//! What the cycle says: to the gates by the board, to people by the Firewall's status and events.

use std::collections::BTreeMap;

use sallyport_contract::{
    DnsName, Reason,
    object::{Condition, ConditionStatus, FirewallJob, FirewallSpec, FirewallStatus, set_condition},
};

use super::{Cycle, Moment, memory::Job};
use crate::{
    cluster::{About, Cluster, ClusterError, Loss, Note},
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
    /// Posts how the names stand, and stores the object's status if it differs.
    pub(super) async fn report(&mut self, moment: Moment<'_>) -> Result<(), ClusterError> {
        let standing = self.standing(moment.spec());
        self.ports.metrics.names(&self.name, standing.names.values().map(|state| state.reason));
        self.ports.board.post(&self.name, standing);
        self.store_status(moment).await
    }

    /// Stores the object's status if it differs from what was stored last.
    pub(super) async fn store_status(&mut self, moment: Moment<'_>) -> Result<(), ClusterError> {
        let before = self.memory.status.clone().unwrap_or_default();
        let status = self.status(moment, &before);
        if status == before {
            return Ok(());
        }
        match self.ports.cluster.store_firewall(&self.name, self.memory.version, &status).await {
            Ok(version) => self.memory.version = version,
            Err(error) if error.loss == Loss::Gone => {}
            Err(error) => return Err(error),
        }
        for condition in &status.conditions {
            self.tell(moment, condition, &before.conditions).await;
        }
        self.memory.status = Some(status);
        Ok(())
    }

    /// How every wanted name stands.
    pub(super) fn standing(&self, spec: &FirewallSpec) -> Standing {
        let Some(wanted) = &self.memory.desired else { return Standing::default() };
        let wanted_now = wanted.names().iter().filter(|(_, name)| name.quarantined_until.is_none());
        let names: BTreeMap<DnsName, NameState> = wanted_now
            .map(|(dns, name)| {
                let (reason, words) = self.state(spec, dns, name);
                let entry = self.memory.ledger.get(dns).map(|holding| holding.entry.clone());
                (dns.clone(), NameState { reason, words, entry })
            })
            .collect();
        Standing { names, refused: wanted.refused().clone() }
    }

    /// Why a name stands as it does: proof first, then what keeps it from being proven.
    fn state(&self, spec: &FirewallSpec, dns: &DnsName, name: &Name) -> Held {
        let memory = &self.memory;
        let evidence = memory.ledger.get(dns).and_then(|holding| holding.entry.evidence.as_ref());
        match worth(evidence, &name.rule, name.action, spec.proof_max_age, self.ports.clock.now()) {
            Worth::Proof => (Reason::Enforced, String::new()),
            Worth::Nothing => self.hindrance(spec, dns),
            Worth::TooOld(at) => {
                let (reason, words) = self.hindrance(spec, dns);
                (reason, format!("{words}; {}", too_old(&self.name, spec, at)))
            }
        }
    }

    /// What keeps a name from being proven now: first what will not pass by itself, then what will.
    fn hindrance(&self, spec: &FirewallSpec, dns: &DnsName) -> Held {
        let memory = &self.memory;
        let refused = memory.refused.get(dns).map(|(held, _)| held);
        if let Some((reason, words)) = refused.or_else(|| memory.held.get(dns)) {
            return (*reason, self.signed(words));
        }
        if let Some(trouble) = &memory.trouble {
            return (trouble.fault.fate.reason(), self.signed(&trouble.fault.message));
        }
        let unproven = memory.unproven.get(dns);
        let passes =
            |(reason, _): &&Held| matches!(reason, Reason::AwaitingCommit | Reason::PartialCommitIneffective);
        if let Some((reason, words)) = unproven.filter(|held| !passes(held)) {
            return (*reason, self.signed(words));
        }
        if spec.suspend {
            let words = "spec.suspend is set: nothing is written until it is not";
            return (Reason::Suspended, self.signed(words));
        }
        if let Some(job) = &memory.job {
            return (Reason::AwaitingCommit, self.running(job));
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
        format!("firewall {} runs job {} since {}{progress}", self.name, job.id, clock(job.started))
    }

    fn status(&self, moment: Moment<'_>, before: &FirewallStatus) -> FirewallStatus {
        let memory = &self.memory;
        let facts = memory.facts.as_ref();
        let or_before =
            |text: Option<&String>, before: &Option<String>| text.cloned().or_else(|| before.clone());
        FirewallStatus {
            model: or_before(facts.map(|facts| &facts.model), &before.model),
            version: or_before(facts.map(|facts| &facts.version), &before.version),
            serial: or_before(facts.map(|facts| &facts.serial), &before.serial),
            names: i64::try_from(memory.ledger.len()).unwrap_or(i64::MAX),
            job: memory.job.as_ref().map(|job| FirewallJob { id: job.id.clone(), started: job.started }),
            last_commit: memory.last_commit.clone().or_else(|| before.last_commit.clone()),
            conditions: self.conditions(moment, &before.conditions),
        }
    }

    fn conditions(&self, moment: Moment<'_>, before: &[Condition]) -> Vec<Condition> {
        let condition = |kind: &str, status, reason, words: &str| {
            set_condition(
                before,
                kind,
                status,
                reason,
                words,
                moment.firewall.metadata.generation,
                moment.now,
            )
        };
        let (status, reason, words) = self.reachable();
        let reachable = condition("Reachable", status, reason, &words);
        let (status, reason, words) = self.in_sync(moment.spec());
        let in_sync = condition("InSync", status, reason, &words);
        let words = "nothing has shown that packets between these networks cross this firewall";
        let path = condition("PathProven", ConditionStatus::Unknown, Reason::NotShown, words);
        vec![reachable, in_sync, path]
    }

    fn reachable(&self) -> (ConditionStatus, Reason, String) {
        match (&self.memory.trouble, &self.memory.facts) {
            (Some(trouble), _) if away(trouble.fault.fate.reason()) => {
                (ConditionStatus::False, trouble.fault.fate.reason(), trouble.fault.message.clone())
            }
            (_, Some(facts)) => (
                ConditionStatus::True,
                Reason::Accepted,
                format!("{} {}, serial {}", facts.model, facts.version, facts.serial),
            ),
            (_, None) => (
                ConditionStatus::Unknown,
                Reason::AwaitingFirewall,
                "the firewall has not been asked yet".to_owned(),
            ),
        }
    }

    /// The first name that waits speaks for all, with how many there are.
    fn in_sync(&self, spec: &FirewallSpec) -> (ConditionStatus, Reason, String) {
        let standing = self.standing(spec);
        let total = standing.names.len();
        let waiting: Vec<&NameState> =
            standing.names.values().filter(|state| state.reason != Reason::Enforced).collect();
        let mut words = match (&self.memory.trouble, waiting.first()) {
            (Some(trouble), _) => {
                return (ConditionStatus::False, trouble.fault.fate.reason(), trouble.fault.message.clone());
            }
            (None, Some(first)) => {
                let words = format!("{} of {total} names wait; the first: {}", waiting.len(), first.words);
                return (ConditionStatus::False, first.reason, words);
            }
            (None, None) => format!("all {total} names are enforced"),
        };
        if self.memory.job.is_some() {
            words.push_str("; a commit of ours runs");
        }
        if let Some(copy) = self.memory.copies.first() {
            let n = self.memory.copies.len();
            let words = format!(
                "{n} objects carry our mark and are not ours, the first: {copy}; remove them, or their mark"
            );
            return (ConditionStatus::False, Reason::CopiedMark, words);
        }
        (ConditionStatus::True, Reason::InSync, words)
    }

    /// Tells a condition whose reason changed, unless it only says that things take their course.
    async fn tell(&self, moment: Moment<'_>, condition: &Condition, before: &[Condition]) {
        let was = before.iter().find(|c| c.kind == condition.kind).map(|c| c.reason.as_str());
        let reason = Reason::from_code(&condition.reason);
        let quiet = matches!(
            reason,
            None | Some(Reason::AwaitingFirewall | Reason::AwaitingCommit | Reason::NotShown)
        );
        if was == Some(condition.reason.as_str()) || quiet {
            return;
        }
        let uid = moment.firewall.metadata.uid.clone().unwrap_or_default();
        let note = Note {
            about: About::Firewall(self.name.clone(), uid),
            reason: reason.unwrap_or(Reason::AwaitingFirewall),
            words: condition.message.clone(),
            warning: condition.status == ConditionStatus::False,
        };
        self.ports.cluster.tell(&note).await;
    }
}

/// Reasons that say that we cannot talk with the device.
const fn away(reason: Reason) -> bool {
    matches!(reason, Reason::FirewallUnreachable | Reason::CredentialsRefused)
}
