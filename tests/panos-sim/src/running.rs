//! Running devices, as tests hold them in their hands.

use crate::{
    accounts::Accounts,
    api,
    control::{self, Control},
    data_plane::{self, Flow, Listeners},
    device::{Device, Parts},
    faults::Fault,
    identity::Identity,
    jobs,
    log::{LogLine, RequestLog},
    panorama::{Fleet, Managed},
    scope::Scope,
    sessions::SessionRecord,
    simulator::{Options, StartError},
    tls,
    tree::{Element, print},
};
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::{net::TcpListener, task::JoinSet};

/// What a device is besides its options.
pub(crate) struct Making {
    pub(crate) identity: Identity,
    pub(crate) vsys: Scope,
    pub(crate) config: Element,
    pub(crate) fleet: Fleet,
    pub(crate) accounts: Arc<Accounts>,
    /// The firewalls whose control endpoints this one shows too.
    pub(crate) mirrors: Vec<Control>,
}

/// A running device; dropping it stops it at once.
#[derive(Debug)]
pub struct Running {
    /// Where the XML API listens.
    pub api_addr: SocketAddr,
    /// Where the control endpoint listens.
    pub control_addr: SocketAddr,
    /// Where the data plane's flows listen, in the order of the options.
    pub data_plane: Vec<SocketAddr>,
    /// The certificate that clients need to trust, PEM.
    pub ca_pem: String,
    /// Its serial number.
    pub serial: String,
    device: Arc<Device>,
    listeners: Listeners,
    tasks: JoinSet<()>,
}

/// Two running firewalls with one configuration.
#[derive(Debug)]
pub struct RunningPair {
    /// The one that is active at first.
    pub first: Running,
    /// Its peer.
    pub second: Running,
}

/// A running Panorama with its firewalls.
#[derive(Debug)]
pub struct RunningPanorama {
    /// The Panorama; of a pair, the one that is active at first.
    pub panorama: Running,
    /// The other Panorama of a pair.
    pub peer: Option<Running>,
    /// The firewalls, in the order of the topology.
    pub firewalls: Vec<Running>,
    pub(crate) fleet: Vec<Arc<Managed>>,
}

/// Starts a device; when this returns, everything listens.
pub(crate) async fn start_device(options: Options, making: Making) -> Result<Running, StartError> {
    let identity = tls::identity(&options.tls)?;
    let serial = making.identity.serial.clone();
    let device = Arc::new(Device::new(Parts {
        config: making.config,
        accounts: making.accounts,
        quirks: options.quirks,
        vsys: making.vsys,
        identity: making.identity,
        fleet: making.fleet,
        commit_time: options.commit_time,
        log: RequestLog::new(options.log_file.as_deref()).map_err(StartError::Log)?,
    }));
    let (api, api_addr) = bind(options.listen).await?;
    let (control, control_addr) = bind(options.control).await?;
    let (listeners, receiver) = Listeners::new();
    let mut tasks = JoinSet::new();
    tasks.spawn(jobs::run(Arc::clone(&device)));
    tasks.spawn(data_plane::run(Arc::clone(&device), receiver));
    tasks.spawn(api::serve(Arc::clone(&device), api, identity.acceptor));
    let own = Control { device: Arc::clone(&device), listeners: listeners.clone() };
    tasks.spawn(control::serve(own, making.mirrors, control));
    let mut data_plane = Vec::new();
    for flow in options.data_plane {
        let address = flow.listen;
        let bound = listeners.add(flow).await.map_err(|source| StartError::Listen { address, source })?;
        data_plane.push(bound);
    }
    let ca_pem = identity.ca_pem;
    Ok(Running { api_addr, control_addr, data_plane, ca_pem, serial, device, listeners, tasks })
}

async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |source| StartError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

impl Running {
    /// Ends every connection and waits for all tasks.
    pub async fn stop(mut self) {
        self.tasks.shutdown().await;
    }

    pub(crate) fn device(&self) -> &Arc<Device> {
        &self.device
    }

    pub(crate) fn mirror(&self) -> Control {
        Control { device: Arc::clone(&self.device), listeners: self.listeners.clone() }
    }

    /// One more listener of the data plane; returns where it listens.
    ///
    /// # Errors
    /// The address cannot be listened on.
    pub async fn add_flow(&self, flow: Flow) -> std::io::Result<SocketAddr> {
        self.listeners.add(flow).await
    }

    /// Plants a fault.
    pub fn plant(&self, fault: Fault) {
        self.device.faults.plant(fault);
    }

    /// Clears all faults; a job that never finishes then does.
    pub fn clear_faults(&self) {
        self.device.faults.clear();
    }

    /// All keys die, as when a person expires them.
    pub fn expire_keys(&self) {
        self.device.accounts.expire_keys();
    }

    /// How long commits last from now on.
    pub fn set_commit_time(&self, lasts: Duration) {
        self.device.set_commit_time(lasts);
    }

    /// The management plane starts again: unreachable for a while, then without any memory of its jobs.
    pub fn restart(&self, away: Duration) {
        self.device.restart(away);
    }

    /// Every request so far.
    pub fn log_lines(&self) -> Vec<LogLine> {
        self.device.log.lines()
    }

    /// Every session so far.
    pub fn sessions(&self) -> Vec<SessionRecord> {
        self.device.sessions.list()
    }

    /// The candidate configuration as XML, without bookkeeping attributes.
    pub fn candidate_xml(&self) -> String {
        print(&self.device.lock().store.candidate)
    }

    /// The running configuration as XML.
    pub fn running_xml(&self) -> String {
        print(&self.device.lock().store.running)
    }
}

impl RunningPair {
    /// The roles change at once; a commit that runs on the one that was active goes on there.
    pub fn fail_over(&self) {
        self.first.device.ha.fail_over();
    }

    /// The one that is active now.
    pub fn active(&self) -> &Running {
        if self.first.device.ha.is_active() { &self.first } else { &self.second }
    }

    /// Stops both.
    pub async fn stop(self) {
        self.first.stop().await;
        self.second.stop().await;
    }
}

impl RunningPanorama {
    /// The firewall of a serial number.
    pub fn firewall(&self, serial: &str) -> Option<&Running> {
        self.firewalls.iter().find(|firewall| firewall.serial == serial)
    }

    /// Connects a firewall to the Panorama, or cuts it off; `false` when there is no such firewall.
    pub fn set_connected(&self, serial: &str, connected: bool) -> bool {
        let managed = self.fleet.iter().find(|managed| managed.serial == serial);
        managed.map(|managed| managed.set_connected(connected)).is_some()
    }

    /// Of a pair: the roles change at once.
    pub fn fail_over(&self) {
        self.panorama.device.ha.fail_over();
    }

    /// Stops everything.
    pub async fn stop(self) {
        self.panorama.stop().await;
        for running in self.peer.into_iter().chain(self.firewalls) {
            running.stop().await;
        }
    }
}
