//! One full pass: read, prove what is there, write what differs, commit, push.

use std::{collections::BTreeMap, sync::Arc};

use jiff::SignedDuration;
use sallyport_contract::{DnsName, Reason, firewall_names, identity::claim_of, keys, object::JobKind};

use super::{
    Cycle, Hitch, Moment,
    memory::{Connection, Settled, Unfinished},
    proof::repeat_after,
    snapshot::{Snapshot, checksum},
};
use crate::{
    actual::{Configuration, Inventory, Owner, owner_of_application, owner_of_rule, same},
    capacity::Capacity,
    cluster::{Cluster, Loss},
    desired::Desired,
    diff::{Held, obstacles},
    farewell::leaves,
    firewall::{Fate, Fault, Firewall, View},
    lending,
    overlap::foreign_signatures,
    pace::{later, shortened},
};

/// Between two full passes at least, however short-lived proofs are.
const SHORTEST_RESYNC: SignedDuration = SignedDuration::from_secs(1);

/// What has just ended well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum After {
    /// Nothing in particular.
    Nothing,
    /// A commit of ours.
    Commit,
    /// A push of ours, to this group where we know it.
    Push(Option<String>),
}

impl<F: Firewall, C: Cluster> Cycle<F, C> {
    /// One full pass.
    pub(super) async fn pass(
        &mut self,
        moment: Moment<'_>,
        wanted: &Arc<Desired>,
        after: After,
    ) -> Result<(), Hitch> {
        let device = self.device(moment)?;
        let was_settled = self.memory.settled.take().is_some();
        self.plan_next_look(moment);
        let (mut snapshot, after) = match self.unfinished(device.as_ref()).await? {
            Some(Unfinished { snapshot, after }) => (snapshot, after),
            None => (self.study(device.as_ref(), moment, wanted).await?, after),
        };
        let wanted = &self.fit(moment, wanted, &snapshot);
        self.announce(moment, wanted, |name| name.lender.is_some()).await?;
        self.look_round(device.as_ref(), moment, wanted, &snapshot).await?;
        let all_tested = self.prove(device.as_ref(), moment, wanted, &snapshot, &after).await?;
        if self.holds_still(moment) {
            return Ok(());
        }
        if let Some(first) = self.memory.pace.sent() {
            self.ports.metrics.queued(moment.now.duration_since(first));
        }
        self.doubt(device.as_ref(), moment, wanted, &mut snapshot).await?;
        let written = self.write_all(device.as_ref(), moment, wanted, &mut snapshot).await?;
        if written && was_settled && after == After::Nothing {
            self.ports.metrics.repaired(&self.name);
            self.tell_drift(moment, &snapshot).await;
        }
        if written || self.differ(moment, &snapshot.candidate, &snapshot.running) {
            // What was read may be older than the end of a job that ran before it.
            if !written && self.adopt(moment, &snapshot.jobs, JobKind::Commit) {
                return Ok(());
            }
            if after == After::Commit && !written {
                return Err(Hitch::Firewall(self.ineffective()));
            }
            return self.commit(device.as_ref(), moment, &snapshot).await;
        }
        self.memory.failed_commits = 0;
        if after == After::Commit {
            self.memory.trial.succeeded();
        }
        if let Some(group) = self.unpushed(moment, &snapshot) {
            if self.adopt(moment, &snapshot.jobs, JobKind::Push) {
                return Ok(());
            }
            return self.push(device.as_ref(), moment, group).await;
        }
        if self.recompile_due(moment.now) {
            return self.recompile(device.as_ref(), moment).await;
        }
        self.retire(moment, wanted, &snapshot).await?;
        self.memory.gone = leaves(moment.firewall) && self.memory.ledger.iter().next().is_none();
        self.settle(moment, &snapshot);
        if !all_tested {
            self.memory.unfinished = Some(Unfinished { snapshot, after });
        }
        Ok(())
    }

    /// The pass that has names left to test, if no job can have changed since what it read.
    async fn unfinished(&mut self, device: &F) -> Result<Option<Unfinished>, Hitch> {
        let Some(unfinished) = self.memory.unfinished.take() else { return Ok(None) };
        let signs = self.signs(device).await?.checksum;
        Ok((signs == unfinished.snapshot.signs).then_some(unfinished))
    }

    /// Reads the firewall, and asks it about our patterns.
    pub(super) async fn study(
        &mut self,
        device: &F,
        moment: Moment<'_>,
        wanted: &Desired,
    ) -> Result<Snapshot, Hitch> {
        let snapshot = self.read(device, moment).await?;
        self.test_patterns(device, wanted, &snapshot).await?;
        Ok(snapshot)
    }

    /// Judges what may be written: all that goes before a write, and all that a preview rests on. How much fits and what
    /// others lend is known only now, so what is wanted is decided once more.
    pub(super) fn fit(
        &mut self,
        moment: Moment<'_>,
        wanted: &Arc<Desired>,
        snapshot: &Snapshot,
    ) -> Arc<Desired> {
        let refused = self.borrow(moment, wanted, snapshot);
        self.survey(moment, wanted, snapshot);
        let fitting = self.decide(moment).alike(wanted);
        if !Arc::ptr_eq(&fitting, wanted) {
            self.survey(moment, &fitting, snapshot);
            self.memory.desired = Some(Arc::clone(&fitting));
        }
        self.memory.held.extend(refused);
        fitting
    }

    /// One cheap look: without a new job nothing can have changed since everything was settled. Tells whether that is
    /// so; if there was a job, what is in force is read once more.
    pub(super) async fn glance(&mut self, moment: Moment<'_>, settled: Settled) -> Result<bool, Hitch> {
        let device = self.device(moment)?;
        let signs = self.signs(device.as_ref()).await?.checksum;
        if signs != settled.signs {
            let running = device.configuration(View::Running).await?;
            if checksum(&running) != settled.running || !self.memory.devices.is_empty() {
                self.ports.metrics.drifted(&self.name);
                tracing::info!(firewall = self.name, "what is in force may have changed; it is read again");
                return Ok(false);
            }
            self.memory.settled = Some(Settled { signs, ..settled });
        }
        self.plan_next_look(moment);
        Ok(true)
    }

    /// Tells that somebody changed what is ours, and who committed last.
    async fn tell_drift(&self, moment: Moment<'_>, snapshot: &Snapshot) {
        let who = snapshot.last_foreign_commit(&self.user(moment));
        let who =
            who.map_or_else(|| "somebody".to_owned(), |job| format!("{} (commit job {})", job.user, job.id));
        let words = format!("{who} changed what is ours; it is put back");
        self.tell_people(moment, Reason::InSync, words, true).await;
    }

    /// When the firewall is looked at again if nothing changes before.
    fn plan_next_look(&mut self, moment: Moment<'_>) {
        let spec = moment.spec();
        // A proof that is repeated only now and then must still be repeated in time.
        let waiting = self.settings.resync.min(repeat_after(spec)).max(SHORTEST_RESYNC);
        let pause = match self.memory.settled {
            Some(_) => spec.drift.period.as_signed().max(SHORTEST_RESYNC),
            None => waiting,
        };
        self.memory.next_pass = later(moment.now, shortened(pause, 0.1, (self.ports.draw)()));
    }

    /// Notes that everything stands as it should, so that until something changes a glance will do.
    fn settle(&mut self, moment: Moment<'_>, snapshot: &Snapshot) {
        let waits = !self.memory.held.is_empty()
            || !self.memory.unproven.is_empty()
            || !self.memory.refused.is_empty()
            || !self.memory.copies.is_empty()
            || !self.memory.limited.is_empty()
            || self.memory.next_pass <= moment.now;
        if !waits {
            self.memory.settled =
                Some(Settled { signs: snapshot.signs, running: checksum(&snapshot.running) });
            self.memory.next_full = later(moment.now, repeat_after(moment.spec()).max(SHORTEST_RESYNC));
            self.plan_next_look(moment);
        }
    }

    /// The login, made anew if the object or the Secret changed.
    pub(super) fn device(&mut self, moment: Moment<'_>) -> Result<Arc<F>, Fault> {
        if let Some(connection) = &self.memory.connection {
            return Ok(Arc::clone(&connection.firewall));
        }
        let secret = &moment.spec().credentials.secret_name;
        let login = moment.world.logins.get(secret).ok_or_else(|| Fault {
            fate: Fate::Stop(Reason::CredentialsRefused),
            message: format!(
                "Secret {}/{secret} does not exist, or has not user and password, or user and apiKey",
                keys::FIREWALL_NAMESPACE
            ),
        })?;
        let firewall = (self.ports.connect)(moment.access, Arc::clone(login), &self.ports.metrics)?;
        let connection = Connection::new(firewall, moment, Arc::clone(login));
        let firewall = Arc::clone(&connection.firewall);
        self.memory.connection = Some(connection);
        Ok(firewall)
    }

    /// Looks which names other clusters serve, and which of those are taken over; tells the names that are refused for it.
    fn borrow(
        &mut self,
        moment: Moment<'_>,
        wanted: &Desired,
        snapshot: &Snapshot,
    ) -> BTreeMap<DnsName, Held> {
        let spec = moment.spec();
        let (mut loans, mut adoptions) = (BTreeMap::new(), BTreeMap::new());
        let mut refused = BTreeMap::new();
        let names =
            wanted.names().iter().filter(|(_, name)| name.quarantined_until.is_none() && !name.blocked);
        for (dns, name) in names.filter(|_| !spec.shared_with.is_empty()) {
            let Some(terms) = wanted.rules().get(name.rule.as_str()).and_then(|rule| rule.terms.as_ref())
            else {
                continue;
            };
            match lending::loan(spec, dns, name, terms, &snapshot.candidate) {
                Ok(Some(loan)) if spec.adopted.iter().any(|adopted| adopted == dns.as_str()) => {
                    adoptions.insert(dns.clone(), loan);
                }
                Ok(Some(loan)) => drop(loans.insert(dns.clone(), loan)),
                Ok(None) => {}
                Err(held) => drop(refused.insert(dns.clone(), held)),
            }
        }
        (self.memory.loans, self.memory.adoptions) = (loans, adoptions);
        refused
    }

    /// What holds names back: taken places, missing anchors, foreign signatures.
    pub(super) fn survey(&mut self, moment: Moment<'_>, wanted: &Desired, snapshot: &Snapshot) {
        let spec = moment.spec();
        let inventory = Inventory::of(&self.memory.ledger);
        let sides = snapshot.sides(moment, wanted, &inventory, &self.memory.adoptions);
        let (mut held, copies) = obstacles(sides);
        self.memory.copies = copies;
        let candidate = &snapshot.candidate;
        let entries = candidate.all_applications();
        let ours = |entry: &_| owner_of_application(entry, &spec.cluster_name, &inventory) == Owner::Ours;
        let foreign = foreign_signatures(entries, ours);
        self.memory.overlaps.keep_only(&foreign);
        for (dns, name) in wanted.names().iter().filter(|(_, name)| name.quarantined_until.is_none()) {
            let used = self.memory.adoptions.get(dns).map(|loan| loan.app.as_str());
            let used = used.or(name.lender.is_some().then_some(name.app.as_str()));
            let others = foreign.iter().filter(|other| used != Some(other.app.as_str()));
            let Some((other, words)) = self.memory.overlaps.first(dns, &name.app, others) else { continue };
            let of = lending::marked_by(&other.description, &spec.cluster_name);
            held.entry(dns.clone()).or_insert(match of {
                Some((cluster, _)) => {
                    let words =
                        format!("cluster {cluster} holds a name on this firewall that meets {dns}: {words}");
                    (Reason::NameHeldElsewhere, words)
                }
                None => (Reason::ForeignSignatureOverlap, words),
            });
        }
        for dns in self.untakeable(wanted, candidate) {
            held.entry(dns).or_insert_with(|| self.engine_refuses());
        }
        self.memory.held = held;
        let capacity = Capacity::of(spec, candidate, &ours);
        self.ports.metrics.room(&self.name, capacity.names);
        self.memory.capacity = Some(capacity);
        self.limit(moment, wanted, snapshot, &inventory);
    }

    /// Whether anything of ours is in one configuration and not, or otherwise, in the other.
    pub(super) fn differ(&self, moment: Moment<'_>, one: &Configuration, other: &Configuration) -> bool {
        let cluster = moment.spec().cluster_name.as_str();
        let inventory = Inventory::of(&self.memory.ledger);
        let app = |entry: &&_| owner_of_application(entry, cluster, &inventory) == Owner::Ours;
        let rule = |entry: &&_| owner_of_rule(entry, cluster, &inventory) == Owner::Ours;
        let apps = |here: &Configuration, there: &Configuration| {
            here.applications.values().map(AsRef::as_ref).filter(app).any(|entry| {
                there.applications.get(entry.entry_name()).is_none_or(|other| !same(entry, other))
            })
        };
        let rules = |here: &Configuration, there: &Configuration| {
            here.rules
                .iter()
                .filter(rule)
                .any(|entry| there.rule(entry.entry_name()).is_none_or(|other| !same(entry, other)))
        };
        apps(one, other) || apps(other, one) || rules(one, other) || rules(other, one)
    }

    /// Takes names out of the inventory that stand nowhere any more and nobody wants.
    async fn retire(
        &mut self,
        moment: Moment<'_>,
        wanted: &Desired,
        snapshot: &Snapshot,
    ) -> Result<(), Hitch> {
        if snapshot.fronts.iter().any(|front| front.state.is_none()) {
            // What a firewall that is away still holds, nobody can say.
            return Ok(());
        }
        let gone: Vec<DnsName> = self
            .memory
            .ledger
            .iter()
            .filter(|(name, holding)| {
                let lent = holding.entry.app != firewall_names::app_id(&moment.spec().cluster_name, name);
                !wanted.names().contains_key(*name) && (lent || !snapshot.holds(&holding.entry.app))
            })
            .map(|(name, _)| name.clone())
            .collect();
        for name in gone {
            let base = self.memory.ledger.version(&name);
            match self.ports.cluster.store_claim(&claim_of(&name), base, &self.name, None).await {
                Ok(version) => self.memory.ledger.end(&name, version),
                Err(error) if error.loss == Loss::Gone => self.memory.ledger.end(&name, base),
                Err(error) => return Err(error.into()),
            }
            self.memory.was_wanted.remove(&name);
        }
        Ok(())
    }

    /// The commit ended well and nothing came into force.
    fn ineffective(&self) -> Fault {
        let version = self.memory.facts.as_ref().map(|facts| facts.version.as_str()).unwrap_or_default();
        Fault {
            fate: Fate::Retry(Reason::PartialCommitIneffective),
            message: crate::releases::ineffective(version, self.memory.failed_commits),
        }
    }
}
