//! The firewalls that a Panorama manages: whole devices of their own, connected to it or not.

use super::{
    groups::group_of,
    shipment::{checksum, shipment},
};
use crate::{clock, device::Device, jobs::InstallRecord, tree::Element};
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

/// One managed firewall.
#[derive(Debug)]
pub(crate) struct Managed {
    pub(crate) serial: String,
    /// The one vsys to which a Panorama pushes.
    pub(crate) vsys: String,
    pub(crate) device: Arc<Device>,
    connected: AtomicBool,
}

impl Managed {
    pub(crate) fn new(serial: String, vsys: String, device: Arc<Device>, connected: bool) -> Self {
        Self { serial, vsys, device, connected: AtomicBool::new(connected) }
    }

    /// A firewall that restarts has no connection meanwhile.
    pub(crate) fn is_connected(&self) -> bool {
        self.connected.load(Ordering::Relaxed) && !self.device.is_away()
    }

    /// The firewall begins with what a push of this configuration would bring it, as after it was taken in.
    pub(crate) fn bring_in_sync(&self, config: &Element) {
        let Some(group) = group_of(config, &self.serial) else { return };
        let content = shipment(config, &group, &self.serial, &self.vsys);
        let checksum = checksum(&content);
        self.device.begin_with(InstallRecord::first(group, checksum, clock::now()), &content);
    }

    pub(crate) fn set_connected(&self, connected: bool) {
        self.connected.store(connected, Ordering::Relaxed);
        self.device.tell_change();
    }
}

/// All managed firewalls, in the order in which they were added; none on a firewall.
#[derive(Debug, Default)]
pub(crate) struct Fleet {
    managed: Vec<Arc<Managed>>,
    /// What each firewall should have, by the version of the running configuration that says so.
    wanted: Mutex<BTreeMap<String, (u32, String)>>,
}

impl Fleet {
    pub(crate) fn new(managed: Vec<Arc<Managed>>) -> Self {
        Self { managed, wanted: Mutex::default() }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Managed>> {
        self.managed.iter()
    }

    pub(crate) fn get(&self, serial: &str) -> Option<&Arc<Managed>> {
        self.managed.iter().find(|managed| managed.serial == serial)
    }

    /// The checksum of what a firewall gets from a push of a running configuration; none when it is in no group.
    pub(crate) fn wanted(&self, running: &Element, version: u32, managed: &Managed) -> Option<String> {
        let mut wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, sum)) = wanted.get(&managed.serial).filter(|(at, _)| *at == version) {
            return Some(sum.clone());
        }
        let group = group_of(running, &managed.serial)?;
        let sum = checksum(&shipment(running, &group, &managed.serial, &managed.vsys));
        wanted.insert(managed.serial.clone(), (version, sum.clone()));
        Some(sum)
    }
}
