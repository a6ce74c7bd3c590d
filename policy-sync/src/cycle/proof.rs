//! Reading back: which names the device enforces, and which not and why.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

use futures::{StreamExt as _, TryStreamExt as _};
use jiff::{SignedDuration, Timestamp};
use sallyport_contract::{
    DnsName, Reason,
    object::{Evidence, FirewallSpec},
};

use super::{Cycle, Hitch, Moment};
use crate::{
    actual::Configuration,
    cluster::Cluster,
    desired::{Desired, Name},
    diff::Held,
    evidence::{Proof, Shown, shown},
    firewall::{Fault, Firewall},
    ledger::{Holding, proves},
    pace::{later, pause},
};

/// Names whose policy is tested in one pass; the others follow in the next one, which comes at once.
const TESTS_A_PASS: usize = 200;
const TESTS_AT_ONCE: usize = 2;

impl<F: Firewall, C: Cluster> Cycle<F, C> {
    /// Judges every wanted name that the candidate holds, and stores what changed.
    pub(super) async fn prove(
        &mut self,
        device: &F,
        moment: Moment<'_>,
        wanted: &Desired,
        candidate: &Configuration,
        running: &Configuration,
        committed: bool,
    ) -> Result<(), Hitch> {
        let bad = device.bad_signatures().await?;
        let policy = fingerprint(running, wanted);
        let spec = moment.spec();
        let mut verdicts: BTreeMap<DnsName, Result<Option<Proof>, Held>> = BTreeMap::new();
        let mut questions: Vec<(bool, DnsName, Shown)> = Vec::new();
        for (dns, name) in wanted.names().iter().filter(|(_, name)| name.quarantined_until.is_none()) {
            let terms = wanted.rules().get(&name.rule).and_then(|rule| rule.terms.as_ref());
            // What the candidate does not hold need not be read back, unless it was proven: it may be lost.
            let concerned = written(name, candidate) || self.evidence(dns).is_some();
            let (Some(terms), true) = (terms, concerned) else { continue };
            let overlap =
                self.memory.held.get(dns).filter(|(reason, _)| *reason == Reason::ForeignSignatureOverlap);
            if let Some(overlap) = overlap {
                verdicts.insert(dns.clone(), Err(overlap.clone()));
                continue;
            }
            match shown(name, terms, running, &bad, committed) {
                Err(held) => {
                    verdicts.insert(dns.clone(), Err(held));
                }
                Ok(shown) => {
                    let proven = proves(self.evidence(dns), &name.rule, name.action);
                    let repeat =
                        self.evidence(dns).is_some_and(|evidence| grows_old(evidence, spec, moment.now));
                    if proven && !repeat && self.memory.tested.get(dns) == Some(&policy) {
                        verdicts.insert(dns.clone(), Ok(None));
                    } else {
                        questions.push((proven, dns.clone(), shown));
                    }
                }
            }
        }
        questions.sort_by_key(|(proven, ..)| *proven);
        if questions.len() > TESTS_A_PASS {
            questions.truncate(TESTS_A_PASS);
            self.memory.next_pass = moment.now;
        }
        for (dns, verdict) in ask(device, questions).await? {
            if verdict.is_ok() {
                self.memory.tested.insert(dns.clone(), policy);
            }
            verdicts.insert(dns, verdict.map(Some));
        }
        self.keep(spec, wanted, verdicts, committed).await
    }

    fn evidence(&self, dns: &DnsName) -> Option<&Evidence> {
        self.memory.ledger.get(dns)?.entry.evidence.as_ref()
    }

    /// Stores new evidence, and takes away what is no longer true. What was true and stays true is written
    /// only when it grows old.
    async fn keep(
        &mut self,
        spec: &FirewallSpec,
        wanted: &Desired,
        verdicts: BTreeMap<DnsName, Result<Option<Proof>, Held>>,
        committed: bool,
    ) -> Result<(), Hitch> {
        let serial = self.memory.facts.as_ref().map(|facts| facts.serial.clone()).unwrap_or_default();
        let job = self.memory.last_commit.as_ref().filter(|_| committed).map(|commit| commit.job.clone());
        let now = self.ports.clock.now();
        let mut changed = BTreeMap::new();
        for (dns, verdict) in verdicts {
            let (Some(name), Some(holding)) = (wanted.names().get(&dns), self.memory.ledger.get(&dns)) else {
                continue;
            };
            let before = holding.entry.evidence.as_ref();
            let before = before.filter(|before| proves(Some(before), &name.rule, name.action));
            let stands = before.is_some_and(|before| !grows_old(before, spec, now));
            let evidence = match verdict {
                Ok(proof) => {
                    self.memory.unproven.remove(&dns);
                    let Some(proof) = proof.filter(|_| !stands) else { continue };
                    let job = job.clone().filter(|_| before.is_none());
                    let job = job.or_else(|| before.and_then(|before| before.job.clone()));
                    Some(proof.into_evidence(&serial, now, job))
                }
                Err(held) => {
                    self.memory.tested.remove(&dns);
                    self.memory.unproven.insert(dns.clone(), held);
                    if holding.entry.evidence.is_none() {
                        continue;
                    }
                    None
                }
            };
            let mut holding: Holding = holding.clone();
            holding.entry.evidence = evidence;
            changed.insert(dns, holding);
        }
        self.store(changed).await
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
fn written(name: &Name, candidate: &Configuration) -> bool {
    candidate.applications.contains_key(&name.app)
        && candidate
            .rule(&name.rule)
            .is_some_and(|rule| rule.members_of("application").any(|app| app == name.app))
}

/// Asks the device's policy test about each name.
async fn ask<F: Firewall>(
    device: &F,
    questions: Vec<(bool, DnsName, Shown)>,
) -> Result<Vec<(DnsName, Result<Proof, Held>)>, Fault> {
    let answers = futures::stream::iter(questions).map(|(_, dns, shown)| async move {
        let mut rules = Vec::new();
        for probe in shown.probes() {
            rules.push(device.policy_test(probe).await?);
        }
        Ok((dns, shown.judge(&rules)))
    });
    answers.buffer_unordered(TESTS_AT_ONCE).try_collect().await
}

/// The running policy without our own members: names are tested again only when it changes.
fn fingerprint(running: &Configuration, wanted: &Desired) -> u64 {
    let mut hasher = DefaultHasher::new();
    for rule in &running.rules {
        let ours = wanted.rules().contains_key(rule.entry_name());
        rule.entry_name().hash(&mut hasher);
        for field in rule.children.iter().filter(|field| !(ours && field.name == "application")) {
            field.print().hash(&mut hasher);
        }
    }
    hasher.finish()
}
