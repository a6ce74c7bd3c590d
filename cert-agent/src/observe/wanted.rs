//! What is wanted in one namespace: identities with who wants them, and everything to complain about.
//!
//! Nothing on a pod is believed. Each template and each living pod is derived anew; what a pod carries is
//! only compared.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::Timestamp;
use sallyport_contract::{
    DnsNames, Identity, Reason, Refusal,
    derive::{Verdict, derive},
    identity::IdentityName,
    keys,
    object::WorkloadIdentity,
    policy::PolicyBook,
    refusal::quoted,
    workload::Subject,
};

use super::{
    conflict,
    facts::{PodFacts, Workload},
    owners::Owners,
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
    pub made: Vec<Arc<WorkloadIdentity>>,
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
    /// The identity.
    pub identity: Identity,
    /// The UIDs of the workloads that it is, or was, made for.
    pub made_for: BTreeSet<String>,
    /// Why no new certificate is made although a living pod still carries it.
    pub held: Option<String>,
}

/// What is wanted in one namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The identities by name.
    pub identities: BTreeMap<String, WantedIdentity>,
    /// What to complain about.
    pub complaints: BTreeSet<Complaint>,
}

/// One workload or pod asking for one identity.
#[derive(Clone, Debug)]
pub struct Ask {
    /// For what.
    pub identity: Identity,
    /// The UID of the workload that asks.
    pub uid: String,
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
    let made: BTreeMap<&str, &WorkloadIdentity> =
        scene.made.iter().filter_map(|made| Some((made.metadata.name.as_deref()?, &**made))).collect();
    let (asks, refused) = conflict::settle(asks, &made);
    complaints.extend(refused);
    let living: BTreeSet<&str> = scene
        .workloads
        .iter()
        .map(|workload| workload.uid.as_str())
        .chain(scene.pods.iter().filter(|pod| pod.living).map(|pod| pod.uid.as_str()))
        .collect();
    Plan { identities: gather(asks, &made, &living), complaints }
}

fn templates(
    scene: &Scene,
    book: &PolicyBook,
    workload: &Workload,
    asks: &mut Vec<Ask>,
    complaints: &mut BTreeSet<Complaint>,
) {
    let Some(subject) = &workload.subject else { return };
    let about = About {
        api_version: workload.kind.api_version(),
        kind: workload.kind.as_str(),
        namespace: scene.namespace.clone(),
        name: workload.name.clone(),
        uid: workload.uid.clone(),
    };
    match derive(subject, &scene.labels, book) {
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
    }
}

/// What a living pod carries keeps its identity wanted, if it is what we derive or once derived.
fn carried(
    scene: &Scene,
    book: &PolicyBook,
    owners: &Owners<'_>,
    pod: &PodFacts,
    asks: &mut Vec<Ask>,
    complaints: &mut BTreeSet<Complaint>,
) {
    let Some(label) = &pod.identity else { return };
    let made = scene.made.iter().find(|made| made.metadata.name.as_ref() == Some(label));
    if !scene.enabled && made.is_none() {
        return;
    }
    let owned = owners.of(pod);
    let about = About {
        api_version: "v1",
        kind: "Pod",
        namespace: scene.namespace.clone(),
        name: pod.name.clone(),
        uid: pod.uid.clone(),
    };
    let ask = |identity, held| Ask {
        identity,
        uid: owned.uid.clone(),
        about: about.clone(),
        created: pod.created,
        held,
    };
    let derived = owned.subjects.iter().find_map(|subject| match derive(subject, &scene.labels, book) {
        Verdict::Granted(grant) if matches(&grant.first, pod, label) => Some(grant.first),
        Verdict::Granted(_) | Verdict::LeftOut | Verdict::Refused(_) => None,
    });
    if let Some(identity) = derived {
        asks.push(ask(identity, None));
        return;
    }
    let before = made.and_then(|made| made_before(made, &owned.uid, pod));
    match (before, owned.subjects.first()) {
        (Some(before), Some(subject)) => {
            let (identity, held) = as_if_asked(before, subject, scene, book);
            asks.push(ask(identity, held));
        }
        (Some(_), None) => {}
        (None, _) if owned.known => {
            complaints.insert(tampered(about, pod, label));
        }
        (None, _) => {}
    }
}

fn matches(identity: &Identity, pod: &PodFacts, label: &str) -> bool {
    identity.name.as_str() == label && pod.dns_names.as_deref() == Some(&*identity.dns_names.to_string())
}

/// The identity that we made earlier for this workload, if it is what the pod carries.
fn made_before(made: &WorkloadIdentity, uid: &str, pod: &PodFacts) -> Option<Identity> {
    if !made_for(made).any(|known| known == uid) {
        return None;
    }
    let namespace = made.metadata.namespace.clone().unwrap_or_default();
    let dns_names = DnsNames::from_strings(&made.spec.dns_names)?;
    let identity = Identity {
        name: IdentityName::of(&namespace, &dns_names, made.spec.delivery),
        namespace,
        dns_names,
        delivery: made.spec.delivery,
        action: made.spec.action,
        policy: made.spec.policy.clone(),
        certificate: made.spec.certificate.clone(),
        firewall: made.spec.firewall.clone(),
    };
    matches(&identity, pod, made.metadata.name.as_deref()?).then_some(identity)
}

/// Today's terms for names that were given earlier; held where today's policy would not give them.
fn as_if_asked(
    before: Identity,
    subject: &Subject,
    scene: &Scene,
    book: &PolicyBook,
) -> (Identity, Option<String>) {
    let mut asking = subject.clone();
    asking.annotations.insert(keys::SAN.to_owned(), before.dns_names.to_string());
    asking.annotations.insert(keys::ACTION.to_owned(), before.action.as_str().to_owned());
    asking.annotations.remove(keys::CONTAINERS);
    match derive(&asking, &scene.labels, book) {
        Verdict::Granted(grant) if grant.first.name == before.name => (grant.first, None),
        Verdict::Refused(Refusal { what, rule, .. }) => {
            let why = format!(
                "a living pod still carries this identity, but it is no longer given: {what} ({rule})"
            );
            (before, Some(why))
        }
        Verdict::Granted(_) | Verdict::LeftOut => (before, None),
    }
}

fn tampered(about: About, pod: &PodFacts, label: &str) -> Complaint {
    let message = format!(
        "the pod says that it is identity {} with the names {}, which is neither what Sallyport derives for \
         its workload nor what it ever made for it; no certificate comes of it. Whose rule: Sallyport's own. \
         Do: delete the pod, or restart its workload",
        quoted(label),
        quoted(pod.dns_names.as_deref().unwrap_or_default()),
    );
    Complaint { about, reason: Reason::Tampered, message }
}

/// The UIDs of the workloads that an identity was made for.
pub fn made_for(made: &WorkloadIdentity) -> impl Iterator<Item = &str> {
    let annotations = made.metadata.annotations.as_ref();
    let text = annotations.and_then(|annotations| annotations.get(MADE_FOR)).map_or("", String::as_str);
    text.split(',').filter(|uid| !uid.is_empty())
}

/// Asks for the same identity become one.
fn gather(
    asks: Vec<Ask>,
    made: &BTreeMap<&str, &WorkloadIdentity>,
    living: &BTreeSet<&str>,
) -> BTreeMap<String, WantedIdentity> {
    let mut identities: BTreeMap<String, WantedIdentity> = BTreeMap::new();
    for ask in asks {
        let name = ask.identity.name.as_str().to_owned();
        let wanted = identities.entry(name).or_insert_with_key(|name| {
            let earlier = made.get(name.as_str()).into_iter().flat_map(|made| made_for(made));
            let made_for = earlier.filter(|uid| living.contains(uid)).map(str::to_owned).collect();
            WantedIdentity { identity: ask.identity.clone(), made_for, held: ask.held.clone() }
        });
        // One ask that today's policy grants is enough for a new certificate.
        if ask.held.is_none() && wanted.held.take().is_some() {
            wanted.identity = ask.identity;
        }
        wanted.made_for.insert(ask.uid);
    }
    identities
}
