//! What a firewall would be asked to change, and what stands in the way: for people, before anything is written.
//!
//! A [`Preview`] is what [`crate::cycle::preview`] found. [`lines`] tells it as the CLI of the device, [`report`]
//! as a list of checks.

pub mod lines;
pub mod report;
mod tally;

use std::collections::BTreeMap;

use sallyport_contract::{
    Reason,
    object::{ConditionStatus, DefaultDeny},
};

use crate::{
    capacity::Capacity,
    diff::Held,
    firewall::{Facts, Lock, PatternVerdict, Pending},
    member::Site,
    operation::{Batch, Operation, Place},
    pending::Verdict,
    rulebase::Findings,
    shipping::Shipment,
};
pub use tally::Tally;

/// What would be changed on one firewall, and all that was judged on the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    /// The member: `edge`, or `edge/fw-2`.
    pub firewall: String,
    /// Where on it we write.
    pub site: Site,
    /// Its management interfaces.
    pub hosts: Vec<String>,
    /// Who it is.
    pub facts: Facts,
    /// How many names are asked for.
    pub asked: usize,
    /// What waits, and why.
    pub waiting: Vec<Waiting>,
    /// What each device's pattern engine says, by serial number.
    pub engines: BTreeMap<String, PatternVerdict>,
    /// What a person found with the device check.
    pub attested: (ConditionStatus, String),
    /// Where new rules go.
    pub anchor: Anchor,
    /// How full it is.
    pub capacity: Capacity,
    /// What the rules of each device make of ours.
    pub rounds: Vec<Round>,
    /// What follows from a default that allows.
    pub default_deny: DefaultDeny,
    /// How many App-IDs of others look at TLS.
    pub foreign_app_ids: usize,
    /// Objects that carry our mark and are none of ours.
    pub copies: Vec<String>,
    /// What others are doing there.
    pub company: Company,
    /// What the object says that holds writes back now.
    pub brakes: Vec<Held>,
    /// The changes in their order.
    pub operations: Vec<Operation>,
    /// The same as the device is sent them.
    pub batches: Vec<Batch>,
    /// Something of ours is written and not committed.
    pub uncommitted: bool,
    /// How many device groups are pushed after a commit; none without Panorama.
    pub groups: usize,
    /// Something of ours is committed and not pushed.
    pub unpushed: bool,
}

/// Something that would not be written now.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Waiting {
    /// The DNS name, or the identity whose names are refused.
    pub who: String,
    /// The code.
    pub reason: Reason,
    /// For people.
    pub words: String,
}

/// Where new rules go, and whether the rule that says so is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// The place.
    pub place: Place,
    /// It can be found.
    pub there: bool,
}

/// What the rules of one device make of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Round {
    /// Words that name the device, where there are several; else empty.
    pub device: String,
    /// What was found.
    pub findings: Findings,
}

/// What others are doing on the firewall.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Company {
    /// Our administrator.
    pub user: String,
    /// All that is written and not committed.
    pub pending: Vec<Pending>,
    /// What it means for a commit of ours.
    pub verdict: Verdict,
    /// The locks.
    pub locks: Vec<Lock>,
    /// What a push of ours would ship; nothing without Panorama.
    pub shipment: Option<Shipment>,
}

impl Preview {
    /// How much would be written, and with how many commits.
    #[must_use]
    pub fn tally(&self) -> Tally {
        Tally::of(self)
    }
}
