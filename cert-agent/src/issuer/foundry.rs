//! Which issuer serves a `CertificateAuthority`: made once, and shared as long as the object is the same.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use futures::future::{BoxFuture, FutureExt as _};
use sallyport_contract::object::{AwsPrivateCa, CertificateAuthority};
use sallyport_process::{clock::Clock, report};

use super::{
    IssueError, Issuer, Issuers,
    aws_client::Clients,
    aws_pca::{Arn, AwsPca},
    embedded::Embedded,
    governor::gate::Governors,
    intermediate::Intermediate,
};
use crate::cluster::Cluster;

/// Makes issuers and keeps them.
pub struct Foundry<C> {
    cluster: C,
    system: String,
    clock: Clock,
    clients: Clients,
    governors: Governors,
    made: Mutex<HashMap<String, Made>>,
}

struct Made {
    authority: CertificateAuthority,
    issuer: Arc<dyn Issuer>,
}

impl<C: Cluster> Foundry<C> {
    /// Embedded CAs and intermediates live in `cluster`, namespace `system`; AWS is reached by `clients`, through `governors`.
    #[must_use]
    pub fn new(cluster: C, system: &str, clock: Clock, clients: Clients, governors: Governors) -> Self {
        Self { cluster, system: system.to_owned(), clock, clients, governors, made: Mutex::default() }
    }

    fn known(&self, authority: &CertificateAuthority) -> Option<Arc<dyn Issuer>> {
        let made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let known = made.get(authority.metadata.name.as_deref()?)?;
        let same =
            known.authority.spec == authority.spec && known.authority.metadata.uid == authority.metadata.uid;
        same.then(|| Arc::clone(&known.issuer))
    }

    async fn make(&self, authority: &CertificateAuthority) -> Result<Arc<dyn Issuer>, IssueError> {
        let name = authority.metadata.name.as_deref().unwrap_or_default();
        let spec = &authority.spec;
        let (cluster, clock) = (self.cluster.clone(), self.clock.clone());
        match (&spec.aws_private_ca, &spec.embedded, &spec.intermediate) {
            (Some(aws), None, None) => self.aws(name, aws).await,
            (None, Some(_), None) => Ok(Arc::new(Embedded::new(cluster, &self.system, name, clock))),
            (None, None, Some(spec)) => {
                Ok(Arc::new(Intermediate::new(cluster, &self.system, name, spec.clone(), clock)))
            }
            _ => Err(IssueError::NotActive(format!(
                "CertificateAuthority {name} must have exactly one of spec.awsPrivateCA, spec.embedded and \
                 spec.intermediate"
            ))),
        }
    }

    async fn aws(&self, name: &str, aws: &AwsPrivateCa) -> Result<Arc<dyn Issuer>, IssueError> {
        let arn = Arn::read(&aws.arn).ok_or_else(|| {
            IssueError::NotActive(format!(
                "CertificateAuthority {name}: {:?} is not the ARN of a CA",
                aws.arn
            ))
        })?;
        let client = self.clients.get(&arn.region).await;
        let client = client.map_err(|error| IssueError::Unavailable(report::chain(&error)))?;
        let governor = self.governors.of(&arn.account, &arn.region);
        Ok(Arc::new(AwsPca::new(client, arn, aws.templates.clone(), governor)))
    }
}

impl<C: Cluster> Issuers for Foundry<C> {
    fn issuer<'a>(
        &'a self,
        authority: &'a CertificateAuthority,
    ) -> BoxFuture<'a, Result<Arc<dyn Issuer>, IssueError>> {
        async move {
            if let Some(known) = self.known(authority) {
                return Ok(known);
            }
            let issuer = self.make(authority).await?;
            let made = Made { authority: authority.clone(), issuer: Arc::clone(&issuer) };
            let name = authority.metadata.name.clone().unwrap_or_default();
            self.made.lock().unwrap_or_else(PoisonError::into_inner).insert(name, made);
            Ok(issuer)
        }
        .boxed()
    }
}
