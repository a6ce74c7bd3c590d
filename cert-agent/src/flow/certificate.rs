//! The certificate of one identity: takes the one next step until there is nothing to do for a while.
//! Each step is stored before the next.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use sallyport_contract::{
    Identity, Reason,
    object::{CertificateAuthority, CertificateStatus},
};

use super::{
    agent::{Agent, Next},
    asking::awaiting,
    memo::{Memo, Rest},
};
use crate::{
    cluster::{Cluster, ClusterError},
    deliver::OwnedBy,
    issuer::Issuer,
    observe::made::Made,
    report::Report,
    request::Terms,
    step::{self, Effect},
    uid::Uid,
};

/// What one step leads to.
pub(super) enum Turn {
    /// The next step, at once.
    Go,
    /// Nothing until then; this is told meanwhile.
    Wait(Next, Report),
    /// The ticket is asked about then, and nothing has been heard that could be told.
    Poll(Duration),
}

/// Everything that the steps of one identity look at.
pub(super) struct Case<'a> {
    pub(super) identity: &'a Identity,
    pub(super) owner: OwnedBy,
    pub(super) namespace_uid: String,
    pub(super) issuer: Arc<dyn Issuer>,
    pub(super) terms: Terms,
}

impl Case<'_> {
    /// Its share of the jitter.
    pub(super) fn draw(&self, generation: u32) -> u16 {
        step::draw(&self.owner.namespace, &self.owner.name, generation)
    }
}

/// More steps than a journey has; a defect must not spin.
const MOST_STEPS: usize = 12;
/// The Secret of somebody else is looked at again so often.
const BLOCKED: Duration = Duration::from_secs(5);

impl<C: Cluster> Agent<C> {
    /// Drives the certificate of an identity; tells what is to be said and when to come back.
    pub(super) async fn certificate(
        &self,
        memo: &mut Memo,
        identity: &Identity,
        made: &Made,
        anew: bool,
    ) -> Result<(Report, Next), ClusterError> {
        let case = match self.case(identity, made).await {
            Ok(case) => case,
            Err(trouble) => {
                return Ok((self.with_what_stands(made, trouble), Next::look_again(Duration::from_secs(15))));
            }
        };
        let now = self.clock.now();
        let rest = memo.rest.take().filter(|rest| !anew && now < rest.until);
        if let Some(rest) = rest
            && let Some(told) = rest.still((&case.terms, &identity.certificate.forms), made)
        {
            let left = Duration::try_from(rest.until.duration_since(now)).unwrap_or_default();
            memo.rest = Some(rest);
            return Ok((told, self.next_look(&case, left)));
        }
        memo.fresh = false;
        if anew {
            memo.delivered = None;
        }
        self.load(memo, &case).await?;
        self.look(memo, &case).await?;
        self.supersede(memo, &case);
        for _ in 0..MOST_STEPS {
            self.look(memo, &case).await?;
            let (next, report) = match self.step(memo, &case).await? {
                Turn::Go => continue,
                Turn::Wait(next, report) => (next, self.beside_current(memo, &case, report)),
                Turn::Poll(left) => (Next::after(left), self.as_told(memo, &case, made)),
            };
            return Ok((report, self.before_the_end(memo, next)));
        }
        tracing::error!(
            namespace = case.owner.namespace,
            identity = case.owner.name,
            "more steps than a journey has"
        );
        let report = Report::waiting(Reason::AwaitingCertificate, "more steps were taken than a journey has");
        Ok((report, Next::look_again(Duration::from_secs(60))))
    }

    /// What somebody asked another one for is no longer enough. The request itself remembers it.
    fn supersede(&self, memo: &mut Memo, case: &Case<'_>) {
        let Some(serial) = memo.verified.as_ref().map(|verified| verified.serial().to_owned()) else {
            return;
        };
        let asked = self.another_is_asked_for(&case.owner.namespace, &case.owner.name, &serial);
        if let Some(current) = memo.state.as_mut().and_then(|state| state.current.as_mut()) {
            current.superseded |= asked;
        }
    }

    /// An identity that gets nothing new keeps what it was given: that is put back where somebody took it
    /// away, and is not renewed.
    pub(super) async fn kept(
        &self,
        memo: &mut Memo,
        identity: &Identity,
        made: &Made,
        why: &str,
    ) -> Result<(Report, Next), ClusterError> {
        let held = || self.with_what_stands(made, Report::waiting(Reason::NameRefused, why));
        let next = Next::look_again(self.look_after(&identity.namespace, identity.name.as_str()));
        let Ok(case) = self.case(identity, made).await else { return Ok((held(), next)) };
        (memo.rest, memo.fresh, memo.delivered) = (None, false, None);
        self.load(memo, &case).await?;
        self.look(memo, &case).await?;
        if was_given(memo, made) {
            // Its certificate lies with the authority alone: that is fetched again, and no other is asked for.
            self.fetch(memo, &case).await?;
        }
        let delivered = memo.delivered.unwrap_or(step::Delivered::Nothing);
        if step::is_to_repair(memo.state.as_ref(), delivered, self.clock.now())
            && let Turn::Wait(next, _) = self.deliver(memo, &case).await?
        {
            return Ok((held(), next));
        }
        Ok((held(), next))
    }

    /// Who is to sign what; or what to tell if that cannot even be said.
    pub(super) async fn case<'a>(&self, identity: &'a Identity, made: &Made) -> Result<Case<'a>, Report> {
        let name = &identity.certificate.authority;
        let unavailable = |text: String| Report::waiting(Reason::AuthorityUnavailable, text);
        let authority: Arc<CertificateAuthority> = self.authority_object(name).ok_or_else(|| {
            unavailable(format!(
                "CertificateAuthority {name} does not exist. Whose rule: IdentityPolicy {} names it. Do: create \
                 it, or have the policy name another",
                identity.policy
            ))
        })?;
        let issuer = self.issuer(&authority).await.map_err(|error| unavailable(error.to_string()))?;
        let key = identity.certificate.key.kind().ok_or_else(|| {
            let text = format!(
                "there is no key like {:?}. Whose rule: IdentityPolicy {}. Do: correct spec.certificate.key there",
                identity.certificate.key, identity.policy
            );
            Report::waiting(Reason::CertificateRefused, text)
        })?;
        let mut usages = identity.certificate.usages.clone();
        usages.sort();
        usages.dedup();
        let terms = Terms {
            authority: name.clone(),
            issuer: issuer.id().to_owned(),
            dns_names: identity.dns_names.clone(),
            usages,
            lifetime: identity.certificate.lifetime.as_secs(),
            key,
        };
        let owner = OwnedBy {
            namespace: identity.namespace.clone(),
            name: identity.name.to_string(),
            uid: made.uid.as_ref().map(Uid::to_string).unwrap_or_default(),
        };
        let facts = self.world.lock().namespaces.get("", &identity.namespace);
        let Some(namespace_uid) = facts.map(|facts| facts.uid.clone()) else {
            let text = format!("namespace {} is no longer there", identity.namespace);
            return Err(Report::waiting(Reason::AwaitingCertificate, text));
        };
        Ok(Case { identity, owner, namespace_uid, issuer, terms })
    }

    async fn step(&self, memo: &mut Memo, case: &Case<'_>) -> Result<Turn, ClusterError> {
        let now = self.clock.now();
        let generation = memo.state.as_ref().map_or(0, |state| state.generation);
        let delivered = memo.delivered.unwrap_or(step::Delivered::Nothing);
        match step::next(memo.state.as_ref(), delivered, &case.terms, now, case.draw(generation)) {
            Effect::Prepare => self.prepare(memo, case).await,
            Effect::Issue => self.issue(memo, case).await,
            Effect::Fetch => self.fetch(memo, case).await,
            Effect::Deliver => self.deliver(memo, case).await,
            Effect::Rest(until) => Ok(self.rest(memo, case, until)),
            Effect::Blocked => {
                let secret = case.identity.name.secret();
                let report = Report::waiting(
                    Reason::SecretHeldByOther,
                    format!(
                        "Secret {}/{secret} is not Sallyport's and is left as it is. Whose rule: what somebody else \
                         made is never overwritten or trusted. Do: delete or rename it",
                        case.owner.namespace
                    ),
                );
                Ok(Turn::Wait(Next::look_again(BLOCKED), report))
            }
        }
    }

    fn rest(&self, memo: &mut Memo, case: &Case<'_>, until: Timestamp) -> Turn {
        let refused = memo.state.as_ref().and_then(|state| state.refusal.as_ref());
        let report = match refused {
            Some(refused) => Report::waiting(Reason::CertificateRefused, refused.message.clone()),
            None => Report::waiting(Reason::AwaitingCertificate, "nothing to do"),
        };
        let left = Duration::try_from(until.duration_since(self.clock.now())).unwrap_or_default();
        let told = self.beside_current(memo, case, report.clone());
        let under = (&case.terms, &case.identity.certificate.forms);
        memo.rest = Some(Rest::new(until, memo.span(), under, &told));
        Turn::Wait(self.next_look(case, left), report)
    }

    /// What the identity says already, while that is true: another agent may have heard more.
    fn as_told(&self, memo: &Memo, case: &Case<'_>, made: &Made) -> Report {
        let ended = made.not_after().is_some_and(|end| self.clock.now() >= end);
        match &made.told {
            Some(_) if !ended => Report::of(made),
            Some(_) | None => self.beside_current(memo, case, awaiting(case, memo)),
        }
    }

    /// A certificate that ends is told to have ended, whatever else is waited for.
    fn before_the_end(&self, memo: &Memo, next: Next) -> Next {
        let Some(verified) = &memo.verified else { return next };
        match (Duration::try_from(verified.not_after().duration_since(self.clock.now())), next.after) {
            (Ok(left), Some(after)) if !left.is_zero() => Next { after: Some(after.min(left)), ..next },
            (Ok(_) | Err(_), _) => next,
        }
    }

    /// When to come back at the latest: what somebody did to the Secret is found by looking.
    pub(super) fn next_look(&self, case: &Case<'_>, left: Duration) -> Next {
        let look = self.look_after(&case.owner.namespace, &case.owner.name);
        if left < look { Next::after(left) } else { Next::look_again(look) }
    }

    /// What is told: the delivered certificate with whatever holds up its renewal, or only the trouble.
    fn beside_current(&self, memo: &Memo, case: &Case<'_>, report: Report) -> Report {
        let whole = memo.delivered == Some(step::Delivered::Current);
        let current = memo.state.as_ref().and_then(|state| state.current.as_ref());
        let (Some(current), Some(verified)) = (current.filter(|_| whole), &memo.verified) else {
            return report;
        };
        if self.clock.now() >= verified.not_after() {
            return report;
        }
        let generation = memo.state.as_ref().map_or(0, |state| state.generation);
        let certificate = CertificateStatus {
            serial: verified.serial().to_owned(),
            not_before: verified.not_before(),
            not_after: verified.not_after(),
            renew_at: step::renew_at(current.received_at, current.not_after, case.draw(generation)),
            arn: current.ticket.clone().filter(|ticket| ticket.starts_with("arn:")),
            secret_name: case.identity.name.secret(),
        };
        let message =
            format!("verified and delivered, signed by CertificateAuthority {}", current.terms.authority);
        if memo.rest_is_calm() && !report.is_trouble() && report.reason != Reason::AwaitingTrust {
            return Report::issued(certificate, message);
        }
        Report::issued(certificate, format!("{message}; the next one: {}: {}", report.reason, report.message))
    }
}

/// Whether what the stored ticket gives was delivered before, as the identity itself says.
fn was_given(memo: &Memo, made: &Made) -> bool {
    let told = made.certificate().and_then(|certificate| certificate.arn);
    let state = memo.state.as_ref().filter(|state| state.current.is_none());
    let ticket = state.and_then(|state| state.attempt.as_ref()?.ticket.as_deref());
    told.is_some() && told.as_deref() == ticket
}
