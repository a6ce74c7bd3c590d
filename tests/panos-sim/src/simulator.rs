//! Starts a device with all its listeners, and stops it.

use crate::{
    accounts::Accounts,
    api,
    config::{InitialError, load_initial},
    control,
    data_plane::{self, Flow, Listeners},
    device::{Device, Parts},
    faults::Fault,
    jobs,
    log::{LogLine, RequestLog},
    quirks::Quirks,
    scope::Scope,
    sessions::SessionRecord,
    tls::{self, TlsError, TlsOptions},
    tree::print,
};
use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};
use tokio::{net::TcpListener, task::JoinSet};

/// How a device starts. The default listens on free loopback ports, with one administrator `admin`/`admin`.
#[derive(Debug)]
pub struct Options {
    /// Where the XML API listens (HTTPS).
    pub listen: SocketAddr,
    /// Where the control endpoint listens (plain HTTP, for tests only).
    pub control: SocketAddr,
    /// Listeners of the data plane.
    pub data_plane: Vec<Flow>,
    /// Administrators.
    pub accounts: Accounts,
    /// The text of the first configuration; the built-in one if absent.
    pub config: Option<String>,
    /// The one virtual system whose policy the data plane enforces.
    pub vsys: String,
    /// How long a commit job lasts.
    pub commit_time: Duration,
    /// PAN-OS version that the device reports.
    pub sw_version: String,
    /// Appends the request log to this file.
    pub log_file: Option<PathBuf>,
    /// Answers to what public sources leave open.
    pub quirks: Quirks,
    /// The management certificate.
    pub tls: TlsOptions,
}

impl Default for Options {
    fn default() -> Self {
        let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self {
            listen: any_port,
            control: any_port,
            data_plane: Vec::new(),
            accounts: Accounts::default(),
            config: None,
            vsys: "vsys1".to_owned(),
            commit_time: Duration::from_secs(2),
            sw_version: "11.1.6".to_owned(),
            log_file: None,
            quirks: Quirks::default(),
            tls: TlsOptions::default(),
        }
    }
}

/// Why a device does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The first configuration is not usable.
    #[error(transparent)]
    Config(#[from] InitialError),
    /// There is no certificate.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// An address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The request log cannot be written.
    #[error("the request log cannot be opened")]
    Log(#[source] std::io::Error),
}

/// A simulated firewall.
#[derive(Debug, Clone, Copy)]
pub struct Simulator;

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
    device: Arc<Device>,
    listeners: Listeners,
    tasks: JoinSet<()>,
}

impl Simulator {
    /// Starts a device; when this returns, everything listens.
    ///
    /// # Errors
    /// The configuration, the certificate names, an address or the log file are not usable.
    pub async fn start(options: Options) -> Result<Running, StartError> {
        let vsys = Scope::Vsys(options.vsys);
        let config = load_initial(options.config.as_deref(), &vsys, &options.quirks)?;
        let identity = tls::identity(&options.tls)?;
        let key_lifetime =
            Some(options.quirks.key_lifetime_ms).filter(|ms| *ms > 0).map(Duration::from_millis);
        let device = Arc::new(Device::new(Parts {
            config,
            accounts: options.accounts.with_key_lifetime(key_lifetime),
            quirks: options.quirks,
            vsys,
            sw_version: options.sw_version,
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
        tasks.spawn(control::serve(Arc::clone(&device), listeners.clone(), control));
        let mut data_plane = Vec::new();
        for flow in options.data_plane {
            let address = flow.listen;
            let bound = listeners.add(flow).await.map_err(|source| StartError::Listen { address, source })?;
            data_plane.push(bound);
        }
        Ok(Running { api_addr, control_addr, data_plane, ca_pem: identity.ca_pem, device, listeners, tasks })
    }
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
