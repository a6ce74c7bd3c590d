//! Reading back: which names the device enforces, and which not and why.

use std::{collections::BTreeMap, sync::Arc};

use futures::{StreamExt as _, TryStreamExt as _};
use jiff::{SignedDuration, Timestamp};
use sallyport_contract::{
    DnsName, Reason,
    object::{Action, Evidence, FirewallSpec},
};

use super::{
    Cycle, Hitch, Moment,
    pass::After,
    snapshot::{Front, Snapshot},
};
use crate::{
    actual::Index,
    cluster::Cluster,
    desired::{Desired, Name, Terms},
    diff::Held,
    evidence::{Proof, Shown, shown},
    firewall::{BadSignatures, Fault, Firewall},
    ledger::{Holding, proves},
    pace::{later, pause},
};

/// Names whose policy is tested in one pass; the others follow in the next one, which comes at once.
const TESTS_A_PASS: usize = 500;
const TESTS_AT_ONCE: usize = 2;
/// A device that said otherwise is asked again after so long, or once its policy is another one.
const TEST_AGAIN_AFTER: SignedDuration = SignedDuration::from_mins(5);

/// What the policy test of some device said last of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tested {
    /// The policy in force then.
    policy: u64,
    /// When it named another rule than ours, if it did.
    refuted: Option<Timestamp>,
}

impl Tested {
    /// Whether asking now would bring nothing new: it said otherwise a moment ago.
    fn stays_refuted(self, policy: u64, now: Timestamp) -> bool {
        self.policy == policy && self.refuted.is_some_and(|at| now < later(at, TEST_AGAIN_AFTER))
    }

    fn holds(self, policy: u64) -> bool {
        self.policy == policy && self.refuted.is_none()
    }
}

impl<F: Firewall, C: Cluster> Cycle<F, C> {
    /// Judges every wanted name that the candidate holds, on every device that counts, and stores what changed. Tells
    /// whether that was all: of many names some are tested in this pass and the others in the next.
    pub(super) async fn prove(
        &mut self,
        device: &F,
        moment: Moment<'_>,
        wanted: &Desired,
        snapshot: &Snapshot,
        after: &After,
    ) -> Result<bool, Hitch> {
        let policy = snapshot.fingerprint(wanted);
        let spec = moment.spec();
        let views = Views::of(snapshot);
        let mut verdicts: BTreeMap<DnsName, Result<Option<Proof>, Held>> = BTreeMap::new();
        let mut questions: Vec<Question<'_>> = Vec::new();
        for (dns, name) in wanted.names().iter().filter(|(_, name)| name.quarantined_until.is_none()) {
            let terms = wanted.rules().get(name.rule.as_str()).and_then(|rule| rule.terms.as_ref());
            // What the candidate does not hold need not be read back, unless it was proven: it may be lost.
            let concerned = written(name, &views.candidate) || self.evidence(dns).is_some();
            let (Some(terms), true) = (terms, concerned) else { continue };
            let overlap = self.memory.held.get(dns).filter(|(reason, _)| {
                matches!(
                    reason,
                    Reason::ForeignSignatureOverlap | Reason::NameHeldElsewhere | Reason::ActionConflict
                )
            });
            if let Some(overlap) = overlap {
                verdicts.insert(dns.clone(), Err(overlap.clone()));
                continue;
            }
            if let Some(words) = self.memory.surroundings.hidden.get(name.rule.as_str()) {
                verdicts.insert(dns.clone(), Err((Reason::ShadowedByForeignRule, words.clone())));
                continue;
            }
            match shown_everywhere(dns, name, terms, &views, after) {
                Err(held) => {
                    verdicts.insert(dns.clone(), Err(held));
                }
                Ok(shown) => {
                    let tested = self.memory.tested.get(dns);
                    if tested.is_some_and(|tested| tested.stays_refuted(policy, moment.now)) {
                        continue;
                    }
                    let evidence = self.evidence(dns);
                    let proven = proves(evidence, &name.rule, name.action)
                        && evidence.is_some_and(|evidence| covers(evidence, snapshot));
                    let repeat = evidence.is_some_and(|evidence| grows_old(evidence, spec, moment.now));
                    if proven && !repeat && tested.is_some_and(|tested| tested.holds(policy)) {
                        verdicts.insert(dns.clone(), Ok(None));
                    } else {
                        questions.push(Question { proven, dns: dns.clone(), shown });
                    }
                }
            }
        }
        questions.sort_by_key(|question| question.proven);
        let all = questions.len() <= TESTS_A_PASS;
        questions.truncate(TESTS_A_PASS);
        if !all {
            self.memory.next_pass = moment.now;
        }
        self.memory.tested.retain(|dns, _| !matches!(verdicts.get(dns), Some(Err(_))));
        for (dns, verdict) in ask(device, questions, snapshot).await? {
            let refuted = verdict.is_err().then_some(moment.now);
            self.memory.tested.insert(dns.clone(), Tested { policy, refuted });
            verdicts.insert(dns, verdict.map(Some));
        }
        self.keep(device, moment, wanted, verdicts, snapshot, after).await?;
        Ok(all)
    }

    fn evidence(&self, dns: &DnsName) -> Option<&Evidence> {
        self.memory.ledger.get(dns)?.entry.evidence.as_ref()
    }

    /// Stores new evidence, and takes away what is no longer true. What was true and stays true is written
    /// only when it grows old.
    async fn keep(
        &mut self,
        device: &F,
        moment: Moment<'_>,
        wanted: &Desired,
        verdicts: BTreeMap<DnsName, Result<Option<Proof>, Held>>,
        snapshot: &Snapshot,
        after: &After,
    ) -> Result<(), Hitch> {
        let spec = moment.spec();
        let devices: Vec<String> = snapshot.fronts.iter().map(|front| front.serial.clone()).collect();
        let last = self.memory.last_commit.as_ref();
        let job = last.filter(|_| *after != After::Nothing).map(|commit| commit.job.clone());
        let now = self.ports.clock.now();
        let (mut changed, mut turned) = (BTreeMap::new(), Vec::new());
        for (dns, verdict) in verdicts {
            let (Some(name), Some(holding)) = (wanted.names().get(&dns), self.memory.ledger.get(&dns)) else {
                continue;
            };
            let before = holding.entry.evidence.as_ref();
            let allowed = before.is_some_and(|before| before.action == Action::Allow);
            if name.action == Action::Deny && allowed {
                self.memory.turning.insert(dns.clone());
            }
            let before = before.filter(|before| proves(Some(before), &name.rule, name.action));
            let stands =
                before.is_some_and(|before| !grows_old(before, spec, now) && covers(before, snapshot));
            let evidence = match verdict {
                Ok(proof) => {
                    self.memory.unproven.remove(&dns);
                    let Some(proof) = proof.filter(|_| !stands) else { continue };
                    let job = job.clone().filter(|_| before.is_none());
                    let job = job.or_else(|| before.and_then(|before| before.job.clone()));
                    Some(proof.into_evidence(devices.clone(), now, job))
                }
                Err(held) => {
                    self.memory.unproven.insert(dns.clone(), held);
                    if holding.entry.evidence.is_none() {
                        continue;
                    }
                    None
                }
            };
            let denied = evidence.as_ref().is_some_and(|after| after.action == Action::Deny);
            if denied && self.memory.turning.remove(&dns) {
                turned.push(name.app.clone());
            }
            let mut holding: Holding = holding.clone();
            Arc::make_mut(&mut holding.entry).evidence = evidence;
            changed.insert(dns, holding);
        }
        self.store(changed).await?;
        if let Some(first) = turned.first() {
            let fate = self.fate_of_sessions(device, snapshot).await;
            let words = format!(
                "{} App-IDs are denied that were allowed, the first: {first}; {fate}: clear session all filter application {first}",
                turned.len()
            );
            self.tell_people(moment, Reason::Enforced, words, false).await;
        }
        Ok(())
    }

    /// What becomes of sessions that began before, in words. Where a device cannot be asked, they may live on.
    async fn fate_of_sessions(&self, device: &F, snapshot: &Snapshot) -> &'static str {
        let mut all = true;
        for front in &snapshot.fronts {
            match device.rematches(front.target()).await {
                Ok(Some(false)) => {
                    return "sessions that began before live on, for Rematch Sessions is off (Device > Setup > Session)";
                }
                Ok(Some(true)) => {}
                Ok(None) | Err(_) => all = false,
            }
        }
        if all {
            "the device looks sessions up again that began before (Rematch Sessions is on); to be sure"
        } else {
            "sessions that began before may live on unless the device rematches sessions (Device > Setup > Session)"
        }
    }

    /// Whether it is time to have signatures compiled anew that did not compile: a commit does that only
    /// when it is forced or something changed.
    pub(super) fn recompile_due(&mut self, now: Timestamp) -> bool {
        let bad = self.memory.unproven.values().any(|(reason, _)| *reason == Reason::SignatureNotCompiled);
        if !bad {
            self.memory.recompile_at = None;
            return false;
        }
        let (tries, at) = self.memory.recompile_at.unwrap_or((0, later(now, pause(3, 0.0))));
        let due = at <= now;
        let (tries, at) = if due { (tries + 1, later(now, pause(tries + 4, 0.0))) } else { (tries, at) };
        self.memory.recompile_at = Some((tries, at));
        self.memory.next_pass = self.memory.next_pass.min(at);
        due
    }
}

/// After how long a proof is repeated and stored again: early enough that one try may fail.
pub(super) fn repeat_after(spec: &FirewallSpec) -> SignedDuration {
    spec.proof_max_age.as_signed() / 4
}

fn grows_old(evidence: &Evidence, spec: &FirewallSpec, now: Timestamp) -> bool {
    later(evidence.proven_at, repeat_after(spec)) <= now
}

/// Whether the candidate holds the name already; before that there is nothing to read back.
fn written(name: &Name, candidate: &Index<'_>) -> bool {
    candidate.application(&name.app).is_some() && candidate.carries(&name.rule, &name.app)
}

/// All that was read, for looking up.
struct Views<'a> {
    candidate: Index<'a>,
    running: Index<'a>,
    /// The devices that can be asked, each with what it lists as not compiled.
    fronts: Vec<(&'a Front, Option<(Index<'a>, &'a BadSignatures)>)>,
}

impl<'a> Views<'a> {
    fn of(snapshot: &'a Snapshot) -> Self {
        let view = |front: &'a Front| {
            let state = front.state.as_ref();
            (front, state.map(|state| (Index::of(&state.running), &state.bad)))
        };
        Self {
            candidate: Index::of(&snapshot.candidate),
            running: Index::of(&snapshot.running),
            fronts: snapshot.fronts.iter().map(view).collect(),
        }
    }
}

/// A name that every device holds, and what is still to be asked of each.
struct Question<'a> {
    /// It was proven before, so that others come first.
    proven: bool,
    dns: DnsName,
    shown: Shown<'a>,
}

/// Whether every device that counts holds the name.
fn shown_everywhere<'a>(
    dns: &DnsName,
    name: &'a Name,
    terms: &'a Terms,
    views: &Views<'_>,
    after: &After,
) -> Result<Shown<'a>, Held> {
    let on_manager =
        if *after == After::Commit { Reason::PartialCommitIneffective } else { Reason::AwaitingCommit };
    let managed = views.fronts.iter().any(|(front, _)| front.device.is_some());
    if managed {
        shown(dns, name, terms, &views.running, &BadSignatures::default(), on_manager)?;
    }
    let mut last = None;
    for (front, state) in &views.fronts {
        let Some((running, bad)) = state else { return Err(away(front)) };
        let missing = match (&front.device, after) {
            (None, _) => on_manager,
            (Some(device), After::Push(group)) if group.as_ref() == Some(&device.managed.group) => {
                Reason::DeviceOutOfSync
            }
            (Some(_), _) => Reason::AwaitingPush,
        };
        let judged = shown(dns, name, terms, running, bad, missing);
        last = Some(judged.map_err(|(reason, words)| (reason, front.signed(words)))?);
    }
    let nobody = || {
        let words = "no firewall of the device group counts (spec.panorama.devices), so nothing can be shown";
        (Reason::DeviceOutOfSync, words.to_owned())
    };
    last.ok_or_else(nobody)
}

fn away(front: &Front) -> Held {
    let since = front.device.as_ref().and_then(|device| device.away_since);
    let since = since.map(|since| format!(" since {since:.0}")).unwrap_or_default();
    let words = format!("it is not connected to Panorama{since}, and counts (spec.panorama.devices)");
    (Reason::DeviceOutOfSync, front.signed(words))
}

/// Whether the evidence is of every device that counts now.
fn covers(evidence: &Evidence, snapshot: &Snapshot) -> bool {
    snapshot.fronts.iter().all(|front| evidence.devices.contains(&front.serial))
}

/// Asks every device's policy test about each name.
async fn ask<F: Firewall>(
    device: &F,
    questions: Vec<Question<'_>>,
    snapshot: &Snapshot,
) -> Result<Vec<(DnsName, Result<Proof, Held>)>, Fault> {
    let answers = questions.into_iter().map(|Question { dns, shown, .. }| async move {
        let mut proof = None;
        for front in &snapshot.fronts {
            let mut rules = Vec::new();
            for probe in &shown.probes() {
                rules.push(device.policy_test(front.target(), probe).await?);
            }
            match shown.judge(&rules) {
                Ok(shown) => proof = Some(shown),
                Err((reason, words)) => return Ok((dns, Err((reason, front.signed(words))))),
            }
        }
        let nobody = || (Reason::DeviceOutOfSync, "no firewall counts".to_owned());
        Ok((dns, proof.ok_or_else(nobody)))
    });
    let answers: Vec<_> = answers.collect();
    futures::stream::iter(answers).buffer_unordered(TESTS_AT_ONCE).try_collect().await
}
