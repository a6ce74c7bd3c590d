//! Who signs: what an authority says about itself, asked once for all who need it.

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use sallyport_contract::{
    Reason, keys,
    object::{CertificateAuthority, ConditionStatus, set_condition},
};
use serde_json::json;

use super::{
    agent::{Agent, Next, lock},
    queue::Work,
};
use crate::{
    cluster::{Cluster, ClusterError, Notice},
    fate,
    issuer::{Described, IssueError, Issuer},
    observe::wanted::About,
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

    /// Looks at an authority and tells its writers.
    pub(super) async fn authority(&self, name: &str) -> Result<Next, ClusterError> {
        let Some(authority) = self.authority_object(name) else {
            lock(&self.desks).remove(name);
            return Ok(Next::NEVER);
        };
        let answer = match self.issuer(&authority).await {
            Ok(issuer) => self.described(name, &*issuer, true).await,
            Err(error) => Err(error),
        };
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
    fn wake_all_of(&self, authority: &str) {
        let plans: Vec<_> = lock(&self.plans).values().cloned().collect();
        for wanted in plans.iter().flat_map(|plan| plan.identities.values()) {
            if wanted.identity.certificate.authority == authority {
                let identity = &wanted.identity;
                self.due(Work::Identity(identity.namespace.clone(), identity.name.to_string()), true);
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
        let before = authority.status.clone().unwrap_or_default();
        let (status, reason, message) = match answer {
            Ok(_) => (ConditionStatus::True, Reason::Accepted, "it answers and can sign".to_owned()),
            Err(error) => (ConditionStatus::False, Reason::AuthorityUnavailable, error.to_string()),
        };
        // By UID: an object that is made again under the same name has been told nothing.
        let what = format!("ca/{}", authority.metadata.uid.as_deref().unwrap_or(name));
        let now = self.clock.now();
        let generation = authority.metadata.generation;
        let condition =
            set_condition(&before.conditions, "Ready", status, reason, message.clone(), generation, now);
        let was_ready =
            before.conditions.iter().any(|c| c.kind == "Ready" && c.status == ConditionStatus::True);
        let mut said = json!({"conditions": [condition]});
        if let Ok(described) = answer {
            said["keyAlgorithm"] = json!(described.key_algorithm);
            said["usageMode"] = json!(described.usage_mode);
            said["notAfter"] = json!(described.not_after);
        }
        if self.says_already(&what, &json!(before), &said) {
            return Ok(was_ready);
        }
        let object = json!({
            "apiVersion": format!("{}/{}", keys::GROUP, keys::VERSION), "kind": "CertificateAuthority",
            "metadata": {"name": name}, "status": said,
        });
        self.cluster.apply_status::<CertificateAuthority>(&object).await?;
        self.said(&what, said);
        let about = About {
            api_version: "sallyport.dev/v1alpha1",
            kind: "CertificateAuthority",
            namespace: String::new(),
            name: name.to_owned(),
            uid: authority.metadata.uid.clone().unwrap_or_default(),
        };
        let warning = status != ConditionStatus::True;
        let note = Notice { about, warning, reason: reason.code(), action: "Describe", note: message };
        self.tell(&note).await;
        Ok(was_ready)
    }
}
