//! The flow of one firewall: `desired → read → prove → brake → write → commit → push → job → evidence → status`.
//!
//! [`Cycle::step`] does what is due now and says when to come again; it never sleeps. A broken firewall
//! holds back only its own cycle.

mod brake;
mod bystander;
mod commit;
mod conditions;
mod doubt;
mod engine;
mod memory;
mod names;
mod pass;
mod path;
mod preview;
mod proof;
mod push;
mod quarantine;
mod report;
mod snapshot;
mod surroundings;
mod write;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use memory::{Memory, Trouble};
use pass::After;
pub use preview::preview;
use sallyport_contract::{
    Reason,
    object::{Firewall as FirewallObject, FirewallSpec},
};
use sallyport_process::{
    clock::Clock,
    lease::{Deposed, Leadership},
    report::chain,
};

use crate::{
    board::Board,
    cluster::{Cluster, ClusterError, Loss},
    desired::{Desired, desired},
    farewell::{Farewell, farewell, leaves},
    firewall::{Fate, Fault, Firewall},
    member::{Access, Member},
    metrics::Metrics,
    pace::{later, pause},
    world::{Login, World},
};

/// What a cycle works with.
pub struct Ports<F, C> {
    /// Makes a login to the device.
    pub connect: fn(&Access, Arc<Login>, &Metrics) -> Result<F, Fault>,
    /// Where what was found is stored.
    pub cluster: C,
    /// Where the gates look.
    pub board: Board,
    /// The clock.
    pub clock: Clock,
    /// A random number between 0 and 1.
    pub draw: fn() -> f64,
    /// What is counted.
    pub metrics: Metrics,
    /// Whether this replica may write to a device now.
    pub leadership: Leadership,
}

impl<F, C: Clone> Clone for Ports<F, C> {
    fn clone(&self) -> Self {
        let Self { connect, cluster, board, clock, draw, metrics, leadership } = self;
        Self {
            connect: *connect,
            cluster: cluster.clone(),
            board: board.clone(),
            clock: clock.clone(),
            draw: *draw,
            metrics: metrics.clone(),
            leadership: leadership.clone(),
        }
    }
}

/// How often the device is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Between two questions about a commit job. The vendor advises two seconds at least.
    pub job_poll: SignedDuration,
    /// Between two full passes while something waits. A firewall that is settled is looked at as its object says.
    pub resync: SignedDuration,
}

/// The flow of one firewall.
pub struct Cycle<F, C> {
    member: Member,
    /// The member as it stands in claims, on the board and in logs.
    name: String,
    ports: Ports<F, C>,
    settings: Settings,
    memory: Memory<F>,
}

/// The moment of a step: the object, what else is seen, and the time.
#[derive(Clone, Copy)]
struct Moment<'a> {
    firewall: &'a FirewallObject,
    access: &'a Access,
    world: &'a World,
    now: Timestamp,
}

impl Moment<'_> {
    const fn spec(&self) -> &FirewallSpec {
        &self.firewall.spec
    }
}

/// Why a step could not go on.
enum Hitch {
    Firewall(Fault),
    Cluster(ClusterError),
}

impl From<Hitch> for Fault {
    fn from(hitch: Hitch) -> Self {
        match hitch {
            Hitch::Firewall(fault) => fault,
            Hitch::Cluster(error) => {
                Self { fate: Fate::Retry(Reason::AwaitingFirewall), message: chain(&error) }
            }
        }
    }
}

/// Whether this replica may write to a device now.
fn leads(leadership: &Leadership) -> Result<(), Fault> {
    let deposed =
        |error: Deposed| Fault { fate: Fate::Retry(Reason::AwaitingFirewall), message: error.to_string() };
    leadership.check().map_err(deposed)
}

impl From<Fault> for Hitch {
    fn from(fault: Fault) -> Self {
        Self::Firewall(fault)
    }
}

impl From<ClusterError> for Hitch {
    fn from(error: ClusterError) -> Self {
        Self::Cluster(error)
    }
}

/// While a device only needs somebody to change something, we look this often.
const STOPPED_PAUSE: SignedDuration = SignedDuration::from_secs(120);

impl<F: Firewall, C: Cluster> Cycle<F, C> {
    /// The cycle of one firewall. Nothing happens before the first step.
    #[must_use]
    pub fn new(member: Member, ports: Ports<F, C>, settings: Settings) -> Self {
        Self { name: member.to_string(), member, ports, settings, memory: Memory::default() }
    }

    /// Does what is due, and says when there is something to do next if nothing else changes. Once the
    /// object is gone there never is.
    pub async fn step(&mut self, world: &World) -> Timestamp {
        let Some(firewall) = world.firewalls.get(self.member.firewall()) else { return Timestamp::MAX };
        let Some(access) = self.member.access(&firewall.spec) else { return Timestamp::MAX };
        let moment = Moment { firewall, access: &access, world, now: self.ports.clock.now() };
        self.memory.meet(moment, &self.member);
        let result = self.advance(moment).await;
        let result = self.name_who_locks(moment, result).await;
        self.remember(result);
        self.look_at_the_path(moment);
        if let Err(error) = self.report(moment).await
            && !self.memory.pauses(moment.now)
        {
            self.remember(Err(Hitch::Cluster(error)));
        }
        self.wake(moment.spec())
    }

    /// Does what is due; tells whether the device was asked.
    async fn advance(&mut self, moment: Moment<'_>) -> Result<bool, Hitch> {
        self.see_off(moment).await?;
        let wanted = self.wanted(moment).await?;
        // What is stored counts at once, also while the device is away.
        self.ports.board.post(&self.name, self.standing(moment.spec()));
        if self.memory.pauses(moment.now) {
            return Ok(false);
        }
        if self.due(moment.spec()) > moment.now {
            return Ok(false);
        }
        if self.memory.job.is_some() {
            self.poll(moment, &wanted).await?;
            return Ok(true);
        }
        if let Some(settled) = self.memory.unchanged_since(moment.now)
            && self.memory.pace.due(&moment.spec().commit).is_none()
            && self.glance(moment, settled).await?
        {
            return Ok(true);
        }
        let after =
            if std::mem::take(&mut self.memory.nothing_to_commit) { After::Commit } else { After::Nothing };
        self.pass(moment, &wanted, after).await?;
        Ok(true)
    }

    /// Keeps the object until nothing of ours stands on the firewall, if its deletion asks for that.
    async fn see_off(&mut self, moment: Moment<'_>) -> Result<(), Hitch> {
        let hold = match farewell(self.member.firewall(), moment.firewall, moment.world, self.memory.gone) {
            Farewell::None | Farewell::Leave => return Ok(()),
            Farewell::Hold => true,
            Farewell::Release => false,
        };
        let uid = moment.firewall.metadata.uid.as_deref().unwrap_or_default();
        match self.ports.cluster.hold_firewall(self.member.firewall(), uid, hold).await {
            Ok(version) => self.memory.version = version,
            Err(error) if error.loss == Loss::Gone => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// What is wanted now; what changed starts the pace.
    async fn wanted(&mut self, moment: Moment<'_>) -> Result<Arc<Desired>, Hitch> {
        let mut wanted = self.decide(moment);
        if !leaves(moment.firewall) && self.note_unwanted(moment, &wanted).await? {
            wanted = self.decide(moment);
        }
        if let Some(before) = &self.memory.desired {
            wanted = wanted.alike(before);
        }
        self.memory.want(&wanted, moment.now);
        Ok(wanted)
    }

    /// What is wanted by all that is known now.
    fn decide(&self, moment: Moment<'_>) -> Arc<Desired> {
        let Memory { ledger, capacity, loans, .. } = &self.memory;
        let firewall = self.member.firewall();
        if leaves(moment.firewall) {
            return Desired::nothing(firewall, moment.world).into();
        }
        desired(firewall, moment.spec(), moment.world, ledger, capacity.as_ref(), moment.now)
            .with_loans(loans)
            .into()
    }

    /// The question before anything is written to the device: a replica that slept may lead no more.
    fn leads(&self) -> Result<(), Fault> {
        leads(&self.ports.leadership)
    }

    /// Turns the end of a step into what follows from it.
    fn remember(&mut self, result: Result<bool, Hitch>) {
        let (fate, message) = match result {
            Ok(asked) => {
                if asked {
                    self.memory.trouble = None;
                }
                return;
            }
            Err(hitch) => {
                let Fault { fate, message } = hitch.into();
                (fate, message)
            }
        };
        self.ports.metrics.fault(fate.reason());
        if matches!(fate.reason(), Reason::CommitFailed | Reason::PartialCommitIneffective) {
            self.memory.failed_commits += 1;
        }
        let failures = self.memory.trouble.as_ref().map_or(0, |trouble| trouble.failures) + 1;
        let draw = (self.ports.draw)();
        let wait = match fate {
            Fate::Retry(Reason::CommitFailed | Reason::PartialCommitIneffective) => {
                pause(self.memory.failed_commits + 2, draw)
            }
            // The API server is near, and everybody's: it is back soon.
            Fate::Retry(Reason::AwaitingFirewall) => pause(failures.min(3), draw),
            Fate::Retry(_) | Fate::RefuseEntry(_) => pause(failures, draw),
            // What others do takes minutes, or the time that a colleague holds a lock: half a minute at most.
            Fate::Wait(_) => pause(failures.min(6), draw),
            Fate::Stop(_) => STOPPED_PAUSE,
        };
        tracing::warn!(
            firewall = self.name,
            reason = fate.reason().code(),
            why = message,
            "the firewall waits"
        );
        let retry_at = later(self.ports.clock.now(), wait);
        let retry_at = self.memory.look_again.take().map_or(retry_at, |at| at.min(retry_at));
        self.memory.next_pass = retry_at;
        self.memory.trouble = Some(Trouble { fault: Fault { fate, message }, failures, retry_at });
    }

    /// When the device is to be asked next, were there no trouble: about the running job, because of what
    /// changed, or for the next full pass.
    fn due(&self, spec: &FirewallSpec) -> Timestamp {
        match &self.memory.job {
            Some(job) => job.poll_at,
            None => self.memory.pace.due(&spec.commit).unwrap_or(self.memory.next_pass),
        }
    }

    fn wake(&self, spec: &FirewallSpec) -> Timestamp {
        let quarantines = self.memory.desired.iter().flat_map(|desired| desired.names().values());
        let quarantine = quarantines.filter_map(|name| name.quarantined_until).min();
        let due = quarantine.map_or_else(|| self.due(spec), |end| end.min(self.due(spec)));
        let due = self.memory.trouble.as_ref().map_or(due, |trouble| due.max(trouble.retry_at));
        let outdated = self.next_outdated(spec).map_or(due, |outdated| outdated.min(due));
        self.memory.path.as_ref().and_then(|path| path.until).map_or(outdated, |until| until.min(outdated))
    }

    /// When the next proof becomes too old, which the gates are to hear at once.
    fn next_outdated(&self, spec: &FirewallSpec) -> Option<Timestamp> {
        let now = self.ports.clock.now();
        let evidence = self.memory.ledger.iter().filter_map(|(_, holding)| holding.entry.evidence.as_ref());
        let ends = evidence.map(|evidence| later(evidence.proven_at, spec.proof_max_age.as_signed()));
        ends.filter(|end| *end > now).min()
    }
}
