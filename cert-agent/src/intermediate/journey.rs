//! From nothing, or from one intermediate, to the next: each step is stored before the next, so that whoever is stopped
//! anywhere goes on with the same key and the same request.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use sallyport_contract::object::IntermediateCa;
use sallyport_process::clock::Clock;

use super::{
    asked::{Asked, AskedError},
    constraints::Permitted,
    held::{Held, Unfit},
    parent::{Parent, Unsuitable},
    stored::{self, Pending, PendingRequest, Spoiled, Stored},
};
use crate::{
    chain,
    cluster::{Cluster, ClusterError, Exactly},
    fate::{self, Fate},
    issuer::{Fetched, IssueError},
    key::{KeyError, PrivateKey},
};

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The first one.
    Create,
    /// Another one, with a new key, in the place of the one there is.
    Renew,
}

/// One way, for one `CertificateAuthority`.
pub struct Journey<C, P> {
    /// The port to Kubernetes.
    pub cluster: C,
    /// The CA above.
    pub parent: P,
    /// The time.
    pub clock: Clock,
    /// The namespace of the agent's own Secrets.
    pub system: String,
    /// The `CertificateAuthority`.
    pub authority: String,
    /// What it says of its intermediate.
    pub spec: IntermediateCa,
    /// What is to be done.
    pub order: Order,
}

/// Where a step led.
pub enum Step {
    /// The next one, after so long; and what was done, for people.
    Next(Duration, String),
    /// The intermediate is in its place.
    Done(Stored),
}

/// Why it does not go on. All texts are for people.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// There is one already.
    #[error("there is an intermediate already, and it ends at {0}; for another one say renew")]
    ThereIsOne(Timestamp),
    /// There is none.
    #[error("there is no intermediate to renew; say create")]
    ThereIsNone,
    /// The CA above does not do.
    #[error("the parent cannot have an intermediate: {0}")]
    Unsuitable(#[from] Unsuitable),
    /// The spec leaves nothing to ask for.
    #[error("nothing was asked: {0}")]
    NothingToAsk(#[from] AskedError),
    /// There is no key.
    #[error("no key could be made")]
    Key(#[source] KeyError),
    /// Somebody began with other terms.
    #[error(
        "an unfinished request for other terms ({0}) lies in Secret {1}. Put spec.intermediate back as it was to finish it, or \
         delete that Secret: an intermediate that AWS may have signed for it is then good for nothing, for its key is gone"
    )]
    OtherTerms(String, String),
    /// A Secret is not what it should be.
    #[error("Secret {0}: {1}. Delete it if nobody needs it, and run this again")]
    Spoiled(String, Spoiled),
    /// AWS says no; nothing was made.
    #[error("AWS refuses, and nothing was signed: {0}")]
    Refused(IssueError),
    /// AWS accepted, and nothing usable came of it.
    #[error("AWS gave nothing that can be used ({0}); the key was thrown away. {1}")]
    Useless(String, String),
    /// AWS cannot be asked now.
    #[error("AWS: {0}. What was begun is stored: run this again to go on")]
    Aws(IssueError),
    /// The API server stands in the way.
    #[error("Kubernetes: {0}. What was begun is stored: run this again to go on")]
    Cluster(#[from] ClusterError),
}

/// A certificate takes at least so long.
const FIRST: Duration = Duration::from_millis(200);
/// And is asked for again so often.
const POLL: Duration = Duration::from_secs(1);

impl<C: Cluster, P: Parent> Journey<C, P> {
    /// Takes one step.
    ///
    /// # Errors
    /// It does not go on; what was begun is stored.
    pub async fn step(&self) -> Result<Step, Trouble> {
        let there = self.secret(&stored::name(&self.authority)).await?;
        let begun = self.secret(&stored::name_of_request(&self.authority)).await?;
        let Some(begun) = begun else { return self.begin(there.as_ref()).await };
        let pending = Pending::read(&begun)
            .map_err(|error| Trouble::Spoiled(stored::name_of_request(&self.authority), error))?;
        if let Some(there) = &there {
            // It was stored, and whoever did so was stopped before the last step.
            if let Ok(there) = Stored::read(there, self.clock.now())
                && there.held.key().public().ok() == pending.key.public().ok()
            {
                self.forget(&begun).await?;
                return Ok(Step::Done(there));
            }
        }
        self.same_terms(&pending)?;
        match pending.request.certificate.clone() {
            None => self.ask(&begun, pending).await,
            Some(certificate) => self.take(there.as_ref(), &begun, pending, certificate).await,
        }
    }

    /// The intermediate that stands, if one does that may sign.
    ///
    /// # Errors
    /// The API server stands in the way.
    pub async fn standing(&self) -> Result<Option<Stored>, Trouble> {
        let there = self.secret(&stored::name(&self.authority)).await?;
        Ok(there.and_then(|there| Stored::read(&there, self.clock.now()).ok()))
    }

    async fn secret(&self, name: &str) -> Result<Option<Secret>, ClusterError> {
        self.cluster.get::<Secret>(&self.system, name).await
    }

    /// Decides what to ask for, and stores it with its key.
    async fn begin(&self, there: Option<&Secret>) -> Result<Step, Trouble> {
        let now = self.clock.now();
        match (self.order, there) {
            (Order::Create, Some(there)) => {
                let there = Stored::read(there, now)
                    .map_err(|error| Trouble::Spoiled(stored::name(&self.authority), error))?;
                return Err(Trouble::ThereIsOne(there.held.not_after()));
            }
            (Order::Renew, None) => return Err(Trouble::ThereIsNone),
            (Order::Create, None) | (Order::Renew, Some(_)) => {}
        }
        let looked = self.parent.look().await.map_err(Trouble::Aws)?;
        looked.suits(now)?;
        let key = PrivateKey::generate().map_err(Trouble::Key)?;
        let parent = (self.parent.arn(), looked.described.not_after);
        let asked = Asked::new(&key, &self.authority, &self.spec, parent, now)?;
        let ends = asked.not_after;
        let request = PendingRequest { parent: self.parent.arn().to_owned(), asked, certificate: None };
        self.cluster.create(&self.request_secret(&Pending { key, request })?).await?;
        Ok(Step::Next(Duration::ZERO, format!("made a key and a request for an intermediate until {ends}")))
    }

    fn request_secret(&self, pending: &Pending) -> Result<Secret, Trouble> {
        let secret = pending.secret(&self.system, &self.authority);
        secret.map_err(|error| Trouble::Spoiled(stored::name_of_request(&self.authority), error))
    }

    /// What is stored was asked for under the terms that stand in the object now.
    fn same_terms(&self, pending: &Pending) -> Result<(), Trouble> {
        let name = stored::name_of_request(&self.authority);
        if pending.request.parent != self.parent.arn() {
            return Err(Trouble::OtherTerms(format!("parent {}", pending.request.parent), name));
        }
        let constraints = Permitted::from_spec(&self.spec.permitted_dns_domains)
            .and_then(|permitted| permitted.extension(&pending.key))
            .map_err(|error| Trouble::NothingToAsk(error.into()))?;
        if constraints == pending.request.asked.constraints {
            return Ok(());
        }
        Err(Trouble::OtherTerms("other permittedDNSDomains".to_owned(), name))
    }

    /// Asks for what is stored, and stores the ARN of what AWS makes.
    async fn ask(&self, begun: &Secret, mut pending: Pending) -> Result<Step, Trouble> {
        let looked = self.parent.look().await.map_err(Trouble::Aws)?;
        looked.suits(self.clock.now())?;
        let certificate = match self.parent.issue(&pending.request.asked, &looked.described).await {
            Ok(certificate) => certificate,
            Err(error) => return self.refused(begun, error).await,
        };
        let told = format!("AWS accepted the request: {certificate}");
        pending.request.certificate = Some(certificate);
        let mut secret = self.request_secret(&pending)?;
        secret.metadata.resource_version.clone_from(&begun.metadata.resource_version);
        self.cluster.replace(&secret).await?;
        Ok(Step::Next(FIRST, told))
    }

    /// What AWS refuses for good is not asked again; anything else is, with the same bytes.
    async fn refused(&self, begun: &Secret, error: IssueError) -> Result<Step, Trouble> {
        match fate::of_issue(&error) {
            Fate::Again { .. } => Err(Trouble::Aws(error)),
            Fate::Refuse { .. } => {
                self.forget(begun).await?;
                Err(Trouble::Refused(error))
            }
        }
    }

    /// Takes what AWS made, if it is what was asked for, and puts it into its place.
    async fn take(
        &self,
        there: Option<&Secret>,
        begun: &Secret,
        pending: Pending,
        certificate: String,
    ) -> Result<Step, Trouble> {
        let (leaf, above) = match self.parent.fetch(&certificate).await {
            Ok(Fetched::Pending) => {
                let told = format!("AWS has not signed {certificate} yet");
                return Ok(Step::Next(POLL, told));
            }
            Ok(Fetched::Ready { leaf, chain }) => (leaf, chain),
            Err(error) => match fate::of_fetch(&error, Duration::ZERO) {
                Fate::Again { .. } => return Err(Trouble::Aws(error)),
                Fate::Refuse { .. } => {
                    self.forget(begun).await?;
                    return Err(Trouble::Useless(error.to_string(), "Run this again".to_owned()));
                }
            },
        };
        let looked = self.parent.look().await.map_err(Trouble::Aws)?;
        let held = match self.judge(&pending, &leaf, above.as_deref(), &looked.described.path) {
            Ok(held) => held,
            Err(unfit) => {
                self.forget(begun).await?;
                // AWS's ARN of a certificate ends in its serial number.
                let serial = certificate.rsplit('/').next().unwrap_or_default();
                let revoke = revocation(self.parent.arn(), serial);
                let what_to_do = format!("Find out why, and have it revoked all the same: {revoke}");
                return Err(Trouble::Useless(unfit.to_string(), what_to_do));
            }
        };
        let whole = Stored { held, parent: pending.request.parent, certificate };
        let mut secret = whole.secret(&self.system, &self.authority);
        match there {
            None => drop(self.cluster.create(&secret).await?),
            Some(there) => {
                secret.metadata.resource_version.clone_from(&there.metadata.resource_version);
                self.cluster.replace(&secret).await?;
            }
        }
        self.forget(begun).await?;
        Ok(Step::Done(whole))
    }

    fn judge(
        &self,
        pending: &Pending,
        leaf: &str,
        above: Option<&str>,
        parent: &[Vec<u8>],
    ) -> Result<Held, Unfit> {
        let [der] = <[Vec<u8>; 1]>::try_from(chain::read("the intermediate", leaf)?)
            .map_err(|_| chain::Wrong::Pem("the intermediate"))?;
        let told =
            above.filter(|above| !above.trim().is_empty()).map(|above| chain::read("its chain", above));
        // A chain that stops early goes on as the parent tells; one that tells something else is no chain of it.
        if let Some(told) = told.transpose()?
            && !parent.starts_with(&told)
        {
            return Err(Unfit::OtherParent);
        }
        let path: Vec<Vec<u8>> = std::iter::once(der).chain(parent.iter().cloned()).collect();
        let held = Held::new(pending.key.clone(), path, self.clock.now())?;
        held.is_what_was_asked(&pending.request.asked, parent)?;
        Ok(held)
    }

    /// Takes the request away, in the version that was read.
    async fn forget(&self, begun: &Secret) -> Result<(), ClusterError> {
        let exactly = Exactly {
            uid: begun.metadata.uid.clone().unwrap_or_default(),
            resource_version: begun.metadata.resource_version.clone().unwrap_or_default(),
        };
        self.cluster.delete::<Secret>(&self.system, &stored::name_of_request(&self.authority), &exactly).await
    }
}

/// How AWS revokes a certificate of a CA, for a person to run.
#[must_use]
pub fn revocation(parent: &str, serial: &str) -> String {
    format!(
        "aws acm-pca revoke-certificate --certificate-authority-arn {parent} --certificate-serial {serial} \
         --revocation-reason KEY_COMPROMISE"
    )
}
