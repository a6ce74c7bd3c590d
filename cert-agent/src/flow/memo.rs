//! What is remembered of one identity between two drives, so that a drive that has nothing to do asks
//! nobody. All of it can be lost: the state Secret holds what must not be.

use jiff::Timestamp;
use sallyport_contract::object::WorkloadIdentity;
use tokio::time::Instant;

use crate::{chain::VerifiedLeaf, report::Report, request::Terms, state::State, step::Delivered};

/// What is remembered of one identity.
#[derive(Default)]
pub struct Memo {
    /// The identity as we last wrote it, and when: the watch may be behind.
    pub identity: Option<(WorkloadIdentity, Instant)>,
    /// The state as it is stored.
    pub state: Option<State>,
    /// The version of the state Secret; none if there is none.
    pub state_version: Option<String>,
    /// Whether the state was read.
    pub loaded: bool,
    /// Whether the state in memory is ahead of the stored one.
    pub unsaved: bool,
    /// Whether our own write of the state was the last thing that happened to it.
    pub fresh: bool,
    /// The current certificate, verified.
    pub verified: Option<VerifiedLeaf>,
    /// What lies in the place of the Secret, once it was looked at.
    pub delivered: Option<Delivered>,
    /// The version of the Secret.
    pub secret_version: Option<String>,
    /// How often the same call failed in a row.
    pub tries: u32,
    /// How often the ticket was asked about.
    pub polls: u32,
    /// What was told last, and until when there is nothing to do.
    pub rest: Option<Rest>,
}

/// Nothing to do until then, unless the terms change.
pub struct Rest {
    /// Until when.
    pub until: Timestamp,
    /// Under which terms.
    pub terms: Terms,
    /// What was told.
    pub report: Report,
}

impl Memo {
    /// Forgets the stored state: somebody else has written it.
    pub fn forget_state(&mut self) {
        let identity = self.identity.take();
        *self = Self { identity, ..Self::default() };
    }
}

impl Memo {
    /// Whether nothing is under way and nothing was refused.
    #[must_use]
    pub fn rest_is_calm(&self) -> bool {
        self.state.as_ref().is_some_and(|state| state.attempt.is_none() && state.refusal.is_none())
    }
}
