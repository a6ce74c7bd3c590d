//! What a team and its simulators stand on: the ground whose programs are processes, or a real node's.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::Path,
};

use crate::{control_plane::ControlPlane, ground::Ground, pca::PcaSim};

/// A cluster on which Sallyport runs, and where simulators must listen for it.
pub trait Site: Sync {
    /// The cluster.
    fn cluster(&self) -> &ControlPlane;
    /// The AWS Private CA stand-in.
    fn pca(&self) -> &PcaSim;
    /// The folder with everything that is written.
    fn folder(&self) -> &Path;
    /// The address at which the programs reach what runs on this machine.
    fn address(&self) -> IpAddr;
    /// Where the next firewall's management interface is to be; port 0 is any that is free.
    fn management_interface(&self) -> SocketAddr {
        SocketAddr::new(self.address(), 0)
    }
}

impl Site for Ground {
    fn cluster(&self) -> &ControlPlane {
        &self.cluster
    }

    fn pca(&self) -> &PcaSim {
        &self.pca
    }

    fn folder(&self) -> &Path {
        &self.folder
    }

    fn address(&self) -> IpAddr {
        Ipv4Addr::LOCALHOST.into()
    }
}
