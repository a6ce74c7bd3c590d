//! Who is told of the roots: a ConfigMap in each namespace that an authority names, and a ClusterTrustBundle for each authority
//! where the cluster serves those. What somebody changes there is put back; what is somebody else's is left alone.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::Arc,
};

use futures::{StreamExt as _, stream};
use k8s_openapi::api::{
    certificates::{v1, v1beta1},
    core::v1::ConfigMap,
};
use sallyport_contract::{
    Reason, keys,
    object::{CertificateAuthority, ConditionStatus},
};
use serde_json::json;
use tokio::time::Instant;

use super::{
    agent::{Agent, Next, lock},
    namespace::resync,
    queue::Work,
    spending::about,
};
use crate::{
    cluster::{Cluster, ClusterError, Exactly, Kind, Notice},
    observe::world::Served,
    trust::{
        book::Book,
        bundle::{self, Bundle, Found, Step, cluster_name},
    },
};

/// What came of the last publication.
#[derive(Default)]
pub(super) struct Publication {
    /// Where we have written a bundle since this start: one that is gone from there was deleted.
    written: HashSet<Place>,
    /// Where each authority's roots stand, and where they could not be written.
    told: BTreeMap<String, Told>,
    /// Whether the cluster serves ClusterTrustBundles.
    served: bool,
}

/// What is known of where an authority's roots stand.
pub(super) enum Published {
    /// Nobody is to be told of them.
    ToNobody,
    /// It was not looked at yet.
    NotYet,
    /// This is to be told.
    Told(ConditionStatus, Reason, String),
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Told {
    namespaces: usize,
    troubles: Vec<String>,
}

/// Where a bundle lies: a ConfigMap in a namespace, or the ClusterTrustBundle of an authority.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Place {
    Namespace(String),
    Authority(String),
}

/// One bundle, and what is to be done about it.
struct Task {
    place: Place,
    found: Option<Arc<Found>>,
    step: Step,
    authorities: BTreeSet<String>,
}

/// All authorities with their roots, at one moment.
struct Sources {
    books: BTreeMap<String, Arc<Book>>,
    authorities: BTreeMap<String, Arc<CertificateAuthority>>,
}

/// So many bundles are written at once.
const AT_ONCE: usize = 8;
/// So many troubles are named; the rest is counted.
const NAMED: usize = 3;

impl<C: Cluster> Agent<C> {
    /// Writes every bundle that is not as it should be.
    pub(super) async fn trust(&self) -> Result<Next, ClusterError> {
        let sources = self.sources().await?;
        let (tasks, served) = self.bundles(&sources);
        let done: Vec<(Task, Result<(), ClusterError>)> = stream::iter(tasks)
            .map(|task| async {
                let result = self.carry_out(&task, served).await;
                (task, result)
            })
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        let put_off = self.tally(&sources, &done, served);
        for (task, _) in done.iter().filter(|(_, result)| result.is_ok()) {
            self.tell_edit(&sources, task).await;
        }
        if let Some(error) = put_off {
            return Err(error);
        }
        self.mark_published(&sources).await?;
        Ok(Next::look_again(resync(self.settings.resync, "trust", "trust")))
    }

    async fn sources(&self) -> Result<Sources, ClusterError> {
        let authorities = self.authority_objects();
        let mut books = BTreeMap::new();
        for name in authorities.keys() {
            books.insert(name.clone(), self.book(name).await?);
        }
        Ok(Sources { books, authorities })
    }

    fn authority_objects(&self) -> BTreeMap<String, Arc<CertificateAuthority>> {
        let shelves = self.world.lock();
        shelves.authorities.all().map(|(_, name, object)| (name.into(), Arc::clone(object))).collect()
    }

    /// What is to be done about each bundle.
    fn bundles(&self, sources: &Sources) -> (Vec<Task>, Option<Served>) {
        let now = self.clock.now();
        let all: BTreeMap<&str, &Book> = sources.all();
        let written = &lock(&self.publication).written;
        let task =
            |place: Place, found: Option<Arc<Found>>, wanted: &BTreeMap<&str, &Book>, cluster: bool| {
                let mut step = bundle::step(found.as_deref(), wanted, &all, cluster, now);
                if let (None, Step::Write { edited, .. }) = (&found, &mut step) {
                    *edited = written.contains(&place);
                }
                let authorities = wanted.keys().map(|name| (*name).to_owned()).collect();
                Task { place, found, step, authorities }
            };
        let shelves = self.world.lock();
        let mut tasks = Vec::new();
        for (_, namespace, facts) in shelves.namespaces.all() {
            if facts.ending || never(namespace) {
                continue;
            }
            let found = shelves.bundles.get(namespace, keys::TRUST);
            let wanted = sources.wanted_in(&facts.labels);
            if found.is_some() || !wanted.is_empty() {
                tasks.push(task(Place::Namespace(namespace.into()), found, &wanted, false));
            }
        }
        if shelves.served.is_some() {
            let known = shelves
                .cluster_bundles
                .all()
                .filter_map(|(_, name, _)| name.strip_prefix(keys::TRUST_BUNDLE_PREFIX).map(str::to_owned));
            let names: BTreeSet<String> = known.chain(sources.authorities.keys().cloned()).collect();
            for name in names {
                let found = shelves.cluster_bundles.get("", &cluster_name(&name));
                let wanted = sources.published_by(&name);
                tasks.push(task(Place::Authority(name), found, &wanted, true));
            }
        }
        (tasks, shelves.served)
    }

    async fn carry_out(&self, task: &Task, served: Option<Served>) -> Result<(), ClusterError> {
        match (&task.place, served) {
            (Place::Namespace(namespace), _) => {
                let object = |bundle: &Bundle, unwanted, version: Option<&str>| {
                    bundle.config_map(namespace, unwanted, version)
                };
                self.put_bundle::<ConfigMap>(task, namespace, keys::TRUST, object).await
            }
            (Place::Authority(name), Some(Served::V1)) => {
                let object = |bundle: &Bundle, unwanted, version: Option<&str>| {
                    bundle.cluster(name, unwanted, version)
                };
                self.put_bundle::<v1::ClusterTrustBundle>(task, "", &cluster_name(name), object).await
            }
            (Place::Authority(name), Some(Served::V1beta1)) => {
                let object = |bundle: &Bundle, unwanted, version: Option<&str>| {
                    let v1::ClusterTrustBundle { metadata, spec } = bundle.cluster(name, unwanted, version);
                    let v1::ClusterTrustBundleSpec { signer_name, trust_bundle } = spec;
                    let spec = v1beta1::ClusterTrustBundleSpec { signer_name, trust_bundle };
                    v1beta1::ClusterTrustBundle { metadata, spec }
                };
                self.put_bundle::<v1beta1::ClusterTrustBundle>(task, "", &cluster_name(name), object).await
            }
            (Place::Authority(_), None) => Ok(()),
        }
    }

    /// What is not there is applied, by which our right to do so can be one to this name alone; what is there is replaced whole,
    /// so that nothing stays that somebody added.
    async fn put_bundle<K: Kind>(
        &self,
        task: &Task,
        namespace: &str,
        name: &str,
        object: impl Fn(&Bundle, Option<jiff::Timestamp>, Option<&str>) -> K,
    ) -> Result<(), ClusterError> {
        let version = task.found.as_ref().map(|found| found.resource_version.as_str());
        match &task.step {
            Step::Nothing | Step::Foreign => Ok(()),
            Step::Write { bundle, unwanted_since, .. } => {
                let object = object(bundle, *unwanted_since, version);
                match version {
                    Some(_) => self.cluster.replace(&object).await.map(drop),
                    None => self.cluster.apply(&object).await.map(drop),
                }
            }
            Step::Mark(since) => {
                let marked = task.found.as_ref().is_some_and(|found| found.written.is_some());
                let key = keys::TRUST_UNWANTED_SINCE.replace('/', "~1");
                let operation = if marked {
                    json!({"op": "add", "path": format!("/metadata/annotations/{key}"), "value": since.to_string()})
                } else {
                    json!({"op": "add", "path": "/metadata/annotations", "value": {keys::TRUST_UNWANTED_SINCE: since.to_string()}})
                };
                self.cluster.patch::<K>(namespace, name, &json!([operation])).await
            }
            Step::Delete => {
                let Some(found) = &task.found else { return Ok(()) };
                let (uid, resource_version) = (found.uid.clone(), found.resource_version.clone());
                self.cluster.delete::<K>(namespace, name, &Exactly { uid, resource_version }).await
            }
        }
    }

    /// Counts what stands where, for whoever reads the authority. Gives the error for which the work is put off: the API server was
    /// away, or somebody was faster. What it refuses is told, and holds nothing up.
    fn tally(
        &self,
        sources: &Sources,
        done: &[(Task, Result<(), ClusterError>)],
        served: Option<Served>,
    ) -> Option<ClusterError> {
        let mut told = sources.told();
        let mut put_off = None;
        let mut publication = lock(&self.publication);
        let mut bundles = 0;
        for (task, result) in done {
            let trouble = match (result, &task.step) {
                (Err(error @ (ClusterError::Away(_) | ClusterError::Conflict(_))), _) => {
                    put_off = Some(error.clone());
                    Some(error.to_string())
                }
                // The namespace is being deleted.
                (Err(ClusterError::Gone(_)), _) => None,
                (Err(error), _) => Some(error.to_string()),
                (Ok(()), Step::Foreign) => Some("somebody else made it, and it stays as it is".to_owned()),
                (Ok(()), _) => None,
            };
            if let Some(trouble) = &trouble {
                tracing::warn!(place = ?task.place, trouble, "a trust bundle was not written");
            }
            let written = !matches!(task.step, Step::Delete) && !task.authorities.is_empty();
            if trouble.is_none() && written {
                publication.written.insert(task.place.clone());
                bundles += usize::from(matches!(task.place, Place::Namespace(_)));
            } else {
                publication.written.remove(&task.place);
            }
            for authority in &task.authorities {
                let told = told.entry(authority.clone()).or_default();
                match &trouble {
                    Some(trouble) => told.troubles.push(format!("{}: {trouble}", task.place.shown())),
                    None => told.namespaces += usize::from(matches!(task.place, Place::Namespace(_))),
                }
            }
        }
        for name in sources.authorities.keys() {
            let now = told.get(name);
            if publication.told.get(name) != now || publication.served != served.is_some() {
                self.queue.add(Work::Authority(name.clone()), Instant::now(), false);
            }
        }
        (publication.told, publication.served) = (told, served.is_some());
        self.metrics.trust_bundles(bundles);
        put_off
    }

    /// What was written everywhere counts as known from now on, and whoever waited for that looks again.
    async fn mark_published(&self, sources: &Sources) -> Result<(), ClusterError> {
        let now = self.clock.now();
        for (name, written) in sources.books.iter().filter(|(name, _)| sources.tells(name)) {
            if self.rewrite_book(name, |book| book.published(written, now)).await? {
                self.due(Work::Authority(name.clone()), false);
                self.wake_all_of(name);
            }
        }
        Ok(())
    }

    async fn tell_edit(&self, sources: &Sources, task: &Task) {
        if !matches!(task.step, Step::Write { edited: true, .. }) {
            return;
        }
        self.metrics.trust_edit();
        let what = if task.found.is_some() { "changed" } else { "deleted" };
        for authority in task.authorities.iter().filter_map(|name| sources.authorities.get(name)) {
            let note = format!("somebody {what} {}; it was put back", task.place.shown());
            let (about, reason) = (about(authority), Reason::TrustEdited.code());
            self.tell(&Notice { about, warning: true, reason, action: "Publish", note }).await;
        }
    }

    /// What to tell of where an authority's roots stand.
    pub(super) fn trust_published(&self, name: &str, authority: &CertificateAuthority) -> Published {
        if authority.spec.trust.is_none() {
            return Published::ToNobody;
        }
        let publication = lock(&self.publication);
        let Some(told) = publication.told.get(name) else { return Published::NotYet };
        let served = if publication.served {
            format!("as ClusterTrustBundle {}", cluster_name(name))
        } else {
            "and not as ClusterTrustBundle, which this cluster does not serve".to_owned()
        };
        let s = if told.namespaces == 1 { "" } else { "s" };
        let stands = format!("its roots stand in {} namespace{s}, {served}", told.namespaces);
        if told.troubles.is_empty() {
            return Published::Told(ConditionStatus::True, Reason::Accepted, stands);
        }
        let named = told.troubles.iter().take(NAMED).cloned().collect::<Vec<_>>().join("; ");
        let more = told.troubles.len().saturating_sub(NAMED);
        let more = if more > 0 { format!("; and {more} more") } else { String::new() };
        let message = format!("{stands}, and could not be written to {named}{more}");
        Published::Told(ConditionStatus::False, Reason::TrustIncomplete, message)
    }
}

/// Namespaces that no selector takes: what lies in them is none of ours.
fn never(namespace: &str) -> bool {
    namespace.starts_with("kube-") || namespace.starts_with("sallyport-")
}

impl Place {
    fn shown(&self) -> String {
        match self {
            Self::Namespace(namespace) => format!("ConfigMap {namespace}/{}", keys::TRUST),
            Self::Authority(authority) => format!("ClusterTrustBundle {}", cluster_name(authority)),
        }
    }
}

impl Sources {
    fn all(&self) -> BTreeMap<&str, &Book> {
        let known = self.books.iter().filter(|(_, book)| !book.is_empty());
        known.map(|(name, book)| (name.as_str(), &**book)).collect()
    }

    /// Everybody who tells of roots that are known, with nothing counted yet.
    fn told(&self) -> BTreeMap<String, Told> {
        let telling = self.all().into_keys().filter(|name| self.tells(name));
        telling.map(|name| (name.to_owned(), Told::default())).collect()
    }

    fn tells(&self, name: &str) -> bool {
        self.authorities.get(name).is_some_and(|authority| authority.spec.trust.is_some())
    }

    /// The authorities that a namespace with these labels is told of.
    fn wanted_in(&self, labels: &BTreeMap<String, String>) -> BTreeMap<&str, &Book> {
        let mut wanted = self.all();
        wanted.retain(|name, _| {
            let trust = self.authorities.get(*name).and_then(|authority| authority.spec.trust.as_ref());
            trust.and_then(|trust| trust.namespace_selector.as_ref()).is_some_and(|s| s.matches(labels))
        });
        wanted
    }

    /// The authority itself, if it tells anybody of its roots.
    fn published_by(&self, name: &str) -> BTreeMap<&str, &Book> {
        let mut wanted = self.all();
        wanted.retain(|other, _| *other == name && self.tells(other));
        wanted
    }
}
