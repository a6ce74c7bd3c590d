//! The watches: each fills one table. One malformed object is reported and holds back only itself.

use std::{collections::BTreeMap, fmt::Debug, hash::Hash, sync::Arc};

use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::core::v1::{Namespace, Pod, Secret};
use kube::{
    Api, Client, Resource,
    core::{DeserializeGuard, ObjectMeta},
    runtime::{WatchStreamExt as _, watcher},
};
use sallyport_contract::{
    keys,
    object::{Firewall, GateOverride, IdentityPolicy, NameClaim, PathReport, WorkloadIdentity},
};
use sallyport_process::{
    readiness::{Handle, Readiness},
    report,
    shutdown::Stop,
    tasks::{TaskResult, Tasks},
};
use serde::de::DeserializeOwned;

use super::{Alike, Change, Concerns, Replaced, Seen, Table, Tables};
use crate::{
    observe::objects::{self, carrier, login},
    path::outcomes,
    world::{Key, Login},
};

/// How one kind is watched.
struct Kind<K, Id, V> {
    what: &'static str,
    api: Api<DeserializeGuard<K>>,
    config: watcher::Config,
    id: fn(&ObjectMeta) -> Id,
    read: fn(K) -> Option<V>,
    table: fn(&mut Tables) -> &mut Table<Id, V>,
    concerns: fn(&[Replaced<Id, V>]) -> Concerns,
}

/// Starts every watch. The program is ready when all first lists are in.
pub fn start(tasks: &mut Tasks, client: &Client, seen: &Seen, readiness: &Readiness, stop: &Stop) {
    macro_rules! watch {
        ($name:literal, $kind:expr) => {
            let (seen, stop, handle) =
                (seen.clone(), stop.clone(), readiness.wait_for(concat!($name, " listed")));
            tasks.start(concat!("watch of ", $name), watch($kind, seen, stop, handle));
        };
    }
    watch!("firewalls", by_name::<Firewall>(client, "Firewall", |t| &mut t.firewalls, rules));
    watch!(
        "identitypolicies",
        by_name::<IdentityPolicy>(client, "IdentityPolicy", |t| &mut t.policies, rules)
    );
    watch!("nameclaims", claims(client));
    watch!("workloadidentities", identities(client));
    watch!("gateoverrides", overrides(client));
    watch!("pathreports", path_reports(client));
    watch!("namespaces", namespaces(client));
    watch!("secrets", secrets(client));
    watch!("pods", pods(client));
}

fn by_name<K>(
    client: &Client,
    what: &'static str,
    table: fn(&mut Tables) -> &mut Table<String, K>,
    concerns: fn(&[Replaced<String, K>]) -> Concerns,
) -> Kind<K, String, K>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug,
{
    let api = Api::all(client.clone());
    Kind { what, api, config: watcher::Config::default(), id: name, read: slim, table, concerns }
}

fn claims(client: &Client) -> Kind<NameClaim, String, NameClaim> {
    let read = |claim| slim(claim).map(objects::claim);
    Kind { read, ..by_name(client, "NameClaim", |t| &mut t.claims, specs) }
}

fn identities(client: &Client) -> Kind<WorkloadIdentity, Key, WorkloadIdentity> {
    Kind {
        what: "WorkloadIdentity",
        api: Api::all(client.clone()),
        config: watcher::Config::default(),
        id: Key::of,
        read: |identity| slim(identity).map(objects::identity),
        table: |t| &mut t.identities,
        concerns: |replaced| Concerns {
            wanted: replaced.iter().any(spec_differs),
            identities: replaced.iter().map(|(key, ..)| key.clone()).collect(),
            ..Concerns::default()
        },
    }
}

fn overrides(client: &Client) -> Kind<GateOverride, Key, GateOverride> {
    Kind {
        what: "GateOverride",
        api: Api::all(client.clone()),
        config: watcher::Config::default(),
        id: Key::of,
        read: slim,
        table: |t| &mut t.overrides,
        concerns: |replaced| Concerns { everyone: !replaced.is_empty(), ..Concerns::default() },
    }
}

fn path_reports(client: &Client) -> Kind<PathReport, String, PathReport> {
    Kind {
        what: "PathReport",
        api: Api::namespaced(client.clone(), keys::PATH_PROOF_NAMESPACE),
        config: watcher::Config::default(),
        id: name,
        read: slim,
        table: |t| &mut t.path_reports,
        concerns: |replaced| {
            let differs = |(_, before, after): &Replaced<String, PathReport>| {
                before.as_deref().map(outcomes) != after.as_deref().map(outcomes)
            };
            Concerns { wanted: replaced.iter().any(differs), ..Concerns::default() }
        },
    }
}

fn namespaces(client: &Client) -> Kind<Namespace, String, BTreeMap<String, String>> {
    Kind {
        what: "Namespace",
        api: Api::all(client.clone()),
        config: watcher::Config::default(),
        id: name,
        read: |namespace| Some(namespace.metadata.labels.unwrap_or_default()),
        table: |t| &mut t.namespaces,
        concerns: |replaced| {
            let differs = !replaced.is_empty();
            Concerns { wanted: differs, everyone: differs, ..Concerns::default() }
        },
    }
}

fn secrets(client: &Client) -> Kind<Secret, String, Login> {
    Kind {
        what: "Secret",
        api: Api::namespaced(client.clone(), keys::FIREWALL_NAMESPACE),
        config: watcher::Config::default(),
        id: name,
        read: login,
        table: |t| &mut t.logins,
        concerns: |replaced| Concerns { wanted: !replaced.is_empty(), ..Concerns::default() },
    }
}

fn pods(client: &Client) -> Kind<Pod, (Key, String), crate::gate::Carrier> {
    Kind {
        what: "Pod",
        api: Api::all(client.clone()),
        config: watcher::Config::default().labels(keys::IDENTITY),
        id: |meta| {
            let label = meta
                .labels
                .as_ref()
                .and_then(|labels| labels.get(keys::IDENTITY))
                .cloned()
                .unwrap_or_default();
            (Key { namespace: meta.namespace.clone().unwrap_or_default(), name: label }, name(meta))
        },
        read: |pod| Some(carrier(&pod)),
        table: |t| &mut t.pods,
        concerns: |replaced| Concerns {
            identities: replaced.iter().map(|((identity, _), ..)| identity.clone()).collect(),
            ..Concerns::default()
        },
    }
}

/// Without what nobody here looks at: who wrote which field, which is half of an object, and labels and annotations.
fn slim<K: Resource>(mut object: K) -> Option<K> {
    let meta = object.meta_mut();
    (meta.managed_fields, meta.labels, meta.annotations) = (None, None, None);
    Some(object)
}

fn name(meta: &ObjectMeta) -> String {
    meta.name.clone().unwrap_or_default()
}

/// A change of status alone concerns nobody: it is ours, or cert-agent's about certificates.
fn specs<Id, K: Resource>(replaced: &[Replaced<Id, K>]) -> Concerns {
    Concerns { wanted: replaced.iter().any(spec_differs), ..Concerns::default() }
}

/// The same of objects that gates are judged by.
fn rules<Id, K: Resource>(replaced: &[Replaced<Id, K>]) -> Concerns {
    let Concerns { wanted, .. } = specs(replaced);
    Concerns { wanted, everyone: wanted, ..Concerns::default() }
}

fn spec_differs<Id, K: Resource>((_, before, after): &Replaced<Id, K>) -> bool {
    let judged = |object: &Option<Arc<K>>| {
        object.as_ref().map(|object| {
            let meta = object.meta();
            (meta.uid.clone(), meta.generation, meta.deletion_timestamp.is_some())
        })
    };
    judged(before) != judged(after)
}

async fn watch<K, Id, V>(kind: Kind<K, Id, V>, seen: Seen, stop: Stop, ready: Handle) -> TaskResult
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + 'static,
    Id: Ord + Clone + Send + Sync + Hash + Debug,
    V: Alike + Send + Sync,
{
    let Kind { what, api, config, id, read, table, concerns } = kind;
    let mut ready = Some(ready);
    let stream = watcher(api, config).default_backoff().into_stream();
    let mut stream = std::pin::pin!(stream);
    loop {
        let event = tokio::select! {
            () = stop.wait() => return Ok(()),
            event = stream.next() => event,
        };
        let change = match event {
            None => return Ok(()),
            Some(Err(error)) => {
                tracing::warn!(what, error = report::chain(&error), "the watch was interrupted and goes on");
                continue;
            }
            Some(Ok(event)) => change(what, event, id, read),
        };
        let complete = matches!(change, Some(Change::Complete));
        if let Some(change) = change {
            seen.update(|tables| Concerns { complete, ..concerns(&table(tables).apply(change)) });
        }
        if complete && let Some(ready) = ready.take() {
            ready.done();
        }
    }
}

fn change<K: Resource<DynamicType = ()>, Id: Debug, V>(
    what: &'static str,
    event: watcher::Event<DeserializeGuard<K>>,
    id: fn(&ObjectMeta) -> Id,
    read: fn(K) -> Option<V>,
) -> Option<Change<Id, V>> {
    let take = |object: DeserializeGuard<K>, listed: bool| match object.0 {
        Ok(object) => {
            let id = id(object.meta());
            Some(match (read(object), listed) {
                (Some(value), true) => Change::Listed(id, value),
                (Some(value), false) => Change::Applied(id, value),
                (None, true) => return None,
                (None, false) => Change::Gone(id),
            })
        }
        Err(invalid) => {
            let id = id(&invalid.metadata);
            tracing::warn!(what, object = ?id, error = invalid.error, "an object cannot be read; it stays as it was known");
            listed.then_some(Change::ListedUnreadable(id))
        }
    };
    match event {
        watcher::Event::Init => Some(Change::Restarted),
        watcher::Event::InitApply(object) => take(object, true),
        watcher::Event::InitDone => Some(Change::Complete),
        watcher::Event::Apply(object) => take(object, false),
        watcher::Event::Delete(object) => Some(Change::Gone(id(object.meta()))),
    }
}
