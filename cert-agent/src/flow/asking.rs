//! The authority's side of a certificate's steps: prepare, ask, fetch, judge.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use sallyport_contract::{Reason, object::KeyKind};
use tokio::{task::JoinSet, time::Instant};

use super::{
    agent::{Agent, Next},
    certificate::{Case, Turn},
    memo::Memo,
};
use crate::{
    chain::{self, Expected, VerifiedLeaf, Wrong},
    cluster::{Cluster, ClusterError},
    fate::{self, Fate},
    issuer::{self, Call, Caller, Class, Described, Fetched, IssueError},
    key::PrivateKey,
    report::Report,
    request::{Request, RequestError},
    spending::Spent,
    state::{Attempt, Refused, State},
    step::Delivered,
};

/// So many times longer an ordinary renewal waits at most, before it asks again.
const PATIENCE: u32 = 5;
/// A name that the authority may not sign is looked at again so often; nothing is asked for it.
pub(super) const REFUSED: Duration = Duration::from_secs(60);

impl<C: Cluster> Agent<C> {
    /// What the authority says about itself.
    pub(super) async fn ask_about(&self, case: &Case<'_>, anew: bool) -> Result<Arc<Described>, IssueError> {
        self.described(&case.terms.authority, &*case.issuer, anew).await
    }

    /// For whom the authority is asked, and how urgently.
    fn caller(&self, memo: &Memo, case: &Case<'_>) -> Caller {
        let state = memo.state.as_ref();
        let current = state.and_then(|state| state.current.as_ref());
        let begun = state.and_then(|state| state.attempt.as_ref()).map(|attempt| attempt.request.not_before);
        let now = self.clock.now();
        Caller {
            class: Class::of(current.map(|current| (current.received_at, current.not_after)), now),
            namespace: case.owner.namespace.clone(),
            name: case.owner.name.clone(),
            since: current.map(|current| current.not_after).or(begun).unwrap_or(now),
        }
    }

    /// Makes a key and a request, and stores both.
    pub(super) async fn prepare(&self, memo: &mut Memo, case: &Case<'_>) -> Result<Turn, ClusterError> {
        let described = match self.ask_about(case, false).await {
            Ok(described) => described,
            Err(error) => return Ok(self.again(memo, case, fate::of_issue(&error), &error.to_string())),
        };
        if let Some(refusal) = described.refuses(&case.terms.authority, &case.terms.dns_names) {
            return Ok(Turn::Wait(Next::look_again(REFUSED), Report::waiting(Reason::NameRefused, refusal)));
        }
        if let Some((next, report)) = self.too_new(memo, case, described.path.last()).await? {
            return Ok(Turn::Wait(next, report));
        }
        if let Some((next, report)) = self.capped(case, false).await? {
            return Ok(Turn::Wait(next, report));
        }
        let limits = described.limits();
        let (now, before) = (self.clock.now(), memo.state.as_ref());
        let generation = before.map_or(0, |state| state.generation).saturating_add(1);
        let made = new_key(case.terms.key).await.and_then(|key| {
            let request = Request::new(&key, &case.terms, limits, generation, now)?;
            Ok((key, request))
        });
        let (key, request) = match made {
            Ok(made) => made,
            Err(error) => {
                let report =
                    Report::waiting(Reason::CertificateRefused, format!("nothing was asked: {error}"));
                return Ok(Turn::Wait(Next::look_again(Duration::from_secs(60)), report));
            }
        };
        if let Some((next, report)) = self.capped(case, true).await? {
            return Ok(Turn::Wait(next, report));
        }
        self.asked_until(&case.terms.authority, request.not_after).await?;
        let mut state = memo.state.take().unwrap_or_else(|| State::new(&case.namespace_uid));
        state.generation = generation;
        state.spent = Some(Spent::and_one(state.spent.as_ref(), &case.terms.authority, now));
        state.attempt = Some(Attempt {
            key,
            request,
            terms: case.terms.clone(),
            requested_at: whole_seconds(now),
            ticket: None,
            anchors: String::new(),
        });
        memo.state = Some(state);
        (memo.tries, memo.polls, memo.poll_at) = (0, 0, None);
        self.store(memo, case).await?;
        Ok(Turn::Go)
    }

    /// Asks the authority for what is stored.
    pub(super) async fn issue(&self, memo: &mut Memo, case: &Case<'_>) -> Result<Turn, ClusterError> {
        let described = match self.ask_about(case, false).await {
            Ok(described) => described,
            Err(error) => return Ok(self.again(memo, case, fate::of_issue(&error), &error.to_string())),
        };
        let caller = self.caller(memo, case);
        if let issuer::Turn::In(wait) = case.issuer.turn(Call::Issue, &caller) {
            return Ok(Turn::Wait(Next::after(wait), in_line(case, caller.class)));
        }
        if !memo.fresh {
            // Says that it is this agent that asks now: of two only one can store it, and goes on.
            let now = self.clock.now();
            if let Some(attempt) = memo.state.as_mut().and_then(|state| state.attempt.as_mut()) {
                attempt.requested_at = whole_seconds(now);
            }
            self.store(memo, case).await?;
        }
        memo.fresh = false;
        let Some(attempt) = memo.state.as_mut().and_then(|state| state.attempt.as_mut()) else {
            return Ok(Turn::Go);
        };
        let answer = case.issuer.issue(&caller, &attempt.request, &described).await;
        self.metrics.asked("issue", &answer.as_ref().map(drop));
        match answer {
            Ok(ticket) => {
                self.metrics.bought(&ticket);
                attempt.ticket = Some(ticket);
                attempt.anchors = described.path.iter().map(|der| chain::pem(der)).collect();
                (memo.tries, memo.polls) = (0, 0);
                self.store(memo, case).await?;
                let wait = case.issuer.first_wait();
                memo.poll_at = Some(Instant::now() + wait);
                if wait.is_zero() {
                    Ok(Turn::Go)
                } else {
                    Ok(Turn::Wait(Next::after(wait), awaiting(case, memo)))
                }
            }
            Err(error) => match fate::of_issue(&error) {
                fate @ Fate::Again { .. } => Ok(self.again(memo, case, fate, &error.to_string())),
                Fate::Refuse { billed } => self.refuse(memo, case, billed, error.to_string()).await,
            },
        }
    }

    /// Asks what came of the ticket, and judges it.
    pub(super) async fn fetch(&self, memo: &mut Memo, case: &Case<'_>) -> Result<Turn, ClusterError> {
        let attempt = memo.state.as_ref().and_then(|state| state.attempt.as_ref());
        let anchors = attempt.map(|attempt| chain::read("the stored anchors", &attempt.anchors));
        let asked_under = anchors.and_then(Result::ok).unwrap_or_default();
        if let Some((next, report)) = self.too_new(memo, case, asked_under.last()).await? {
            return Ok(Turn::Wait(next, report));
        }
        let Some(attempt) = memo.state.as_ref().and_then(|state| state.attempt.as_ref()) else {
            return Ok(Turn::Go);
        };
        let Some(ticket) = &attempt.ticket else { return Ok(Turn::Go) };
        // What is written or told of the identity meanwhile, our own words among it, brings no poll forward.
        if let Some(left) = memo.polls_in() {
            return Ok(Turn::Poll(left));
        }
        let age = self.clock.now().duration_since(attempt.requested_at);
        let age = Duration::try_from(age).unwrap_or_default();
        let caller = self.caller(memo, case);
        if let issuer::Turn::In(wait) = case.issuer.turn(Call::Get, &caller) {
            return Ok(Turn::Wait(Next::after(wait), awaiting(case, memo)));
        }
        let answer = case.issuer.fetch(&caller, &attempt.request, ticket).await;
        self.metrics.asked("fetch", &answer.as_ref().map(drop));
        match answer {
            Ok(Fetched::Pending) => {
                let draw = case.draw(memo.polls);
                let wait = fate::poll(case.issuer.first_wait(), memo.polls, age, draw);
                memo.polls = memo.polls.saturating_add(1);
                memo.poll_at = Some(Instant::now() + wait);
                Ok(Turn::Wait(Next::after(wait), awaiting(case, memo)))
            }
            Ok(Fetched::Ready { leaf, chain }) => {
                match self.judge(case, &attempt.request, &asked_under, &leaf, chain.as_deref()).await {
                    Ok(Ok(verified)) => self.received(memo, case, verified).await,
                    Ok(Err(wrong)) => {
                        let text = format!("the answer is not what was asked for: {wrong}");
                        self.refuse(memo, case, true, text).await
                    }
                    Err(error) => Ok(self.again(memo, case, fate::of_fetch(&error, age), &error.to_string())),
                }
            }
            Err(error) => match fate::of_fetch(&error, age) {
                fate @ Fate::Again { .. } => Ok(self.again(memo, case, fate, &error.to_string())),
                Fate::Refuse { billed } => self.refuse(memo, case, billed, error.to_string()).await,
            },
        }
    }

    /// Judges an answer; where it does not fit the authority that we know, the authority is asked about
    /// itself once more, for its certificate may have been renewed. What it made before that comes with the chain of then,
    /// which is the one that stood above it when it was asked.
    pub(super) async fn judge(
        &self,
        case: &Case<'_>,
        request: &Request,
        asked_under: &[Vec<u8>],
        leaf: &str,
        chain: Option<&str>,
    ) -> Result<Result<VerifiedLeaf, Wrong>, IssueError> {
        let expected = Expected {
            public_key: &request.public_key,
            dns_names: &request.dns_names,
            usages: &request.usages,
            not_after: request.not_after,
        };
        let now = self.clock.now();
        let known = self.ask_about(case, false).await?;
        match chain::verify(leaf, chain, &expected, &known.path, now) {
            Err(Wrong::Chain(_) | Wrong::Signature(_) | Wrong::NotNow { .. }) => {
                let renewed = self.ask_about(case, true).await?;
                let judged = chain::verify(leaf, chain, &expected, &renewed.path, now);
                Ok(judged.or_else(|wrong| {
                    chain::verify(leaf, chain, &expected, asked_under, now).map_err(|_| wrong)
                }))
            }
            judged => Ok(judged),
        }
    }

    async fn received(
        &self,
        memo: &mut Memo,
        case: &Case<'_>,
        verified: VerifiedLeaf,
    ) -> Result<Turn, ClusterError> {
        let Some(state) = &mut memo.state else { return Ok(Turn::Go) };
        let Some(attempt) = &mut state.attempt else { return Ok(Turn::Go) };
        // The authority's root may have changed since it was asked: the certificate waits with its ticket then.
        let anchors = format!("{}{}", verified.intermediates(), verified.root());
        let moved = attempt.anchors != anchors;
        attempt.anchors = anchors;
        let root = chain::read("the root", verified.root()).unwrap_or_default();
        if moved && let Some((next, report)) = self.too_new(memo, case, root.last()).await? {
            self.store(memo, case).await?;
            return Ok(Turn::Wait(next, report));
        }
        let Some(state) = &mut memo.state else { return Ok(Turn::Go) };
        state.adopt(&verified);
        memo.verified = Some(verified);
        memo.tries = 0;
        // What lies in the Secret was right a moment ago; it is to be replaced by this one.
        if memo.delivered == Some(Delivered::Current) {
            memo.delivered = Some(Delivered::Stale);
        }
        // What the ticket gives again is not stored: once it is delivered it lies in the Secret.
        if !case.issuer.keeps_certificates() {
            self.store(memo, case).await?;
        }
        self.metrics.issued();
        Ok(Turn::Go)
    }

    /// The same request again, later.
    fn again(&self, memo: &mut Memo, case: &Case<'_>, fate: Fate, text: &str) -> Turn {
        let (reason, first, longest) = fate.before_asking();
        // What has time leaves the authority in peace for longer; when it is back, everybody is woken.
        let patience = if self.caller(memo, case).class == Class::Renewal { PATIENCE } else { 1 };
        let wait = fate::wait(first, longest * patience, memo.tries, case.draw(memo.tries));
        memo.tries = memo.tries.saturating_add(1);
        let report =
            Report::waiting(reason, format!("CertificateAuthority {}: {text}", case.terms.authority));
        Turn::Wait(Next::after(wait), report)
    }

    /// This request never again.
    async fn refuse(
        &self,
        memo: &mut Memo,
        case: &Case<'_>,
        billed: bool,
        text: String,
    ) -> Result<Turn, ClusterError> {
        let now = self.clock.now();
        if let Some(state) = &mut memo.state {
            let before = state.refusal.take();
            state.attempt = None;
            state.refusal = Some(Refused::anew(before, &case.terms, billed, &text, whole_seconds(now)));
        }
        self.store(memo, case).await?;
        Ok(Turn::Go)
    }
}

/// A key; one that takes long is made where nobody waits for the thread.
async fn new_key(kind: KeyKind) -> Result<PrivateKey, RequestError> {
    if !PrivateKey::is_slow(kind) {
        return PrivateKey::generate_for(kind).map_err(RequestError::Key);
    }
    let mut making = JoinSet::new();
    making.spawn_blocking(move || PrivateKey::generate_for(kind));
    let made = making.join_next().await.and_then(Result::ok).ok_or(RequestError::Broken)?;
    made.map_err(RequestError::Key)
}

/// People read times to the second.
pub(super) fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

/// People are told why, and not a place that changes every moment.
pub(super) fn in_line(case: &Case<'_>, class: Class) -> Report {
    let others = match class {
        Class::Expiring => "certificates that end sooner go first",
        Class::New => "certificates about to expire go first, and namespaces take turns",
        Class::Renewal => "certificates about to expire and new pods go first, and namespaces take turns",
    };
    Report::waiting(
        Reason::AwaitingCertificate,
        format!("waits for its turn to ask CertificateAuthority {}: {others}", case.terms.authority),
    )
}

pub(super) fn awaiting(case: &Case<'_>, memo: &Memo) -> Report {
    let attempt = memo.state.as_ref().and_then(|state| state.attempt.as_ref());
    let ticket = attempt.and_then(|attempt| attempt.ticket.as_deref()).unwrap_or("not yet accepted");
    let authority = &case.terms.authority;
    Report::waiting(
        Reason::AwaitingCertificate,
        format!("CertificateAuthority {authority} was asked and has not signed yet ({ticket})"),
    )
}
