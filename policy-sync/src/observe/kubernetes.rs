//! The watches: each fills one table. One malformed object is reported and holds back only itself.

use std::{collections::BTreeMap, fmt::Debug, hash::Hash};

use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::core::v1::{Namespace, Pod, Secret};
use kube::{
    Api, Client, Resource,
    core::ObjectMeta,
    runtime::{WatchStreamExt as _, watcher},
};
use sallyport_contract::{
    keys,
    object::{Firewall, GateOverride, IdentityPolicy, NameClaim, PathReport, WorkloadIdentity},
};
use sallyport_process::{
    guarded::Guarded,
    readiness::{Handle, Readiness},
    report,
    shutdown::Stop,
    tasks::{TaskResult, Tasks},
};
use serde::de::DeserializeOwned;

use super::{Alike, Change, Concerns, Replaced, Seen, Table, Tables};
use crate::{
    claim::Claim,
    identity::Identity,
    observe::objects::{carrier, login},
    path::outcomes,
    world::{Key, Login},
};

/// Objects of one page of a list.
const PAGE: u32 = 100;

/// How one kind is watched.
struct Kind<K, Id, V> {
    what: &'static str,
    api: Api<Guarded<K>>,
    config: watcher::Config,
    id: fn(&ObjectMeta) -> Id,
    read: fn(K) -> Option<V>,
    table: fn(&mut Tables) -> &mut Table<Id, V>,
    concerns: fn(&[Replaced<Id, V>], &Tables) -> Concerns,
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
    watch!("identitypolicies", policies(client));
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
    concerns: fn(&[Replaced<String, K>], &Tables) -> Concerns,
) -> Kind<K, String, K>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug,
{
    let api = Api::all(client.clone());
    Kind { what, api, config: pages(), id: name, read: slim, table, concerns }
}

fn policies(client: &Client) -> Kind<IdentityPolicy, String, IdentityPolicy> {
    by_name(client, "IdentityPolicy", |t| &mut t.policies, those_selected)
}

fn claims(client: &Client) -> Kind<NameClaim, String, Claim> {
    Kind {
        what: "NameClaim",
        api: Api::all(client.clone()),
        config: pages(),
        id: name,
        read: |claim| Some(claim.into()),
        table: |t| &mut t.claims,
        concerns: specs,
    }
}

fn identities(client: &Client) -> Kind<WorkloadIdentity, Key, Identity> {
    Kind {
        what: "WorkloadIdentity",
        api: Api::all(client.clone()),
        config: pages(),
        id: Key::of,
        read: |identity| Some(identity.into()),
        table: |t| &mut t.identities,
        concerns: |replaced, _| Concerns {
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
        config: pages(),
        id: Key::of,
        read: slim,
        table: |t| &mut t.overrides,
        concerns: |replaced, _| Concerns { everyone: !replaced.is_empty(), ..Concerns::default() },
    }
}

fn path_reports(client: &Client) -> Kind<PathReport, String, PathReport> {
    Kind {
        what: "PathReport",
        api: Api::namespaced(client.clone(), keys::PATH_PROOF_NAMESPACE),
        config: pages(),
        id: name,
        read: slim,
        table: |t| &mut t.path_reports,
        concerns: |replaced, _| {
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
        config: pages(),
        id: name,
        read: |namespace| Some(namespace.metadata.labels.unwrap_or_default()),
        table: |t| &mut t.namespaces,
        concerns: |replaced, tables| tables.who_lives_in(replaced.iter().map(|(name, ..)| name.as_str())),
    }
}

fn secrets(client: &Client) -> Kind<Secret, String, Login> {
    Kind {
        what: "Secret",
        api: Api::namespaced(client.clone(), keys::FIREWALL_NAMESPACE),
        config: pages(),
        id: name,
        read: login,
        table: |t| &mut t.logins,
        concerns: |replaced, _| Concerns { wanted: !replaced.is_empty(), ..Concerns::default() },
    }
}

fn pods(client: &Client) -> Kind<Pod, (Key, String), crate::gate::Carrier> {
    Kind {
        what: "Pod",
        api: Api::all(client.clone()),
        config: pages().labels(keys::IDENTITY),
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
        concerns: |replaced, _| Concerns {
            identities: replaced.iter().map(|((identity, _), ..)| identity.clone()).collect(),
            ..Concerns::default()
        },
    }
}

/// Lists come in small pages: of a page every object is held whole, with all that is cut off it afterwards.
fn pages() -> watcher::Config {
    watcher::Config::default().page_size(PAGE)
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
fn specs<Id, V: Spec>(replaced: &[Replaced<Id, V>], _: &Tables) -> Concerns {
    Concerns { wanted: replaced.iter().any(spec_differs), ..Concerns::default() }
}

/// The same of objects that gates are judged by.
fn rules<Id, V: Spec>(replaced: &[Replaced<Id, V>], tables: &Tables) -> Concerns {
    let Concerns { wanted, .. } = specs(replaced, tables);
    Concerns { wanted, everyone: wanted, ..Concerns::default() }
}

/// Of a policy: who lives where it reaches, or did before it changed.
fn those_selected(replaced: &[Replaced<String, IdentityPolicy>], tables: &Tables) -> Concerns {
    let differs = replaced.iter().filter(|one| spec_differs(one));
    let policies: Vec<_> = differs.flat_map(|(_, before, after)| before.iter().chain(after)).collect();
    let named = policies.iter().flat_map(|policy| policy.spec.namespaces.iter().flatten());
    let choosing: Vec<_> = policies.iter().filter(|one| one.spec.namespace_selector.is_some()).collect();
    // Only what chooses by labels costs a walk through all namespaces.
    let all = tables.namespaces.iter().filter(|_| !choosing.is_empty());
    let chosen = all.filter(|(name, labels)| choosing.iter().any(|one| one.spec.selects(name, labels)));
    tables.who_lives_in(named.chain(chosen.map(|(namespace, _)| namespace)).map(String::as_str))
}

fn spec_differs<Id, V: Spec>((_, before, after): &Replaced<Id, V>) -> bool {
    before.as_deref().map(V::edition) != after.as_deref().map(V::edition)
}

/// What has a spec that is judged.
trait Spec {
    /// Which object it is, which state of its spec, and whether it goes: two of one edition are judged alike.
    fn edition(&self) -> (&str, Option<i64>, bool);
}

impl<K: Resource> Spec for K {
    fn edition(&self) -> (&str, Option<i64>, bool) {
        let meta = self.meta();
        (meta.uid.as_deref().unwrap_or_default(), meta.generation, meta.deletion_timestamp.is_some())
    }
}

impl Spec for Identity {
    fn edition(&self) -> (&str, Option<i64>, bool) {
        self.meta.edition()
    }
}

impl Spec for Claim {
    fn edition(&self) -> (&str, Option<i64>, bool) {
        self.meta.edition()
    }
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
            seen.update(|tables| {
                let replaced = table(tables).apply(change);
                Concerns { complete, ..concerns(&replaced, tables) }
            });
        }
        if complete && let Some(ready) = ready.take() {
            ready.done();
        }
    }
}

fn change<K: Resource<DynamicType = ()>, Id: Debug, V>(
    what: &'static str,
    event: watcher::Event<Guarded<K>>,
    id: fn(&ObjectMeta) -> Id,
    read: fn(K) -> Option<V>,
) -> Option<Change<Id, V>> {
    let take = |object: Guarded<K>, listed: bool| match object.0 {
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;

    fn identity(namespace: &str, name: &str) -> Identity {
        let object: WorkloadIdentity = serde_json::from_value(json!({
            "apiVersion": "sallyport.dev/v1alpha1", "kind": "WorkloadIdentity",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"dnsNames": [format!("{name}.{namespace}.example")], "delivery": "Secret", "action": "Allow",
                "policy": "p", "certificate": {"authority": "ca"}, "firewall": "edge"},
        }))
        .unwrap();
        object.into()
    }

    fn policy(generation: i64, namespaces: &[&str]) -> Arc<IdentityPolicy> {
        let policy = json!({
            "apiVersion": "sallyport.dev/v1alpha1", "kind": "IdentityPolicy",
            "metadata": {"name": "p", "generation": generation},
            "spec": {"namespaces": namespaces, "dnsNames": {"default": "{workload}.{namespace}.example"},
                "traffic": {"actions": ["Allow"], "default": "Allow", "ports": [443],
                    "from": {"zones": ["trust"], "addresses": ["any"]}, "to": {"zones": ["trust"], "addresses": ["any"]}},
                "certificate": {"authority": "ca"}, "firewall": "edge"},
        });
        Arc::new(serde_json::from_value(policy).unwrap())
    }

    fn tables() -> Tables {
        let mut tables = Tables::default();
        for number in 0..5000 {
            tables.namespaces.apply(Change::Applied(format!("n{number:04}"), BTreeMap::new()));
        }
        for (namespace, name) in [("n0001", "web"), ("n0001", "pay"), ("n0002", "web"), ("n00010", "web")] {
            tables.identities.apply(Change::Applied(Key::new(namespace, name), identity(namespace, name)));
        }
        let carried = (Key::new("n0003", "gone"), "pod-1".to_owned());
        tables.pods.apply(Change::Applied(carried, crate::gate::Carrier::default()));
        tables
    }

    fn those(keys: &[(&str, &str)], wanted: bool) -> Concerns {
        let identities = keys.iter().map(|(namespace, name)| Key::new(namespace, name)).collect();
        Concerns { wanted, identities, ..Concerns::default() }
    }

    #[test]
    fn a_namespace_concerns_who_lives_in_it() {
        let tables = tables();
        let of = |namespace| tables.who_lives_in([namespace].into_iter());
        assert_eq!(of("n0001"), those(&[("n0001", "pay"), ("n0001", "web")], true));
        assert_eq!(
            of("n0003"),
            those(&[("n0003", "gone")], false),
            "a pod that names an identity that is not there"
        );
        assert_eq!(of("n4999"), Concerns::default(), "nobody lives there");
    }

    #[test]
    fn a_policy_concerns_who_lives_where_it_reaches_or_did() {
        let (tables, name) = (tables(), || "p".to_owned());
        let moved = (name(), Some(policy(1, &["n0001"])), Some(policy(2, &["n0002", "n4999"])));
        let all = those(&[("n0001", "pay"), ("n0001", "web"), ("n0002", "web")], true);
        assert_eq!(those_selected(&[moved], &tables), all);
        let told = (name(), Some(policy(2, &["n0001"])), Some(policy(2, &["n0001"])));
        assert_eq!(those_selected(&[told], &tables), Concerns::default(), "its status is nobody's concern");
        let elsewhere = (name(), None, Some(policy(1, &["n4999"])));
        assert_eq!(those_selected(&[elsewhere], &tables), Concerns::default());
    }
}
