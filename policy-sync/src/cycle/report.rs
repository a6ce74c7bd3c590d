//! What the cycle says: to the gates by the board, to people by the Firewall's status and events.

use sallyport_contract::{
    Reason,
    object::{
        Condition, ConditionStatus, FirewallDevice, FirewallJob, FirewallMember, FirewallStatus, NameCount,
        set_condition,
    },
};

use super::{Cycle, Moment};
use crate::{
    cluster::{About, Cluster, ClusterError, Loss, Note},
    devices::Counted,
    firewall::Firewall,
    member::Member,
};

impl<F: Firewall, C: Cluster> Cycle<F, C> {
    /// Posts how the names stand, and stores the object's status if it differs.
    pub(super) async fn report(&mut self, moment: Moment<'_>) -> Result<(), ClusterError> {
        let standing = self.standing(moment.spec());
        let desired = self.memory.desired.iter().flat_map(|desired| desired.names().values());
        let unwanted = desired.filter(|name| name.quarantined_until.is_some()).map(|_| Reason::Quarantined);
        let wanted = standing.names.values().map(|state| state.reason);
        self.ports.metrics.names(&self.name, wanted.chain(unwanted));
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
        self.ports.metrics.conditions(self.member.firewall(), &status.conditions);
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
                limit: memory
                    .capacity
                    .as_ref()
                    .map(|capacity| i64::try_from(capacity.names).unwrap_or(i64::MAX))
                    .or(before.names.limit),
            },
            job,
            last_commit: memory.last_commit.clone().or(before.last_commit),
            conditions: self.conditions(moment, &before.conditions),
            host: before.host,
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
        // A series of events keeps its first one's words, so that a number in them would soon be wrong.
        let words = match reason {
            Some(Reason::InSync) => "everything that is wanted is enforced".to_owned(),
            _ => condition.message.clone(),
        };
        let warning = condition.status == ConditionStatus::False;
        self.tell_people(moment, reason.unwrap_or(Reason::AwaitingFirewall), words, warning).await;
    }

    /// An event on the `Firewall`.
    pub(super) async fn tell_people(&self, moment: Moment<'_>, reason: Reason, words: String, warning: bool) {
        let uid = moment.firewall.metadata.uid.clone().unwrap_or_default();
        let about = About::Firewall(self.member.firewall().to_owned(), uid);
        self.ports.cluster.tell(&Note { about, related: None, reason, words, warning }).await;
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
