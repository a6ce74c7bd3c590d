//! The certificates of an identity's pods, where each has one of its own: drives all requests that are open
//! as far as they go, and tells how many pods have theirs. Requests that a rule forbids are denied.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
    time::Duration,
};

use futures::stream::{self, StreamExt as _};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::certificates::v1::PodCertificateRequest;
use sallyport_contract::{Identity, Reason, object::PodCertificates};
use tokio::time::Instant;

use super::{
    agent::{Agent, Next},
    memo::{Memo, PodMemo},
    pod_steps::Driven,
    queue::Work,
};
use crate::{
    cluster::{Cluster, ClusterError},
    fate,
    observe::{made::Made, wanted::Plan},
    pod::{
        answer, facts,
        judge::Judgement,
        tally::{self, OnePod},
    },
    report::Report,
    step::draw,
};

/// A denial is for good, and one of our watches may be behind the others: nothing younger is denied.
const BEHIND: SignedDuration = SignedDuration::from_secs(10);
/// So many requests of one identity are driven at once.
const AT_ONCE: usize = 8;

impl<C: Cluster> Agent<C> {
    /// Drives the requests of an identity's pods; tells what is to be said and when to come back.
    pub(super) async fn pods(
        &self,
        memo: &mut Memo,
        identity: &Identity,
        made: &Made,
        held: Option<&str>,
    ) -> Result<(Report, Next), ClusterError> {
        let look = self.look_after(&identity.namespace, identity.name.as_str());
        if let Some(why) = held {
            let trouble = (Reason::NameRefused, why.to_owned());
            return Ok((self.of_pods(memo, identity, made, Some(trouble)), Next::look_again(look)));
        }
        let case = match self.case(identity, made).await {
            Ok(case) => case,
            Err(Report { reason, message, .. }) => {
                let report = self.of_pods(memo, identity, made, Some((reason, message)));
                return Ok((report, Next::look_again(Duration::from_secs(15))));
            }
        };
        let open = self.open_requests(identity);
        let uids: HashSet<String> = open.iter().filter_map(|one| one.metadata.uid.clone()).collect();
        memo.requests.retain(|uid, _| uids.contains(uid));
        let mut pods = self.pods_of(memo, identity);
        let drives: Vec<_> = open
            .into_iter()
            .map(|request| {
                let uid = request.metadata.uid.clone().unwrap_or_default();
                let known = memo.requests.remove(&uid).unwrap_or_default();
                let holder = pods.remove(&request.spec.pod_uid).unwrap_or_default();
                self.drive(&case, request, holder, known)
            })
            .collect();
        let driven: Vec<(String, PodMemo, Driven)> =
            stream::iter(drives).buffer_unordered(AT_ONCE).collect().await;
        let (mut soonest, mut trouble) = (look, None);
        for (uid, known, driven) in driven {
            if let Some((pod, ends)) = driven.answered {
                memo.pods_end.insert(pod, ends);
            }
            if let Some((wait, reason, text)) = driven.waits {
                soonest = soonest.min(wait);
                trouble = trouble.or(Some((reason, text)));
            }
            memo.requests.insert(uid, known);
        }
        let report = self.of_pods(memo, identity, made, trouble);
        Ok((report, if soonest < look { Next::after(soonest) } else { Next::look_again(look) }))
    }

    /// The requests of an identity's pods that are granted and not answered.
    fn open_requests(&self, identity: &Identity) -> Vec<Arc<PodCertificateRequest>> {
        let Some(plan) = self.plan(&identity.namespace) else { return Vec::new() };
        let granted = Judgement::Granted(identity.name.to_string());
        let shelves = self.world.lock();
        let names = plan.requests.iter().filter(|(_, judged)| **judged == granted).map(|(name, _)| name);
        let found = names.filter_map(|name| shelves.pod_requests.get(&identity.namespace, name));
        found.filter(|request| !facts::is_answered(request)).collect()
    }

    /// What is told: how many pods have a certificate, and what holds up others.
    fn of_pods(
        &self,
        memo: &mut Memo,
        identity: &Identity,
        made: &Made,
        trouble: Option<(Reason, String)>,
    ) -> Report {
        let now = self.clock.now();
        let pods = self.pods_of(memo, identity);
        let tally = tally::tally(&pods, made.certificates(), now);
        told(tally, &identity.certificate.authority, trouble)
    }

    /// The living pods that carry the identity, with what was seen of their certificates.
    fn pods_of(&self, memo: &mut Memo, identity: &Identity) -> BTreeMap<String, OnePod> {
        let shelves = self.world.lock();
        let carriers = shelves
            .pods
            .of(&identity.namespace)
            .map(|(_, pod)| pod)
            .filter(|pod| pod.living && pod.identity.as_deref() == Some(identity.name.as_str()));
        let running: BTreeMap<String, bool> =
            carriers.map(|pod| (pod.uid.to_string(), pod.running)).collect();
        for (_, request) in shelves.pod_requests.of(&identity.namespace) {
            let Some(ends) = facts::ends(request).filter(|_| running.contains_key(&request.spec.pod_uid))
            else {
                continue;
            };
            let known = memo.pods_end.entry(request.spec.pod_uid.clone()).or_insert(Timestamp::MIN);
            *known = ends.max(*known);
        }
        memo.pods_end.retain(|uid, _| running.contains_key(uid));
        running
            .into_iter()
            .map(|(uid, running)| {
                let ends = memo.pods_end.get(&uid).copied();
                (uid, OnePod { running, ends })
            })
            .collect()
    }

    /// Denies the requests of a namespace that a rule forbids.
    pub(super) async fn deny(&self, namespace: &str, plan: &Plan) -> Result<(), ClusterError> {
        let denied = plan.requests.iter().filter_map(|(name, judged)| match judged {
            Judgement::Denied { reason, message } => Some((name, reason, message)),
            Judgement::Granted(_) | Judgement::Waiting => None,
        });
        for (name, reason, message) in denied {
            let found = self.world.lock().pod_requests.get(namespace, name);
            let Some(request) = found.filter(|request| !facts::is_answered(request)) else { continue };
            let now = self.clock.now();
            let made = request.metadata.creation_timestamp.as_ref().map_or(now, |made| made.0);
            if let Ok(left) = Duration::try_from(BEHIND.saturating_sub(now.duration_since(made)))
                && !left.is_zero()
            {
                self.queue.add(Work::Namespace(namespace.to_owned()), Instant::now() + left, false);
                continue;
            }
            let answer = answer::denied(&request, reason, message, now);
            match self.cluster.replace_status(&answer).await {
                Ok(_) => tracing::warn!(namespace, request = name, reason, why = message, "denied"),
                // Somebody was faster, or it is gone: the watch tells, and it is judged anew.
                Err(ClusterError::Conflict(_) | ClusterError::Gone(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// A request's share of the jitter.
    pub(super) fn draw_of(uid: &str, tries: u32) -> u16 {
        draw("podcertificaterequest", uid, tries)
    }

    /// What a request that could not be driven waits for.
    pub(super) fn put_off(uid: &str, memo: &mut PodMemo, error: &ClusterError) -> (Duration, Reason, String) {
        let wait = fate::wait(
            Duration::from_millis(50),
            Duration::from_secs(30),
            memo.failures,
            Self::draw_of(uid, memo.failures),
        );
        *memo = PodMemo { failures: memo.failures.saturating_add(1), ..PodMemo::default() };
        (wait, Reason::AwaitingCertificate, error.to_string())
    }
}

fn told(tally: PodCertificates, authority: &str, trouble: Option<(Reason, String)>) -> Report {
    match (tally.count, trouble) {
        (0, None) => {
            let words = "each pod gets a certificate of its own when it starts, and none has asked yet";
            Report::waiting(Reason::AwaitingCertificate, words)
        }
        (0, Some((reason, text))) => Report::waiting(reason, text),
        (_, trouble) => {
            let words = format!(
                "each pod has a certificate of its own, verified and signed by CertificateAuthority {authority}"
            );
            let words = trouble
                .map_or(words.clone(), |(reason, text)| format!("{words}; the next one: {reason}: {text}"));
            Report::issued_to_pods(tally, words)
        }
    }
}
