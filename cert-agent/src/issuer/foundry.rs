//! Which issuer serves a `CertificateAuthority`: made once, and shared as long as the object is the same.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use futures::future::{BoxFuture, FutureExt as _};
use sallyport_contract::object::{AwsPrivateCa, CertificateAuthority};
use sallyport_process::clock::Clock;

use super::{
    IssueError, Issuer, Issuers,
    aws_client::{Clients, Role},
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
    clients: Arc<Clients>,
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
        let clients = Arc::new(clients);
        Self { cluster, system: system.to_owned(), clock, clients, governors, made: Mutex::default() }
    }

    fn known(&self, authority: &CertificateAuthority) -> Option<Arc<dyn Issuer>> {
        let made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let known = made.get(authority.metadata.name.as_deref()?)?;
        let same =
            known.authority.spec == authority.spec && known.authority.metadata.uid == authority.metadata.uid;
        same.then(|| Arc::clone(&known.issuer))
    }

    fn make(&self, authority: &CertificateAuthority) -> Result<Arc<dyn Issuer>, IssueError> {
        let name = authority.metadata.name.as_deref().unwrap_or_default();
        let spec = &authority.spec;
        let (cluster, clock) = (self.cluster.clone(), self.clock.clone());
        match (&spec.aws_private_ca, &spec.embedded, &spec.intermediate) {
            (Some(aws), None, None) => self.aws(name, aws),
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

    fn aws(&self, name: &str, aws: &AwsPrivateCa) -> Result<Arc<dyn Issuer>, IssueError> {
        let arn = Arn::read(&aws.arn).ok_or_else(|| {
            IssueError::NotActive(format!(
                "CertificateAuthority {name}: {:?} is not the ARN of a CA",
                aws.arn
            ))
        })?;
        let external_id = aws.external_id.clone();
        let role = aws.role_arn.clone().map(|arn| Role { arn, external_id });
        let governor = self.governors.of(&arn.account, &arn.region);
        Ok(Arc::new(AwsPca::new(Arc::clone(&self.clients), arn, role, aws.templates.clone(), governor)))
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
            let issuer = self.make(authority)?;
            let made = Made { authority: authority.clone(), issuer: Arc::clone(&issuer) };
            let name = authority.metadata.name.clone().unwrap_or_default();
            self.made.lock().unwrap_or_else(PoisonError::into_inner).insert(name, made);
            Ok(issuer)
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use aws_sdk_acmpca::config::{Credentials, SharedCredentialsProvider};
    use pca_sim::{Options, Simulator};
    use serde_json::json;

    use super::*;
    use crate::{cluster::twin::Twin, issuer::aws_client::Way, metrics::GovernorMetrics};

    #[tokio::test]
    async fn a_changed_role_is_another_way_to_the_same_authority() {
        let running = Simulator::start(Options::default()).await.unwrap();
        let mut bundle = tempfile::NamedTempFile::new().unwrap();
        bundle.write_all(running.tls_ca_pem.as_bytes()).unwrap();
        let own = Credentials::new("AKIDOWN", "secret", None, None, "test");
        let way = Way {
            ca_bundle: Some(bundle.path().to_owned()),
            endpoint: Some(running.endpoint.clone()),
            credentials: Some(SharedCredentialsProvider::new(own)),
            ..Way::default()
        };
        let governors = Governors::new(Vec::new(), GovernorMetrics::default());
        let foundry = Foundry::new(Twin::default(), "system", Clock::system(), Clients::new(way), governors);
        let role = "arn:aws:iam::123456789012:role/issuer";
        for spec in [
            json!({"arn": running.ca_arn}),
            json!({"arn": running.ca_arn, "roleArn": role}),
            json!({"arn": running.ca_arn, "roleArn": role}),
        ] {
            let object = json!({"apiVersion": "sallyport.dev/v1alpha1", "kind": "CertificateAuthority",
                "metadata": {"name": "ca", "uid": "c"}, "spec": {"awsPrivateCA": spec}});
            let authority: CertificateAuthority = serde_json::from_value(object).unwrap();
            let issuer = foundry.issuer(&authority).await.unwrap();
            issuer.describe().await.unwrap();
        }
        let counters = running.counters();
        let session = "arn:aws:sts::123456789012:assumed-role/issuer/sallyport-cert-agent";
        let calls = |caller: &str| counters.callers.get(caller).copied().unwrap_or_default();
        assert_eq!((calls("AKIDOWN"), calls(session)), (2, 4), "{:?}", counters.callers);
        assert_eq!(counters.sessions["AssumeRole"], [1, 0], "once, and kept");
    }
}
