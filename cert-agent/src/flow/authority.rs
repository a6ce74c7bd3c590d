//! Who signs: what an authority says about itself, asked once for all who need it.

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use sallyport_contract::{
    Reason, keys,
    object::{
        CertificateAuthority, CertificateAuthorityStatus, Condition, ConditionStatus, IntermediateCa,
        set_condition,
    },
};
use serde_json::json;

use super::{
    agent::{Agent, Next, lock},
    queue::Work,
    spending::about,
    trust::Published,
};
use crate::{
    cluster::{Cluster, ClusterError, Notice},
    fate,
    issuer::{Described, IssueError, Issuer},
    spending::{Count, LIFETIME},
    step::draw,
};

/// What is known of one authority. The inner lock makes those who ask at the same time ask once.
#[derive(Default)]
pub struct Desk {
    known: tokio::sync::Mutex<Option<Known>>,
}

struct Known {
    issuer: String,
    at: Timestamp,
    answer: Result<Arc<Described>, IssueError>,
}

/// The condition that tells where the roots stand.
const TRUST_PUBLISHED: &str = "TrustPublished";
/// What an authority said holds so long; it is asked again at once when a certificate does not fit.
const GOOD: SignedDuration = SignedDuration::from_mins(5);
/// What it refused is not asked again sooner.
const BAD: SignedDuration = SignedDuration::from_secs(2);

impl<C: Cluster> Agent<C> {
    /// The issuer behind an authority.
    pub(super) async fn issuer(
        &self,
        authority: &CertificateAuthority,
    ) -> Result<Arc<dyn Issuer>, IssueError> {
        self.issuers.issuer(authority).await
    }

    /// What an authority says about itself; asked again if `anew`.
    pub(super) async fn described(
        &self,
        name: &str,
        issuer: &dyn Issuer,
        anew: bool,
    ) -> Result<Arc<Described>, IssueError> {
        let desk = Arc::clone(lock(&self.desks).entry(name.to_owned()).or_default());
        let mut known = desk.known.lock().await;
        let now = self.clock.now();
        if let Some(known) = known.as_ref().filter(|known| known.issuer == issuer.id()) {
            let age = now.duration_since(known.at);
            let holds = if known.answer.is_ok() { GOOD } else { BAD };
            if age < holds && !(anew && known.answer.is_ok() && age > BAD) {
                return known.answer.clone();
            }
        }
        let answer = issuer.describe().await.map(Arc::new);
        *known = Some(Known { issuer: issuer.id().to_owned(), at: now, answer: answer.clone() });
        answer
    }

    /// Looks at an authority and tells its writers; asks it itself if `anew`.
    pub(super) async fn authority(&self, name: &str, anew: bool) -> Result<Next, ClusterError> {
        let Some(authority) = self.authority_object(name) else {
            lock(&self.desks).remove(name);
            self.metrics.forget_authority(name);
            lock(&self.books).remove(name);
            self.due(Work::Trust, false);
            return Ok(Next::NEVER);
        };
        let answer = match self.issuer(&authority).await {
            Ok(issuer) => self.described(name, &*issuer, anew).await,
            Err(error) => Err(error),
        };
        self.roots_seen(name, answer.as_deref().ok()).await?;
        let was_ready = self.report_authority(name, &authority, &answer).await?;
        if answer.is_ok() && !was_ready {
            self.wake_all_of(name);
        }
        let spread = draw("authority", name, 0);
        let wait = if answer.is_ok() { 300 } else { 10 };
        let wait = fate::wait(Duration::from_secs(wait), Duration::from_secs(wait), 0, spread);
        Ok(Next::look_again(wait))
    }

    /// Everybody who waits for this authority looks again.
    pub(super) fn wake_all_of(&self, authority: &str) {
        for (namespace, plan) in self.all_plans() {
            for (name, wanted) in &plan.identities {
                if wanted.content.terms.certificate.authority == authority {
                    self.due(Work::Identity(namespace.clone(), name.clone()), true);
                }
            }
        }
    }

    /// Writes the status if it says something new; tells whether the authority was ready before.
    async fn report_authority(
        &self,
        name: &str,
        authority: &CertificateAuthority,
        answer: &Result<Arc<Described>, IssueError>,
    ) -> Result<bool, ClusterError> {
        let (status, reason, message) = match answer {
            Ok(_) => (ConditionStatus::True, Reason::Accepted, "it answers and can sign".to_owned()),
            Err(error) => (ConditionStatus::False, Reason::AuthorityUnavailable, error.to_string()),
        };
        // By UID: an object that is made again under the same name has been told nothing.
        let what = format!("ca/{}", authority.metadata.uid.as_deref().unwrap_or(name));
        let stood = self.stood(&what, authority);
        let was_ready =
            stood.conditions.iter().any(|c| c.kind == "Ready" && c.status == ConditionStatus::True);
        let (now, generation) = (self.clock.now(), authority.metadata.generation);
        let ready = set_condition(&stood.conditions, "Ready", status, reason, message, generation, now);
        let count = self.count(name).await?;
        let lifetime = authority.spec.aws_private_ca.as_ref().map(|_| LIFETIME);
        self.metrics.authority(name, answer.is_ok(), count.total, lifetime);
        let told = authority.spec.aws_private_ca.as_ref().map(|_| capacity(&count));
        let capacity = told.map(|(status, reason, message)| {
            set_condition(&stood.conditions, "CapacityLeft", status, reason, message, generation, now)
        });
        let lifetime = authority.spec.intermediate.as_ref().zip(answer.as_ref().ok());
        let lifetime = lifetime.map(|(spec, described)| {
            let (status, reason, message) = lifetime_left(name, spec, described.not_after, now);
            set_condition(&stood.conditions, "LifetimeLeft", status, reason, message, generation, now)
        });
        let trust = match self.trust_published(name, authority) {
            Published::Told(status, reason, message) => {
                let stood = &stood.conditions;
                Some(set_condition(stood, TRUST_PUBLISHED, status, reason, message, generation, now))
            }
            // What was told before this start holds until the bundles were looked at.
            Published::NotYet => stood.conditions.iter().find(|told| told.kind == TRUST_PUBLISHED).cloned(),
            Published::ToNobody => None,
        };
        let conditions: Vec<Condition> =
            [Some(ready), capacity, lifetime, trust].into_iter().flatten().collect();
        let mut said = json!({"conditions": conditions});
        if let Ok(described) = answer {
            said["keyAlgorithm"] = json!(described.key_algorithm);
            said["usageMode"] = json!(described.usage_mode);
            said["notAfter"] = json!(described.not_after);
            self.metrics.authority_ends(name, described.not_after);
        }
        let roots = self.book(name).await?.to_store();
        if !roots.is_empty() {
            said["roots"] = json!(roots);
        }
        let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        said["issuedToday"] = json!(number(count.today));
        said["issuedOn"] = json!(count.day);
        said["issuedTotal"] = json!(number(count.total));
        if self.says_already(&what, &json!(stood), &said) {
            return Ok(was_ready);
        }
        let object = json!({
            "apiVersion": format!("{}/{}", keys::GROUP, keys::VERSION), "kind": "CertificateAuthority",
            "metadata": {"name": name}, "status": said,
        });
        self.cluster.apply_status::<CertificateAuthority>(&object).await?;
        self.said(&what, said);
        for condition in conditions.iter().filter(|condition| is_news(condition, &stood)) {
            let warning = condition.status != ConditionStatus::True;
            let (reason, note) = (Reason::from_code(&condition.reason), condition.message.clone());
            let reason = reason.unwrap_or(Reason::Accepted).code();
            let about = about(authority);
            self.tell(&Notice { about, warning, reason, action: "Describe", note }).await;
        }
        Ok(was_ready)
    }

    /// What the status says, by what we last wrote or, after a start, by what was read.
    fn stood(&self, what: &str, authority: &CertificateAuthority) -> CertificateAuthorityStatus {
        let written = lock(&self.statuses).get(what).cloned();
        let written = written.and_then(|written| serde_json::from_value(written).ok());
        written.or_else(|| authority.status.clone()).unwrap_or_default()
    }
}

/// How much is left of what AWS lets one CA issue.
fn capacity(count: &Count) -> (ConditionStatus, Reason, String) {
    let used = format!(
        "Sallyport has asked it for {} of the {LIFETIME} certificates that AWS lets one CA issue",
        count.total
    );
    if count.nears_the_end() {
        let what_to_do =
            "make another CertificateAuthority and let the policies name it before this one ends";
        return (ConditionStatus::False, Reason::SpendingCapReached, format!("{used}: {what_to_do}"));
    }
    (ConditionStatus::True, Reason::Accepted, "well below what AWS lets one CA issue".to_owned())
}

/// How much is left of an intermediate, which a person has to renew: in time when less than a third of a life is left.
fn lifetime_left(
    name: &str,
    spec: &IntermediateCa,
    ends: Timestamp,
    now: Timestamp,
) -> (ConditionStatus, Reason, String) {
    let left = ends.duration_since(now).as_secs();
    if left < i64::from(spec.lifetime.as_secs()) / 3 {
        let text =
            format!("the intermediate ends at {ends}; renew it by: sallyport ca intermediate renew {name}");
        return (ConditionStatus::False, Reason::RenewalDue, text);
    }
    (ConditionStatus::True, Reason::Accepted, format!("the intermediate ends at {ends}"))
}

/// Whether a condition says something else than it did.
fn is_news(condition: &Condition, stood: &CertificateAuthorityStatus) -> bool {
    let before = stood.conditions.iter().find(|before| before.kind == condition.kind);
    match before {
        Some(before) => before.reason != condition.reason || before.status != condition.status,
        None => condition.status != ConditionStatus::True || condition.kind == "Ready",
    }
}
