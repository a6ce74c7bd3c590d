//! Saved and earlier configurations, as `save config`, `load config` and the config audit know them.
//!
//! <https://docs.paloaltonetworks.com/pan-os/10-0/cli-reference/pan-os-10-0-configure-cli-command-hierarchy>:
//! `save config to NAME`, `load config from NAME | version N | last-saved`. Every commit makes one more version.

use crate::tree::Element;
use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

/// Older versions are forgotten; Panorama keeps 100 of each firewall.
const MAX_VERSIONS: usize = 20;
/// What `save config` without a name writes, and `load config last-saved` reads.
const LAST_SAVED: &str = ".snapshot.xml";

/// The configurations that can be loaded again.
#[derive(Debug, Default)]
pub(crate) struct Archive {
    saved: BTreeMap<String, Arc<Element>>,
    versions: VecDeque<(u32, Arc<Element>)>,
}

impl Archive {
    /// Begins with the first running configuration as version 1.
    pub(crate) fn new(running: &Element) -> Self {
        let mut archive = Self::default();
        archive.committed(running);
        archive
    }

    /// One more version is running.
    pub(crate) fn committed(&mut self, running: &Element) {
        let number = self.versions.back().map_or(1, |(last, _)| last + 1);
        self.versions.push_back((number, Arc::new(running.clone())));
        if self.versions.len() > MAX_VERSIONS {
            self.versions.pop_front();
        }
    }

    /// The number of the running configuration.
    pub(crate) fn latest(&self) -> u32 {
        self.versions.back().map_or(0, |(number, _)| *number)
    }

    /// Keeps a configuration under a name; without one it is the last saved one.
    pub(crate) fn save(&mut self, name: Option<&str>, config: &Element) {
        self.saved.insert(name.unwrap_or(LAST_SAVED).to_owned(), Arc::new(config.clone()));
    }

    pub(crate) fn saved(&self, name: Option<&str>) -> Option<Arc<Element>> {
        self.saved.get(name.unwrap_or(LAST_SAVED)).map(Arc::clone)
    }

    pub(crate) fn version(&self, number: u32) -> Option<Arc<Element>> {
        self.versions.iter().find(|(n, _)| *n == number).map(|(_, config)| Arc::clone(config))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_counted_and_the_oldest_are_forgotten() {
        let config = |n: usize| Element::leaf("config", n.to_string());
        let mut archive = Archive::new(&config(1));
        for n in 2..=MAX_VERSIONS + 1 {
            archive.committed(&config(n));
        }
        assert_eq!(archive.version(1), None);
        assert_eq!(archive.version(2).as_deref(), Some(&config(2)));
        assert_eq!(archive.version(99), None);
        archive.save(Some("before.xml"), &config(7));
        assert_eq!(archive.saved(Some("before.xml")).as_deref(), Some(&config(7)));
        assert_eq!(archive.saved(None), None);
        archive.save(None, &config(8));
        assert_eq!(archive.saved(None).as_deref(), Some(&config(8)));
    }
}
