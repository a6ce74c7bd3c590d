//! What the watches of the stage tell of what was written.

use std::sync::atomic::Ordering;

use k8s_openapi::api::certificates::v1::ClusterTrustBundle;
use sallyport_contract::object::NameClaim;
use serde_json::Value;

use super::stage::{Stage, read};
use crate::{
    claim::Claim,
    cluster::twin::Place,
    observe::{
        made::Made,
        shelf::{self, Change},
        world::Served,
    },
    trust::bundle::Found,
};

impl Stage {
    /// What the watches would tell of what the agents wrote: everything first, then what changed.
    pub(super) fn told_by_watch(&self) {
        let memory = self.twin.memory();
        let written = memory.places.len();
        let from = self.told.swap(written, Ordering::Relaxed);
        if from == written {
            return;
        }
        let first = from > written;
        let changed: Vec<Place> =
            if first { memory.objects.keys().cloned().collect() } else { memory.places[from..].to_vec() };
        let objects: Vec<_> =
            changed.into_iter().map(|place| (memory.objects.get(&place).cloned(), place)).collect();
        drop(memory);
        if first {
            self.intake.identity(Change::ListBegins);
            self.intake.binding(Change::ListBegins);
            self.intake.claim(Change::ListBegins);
            self.intake.request(Change::ListBegins);
            self.intake.pod_request(Change::ListBegins);
            self.intake.bundle(Change::ListBegins);
            self.intake.cluster_bundle(Served::V1, Change::ListBegins);
        }
        for (value, (kind, namespace, name)) in objects {
            self.tell(&kind, (namespace, name), value, first);
        }
        if first {
            self.intake.identity(Change::ListEnds);
            self.intake.binding(Change::ListEnds);
            self.intake.claim(Change::ListEnds);
            self.intake.request(Change::ListEnds);
            self.intake.pod_request(Change::ListEnds);
            self.intake.bundle(Change::ListEnds);
            self.intake.cluster_bundle(Served::V1, Change::ListEnds);
        }
    }

    fn tell(&self, kind: &str, at: shelf::Place, value: Option<Value>, listed: bool) {
        match kind {
            "workloadidentities" => {
                let value = value.map(|value| Made::read(&read(value, "WorkloadIdentity")));
                self.intake.identity(change(at, value, listed));
            }
            "namespacebindings" => {
                let value = value.map(|value| read(value, "NamespaceBinding"));
                self.intake.binding(change(at, value, listed));
            }
            "identityrequests" => {
                let value = value.map(|value| read(value, "IdentityRequest"));
                self.intake.request(change(at, value, listed));
            }
            "nameclaims" => {
                let claim = value.map(|value| Claim::read(&read::<NameClaim>(value, "NameClaim")).unwrap());
                self.intake.claim(change(at, claim, listed));
            }
            "podcertificaterequests" => {
                let value = value.map(|value| serde_json::from_value(value).unwrap());
                self.intake.pod_request(change(at, value, listed));
            }
            "configmaps" => {
                let found = value.map(|value| Found::config_map(&serde_json::from_value(value).unwrap()));
                self.intake.bundle(change(at, found, listed));
            }
            "clustertrustbundles" => {
                let bundle = value.map(|value| serde_json::from_value::<ClusterTrustBundle>(value).unwrap());
                let found = bundle.map(|bundle| Found::cluster(&bundle.metadata, &bundle.spec.trust_bundle));
                self.intake.cluster_bundle(Served::V1, change(at, found, listed));
            }
            _ => {}
        }
    }
}

fn change<V>(at: shelf::Place, value: Option<V>, listed: bool) -> Change<V> {
    match value {
        Some(value) if listed => Change::Listed(at, value),
        Some(value) => Change::Put(at, value),
        None => Change::Gone(at),
    }
}
