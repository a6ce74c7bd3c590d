//! The stored side of a certificate's steps: its state Secret and the delivered Secret, each written only in
//! the version that was read, so that of two agents one goes on.

use std::time::Duration;

use k8s_openapi::api::core::v1::Secret;
use sallyport_contract::{Reason, object::Pkcs12};

use super::{
    agent::{Agent, Next},
    certificate::{Case, Turn},
    memo::Memo,
};
use crate::{
    chain::{self, Expected, VerifiedLeaf},
    cluster::{Cluster, ClusterError},
    deliver,
    forms::{self, Further, Keystore, Password},
    report::Report,
    state::{self, Current, State},
    step::Delivered,
};

/// A Secret that a team has to make is looked for so often.
const AWAITED: Duration = Duration::from_secs(15);

impl<C: Cluster> Agent<C> {
    /// Reads the state, once.
    pub(super) async fn load(&self, memo: &mut Memo, case: &Case<'_>) -> Result<(), ClusterError> {
        if memo.unsaved {
            return self.store(memo, case).await;
        }
        if memo.loaded {
            return Ok(());
        }
        let name = state::name_of(&case.owner.namespace, &case.owner.name);
        let secret = self.cluster.get::<Secret>(&self.settings.system, &name).await?;
        memo.state_version = secret.as_ref().and_then(|secret| secret.metadata.resource_version.clone());
        // Another namespace under the same name gets nothing of the former one's.
        memo.state =
            secret.as_ref().and_then(State::read).filter(|state| state.namespace_uid == case.namespace_uid);
        memo.verified = self.verified(memo, case);
        if let Some(state) = &mut memo.state
            && memo.verified.is_none()
        {
            state.current = None;
        }
        memo.loaded = true;
        memo.fresh = false;
        Ok(())
    }

    /// The stored certificate, judged as strictly as when it came.
    fn verified(&self, memo: &Memo, case: &Case<'_>) -> Option<VerifiedLeaf> {
        let current: &Current = memo.state.as_ref()?.current.as_ref()?;
        let public_key = current.key.public().ok()?;
        let mut anchors = chain::read("the stored chain", &current.intermediates).unwrap_or_default();
        anchors.extend(chain::read("the stored root", &current.root).ok()?);
        let expected = Expected {
            public_key: &public_key,
            dns_names: &case.terms.dns_names,
            usages: &current.terms.usages,
            not_after: current.not_after,
        };
        match chain::verify(&current.leaf, None, &expected, &anchors, self.clock.now()) {
            Ok(verified) => Some(verified),
            Err(wrong) => {
                tracing::info!(namespace = case.owner.namespace, identity = case.owner.name, wrong = %wrong, "the stored certificate is not used");
                None
            }
        }
    }

    /// Stores the state in the version that was read.
    pub(super) async fn store(&self, memo: &mut Memo, case: &Case<'_>) -> Result<(), ClusterError> {
        let Some(state) = &memo.state else { return Ok(()) };
        memo.unsaved = true;
        let version = memo.state_version.clone();
        let secret = state.to_secret(&self.settings.system, &case.owner.namespace, &case.owner.name, version);
        let result = if memo.state_version.is_some() {
            self.cluster.replace(&secret).await
        } else {
            self.cluster.create(&secret).await
        };
        match result {
            Ok(stored) => {
                memo.state_version = stored.metadata.resource_version;
                memo.unsaved = false;
                memo.fresh = true;
                Ok(())
            }
            // Another agent went on with this identity, or the Secret is gone: what it says now holds.
            Err(error @ (ClusterError::Conflict(_) | ClusterError::Gone(_))) => {
                memo.forget_state();
                Err(error)
            }
            Err(error) => Err(error),
        }
    }

    /// Looks at what lies in the place of the Secret, once.
    pub(super) async fn look(&self, memo: &mut Memo, case: &Case<'_>) -> Result<(), ClusterError> {
        if memo.delivered.is_some() {
            return Ok(());
        }
        let secret = case.identity.name.secret();
        let found = match self.cluster.get::<Secret>(&case.owner.namespace, &secret).await {
            Ok(found) => found,
            // Our right there may be moments old; meanwhile the certificate can be asked for.
            Err(ClusterError::Forbidden(_)) if memo.verified.is_none() => return Ok(()),
            Err(error) => return Err(error),
        };
        if let Some(found) = &found {
            self.recognise(memo, case, found);
        }
        let further = self.further(memo, case).await?;
        let key = memo.state.as_ref().and_then(|state| state.current.as_ref()).map(|current| &current.key);
        let current = memo.verified.as_ref().zip(key);
        let mut delivered = deliver::judge(found.as_ref(), &case.owner, current, &further);
        if delivered == Delivered::Foreign
            && let Some(found) = found.as_ref().filter(|found| deliver::is_a_predecessors(found, &case.owner))
            && let Some(exactly) = super::namespace::exactly(&found.metadata)
        {
            // Its owner is gone, so the garbage collector would take it; this is only sooner.
            self.cluster.delete::<Secret>(&case.owner.namespace, &secret, &exactly).await?;
            delivered = Delivered::Nothing;
            memo.secret_version = None;
        } else {
            memo.secret_version = found.and_then(|found| found.metadata.resource_version);
        }
        memo.delivered = Some(delivered);
        memo.further = further;
        Ok(())
    }

    /// What the further forms take. A password that is not there is waited for before something is delivered; what
    /// lies there already stays.
    async fn further(&self, memo: &mut Memo, case: &Case<'_>) -> Result<Further, ClusterError> {
        let forms = &case.identity.certificate.forms;
        memo.lacks = None;
        let more_roots = self.roots_beside(memo, case).await?;
        let mut further = Further { more_roots, combined_pem: forms.combined_pem, keystore: Keystore::No };
        let Some(Pkcs12 { password_secret }) = &forms.pkcs12 else { return Ok(further) };
        let found = self.cluster.get::<Secret>(&case.owner.namespace, password_secret).await?;
        let data = found.and_then(|mut found| found.data.as_mut()?.remove(forms::PASSWORD));
        let password = data.and_then(|bytes| Password::read(&bytes.0));
        further.keystore = password.map_or(Keystore::Locked, Keystore::Under);
        if further.keystore == Keystore::Locked {
            memo.lacks = Some(format!(
                "Secret {}/{password_secret} has no password under the key {}, which is to open the PKCS#12 keystore. \
                 Whose rule: IdentityPolicy {} delivers one. Do: create that Secret, or have the policy's owner take \
                 spec.certificate.forms.pkcs12 away",
                case.owner.namespace,
                forms::PASSWORD,
                case.identity.policy
            ));
        }
        Ok(further)
    }

    /// Takes for the current certificate what was delivered for the stored ticket before this program started:
    /// the key is the stored one, and the rest is judged as strictly as when it came.
    fn recognise(&self, memo: &mut Memo, case: &Case<'_>, found: &Secret) {
        let Some(state) = &mut memo.state else { return };
        let Some(attempt) = state.attempt.as_ref().filter(|attempt| attempt.ticket.is_some()) else { return };
        let lies = deliver::certificate(found, &case.owner, &attempt.key);
        let anchors = chain::read("the stored anchors", &attempt.anchors);
        let (Some(lies), Ok(anchors)) = (lies, anchors) else { return };
        let expected = Expected {
            public_key: &attempt.request.public_key,
            dns_names: &attempt.request.dns_names,
            usages: &attempt.request.usages,
            not_after: attempt.request.not_after,
        };
        let judged = chain::verify(&lies.leaf, Some(&lies.above), &expected, &anchors, self.clock.now());
        if let Ok(verified) = judged {
            state.adopt(&verified);
            memo.verified = Some(verified);
        }
    }

    /// Whether another agent went on with this identity since we read its state.
    async fn is_behind(&self, memo: &Memo, case: &Case<'_>) -> Result<bool, ClusterError> {
        let name = state::name_of(&case.owner.namespace, &case.owner.name);
        let found = self.cluster.get::<Secret>(&self.settings.system, &name).await?;
        Ok(found.and_then(|found| found.metadata.resource_version) != memo.state_version)
    }

    /// Writes the Secret, whole, in one write.
    pub(super) async fn deliver(&self, memo: &mut Memo, case: &Case<'_>) -> Result<Turn, ClusterError> {
        let current = memo.state.as_ref().and_then(|state| state.current.as_ref());
        if memo.verified.is_none() || current.is_none() {
            memo.forget_state();
            let report = Report::waiting(Reason::AwaitingCertificate, "the stored certificate is read again");
            return Ok(Turn::Wait(Next::look_again(Duration::ZERO), report));
        }
        if let Some(lacks) = &memo.lacks {
            let report = Report::waiting(Reason::AwaitingCertificate, lacks.clone());
            return Ok(Turn::Wait(Next::look_again(AWAITED), report));
        }
        // Of two agents one may remember a certificate that the other has replaced. The Secret was looked at
        // before, so that what the other writes from here on makes our own write fail.
        if !memo.fresh && self.is_behind(memo, case).await? {
            memo.forget_state();
            return Err(ClusterError::Conflict("another agent went on with this identity".to_owned()));
        }
        memo.further.more_roots = self.roots_beside(memo, case).await?;
        let current = memo.state.as_ref().and_then(|state| state.current.as_ref());
        let (Some(verified), Some(current)) = (&memo.verified, current) else { return Ok(Turn::Go) };
        let version = memo.secret_version.clone();
        let secret = deliver::secret(&case.owner, verified, &current.key, &memo.further, version)
            .map_err(|error| ClusterError::Refused(error.to_string()))?;
        let result = match memo.delivered {
            Some(Delivered::Stale) => self.cluster.replace(&secret).await,
            Some(Delivered::Nothing | Delivered::Current | Delivered::Foreign) | None => {
                self.cluster.create(&secret).await
            }
        };
        match result {
            Ok(stored) => {
                memo.delivered = Some(Delivered::Current);
                memo.secret_version = stored.metadata.resource_version;
                self.metrics.delivered();
                Ok(Turn::Go)
            }
            Err(error) => {
                memo.delivered = None;
                Err(error)
            }
        }
    }
}
