//! What a Panorama has that a firewall has not: device groups, managed firewalls, pushes.

mod fleet;
mod groups;
mod history;
mod request;
mod shipment;
mod topology;

pub(crate) use fleet::{Fleet, Managed};
pub(crate) use groups::{ancestors, groups, members, parent, related};
pub(crate) use history::History;
pub(crate) use request::PushRequest;
pub(crate) use shipment::{checksum, shipment};
pub(crate) use topology::first_config;
pub use topology::{DeviceGroup, ManagedFirewall, Topology};
