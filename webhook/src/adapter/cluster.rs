//! Watches that keep the caches up to date, and reads for when they are behind.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use futures::{FutureExt as _, Stream, StreamExt as _, future::BoxFuture};
use k8s_openapi::{
    Resource as _,
    api::{certificates::v1::PodCertificateRequest, core::v1::Namespace},
};
use kube::{
    Api, Client,
    api::ListParams,
    core::PartialObjectMeta,
    runtime::{
        WatchStreamExt as _,
        watcher::{self, Event, watcher},
    },
};
use sallyport_contract::{keys, object::IdentityPolicy, policy::PolicyBook};
use sallyport_process::{
    clock::Clock, guarded::Guarded, kubernetes, readiness::Handle, report, shutdown::Stop, tasks::TaskResult,
};

use tokio::time::Instant;

use super::{
    fresh::FreshReads,
    kept::{Namespaces, Policies},
    mirror::{Kept, Mirror, Taken},
};
use crate::{
    facts::{Facts, Labels, ReadError, Snapshot},
    metrics::{Cache, Metrics},
};

/// How long a read may take. Two must fit into the five seconds that the API server waits for us.
const READ_DEADLINE: Duration = Duration::from_secs(2);
/// A watch that broke off and goes on says nothing until something changes; one that cannot go on fails
/// again within half a minute. After this time without a failure it stands.
const QUIET: Duration = Duration::from_secs(90);
/// Changes that come so close together are published as one: what is published is copied before it changes again.
const GATHER: Duration = Duration::from_millis(50);
/// How many reads run at once, whatever arrives.
const READS_AT_ONCE: usize = 4;
/// Objects of one page of a list.
const PAGE: u32 = 100;
/// How often it is asked what the cluster serves.
const DISCOVERY: Duration = Duration::from_secs(60);
/// And how soon again when it did not say.
const DISCOVERY_FAILED: Duration = Duration::from_secs(1);

type NamespaceRead = Result<Option<Arc<Labels>>, ReadError>;
type PoliciesRead = Result<Arc<PolicyBook>, ReadError>;

/// The caches and the API server behind them.
pub struct Cluster {
    client: Client,
    clock: Clock,
    metrics: Metrics,
    snapshot: RwLock<Snapshot>,
    namespaces: FreshReads<String, NamespaceRead>,
    policies: FreshReads<(), PoliciesRead>,
}

impl Cluster {
    /// Empty caches.
    #[must_use]
    pub fn new(client: Client, clock: Clock, metrics: Metrics) -> Self {
        Self {
            client,
            clock,
            metrics,
            snapshot: RwLock::default(),
            namespaces: FreshReads::new(READS_AT_ONCE),
            policies: FreshReads::new(READS_AT_ONCE),
        }
    }

    /// Keeps the labels of the namespaces that are turned on until the stop. Only metadata is asked for.
    ///
    /// # Errors
    /// The watch ended, which it never does by itself.
    pub async fn watch_namespaces(self: Arc<Self>, ready: Handle, stop: Stop) -> TaskResult {
        let turned_on = pages().labels(&format!("{}={}", keys::INJECT, keys::INJECT_ENABLED));
        let api: Api<PartialObjectMeta<Namespace>> = Api::all(self.client.clone());
        let events = watcher(api, turned_on).default_backoff();
        self.watch(Cache::Namespaces, events, ready, stop, |namespaces: &Namespaces| {
            self.publish(|snapshot| snapshot.namespaces = Arc::clone(&namespaces.0));
        })
        .await
    }

    /// Keeps all policies until the stop.
    ///
    /// # Errors
    /// The watch ended, which it never does by itself.
    pub async fn watch_policies(self: Arc<Self>, ready: Handle, stop: Stop) -> TaskResult {
        let api: Api<Guarded<IdentityPolicy>> = Api::all(self.client.clone());
        let events = watcher(api, pages()).default_backoff();
        self.watch(Cache::Policies, events, ready, stop, |policies: &Policies| {
            self.metrics.unreadable_policies(policies.unreadable.len());
            self.publish(|snapshot| snapshot.policies = Arc::clone(&policies.book));
        })
        .await
    }

    /// Asks now and then whether the cluster serves pods' own requests for certificates, until the stop: it may
    /// be upgraded.
    ///
    /// # Errors
    /// None.
    pub async fn discover(self: Arc<Self>, ready: Handle, stop: Stop) -> TaskResult {
        let (version, plural) = (PodCertificateRequest::API_VERSION, PodCertificateRequest::URL_PATH_SEGMENT);
        let mut ready = Some(ready);
        loop {
            let wait = match kubernetes::in_time(kubernetes::serves(&self.client, version, plural)).await {
                Ok(Ok(served)) => {
                    self.publish(|snapshot| snapshot.pod_certificates = served);
                    if let Some(ready) = ready.take() {
                        tracing::info!(served, "{plural} of {version}");
                        ready.done();
                    }
                    DISCOVERY
                }
                Ok(Err(error)) => {
                    tracing::warn!(error = report::chain(&error), "cannot tell what is served");
                    DISCOVERY_FAILED
                }
                Err(late) => {
                    tracing::warn!(error = %late, "cannot tell what is served");
                    DISCOVERY_FAILED
                }
            };
            tokio::select! {
                () = stop.wait() => return Ok(()),
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Follows one watch; what it knows is published whenever it is whole.
    async fn watch<T: Kept>(
        &self,
        cache: Cache,
        events: impl Stream<Item = watcher::Result<Event<T::Object>>> + Send,
        ready: Handle,
        stop: Stop,
        publish: impl Fn(&T),
    ) -> TaskResult {
        let mut events = std::pin::pin!(events);
        let mut mirror = Mirror::<T>::default();
        let mut ready = Some(ready);
        let mut behind = true;
        // When what has changed is published, if anything has.
        let mut due: Option<Instant> = None;
        self.metrics.cache_behind(cache, Some(self.clock.now()));
        loop {
            let event = tokio::select! {
                () = stop.wait() => return Ok(()),
                () = tokio::time::sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                    due = None;
                    publish(mirror.standing());
                    continue;
                }
                event = events.next() => event.ok_or("the watch ended")?,
                () = tokio::time::sleep(QUIET), if behind && ready.is_none() => {
                    behind = false;
                    self.metrics.cache_behind(cache, None);
                    continue;
                }
            };
            match event.map(|event| mirror.take(event)) {
                Ok(Taken::Part) => continue,
                Ok(Taken::Change) => due = due.or_else(|| Some(Instant::now() + GATHER)),
                Ok(Taken::List) => {
                    due = None;
                    publish(mirror.standing());
                    if let Some(ready) = ready.take() {
                        tracing::info!(cache = cache.as_str(), objects = mirror.standing().len(), "listed");
                        ready.done();
                    }
                }
                Err(error) => {
                    let (cache_name, error) = (cache.as_str(), report::chain(&error));
                    tracing::warn!(cache = cache_name, error, "watch broke off; it is tried again");
                    if !std::mem::replace(&mut behind, true) {
                        self.metrics.cache_behind(cache, Some(self.clock.now()));
                    }
                    continue;
                }
            }
            behind = false;
            self.metrics.cache_behind(cache, None);
        }
    }

    fn publish(&self, change: impl FnOnce(&mut Snapshot)) {
        change(&mut self.snapshot.write().unwrap_or_else(PoisonError::into_inner));
    }

    fn current(&self) -> Snapshot {
        self.snapshot.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for a read, but not for ever, and counts it.
    async fn answer<V>(
        &self,
        cache: Cache,
        read: impl Future<Output = Result<V, ReadError>>,
    ) -> Result<V, ReadError> {
        let answer = tokio::time::timeout(READ_DEADLINE, read).await.unwrap_or(Err(ReadError::Late));
        self.metrics.read(cache, answer.is_ok());
        answer
    }
}

impl Facts for Cluster {
    fn snapshot(&self) -> Snapshot {
        self.current()
    }

    fn read_namespace(&self, namespace: &str) -> BoxFuture<'_, NamespaceRead> {
        let (api, name) =
            (Api::<PartialObjectMeta<Namespace>>::all(self.client.clone()), namespace.to_owned());
        let read = self.namespaces.read(namespace.to_owned(), || async move {
            match api.get(&name).await {
                Ok(found) => Ok(Some(Arc::new(found.metadata.labels.unwrap_or_default()))),
                Err(error) if kubernetes::is_not_found(&error) => Ok(None),
                Err(error) => Err(ReadError::Failed(report::chain(&error))),
            }
        });
        self.answer(Cache::Namespaces, read).boxed()
    }

    fn read_policies(&self) -> BoxFuture<'_, PoliciesRead> {
        let api: Api<Guarded<IdentityPolicy>> = Api::all(self.client.clone());
        let read = self.policies.read((), || async move {
            let list = api.list(&ListParams::default()).await;
            let list = list.map_err(|error| ReadError::Failed(report::chain(&error)))?;
            let readable: Vec<_> = list.items.into_iter().filter_map(|policy| policy.0.ok()).collect();
            Ok(Arc::new(PolicyBook::new(&readable)))
        });
        self.answer(Cache::Policies, read).boxed()
    }
}

/// Lists come in small pages: of a page every object is held whole, with all that is not kept of it.
fn pages() -> watcher::Config {
    watcher::Config::default().page_size(PAGE)
}
