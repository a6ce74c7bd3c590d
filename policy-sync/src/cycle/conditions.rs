//! The conditions of a firewall: reachable, in sync, what is round our rules, how full it is.

use sallyport_contract::{
    Reason,
    object::{Condition, ConditionStatus, FirewallSpec, set_condition},
};

use super::{Cycle, Moment};
use crate::{
    cluster::Cluster,
    firewall::Firewall,
    standing::{NameState, Standing},
};

impl<F: Firewall, C: Cluster> Cycle<F, C> {
    /// Every condition; one that says nothing now stays as it was.
    pub(super) fn conditions(&self, moment: Moment<'_>, before: &[Condition]) -> Vec<Condition> {
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
        let path = match &self.memory.path {
            Some(path) => condition("PathProven", path.status, path.reason, &path.words),
            None => {
                let words = "nothing has shown that packets between these networks cross this firewall";
                condition("PathProven", ConditionStatus::Unknown, Reason::NotShown, words)
            }
        };
        let mut conditions = vec![reachable, in_sync, path];
        let round = self.surroundings(moment.spec()).into_iter();
        conditions.extend(round.map(|(kind, status, reason, words)| condition(kind, status, reason, &words)));
        let missing = |kept: &&Condition| conditions.iter().all(|c| c.kind != kept.kind);
        let kept: Vec<Condition> = before.iter().filter(missing).cloned().collect();
        conditions.extend(kept);
        conditions
    }

    /// What was found round our rules, and how full the device is; nothing before it was read.
    fn surroundings(&self, spec: &FirewallSpec) -> Vec<(&'static str, ConditionStatus, Reason, String)> {
        let memory = &self.memory;
        let mut found = Vec::new();
        if let Some((status, words)) = &memory.surroundings.default_deny {
            let reason = match status {
                ConditionStatus::True => Reason::Accepted,
                ConditionStatus::False => Reason::EnforcedPermissive,
                ConditionStatus::Unknown => Reason::NotShown,
            };
            found.push(("DefaultDeny", *status, reason, words.clone()));
            let seen: Vec<&String> =
                memory.surroundings.hidden.values().chain(&memory.surroundings.told).collect();
            found.push(match seen.split_first() {
                None => (
                    "Unshadowed",
                    ConditionStatus::True,
                    Reason::Accepted,
                    "no foreign rule decides before ours".to_owned(),
                ),
                Some((first, rest)) => {
                    let more =
                        if rest.is_empty() { String::new() } else { format!("; and {} more", rest.len()) };
                    (
                        "Unshadowed",
                        ConditionStatus::False,
                        Reason::ShadowedByForeignRule,
                        format!("{first}{more}"),
                    )
                }
            });
        }
        if let Some(capacity) = &memory.capacity {
            let status = ConditionStatus::from(!capacity.nearly_full);
            let reason = if capacity.nearly_full { Reason::CapacityReached } else { Reason::Accepted };
            found.push(("CapacityLeft", status, reason, capacity.words.clone()));
        }
        if let Some(facts) = &memory.facts {
            let (status, reason, words) = attested(spec, &facts.version);
            found.push(("PatternsProven", status, reason, words));
        }
        found
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
        let waiting: Vec<&NameState> = standing.names.values().filter(|state| !state.enforced()).collect();
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
        words.push_str(&refused(&standing));
        if let Some(job) = &self.memory.job {
            words.push_str(job.running());
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
}

/// What a person found with the device check: whether patterns hold as we rely on, on the release that runs.
pub(super) fn attested(spec: &FirewallSpec, version: &str) -> (ConditionStatus, Reason, String) {
    let unknown = |words: String| (ConditionStatus::Unknown, Reason::NotShown, words);
    let Some(attested) = &spec.attested else {
        return unknown(
            "nobody has checked patterns on this device (spec.attested); docs/FIREWALL.md says how, under The device check".to_owned(),
        );
    };
    let holds = [
        (attested.anchors, "anchors do not hold at the edges of the SNI"),
        (attested.ignore_case, "(?i) does not ignore case"),
        (attested.trailing_dot, "a name with a trailing dot does not match"),
    ];
    let broken: Vec<&str> = holds.iter().filter(|(holds, _)| !holds).map(|(_, words)| *words).collect();
    if !broken.is_empty() {
        let words = format!("on {}: {}", attested.version, broken.join(", "));
        return (ConditionStatus::False, Reason::EngineTooOld, words);
    }
    if attested.version != version {
        return unknown(format!(
            "patterns were checked on {}, the device runs {version}; check again",
            attested.version
        ));
    }
    (ConditionStatus::True, Reason::Accepted, format!("patterns hold on {version}, by spec.attested"))
}

/// What is added of identities that this firewall does not serve; they are not counted among those that wait.
fn refused(standing: &Standing) -> String {
    let mut refused = standing.refused.iter();
    match refused.next() {
        None => String::new(),
        Some((key, (_, words))) => {
            let rest = refused.count() + 1;
            format!("; {rest} identities are refused, the first, {key}: {words}")
        }
    }
}

/// Reasons that say that we cannot talk with the device.
const fn away(reason: Reason) -> bool {
    matches!(reason, Reason::FirewallUnreachable | Reason::CredentialsRefused)
}
