//! An intermediate of our own behind the port: its key lies in a Secret that `sallyport ca intermediate` makes, and that this
//! program reads and never writes.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::future::{BoxFuture, FutureExt as _};
use k8s_openapi::api::core::v1::Secret;
use sallyport_contract::object::{CertificateAuthority, IntermediateCa, RevocationReason};
use sallyport_process::clock::Clock;

use super::{Caller, Described, Fetched, IssueError, Issuer, signing};
use crate::{
    chain,
    cluster::{Cluster, ClusterError},
    intermediate::{
        constraints::Permitted,
        journey::revocation,
        stored::{self, Stored},
    },
    request::Request,
};

/// An intermediate.
pub struct Intermediate<C> {
    cluster: C,
    system: String,
    name: String,
    id: String,
    spec: IntermediateCa,
    clock: Clock,
    /// As it last described itself; what is signed is signed by this one.
    known: Mutex<Option<Arc<Known>>>,
}

struct Known {
    stored: Stored,
    /// What both the certificate and the object permit.
    permitted: [Permitted; 2],
}

impl<C: Cluster> Intermediate<C> {
    /// The intermediate of the `CertificateAuthority` called `name`.
    #[must_use]
    pub fn new(cluster: C, system: &str, name: &str, spec: IntermediateCa, clock: Clock) -> Self {
        let id = format!("intermediate:{name}");
        let (system, name) = (system.to_owned(), name.to_owned());
        Self { cluster, system, name, id, spec, clock, known: Mutex::default() }
    }

    /// The intermediate as it stands in its Secret now; what does not stand there any more is forgotten.
    async fn load(&self) -> Result<Arc<Known>, IssueError> {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let parent = self.parent().await?;
        let secret = stored::name(&self.name);
        let no = |why: String| IssueError::NotActive(format!("Secret {}/{secret} {why}", self.system));
        let create = format!("sallyport ca intermediate create {}", self.name);
        let found = self.cluster.get::<Secret>(&self.system, &secret).await.map_err(away)?;
        let found = found.ok_or_else(|| no(format!("is not there yet. Do: {create}")))?;
        let now = self.clock.now();
        let stored = Stored::read(&found, now)
            .map_err(|error| no(format!("is not used: {error}. Do: delete it, and {create}")))?;
        if stored.parent != parent {
            return Err(no(format!("belongs to the parent {}, and {parent} is asked for", stored.parent)));
        }
        let wished = Permitted::from_spec(&self.spec.permitted_dns_domains);
        let wished = wished.map_err(|error| IssueError::NotActive(error.to_string()))?;
        let permitted = [stored.held.permitted().clone(), wished];
        let known = Arc::new(Known { stored, permitted });
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&known));
        Ok(known)
    }

    async fn known(&self) -> Result<Arc<Known>, IssueError> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match known {
            Some(known) => Ok(known),
            None => self.load().await,
        }
    }

    /// The ARN of the parent.
    async fn parent(&self) -> Result<String, IssueError> {
        let (name, parent) = (&self.name, &self.spec.parent);
        let no = |why: &str| {
            IssueError::NotActive(format!(
                "CertificateAuthority {name} names {parent} as spec.intermediate.parent, {why}. Do: make another object with \
                 a parent that has spec.awsPrivateCA"
            ))
        };
        let found = self.cluster.get::<CertificateAuthority>("", parent).await.map_err(away)?;
        let found = found.ok_or_else(|| no("which does not exist"))?;
        found.spec.aws_private_ca.map(|aws| aws.arn).ok_or_else(|| no("which is no CA of AWS Private CA"))
    }
}

impl Known {
    fn described(&self) -> Described {
        let held = &self.stored.held;
        Described {
            key_algorithm: "EC_prime256v1".to_owned(),
            usage_mode: "GENERAL_PURPOSE".to_owned(),
            not_after: held.not_after(),
            longest: None,
            path: held.path().to_vec(),
            permitted: self.permitted.to_vec(),
        }
    }
}

fn away(error: ClusterError) -> IssueError {
    IssueError::Unavailable(error.to_string())
}

impl<C: Cluster> Issuer for Intermediate<C> {
    fn id(&self) -> &str {
        &self.id
    }

    fn first_wait(&self) -> Duration {
        Duration::ZERO
    }

    fn describe(&self) -> BoxFuture<'_, Result<Described, IssueError>> {
        async { Ok(self.load().await?.described()) }.boxed()
    }

    fn issue<'a>(
        &'a self,
        _: &'a Caller,
        request: &'a Request,
        _: &'a Described,
    ) -> BoxFuture<'a, Result<String, IssueError>> {
        async move { signing::ticket(&self.id, request) }.boxed()
    }

    fn fetch<'a>(
        &'a self,
        _: &'a Caller,
        request: &'a Request,
        ticket: &'a str,
    ) -> BoxFuture<'a, Result<Fetched, IssueError>> {
        async move {
            signing::is_ticket(&self.id, request, ticket)?;
            let known = self.known().await?;
            let held = &known.stored.held;
            // Asked again before the signature: what stands in its way may have changed since the request was made.
            if let Some(refusal) = known.described().refuses(&self.name, &request.dns_names) {
                return Err(IssueError::Refused(refusal));
            }
            let path: Vec<String> = held.path().iter().map(|der| chain::pem(der)).collect();
            let leaf = signing::sign(&path.first().cloned().unwrap_or_default(), held.key(), request)?;
            Ok(Fetched::Ready { leaf, chain: Some(path.concat()) })
        }
        .boxed()
    }

    fn revoke<'a>(&'a self, _: &'a str, _: RevocationReason) -> BoxFuture<'a, Result<(), IssueError>> {
        async move {
            let known = self.known().await?;
            let command = revocation(&known.stored.parent, known.stored.held.serial());
            Err(IssueError::Refused(format!(
                "AWS does not know this certificate, for an intermediate signed it, and cannot revoke it. Do: have it renewed \
                 (sallyport cert renew); the old one ends by itself. If that is too late, revoke the intermediate with all \
                 that it signed: sallyport ca intermediate renew {}, then {command}",
                self.name
            )))
        }
        .boxed()
    }
}
