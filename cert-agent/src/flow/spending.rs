//! The money guard at work: what was counted before this start is read once, and each new request is counted.

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use sallyport_contract::{
    Reason, keys,
    object::{CertificateAuthority, CertificateAuthorityStatus},
};
use tokio::time::Instant;

use super::{
    agent::{Agent, Next},
    certificate::Case,
    queue::Work,
};
use crate::{
    cluster::{Cluster, ClusterError, Notice},
    observe::wanted::About,
    report::Report,
    spending::{Count, Ledger, Reached},
    state,
};

/// Counts are told to people so long after they changed, all that came meanwhile together.
const TOLD_AFTER: Duration = Duration::from_secs(30);
/// A cap may be raised at any time.
const LOOK: Duration = Duration::from_secs(60);

impl<C: Cluster> Agent<C> {
    /// What a cap of the authority has against another certificate for this identity, now.
    pub(super) async fn capped(
        &self,
        case: &Case<'_>,
        spend: bool,
    ) -> Result<Option<(Next, Report)>, ClusterError> {
        let (authority, owner) = (&case.terms.authority, &case.owner);
        let asked = self.spend(authority, &owner.namespace, &owner.name, spend).await?;
        Ok(asked.err().map(|reached| {
            let left =
                Duration::try_from(reached.free_at.duration_since(self.clock.now())).unwrap_or_default();
            let report = Report::waiting(Reason::SpendingCapReached, words(authority, &reached));
            (Next::after(left.clamp(Duration::from_secs(1), LOOK)), report)
        }))
    }

    /// The same for a pod with a certificate of its own: each pod counts by itself. Counts one more if it may be.
    pub(super) async fn capped_pod(
        &self,
        case: &Case<'_>,
        pod: &str,
    ) -> Result<Option<(Duration, String)>, ClusterError> {
        let (authority, owner) = (&case.terms.authority, &case.owner);
        let asked = self.spend(authority, &owner.namespace, &format!("pod {pod}"), true).await?;
        Ok(asked.err().map(|reached| {
            let left = Duration::try_from(reached.free_at.duration_since(self.clock.now()));
            (left.unwrap_or_default().clamp(Duration::from_secs(1), LOOK), words(authority, &reached))
        }))
    }

    /// Counts one certificate more that an authority is asked for; or, without `spend`, tells whether it could be.
    ///
    /// # Errors
    /// What was counted before could not be read. Inside: the cap that is reached.
    pub async fn spend(
        &self,
        authority: &str,
        namespace: &str,
        identity: &str,
        spend: bool,
    ) -> Result<Result<(), Reached>, ClusterError> {
        let caps = self.authority_object(authority).and_then(|object| object.spec.caps_in_force());
        let now = self.clock.now();
        let mut ledger = self.ledger.lock().await;
        let ledger = match &mut *ledger {
            Some(ledger) => ledger,
            empty => empty.insert(self.recall().await?),
        };
        let identity = (namespace, identity);
        let asked = if spend {
            ledger.spend(authority, caps, identity, now)
        } else {
            ledger.check(authority, caps, identity, now)
        };
        match &asked {
            Ok(()) if spend => {
                self.queue.add(Work::Authority(authority.to_owned()), Instant::now() + TOLD_AFTER, false);
            }
            Ok(()) => {}
            Err(reached) => self.alarm(authority, reached).await,
        }
        Ok(asked)
    }

    /// The counts of an authority.
    pub(super) async fn count(&self, authority: &str) -> Result<Count, ClusterError> {
        let mut ledger = self.ledger.lock().await;
        let ledger = match &mut *ledger {
            Some(ledger) => ledger,
            empty => empty.insert(self.recall().await?),
        };
        Ok(ledger.count(authority, self.clock.now()))
    }

    async fn recall(&self) -> Result<Ledger, ClusterError> {
        let spent = |state: ObjectMeta| {
            let spent = state::spent(&state)?;
            let mut labels = state.labels.unwrap_or_default();
            let mut label = |key: &str| labels.remove(key).unwrap_or_default();
            Some((label(state::OF_NAMESPACE), label(keys::IDENTITY), spent))
        };
        let spent = self.cluster.states(&self.settings.system, spent).await?;
        let names: Vec<String> =
            self.world.lock().authorities.all().map(|(_, name, _)| name.into()).collect();
        let mut statuses: Vec<(String, CertificateAuthorityStatus)> = Vec::new();
        for name in names {
            // Not from the watch, which keeps no status: another replica may have counted since.
            let found = self.cluster.get::<CertificateAuthority>("", &name).await?;
            statuses.extend(found.and_then(|found| found.status).map(|status| (name, status)));
        }
        let spent =
            spent.iter().map(|(namespace, name, spent)| (namespace.as_str(), name.as_str(), spent.clone()));
        let statuses = statuses.iter().map(|(name, status)| (name.as_str(), status));
        Ok(Ledger::recall(self.clock.now(), spent, statuses))
    }

    /// A cap that is reached is told once, on the authority, and counted.
    async fn alarm(&self, name: &str, reached: &Reached) {
        if !reached.first {
            return;
        }
        self.metrics.capped(reached.cap);
        let note = words(name, reached);
        tracing::warn!(authority = name, cap = reached.cap, "{note}");
        let Some(authority) = self.authority_object(name) else { return };
        let reason = Reason::SpendingCapReached.code();
        let notice = Notice { about: about(&authority), warning: true, reason, action: "Issue", note };
        self.tell(&notice).await;
    }
}

/// An authority, for an event.
pub(super) fn about(authority: &CertificateAuthority) -> About {
    About {
        api_version: "sallyport.dev/v1alpha1",
        kind: "CertificateAuthority",
        namespace: String::new(),
        name: authority.metadata.name.clone().unwrap_or_default(),
        uid: authority.metadata.uid.clone().unwrap_or_default(),
    }
}

fn words(authority: &str, reached: &Reached) -> String {
    let Reached { cap, limit, whose, free_at, .. } = reached;
    let time = if *cap == "perDay" { "a day" } else { "an hour" };
    format!(
        "{whose} has had the {limit} certificates that it may have in {time}; the next may be asked for at {free_at}. \
         Whose rule: spec.caps.{cap} of CertificateAuthority {authority}. Do: find out why so many are asked for; if \
         that is right, raise the cap"
    )
}
