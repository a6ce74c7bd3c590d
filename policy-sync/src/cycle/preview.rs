//! What a cycle would do now, and what stands in its way: the same reads and judgements, and nothing after them.

use std::{collections::BTreeSet, sync::Arc};

use jiff::SignedDuration;
use prometheus_client::registry::Registry;
use sallyport_contract::{Reason, firewall_names::sni_pattern, object::FirewallSpec};
use sallyport_process::{clock::Clock, lease::Leadership};

use super::{
    Cycle, Hitch, Moment, Ports, Settings, bystander::Bystander, conditions::attested, snapshot::Snapshot,
};
use crate::{
    actual::{Configuration, Inventory, Owner, owner_of_application},
    board::Board,
    brakes::{SUSPENDED, Window, window},
    desired::Desired,
    diff::{Held, placement},
    firewall::{Fate, Fault, Firewall},
    member::{Access, Member},
    metrics::Metrics,
    operation::{Batch, Operation, batches},
    overlap::foreign_signatures,
    preview::{Anchor, Company, Preview, Waiting},
    world::{Login, World},
    xml::NotALiteral,
};

/// Looks once at a firewall, from scratch, as a program that has just started would, and writes nothing anywhere. Brakes
/// (suspension, change windows) are told and otherwise left out: the preview is of what goes out once they are released.
/// A quarantine whose end is past counts as over.
///
/// # Errors
/// The object names no host, there is no login, or the firewall cannot be asked.
pub async fn preview<F: Firewall>(
    connect: fn(&Access, Arc<Login>, &Metrics) -> Result<F, Fault>,
    member: Member,
    world: &World,
    clock: Clock,
) -> Result<Preview, Fault> {
    let absent = || Fault {
        fate: Fate::Stop(Reason::NotFound),
        message: format!("there is no Firewall {}, or it names no host", member.firewall()),
    };
    let firewall = world.firewalls.get(member.firewall()).ok_or_else(absent)?;
    let access = member.access(&firewall.spec).ok_or_else(absent)?;
    let moment = Moment { firewall, access: &access, world, now: clock.now() };
    let ports = Ports {
        connect,
        cluster: Bystander,
        board: Board::default(),
        clock,
        draw: || 0.0,
        metrics: Metrics::new(&mut Registry::default()),
        // Whatever would write asks before whether we lead.
        leadership: Leadership::never(),
    };
    let settings = Settings { job_poll: SignedDuration::ZERO, resync: SignedDuration::ZERO };
    let mut cycle = Cycle::new(member, ports, settings);
    cycle.memory.meet(moment, &cycle.member);
    cycle.look(moment).await.map_err(Fault::from)
}

impl<F: Firewall> Cycle<F, Bystander> {
    async fn look(&mut self, moment: Moment<'_>) -> Result<Preview, Hitch> {
        let device = self.device(moment)?;
        let device = device.as_ref();
        let wanted = self.decide(moment);
        let snapshot = self.study(device, moment, &wanted).await?;
        let wanted = self.fit(moment, &wanted, &snapshot);
        if let Some(dns) = wanted.names().keys().next().filter(|_| self.memory.engines.is_empty()) {
            self.test_pattern(device, &sni_pattern(dns), &snapshot).await?;
        }
        let inventory = Inventory::of(&self.memory.ledger);
        self.memory.limited = self.limits(moment, &wanted, &snapshot.candidate, &inventory);
        let rounds = self.rounds(device, moment, &wanted, &snapshot).await?;
        let operations = self.operations(moment, &wanted, &snapshot);
        let malformed =
            |error: NotALiteral| Fault { fate: Fate::Stop(Reason::Malformed), message: error.to_string() };
        let batches = batches(operations.clone(), &moment.access.site);
        let batches: Vec<Batch> = batches.collect::<Result<_, _>>().map_err(malformed)?;
        let company = self.company(device, moment, &snapshot, &operations).await?;
        let facts = self.memory.facts.clone().unwrap_or_default();
        let (status, _, words) = attested(moment.spec(), &facts.version);
        let groups: BTreeSet<&str> = snapshot
            .fronts
            .iter()
            .filter_map(|front| Some(front.device.as_ref()?.managed.group.as_str()))
            .collect();
        let (candidate, running) = (&snapshot.candidate, snapshot.running.as_ref());
        let waiting = self.waiting(&wanted);
        Ok(Preview {
            firewall: self.name.clone(),
            site: moment.access.site.clone(),
            hosts: moment.access.hosts.clone(),
            facts,
            asked: wanted.names().values().filter(|name| name.quarantined_until.is_none()).count()
                + wanted.refused().iter().count(),
            waiting,
            engines: self.memory.engines.clone(),
            attested: (status, words),
            anchor: anchor(moment.spec(), candidate),
            capacity: self.memory.capacity.clone().unwrap_or_default(),
            rounds,
            default_deny: moment.spec().default_deny,
            foreign_app_ids: foreign_app_ids(moment.spec(), candidate, &inventory),
            copies: self.memory.copies.clone(),
            company,
            brakes: brakes(moment),
            operations,
            batches,
            uncommitted: self.differ(moment, candidate, running),
            groups: groups.len(),
            unpushed: self.unpushed(moment, &snapshot).is_some(),
        })
    }

    /// What others are doing there, and what that means for what we are about to write.
    async fn company(
        &self,
        device: &F,
        moment: Moment<'_>,
        snapshot: &Snapshot,
        operations: &[Operation],
    ) -> Result<Company, Hitch> {
        let rules_change = operations.iter().any(Operation::changes_rules);
        let pending = device.pending().await?;
        let verdict = self.judge_pending(&pending, moment, snapshot, rules_change);
        let managed = !self.memory.devices.is_empty() && !moment.spec().push.ship_others;
        Ok(Company {
            user: self.user(moment),
            pending,
            verdict,
            locks: device.locks().await?,
            shipment: managed.then(|| self.memory.shipping.judge(false)),
        })
    }

    /// All that is asked for and would not be written.
    fn waiting(&self, wanted: &Desired) -> Vec<Waiting> {
        let refused = wanted.refused().iter().map(|(identity, (reason, words))| Waiting {
            who: identity.to_string(),
            reason: *reason,
            words: words.clone(),
        });
        let held = self.memory.held.iter().chain(&self.memory.limited);
        let held = held.map(|(dns, (reason, words))| Waiting {
            who: dns.to_string(),
            reason: *reason,
            words: words.clone(),
        });
        refused.chain(held).collect()
    }
}

fn anchor(spec: &FirewallSpec, candidate: &Configuration) -> Anchor {
    let place = placement(&spec.rules);
    let there = place.words().1.is_none_or(|rule| candidate.rule(rule).is_some());
    Anchor { place, there }
}

fn foreign_app_ids(spec: &FirewallSpec, candidate: &Configuration, inventory: &Inventory) -> usize {
    let entries = candidate.all_applications();
    let ours = |entry: &_| owner_of_application(entry, &spec.cluster_name, inventory) == Owner::Ours;
    foreign_signatures(entries, ours).len()
}

/// What the object says that holds writes back now.
fn brakes(moment: Moment<'_>) -> Vec<Held> {
    let spec = moment.spec();
    let suspended = spec.suspend.then(|| (Reason::Suspended, SUSPENDED.to_owned()));
    let closed = match window(&spec.commit, moment.now) {
        Window::Open => None,
        Window::Closed { words, .. } => Some((Reason::OutsideWindow, words)),
    };
    suspended.into_iter().chain(closed).collect()
}
