//! What a Panorama sends to one firewall, and what the firewall remembers of it.

use crate::{clock::Moment, tree::Element};
use serde::Serialize;

/// The policy of one push for one firewall.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shipment {
    /// The `vsys/entry` that the firewall shows under `/config/panorama`.
    pub(crate) content: Element,
    pub(crate) checksum: String,
    pub(crate) group: String,
    /// Also commit the firewall's own candidate.
    pub(crate) merge: bool,
    pub(crate) validate_only: bool,
    pub(crate) include_template: bool,
    pub(crate) force_template_values: bool,
}

/// One push that a firewall put into force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct InstallRecord {
    pub(crate) group: String,
    pub(crate) checksum: String,
    pub(crate) merge_with_candidate: bool,
    pub(crate) include_template: bool,
    pub(crate) force_template_values: bool,
    #[serde(skip)]
    pub(crate) at: Moment,
}

impl InstallRecord {
    /// The push with which a firewall was taken in.
    pub(crate) fn first(group: String, checksum: String, at: Moment) -> Self {
        let no = false;
        Self {
            group,
            checksum,
            merge_with_candidate: no,
            include_template: no,
            force_template_values: no,
            at,
        }
    }
}

impl Shipment {
    pub(crate) fn record(&self, at: Moment) -> InstallRecord {
        InstallRecord {
            group: self.group.clone(),
            checksum: self.checksum.clone(),
            merge_with_candidate: self.merge,
            include_template: self.include_template,
            force_template_values: self.force_template_values,
            at,
        }
    }
}
