//! Writing: what is about to be written is stored first, batches go out in order, and an entry that the device refuses
//! is set aside so that the rest can go.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt as _, TryStreamExt as _};
use jiff::SignedDuration;
use sallyport_contract::{DnsName, Reason, firewall_names, identity::claim_of, object::ClaimedFirewall};

use super::{Cycle, Hitch, Moment, leads, snapshot::Snapshot};
use crate::{
    actual::Inventory,
    cluster::{Cluster, Loss},
    desired::{Desired, Name},
    diff::{Held, diff},
    elements,
    firewall::{Fate, Fault, Firewall, View},
    ledger::Holding,
    operation::{Change, Node, Operation, Subject, batches},
    pace::later,
};

/// Most entries that the device may refuse in one pass before we come again later.
const MOST_REFUSALS: u32 = 20;
/// How long an entry that the device refused is left alone.
pub(super) const REFUSED_FOR: SignedDuration = SignedDuration::from_mins(5);
/// Claims that are stored at once.
const STORES_AT_ONCE: usize = 8;

impl<F: Firewall, C: Cluster> Cycle<F, C> {
    /// Writes what differs; tells whether there was anything.
    pub(super) async fn write_all(
        &mut self,
        device: &F,
        moment: Moment<'_>,
        wanted: &Desired,
        snapshot: &mut Snapshot,
    ) -> Result<bool, Hitch> {
        let (mut written, mut commented) = (false, false);
        for _ in 0..MOST_REFUSALS {
            let operations = self.operations(moment, wanted, snapshot);
            if operations.is_empty() {
                break;
            }
            self.rules_are_free(device, moment, &operations, snapshot).await?;
            self.announce(moment, wanted, |name| name.lender.is_none()).await?;
            match self.write(device, moment, operations).await? {
                None => return Ok(true),
                Some((refused, message)) => {
                    written |= refused.written;
                    if wants_a_comment(&message) && !commented {
                        commented = true;
                        let operations = self.operations(moment, wanted, snapshot);
                        self.comment(device, moment, &operations).await?;
                        continue;
                    }
                    self.refuse(moment, wanted, &refused.operation, &message);
                }
            }
            snapshot.candidate = device.configuration(View::Candidate).await?;
            self.survey(moment, wanted, snapshot);
        }
        Ok(written)
    }

    /// What differs and may be written now.
    pub(super) fn operations(
        &mut self,
        moment: Moment<'_>,
        wanted: &Desired,
        snapshot: &Snapshot,
    ) -> Vec<Operation> {
        let inventory = Inventory::of(&self.memory.ledger);
        let frozen = self.memory.frozen(moment.now);
        diff(snapshot.sides(moment, wanted, &inventory, &self.memory.adoptions), &frozen)
    }

    /// Stores what is about to be written, before it is: nothing of ours is ever without its inventory.
    pub(super) async fn announce(
        &mut self,
        moment: Moment<'_>,
        wanted: &Desired,
        which: fn(&Name) -> bool,
    ) -> Result<(), Hitch> {
        let frozen = self.memory.frozen(moment.now);
        let mut entries = BTreeMap::new();
        for (dns, name) in wanted.names() {
            let held = name.lender.is_none() && frozen.names.contains(dns);
            if name.quarantined_until.is_some() || held || !which(name) {
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
                app: name.app.to_string(),
                rule: name.rule.to_string(),
                action: name.action,
                last_wanted: moment.now,
                evidence: known.and_then(|known| known.entry.evidence.clone()),
            };
            let holding = Holding { namespace: name.namespace.clone(), entry: entry.into(), stored: true };
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
            match cluster.store_claim(&claim_of(&name), base, firewall, Some(holding.entry.as_ref())).await {
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
    pub(super) async fn write(
        &self,
        device: &F,
        moment: Moment<'_>,
        operations: Vec<Operation>,
    ) -> Result<Option<(Refused, String)>, Hitch> {
        let malformed = |error: crate::xml::NotALiteral| Fault {
            fate: Fate::Stop(Reason::Malformed),
            message: error.to_string(),
        };
        let (mut written, site) = (false, &moment.access.site);
        // One that cannot be said keeps all of them back.
        operations.iter().try_for_each(|one| one.xpath(site).map(drop)).map_err(malformed)?;
        for batch in batches(operations, site) {
            let batch = batch.map_err(malformed)?;
            let leadership = &self.ports.leadership;
            match device.write(&batch, &|| leads(leadership)).await {
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

    /// Says why, of every rule that these operations change. Only where the device demands it: each is a call of its own.
    async fn comment(&self, device: &F, moment: Moment<'_>, operations: &[Operation]) -> Result<(), Hitch> {
        let rules: BTreeSet<&str> = operations.iter().filter_map(Operation::rule).collect();
        let comment = format!(
            "sallyport {}: what its workloads ask for, by Firewall {}",
            moment.spec().cluster_name,
            self.member.firewall()
        );
        for rule in rules {
            self.leads()?;
            device.audit_comment(rule, &comment).await?;
        }
        Ok(())
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
        let held = why(&operation.change, message);
        for name in names {
            self.memory.refused.insert(name, (held.clone(), until));
        }
    }
}

/// Why an entry was refused. Contexts come with content updates
/// (<https://docs.paloaltonetworks.com/ngfw/help/12-1/objects/objects-applications/defining-applications>); a device that
/// knows not ours names it when it refuses an App-ID.
fn why(change: &Change, message: &str) -> Held {
    let app_id =
        matches!(change, Change::Set(Node::Application(_), _) | Change::Edit(Node::Application(_), _));
    if !(app_id && message.contains(elements::SNI_CONTEXT)) {
        return (Reason::EntryRefused, message.to_owned());
    }
    let words = format!(
        "the firewall's content does not know {}, the context of our signatures: {message}; install a newer content version",
        elements::SNI_CONTEXT
    );
    (Reason::ContextMissing, words)
}

/// The operation that the device refused, and whether an earlier batch of the same list was written.
pub(super) struct Refused {
    operation: Operation,
    written: bool,
}

/// Whether the device demands an audit comment
/// (<https://docs.paloaltonetworks.com/pan-os/11-1/pan-os-admin/policy/enforce-policy-rule-description-tag-and-audit-comment>);
/// its words are not public.
fn wants_a_comment(message: &str) -> bool {
    message.to_ascii_lowercase().contains("audit comment")
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
