//! A pair of devices, one active and one passive: who may be written to, and how a commit reaches the other one.
//!
//! <https://docs.paloaltonetworks.com/ngfw/administration/high-availability/reference-ha-synchronization>: committed
//! configuration is synchronized; candidates are not
//! (<https://docs.paloaltonetworks.com/pan-os/10-1/pan-os-new-features/management-features/persistent-uncommitted-changes-on-pan-os.html>).

use crate::{
    clock,
    config::Model,
    device::{Device, State},
    jobs::Task,
    refusal::{Code, Refusal},
    tree::Element,
};
use std::sync::{
    Arc, OnceLock, Weak,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

/// A device's place in a pair; most devices are in none.
#[derive(Debug, Default)]
pub(crate) struct Ha {
    seat: OnceLock<Seat>,
}

#[derive(Debug)]
struct Seat {
    pair: Arc<Pair>,
    /// 0 or 1.
    number: usize,
}

#[derive(Debug)]
struct Pair {
    active: AtomicUsize,
    in_step: AtomicBool,
    devices: [Weak<Device>; 2],
}

impl Ha {
    /// Makes a pair of two devices; the first is active.
    pub(crate) fn pair(first: &Arc<Device>, second: &Arc<Device>) {
        let pair = Arc::new(Pair {
            active: AtomicUsize::new(0),
            in_step: AtomicBool::new(true),
            devices: [Arc::downgrade(first), Arc::downgrade(second)],
        });
        for (number, device) in [first, second].into_iter().enumerate() {
            device.ha.seat.get_or_init(|| Seat { pair: Arc::clone(&pair), number });
        }
    }

    pub(crate) fn is_paired(&self) -> bool {
        self.seat.get().is_some()
    }

    /// A device without a peer is active.
    pub(crate) fn is_active(&self) -> bool {
        self.seat.get().is_none_or(|seat| seat.pair.active.load(Ordering::Relaxed) == seat.number)
    }

    fn peer(&self) -> Option<Arc<Device>> {
        let seat = self.seat.get()?;
        seat.pair.devices.get(1 - seat.number)?.upgrade()
    }

    /// The roles change at once; tells which device was active.
    pub(crate) fn fail_over(&self) -> Option<Arc<Device>> {
        let pair = &self.seat.get()?.pair;
        let was_active = pair.active.fetch_xor(1, Ordering::Relaxed);
        pair.devices.get(was_active)?.upgrade()
    }

    /// Do both run the same configuration from now on?
    pub(crate) fn in_step(&self, equal: bool) {
        if let Some(seat) = self.seat.get() {
            seat.pair.in_step.store(equal, Ordering::Relaxed);
        }
    }

    /// The active device committed: its peer takes the configuration over by a job of its own.
    pub(crate) fn send_to_peer(&self, running: Arc<Element>) {
        let Some(peer) = self.peer().filter(|_| self.is_active()) else { return };
        self.in_step(false);
        peer.lock().jobs.enqueue("", Task::HaSync(running), "", clock::now());
        peer.job_queued.notify_one();
    }

    /// A passive device that started again asks for what it missed.
    pub(crate) fn catch_up(&self) {
        let missed = self.seat.get().is_some_and(|seat| !seat.pair.in_step.load(Ordering::Relaxed));
        if let Some(peer) = self.peer().filter(|_| missed && !self.is_active()) {
            let running = Arc::new(peer.lock().store.running.clone());
            peer.ha.send_to_peer(running);
        }
    }

    /// May configuration be written here now? Not on the passive device, nor while a synchronization runs on this one
    /// (codes: <https://docs.paloaltonetworks.com/ngfw/api/getting-started/pan-os-xml-api-error-codes>; the text of
    /// the second one is what `PaloAltoNetworks/pan-os-python:panos/base.py` looks for).
    pub(crate) fn check_write(&self, state: &State) -> Result<(), Refusal> {
        if is_syncing(state) {
            return Err(Refusal::new(Code::NotFound, "Another sync is in progress. Please try again later"));
        }
        if self.is_active() {
            return Ok(());
        }
        Err(Refusal::new(Code::Denied, "Operation is not allowed on the passive device of an HA pair"))
    }

    /// `show high-availability state`, as recorded in
    /// `demisto/content:Packs/PAN-OS/Integrations/Panorama/test_data/show_ha_state_enabled.xml` and
    /// `show_ha_state_panorama_enabled.xml`.
    pub(crate) fn to_xml(&self, device: &Device) -> Vec<Element> {
        let Some(seat) = self.seat.get() else { return vec![Element::leaf("enabled", "no")] };
        let peer = self.peer();
        let panorama = device.identity.model == Model::Panorama;
        let syncing =
            is_syncing(&device.lock()) || peer.as_ref().is_some_and(|peer| is_syncing(&peer.lock()));
        let sync = match (syncing, seat.pair.in_step.load(Ordering::Relaxed)) {
            (true, _) => "synchronization in progress",
            (false, true) => "synchronized",
            (false, false) => "not synchronized",
        };
        let up = peer.as_ref().is_some_and(|peer| !peer.is_away());
        let local = info("local-info", device, self.state_of(seat.number, panorama), seat.number);
        let peer_state = self.state_of(1 - seat.number, panorama);
        let other = info("peer-info", device, peer_state, 1 - seat.number)
            .with(Element::leaf("conn-status", if up { "up" } else { "down" }));
        let facts = vec![
            local,
            other,
            Element::leaf("running-sync", sync),
            Element::leaf("running-sync-enabled", "yes"),
        ];
        let enabled = Element::leaf("enabled", "yes");
        if panorama {
            return std::iter::once(enabled).chain(facts).collect();
        }
        let group = Element::new("group").with(Element::leaf("mode", "Active-Passive")).with_all(facts);
        vec![enabled, group]
    }

    fn state_of(&self, number: usize, panorama: bool) -> String {
        let active = self.is_active() == self.seat.get().is_some_and(|seat| seat.number == number);
        let role = if active { "active" } else { "passive" };
        match (panorama, number) {
            (false, _) => role.to_owned(),
            (true, 0) => format!("primary-{role}"),
            (true, _) => format!("secondary-{role}"),
        }
    }
}

fn info(name: &str, device: &Device, state: String, number: usize) -> Element {
    let priority = match (device.identity.model, number) {
        (Model::Panorama, 0) => "primary",
        (Model::Panorama, _) => "secondary",
        (Model::Firewall, 0) => "90",
        (Model::Firewall, _) => "100",
    };
    Element::new(name)
        .with(Element::leaf("build-rel", device.identity.sw_version.as_str()))
        .with(Element::leaf("platform-model", device.identity.model_name()))
        .with(Element::leaf("priority", priority))
        .with(Element::leaf("state", state))
        .with(Element::leaf("preemptive", "no"))
}

fn is_syncing(state: &State) -> bool {
    state.jobs.has(|task| matches!(task, Task::HaSync(_)))
}
