//! The device: one state behind one lock, and the policy in force that the data plane reads without it.

use crate::{
    accounts::Accounts,
    archive::Archive,
    config::Store,
    engine::{AppIds, BadSignature, compile_apps},
    faults::Faults,
    jobs::Jobs,
    locks::Locks,
    log::RequestLog,
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
    time::Duration,
};
use tokio::sync::{Notify, watch};

/// Everything that API, jobs, data plane and control endpoint share.
#[derive(Debug)]
pub(crate) struct Device {
    state: Mutex<State>,
    enforced: watch::Sender<Arc<Enforced>>,
    commit_ms: AtomicU64,
    pub(crate) job_queued: Notify,
    pub(crate) faults: Faults,
    pub(crate) log: RequestLog,
    pub(crate) sessions: Sessions,
    pub(crate) accounts: Accounts,
    pub(crate) registered: Registrations,
    pub(crate) quirks: Quirks,
    pub(crate) vsys: Scope,
    pub(crate) sw_version: String,
}

/// What changes while the device runs; held only for moments, never across an await.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) store: Store,
    pub(crate) jobs: Jobs,
    pub(crate) locks: Locks,
    pub(crate) archive: Archive,
}

/// What a commit put into force.
#[derive(Debug)]
pub(crate) struct Enforced {
    pub(crate) policy: Policy,
    pub(crate) apps: AppIds,
    pub(crate) bad: Vec<BadSignature>,
    key_lifetime: Option<Duration>,
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
        Self { policy: Policy::new(running, vsys, quirks), apps, bad, key_lifetime }
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

/// What a device is made of.
pub(crate) struct Parts {
    pub(crate) config: Element,
    pub(crate) accounts: Accounts,
    pub(crate) quirks: Quirks,
    pub(crate) vsys: Scope,
    pub(crate) sw_version: String,
    pub(crate) commit_time: Duration,
    pub(crate) log: RequestLog,
}

impl Device {
    pub(crate) fn new(parts: Parts) -> Self {
        let store = Store::new(parts.config);
        let enforced = Enforced::new(&store.running, &parts.vsys, &parts.quirks, &|_| false);
        let registered = Registrations::default();
        let enforced = enforced.connect(&parts.accounts, &registered);
        let archive = Archive::new(&store.running);
        let jobs = Jobs::new(parts.quirks.job_ids_cut);
        let device = Self {
            state: Mutex::new(State { store, jobs, locks: Locks::default(), archive }),
            enforced: watch::Sender::new(Arc::new(enforced)),
            commit_ms: AtomicU64::new(0),
            job_queued: Notify::new(),
            faults: Faults::new(),
            log: parts.log,
            sessions: Sessions::default(),
            accounts: parts.accounts,
            registered,
            quirks: parts.quirks,
            vsys: parts.vsys,
            sw_version: parts.sw_version,
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

    pub(crate) fn commit_time(&self) -> Duration {
        Duration::from_millis(self.commit_ms.load(Ordering::Relaxed))
    }

    pub(crate) fn set_commit_time(&self, lasts: Duration) {
        self.commit_ms.store(u64::try_from(lasts.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}
