//! What a cycle remembers between two steps.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::Timestamp;
use sallyport_contract::{
    DnsName, Reason,
    object::{Action, FirewallJob, FirewallStatus, JobKind, LastCommit},
};

use super::{
    Moment, pass::After, path::Canary, proof::Tested, snapshot::Snapshot, surroundings::Surroundings,
};
use crate::{
    capacity::Capacity,
    desired::Desired,
    devices::Counted,
    diff::{Frozen, Held},
    firewall::{Facts, Fault, PatternVerdict},
    ledger::Ledger,
    lending::Loan,
    member::{Access, Member},
    overlap::Overlaps,
    pace::Pace,
    path::Path,
    shipping::Shipping,
    trial::Trial,
    world::{Login, Version},
};

/// What a cycle remembers.
pub(super) struct Memory<F> {
    pub(super) connection: Option<Connection<F>>,
    pub(super) facts: Option<Facts>,
    /// When it told them.
    pub(super) facts_asked: Timestamp,
    pub(super) ledger: Ledger,
    /// Whether each name of the ledger was wanted when we last looked.
    pub(super) was_wanted: BTreeMap<DnsName, bool>,
    pub(super) desired: Option<Arc<Desired>>,
    pub(super) pace: Pace,
    pub(super) job: Option<Job>,
    pub(super) failed_commits: u32,
    /// What is known of commits that failed for what they carried.
    pub(super) trial: Trial,
    /// The device had nothing to commit: what we wrote is said to be in force already.
    pub(super) nothing_to_commit: bool,
    pub(super) trouble: Option<Trouble>,
    pub(super) next_pass: Timestamp,
    /// Entries that the device refused, until when they are not tried again.
    pub(super) refused: BTreeMap<DnsName, (Held, Timestamp)>,
    pub(super) refused_objects: BTreeMap<String, Timestamp>,
    /// What held names back in the last pass.
    pub(super) held: BTreeMap<DnsName, Held>,
    /// Names that a limit holds back, and why: new ones, and ones that are due for removal.
    pub(super) limited: BTreeMap<DnsName, Held>,
    /// Why nothing is written now although something may be due.
    pub(super) still: Option<Held>,
    /// How everything stood when it was settled; a glance tells whether it still does.
    pub(super) settled: Option<Settled>,
    /// A pass that has names left to test.
    pub(super) unfinished: Option<Unfinished>,
    /// When everything is proven anew, settled or not.
    pub(super) next_full: Timestamp,
    /// The firewalls of the device group, and since when those that are away have been.
    pub(super) devices: Vec<Counted>,
    pub(super) away: BTreeMap<String, Timestamp>,
    /// What others committed and hold back.
    pub(super) shipping: Shipping,
    /// What other clusters lend.
    pub(super) loans: BTreeMap<DnsName, Loan>,
    /// What other clusters hold and `spec.adopted` takes over.
    pub(super) adoptions: BTreeMap<DnsName, Loan>,
    /// What is round our rules.
    pub(super) surroundings: Surroundings,
    /// How full the device is; nothing before it was read.
    pub(super) capacity: Option<Capacity>,
    /// When Panorama's list of firewalls is to be looked at once more.
    pub(super) look_again: Option<Timestamp>,
    /// The device counts a rule's members as a change of the rule: seen by a commit that failed for it.
    pub(super) members_bind: bool,
    /// Written names that are not proven, and why.
    pub(super) unproven: BTreeMap<DnsName, Held>,
    /// Names that were proven to be allowed and are to be denied.
    pub(super) turning: BTreeSet<DnsName>,
    /// What the devices' policy tests said last of each name.
    pub(super) tested: BTreeMap<DnsName, Tested>,
    pub(super) overlaps: Overlaps,
    /// What each device's pattern engine said about a pattern of ours.
    pub(super) engines: BTreeMap<String, PatternVerdict>,
    /// Objects that carry our mark and are none of ours.
    pub(super) copies: Vec<String>,
    /// How often, and when next, signatures that did not compile are compiled anew.
    pub(super) recompile_at: Option<(u32, Timestamp)>,
    pub(super) last_commit: Option<LastCommit>,
    /// The name by which the path is tried, and what the probes' reports came to.
    pub(super) canary: Option<Canary>,
    pub(super) path: Option<Path>,
    /// Nothing of ours stands on the device, as its deletion asks.
    pub(super) gone: bool,
    /// What was last stored in the object, and the version that it has since.
    pub(super) status: Option<FirewallStatus>,
    pub(super) version: Version,
    generation: Option<i64>,
}

/// A login, and what it was made from.
pub(super) struct Connection<F> {
    pub(super) firewall: Arc<F>,
    access: Access,
    login: Arc<Login>,
}

/// How everything stood when it was settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Settled {
    /// A checksum over the signs of change.
    pub(super) signs: u64,
    /// A checksum over what is in force.
    pub(super) running: u64,
}

/// A pass that has names left to test: what it read counts until a job may have changed it, or other names are wanted.
pub(super) struct Unfinished {
    pub(super) snapshot: Snapshot,
    pub(super) after: After,
}

/// A job of ours.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) id: String,
    pub(super) kind: JobKind,
    /// The device group that a push is for.
    pub(super) group: Option<String>,
    pub(super) started: Timestamp,
    pub(super) progress: Option<u8>,
    pub(super) poll_at: Timestamp,
}

/// What keeps us from going on.
pub(super) struct Trouble {
    pub(super) fault: Fault,
    pub(super) failures: u32,
    pub(super) retry_at: Timestamp,
}

impl Job {
    /// The code while it runs.
    pub(super) const fn reason(&self) -> Reason {
        match self.kind {
            JobKind::Commit => Reason::AwaitingCommit,
            JobKind::Push => Reason::AwaitingPush,
        }
    }

    /// What is said of it beside a state that is good already.
    pub(super) const fn running(&self) -> &'static str {
        match self.kind {
            JobKind::Commit => "; a commit of ours runs",
            JobKind::Push => "; a push of ours runs",
        }
    }
}

impl<F> Default for Memory<F> {
    fn default() -> Self {
        Self {
            connection: None,
            facts: None,
            facts_asked: Timestamp::MIN,
            ledger: Ledger::default(),
            was_wanted: BTreeMap::new(),
            desired: None,
            pace: Pace::default(),
            job: None,
            failed_commits: 0,
            trial: Trial::default(),
            nothing_to_commit: false,
            trouble: None,
            next_pass: Timestamp::MIN,
            refused: BTreeMap::new(),
            refused_objects: BTreeMap::new(),
            held: BTreeMap::new(),
            limited: BTreeMap::new(),
            still: None,
            settled: None,
            unfinished: None,
            next_full: Timestamp::MIN,
            devices: Vec::new(),
            away: BTreeMap::new(),
            shipping: Shipping::default(),
            loans: BTreeMap::new(),
            adoptions: BTreeMap::new(),
            surroundings: Surroundings::default(),
            capacity: None,
            look_again: None,
            members_bind: false,
            unproven: BTreeMap::new(),
            turning: BTreeSet::new(),
            tested: BTreeMap::new(),
            overlaps: Overlaps::default(),
            engines: BTreeMap::new(),
            copies: Vec::new(),
            recompile_at: None,
            last_commit: None,
            canary: None,
            path: None,
            gone: false,
            status: None,
            version: Version::default(),
            generation: None,
        }
    }
}

impl<F> Connection<F> {
    pub(super) fn new(firewall: F, moment: Moment<'_>, login: Arc<Login>) -> Self {
        Self { firewall: Arc::new(firewall), access: moment.access.clone(), login }
    }

    fn fits(&self, moment: Moment<'_>) -> bool {
        self.access == *moment.access
            && moment.world.logins.get(&moment.spec().credentials.secret_name) == Some(&self.login)
    }
}

impl<F> Memory<F> {
    /// Takes in what the objects say: after a restart the running job and the inventory; later a changed
    /// login or spec, which ends every pause.
    pub(super) fn meet(&mut self, moment: Moment<'_>, member: &Member) {
        let generation = moment.firewall.metadata.generation;
        let version = Version::of(&moment.firewall.metadata);
        if self.generation.is_some() && self.generation != generation {
            self.trouble = None;
            self.unsettle();
            self.next_pass = moment.now;
            self.refused.clear();
            self.refused_objects.clear();
        }
        self.generation = generation;
        if self.status.is_none() || version > self.version {
            self.take_over(moment.firewall.status.clone().unwrap_or_default(), member, moment.now);
            self.version = version;
        }
        if self.connection.as_ref().is_some_and(|connection| !connection.fits(moment)) {
            self.connection = None;
            self.facts = None;
            self.engines.clear();
            self.unsettle();
            self.trouble = None;
            self.next_pass = moment.now;
        }
        let logged_out = self.connection.is_none() && self.trouble.is_some();
        if logged_out && moment.world.logins.contains_key(&moment.spec().credentials.secret_name) {
            self.trouble = None;
            self.next_pass = moment.now;
        }
        self.ledger.learn(&member.to_string(), moment.world);
    }

    /// Takes over what the object says, after a restart or because another replica wrote it. A job that it
    /// tells of is ours too, unless we know how it ended.
    fn take_over(&mut self, status: FirewallStatus, member: &Member, now: Timestamp) {
        let ended = self.last_commit.as_ref().map(|commit| commit.job.as_str());
        let job = match member.host() {
            None => status.job.as_ref(),
            Some(host) => status.members.iter().find(|one| one.host == host).and_then(|one| one.job.as_ref()),
        };
        let running = job.filter(|job| ended != Some(job.id.as_str()));
        if let (None, Some(FirewallJob { id, started, kind, device_group })) = (&self.job, running) {
            let (id, started, kind, group) = (id.clone(), *started, *kind, device_group.clone());
            self.job = Some(Job { id, kind, group, started, progress: None, poll_at: now });
        }
        if self.status.is_none() {
            self.shipping = Shipping::from_status(status.in_sync_through.as_deref());
            let away =
                status.devices.iter().filter_map(|one| Some((one.serial.clone(), one.disconnected_since?)));
            self.away = away.collect();
        }
        self.status = Some(status);
    }

    /// What was read is to be read anew.
    fn unsettle(&mut self) {
        (self.settled, self.unfinished) = (None, None);
    }

    /// Nothing may be written for now, and why.
    pub(super) fn hold(&mut self, why: Held) {
        self.still = Some(why);
        self.pace.hold();
    }

    /// How everything stood when it was settled, unless it is time to prove it anew.
    pub(super) fn unchanged_since(&self, now: Timestamp) -> Option<Settled> {
        self.settled.filter(|_| self.next_full > now)
    }

    /// Takes in what is wanted. What differs starts the pace, and lifts what a former version was refused for.
    pub(super) fn want(&mut self, wanted: &Arc<Desired>, now: Timestamp) {
        if let Some(before) = &self.desired {
            if before.names() != wanted.names() || before.rules() != wanted.rules() {
                self.pace.changed(now);
                (self.settled, self.unfinished) = (None, None);
            }
            let terms = |desired: &Desired, name: &DnsName| {
                let name = desired.names().get(name)?;
                Some((name.clone(), desired.rules().get(name.rule.as_str())?.terms.clone()))
            };
            self.refused.retain(|name, _| terms(before, name) == terms(wanted, name));
        }
        for table in [&mut self.held, &mut self.unproven] {
            table.retain(|name, _| wanted.names().contains_key(name));
        }
        self.tested.retain(|name, _| wanted.names().contains_key(name));
        self.turning.retain(|name| wanted.names().get(name).is_some_and(|name| name.action == Action::Deny));
        self.desired = Some(Arc::clone(wanted));
    }

    /// Whether something keeps us from asking the device now.
    pub(super) fn pauses(&self, now: Timestamp) -> bool {
        self.trouble.as_ref().is_some_and(|trouble| trouble.retry_at > now)
    }

    /// What is left as it is for now: what is held back, and what the device refused a while ago.
    pub(super) fn frozen(&mut self, now: Timestamp) -> Frozen {
        self.refused.retain(|_, (_, until)| *until > now);
        self.refused_objects.retain(|_, until| *until > now);
        let held = self.held.keys().chain(self.refused.keys()).chain(self.limited.keys());
        let held = held.chain(self.loans.keys());
        let names: BTreeSet<DnsName> = held.cloned().collect();
        Frozen { names, objects: self.refused_objects.keys().cloned().collect() }
    }
}
