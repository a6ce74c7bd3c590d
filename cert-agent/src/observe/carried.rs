//! What living pods carry: it keeps an identity wanted if it is what we derive, or what we once made for the
//! pod's workload; anything else is a forgery, and no certificate comes of it.

use std::collections::BTreeSet;

use sallyport_contract::{
    Identity, Reason, Refusal,
    derive::{Audit, Verdict, derive},
    keys,
    policy::PolicyBook,
    refusal::quoted,
    workload::Subject,
};

use super::{
    facts::PodFacts,
    made::Made,
    owners::{Claimed, Owned, Owners},
    wanted::{About, Ask, Complaint, Scene},
};

/// What a pod's own word about itself is worth.
pub enum Carried {
    /// It is this identity; held, if today's policy would not give it any more.
    Identity(Box<Identity>, Option<String>),
    /// Neither what is derived for its workload nor what was ever made for it.
    Tampered,
    /// Its owner is not known yet, or no more.
    Unknown,
}

/// Judges what a pod says that it is.
#[must_use]
pub fn identity_of(scene: &Scene, book: &PolicyBook, owned: &Owned, pod: &PodFacts, label: &str) -> Carried {
    let found = derived(scene, book, pod, label, owned).map(|identity| (identity, None)).or_else(|| {
        let made = scene.made.iter().find(|made| made.name == *label);
        let before = made.and_then(|made| made_before(made, owned, pod))?;
        Some(as_if_asked(before, owned.subjects.first()?, scene, book))
    });
    match (found, owned.owner) {
        (Some((identity, held)), _) => Carried::Identity(Box::new(identity), held),
        (None, Claimed::Known | Claimed::Forged) => Carried::Tampered,
        // Whose it is will be told, or the pod goes like its owner.
        (None, Claimed::Missing) => Carried::Unknown,
    }
}

/// Adds what a living pod asks for by what it carries, or a complaint.
pub(super) fn carried(
    scene: &Scene,
    book: &PolicyBook,
    owners: &Owners<'_>,
    pod: &PodFacts,
    asks: &mut Vec<Ask>,
    complaints: &mut BTreeSet<Complaint>,
) {
    let Some(label) = &pod.identity else { return };
    if !scene.enabled && !scene.made.iter().any(|made| made.name == *label) {
        return;
    }
    let owned = owners.of(pod);
    let about = About {
        api_version: "v1",
        kind: "Pod",
        namespace: scene.namespace.clone(),
        name: pod.name.to_string(),
        uid: pod.uid.to_string(),
    };
    match identity_of(scene, book, &owned, pod, label) {
        Carried::Identity(identity, held) => {
            asks.push(Ask { identity: *identity, uid: owned.uid, about, created: pod.created, held });
        }
        Carried::Tampered => {
            complaints.insert(tampered(about, pod, label));
        }
        Carried::Unknown => {}
    }
}

/// What is derived today, if the pod carries just that. Only of an owner that we know.
fn derived(scene: &Scene, book: &PolicyBook, pod: &PodFacts, label: &str, owned: &Owned) -> Option<Identity> {
    let subjects = owned.subjects.iter().filter(|_| owned.owner == Claimed::Known);
    subjects.into_iter().find_map(|subject| match derive(subject, &scene.labels, book) {
        Verdict::Granted(grant) => Some(grant.first).filter(|identity| matches(identity, pod, label)),
        Verdict::LeftOut | Verdict::Refused(_) | Verdict::Audited(_) => None,
    })
}

fn matches(identity: &Identity, pod: &PodFacts, label: &str) -> bool {
    identity.name.as_str() == label && pod.dns_names.as_deref() == Some(&*identity.dns_names.to_string())
}

/// The identity that we made earlier for this workload, if it is what the pod carries. A pod whose owner has
/// just gone keeps what it carries until it goes too, for that gives it nothing that it does not have.
fn made_before(made: &Made, owned: &Owned, pod: &PodFacts) -> Option<Identity> {
    if owned.owner != Claimed::Missing && !made.made_for.contains(&owned.uid) {
        return None;
    }
    let identity = made.identity()?;
    matches(&identity, pod, &made.name).then_some(identity)
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
        Verdict::Granted(grant) | Verdict::Audited(Audit { would: Ok(Some(grant)), .. })
            if grant.first.name == before.name =>
        {
            (grant.first, None)
        }
        Verdict::Refused(refusal) | Verdict::Audited(Audit { would: Err(refusal), .. }) => {
            let Refusal { what, rule, .. } = refusal;
            let why = format!(
                "a living pod still carries this identity, but it is no longer given: {what} ({rule})"
            );
            (before, Some(why))
        }
        Verdict::Granted(_) | Verdict::LeftOut | Verdict::Audited(_) => (before, None),
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
