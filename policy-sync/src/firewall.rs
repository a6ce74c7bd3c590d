//! The firewall as the flow sees it: read, write a batch, commit, ask.

use std::future::Future;

use sallyport_contract::{Reason, refusal::quoted};

use crate::{actual::Configuration, operation::Batch};

/// A firewall. One value is one login to one device.
pub trait Firewall: Send + Sync {
    /// Who the device is.
    fn facts(&self) -> impl Future<Output = Result<Facts, Fault>> + Send;
    /// What one of the device's two configurations holds.
    fn configuration(&self, view: View) -> impl Future<Output = Result<Configuration, Fault>> + Send;
    /// Writes one batch into the candidate: all of it or nothing.
    fn write(&self, batch: &Batch) -> impl Future<Output = Result<(), Fault>> + Send;
    /// Commits our administrator's changes. `None`: there was nothing to commit.
    fn commit(
        &self,
        description: &str,
        extent: Extent,
    ) -> impl Future<Output = Result<Option<String>, Fault>> + Send;
    /// The commit job of our administrator that waits or runs.
    fn running_commit(&self) -> impl Future<Output = Result<Option<String>, Fault>> + Send;
    /// How a job stands.
    fn job(&self, id: &str) -> impl Future<Output = Result<JobState, Fault>> + Send;
    /// What the device says about signatures that did not compile.
    fn bad_signatures(&self) -> impl Future<Output = Result<BadSignatures, Fault>> + Send;
    /// Which rule of the running policy decides; `None` if none of the listed ones does.
    fn policy_test(&self, probe: &Probe) -> impl Future<Output = Result<Option<String>, Fault>> + Send;
}

/// Which configuration is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// What is being edited.
    Candidate,
    /// What is in force.
    Running,
}

/// What a commit compiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// What changed.
    Changes,
    /// Everything anew, also without a change. Nobody else's changes come along either way.
    Forced,
}

/// Who a device is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The model: `PA-VM`.
    pub model: String,
    /// The software version.
    pub version: String,
    /// The serial number.
    pub serial: String,
}

/// How a commit job stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobState {
    /// It waits or runs.
    Running {
        /// Percent, where the device says so.
        progress: Option<u8>,
    },
    /// It ended well.
    Done {
        /// The device's words.
        words: String,
    },
    /// It ended badly.
    Failed {
        /// The device's words.
        words: String,
    },
    /// The device knows no such job; after a restart it forgets them.
    Unknown,
}

/// The device's list of signatures that did not compile. Its form is not public, so any App-ID whose name
/// stands in it as a word counts as bad.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BadSignatures(pub String);

impl BadSignatures {
    /// The words about an App-ID, if it is listed.
    #[must_use]
    pub fn about(&self, app: &str) -> Option<String> {
        let line = self.0.lines().find(|line| {
            line.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')))
                .any(|word| word == app)
        })?;
        Some(quoted(line.trim()))
    }
}

/// A question to the running policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Source zone.
    pub from: String,
    /// Destination zone.
    pub to: String,
    /// Source address.
    pub source: String,
    /// Destination address.
    pub destination: String,
    /// Destination port.
    pub port: u16,
    /// The App-ID.
    pub application: String,
}

/// Why the firewall did not do it, and what follows from that.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Fault {
    /// What follows.
    pub fate: Fate,
    /// What happened, with the far side's own words.
    pub message: String,
}

/// What follows from a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Try again after a growing pause; this reason meanwhile.
    Retry(Reason),
    /// The device is busy or locked: try again after a short pause.
    Wait(Reason),
    /// The operation at this place of the batch is refused; the others may go without it.
    RefuseEntry(usize),
    /// It will not work until somebody changes something; we only look again now and then.
    Stop(Reason),
}

impl Fate {
    /// The code while it stands.
    #[must_use]
    pub const fn reason(self) -> Reason {
        match self {
            Self::Retry(reason) | Self::Wait(reason) | Self::Stop(reason) => reason,
            Self::RefuseEntry(_) => Reason::EntryRefused,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::BadSignatures;

    #[test]
    fn a_bad_signature_is_named_as_a_word() {
        let bad = BadSignatures("vsys1 sp-web-3f9a2c1b sni cannot compile\nother".to_owned());
        assert!(bad.about("sp-web-3f9a2c1b").is_some_and(|words| words.contains("cannot compile")));
        assert_eq!(bad.about("sp-web-3f9a2c1"), None);
        assert_eq!(bad.about("web"), None);
    }
}
