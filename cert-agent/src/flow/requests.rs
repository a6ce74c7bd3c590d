//! What people ask of an identity: a new certificate, or the end of the one it has.

use std::{sync::Arc, time::Duration};

use sallyport_contract::{
    Reason, keys,
    object::{ConditionStatus, IdentityRequest, IdentityRequestStatus, RevocationReason, set_condition},
};
use serde_json::json;

use super::{
    agent::{Agent, Next, lock},
    queue::Work,
};
use crate::{
    cluster::{Cluster, ClusterError, Notice},
    fate::{self, Fate},
    issuer::{IssueError, Issuer},
    observe::{made::Made, wanted::About},
    revocation::{self, DONE, Todo},
    step::draw,
    text::Text,
};

/// What nobody tells us is looked at again so often.
const LOOK: Duration = Duration::from_secs(15);

/// What became of it so far.
struct Said {
    status: ConditionStatus,
    reason: Reason,
    message: String,
}

impl<C: Cluster> Agent<C> {
    /// Does the next thing for a request.
    pub(super) async fn request(
        &self,
        namespace: &str,
        name: &str,
        tries: u32,
    ) -> Result<Next, ClusterError> {
        let key = (Text::from(namespace), Text::from(name));
        let (request, ending) = {
            let shelves = self.world.lock();
            let facts = shelves.namespaces.get("", namespace);
            (shelves.requests.get(namespace, name), facts.is_none_or(|facts| facts.ending))
        };
        // Requests end with their namespace, and do nothing on the way.
        let Some(request) = request.filter(|request| !ending && revocation::is_open(request)) else {
            lock(&self.revoked).remove(&key);
            return Ok(Next::NEVER);
        };
        let status = request.status.clone().unwrap_or_default();
        let identity = self.world.identity(namespace, &request.spec.identity);
        let certificate = identity.as_ref().and_then(|identity| identity.certificate());
        let has = certificate.as_ref().map(|certificate| certificate.serial.as_str());
        let revoked = lock(&self.revoked).contains(&key);
        match revocation::next(&request.spec, &status, has, revoked) {
            Todo::AwaitOne => {
                let what = match identity {
                    Some(_) => "it has no certificate yet",
                    None => "there is no such WorkloadIdentity here; `kubectl get wid` shows those there are",
                };
                let message = format!("WorkloadIdentity {}: {what}", request.spec.identity);
                self.answer(&request, status, waits(Reason::AwaitingCertificate, message)).await?;
                Ok(Next::look_again(LOOK))
            }
            Todo::Note => {
                let serial = has.map(str::to_owned);
                let arn = certificate.as_ref().and_then(|certificate| certificate.arn.clone());
                let authority = identity.as_ref().map(|identity| self.signed_by(identity, arn.as_deref()));
                let status = IdentityRequestStatus { serial, authority, ..status };
                let message = "the certificate that it is about is noted; a new one is asked for".to_owned();
                self.answer(&request, status, waits(Reason::AwaitingCertificate, message)).await?;
                Ok(Next::look_again(LOOK))
            }
            Todo::Revoke(reason) => self.revoke(&request, status, reason, tries).await,
            Todo::AwaitAnother => {
                let done = if revoked { "revoked; " } else { "" };
                let message = format!("{done}the new certificate is not delivered yet: see the identity");
                self.answer(&request, status, waits(Reason::AwaitingCertificate, message)).await?;
                self.due(Work::Identity(namespace.into(), (&request.spec.identity).into()), true);
                Ok(Next::look_again(LOOK))
            }
            Todo::Finish => {
                let done = if revoked {
                    "revoked, and renewed"
                } else {
                    "renewed; the old one stays valid until it ends"
                };
                let message = format!("{done}: it has serial {} now", has.unwrap_or_default());
                let said = Said { status: ConditionStatus::True, reason: Reason::Accepted, message };
                let done_at = self.clock.now().round(jiff::Unit::Second).ok();
                self.answer(&request, IdentityRequestStatus { done_at, ..status }, said).await?;
                lock(&self.revoked).remove(&key);
                Ok(Next::NEVER)
            }
        }
    }

    /// The authority that signed a certificate: by its ARN, for the policy may name another one by now.
    fn signed_by(&self, identity: &Made, arn: Option<&str>) -> String {
        let shelves = self.world.lock();
        let by_arn = shelves.authorities.all().find(|(_, _, authority)| {
            let ca = authority.spec.aws_private_ca.as_ref().map(|aws| format!("{}/", aws.arn));
            ca.zip(arn).is_some_and(|(ca, arn)| arn.starts_with(&ca))
        });
        by_arn.map_or_else(|| identity.terms.certificate.authority.clone(), |(_, name, _)| name.into())
    }

    async fn revoke(
        &self,
        request: &IdentityRequest,
        status: IdentityRequestStatus,
        reason: RevocationReason,
        tries: u32,
    ) -> Result<Next, ClusterError> {
        let (namespace, name) = place(request);
        let (serial, authority) = (status.serial.clone(), status.authority.clone());
        let (serial, authority) = (serial.unwrap_or_default(), authority.unwrap_or_default());
        let answer = match self.revoker(&authority).await {
            Ok(issuer) => issuer.revoke(&serial, reason).await,
            Err(error) => Err(error),
        };
        self.metrics.asked("revoke", &answer.as_ref().map(drop));
        match answer {
            Ok(()) => {
                tracing::info!(namespace, name, serial, authority, reason = reason.as_str(), "revoked");
                lock(&self.revoked).insert((namespace.into(), name.into()));
                Ok(Next::look_again(Duration::ZERO))
            }
            Err(error) => {
                let message = format!("CertificateAuthority {authority}, serial {serial}: {error}");
                let (said, wait) = match fate::of_issue(&error) {
                    Fate::Again { reason, first, longest } => {
                        let wait = fate::wait(
                            first.max(LOOK),
                            longest.max(LOOK),
                            tries,
                            draw(namespace, name, tries),
                        );
                        (waits(reason, message), Next::look_again(wait))
                    }
                    Fate::Refuse { .. } => {
                        let reason = Reason::CertificateRefused;
                        (Said { status: ConditionStatus::False, reason, message }, Next::NEVER)
                    }
                };
                self.answer(request, status, said).await?;
                Ok(wait)
            }
        }
    }

    async fn revoker(&self, authority: &str) -> Result<Arc<dyn Issuer>, IssueError> {
        let object = self.authority_object(authority);
        let object = object.ok_or_else(|| IssueError::NotFound("there is no such object".to_owned()))?;
        self.issuer(&object).await
    }

    /// Writes what became of it, if that is new.
    async fn answer(
        &self,
        request: &IdentityRequest,
        status: IdentityRequestStatus,
        said: Said,
    ) -> Result<(), ClusterError> {
        let Said { status: done, reason, message } = said;
        let generation = request.metadata.generation;
        let condition = set_condition(
            &status.conditions,
            DONE,
            done,
            reason,
            message.clone(),
            generation,
            self.clock.now(),
        );
        let conditions = vec![condition];
        let status = IdentityRequestStatus { conditions, ..status };
        if request.status.as_ref() == Some(&status) {
            return Ok(());
        }
        let (namespace, name) = place(request);
        let object = json!({
            "apiVersion": format!("{}/{}", keys::GROUP, keys::VERSION), "kind": "IdentityRequest",
            "metadata": {"name": name, "namespace": namespace}, "status": status,
        });
        match self.cluster.apply_status::<IdentityRequest>(&object).await {
            Ok(_) => {}
            Err(ClusterError::Gone(_)) => return Ok(()),
            Err(error) => return Err(error),
        }
        let about = About {
            api_version: "sallyport.dev/v1alpha1",
            kind: "IdentityRequest",
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            uid: request.metadata.uid.clone().unwrap_or_default(),
        };
        let warning = done == ConditionStatus::False;
        let notice = Notice { about, warning, reason: reason.code(), action: "Request", note: message };
        if done != ConditionStatus::Unknown {
            self.tell(&notice).await;
        }
        Ok(())
    }

    /// Whether somebody asked for another certificate than the one with this serial number.
    pub(super) fn another_is_asked_for(&self, namespace: &str, identity: &str, serial: &str) -> bool {
        let shelves = self.world.lock();
        shelves
            .requests
            .of(namespace)
            .any(|(_, request)| revocation::wants_another(request, identity, serial))
    }
}

fn place(request: &IdentityRequest) -> (&str, &str) {
    let metadata = &request.metadata;
    (metadata.namespace.as_deref().unwrap_or_default(), metadata.name.as_deref().unwrap_or_default())
}

fn waits(reason: Reason, message: String) -> Said {
    Said { status: ConditionStatus::Unknown, reason, message }
}
