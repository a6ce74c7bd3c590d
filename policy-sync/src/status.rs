//! What an identity's status says: its certificate by cert-agent, its firewall and its readiness by us.

use sallyport_contract::{
    DnsName, DnsNames, Reason,
    object::{
        Condition, ConditionStatus, EnforcedApp, FirewallEnforcement, PodCounts, WorkloadIdentityStatus,
    },
};

use crate::{
    gate::{Carrier, Expected, Observer},
    identity::{FIREWALL_ENFORCED, Identity, READY, Said, Told},
    proven::{Delivered, Enforced, Proven, Scene, proven_at},
    standing::Standing,
    world::Key,
};

/// What is proven of one identity: its status, and what its pods are measured by.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// Our fields of its status.
    pub status: WorkloadIdentityStatus,
    /// What its pods are measured by.
    pub expected: Expected,
}

/// Judges one identity. `observer`: the policy that holds its namespace, where that one only observes. `before`: what was
/// stored last.
#[must_use]
pub fn judge<'a>(
    key: &Key,
    identity: &Identity,
    scene: Scene<'_>,
    observer: Option<&Observer>,
    pods: impl Iterator<Item = &'a Carrier>,
    before: &Told,
) -> Judged {
    let firewall = Enforced::of(key, identity, scene);
    let proven = Delivered::of(identity, scene.now).and_then(|certificate| match &firewall {
        Ok(firewall) => Ok(Proven::both(&certificate, firewall)),
        Err(held) => Err(held.clone()),
    });
    let condition = |kind: &str, before: Option<Said>, (holds, reason, words): (bool, Reason, &str)| {
        let status = ConditionStatus::from(holds);
        Condition {
            kind: kind.to_owned(),
            status,
            reason: reason.code().to_owned(),
            message: words.to_owned(),
            last_transition_time: before
                .filter(|said| said.status == status)
                .map_or(scene.now, |said| said.since),
            observed_generation: identity.meta.generation,
        }
    };
    let ready = |judged| condition(READY, before.ready, judged);
    let ready = match (&proven, observer) {
        (Ok(proven), _) => ready((true, proven.reason(), proven.words())),
        (Err(held), Some(observer)) => ready((true, Reason::Observed, &observer.words(held))),
        (Err((reason, words)), None) => ready((false, *reason, words)),
    };
    let on_firewall = match &firewall {
        Ok(enforced) => (true, enforced.reason(), enforced.words()),
        Err((reason, words)) => (false, *reason, words.as_str()),
    };
    let on_firewall = condition(FIREWALL_ENFORCED, before.enforced, on_firewall);
    let names = identity.dns_names();
    let status = WorkloadIdentityStatus {
        certificate: None,
        certificates: None,
        unwanted_since: None,
        firewall: Some(FirewallEnforcement { apps: apps(names.as_ref(), scene.standing) }),
        pods: Some(count(pods)),
        conditions: vec![on_firewall, ready],
    };
    let dns_names = names.map(|names| names.to_string()).unwrap_or_default();
    Judged { status, expected: Expected { dns_names, action: identity.action.as_str(), proven } }
}

fn apps(names: Option<&DnsNames>, standing: Option<&Standing>) -> Vec<EnforcedApp> {
    let entry = |name: &DnsName| standing?.names.get(name)?.entry.as_ref();
    let app = |name: &DnsName| {
        let entry = entry(name)?;
        Some(EnforcedApp {
            dns_name: name.to_string(),
            app: entry.app.clone(),
            rule: entry.rule.clone(),
            devices: entry.evidence.as_ref().map(|evidence| evidence.devices.clone()).unwrap_or_default(),
            proven_at: proven_at(entry),
            job: entry.evidence.as_ref().and_then(|evidence| evidence.job.clone()),
        })
    };
    names.into_iter().flat_map(DnsNames::iter).filter_map(app).collect()
}

fn count<'a>(pods: impl Iterator<Item = &'a Carrier>) -> PodCounts {
    let (mut total, mut ready) = (0, 0);
    for pod in pods.filter(|pod| pod.living) {
        total += 1;
        ready += i64::from(pod.gate.as_ref().is_some_and(|gate| gate.open));
    }
    PodCounts { total, ready, summary: format!("{ready}/{total}") }
}
