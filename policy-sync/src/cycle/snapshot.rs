//! What one pass reads of a firewall: both configurations where we write, and every device that enforces.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::Arc,
};

use jiff::SignedDuration;
use sallyport_contract::DnsName;

use super::{Cycle, Hitch, Moment};
use crate::{
    actual::{Configuration, Inventory},
    cluster::Cluster,
    desired::Desired,
    devices::{Counted, counted},
    diff::Sides,
    firewall::{BadSignatures, Enforcers, Firewall, JobLine, View},
    lending::Loan,
    pace::later,
    xml::Element,
};

/// Model and release of a firewall count for so long.
const FACTS_LAST: SignedDuration = SignedDuration::from_hours(1);

/// What one pass reads.
pub(super) struct Snapshot {
    /// What is being edited.
    pub(super) candidate: Configuration,
    /// What is in force; on Panorama, what a push would ship.
    pub(super) running: Arc<Configuration>,
    /// The devices that enforce it.
    pub(super) fronts: Vec<Front>,
    /// A checksum over the signs of change, which were read first.
    pub(super) signs: u64,
    /// The jobs, which were read before the configurations: what one carried that had ended is in them.
    pub(super) jobs: Vec<JobLine>,
}

/// One device that must enforce a name.
pub(super) struct Front {
    pub(super) serial: String,
    /// The managed firewall; `None` for the device itself.
    pub(super) device: Option<Counted>,
    /// What it runs; `None` while it cannot be asked.
    pub(super) state: Option<FrontState>,
}

/// What a device runs.
pub(super) struct FrontState {
    pub(super) running: Arc<Configuration>,
    pub(super) bad: BadSignatures,
}

impl Front {
    /// The serial number to ask a managed firewall by.
    pub(super) fn target(&self) -> Option<&str> {
        self.device.as_ref().map(|_| self.serial.as_str())
    }

    /// Words about a managed firewall, with its name.
    pub(super) fn signed(&self, words: String) -> String {
        match &self.device {
            None => words,
            Some(Counted { managed, .. }) => {
                let name = if managed.hostname.is_empty() { "" } else { " " };
                format!("device {}{name}{}: {words}", self.serial, managed.hostname)
            }
        }
    }
}

impl Snapshot {
    /// What a difference is computed from.
    pub(super) fn sides<'a>(
        &'a self,
        moment: Moment<'a>,
        desired: &'a Desired,
        inventory: &'a Inventory,
        adoptions: &'a BTreeMap<DnsName, Loan>,
    ) -> Sides<'a> {
        let (spec, site) = (&moment.firewall.spec, &moment.access.site);
        let (candidate, running) = (&self.candidate, self.running.as_ref());
        Sides { spec, site, desired, candidate, running, inventory, adoptions }
    }

    /// The policy of every device without our own members: names are tested again only when it changes.
    pub(super) fn fingerprint(&self, wanted: &Desired) -> u64 {
        let mut hasher = DefaultHasher::new();
        for front in &self.fronts {
            front.serial.hash(&mut hasher);
            let rules = front.state.iter().flat_map(|state| &state.running.rules);
            for rule in rules {
                let ours = wanted.rules().contains_key(rule.entry_name());
                rule.entry_name().hash(&mut hasher);
                for field in rule.children.iter().filter(|field| !(ours && field.name == "application")) {
                    field.print().hash(&mut hasher);
                }
            }
        }
        hasher.finish()
    }

    /// The newest commit that was not ours.
    pub(super) fn last_foreign_commit(&self, user: &str) -> Option<&JobLine> {
        let foreign = self.jobs.iter().filter(|job| job.is_commit() && job.ok && job.user != user);
        foreign.max_by_key(|job| job.number())
    }

    /// The failed commits that were not ours.
    pub(super) fn failed_foreign_commits(&self, user: &str) -> impl Iterator<Item = &JobLine> {
        self.jobs.iter().filter(move |job| job.is_commit() && job.ended && !job.ok && job.user != user)
    }

    /// Whether an App-ID stands anywhere.
    pub(super) fn holds(&self, app: &str) -> bool {
        let devices = self.fronts.iter().filter_map(|front| front.state.as_ref());
        [&self.candidate, self.running.as_ref()]
            .into_iter()
            .chain(devices.map(|state| state.running.as_ref()))
            .any(|configuration| configuration.applications.contains_key(app))
    }
}

/// A checksum over App-IDs and rules in force: whatever of ours, or round ours, changes, changes it.
pub(super) fn checksum(running: &Configuration) -> u64 {
    let mut hasher = DefaultHasher::new();
    let hash = |element: &Element, hasher: &mut DefaultHasher| element.print().hash(hasher);
    running.all_applications().for_each(|entry| hash(entry, &mut hasher));
    running.rules.iter().for_each(|entry| hash(entry, &mut hasher));
    hasher.finish()
}

/// What tells whether anything can have changed: jobs, for nothing comes into force without one
/// (<https://docs.paloaltonetworks.com/panorama/getting-started/panorama-overview/panorama-commit-validation-and-preview-operations>),
/// and on Panorama which firewalls there are and how they stand.
pub(super) struct Signs {
    jobs: Vec<JobLine>,
    enforcers: Enforcers,
    /// A checksum over all of it.
    pub(super) checksum: u64,
}

impl<F: Firewall, C: Cluster> Cycle<F, C> {
    /// Reads the signs, jobs first: a commit that ends in between is one that the firewalls may not have yet.
    pub(super) async fn signs(&self, device: &F) -> Result<Signs, Hitch> {
        let mut hasher = DefaultHasher::new();
        let mut note = |jobs: &[JobLine]| {
            jobs.iter().for_each(|job| (job.id.as_str(), job.ended).hash(&mut hasher));
        };
        let jobs = device.jobs(None).await?;
        note(&jobs);
        let enforcers = device.enforcers().await?;
        if let Enforcers::Managed(managed) = &enforcers {
            for one in managed.iter().filter(|one| one.connected) {
                note(&device.jobs(Some(&one.serial)).await?);
            }
        }
        enforcers.hash(&mut hasher);
        Ok(Signs { jobs, enforcers, checksum: hasher.finish() })
    }

    /// Asks what the firewall is, unless it told a moment ago; hands back its serial number. Of a pair another one may be
    /// active now, and any may run another release since.
    async fn facts(&mut self, device: &F, moment: Moment<'_>) -> Result<String, Hitch> {
        let known = self.memory.facts.as_ref().filter(|facts| facts.active.is_none());
        if let Some(facts) = known.filter(|_| moment.now < later(self.memory.facts_asked, FACTS_LAST)) {
            return Ok(facts.serial.clone());
        }
        let facts = device.facts().await?;
        if self.memory.facts.as_ref().is_some_and(|before| before.version != facts.version) {
            self.memory.engines.clear();
        }
        let serial = facts.serial.clone();
        (self.memory.facts, self.memory.facts_asked) = (Some(facts), moment.now);
        Ok(serial)
    }

    /// Reads what the firewall holds now.
    pub(super) async fn read(&mut self, device: &F, moment: Moment<'_>) -> Result<Snapshot, Hitch> {
        let serial = self.facts(device, moment).await?;
        let signs = self.signs(device).await?;
        let candidate = device.configuration(View::Candidate).await?;
        let running = Arc::new(device.configuration(View::Running).await?);
        let fronts = match signs.enforcers {
            Enforcers::Itself => {
                let bad = device.bad_signatures(None).await?;
                let state = Some(FrontState { running: Arc::clone(&running), bad });
                vec![Front { serial, device: None, state }]
            }
            Enforcers::Managed(found) => {
                let devices = counted(found, moment.spec(), &self.memory.away, moment.now);
                self.note_devices(&devices, &signs.jobs, moment);
                self.fronts(device, devices).await?
            }
        };
        Ok(Snapshot { candidate, running, fronts, signs: signs.checksum, jobs: signs.jobs })
    }

    async fn fronts(&self, device: &F, devices: Vec<Counted>) -> Result<Vec<Front>, Hitch> {
        let mut fronts = Vec::new();
        for counted in devices.into_iter().filter(|device| device.counts) {
            let serial = counted.managed.serial.clone();
            let state = if counted.managed.connected {
                let running = Arc::new(device.in_force(&serial).await?);
                Some(FrontState { running, bad: device.bad_signatures(Some(&serial)).await? })
            } else {
                None
            };
            fronts.push(Front { serial, device: Some(counted), state });
        }
        Ok(fronts)
    }

    fn note_devices(&mut self, devices: &[Counted], jobs: &[JobLine], moment: Moment<'_>) {
        let away = devices.iter().filter_map(|one| Some((one.managed.serial.clone(), one.away_since?)));
        self.memory.away = away.collect();
        let reached = |one: &&Counted| one.counts && one.managed.connected;
        let in_sync = devices.iter().filter(reached).all(|one| one.managed.in_sync == Some(true));
        let user = moment.world.logins.get(&moment.spec().credentials.secret_name);
        let user = user.map(|login| login.user.as_str()).unwrap_or_default();
        self.memory.shipping.look(jobs, user, in_sync, moment.now);
        devices.clone_into(&mut self.memory.devices);
    }
}
