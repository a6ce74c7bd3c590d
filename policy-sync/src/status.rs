//! What an identity's status says: its certificate by cert-agent, its firewall and its readiness by us.

use jiff::{Timestamp, tz::TimeZone};
use sallyport_contract::{
    DnsName, DnsNames, Reason,
    object::{
        ClaimedFirewall, Condition, ConditionStatus, EnforcedApp, FirewallEnforcement, PodCounts,
        WorkloadIdentity, WorkloadIdentityStatus, set_condition,
    },
};

use crate::{
    gate::{Carrier, Expected, Verdict},
    standing::Standing,
    world::Key,
};

/// The condition that cert-agent writes.
const CERTIFICATE_ISSUED: &str = "CertificateIssued";

/// What is proven of one identity: its status, and what its pods are measured by.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// Our fields of its status.
    pub status: WorkloadIdentityStatus,
    /// What its pods are measured by.
    pub expected: Expected,
}

/// Judges one identity. `standing`: how its firewall stands; `None` if there is none of that name.
#[must_use]
pub fn judge<'a>(
    key: &Key,
    identity: &WorkloadIdentity,
    standing: Option<&Standing>,
    pods: impl Iterator<Item = &'a Carrier>,
    previous: &[Condition],
    now: Timestamp,
) -> Judged {
    let names = DnsNames::from_strings(&identity.spec.dns_names);
    let firewall = enforced(key, identity, names.as_ref(), standing);
    let certificate = certificate(identity, now);
    let verdict = match (&certificate, &firewall) {
        (Err((reason, words)), _) | (Ok(()), Err((reason, words))) => Verdict::Waits(*reason, words.clone()),
        (Ok(()), Ok(words)) => Verdict::Proven(words.clone()),
    };
    let condition = |kind: &str, result: Result<&str, (Reason, &str)>| {
        let (status, reason, words) = match result {
            Ok(words) => (ConditionStatus::True, Reason::Enforced, words),
            Err((reason, words)) => (ConditionStatus::False, reason, words),
        };
        set_condition(previous, kind, status, reason, words, identity.metadata.generation, now)
    };
    let ready = match &verdict {
        Verdict::Proven(words) => Ok(words.as_str()),
        Verdict::Waits(reason, words) => Err((*reason, words.as_str())),
    };
    let on_firewall =
        firewall.as_ref().map(String::as_str).map_err(|(reason, words)| (*reason, words.as_str()));
    let status = WorkloadIdentityStatus {
        certificate: None,
        unwanted_since: None,
        firewall: Some(FirewallEnforcement { apps: apps(names.as_ref(), standing) }),
        pods: Some(count(pods)),
        conditions: vec![condition("FirewallEnforced", on_firewall), condition("Ready", ready)],
    };
    let dns_names = names.map(|names| names.to_string()).unwrap_or_default();
    Judged { status, expected: Expected { dns_names, action: identity.spec.action.as_str(), verdict } }
}

type Held = (Reason, String);

/// Whether cert-agent says that a certificate for these names is there.
fn certificate(identity: &WorkloadIdentity, now: Timestamp) -> Result<(), Held> {
    let status = identity.status.as_ref();
    let condition = status.and_then(|status| status.conditions.iter().find(|c| c.kind == CERTIFICATE_ISSUED));
    let ended = status
        .and_then(|status| status.certificate.as_ref())
        .is_some_and(|certificate| certificate.not_after <= now);
    match condition {
        Some(condition) if condition.status == ConditionStatus::True && !ended => Ok(()),
        Some(condition) if condition.status == ConditionStatus::True => {
            Err((Reason::AwaitingCertificate, "the certificate has ended and is not renewed yet".to_owned()))
        }
        Some(condition) => {
            let reason = Reason::from_code(&condition.reason).unwrap_or(Reason::AwaitingCertificate);
            Err((reason, condition.message.clone()))
        }
        None => Err((
            Reason::AwaitingCertificate,
            "cert-agent has not said anything about the certificate yet".to_owned(),
        )),
    }
}

/// Whether the firewall enforces every name; the words for it, or the first that is missing.
fn enforced(
    key: &Key,
    identity: &WorkloadIdentity,
    names: Option<&DnsNames>,
    standing: Option<&Standing>,
) -> Result<String, Held> {
    let firewall = &identity.spec.firewall;
    let Some(names) = names else {
        return Err((Reason::Malformed, "spec.dnsNames are not in normal form".to_owned()));
    };
    let Some(standing) = standing else {
        return Err((Reason::NotFound, format!("there is no Firewall {firewall}")));
    };
    if let Some((reason, words)) = standing.refused.get(key) {
        return Err((*reason, words.clone()));
    }
    let mut newest: Option<&ClaimedFirewall> = None;
    for name in names.iter() {
        match standing.names.get(name) {
            Some(state)
                if state.reason == Reason::Enforced
                    && state.entry.as_ref().is_some_and(|entry| entry.action == identity.spec.action) =>
            {
                newest = newest.into_iter().chain(state.entry.as_ref()).max_by_key(|entry| proven_at(entry));
            }
            Some(state) if state.reason != Reason::Enforced => {
                return Err((state.reason, state.words.clone()));
            }
            Some(_) | None => {
                return Err((
                    Reason::AwaitingFirewall,
                    format!("firewall {firewall} has not been asked about {name} yet"),
                ));
            }
        }
    }
    let devices =
        newest.and_then(|entry| entry.evidence.as_ref()).map_or(0, |evidence| evidence.devices.len());
    let at = newest.and_then(proven_at).map(clock).unwrap_or_default();
    Ok(format!("{firewall}, {devices} of {devices} devices, {at}; path not proven"))
}

fn proven_at(entry: &ClaimedFirewall) -> Option<Timestamp> {
    entry.evidence.as_ref().map(|evidence| evidence.proven_at)
}

/// The time of day as people read it, in UTC.
#[must_use]
pub fn clock(time: Timestamp) -> String {
    time.to_zoned(TimeZone::UTC).strftime("%H:%M:%S").to_string()
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
