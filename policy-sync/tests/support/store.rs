//! How the flow stores in the cluster in memory: as an API server takes it, and shown at once.

use sallyport_contract::{
    keys,
    object::{ClaimedFirewall, Firewall, FirewallStatus, WorkloadIdentityStatus},
};
use sallyport_policy_sync::{
    cluster::{Cluster, ClusterError, Loss, Note},
    gate::{Carrier, Gate},
    observe::{Change, Concerns},
    world::{Key, Version},
};

use super::{
    applied,
    twin::{Twin, all},
};

impl Twin {
    /// Changes one object if it is there and still of the version that the change rests on.
    fn store<K: kube::Resource>(
        &self,
        what: String,
        base: Version,
        object: Option<K>,
        change: impl FnOnce(&mut K),
    ) -> Result<(K, Version), ClusterError> {
        self.note(what.clone())?;
        let lost = |loss| ClusterError { what, loss, source: "as an API server says it".into() };
        let Some(mut object) = object else { return Err(lost(Loss::Gone)) };
        if base.precondition().is_some() && base != Version::of(object.meta()) {
            return Err(lost(Loss::Outrun));
        }
        let version = self.next();
        object.meta_mut().resource_version = Some(version.to_string());
        change(&mut object);
        Ok((object, Version::from(version)))
    }
}

impl Cluster for Twin {
    async fn store_claim(
        &self,
        claim: &str,
        base: Version,
        firewall: &str,
        entry: Option<&ClaimedFirewall>,
    ) -> Result<Version, ClusterError> {
        let what = format!("claim {claim} {firewall} {}", entry.is_some());
        let seen = self.objects.lock().unwrap().claims.get(claim).cloned();
        let (object, version) = self.store(what, base, seen, |object| {
            let mut status = object.status.take().unwrap_or_default();
            status.firewalls.retain(|entry| entry.firewall != firewall);
            status.firewalls.extend(entry.cloned());
            object.status = Some(status);
        })?;
        self.show_claim(claim, object, Concerns::default());
        Ok(version)
    }

    async fn store_firewall(
        &self,
        name: &str,
        base: Version,
        status: &FirewallStatus,
    ) -> Result<Version, ClusterError> {
        let what = format!("firewall {name} job {:?}", status.job.as_ref().map(|job| &job.id));
        let seen = self.world().firewalls.get(name).map(|seen| Firewall::clone(seen));
        let (object, version) =
            self.store(what, base, seen, |object| object.status = Some(status.clone()))?;
        self.seen.update(|tables| {
            tables.firewalls.apply(applied(name.to_owned(), object));
            Concerns::default()
        });
        Ok(version)
    }

    async fn hold_firewall(&self, name: &str, uid: &str, hold: bool) -> Result<Version, ClusterError> {
        let what = format!("finalizer of {name} {hold}");
        let seen = self.world().firewalls.get(name).map(|seen| Firewall::clone(seen));
        let seen = seen.filter(|object| object.metadata.uid.as_deref().unwrap_or_default() == uid);
        let finalizer = keys::REMOVE_FROM_FIREWALL.to_owned();
        let (object, version) = self.store(what, Version::default(), seen, |object| {
            let finalizers = object.metadata.finalizers.get_or_insert_default();
            finalizers.retain(|one| *one != finalizer);
            finalizers.extend(hold.then_some(finalizer));
        })?;
        let gone = object.metadata.deletion_timestamp.is_some()
            && object.metadata.finalizers.as_ref().is_none_or(Vec::is_empty);
        self.seen.update(|tables| {
            tables.firewalls.apply(match gone {
                true => Change::Gone(name.to_owned()),
                false => applied(name.to_owned(), object),
            });
            all()
        });
        Ok(version)
    }

    async fn store_identity(
        &self,
        key: &Key,
        status: &WorkloadIdentityStatus,
    ) -> Result<Version, ClusterError> {
        let seen = self.objects.lock().unwrap().identities.get(key).cloned();
        let (object, _) = self.store(format!("identity {key}"), Version::default(), seen, |object| {
            let mut merged = object.status.take().unwrap_or_default();
            merged.conditions.retain(|c| status.conditions.iter().all(|ours| ours.kind != c.kind));
            merged.conditions.extend(status.conditions.clone());
            merged.firewall.clone_from(&status.firewall);
            merged.pods.clone_from(&status.pods);
            object.status = Some(merged);
        })?;
        Ok(self.show_identity(key, object))
    }

    async fn store_gate(&self, pod: &Key, seen: &Carrier, gate: &Gate) -> Result<Version, ClusterError> {
        let what = format!("gate {pod} {} {}", gate.open, gate.reason);
        self.note(what.clone())?;
        let version = Version::from(self.next());
        let mut loss = Some(Loss::Gone);
        self.seen.update(|tables| {
            let found = tables.pods.keys().find(|(_, name)| *name == pod.name).cloned();
            let Some(key) = found else { return Concerns::default() };
            let mut carrier = tables.pods.get(&key).map(|carrier| (*carrier).clone()).unwrap();
            if carrier.uid != seen.uid || (!gate.open && carrier.version != seen.version) {
                loss = Some(Loss::Outrun);
                return Concerns::default();
            }
            loss = None;
            assert!(gate.open || !carrier.gate.is_some_and(|gate| gate.open), "an open gate was closed");
            (carrier.gate, carrier.version) = (Some(gate.clone()), version);
            carrier.held &= !gate.open;
            tables.pods.apply(applied(key.clone(), carrier));
            Concerns { identities: [key.0].into(), ..Concerns::default() }
        });
        match loss {
            None => Ok(version),
            Some(loss) => Err(ClusterError { what, loss, source: "as an API server says it".into() }),
        }
    }

    async fn tell(&self, note: &Note) {
        self.notes.lock().unwrap().push(note.clone());
    }
}
