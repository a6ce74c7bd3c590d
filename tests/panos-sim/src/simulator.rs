//! Starts simulated devices: a firewall, a pair of them, or a Panorama with the firewalls that it manages.

use crate::{
    accounts::Accounts,
    config::{InitialError, load_initial},
    data_plane::Flow,
    ha::Ha,
    identity::Identity,
    panorama::{Fleet, Managed, Topology, first_config},
    quirks::Quirks,
    running::{Making, Running, RunningPair, RunningPanorama, start_device},
    scope::Scope,
    tls::{TlsError, TlsOptions},
};
use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

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

/// How a Panorama starts.
#[derive(Debug, Default)]
pub struct PanoramaOptions {
    /// The Panorama's own listeners, administrators, first configuration and so on; its firewalls have the same
    /// administrators, version, commit time and answers to open questions. It has no data plane and no vsys.
    pub base: Options,
    /// Its device groups and firewalls.
    pub topology: Topology,
    /// A second, passive Panorama beside it.
    pub paired: bool,
}

/// Starts devices.
#[derive(Debug, Clone, Copy)]
pub struct Simulator;

impl Simulator {
    /// Starts a firewall; when this returns, everything listens.
    ///
    /// # Errors
    /// The configuration, the certificate names, an address or the log file are not usable.
    pub async fn start(options: Options) -> Result<Running, StartError> {
        let identity = Identity::firewall(options.sw_version.clone());
        start_firewall(options, identity, None).await
    }

    /// Starts two firewalls that share one configuration; the first one is active.
    ///
    /// # Errors
    /// As [`Simulator::start`].
    pub async fn start_pair(first: Options, second: Options) -> Result<RunningPair, StartError> {
        let shared = first.quirks.keys_hold_on_the_peer.then(|| people(&first));
        let identity = |options: &Options, number: u8| Identity {
            serial: format!("00720000000000{number}"),
            hostname: format!("fw-sim-{number}"),
            ..Identity::firewall(options.sw_version.clone())
        };
        let (one, two) = (identity(&first, 1), identity(&second, 2));
        let first = start_firewall(first, one, shared.clone()).await?;
        let second = start_firewall(second, two, shared).await?;
        Ha::pair(first.device(), second.device());
        Ok(RunningPair { first, second })
    }

    /// Starts a Panorama and the firewalls that it manages. Those that are connected begin in sync.
    ///
    /// # Errors
    /// As [`Simulator::start`]; a topology that names a group that it does not have.
    pub async fn start_panorama(options: PanoramaOptions) -> Result<RunningPanorama, StartError> {
        let PanoramaOptions { base, topology, paired } = options;
        let config = first_config(base.config.as_deref(), &topology, &base.quirks)?;
        let (mut firewalls, mut fleet) = (Vec::new(), Vec::new());
        for device in topology.devices {
            let identity = Identity {
                serial: device.serial.clone(),
                hostname: device.hostname,
                ..Identity::firewall(base.sw_version.clone())
            };
            let options = Options {
                data_plane: device.data_plane,
                config: device.config,
                vsys: device.vsys.clone(),
                log_file: None,
                ..base.again()
            };
            let firewall = start_firewall(options, identity, None).await?;
            let its = Arc::clone(firewall.device());
            fleet.push(Arc::new(Managed::new(device.serial, device.vsys, its, device.connected)));
            firewalls.push(firewall);
        }
        let shared = base.quirks.keys_hold_on_the_peer.then(|| people(&base));
        let making = |number: u8| Making {
            identity: Identity {
                serial: format!("00071000000000{number}"),
                hostname: format!("panorama-sim-{number}"),
                ..Identity::panorama(base.sw_version.clone())
            },
            vsys: Scope::Shared,
            config: config.clone(),
            fleet: Fleet::new(fleet.clone()),
            accounts: shared.clone().unwrap_or_else(|| people(&base)),
            mirrors: firewalls.iter().map(Running::mirror).collect(),
        };
        let peer = if paired { Some(start_device(base.again(), making(2)).await?) } else { None };
        let first = making(1);
        let panorama = start_device(base, first).await?;
        let running = panorama.device().lock().store.running.clone();
        for managed in fleet.iter().filter(|managed| managed.is_connected()) {
            managed.bring_in_sync(&running);
        }
        if let Some(peer) = &peer {
            Ha::pair(panorama.device(), peer.device());
        }
        Ok(RunningPanorama { panorama, peer, firewalls, fleet })
    }
}

async fn start_firewall(
    options: Options,
    identity: Identity,
    accounts: Option<Arc<Accounts>>,
) -> Result<Running, StartError> {
    let vsys = Scope::Vsys(options.vsys.clone());
    let config = load_initial(options.config.as_deref(), &vsys, &options.quirks)?;
    let accounts = accounts.unwrap_or_else(|| people(&options));
    let making = Making { identity, vsys, config, fleet: Fleet::default(), accounts, mirrors: Vec::new() };
    start_device(options, making).await
}

/// The administrators of a device.
fn people(options: &Options) -> Arc<Accounts> {
    let key_lifetime = Some(options.quirks.key_lifetime_ms).filter(|ms| *ms > 0).map(Duration::from_millis);
    Arc::new(options.accounts.same_people().with_key_lifetime(key_lifetime))
}

impl Options {
    /// The same for one more device, on free ports and without a data plane.
    fn again(&self) -> Self {
        Self {
            accounts: self.accounts.same_people(),
            commit_time: self.commit_time,
            sw_version: self.sw_version.clone(),
            quirks: self.quirks.clone(),
            tls: self.tls.clone(),
            ..Self::default()
        }
    }
}
