//! The steps of one pod's request: decide, ask, fetch, verify, answer. Each is stored on the request before
//! the next, in the version that was read, so that of two agents one goes on.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use k8s_openapi::api::certificates::v1::PodCertificateRequest;
use sallyport_contract::Reason;
use tokio::time::Instant;

use super::{
    agent::Agent,
    asking::{REFUSED, in_line, whole_seconds},
    certificate::Case,
    memo::PodMemo,
};
use crate::{
    chain::VerifiedLeaf,
    cluster::{Cluster, ClusterError},
    fate::{self, Fate},
    issuer::{self, Call, Caller, Class, Fetched, IssueError},
    pod::{
        answer, ask, facts,
        memory::{Attempt, Memory},
        step::{self, Effect},
        stub::Stub,
        tally::OnePod,
    },
    report::Report,
    request::Terms,
    state::{Refused, StoredTerms},
};

/// How far one request came.
#[derive(Default)]
pub(super) struct Driven {
    /// It was answered: its pod, and when the certificate ends.
    pub(super) answered: Option<(String, Timestamp)>,
    /// It waits so long, for this.
    pub(super) waits: Option<(Duration, Reason, String)>,
}

enum Turn {
    Go,
    Wait(Duration, Reason, String),
    Answered(Timestamp),
}

/// One request, and what its certificate is to be.
struct Pod<'a> {
    case: &'a Case<'a>,
    stub: Stub,
    terms: Terms,
    stored: StoredTerms,
    uid: String,
    caller: Caller,
}

/// More steps than a journey has; a defect must not spin.
const MOST_STEPS: usize = 8;

impl<C: Cluster> Agent<C> {
    /// Drives one request as far as it goes now.
    pub(super) async fn drive(
        &self,
        case: &Case<'_>,
        request: Arc<PodCertificateRequest>,
        holder: OnePod,
        mut memo: PodMemo,
    ) -> (String, PodMemo, Driven) {
        let uid = request.metadata.uid.clone().unwrap_or_default();
        let pod_uid = request.spec.pod_uid.clone();
        memo.catch_up(&request);
        if memo.request.as_ref().is_some_and(facts::is_answered) {
            // The watch is behind what we wrote.
            return (uid, memo, Driven::default());
        }
        let driven = match self.steps(case, holder, &uid, &mut memo).await {
            Ok(Turn::Answered(ends)) => Driven { answered: Some((pod_uid, ends)), waits: None },
            Ok(Turn::Go) => Driven::default(),
            Ok(Turn::Wait(wait, reason, text)) => {
                memo.failures = 0;
                Driven { waits: Some((wait, reason, text)), answered: None }
            }
            // It went with its pod.
            Err(ClusterError::Gone(_)) => Driven::default(),
            Err(error) => Driven { waits: Some(Self::put_off(&uid, &mut memo, &error)), answered: None },
        };
        (uid, memo, driven)
    }

    async fn steps(
        &self,
        case: &Case<'_>,
        holder: OnePod,
        uid: &str,
        memo: &mut PodMemo,
    ) -> Result<Turn, ClusterError> {
        let Some(PodCertificateRequest { metadata, spec, .. }) = &memo.request else { return Ok(Turn::Go) };
        // It was judged before it came here.
        let Ok(stub) = Stub::read(&spec.stub_pkc_s10_request.0) else { return Ok(Turn::Go) };
        let lifetime = case.terms.lifetime.min(ask::longest(spec.max_expiration_seconds));
        let terms = Terms { lifetime, ..case.terms.clone() };
        let stored = StoredTerms::from(&terms);
        let now = self.clock.now();
        let asked = metadata.creation_timestamp.as_ref().map_or(now, |made| made.0);
        let held = ask::holds(holder, asked, lifetime);
        let caller = Caller {
            class: Class::of(held, now),
            namespace: case.owner.namespace.clone(),
            name: uid.to_owned(),
            since: held.map_or(asked, |(_, ends)| ends),
        };
        let pod = Pod { case, stub, terms, stored, uid: uid.to_owned(), caller };
        memo.fresh = false;
        for _ in 0..MOST_STEPS {
            let memory = memo.memory();
            let turn = match step::next(&memory, &pod.stored, self.clock.now()) {
                Effect::Prepare => self.prepare_for_pod(&pod, memo, memory).await?,
                Effect::Issue => self.issue_for_pod(&pod, memo, memory).await?,
                Effect::Fetch => self.fetch_for_pod(&pod, memo, memory).await?,
                Effect::GiveUp => {
                    let text = "the certificate took so long that the API server would not take it any more";
                    self.refuse_for_pod(&pod, memo, memory, true, text).await?
                }
                Effect::Rest(until) => {
                    let left = Duration::try_from(until.duration_since(self.clock.now())).unwrap_or_default();
                    let text = memory.refusal.map(|refused| refused.message).unwrap_or_default();
                    Turn::Wait(left, Reason::CertificateRefused, text)
                }
            };
            if !matches!(turn, Turn::Go) {
                return Ok(turn);
            }
        }
        tracing::error!(request = uid, "more steps than a journey has");
        let text = "more steps were taken than a journey has".to_owned();
        Ok(Turn::Wait(Duration::from_secs(60), Reason::AwaitingCertificate, text))
    }

    /// Stores what is remembered, on the request in the version that was read.
    async fn remember(&self, memo: &mut PodMemo, memory: &Memory) -> Result<(), ClusterError> {
        let Some(request) = &memo.request else { return Ok(()) };
        let stored = self.cluster.replace(&memory.on(request)).await?;
        memo.request = Some(stored);
        memo.fresh = true;
        Ok(())
    }

    /// Decides what to ask, and stores it.
    async fn prepare_for_pod(
        &self,
        pod: &Pod<'_>,
        memo: &mut PodMemo,
        mut memory: Memory,
    ) -> Result<Turn, ClusterError> {
        let described = match self.ask_about(pod.case, false).await {
            Ok(described) => described,
            Err(error) => return Ok(wait(pod, memo, fate::of_issue(&error), &error)),
        };
        if let Some(refusal) = described.refuses(&pod.terms.authority, &pod.terms.dns_names) {
            return Ok(Turn::Wait(REFUSED, Reason::NameRefused, refusal));
        }
        let root = described.path.last().map(Vec::as_slice);
        if let Some((left, report)) = self.too_new_for_anybody(&pod.terms.authority, root, None).await? {
            return Ok(Turn::Wait(left, report.reason, report.message));
        }
        let limits = described.limits();
        let (generation, now) = (memory.generation.saturating_add(1), self.clock.now());
        let request = match ask::decide(&pod.stub, &pod.terms, limits, generation, now) {
            Ok(request) => request,
            Err(error) => {
                let text = format!("nothing was asked: {error}");
                return Ok(Turn::Wait(Duration::from_secs(60), Reason::CertificateRefused, text));
            }
        };
        let name = memo.request.as_ref().map(|request| request.spec.pod_name.clone()).unwrap_or_default();
        if let Some((left, text)) = self.capped_pod(pod.case, &name).await? {
            return Ok(Turn::Wait(left, Reason::SpendingCapReached, text));
        }
        self.asked_until(&pod.terms.authority, request.not_after).await?;
        memory.generation = generation;
        memory.attempt = Some(Attempt {
            terms: pod.stored.clone(),
            not_before: request.not_before,
            not_after: request.not_after,
            token: request.token,
            requested_at: whole_seconds(now),
            ticket: None,
        });
        (memo.tries, memo.polls) = (0, 0);
        self.remember(memo, &memory).await?;
        Ok(Turn::Go)
    }

    /// Asks the authority for what is stored.
    async fn issue_for_pod(
        &self,
        pod: &Pod<'_>,
        memo: &mut PodMemo,
        mut memory: Memory,
    ) -> Result<Turn, ClusterError> {
        let described = match self.ask_about(pod.case, false).await {
            Ok(described) => described,
            Err(error) => return Ok(wait(pod, memo, fate::of_issue(&error), &error)),
        };
        if let issuer::Turn::In(left) = pod.case.issuer.turn(Call::Issue, &pod.caller) {
            let Report { reason, message, .. } = in_line(pod.case, pod.caller.class);
            return Ok(Turn::Wait(left, reason, message));
        }
        let Some(attempt) = &mut memory.attempt else { return Ok(Turn::Go) };
        if !memo.fresh {
            // Says that it is this agent that asks now: of two only one can store it, and goes on.
            attempt.requested_at = whole_seconds(self.clock.now());
            self.remember(memo, &memory).await?;
        }
        memo.fresh = false;
        let Some(attempt) = &mut memory.attempt else { return Ok(Turn::Go) };
        let request = ask::again(&pod.stub, &pod.terms, attempt);
        let answer = pod.case.issuer.issue(&pod.caller, &request, &described).await;
        self.metrics.asked("issue", &answer.as_ref().map(drop));
        match answer {
            Ok(ticket) => {
                self.metrics.bought(&ticket);
                attempt.ticket = Some(ticket);
                (memo.tries, memo.polls) = (0, 0);
                self.remember(memo, &memory).await?;
                let first = pod.case.issuer.first_wait();
                memo.poll_at = Some(Instant::now() + first);
                if first.is_zero() { Ok(Turn::Go) } else { Ok(awaiting(pod, first)) }
            }
            Err(error) => self.failed(pod, memo, memory, fate::of_issue(&error), &error).await,
        }
    }

    /// Asks what came of the ticket, and judges it.
    async fn fetch_for_pod(
        &self,
        pod: &Pod<'_>,
        memo: &mut PodMemo,
        memory: Memory,
    ) -> Result<Turn, ClusterError> {
        let Some(attempt) = &memory.attempt else { return Ok(Turn::Go) };
        let Some(ticket) = &attempt.ticket else { return Ok(Turn::Go) };
        if let Some(left) = memo.polls_in() {
            return Ok(awaiting(pod, left));
        }
        if let issuer::Turn::In(left) = pod.case.issuer.turn(Call::Get, &pod.caller) {
            return Ok(awaiting(pod, left));
        }
        let age =
            Duration::try_from(self.clock.now().duration_since(attempt.requested_at)).unwrap_or_default();
        let request = ask::again(&pod.stub, &pod.terms, attempt);
        let answer = pod.case.issuer.fetch(&pod.caller, &request, ticket).await;
        self.metrics.asked("fetch", &answer.as_ref().map(drop));
        let judged = match answer {
            Ok(Fetched::Pending) => {
                let draw = Self::draw_of(&pod.uid, memo.polls);
                let next = fate::poll(pod.case.issuer.first_wait(), memo.polls, age, draw);
                memo.polls = memo.polls.saturating_add(1);
                memo.poll_at = Some(Instant::now() + next);
                return Ok(awaiting(pod, next));
            }
            Ok(Fetched::Ready { leaf, chain }) => {
                self.judge(pod.case, &request, &[], &leaf, chain.as_deref()).await
            }
            Err(error) => Err(error),
        };
        match judged {
            Ok(Ok(verified)) => self.answer_pod(pod, memo, memory, &verified).await,
            Ok(Err(wrong)) => {
                let text = format!("the answer is not what was asked for: {wrong}");
                self.refuse_for_pod(pod, memo, memory, true, &text).await
            }
            Err(error) => self.failed(pod, memo, memory, fate::of_fetch(&error, age), &error).await,
        }
    }

    /// Hands the certificate over.
    async fn answer_pod(
        &self,
        pod: &Pod<'_>,
        memo: &mut PodMemo,
        memory: Memory,
        verified: &VerifiedLeaf,
    ) -> Result<Turn, ClusterError> {
        let Some(request) = &memo.request else { return Ok(Turn::Go) };
        let draw = Self::draw_of(&pod.uid, 0);
        let answer = answer::issued(request, verified, &pod.terms.authority, self.clock.now(), draw);
        match self.cluster.replace_status(&answer).await {
            Ok(stored) => {
                memo.request = Some(stored);
                self.metrics.issued();
                Ok(Turn::Answered(verified.not_after()))
            }
            Err(ClusterError::Refused(text)) => {
                let text = format!("the API server does not take the certificate: {text}");
                self.refuse_for_pod(pod, memo, memory, true, &text).await
            }
            Err(error) => Err(error),
        }
    }

    /// The same again or never again, as the error's fate says.
    async fn failed(
        &self,
        pod: &Pod<'_>,
        memo: &mut PodMemo,
        memory: Memory,
        fate: Fate,
        error: &IssueError,
    ) -> Result<Turn, ClusterError> {
        match fate {
            Fate::Again { .. } => Ok(wait(pod, memo, fate, error)),
            Fate::Refuse { billed } => {
                self.refuse_for_pod(pod, memo, memory, billed, &error.to_string()).await
            }
        }
    }

    /// This request to the authority never again; another one later. The pod's own request stays open.
    async fn refuse_for_pod(
        &self,
        pod: &Pod<'_>,
        memo: &mut PodMemo,
        mut memory: Memory,
        billed: bool,
        text: &str,
    ) -> Result<Turn, ClusterError> {
        let at = whole_seconds(self.clock.now());
        memory.attempt = None;
        memory.refusal = Some(Refused::anew(memory.refusal.take(), &pod.terms, billed, text, at));
        self.remember(memo, &memory).await?;
        Ok(Turn::Go)
    }
}

/// The same again, later.
fn wait(pod: &Pod<'_>, memo: &mut PodMemo, fate: Fate, error: &IssueError) -> Turn {
    let (reason, first, longest) = fate.before_asking();
    let draw = crate::step::draw("podcertificaterequest", &pod.uid, memo.tries);
    let wait = fate::wait(first, longest, memo.tries, draw);
    memo.tries = memo.tries.saturating_add(1);
    Turn::Wait(wait, reason, format!("CertificateAuthority {}: {error}", pod.terms.authority))
}

fn awaiting(pod: &Pod<'_>, wait: Duration) -> Turn {
    let text = format!("CertificateAuthority {} was asked and has not signed yet", pod.terms.authority);
    Turn::Wait(wait, Reason::AwaitingCertificate, text)
}
