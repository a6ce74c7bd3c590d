//! A PAN-OS firewall or Panorama to test against: XML API, commit jobs, App-ID engine, data plane. Shares no code with policy-sync.
//!
//! ```no_run
//! # async fn example() -> Result<(), panos_sim::StartError> {
//! let firewall = panos_sim::Simulator::start(panos_sim::Options::default()).await?;
//! // … https://{firewall.api_addr}/api/, trusting firewall.ca_pem …
//! firewall.stop().await;
//! # Ok(())
//! # }
//! ```

mod accounts;
mod api;
mod archive;
mod clock;
mod config;
mod control;
mod data_plane;
mod device;
mod engine;
mod faults;
mod ha;
mod identity;
mod jobs;
mod locks;
mod log;
mod panorama;
mod policy;
mod quirks;
mod refusal;
mod running;
mod schema;
mod scope;
mod sessions;
mod simulator;
mod tls;
mod tree;
mod user_id;

pub use accounts::Accounts;
pub use config::InitialError;
pub use data_plane::{Flow, FlowError};
pub use faults::{Action, Chance, Fault, Times, Where};
pub use log::LogLine;
pub use panorama::{DeviceGroup, ManagedFirewall, Topology};
pub use policy::{Decision, Lookups, Session};
pub use quirks::{
    Anchors, ApplicationNeeds, BadPattern, BadSignatureList, FinishedProgress, OverlapWinner, PatternEngine,
    PolicyMatchLists, PortlessDefault, PushJobEnds, PushJobResult, QueuedStatus, Quirks, RuleNeeds,
};
pub use running::{Running, RunningPair, RunningPanorama};
pub use sessions::SessionRecord;
pub use simulator::{Options, PanoramaOptions, Simulator, StartError};
pub use tls::{TlsError, TlsOptions};
