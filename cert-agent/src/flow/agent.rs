//! What all work shares: the port to Kubernetes, what was seen, what is wanted, what is remembered.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use sallyport_contract::object::CertificateAuthority;
use sallyport_process::clock::Clock;
use serde_json::Value;

use super::{
    authority::Desk,
    memo::Laid,
    namespace::{look_period, resync},
    policies::Tally,
    queue::{Queue, Work},
    roots::Kept,
    trust::Publication,
};
use crate::{
    cluster::{Cluster, ClusterError, Notice},
    issuer::Issuers,
    metrics::Metrics,
    observe::{wanted::Plan, world::World},
    spending::Ledger,
    text::Text,
};

/// How the agent was told to work.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The namespace of the agent's own Secrets.
    pub system: String,
    /// How long an identity that nobody wants stays.
    pub identity_grace: Duration,
    /// How often everything is looked at again.
    pub resync: Duration,
    /// Within so long after a renewal workloads are restarted, where their policy says so.
    pub restart_within: Duration,
    /// Further names under which the webhook is called.
    pub webhook_names: Vec<String>,
}

/// When work runs again, and whether it then looks at everything again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Next {
    /// When; never unless something changes.
    pub after: Option<Duration>,
    /// Whether nothing remembered is to be trusted then.
    pub anew: bool,
}

impl Next {
    /// Only when something changes.
    pub const NEVER: Self = Self { after: None, anew: false };

    /// After a while, going on from where it is.
    #[must_use]
    pub const fn after(wait: Duration) -> Self {
        Self { after: Some(wait), anew: false }
    }

    /// After a while, looking at everything again.
    #[must_use]
    pub const fn look_again(wait: Duration) -> Self {
        Self { after: Some(wait), anew: true }
    }
}

/// Namespace and name of an identity.
pub type Key = (Text, Text);

/// The agent.
pub struct Agent<C> {
    /// The port to Kubernetes.
    pub cluster: C,
    /// What the watches told.
    pub world: World,
    /// What is due.
    pub queue: Arc<Queue>,
    /// The time.
    pub clock: Clock,
    /// How it was told to work.
    pub settings: Settings,
    /// What it counts.
    pub metrics: Metrics,
    pub(super) issuers: Arc<dyn Issuers>,
    pub(super) plans: Mutex<HashMap<Text, Arc<Plan>>>,
    /// What the namespaces add up to, by policy.
    pub(super) tally: Mutex<Tally>,
    pub(super) memos: Mutex<HashMap<Key, Laid>>,
    pub(super) desks: Mutex<HashMap<String, Arc<Desk>>>,
    pub(super) bound: Mutex<HashMap<String, bool>>,
    pub(super) statuses: Mutex<HashMap<String, Value>>,
    pub(super) ledger: tokio::sync::Mutex<Option<Ledger>>,
    /// The roots of each authority.
    pub(super) books: Mutex<HashMap<String, Kept>>,
    /// What came of the last publication of the roots.
    pub(super) publication: Mutex<Publication>,
    /// Requests whose certificate the authority has revoked.
    pub(super) revoked: Mutex<HashSet<Key>>,
}

/// A lock that a panic elsewhere does not take from everybody.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<C: Cluster> Agent<C> {
    /// An agent that knows nothing yet.
    #[must_use]
    pub fn new(
        cluster: C,
        issuers: Arc<dyn Issuers>,
        clock: Clock,
        settings: Settings,
        metrics: Metrics,
    ) -> Self {
        Self {
            cluster,
            world: World::default(),
            queue: Arc::default(),
            clock,
            settings,
            metrics,
            issuers,
            plans: Mutex::default(),
            tally: Mutex::default(),
            memos: Mutex::default(),
            desks: Mutex::default(),
            bound: Mutex::default(),
            statuses: Mutex::default(),
            ledger: tokio::sync::Mutex::default(),
            books: Mutex::default(),
            publication: Mutex::default(),
            revoked: Mutex::default(),
        }
    }

    /// Does one piece of work; `tries` tells how often it failed since it last succeeded.
    ///
    /// # Errors
    /// The API server stood in the way; the work is put off.
    pub async fn work(&self, work: &Work, anew: bool, tries: u32) -> Result<Next, ClusterError> {
        let _timer = self.metrics.time(work.kind());
        match work {
            Work::Webhook => self.webhook().await,
            Work::Namespace(namespace) => self.namespace(namespace, anew).await,
            Work::Identity(namespace, name) => self.identity(namespace, name, anew, tries).await,
            Work::Authority(name) => self.authority(name, anew).await,
            Work::Request(namespace, name) => self.request(namespace, name, tries).await,
            Work::Policies => self.policies(anew).await,
            Work::Trust => self.trust().await,
            Work::Sweep => self.sweep().await,
        }
    }

    /// How long until an identity that nothing happens to is looked at again.
    pub(super) fn look_after(&self, namespace: &str, name: &str) -> Duration {
        let identities = lock(&self.memos).len();
        resync(look_period(self.settings.resync, identities), namespace, name)
    }

    /// What is wanted in a namespace, once that was decided.
    pub(super) fn plan(&self, namespace: &str) -> Option<Arc<Plan>> {
        lock(&self.plans).get(namespace).cloned()
    }

    /// What is wanted in each namespace.
    pub(super) fn all_plans(&self) -> Vec<(Text, Arc<Plan>)> {
        lock(&self.plans).iter().map(|(namespace, plan)| (namespace.clone(), Arc::clone(plan))).collect()
    }

    /// Makes work due at once, together with what comes in the next moments.
    pub(super) fn due(&self, work: Work, anew: bool) {
        self.queue.add(work, tokio::time::Instant::now() + Duration::from_millis(2), anew);
    }

    /// Has the policies' writers told, with all that changes in the next moments.
    pub(super) fn policies_due(&self) {
        self.queue.add(Work::Policies, tokio::time::Instant::now() + Duration::from_millis(200), false);
    }

    /// Tells people; an event that is lost loses nothing.
    pub(super) async fn tell(&self, notice: &Notice) {
        if let Err(error) = self.cluster.tell(notice).await {
            tracing::warn!(error = %error, reason = notice.reason, "an event was lost");
        }
    }

    /// The certificate authority of that name.
    pub(super) fn authority_object(&self, name: &str) -> Option<Arc<CertificateAuthority>> {
        self.world.authority(name)
    }
}
