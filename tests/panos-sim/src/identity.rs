//! What a device says that it is.

use crate::config::Model;

/// Model, names and version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) model: Model,
    pub(crate) serial: String,
    pub(crate) hostname: String,
    pub(crate) sw_version: String,
}

impl Identity {
    /// A firewall that stands alone.
    pub(crate) fn firewall(sw_version: String) -> Self {
        let (serial, hostname) = ("007200000000001".to_owned(), "fw-sim".to_owned());
        Self { model: Model::Firewall, serial, hostname, sw_version }
    }

    pub(crate) fn panorama(sw_version: String) -> Self {
        let (serial, hostname) = ("000710000000001".to_owned(), "panorama-sim".to_owned());
        Self { model: Model::Panorama, serial, hostname, sw_version }
    }

    /// `model`, as `PaloAltoNetworks/pango:client.go` tells a Panorama from a firewall.
    pub(crate) fn model_name(&self) -> &'static str {
        match self.model {
            Model::Firewall => "PA-VM",
            Model::Panorama => "Panorama",
        }
    }
}
