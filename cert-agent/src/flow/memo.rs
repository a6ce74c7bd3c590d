//! What is remembered of one identity between two drives, so that a drive that has nothing to do asks
//! nobody. All of it can be lost: the state Secret holds what must not be.

use std::{collections::HashMap, sync::Arc, time::Duration};

use jiff::Timestamp;
use k8s_openapi::api::certificates::v1::PodCertificateRequest;
use sallyport_contract::object::Forms;
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use crate::{
    chain::VerifiedLeaf,
    cluster::version_of,
    forms::Further,
    observe::made::Made,
    pod::memory::Memory,
    report::Report,
    request::Terms,
    state::{Current, Span, State},
    step::Delivered,
    uid::Uid,
};

/// What is remembered of one identity.
#[derive(Default)]
pub struct Memo {
    /// The UID of the identity: another object under the same name is another one.
    pub uid: Option<Uid>,
    /// The identity as we last wrote it, and when, until the watch has caught up.
    pub identity: Option<(Arc<Made>, Instant)>,
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
    /// When it is asked about next, whatever else happens to the identity meanwhile.
    pub poll_at: Option<Instant>,
    /// Until when there is nothing to do.
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
    /// When it is asked about next, whatever else happens meanwhile.
    pub poll_at: Option<Instant>,
    /// How often the API server stood in the way in a row.
    pub failures: u32,
}

impl PodMemo {
    /// Takes the request as the watch has it, unless we wrote a newer one.
    pub fn catch_up(&mut self, seen: &PodCertificateRequest) {
        let older = |ours: &PodCertificateRequest| version_of(&ours.metadata) < version_of(&seen.metadata);
        if self.request.as_ref().is_none_or(older) {
            self.request = Some(seen.clone());
        }
    }

    /// How long until the ticket is asked about; nothing if that is due.
    #[must_use]
    pub fn polls_in(&self) -> Option<Duration> {
        left_until(self.poll_at)
    }

    /// What is stored on the request.
    #[must_use]
    pub fn memory(&self) -> Memory {
        self.request.as_ref().map(Memory::of).unwrap_or_default()
    }
}

fn left_until(at: Option<Instant>) -> Option<Duration> {
    let left = at?.saturating_duration_since(Instant::now());
    Some(left).filter(|left| !left.is_zero())
}

/// Nothing to do until then, unless the terms change.
#[derive(Clone)]
pub struct Rest {
    /// Until when.
    pub until: Timestamp,
    /// When the certificate came and ends.
    pub span: Option<Span>,
    /// Of the terms, the forms and what was told: whole they would weigh more than all else, for each identity.
    seal: [u8; 32],
}

impl Rest {
    /// Nothing to do under these terms, in these forms, while this is told.
    #[must_use]
    pub fn new(until: Timestamp, span: Option<Span>, under: (&Terms, &Forms), told: &Report) -> Self {
        Self { until, span, seal: seal(under, told) }
    }

    /// What was told, if it still stands and nothing has changed.
    #[must_use]
    pub fn still(&self, under: (&Terms, &Forms), made: &Made) -> Option<Report> {
        let told = Report::of(made);
        (told.stands_in(made) && self.seal == seal(under, &told)).then_some(told)
    }
}

fn seal(under: (&Terms, &Forms), told: &Report) -> [u8; 32] {
    Sha256::digest(format!("{under:?} {told:?}")).into()
}

/// What is remembered while there is nothing to do.
pub struct Resting {
    uid: Option<Uid>,
    identity: Option<(Arc<Made>, Instant)>,
    rest: Rest,
}

/// A memo between two pieces of work. There may be many, and most of them rest: of those all that can be read again is left out.
pub enum Laid {
    /// There is nothing to do for a while.
    Resting(Box<Resting>),
    /// Something is under way.
    Whole(Box<Memo>),
}

impl Laid {
    /// Keeps a memo.
    #[must_use]
    pub fn of(mut memo: Memo) -> Self {
        match memo.rest.take() {
            Some(rest) => Self::Resting(Box::new(Resting { uid: memo.uid, identity: memo.identity, rest })),
            None => Self::Whole(Box::new(memo)),
        }
    }

    /// The memo again.
    #[must_use]
    pub fn taken(self) -> Memo {
        match self {
            Self::Resting(resting) => {
                let Resting { uid, identity, rest } = *resting;
                Memo { uid, identity, rest: Some(rest), ..Memo::default() }
            }
            Self::Whole(memo) => *memo,
        }
    }

    /// When the current certificate came and ends.
    #[must_use]
    pub fn span(&self) -> Option<Span> {
        match self {
            Self::Resting(resting) => resting.rest.span,
            Self::Whole(memo) => memo.span(),
        }
    }
}

impl Memo {
    /// Nothing but that we have just written this identity.
    #[must_use]
    pub fn of(written: Arc<Made>) -> Self {
        Self { uid: written.uid.clone(), identity: Some((written, Instant::now())), ..Self::default() }
    }

    /// How long until the ticket is asked about; nothing if that is due.
    #[must_use]
    pub fn polls_in(&self) -> Option<Duration> {
        left_until(self.poll_at)
    }

    /// Forgets the stored state: somebody else has written it.
    pub fn forget_state(&mut self) {
        let (uid, identity) = (self.uid.take(), self.identity.take());
        *self = Self { uid, identity, ..Self::default() };
    }

    /// When the current certificate came and ends.
    #[must_use]
    pub fn span(&self) -> Option<Span> {
        let stored = self.state.as_ref().and_then(|state| state.current.as_ref());
        stored.map(Current::span).or_else(|| self.rest.as_ref()?.span)
    }

    /// Whether nothing is under way and nothing was refused.
    #[must_use]
    pub fn rest_is_calm(&self) -> bool {
        self.state.as_ref().is_some_and(|state| state.attempt.is_none() && state.refusal.is_none())
    }
}
