//! What we keep of an object: only what a decision looks at, so that caches stay small and a change of
//! anything else is no change.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::{
    api::{
        apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet},
        batch::v1::{CronJob, Job},
        certificates::v1::PodCertificateRequest,
        core::v1::{Namespace, Pod},
    },
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference},
};
use kube::core::PartialObjectMeta;
use sallyport_contract::{
    keys,
    object::{CertificateAuthority, IdentityPolicy, IdentityRequest, NamespaceBinding},
    workload::{Subject, controller, deployment_of},
};

use super::{shelf::Same, template::Template};
use crate::{claim::Claim, text::Text, trust::bundle::Found, uid::Uid};

/// A namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamespaceFacts {
    /// Its UID: a namespace that is made again under the same name is another one.
    pub uid: String,
    /// Its labels, by which policies select it.
    pub labels: BTreeMap<String, String>,
    /// Whether it is being deleted.
    pub ending: bool,
}

/// The controller of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Its API version and kind, as the owned object's writer gave them.
    pub kind: (Text, Text),
    /// Its UID, which nobody can reuse.
    pub uid: Uid,
}

/// The kinds of workloads, and those between a workload and its pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the words are Kubernetes' own")]
pub enum WorkloadKind {
    Deployment,
    StatefulSet,
    DaemonSet,
    ReplicaSet,
    Job,
    CronJob,
}

impl WorkloadKind {
    /// The kind as Kubernetes writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deployment => "Deployment",
            Self::StatefulSet => "StatefulSet",
            Self::DaemonSet => "DaemonSet",
            Self::ReplicaSet => "ReplicaSet",
            Self::Job => "Job",
            Self::CronJob => "CronJob",
        }
    }

    /// The kind that an owner reference names; none if it is not one of these.
    #[must_use]
    pub fn of(owner: &Owner) -> Option<Self> {
        let (version, kind) = (owner.kind.0.as_str(), owner.kind.1.as_str());
        Self::ALL.into_iter().find(|one| one.api_version() == version && one.as_str() == kind)
    }

    const ALL: [Self; 6] =
        [Self::Deployment, Self::StatefulSet, Self::DaemonSet, Self::ReplicaSet, Self::Job, Self::CronJob];

    /// The API version that serves it.
    #[must_use]
    pub const fn api_version(self) -> &'static str {
        match self {
            Self::Deployment | Self::StatefulSet | Self::DaemonSet | Self::ReplicaSet => "apps/v1",
            Self::Job | Self::CronJob => "batch/v1",
        }
    }
}

/// A workload, or what stands between a workload and its pods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    /// Its kind.
    pub kind: WorkloadKind,
    /// Its name.
    pub name: Text,
    /// What `{workload}` stands for in the names of its pods.
    pub called: Text,
    /// Its UID.
    pub uid: Uid,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// Its controller.
    pub owner: Option<Owner>,
    /// Its template; none where another object's template decides (ReplicaSets, a CronJob's Jobs).
    pub template: Option<Box<Template>>,
}

impl Workload {
    fn new(kind: WorkloadKind, meta: &ObjectMeta, subject: impl FnOnce(&str) -> Option<Subject>) -> Self {
        let name = Text::from(meta.name.as_deref().unwrap_or_default());
        let template = subject(meta.namespace.as_deref().unwrap_or_default()).map(Template::of);
        let called = template.as_ref().and_then(Template::workload).unwrap_or(&name);
        Self {
            kind,
            called: called.clone(),
            name,
            uid: meta.uid.as_deref().unwrap_or_default().into(),
            created: created(meta),
            owner: owner(meta),
            template: template.map(Box::new),
        }
    }

    /// Reads a Deployment.
    #[must_use]
    pub fn deployment(object: &Deployment) -> Self {
        Self::new(WorkloadKind::Deployment, &object.metadata, |ns| Some(Subject::of_deployment(ns, object)))
    }

    /// Reads a StatefulSet.
    #[must_use]
    pub fn stateful_set(object: &StatefulSet) -> Self {
        Self::new(WorkloadKind::StatefulSet, &object.metadata, |ns| {
            Some(Subject::of_stateful_set(ns, object))
        })
    }

    /// Reads a DaemonSet.
    #[must_use]
    pub fn daemon_set(object: &DaemonSet) -> Self {
        Self::new(WorkloadKind::DaemonSet, &object.metadata, |ns| Some(Subject::of_daemon_set(ns, object)))
    }

    /// Reads the metadata of a ReplicaSet: it only leads from a pod to its Deployment. One that was orphaned
    /// is still called like the Deployment that made it.
    #[must_use]
    pub fn replica_set(object: &PartialObjectMeta<ReplicaSet>) -> Self {
        let plain = Self::new(WorkloadKind::ReplicaSet, &object.metadata, |_| None);
        Self { called: deployment_of(&plain.name, &object.metadata).into(), ..plain }
    }

    /// Reads a Job; one that a CronJob owns only leads from a pod to it.
    #[must_use]
    pub fn job(object: &Job) -> Self {
        let scheduled = controller(&object.metadata).is_some_and(|owner| owner.kind == "CronJob");
        Self::new(WorkloadKind::Job, &object.metadata, |ns| (!scheduled).then(|| Subject::of_job(ns, object)))
    }

    /// Reads a CronJob.
    #[must_use]
    pub fn cron_job(object: &CronJob) -> Self {
        Self::new(WorkloadKind::CronJob, &object.metadata, |ns| Some(Subject::of_cron_job(ns, object)))
    }
}

/// A pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodFacts {
    /// Its name.
    pub name: Text,
    /// Its UID.
    pub uid: Uid,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// Its controller.
    pub owner: Option<Owner>,
    /// The pod as the derivation sees it, with a workload that its names tell.
    pub template: Template,
    /// `generateName` without its hyphen: what the webhook saw of a bare pod, which had no name yet.
    pub generated: Option<Text>,
    /// The label `sallyport.dev/identity`: what it says it is.
    pub identity: Option<Text>,
    /// Whether it waits for our gate.
    pub gated: bool,
    /// The annotation `resolved.sallyport.dev/dns-names`.
    pub dns_names: Option<Text>,
    /// Whether it runs or will run.
    pub living: bool,
    /// Whether its containers have begun, so that everything is mounted that it mounts.
    pub running: bool,
    /// Since when the first of its containers runs without a break.
    pub since: Option<Timestamp>,
}

impl PodFacts {
    /// Reads a pod.
    #[must_use]
    pub fn read(pod: &Pod) -> Self {
        let meta = &pod.metadata;
        let subject = Subject::of_pod(meta.namespace.as_deref().unwrap_or_default(), pod);
        let gates = pod.spec.as_ref().and_then(|spec| spec.readiness_gates.as_ref());
        let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
        let generated = meta
            .generate_name
            .as_deref()
            .map(|name| name.trim_end_matches('-'))
            .filter(|name| !name.is_empty());
        Self {
            name: meta.name.as_deref().unwrap_or_default().into(),
            uid: meta.uid.as_deref().unwrap_or_default().into(),
            created: created(meta),
            owner: owner(meta),
            generated: generated.map(Text::from),
            identity: subject.labels.get(keys::IDENTITY).map(Text::from),
            gated: gates.is_some_and(|gates| gates.iter().any(|gate| gate.condition_type == keys::GATE)),
            dns_names: subject.annotations.get(keys::RESOLVED_DNS_NAMES).map(Text::from),
            living: !matches!(phase, Some("Succeeded" | "Failed")),
            running: phase == Some("Running"),
            since: since(pod),
            template: Template::of(subject),
        }
    }
}

impl NamespaceFacts {
    /// Reads a namespace.
    #[must_use]
    pub fn read(namespace: &Namespace) -> Self {
        Self {
            uid: namespace.metadata.uid.clone().unwrap_or_default(),
            labels: namespace.metadata.labels.clone().unwrap_or_default(),
            ending: namespace.metadata.deletion_timestamp.is_some(),
        }
    }
}

macro_rules! same_if_equal {
    ($($fact:ty),+) => {
        $(impl Same for $fact {
            fn same(&self, other: &Self) -> bool {
                self == other
            }
        })+
    };
}

same_if_equal!(NamespaceFacts, Workload, PodFacts, Claim, Found);

/// Of what people write only the spec counts: its status is written by us.
macro_rules! same_if_spec_is {
    ($($object:ty),+) => {
        $(impl Same for $object {
            fn same(&self, other: &Self) -> bool {
                self.metadata.uid == other.metadata.uid && self.spec == other.spec
            }
        })+
    };
}

same_if_spec_is!(IdentityPolicy, CertificateAuthority);

macro_rules! same_if_version_is {
    ($($object:ty),+) => {
        $(impl Same for $object {
            fn same(&self, other: &Self) -> bool {
                self.metadata.uid == other.metadata.uid
                    && self.metadata.resource_version == other.metadata.resource_version
            }
        })+
    };
}

same_if_version_is!(NamespaceBinding, IdentityRequest, PodCertificateRequest);

fn since(pod: &Pod) -> Option<Timestamp> {
    let containers = pod.status.as_ref()?.container_statuses.iter().flatten();
    let began = containers.filter_map(|one| one.state.as_ref()?.running.as_ref()?.started_at.as_ref());
    began.map(|time| time.0).min()
}

fn owner(meta: &ObjectMeta) -> Option<Owner> {
    let kind = |owner: &OwnerReference| ((&owner.api_version).into(), (&owner.kind).into());
    controller(meta).map(|owner| Owner { kind: kind(owner), uid: (&owner.uid).into() })
}

fn created(meta: &ObjectMeta) -> Option<Timestamp> {
    meta.creation_timestamp.as_ref().map(|time| time.0)
}
