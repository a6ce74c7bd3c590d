//! One full pass: read both configurations, prove what is there, write what differs, commit.

use std::{collections::BTreeMap, sync::Arc};

use futures::{StreamExt as _, TryStreamExt as _};
use jiff::SignedDuration;
use sallyport_contract::{
    DnsName, Reason, firewall_names, identity::claim_of, keys, object::ClaimedFirewall,
};

use super::{Cycle, Hitch, Moment, memory::Connection, proof::repeat_after};
use crate::{
    actual::{Configuration, Inventory, Owner, owner_of_application, owner_of_rule, same},
    cluster::{Cluster, Loss},
    desired::Desired,
    diff::{Sides, diff, obstacles},
    firewall::{Extent, Fate, Fault, Firewall, View},
    ledger::Holding,
    operation::{Change, Operation, Subject, batches},
    overlap::foreign_signatures,
    pace::{later, shortened},
};

/// Most entries that the device may refuse in one pass before we come again later.
const MOST_REFUSALS: u32 = 20;
/// How long an entry that the device refused is left alone.
const REFUSED_FOR: SignedDuration = SignedDuration::from_mins(5);
/// Between two full passes at least, however short-lived proofs are.
const SHORTEST_RESYNC: SignedDuration = SignedDuration::from_secs(1);
/// Claims that are stored at once.
const STORES_AT_ONCE: usize = 8;

impl<F: Firewall, C: Cluster> Cycle<F, C> {
    /// One full pass. `committed`: a commit of ours has just ended well.
    pub(super) async fn pass(
        &mut self,
        moment: Moment<'_>,
        wanted: &Desired,
        committed: bool,
    ) -> Result<(), Hitch> {
        let (spec, now) = (moment.spec(), moment.now);
        let device = self.device(moment)?;
        if self.memory.facts.is_none() {
            self.memory.facts = Some(device.facts().await?);
        }
        let mut candidate = device.configuration(View::Candidate).await?;
        let running = device.configuration(View::Running).await?;
        // A proof that is repeated only now and then must still be repeated in time.
        let resync = self.settings.resync.min(repeat_after(spec)).max(SHORTEST_RESYNC);
        self.memory.next_pass = later(now, shortened(resync, 0.1, (self.ports.draw)()));
        self.survey(moment, wanted, &candidate, &running);
        self.prove(device.as_ref(), moment, wanted, &candidate, &running, committed).await?;
        if spec.suspend || self.memory.pace.due(&spec.commit).is_some_and(|due| due > now) {
            return Ok(());
        }
        self.memory.pace.sent();
        let mut written = false;
        for _ in 0..MOST_REFUSALS {
            let operations = self.operations(moment, wanted, &candidate, &running);
            if operations.is_empty() {
                break;
            }
            self.announce(moment, wanted).await?;
            match self.write(device.as_ref(), spec.standalone.vsys.as_str(), &operations).await? {
                None => {
                    written = true;
                    break;
                }
                Some((refused, message)) => {
                    written |= refused.written;
                    self.refuse(moment, wanted, &refused.operation, &message);
                }
            }
            candidate = device.configuration(View::Candidate).await?;
            self.survey(moment, wanted, &candidate, &running);
        }
        if written || self.differ(spec.cluster_name.as_str(), &candidate, &running) {
            if committed && !written {
                return Err(Hitch::Firewall(ineffective()));
            }
            return self.commit(device.as_ref(), moment, Extent::Changes).await;
        }
        if self.recompile_due(now) {
            return self.recompile(device.as_ref(), moment).await;
        }
        self.memory.failed_commits = 0;
        self.retire(wanted, &candidate, &running).await
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
        let firewall = (self.ports.connect)(moment.spec(), Arc::clone(login))?;
        let connection = Connection::new(firewall, moment, Arc::clone(login));
        let firewall = Arc::clone(&connection.firewall);
        self.memory.connection = Some(connection);
        Ok(firewall)
    }

    /// What holds names back: taken places, missing anchors, foreign signatures.
    fn survey(
        &mut self,
        moment: Moment<'_>,
        wanted: &Desired,
        candidate: &Configuration,
        running: &Configuration,
    ) {
        let spec = moment.spec();
        let inventory = Inventory::of(&self.memory.ledger);
        let sides = Sides { spec, desired: wanted, candidate, running, inventory: &inventory };
        let (mut held, copies) = obstacles(sides);
        self.memory.copies = copies;
        let entries = candidate.applications.values().chain(candidate.shared_applications.values());
        let ours = |entry: &_| owner_of_application(entry, &spec.cluster_name, &inventory) == Owner::Ours;
        let foreign = foreign_signatures(entries, ours);
        self.memory.overlaps.keep_only(&foreign);
        for (dns, name) in wanted.names() {
            if name.quarantined_until.is_none()
                && let Some(words) = self.memory.overlaps.with(dns, &name.app, &foreign)
            {
                held.entry(dns.clone()).or_insert((Reason::ForeignSignatureOverlap, words));
            }
        }
        self.memory.held = held;
    }

    fn operations(
        &mut self,
        moment: Moment<'_>,
        wanted: &Desired,
        candidate: &Configuration,
        running: &Configuration,
    ) -> Vec<Operation> {
        let inventory = Inventory::of(&self.memory.ledger);
        let spec = moment.spec();
        let sides = Sides { spec, desired: wanted, candidate, running, inventory: &inventory };
        diff(sides, &self.memory.frozen(moment.now))
    }

    /// Stores what is about to be written, before it is: nothing of ours is ever without its inventory.
    async fn announce(&mut self, moment: Moment<'_>, wanted: &Desired) -> Result<(), Hitch> {
        let frozen = self.memory.frozen(moment.now);
        let mut entries = BTreeMap::new();
        for (dns, name) in wanted.names() {
            if name.quarantined_until.is_some() || frozen.names.contains(dns) {
                continue;
            }
            let known = self.memory.ledger.get(dns);
            if known.is_some_and(|Holding { entry, stored, .. }| {
                *stored && entry.app == name.app && entry.rule == name.rule && entry.action == name.action
            }) {
                continue;
            }
            let entry = ClaimedFirewall {
                firewall: self.name.clone(),
                app: name.app.clone(),
                rule: name.rule.clone(),
                action: name.action,
                last_wanted: moment.now,
                evidence: known.and_then(|known| known.entry.evidence.clone()),
            };
            let holding = Holding { namespace: name.namespace.clone(), entry, stored: true };
            entries.insert(dns.clone(), holding);
        }
        self.store(entries).await
    }

    /// Stores entries in their claims, and notes those that were. A claim that is gone is no error.
    pub(super) async fn store(&mut self, entries: BTreeMap<DnsName, Holding>) -> Result<(), Hitch> {
        let (cluster, firewall, ledger) = (&self.ports.cluster, self.name.as_str(), &self.memory.ledger);
        let stores = entries.into_iter().map(|(name, holding)| (ledger.version(&name), name, holding));
        let stores: Vec<_> = stores.collect();
        let stores = futures::stream::iter(stores).map(|(base, name, holding)| async move {
            match cluster.store_claim(&claim_of(&name), base, firewall, Some(&holding.entry)).await {
                Ok(version) => Ok((name, Holding { stored: true, ..holding }, version)),
                Err(error) if error.loss == Loss::Gone => {
                    Ok((name, Holding { stored: false, ..holding }, base))
                }
                Err(error) => Err(error),
            }
        });
        let mut stores = stores.buffer_unordered(STORES_AT_ONCE);
        while let Some((name, holding, version)) = stores.try_next().await? {
            self.memory.ledger.put(name, holding, version);
        }
        Ok(())
    }

    /// Writes the batches in order. `Some`: the operation that was refused, with the device's words.
    async fn write(
        &self,
        device: &F,
        vsys: &str,
        operations: &[Operation],
    ) -> Result<Option<(Refused, String)>, Hitch> {
        let malformed = |error: crate::xml::NotALiteral| Fault {
            fate: Fate::Stop(Reason::Malformed),
            message: error.to_string(),
        };
        let mut written = false;
        for batch in batches(operations, vsys).map_err(malformed)? {
            self.leads()?;
            match device.write(&batch).await {
                Ok(()) => {
                    written = true;
                    self.ports.metrics.wrote(batch.operations.len());
                }
                Err(Fault { fate: Fate::RefuseEntry(place), message }) => {
                    let operation = batch.operations.get(place).or(batch.operations.last()).cloned();
                    return Ok(operation.map(|operation| (Refused { operation, written }, message)));
                }
                Err(fault) => return Err(fault.into()),
            }
        }
        Ok(None)
    }

    /// Holds back what a refused operation was for.
    fn refuse(&mut self, moment: Moment<'_>, wanted: &Desired, operation: &Operation, message: &str) {
        let until = later(moment.now, REFUSED_FOR);
        let names = match (&operation.subject, &operation.change) {
            (Subject::Name(name), _) => vec![name.clone()],
            (Subject::Rule(rule), _) => {
                // A rule that nobody wants any more: its names are those that the inventory puts there.
                let stale = self.memory.ledger.iter().filter(|(_, holding)| holding.entry.rule == *rule);
                let carried = wanted.names().iter().filter(|(_, name)| name.rule == *rule);
                carried.map(|(dns, _)| dns.clone()).chain(stale.map(|(dns, _)| dns.clone())).collect()
            }
            (Subject::Object(object), Change::Delete(_)) => {
                self.memory.refused_objects.insert(object.clone(), until);
                Vec::new()
            }
            (Subject::Object(object), Change::Set(..) | Change::Edit(..) | Change::Move(..)) => {
                users_of(object, &moment.spec().cluster_name, wanted)
            }
        };
        for name in names {
            self.memory.refused.insert(name, ((Reason::EntryRefused, message.to_owned()), until));
        }
    }

    /// Whether anything of ours is in one configuration and not, or otherwise, in the other.
    fn differ(&self, cluster: &str, candidate: &Configuration, running: &Configuration) -> bool {
        let inventory = Inventory::of(&self.memory.ledger);
        let app = |entry: &&_| owner_of_application(entry, cluster, &inventory) == Owner::Ours;
        let rule = |entry: &&_| owner_of_rule(entry, cluster, &inventory) == Owner::Ours;
        let apps = |here: &Configuration, there: &Configuration| {
            here.applications.values().filter(app).any(|entry| {
                there.applications.get(entry.entry_name()).is_none_or(|other| !same(entry, other))
            })
        };
        let rules = |here: &Configuration, there: &Configuration| {
            here.rules
                .iter()
                .filter(rule)
                .any(|entry| there.rule(entry.entry_name()).is_none_or(|other| !same(entry, other)))
        };
        apps(candidate, running)
            || apps(running, candidate)
            || rules(candidate, running)
            || rules(running, candidate)
    }

    /// Takes names out of the inventory that neither configuration holds and nobody wants.
    async fn retire(
        &mut self,
        wanted: &Desired,
        candidate: &Configuration,
        running: &Configuration,
    ) -> Result<(), Hitch> {
        let stands =
            |app: &str| candidate.applications.contains_key(app) || running.applications.contains_key(app);
        let gone: Vec<DnsName> = self
            .memory
            .ledger
            .iter()
            .filter(|(name, holding)| !wanted.names().contains_key(*name) && !stands(&holding.entry.app))
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
}

/// The operation that the device refused, and whether an earlier batch of the same list was written.
struct Refused {
    operation: Operation,
    written: bool,
}

/// The names whose rule needs a service; all of them for the tag.
fn users_of(object: &str, cluster: &str, wanted: &Desired) -> Vec<DnsName> {
    let is_tag = object == firewall_names::tag(cluster);
    let needs = |rule: &str| {
        let terms = wanted.rules().get(rule).and_then(|rule| rule.terms.as_ref());
        terms.is_some_and(|terms| {
            terms.ports.iter().any(|port| firewall_names::service(cluster, *port) == object)
        })
    };
    wanted
        .names()
        .iter()
        .filter(|(_, name)| is_tag || needs(&name.rule))
        .map(|(dns, _)| dns.clone())
        .collect()
}

fn ineffective() -> Fault {
    Fault {
        fate: Fate::Retry(Reason::PartialCommitIneffective),
        message:
            "the commit job ended well, but the running configuration does not hold what the candidate does"
                .to_owned(),
    }
}
