//! One identity: made while somebody wants it, with its names claimed; ended when nobody has for a while.

use std::{sync::Arc, time::Duration};

use jiff::SignedDuration;
use sallyport_contract::{
    Identity, Reason, keys,
    object::{Delivery, WorkloadIdentity},
};
use tokio::time::Instant;

use super::{
    agent::{Agent, Next},
    claiming::HeldElsewhere,
    memo::{Laid, Memo},
    queue::Work,
};
use crate::{
    cluster::{Cluster, ClusterError, Notice},
    observe::{
        made::Made,
        wanted::{About, MADE_FOR, WantedIdentity},
    },
    report::{Report, SOON},
    text::Text,
    uid::Uid,
};

/// So long the watch may be behind what we wrote.
const BEHIND: Duration = Duration::from_secs(5);
/// An identity in trouble with the API server says so after so many tries.
const TRIES_BEFORE_SAYING: u32 = 4;

impl<C: Cluster> Agent<C> {
    /// Drives one identity as far as it goes now.
    pub(super) async fn identity(
        &self,
        namespace: &str,
        name: &str,
        anew: bool,
        tries: u32,
    ) -> Result<Next, ClusterError> {
        let key = (Text::from(namespace), Text::from(name));
        let mut memo = super::agent::lock(&self.memos).remove(&key).map(Laid::taken).unwrap_or_default();
        let Some(plan) = self.plan(namespace) else { return Ok(Next::NEVER) };
        let found = self.latest(&mut memo, namespace, name);
        let result = match (plan.identities.get(name), found) {
            (None, None) => return Ok(Next::NEVER),
            (None, Some(found)) => self.unwanted(&mut memo, &found).await,
            (Some(wanted), found) => {
                let identity = wanted.content.in_namespace(namespace);
                self.wanted(&mut memo, wanted, &identity, found, anew).await
            }
        };
        if let Err(error) = &result
            && tries == TRIES_BEFORE_SAYING
            && let Some(identity) = self.latest(&mut memo, namespace, name)
        {
            let report = self
                .with_what_stands(&identity, Report::waiting(Reason::AwaitingCertificate, error.to_string()));
            self.report(&mut memo, &identity, &report).await?;
        }
        super::agent::lock(&self.memos).insert(key, Laid::of(memo));
        result
    }

    /// The identity as it stands: by the watch, or as we have just written it.
    fn latest(&self, memo: &mut Memo, namespace: &str, name: &str) -> Option<Arc<Made>> {
        let seen = self.world.identity(namespace, name);
        match (&memo.identity, seen) {
            (Some((ours, at)), Some(seen)) if at.elapsed() < BEHIND && ours.version > seen.version => {
                Some(Arc::clone(ours))
            }
            (Some((ours, at)), None) if at.elapsed() < BEHIND => Some(Arc::clone(ours)),
            (_, seen) => {
                memo.identity = None;
                seen
            }
        }
    }

    async fn wanted(
        &self,
        memo: &mut Memo,
        wanted: &WantedIdentity,
        identity: &Identity,
        found: Option<Arc<Made>>,
        anew: bool,
    ) -> Result<Next, ClusterError> {
        let right = found.filter(|found| says(found, wanted));
        let (made, held) = match right {
            Some(found) => (found, self.claim(&identity.namespace, &identity.dns_names).await?),
            None => {
                let object = object(identity, &wanted.made_for);
                let (made, held) = futures::future::join(
                    self.cluster.apply(&object),
                    self.claim(&identity.namespace, &identity.dns_names),
                )
                .await;
                let made = Arc::new(Made::read(&made?));
                memo.identity = Some((Arc::clone(&made), Instant::now()));
                (made, held?)
            }
        };
        if memo.uid != made.uid {
            // Another object under the same name: nothing that we remember is about it.
            *memo = Memo::of(Arc::clone(&made));
        }
        if let Some(held) = held {
            self.report(memo, &made, &Report::waiting(Reason::NameHeldElsewhere, elsewhere(&held))).await?;
            return Ok(Next::look_again(Duration::from_secs(15)));
        }
        let (report, next) = match (identity.delivery, wanted.held.as_deref()) {
            (Delivery::Pod, held) => self.pods(memo, identity, &made, held).await?,
            (Delivery::Secret, Some(why)) => self.kept(memo, identity, &made, why).await?,
            (Delivery::Secret, None) => {
                let (report, next) = self.certificate(memo, identity, &made, anew).await?;
                self.restart(memo, identity, &wanted.made_for, report, next).await?
            }
        };
        if identity.delivery == Delivery::Pod || report.is_worth_saying(&made, self.clock.now()) {
            self.report(memo, &made, &report).await?;
            return Ok(next);
        }
        let soon = Duration::try_from(SOON).unwrap_or_default();
        Ok(Next { after: Some(next.after.map_or(soon, |after| after.min(soon))), ..next })
    }

    /// A trouble, told beside a certificate that still holds.
    pub(super) fn with_what_stands(&self, identity: &Made, trouble: Report) -> Report {
        let issued = identity.told.as_ref().is_some_and(|told| told.reason == *Reason::Issued.code());
        match identity.certificate().filter(|certificate| issued && self.clock.now() < certificate.not_after)
        {
            Some(certificate) => {
                Report::issued(certificate, format!("delivered; {}: {}", trouble.reason, trouble.message))
            }
            None => trouble,
        }
    }

    /// Writes what is to be said, if it is new.
    pub(super) async fn report(
        &self,
        memo: &mut Memo,
        identity: &Made,
        report: &Report,
    ) -> Result<(), ClusterError> {
        if report.stands_in(identity) {
            return Ok(());
        }
        let object = report.to_apply(identity, self.clock.now());
        let stored = match self.cluster.apply_status::<WorkloadIdentity>(&object).await {
            Ok(stored) => stored,
            // Deleted meanwhile: the next look at it makes it again or forgets it.
            Err(ClusterError::Gone(_)) => return Ok(()),
            Err(error) => return Err(error),
        };
        memo.identity = Some((Arc::new(Made::read(&stored)), Instant::now()));
        self.metrics.told(report.reason);
        tracing::info!(
            namespace = %identity.namespace,
            identity = %identity.name,
            reason = report.reason.code(),
            why = report.message,
            "what is said of the certificate"
        );
        if report.is_news_to(identity) {
            let notice = Notice {
                about: about(identity),
                warning: report.is_trouble(),
                reason: report.reason.code(),
                action: "Issue",
                note: report.message.clone(),
            };
            self.tell(&notice).await;
        }
        Ok(())
    }

    /// An identity that nobody wants: marked, left for a while, then ended.
    async fn unwanted(&self, memo: &mut Memo, found: &Made) -> Result<Next, ClusterError> {
        let (namespace, name) = (found.namespace.as_str(), found.name.as_str());
        if found.ending {
            return Ok(Next::NEVER);
        }
        let now = self.clock.now();
        let Some(since) = found.unwanted_since else {
            let report = Report {
                unwanted_since: Some(now.round(jiff::Unit::Second).unwrap_or(now)),
                ..Report::of(found)
            };
            self.report(memo, found, &report).await?;
            return Ok(Next::after(self.settings.identity_grace));
        };
        let grace = SignedDuration::try_from(self.settings.identity_grace).unwrap_or(SignedDuration::MAX);
        let left = since.saturating_add(grace).unwrap_or(since).duration_since(now);
        if let Ok(left) = Duration::try_from(left)
            && !left.is_zero()
        {
            return Ok(Next::after(left));
        }
        // The watches say that nobody is left; the API server itself has the last word.
        let carriers = self.cluster.carriers(namespace, name).await?;
        if let Some(carrier) = carriers.first() {
            tracing::info!(
                namespace,
                identity = name,
                carrier,
                "nobody wants this identity, but a living pod carries it"
            );
            return Ok(Next::after(Duration::from_secs(30)));
        }
        if let Some(exactly) = found.exactly() {
            self.cluster.delete::<WorkloadIdentity>(namespace, name, &exactly).await?;
            tracing::info!(
                namespace,
                identity = name,
                "nobody has wanted this identity for a while; deleted"
            );
            *memo = Memo::default();
            self.due(Work::Sweep, false);
        }
        Ok(Next::NEVER)
    }
}

/// Whether an object says what is wanted.
fn says(found: &Made, wanted: &WantedIdentity) -> bool {
    !found.ending && found.made_for == wanted.made_for && wanted.content.is_said_by(found)
}

fn object(identity: &Identity, made_for: &[Uid]) -> WorkloadIdentity {
    let mut object = identity.object();
    let labels = [(keys::MANAGED_BY.to_owned(), keys::MANAGED_BY_SALLYPORT.to_owned())];
    object.metadata.labels = Some(labels.into());
    let uids: Vec<String> = made_for.iter().map(Uid::to_string).collect();
    object.metadata.annotations = Some([(MADE_FOR.to_owned(), uids.join(","))].into());
    object
}

fn about(identity: &Made) -> About {
    About {
        api_version: "sallyport.dev/v1alpha1",
        kind: "WorkloadIdentity",
        namespace: String::from(&identity.namespace),
        name: String::from(&identity.name),
        uid: identity.uid.as_ref().map(Uid::to_string).unwrap_or_default(),
    }
}

fn elsewhere(held: &HeldElsewhere) -> String {
    let HeldElsewhere { asked, held, namespace } = held;
    let overlap = if asked == held { String::new() } else { format!(" (by \"{held}\", which matches it)") };
    format!(
        "name \"{asked}\" is held by namespace {namespace}{overlap}. Whose rule: a name belongs to one \
         namespace. Do: ask for another name, or have it given up there"
    )
}
