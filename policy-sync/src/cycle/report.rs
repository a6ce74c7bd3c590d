//! What the cycle says: to the gates by the board, to people by the Firewall's status and events.

use std::collections::BTreeMap;

use sallyport_contract::{
    DnsName, Reason,
    object::{
        Condition, ConditionStatus, FirewallDevice, FirewallJob, FirewallMember, FirewallSpec,
        FirewallStatus, JobKind, NameCount, set_condition,
    },
};

use super::{Cycle, Moment, memory::Job};
use crate::{
    cluster::{About, Cluster, ClusterError, Loss, Note},
    desired::Name,
    devices::Counted,
    diff::Held,
    firewall::Firewall,
    ledger::{Worth, worth},
    member::Member,
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
        match self.store_status(moment).await {
            // Another member of the same object wrote; what it wrote wakes us.
            Err(error) if error.loss == Loss::Outrun && self.member.host().is_some() => Ok(()),
            stored => stored,
        }
    }

    /// Stores the object's status if it differs from what was stored last.
    pub(super) async fn store_status(&mut self, moment: Moment<'_>) -> Result<(), ClusterError> {
        let before = self.memory.status.clone().unwrap_or_default();
        let status = self.status(moment, &before);
        if status == before {
            return Ok(());
        }
        match self.ports.cluster.store_firewall(self.member.firewall(), self.memory.version, &status).await {
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
        if name.blocked {
            return self.blocked(spec, dns, name);
        }
        match worth(evidence, &name.rule, name.action, spec.proof_max_age, self.ports.clock.now()) {
            Worth::Proof => (Reason::Enforced, String::new()),
            Worth::Nothing => self.hindrance(spec, dns),
            Worth::TooOld(at) => {
                let (reason, words) = self.hindrance(spec, dns);
                (reason, format!("{words}; {}", too_old(&self.name, spec, at)))
            }
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
            let words = "spec.suspend is set: nothing is written until it is not";
            return (Reason::Suspended, self.signed(words));
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

    /// The status as it should be: the whole of it, or our member's part and the sum of all.
    fn status(&self, moment: Moment<'_>, before: &FirewallStatus) -> FirewallStatus {
        let Some(host) = self.member.host() else {
            let ours = self.part(moment, FirewallMember::of(before));
            let device = |one: &Counted| FirewallDevice {
                serial: one.managed.serial.clone(),
                hostname: one.managed.hostname.clone(),
                device_group: one.managed.group.clone(),
                counts: one.counts,
                disconnected_since: one.away_since,
            };
            let asked = self.memory.facts.is_some();
            let active = self.memory.facts.as_ref().and_then(|facts| facts.active.clone());
            return FirewallStatus {
                active: active.or_else(|| before.active.clone()),
                devices: if asked {
                    self.memory.devices.iter().map(device).collect()
                } else {
                    before.devices.clone()
                },
                in_sync_through: self.memory.shipping.through().or_else(|| before.in_sync_through.clone()),
                ..FirewallStatus::of(ours)
            };
        };
        let hosts: Vec<String> = Member::of(self.member.firewall(), moment.spec())
            .iter()
            .filter_map(|member| member.host().map(ToOwned::to_owned))
            .collect();
        let before_of = |host: &str| before.members.iter().find(|one| one.host == host).cloned();
        let fresh = || FirewallMember { host: host.to_owned(), ..FirewallMember::default() };
        let ours = self.part(moment, before_of(host).unwrap_or_else(fresh));
        let members =
            hosts.iter().filter_map(|one| if one == host { Some(ours.clone()) } else { before_of(one) });
        together(members.collect(), hosts.len(), moment, &before.conditions)
    }

    /// What there is to say of one firewall.
    fn part(&self, moment: Moment<'_>, before: FirewallMember) -> FirewallMember {
        let memory = &self.memory;
        let facts = memory.facts.as_ref();
        let job = memory.job.as_ref().map(|job| FirewallJob {
            id: job.id.clone(),
            started: job.started,
            kind: job.kind,
            device_group: job.group.clone(),
        });
        FirewallMember {
            model: facts.map(|facts| facts.model.clone()).or(before.model),
            version: facts.map(|facts| facts.version.clone()).or(before.version),
            serial: facts.map(|facts| facts.serial.clone()).or(before.serial),
            names: NameCount {
                used: i64::try_from(memory.ledger.len()).unwrap_or(i64::MAX),
                limit: memory.room.map(|room| i64::try_from(room).unwrap_or(i64::MAX)).or(before.names.limit),
            },
            job,
            last_commit: memory.last_commit.clone().or(before.last_commit),
            conditions: self.conditions(moment, &before.conditions),
            host: before.host,
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
            (None, None) => self.enforced(total),
        };
        if self.memory.job.is_some() {
            words.push_str("; a commit of ours runs");
        }
        let leaving =
            self.memory.limited.values().find(|(reason, _)| *reason == Reason::RemovalAwaitsApproval);
        if let Some((reason, words)) = leaving {
            return (ConditionStatus::False, *reason, words.clone());
        }
        if let Some((reason, words)) = &self.memory.still {
            return (
                ConditionStatus::from(*reason == Reason::OutsideWindow),
                *reason,
                format!("{}; {words}", self.enforced(total)),
            );
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

    fn enforced(&self, total: usize) -> String {
        let devices = self.memory.devices.iter().filter(|device| device.counts).count();
        match devices {
            0 => format!("all {total} names are enforced"),
            devices => format!("all {total} names are enforced on {devices} devices"),
        }
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
            about: About::Firewall(self.member.firewall().to_owned(), uid),
            reason: reason.unwrap_or(Reason::AwaitingFirewall),
            words: condition.message.clone(),
            warning: condition.status == ConditionStatus::False,
        };
        self.ports.cluster.tell(&note).await;
    }
}

/// The status of several members: each by itself, and of every condition the worst.
fn together(
    members: Vec<FirewallMember>,
    expected: usize,
    moment: Moment<'_>,
    before: &[Condition],
) -> FirewallStatus {
    let mut kinds: Vec<&str> =
        members.iter().flat_map(|member| &member.conditions).map(|c| c.kind.as_str()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let worst = |kind: &str| {
        let all = members.iter().flat_map(|member| {
            member.conditions.iter().filter(|c| c.kind == kind).map(|c| (member.host.as_str(), c))
        });
        let (host, worst) = all.min_by_key(|(_, condition)| match condition.status {
            ConditionStatus::False => 0,
            ConditionStatus::Unknown => 1,
            ConditionStatus::True => 2,
        })?;
        let words = match members.len() {
            known if known < expected => {
                format!("{known} of {expected} hosts have been asked; {host}: {}", worst.message)
            }
            _ => format!("{host}: {}", worst.message),
        };
        let reason = Reason::from_code(&worst.reason).unwrap_or(Reason::AwaitingFirewall);
        let generation = moment.firewall.metadata.generation;
        Some(set_condition(before, kind, worst.status, reason, &words, generation, moment.now))
    };
    let conditions = kinds.into_iter().filter_map(worst).collect();
    let used = members.iter().map(|member| member.names.used).max().unwrap_or_default();
    let limit = members.iter().filter_map(|member| member.names.limit).min();
    FirewallStatus { names: NameCount { used, limit }, conditions, members, ..FirewallStatus::default() }
}

/// Reasons that say that we cannot talk with the device.
const fn away(reason: Reason) -> bool {
    matches!(reason, Reason::FirewallUnreachable | Reason::CredentialsRefused)
}
