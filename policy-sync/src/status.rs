//! What an identity's status says: its certificate by cert-agent, its firewall and its readiness by us.

use sallyport_contract::{
    DnsName, DnsNames, Reason,
    object::{
        Condition, ConditionStatus, EnforcedApp, FirewallEnforcement, PodCounts, WorkloadIdentity,
        WorkloadIdentityStatus, set_condition,
    },
};

use crate::{
    gate::{Carrier, Expected, Observer},
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

/// Judges one identity. `observer`: the policy that holds its namespace, where that one only observes.
#[must_use]
pub fn judge<'a>(
    key: &Key,
    identity: &WorkloadIdentity,
    scene: Scene<'_>,
    observer: Option<&Observer>,
    pods: impl Iterator<Item = &'a Carrier>,
    previous: &[Condition],
) -> Judged {
    let firewall = Enforced::of(key, identity, scene);
    let proven = Delivered::of(identity, scene.now).and_then(|certificate| match &firewall {
        Ok(firewall) => Ok(Proven::both(&certificate, firewall)),
        Err(held) => Err(held.clone()),
    });
    let condition = |kind: &str, (holds, reason, words): (bool, Reason, &str)| {
        let generation = identity.metadata.generation;
        set_condition(previous, kind, ConditionStatus::from(holds), reason, words, generation, scene.now)
    };
    let observed = |missing| observer.map(|observer| observer.words(missing));
    let ready = match &proven {
        Ok(proven) => condition("Ready", (true, proven.reason(), proven.words())),
        Err(held) => match observed(held) {
            Some(words) => condition("Ready", (true, Reason::Observed, &words)),
            None => condition("Ready", (false, held.0, &held.1)),
        },
    };
    let on_firewall = match &firewall {
        Ok(enforced) => condition("FirewallEnforced", (true, enforced.reason(), enforced.words())),
        Err((reason, words)) => condition("FirewallEnforced", (false, *reason, words)),
    };
    let names = DnsNames::from_strings(&identity.spec.dns_names);
    let status = WorkloadIdentityStatus {
        certificate: None,
        certificates: None,
        unwanted_since: None,
        firewall: Some(FirewallEnforcement { apps: apps(names.as_ref(), scene.standing) }),
        pods: Some(count(pods)),
        conditions: vec![on_firewall, ready],
    };
    let dns_names = names.map(|names| names.to_string()).unwrap_or_default();
    Judged { status, expected: Expected { dns_names, action: identity.spec.action.as_str(), proven } }
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
