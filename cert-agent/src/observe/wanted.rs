//! What is wanted in one namespace: identities with who wants them, and everything to complain about.
//!
//! Nothing on a pod is believed. Each template is derived anew, and so is each living pod ([`carried`]).

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::Timestamp;
use k8s_openapi::api::certificates::v1::PodCertificateRequest;
use sallyport_contract::{
    Identity, Reason,
    derive::{Audit, Verdict, derive},
    policy::PolicyBook,
};

use super::{
    carried::carried,
    conflict,
    facts::{PodFacts, Workload},
    made::{Content, Made},
    missed::{Missed, missed},
    owners::Owners,
};
use crate::{
    pod::{self, judge::Judgement},
    text::Text,
    uid::Uid,
};

/// Annotation of an identity: the UIDs of the workloads that it was made for, separated by commas.
pub const MADE_FOR: &str = "resolved.sallyport.dev/made-for";

/// Everything that decides what is wanted in one namespace.
#[derive(Clone, Debug)]
pub struct Scene {
    /// The namespace.
    pub namespace: String,
    /// Whether it is turned on.
    pub enabled: bool,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its workloads.
    pub workloads: Vec<Arc<Workload>>,
    /// Its pods.
    pub pods: Vec<Arc<PodFacts>>,
    /// The identities that we made there.
    pub made: Vec<Arc<Made>>,
    /// The requests of its pods for certificates of their own.
    pub requests: Vec<Arc<PodCertificateRequest>>,
}

/// The object that something is about, as events name it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct About {
    /// API version.
    pub api_version: &'static str,
    /// Kind.
    pub kind: &'static str,
    /// Namespace; empty for cluster-wide objects.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// UID.
    pub uid: String,
}

impl About {
    /// As people write it: `Deployment shop/web`.
    #[must_use]
    pub fn shown(&self) -> String {
        if self.namespace.is_empty() {
            format!("{} {}", self.kind, self.name)
        } else {
            format!("{} {}/{}", self.kind, self.namespace, self.name)
        }
    }
}

/// Something that people should hear of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Complaint {
    /// The object that it is about.
    pub about: About,
    /// The code.
    pub reason: Reason,
    /// What, why, whose rule and what to do.
    pub message: String,
}

/// An identity that somebody wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedIdentity {
    /// What it is to be.
    pub content: Content,
    /// The UIDs of the workloads that it is, or was, made for, in order.
    pub made_for: Box<[Uid]>,
    /// Why no new certificate is made although a living pod still carries it.
    pub held: Option<Text>,
}

/// What is wanted in one namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The identities by name.
    pub identities: BTreeMap<Text, WantedIdentity>,
    /// What to complain about.
    pub complaints: BTreeSet<Complaint>,
    /// What becomes of the pods' requests that are not answered yet, by their names.
    pub requests: BTreeMap<String, Judgement>,
    /// Pods that run without what the webhook gives, by their workloads.
    pub missed: Vec<Missed>,
}

/// One workload or pod asking for one identity.
#[derive(Clone, Debug)]
pub struct Ask {
    /// For what.
    pub identity: Identity,
    /// The UID of the workload that asks.
    pub uid: Uid,
    /// The object that asks.
    pub about: About,
    /// When the object was made.
    pub created: Option<Timestamp>,
    /// Why no new certificate may come of it.
    pub held: Option<String>,
}

/// Decides what is wanted in a namespace.
#[must_use]
pub fn wanted(scene: &Scene, book: &PolicyBook) -> Plan {
    let owners = Owners::new(&scene.workloads);
    let mut complaints = BTreeSet::new();
    let mut asks = Vec::new();
    if scene.enabled {
        for workload in &scene.workloads {
            templates(scene, book, workload, &mut asks, &mut complaints);
        }
    }
    for pod in scene.pods.iter().filter(|pod| pod.living) {
        carried(scene, book, &owners, pod, &mut asks, &mut complaints);
    }
    let made: BTreeMap<&str, &Made> = scene.made.iter().map(|made| (made.name.as_str(), &**made)).collect();
    let (asks, refused) = conflict::settle(asks, &made);
    complaints.extend(refused);
    let living: BTreeSet<&Uid> = scene
        .workloads
        .iter()
        .map(|workload| &workload.uid)
        .chain(scene.pods.iter().filter(|pod| pod.living).map(|pod| &pod.uid))
        .collect();
    let identities = gather(asks, &made, &living);
    let open = scene.requests.iter().filter(|request| !pod::facts::is_answered(request));
    let requests = open.filter_map(|request| {
        let judged = pod::judge::judge(request, scene, book, &owners, &identities);
        Some((request.metadata.name.clone()?, judged))
    });
    let requests = requests.collect();
    Plan { identities, complaints, requests, missed: missed(scene, book, &owners) }
}

fn templates(
    scene: &Scene,
    book: &PolicyBook,
    workload: &Workload,
    asks: &mut Vec<Ask>,
    complaints: &mut BTreeSet<Complaint>,
) {
    let Some(template) = &workload.template else { return };
    let about = About {
        api_version: workload.kind.api_version(),
        kind: workload.kind.as_str(),
        namespace: scene.namespace.clone(),
        name: workload.name.to_string(),
        uid: workload.uid.to_string(),
    };
    match derive(&template.subject(), &scene.labels, book) {
        Verdict::Granted(grant) => asks.extend(grant.identities().map(|identity| Ask {
            identity: identity.clone(),
            uid: workload.uid.clone(),
            about: about.clone(),
            created: workload.created,
            held: None,
        })),
        Verdict::LeftOut => {}
        Verdict::Refused(refusal) => {
            complaints.insert(Complaint { about, reason: refusal.reason, message: refusal.to_string() });
        }
        Verdict::Audited(audit) => complaints.extend(would_be_refused(about, &audit)),
    }
}

fn would_be_refused(about: About, audit: &Audit) -> Option<Complaint> {
    let reason = audit.would.as_ref().err()?.reason;
    Some(Complaint { about, reason, message: audit.would_be_refused()? })
}

/// Asks for the same identity become one.
fn gather(
    asks: Vec<Ask>,
    made: &BTreeMap<&str, &Made>,
    living: &BTreeSet<&Uid>,
) -> BTreeMap<Text, WantedIdentity> {
    let mut gathered: BTreeMap<Text, Gathered> = BTreeMap::new();
    for ask in asks {
        let name = Text::from(ask.identity.name.as_str());
        let wanted = gathered.entry(name).or_insert_with_key(|name| {
            let earlier = made.get(name.as_str()).into_iter().flat_map(|made| &made.made_for);
            let made_for = earlier.filter(|uid| living.contains(uid)).cloned().collect();
            Gathered { identity: ask.identity.clone(), made_for, held: ask.held.clone() }
        });
        // One ask that today's policy grants is enough for a new certificate.
        if ask.held.is_none() && wanted.held.take().is_some() {
            wanted.identity = ask.identity;
        }
        wanted.made_for.insert(ask.uid);
    }
    gathered.into_iter().map(|(name, gathered)| (name, gathered.kept())).collect()
}

/// An identity while asks for it come together.
struct Gathered {
    identity: Identity,
    made_for: BTreeSet<Uid>,
    held: Option<String>,
}

impl Gathered {
    fn kept(self) -> WantedIdentity {
        WantedIdentity {
            content: Content::of(self.identity),
            made_for: self.made_for.into_iter().collect(),
            held: self.held.map(Text::from),
        }
    }
}
