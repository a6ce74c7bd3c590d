//! A CA of our own, for first tries: its root lies in a Secret beside the agent's state, and it signs what
//! AWS's end-entity templates sign.

use std::{sync::Arc, time::Duration};

use futures::future::{BoxFuture, FutureExt as _};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::{ByteString, api::core::v1::Secret, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, KeyUsagePurpose};
use sallyport_contract::keys;
use sallyport_process::clock::Clock;
use tokio::sync::Mutex;

use super::{Caller, Described, Fetched, IssueError, Issuer, signing};
use crate::{
    chain,
    cluster::{Cluster, ClusterError},
    key::PrivateKey,
    request::Request,
};

/// How long a root lives; after two thirds another one takes its place.
const ROOT_DAYS: i64 = 3650;

/// An embedded CA.
pub struct Embedded<C> {
    cluster: C,
    system: String,
    name: String,
    id: String,
    clock: Clock,
    root: Mutex<Option<Arc<Root>>>,
}

struct Root {
    certificate: String,
    key: PrivateKey,
}

impl Root {
    /// Whether a third of its life is left. Then another one takes its place, long before certificates end with it.
    fn is_fresh(&self, now: Timestamp) -> bool {
        let path = chain::read("the root", &self.certificate).unwrap_or_default();
        let Some((from, to)) = validity(&path) else { return true };
        let life = to.duration_since(from).as_secs();
        now.duration_since(from).as_secs() < life / 3 * 2
    }
}

impl<C: Cluster> Embedded<C> {
    /// The embedded CA of the `CertificateAuthority` called `name`; made when it is first needed.
    #[must_use]
    pub fn new(cluster: C, system: &str, name: &str, clock: Clock) -> Self {
        let id = format!("embedded:{name}");
        let root = Mutex::new(None);
        Self { cluster, system: system.to_owned(), name: name.to_owned(), id, clock, root }
    }

    /// The root that signs: as it was read last, or as it lies there now if `anew`.
    async fn root(&self, anew: bool) -> Result<Arc<Root>, IssueError> {
        let mut known = self.root.lock().await;
        if let Some(root) = known.as_ref().filter(|_| !anew) {
            return Ok(Arc::clone(root));
        }
        match (self.load().await, known.as_ref()) {
            (Ok(root), _) => {
                *known = Some(Arc::clone(&root));
                Ok(root)
            }
            // The API server is away; the root that was there a moment ago goes on signing.
            (Err(IssueError::Unavailable(_)), Some(root)) => Ok(Arc::clone(root)),
            (Err(error), _) => Err(error),
        }
    }

    async fn load(&self) -> Result<Arc<Root>, IssueError> {
        let name = format!("embedded-ca-{}", self.name);
        let found = self.cluster.get::<Secret>(&self.system, &name).await.map_err(away)?;
        let stored = match &found {
            Some(secret) => {
                let root = read(&name, secret)?;
                if root.is_fresh(self.clock.now()) {
                    return Ok(root);
                }
                let version = secret.metadata.resource_version.clone();
                self.cluster.replace(&self.make(&name, version)?).await
            }
            None => self.cluster.create(&self.make(&name, None)?).await,
        };
        match stored {
            Ok(stored) => read(&name, &stored),
            // Another agent made it at the same moment: that one holds.
            Err(ClusterError::Conflict(_)) => {
                let secret = self.cluster.get::<Secret>(&self.system, &name).await.map_err(away)?;
                secret.map_or_else(|| Err(broken(&name)), |secret| read(&name, &secret))
            }
            Err(error) => Err(away(error)),
        }
    }

    fn make(&self, name: &str, resource_version: Option<String>) -> Result<Secret, IssueError> {
        let cannot =
            |error: &dyn std::error::Error| IssueError::Unavailable(format!("no root can be made: {error}"));
        let key = PrivateKey::generate().map_err(|error| cannot(&error))?;
        let now = signing::time_of(self.clock.now())?;
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        // The time makes each root's name its own, so that no two in a bundle are mistaken for one.
        let name_of_root = format!("Sallyport embedded CA {} {}", self.name, now.date());
        params.distinguished_name.push(DnType::CommonName, name_of_root);
        params.not_before = now - time::Duration::hours(1);
        params.not_after = now + time::Duration::days(ROOT_DAYS);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let pair = key.pair().map_err(|error| cannot(&error))?;
        let certificate = params.self_signed(&pair).map_err(|error| cannot(&error))?;
        let data = [("tls.crt", certificate.pem().as_str()), ("tls.key", key.pem())]
            .map(|(name, text)| (name.to_owned(), ByteString(text.as_bytes().to_vec())));
        let labels = [(keys::MANAGED_BY.to_owned(), keys::MANAGED_BY_SALLYPORT.to_owned())];
        let metadata = ObjectMeta {
            name: Some(name.to_owned()),
            namespace: Some(self.system.clone()),
            labels: Some(labels.into()),
            resource_version,
            ..ObjectMeta::default()
        };
        let type_ = Some("kubernetes.io/tls".to_owned());
        Ok(Secret { metadata, data: Some(data.into()), type_, ..Secret::default() })
    }
}

fn read(name: &str, secret: &Secret) -> Result<Arc<Root>, IssueError> {
    let text = |key: &str| String::from_utf8(secret.data.as_ref()?.get(key)?.0.clone()).ok();
    let (Some(certificate), Some(key)) = (text("tls.crt"), text("tls.key")) else { return Err(broken(name)) };
    let key = PrivateKey::from_pem(key).map_err(|_| broken(name))?;
    Ok(Arc::new(Root { certificate, key }))
}

fn broken(name: &str) -> IssueError {
    IssueError::NotActive(format!(
        "Secret {name} does not hold the root's tls.crt and tls.key; delete it and a new root is made"
    ))
}

fn away(error: ClusterError) -> IssueError {
    IssueError::Unavailable(error.to_string())
}

impl<C: Cluster> Issuer for Embedded<C> {
    fn id(&self) -> &str {
        &self.id
    }

    fn first_wait(&self) -> Duration {
        Duration::ZERO
    }

    fn describe(&self) -> BoxFuture<'_, Result<Described, IssueError>> {
        async {
            let root = self.root(true).await?;
            let path = chain::read("the root", &root.certificate).map_err(|_| broken(&self.id))?;
            let (_, not_after) = validity(&path).ok_or_else(|| broken(&self.id))?;
            if not_after <= self.clock.now().saturating_add(SignedDuration::from_mins(1)).unwrap_or(not_after)
            {
                return Err(IssueError::NotActive(format!("the root ended at {not_after}")));
            }
            Ok(Described {
                key_algorithm: "EC_prime256v1".to_owned(),
                usage_mode: "GENERAL_PURPOSE".to_owned(),
                not_after,
                longest: None,
                path,
                permitted: Vec::new(),
            })
        }
        .boxed()
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
            let root = self.root(false).await?;
            let leaf = signing::sign(&root.certificate, &root.key, request)?;
            Ok(Fetched::Ready { leaf, chain: Some(root.certificate.clone()) })
        }
        .boxed()
    }
}

fn validity(path: &[Vec<u8>]) -> Option<(Timestamp, Timestamp)> {
    let (_, certificate) = x509_parser::parse_x509_certificate(path.first()?).ok()?;
    chain::validity(&certificate).ok()
}
