//! The cluster in memory: what the flow stores shows in what it sees, as by an API server with fast watches.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use sallyport_contract::{
    DnsName,
    identity::claim_of,
    object::{
        ClaimedFirewall, Firewall, GateOverride, IdentityPolicy, NameClaim, PathReport, WorkloadIdentity,
    },
};
use sallyport_policy_sync::{
    cluster::{ClusterError, Loss, Note},
    gate::{Carrier, Gate},
    observe::{Change, Concerns, Seen},
    world::{Key, Version, World},
};
use serde_json::Value;

use super::{applied, login, object, objects};

/// The cluster. Clones are one.
#[derive(Clone, Default)]
pub(crate) struct Twin {
    pub(crate) seen: Seen,
    version: Arc<AtomicU64>,
    /// The objects as the API server holds them, whole.
    pub(super) objects: Arc<Mutex<Objects>>,
    /// Everything that was stored, in order.
    pub(crate) stored: Arc<Mutex<Vec<String>>>,
    pub(crate) notes: Arc<Mutex<Vec<Note>>>,
    pub(crate) down: Arc<AtomicBool>,
}

/// The objects of which the flow sees only what it looks at.
#[derive(Default)]
pub(super) struct Objects {
    pub(super) identities: BTreeMap<Key, WorkloadIdentity>,
    pub(super) claims: BTreeMap<String, NameClaim>,
}

/// Ends the first list of these tables with what they hold.
macro_rules! complete {
    ($tables:ident: $($table:ident),+) => {
        $(
            let current: Vec<_> = $tables.$table.keys().cloned().collect();
            $tables.$table.apply(Change::Restarted);
            for key in current {
                $tables.$table.apply(Change::ListedUnreadable(key));
            }
            $tables.$table.apply(Change::Complete);
        )+
    };
}

pub(super) fn all() -> Concerns {
    Concerns { wanted: true, everyone: true, ..Concerns::default() }
}

fn gate_of(key: &Key) -> Concerns {
    Concerns { wanted: true, identities: [key.clone()].into(), ..Concerns::default() }
}

impl Twin {
    pub(super) fn next(&self) -> u64 {
        self.version.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(crate) fn world(&self) -> World {
        self.seen.world().unwrap()
    }

    /// Every first list is in.
    pub(crate) fn complete(&self) {
        self.complete_but_identities();
        self.seen.update(|tables| {
            complete!(tables: identities);
            all()
        });
    }

    /// Every first list but one is in.
    pub(crate) fn complete_but_identities(&self) {
        self.seen.update(|tables| {
            complete!(tables: firewalls, claims, policies, overrides, path_reports, namespaces, logins, pods);
            all()
        });
    }

    pub(crate) fn put_firewall(&self, name: &str, spec: Value) {
        let mut value = object("Firewall", None, name, spec, self.next());
        let before = self.seen.world().and_then(|world| world.firewalls.get(name).cloned());
        value["status"] =
            before.as_ref().and_then(|before| serde_json::to_value(&before.status).ok()).unwrap_or_default();
        let mut firewall: Firewall = serde_json::from_value(value).unwrap();
        if let Some(before) = before {
            firewall.metadata.finalizers.clone_from(&before.metadata.finalizers);
            firewall.metadata.deletion_timestamp.clone_from(&before.metadata.deletion_timestamp);
        }
        self.seen.update(|tables| {
            tables.firewalls.apply(applied(name.to_owned(), firewall));
            all()
        });
    }

    /// The same as an API server deletes it: what has a finalizer stays for now.
    pub(crate) fn delete_firewall(&self, name: &str) {
        let mut firewall = (*self.world().firewalls[name]).clone();
        if firewall.metadata.finalizers.as_ref().is_none_or(Vec::is_empty) {
            return self.remove_firewall(name);
        }
        let version = self.next().to_string();
        firewall.metadata.resource_version = Some(version);
        firewall.metadata.deletion_timestamp = Some(Time("2026-11-21T09:00:00Z".parse().unwrap()));
        self.seen.update(|tables| {
            tables.firewalls.apply(applied(name.to_owned(), firewall));
            all()
        });
    }

    pub(crate) fn remove_firewall(&self, name: &str) {
        self.seen.update(|tables| {
            tables.firewalls.apply(Change::Gone(name.to_owned()));
            all()
        });
    }

    /// Changes the spec of the one firewall.
    pub(crate) fn change_firewall(&self, change: impl FnOnce(&mut Value)) {
        let mut spec = serde_json::to_value(&self.world().firewalls["edge"].spec).unwrap();
        change(&mut spec);
        self.put_firewall("edge", spec);
    }

    pub(crate) fn put_policy(&self, name: &str, spec: Value) {
        let policy: IdentityPolicy =
            serde_json::from_value(object("IdentityPolicy", None, name, spec, self.next())).unwrap();
        self.seen.update(|tables| {
            tables.policies.apply(applied(name.to_owned(), policy));
            all()
        });
    }

    /// An override of namespace `shop`, made at `created`.
    pub(crate) fn put_override(&self, name: &str, created: &str, spec: Value) {
        let mut value = object("GateOverride", Some("shop"), name, spec, self.next());
        value["metadata"]["creationTimestamp"] = created.into();
        let granted: GateOverride = serde_json::from_value(value).unwrap();
        self.seen.update(|tables| {
            tables.overrides.apply(applied(Key::new("shop", name), granted));
            all()
        });
    }

    /// What the path probe of this name has met: its address, when its round began, and each other probe with the
    /// outcomes under either name.
    pub(crate) fn put_path_report(&self, name: &str, own: &str, at: Timestamp, met: &[(&str, &str, &str)]) {
        let met = met.iter().map(|(address, control, canary)| {
            serde_json::json!({"address": address, "control": control, "canary": canary})
        });
        let met: Vec<Value> = met.collect();
        let spec = serde_json::json!({"firewall": "edge", "address": own, "at": at, "met": met});
        let value = object("PathReport", Some("sallyport-path-proof"), name, spec, self.next());
        let report: PathReport = serde_json::from_value(value).unwrap();
        self.seen.update(|tables| {
            tables.path_reports.apply(applied(name.to_owned(), report));
            all()
        });
    }

    pub(crate) fn login(&self, secret: &str, user: &str, password: &str, version: &str) {
        self.seen.update(|tables| {
            tables.logins.apply(applied(secret.to_owned(), login(user, password, version)));
            all()
        });
    }

    /// An identity of namespace `shop` with its claims.
    pub(crate) fn want(&self, identity: &str, names: &[&str], action: &str) {
        self.claim("shop", names);
        let spec = objects::identity_spec(names, action);
        self.put_identity(identity, spec);
    }

    pub(crate) fn put_identity(&self, name: &str, spec: Value) {
        self.put_identity_in("shop", name, spec);
    }

    pub(crate) fn put_identity_in(&self, namespace: &str, name: &str, spec: Value) {
        let value = object("WorkloadIdentity", Some(namespace), name, spec, self.next());
        let identity: WorkloadIdentity = serde_json::from_value(value).unwrap();
        self.put(&Key::new(namespace, name), identity);
    }

    fn put(&self, key: &Key, identity: WorkloadIdentity) {
        self.objects.lock().unwrap().identities.insert(key.clone(), identity.clone());
        self.seen.update(|tables| {
            tables.identities.apply(applied(key.clone(), identity.into()));
            gate_of(key)
        });
    }

    /// An identity as the API server holds it.
    pub(crate) fn identity(&self, identity: &str) -> WorkloadIdentity {
        self.objects.lock().unwrap().identities[&Key::new("shop", identity)].clone()
    }

    /// cert-agent says that the certificate is there.
    pub(crate) fn issue(&self, identity: &str) {
        let (key, mut object) = (Key::new("shop", identity), self.identity(identity));
        let condition = serde_json::json!({
            "type": "CertificateIssued", "status": "True", "reason": "Issued", "message": "",
            "lastTransitionTime": "2026-11-21T09:00:00Z",
        });
        let certificate = serde_json::json!({
            "serial": "01", "notBefore": "2026-11-21T09:00:00Z", "notAfter": "2999-01-01T00:00:00Z",
            "renewAt": "2998-01-01T00:00:00Z", "secretName": format!("{identity}-tls"),
        });
        let mut status = object.status.unwrap_or_default();
        status.certificate = Some(serde_json::from_value(certificate).unwrap());
        status.conditions.retain(|condition| condition.kind != "CertificateIssued");
        status.conditions.push(serde_json::from_value(condition).unwrap());
        object.status = Some(status);
        self.show_identity(&key, object);
    }

    /// Changes an identity as a watch would show it.
    pub(crate) fn change_identity(&self, identity: &str, change: impl FnOnce(&mut WorkloadIdentity)) {
        let (key, mut object) = (Key::new("shop", identity), self.identity(identity));
        change(&mut object);
        self.show_identity(&key, object);
    }

    pub(super) fn show_identity(&self, key: &Key, mut object: WorkloadIdentity) -> Version {
        let version = self.next();
        object.metadata.resource_version = Some(version.to_string());
        self.put(key, object);
        Version::from(version)
    }

    pub(crate) fn unwant(&self, identity: &str) {
        let key = Key::new("shop", identity);
        self.objects.lock().unwrap().identities.remove(&key);
        self.seen.update(|tables| {
            tables.identities.apply(Change::Gone(key.clone()));
            gate_of(&key)
        });
    }

    pub(crate) fn claim(&self, namespace: &str, names: &[&str]) {
        for name in names {
            let id = claim_of(&name.parse::<DnsName>().unwrap());
            if self.seen.world().is_some_and(|world| world.claims.contains_key(&id)) {
                continue;
            }
            let spec = serde_json::json!({"dnsName": name, "namespace": namespace});
            let claim: NameClaim =
                serde_json::from_value(object("NameClaim", None, &id, spec, self.next())).unwrap();
            self.show_claim(&id, claim, all());
        }
    }

    pub(super) fn show_claim(&self, id: &str, claim: NameClaim, concerns: Concerns) {
        self.objects.lock().unwrap().claims.insert(id.to_owned(), claim.clone());
        self.seen.update(|tables| {
            tables.claims.apply(applied(id.to_owned(), claim.into()));
            concerns
        });
    }

    /// Another namespace holds the name's claim from now on.
    pub(crate) fn give_claim(&self, name: &str, namespace: &str) {
        let id = claim_of(&name.parse::<DnsName>().unwrap());
        let mut claim = self.objects.lock().unwrap().claims[&id].clone();
        claim.spec.namespace = namespace.to_owned();
        claim.metadata.resource_version = Some(self.next().to_string());
        self.show_claim(&id, claim, all());
    }

    /// What the claim of a name remembers of the firewall.
    pub(crate) fn entry(&self, name: &str) -> Option<ClaimedFirewall> {
        let world = self.world();
        let claim = world.claims.get(&claim_of(&name.parse::<DnsName>().unwrap()))?;
        claim.entries.first().map(|entry| entry.as_ref().clone())
    }

    pub(crate) fn put_pod(&self, identity: &str, name: &str, carrier: Carrier) {
        let carrier = Carrier { version: Version::from(self.next()), ..carrier };
        let key = Key::new("shop", identity);
        self.seen.update(|tables| {
            tables.pods.apply(applied((key.clone(), name.to_owned()), carrier));
            gate_of(&key)
        });
    }

    pub(crate) fn gate(&self, identity: &str, pod: &str) -> Option<Gate> {
        let (_, pods) = self.seen.identity(&Key::new("shop", identity));
        pods.into_iter().find(|(name, _)| name == pod)?.1.gate.clone()
    }

    pub(crate) fn describe(&self) -> String {
        let world = self.world();
        let statuses: Vec<_> = world.firewalls.values().map(|firewall| &firewall.status).collect();
        serde_json::to_string_pretty(&statuses).unwrap()
    }

    /// How many writes there were.
    pub(crate) fn writes(&self) -> usize {
        self.stored.lock().unwrap().len()
    }

    pub(super) fn note(&self, what: String) -> Result<(), ClusterError> {
        if self.down.load(Ordering::Relaxed) {
            return Err(ClusterError { what, loss: Loss::Failed, source: "the API server is away".into() });
        }
        self.stored.lock().unwrap().push(what);
        Ok(())
    }
}
