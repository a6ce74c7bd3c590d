//! How long pods wait, and which stage of the journey they wait in.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use sallyport_contract::{Reason, object::LastCommit};

use crate::{gate::Carrier, identity::Identity, standing::Standing};

/// A stage between a pod's creation and the opening of its gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// From the pod's creation to its identity's first certificate.
    Certificate,
    /// Until all was written and the commit began.
    Written,
    /// Until the commit ended.
    Committed,
    /// Until the proof was read back, through a push where there is one, and the gate was written.
    Gate,
}

impl Stage {
    /// Every stage, in order.
    pub const ALL: [Self; 4] = [Self::Certificate, Self::Written, Self::Committed, Self::Gate];

    /// The word in metrics and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Certificate => "certificate",
            Self::Written => "written",
            Self::Committed => "committed",
            Self::Gate => "gate",
        }
    }
}

/// How long one pod waited for its gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Journey {
    marks: [Timestamp; 5],
}

impl Journey {
    /// The journey of a pod whose gate opens now on proof. The certificate is issued while the firewall is written, and either may have
    /// been there before the pod, so each stage has the time that it *added*: together they are the whole.
    #[must_use]
    pub fn of(created: Timestamp, identity: &Identity, standing: Option<&Standing>, now: Timestamp) -> Self {
        let issued = identity.certificate.issued.as_ref().and_then(|issued| issued.as_ref().ok()).copied();
        let commit = standing.and_then(|standing| carrier(standing, identity));
        let written = commit.and_then(|commit| {
            commit.finished.checked_sub(SignedDuration::from_secs(commit.took_seconds)).ok()
        });
        let reached = [issued, written, commit.map(|commit| commit.finished), Some(now)];
        let mut marks = [created; 5];
        let mut latest = created;
        for (mark, at) in marks.iter_mut().skip(1).zip(reached) {
            latest = at.map_or(latest, |at| at.clamp(latest, now.max(latest)));
            *mark = latest;
        }
        Self { marks }
    }

    /// What each stage added, in order.
    pub fn stages(&self) -> impl Iterator<Item = (Stage, SignedDuration)> + '_ {
        self.spans().map(|(stage, from, to)| (stage, to.duration_since(from)))
    }

    /// Every stage with its beginning and its end.
    pub fn spans(&self) -> impl Iterator<Item = (Stage, Timestamp, Timestamp)> + '_ {
        let ends = self.marks.iter().skip(1);
        Stage::ALL.into_iter().zip(self.marks.iter().zip(ends)).map(|(stage, (from, to))| (stage, *from, *to))
    }

    /// The pod's creation and the opening of its gate.
    #[must_use]
    pub const fn whole(&self) -> (Timestamp, Timestamp) {
        let [created, .., opened] = self.marks;
        (created, opened)
    }

    /// From the pod's creation to its gate.
    #[must_use]
    pub fn total(&self) -> SignedDuration {
        let (created, opened) = self.whole();
        opened.duration_since(created)
    }
}

/// The commit that carried a name of the identity, if it was the last one.
fn carrier<'a>(standing: &'a Standing, identity: &Identity) -> Option<&'a LastCommit> {
    let commit = standing.commit.as_ref()?;
    let carried = identity.names.iter().flatten().any(|name| {
        let state = standing.names.get(name);
        let evidence = state.and_then(|state| state.entry.as_ref()?.evidence.as_ref());
        evidence.is_some_and(|evidence| evidence.job.as_ref() == Some(&commit.job))
    });
    carried.then_some(commit)
}

/// The living pods that wait for their gates: how many by reason, and since when the oldest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waiting(BTreeMap<Reason, (u64, Timestamp)>);

impl Waiting {
    /// The pods of one identity.
    #[must_use]
    pub fn of<'a>(pods: impl Iterator<Item = &'a Carrier>) -> Self {
        let mut waiting = Self::default();
        for pod in pods.filter(|pod| pod.living && pod.gated) {
            let reason = match &pod.gate {
                Some(gate) if gate.open => continue,
                Some(gate) => Reason::from_code(&gate.reason).unwrap_or(Reason::AwaitingFirewall),
                None => Reason::AwaitingFirewall,
            };
            waiting.add(reason, 1, pod.created);
        }
        waiting
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Both together.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        for (reason, (count, since)) in &other.0 {
            self.add(*reason, *count, *since);
        }
        self
    }

    /// How many wait for this, and since when the oldest.
    #[must_use]
    pub fn by(&self, reason: Reason) -> Option<(u64, Timestamp)> {
        self.0.get(&reason).copied()
    }

    fn add(&mut self, reason: Reason, count: u64, since: Timestamp) {
        let (all, oldest) = self.0.entry(reason).or_insert((0, since));
        *all = all.saturating_add(count);
        *oldest = (*oldest).min(since);
    }
}

#[cfg(test)]
mod tests {
    use sallyport_contract::object::{ClaimedFirewall, WorkloadIdentity};
    use serde_json::json;

    use super::*;
    use crate::{gate::Gate, standing::NameState};

    const NAME: &str = "web.x.example";

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn identity(issued: Option<Timestamp>) -> Identity {
        let issued = issued.map(|at| {
            json!({"type": "CertificateIssued", "status": "True", "reason": "Issued", "message": "", "lastTransitionTime": at})
        });
        let conditions: Vec<_> = issued.into_iter().collect();
        let object: WorkloadIdentity = serde_json::from_value(json!({
            "apiVersion": "sallyport.dev/v1alpha1", "kind": "WorkloadIdentity",
            "metadata": {"name": "web-1", "namespace": "shop"},
            "spec": {"dnsNames": [NAME], "delivery": "Secret", "action": "Allow", "policy": "p",
                "certificate": {"authority": "ca"}, "firewall": "fw"},
            "status": {"conditions": conditions}}))
        .unwrap();
        object.into()
    }

    fn standing(carried_by: &str, job: &str, finished: Timestamp, took_seconds: i64) -> Standing {
        let entry: ClaimedFirewall = serde_json::from_value(json!({
            "firewall": "fw", "app": "a", "rule": "r", "action": "Allow", "lastWanted": at(0),
            "evidence": {"devices": ["1"], "provenAt": at(0), "action": "Allow", "rule": "r", "job": carried_by}}))
        .unwrap();
        let state = NameState { reason: Reason::Enforced, words: String::new(), entry: Some(entry.into()) };
        let commit = LastCommit { job: job.into(), result: "OK".into(), finished, took_seconds };
        let names = [(NAME.parse().unwrap(), state)].into();
        Standing { names, commit: Some(commit), ..Standing::default() }
    }

    fn seconds(journey: &Journey) -> Vec<i64> {
        journey.stages().map(|(_, added)| added.as_secs()).collect()
    }

    #[test]
    fn each_stage_has_what_it_added_and_together_they_are_the_whole() {
        for (what, issued, standing, expected) in [
            ("one after the other", Some(at(2)), Some(standing("7", "7", at(45), 40)), [2, 3, 40, 5]),
            ("the certificate came last", Some(at(48)), Some(standing("7", "7", at(45), 40)), [48, 0, 0, 2]),
            (
                "both were there before the pod",
                Some(at(-9)),
                Some(standing("7", "7", at(-5), 40)),
                [0, 0, 0, 50],
            ),
            (
                "the last commit was for others",
                Some(at(2)),
                Some(standing("6", "7", at(45), 40)),
                [2, 0, 0, 48],
            ),
            (
                "the commit began before the pod",
                Some(at(1)),
                Some(standing("7", "7", at(20), 40)),
                [1, 0, 19, 30],
            ),
            ("clocks differ", Some(at(99)), Some(standing("7", "7", at(98), 40)), [50, 0, 0, 0]),
            ("nothing is known", None, None, [0, 0, 0, 50]),
        ] {
            let journey = Journey::of(at(0), &identity(issued), standing.as_ref(), at(50));
            assert_eq!(seconds(&journey), expected, "{what}");
            assert_eq!(journey.total().as_secs(), 50, "{what}");
        }
        let journey = Journey::of(at(60), &identity(None), None, at(50));
        assert_eq!(
            (seconds(&journey), journey.total().as_secs()),
            (vec![0, 0, 0, 0], 0),
            "born in our future"
        );
    }

    #[test]
    fn pods_wait_by_reason_since_the_oldest() {
        let pod = |second: i64, gate: Option<(bool, &str)>| Carrier {
            created: at(second),
            gated: true,
            living: true,
            gate: gate.map(|(open, reason)| Gate { open, reason: reason.into(), message: String::new() }),
            ..Carrier::default()
        };
        let pods = [
            pod(5, Some((false, "AwaitingCommit"))),
            pod(3, Some((false, "AwaitingCommit"))),
            pod(1, Some((true, "Enforced"))),
            pod(4, None),
            Carrier { living: false, ..pod(0, None) },
            Carrier { gated: false, ..pod(0, None) },
        ];
        let waiting = Waiting::of(pods.iter()).and(&Waiting::of([pod(2, None)].iter()));
        assert_eq!(waiting.by(Reason::AwaitingCommit), Some((2, at(3))));
        assert_eq!(waiting.by(Reason::AwaitingFirewall), Some((2, at(2))));
        assert_eq!((waiting.by(Reason::Enforced), waiting.is_empty()), (None, false));
        assert!(Waiting::of([pod(1, Some((true, "Enforced")))].iter()).is_empty());
    }
}
