//! What is remembered of one identity between two drives, so that a drive that has nothing to do asks
//! nobody. All of it can be lost: the state Secret holds what must not be.

use std::collections::HashMap;

use jiff::Timestamp;
use k8s_openapi::api::certificates::v1::PodCertificateRequest;
use sallyport_contract::object::{Forms, WorkloadIdentity};
use tokio::time::Instant;

use crate::{
    chain::VerifiedLeaf, forms::Further, pod::memory::Memory, report::Report, request::Terms, state::State,
    step::Delivered,
};

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
    /// The further forms in which it is delivered.
    pub further: Further,
    /// What is missing to deliver in all forms, in words for people.
    pub lacks: Option<String>,
    /// The version of the Secret.
    pub secret_version: Option<String>,
    /// How often the same call failed in a row.
    pub tries: u32,
    /// How often the ticket was asked about.
    pub polls: u32,
    /// What was told last, and until when there is nothing to do.
    pub rest: Option<Rest>,
    /// The requests of its pods that are under way, by UID.
    pub requests: HashMap<String, PodMemo>,
    /// When the certificates of its living pods end, by the pods' UIDs.
    pub pods_end: HashMap<String, Timestamp>,
}

/// What is remembered of one pod's request.
#[derive(Default)]
pub struct PodMemo {
    /// The request as we last read or wrote it.
    pub request: Option<PodCertificateRequest>,
    /// Whether our own write was the last thing that happened to it.
    pub fresh: bool,
    /// How often the same call to the authority failed in a row.
    pub tries: u32,
    /// How often the ticket was asked about.
    pub polls: u32,
    /// How often the API server stood in the way in a row.
    pub failures: u32,
}

impl PodMemo {
    /// Takes the request as the watch has it, unless we wrote a newer one.
    pub fn catch_up(&mut self, seen: &PodCertificateRequest) {
        let version = |request: &PodCertificateRequest| -> u64 {
            request.metadata.resource_version.as_ref().and_then(|text| text.parse().ok()).unwrap_or(0)
        };
        if self.request.as_ref().is_none_or(|ours| version(ours) < version(seen)) {
            self.request = Some(seen.clone());
        }
    }

    /// What is stored on the request.
    #[must_use]
    pub fn memory(&self) -> Memory {
        self.request.as_ref().map(Memory::of).unwrap_or_default()
    }
}

/// Nothing to do until then, unless the terms change.
pub struct Rest {
    /// Until when.
    pub until: Timestamp,
    /// Under which terms.
    pub terms: Terms,
    /// In which forms.
    pub forms: Forms,
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
