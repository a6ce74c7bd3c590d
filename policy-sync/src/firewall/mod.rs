//! The firewall as the flow sees it: read, write a batch, commit, push, ask.

mod answers;
mod fault;

use std::future::Future;

pub use answers::{
    BadSignatures, Enforcers, Facts, JobLine, JobState, Lock, Managed, PatternVerdict, Pending, Probe,
};
pub use fault::{Fate, Fault};

use crate::{actual::Configuration, operation::Batch, rulebase::Rulebase};

/// A firewall. One value is one login to one device.
pub trait Firewall: Send + Sync {
    /// Who the device is.
    fn facts(&self) -> impl Future<Output = Result<Facts, Fault>> + Send;
    /// What one of the device's two configurations holds.
    fn configuration(&self, view: View) -> impl Future<Output = Result<Configuration, Fault>> + Send;
    /// Writes one batch into the candidate: all of it or nothing, or where the device takes only single calls, up to
    /// the one that it refuses. `may`: asked before every call, for a batch of single calls takes a while.
    fn write(&self, batch: &Batch, may: &MayWrite<'_>) -> impl Future<Output = Result<(), Fault>> + Send;
    /// Says why a rule changes, which some devices demand before its change is taken.
    fn audit_comment(&self, rule: &str, comment: &str) -> impl Future<Output = Result<(), Fault>> + Send;
    /// Commits our administrator's changes. `None`: there was nothing to commit.
    fn commit(
        &self,
        description: &str,
        extent: Extent,
    ) -> impl Future<Output = Result<Option<String>, Fault>> + Send;
    /// The jobs that a device remembers. `serial`: a managed firewall, not the device itself.
    fn jobs(&self, serial: Option<&str>) -> impl Future<Output = Result<Vec<JobLine>, Fault>> + Send;
    /// How a job stands.
    fn job(&self, id: &str) -> impl Future<Output = Result<JobState, Fault>> + Send;
    /// What is written and not committed, by whomever.
    fn pending(&self) -> impl Future<Output = Result<Vec<Pending>, Fault>> + Send;
    /// The locks on the configuration, by whomever.
    fn locks(&self) -> impl Future<Output = Result<Vec<Lock>, Fault>> + Send;
    /// What a device's pattern engine says about a pattern, before it is written.
    fn test_pattern(
        &self,
        serial: Option<&str>,
        pattern: &str,
    ) -> impl Future<Output = Result<PatternVerdict, Fault>> + Send;
    /// Who enforces the running configuration: the device itself, or those that Panorama manages.
    fn enforcers(&self) -> impl Future<Output = Result<Enforcers, Fault>> + Send;
    /// Brings Panorama's running configuration to these firewalls of a device group; the push job's id.
    fn push(
        &self,
        group: &str,
        serials: &[String],
        description: &str,
    ) -> impl Future<Output = Result<Option<String>, Fault>> + Send;
    /// What a managed firewall enforces: pushed and local rules in the order in which they count.
    fn in_force(&self, serial: &str) -> impl Future<Output = Result<Configuration, Fault>> + Send;
    /// The rules in force on a device, ours and everybody's, with all that they name.
    fn rulebase(&self, serial: Option<&str>) -> impl Future<Output = Result<Rulebase, Fault>> + Send;
    /// What a device says about signatures that did not compile. `serial`: a managed one, not the device itself.
    fn bad_signatures(
        &self,
        serial: Option<&str>,
    ) -> impl Future<Output = Result<BadSignatures, Fault>> + Send;
    /// Whether a device looks sessions up again that began under a former policy; `None` if its configuration does not say.
    fn rematches(&self, serial: Option<&str>) -> impl Future<Output = Result<Option<bool>, Fault>> + Send;
    /// Which rule of a device's running policy decides; `None` if none of the listed ones does.
    fn policy_test(
        &self,
        serial: Option<&str>,
        probe: &Probe,
    ) -> impl Future<Output = Result<Option<String>, Fault>> + Send;
}

/// The question whether this replica may still write.
pub type MayWrite<'a> = dyn Fn() -> Result<(), Fault> + Sync + 'a;

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
