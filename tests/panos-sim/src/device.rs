//! A device, firewall or Panorama: one state behind one lock, and the policy in force that the data plane reads without it.

use crate::{
    accounts::Accounts,
    archive::Archive,
    clock,
    config::{Model, Store},
    engine::{AppIds, BadSignature, compile_apps},
    faults::Faults,
    ha::Ha,
    identity::Identity,
    jobs::{InstallRecord, Jobs, Task},
    locks::Locks,
    log::RequestLog,
    panorama::{Fleet, History},
    policy::Policy,
    quirks::Quirks,
    scope::Scope,
    sessions::Sessions,
    tree::Element,
    user_id::Registrations,
};
use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::{Notify, watch};

/// Everything that API, jobs, data plane and control endpoint share.
#[derive(Debug)]
pub(crate) struct Device {
    state: Mutex<State>,
    enforced: watch::Sender<Arc<Enforced>>,
    changes: watch::Sender<u64>,
    commit_ms: AtomicU64,
    away_until: Mutex<Option<Instant>>,
    pub(crate) job_queued: Notify,
    pub(crate) faults: Faults,
    pub(crate) log: RequestLog,
    pub(crate) sessions: Sessions,
    pub(crate) accounts: Arc<Accounts>,
    pub(crate) registered: Registrations,
    pub(crate) quirks: Quirks,
    /// The scope whose policy is enforced.
    pub(crate) vsys: Scope,
    pub(crate) identity: Identity,
    /// The firewalls of a Panorama.
    pub(crate) fleet: Fleet,
    pub(crate) ha: Ha,
}

/// What changes while the device runs; held only for moments, never across an await.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) store: Store,
    pub(crate) jobs: Jobs,
    pub(crate) locks: Locks,
    pub(crate) archive: Archive,
    /// What a Panorama committed and did not push yet.
    pub(crate) history: History,
    /// What a Panorama put into force here, oldest first.
    pub(crate) installs: Vec<InstallRecord>,
    /// How often the management plane started again.
    pub(crate) life: u64,
}

/// What a commit put into force.
#[derive(Debug)]
pub(crate) struct Enforced {
    pub(crate) policy: Policy,
    pub(crate) apps: AppIds,
    pub(crate) bad: Vec<BadSignature>,
    key_lifetime: Option<Duration>,
    /// Whether live sessions are looked up again.
    pub(crate) rematch: bool,
}

impl Enforced {
    pub(crate) fn new(
        running: &Element,
        vsys: &Scope,
        quirks: &Quirks,
        refuse: &dyn Fn(&str) -> bool,
    ) -> Self {
        let (apps, bad) = compile_apps(running, vsys, quirks, refuse);
        let key_lifetime = configured_key_lifetime(running);
        let rematch = configured_rematch(running).unwrap_or(quirks.rematch_sessions);
        Self { policy: Policy::new(running, vsys, quirks), apps, bad, key_lifetime, rematch }
    }

    /// Lets what else lives on the device take part: keys with their lifetime, what is registered.
    fn connect(mut self, accounts: &Accounts, registered: &Registrations) -> Self {
        accounts.configure_key_lifetime(self.key_lifetime);
        self.policy.follow(registered);
        self
    }
}

/// `deviceconfig/setting/management/api/key/lifetime`, in minutes; 0 or nothing: keys live for ever
/// (<https://docs.paloaltonetworks.com/pan-os/11-1/pan-os-admin/firewall-administration/manage-firewall-administrators/configure-administrative-accounts-and-authentication/configure-api-key-lifetime>).
fn configured_key_lifetime(running: &Element) -> Option<Duration> {
    let device = running.child("devices")?.entries().next().map(|(_, device)| device)?;
    let lifetime = device.descend(&["deviceconfig", "setting", "management", "api", "key", "lifetime"])?;
    let minutes: u64 = lifetime.text.parse().ok()?;
    (minutes > 0).then(|| Duration::from_secs(minutes * 60))
}

/// `deviceconfig/setting/config/rematch`, where it is set (`PaloAltoNetworks/iron-skillet:templates/panos/full/iron_skillet_panos_full.xml`).
fn configured_rematch(running: &Element) -> Option<bool> {
    let device = running.child("devices")?.entries().next().map(|(_, device)| device)?;
    let rematch = device.descend(&["deviceconfig", "setting", "config", "rematch"])?;
    Some(rematch.text.trim() == "yes")
}

/// What a device is made of.
pub(crate) struct Parts {
    pub(crate) config: Element,
    pub(crate) accounts: Arc<Accounts>,
    pub(crate) quirks: Quirks,
    pub(crate) vsys: Scope,
    pub(crate) identity: Identity,
    pub(crate) fleet: Fleet,
    pub(crate) commit_time: Duration,
    pub(crate) log: RequestLog,
}

impl Device {
    pub(crate) fn new(parts: Parts) -> Self {
        let store = Store::new(parts.config, parts.identity.model);
        let enforced = Enforced::new(&store.running, &parts.vsys, &parts.quirks, &|_| false);
        let registered = Registrations::default();
        let enforced = enforced.connect(&parts.accounts, &registered);
        let archive = Archive::new(&store.running);
        let jobs = Jobs::new(parts.quirks.job_ids_cut);
        let device = Self {
            state: Mutex::new(State {
                store,
                jobs,
                locks: Locks::default(),
                archive,
                history: History::default(),
                installs: Vec::new(),
                life: 0,
            }),
            enforced: watch::Sender::new(Arc::new(enforced)),
            changes: watch::Sender::new(0),
            commit_ms: AtomicU64::new(0),
            away_until: Mutex::default(),
            job_queued: Notify::new(),
            faults: Faults::new(),
            log: parts.log,
            sessions: Sessions::default(),
            accounts: parts.accounts,
            registered,
            quirks: parts.quirks,
            vsys: parts.vsys,
            identity: parts.identity,
            fleet: parts.fleet,
            ha: Ha::default(),
        };
        device.set_commit_time(parts.commit_time);
        device
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn enforce(&self, enforced: Enforced) {
        self.enforced.send_replace(Arc::new(enforced.connect(&self.accounts, &self.registered)));
    }

    pub(crate) fn enforced(&self) -> Arc<Enforced> {
        Arc::clone(&self.enforced.borrow())
    }

    /// Tells of every commit that comes into force.
    pub(crate) fn watch_enforced(&self) -> watch::Receiver<Arc<Enforced>> {
        self.enforced.subscribe()
    }

    /// Puts the first pushed policy into force, before anybody uses the device.
    pub(crate) fn begin_with(&self, install: InstallRecord, content: &Element) {
        let mut state = self.lock();
        state.store.take_push(content);
        state.installs.push(install);
        self.enforce(Enforced::new(&state.store.running, &self.vsys, &self.quirks, &|_| false));
    }

    /// Tells those who wait for a job, a restart or a connection.
    pub(crate) fn tell_change(&self) {
        self.changes.send_modify(|count| *count += 1);
    }

    pub(crate) fn watch_changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    pub(crate) fn is_panorama(&self) -> bool {
        self.identity.model == Model::Panorama
    }

    /// Starts the management plane again: it is away for a while, then nobody knows of any job. Keys and the running
    /// configuration stay, and so does the traffic.
    pub(crate) fn restart(&self, away: Duration) {
        *self.away_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(clock::instant() + away);
        let mut state = self.lock();
        state.life += 1;
        state.jobs = Jobs::new(self.quirks.job_ids_cut);
        state.locks = Locks::default();
        if !self.quirks.candidate_survives_a_restart {
            state.store.revert_all();
        }
        state.jobs.enqueue("", Task::AutoCommit, "", clock::now());
        drop(state);
        self.job_queued.notify_one();
        self.tell_change();
    }

    /// Does the management plane start again right now?
    pub(crate) fn is_away(&self) -> bool {
        let until = *self.away_until.lock().unwrap_or_else(PoisonError::into_inner);
        until.is_some_and(|until| clock::instant() < until)
    }

    pub(crate) fn commit_time(&self) -> Duration {
        Duration::from_millis(self.commit_ms.load(Ordering::Relaxed))
    }

    pub(crate) fn set_commit_time(&self, lasts: Duration) {
        self.commit_ms.store(u64::try_from(lasts.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}
