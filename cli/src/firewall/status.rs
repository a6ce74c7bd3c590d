//! How a firewall stands, from its object, the identities and the claims: plain columns.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use sallyport_contract::{
    Reason,
    object::{
        Condition, Firewall, FirewallDevice, FirewallMember, FirewallStatus, JobKind, NameClaim,
        WorkloadIdentity,
    },
};
use sallyport_policy_sync::member::Member;

use crate::table::table;

/// What the status is told from.
pub(crate) struct View {
    /// The firewalls that were asked for.
    pub(crate) firewalls: Vec<Firewall>,
    /// Every identity.
    pub(crate) identities: Vec<WorkloadIdentity>,
    /// Every claim.
    pub(crate) claims: Vec<NameClaim>,
}

/// Names that wait, told with their words; the others are counted.
const MOST_TOLD: usize = 5;
/// What an identity says about its firewall.
const ENFORCED: &str = "FirewallEnforced";

/// The status of each firewall.
pub(crate) fn print(view: &View, now: Timestamp) -> String {
    if view.firewalls.is_empty() {
        return "there is no Firewall; the network security team writes one\n".to_owned();
    }
    let told: Vec<String> = view.firewalls.iter().map(|firewall| one(firewall, view, now)).collect();
    told.join("\n")
}

fn one(firewall: &Firewall, view: &View, now: Timestamp) -> String {
    let name = firewall.metadata.name.as_deref().unwrap_or_default();
    let status = firewall.status.clone().unwrap_or_default();
    let mut text = format!("firewall {name}, cluster {}\n", firewall.spec.cluster_name);
    let hosts = Member::of(name, &firewall.spec);
    for member in &hosts {
        if let Some(access) = member.access(&firewall.spec) {
            line(&mut text, "target", &format!("{} at {}", access.site, access.hosts.join(", ")));
        }
    }
    if status.members.is_empty() {
        device(&mut text, &FirewallMember::of(&status), status.active.as_deref());
    }
    for member in &status.members {
        line(&mut text, "host", &member.host);
        device(&mut text, member, None);
    }
    brakes(&mut text, firewall);
    text.push_str(&devices(&status.devices));
    text.push_str(&conditions(&status));
    text.push_str(&names(name, view));
    text.push_str(&quarantine(firewall, view, now));
    text
}

fn line(text: &mut String, topic: &str, words: &str) {
    text.push_str(&format!("  {topic:<12}{words}\n"));
}

fn device(text: &mut String, member: &FirewallMember, active: Option<&str>) {
    let known = |value: &Option<String>| value.clone().unwrap_or_else(|| "unknown".to_owned());
    let active = active.map(|host| format!(", {host} is active")).unwrap_or_default();
    match &member.model {
        None => line(text, "device", "not asked yet"),
        Some(model) => {
            let words =
                format!("{model} {}, serial {}{active}", known(&member.version), known(&member.serial));
            line(text, "device", &words);
        }
    }
    let limit = member.names.limit.map(|limit| format!(" of {limit} that fit")).unwrap_or_default();
    line(text, "names", &format!("{}{limit}", member.names.used));
    if let Some(job) = &member.job {
        let what = match job.kind {
            JobKind::Commit => "commit",
            JobKind::Push => "push",
        };
        line(text, "job", &format!("{what} {} since {:.0}", job.id, job.started));
    }
    if let Some(commit) = &member.last_commit {
        let words = format!(
            "{} {}, took {} s, ended {:.0}",
            commit.job, commit.result, commit.took_seconds, commit.finished
        );
        line(text, "last commit", &words);
    }
}

fn brakes(text: &mut String, firewall: &Firewall) {
    if firewall.spec.suspend {
        line(text, "suspended", "spec.suspend is set: nothing is written until it is not");
    }
    if !firewall.spec.blocked.is_empty() {
        line(text, "blocked", &firewall.spec.blocked.join(", "));
    }
}

fn devices(devices: &[FirewallDevice]) -> String {
    if devices.is_empty() {
        return String::new();
    }
    let row = |one: &FirewallDevice| {
        let since = one.disconnected_since.map(|at| format!("away since {at:.0}"));
        vec![
            one.serial.clone(),
            one.hostname.clone(),
            one.device_group.clone(),
            if one.counts { "yes" } else { "no" }.to_owned(),
            since.unwrap_or_else(|| "yes".to_owned()),
        ]
    };
    let rows: Vec<Vec<String>> = devices.iter().map(row).collect();
    format!("\n{}", table(&["DEVICE", "HOST", "GROUP", "COUNTS", "CONNECTED"], &rows))
}

fn conditions(status: &FirewallStatus) -> String {
    if status.conditions.is_empty() {
        return "\nno condition yet: policy-sync has not looked at this object; is it running?\n".to_owned();
    }
    let row = |one: &Condition| {
        vec![
            one.kind.clone(),
            one.status.as_str().to_owned(),
            one.reason.clone(),
            turn(&one.reason).to_owned(),
            one.message.clone(),
        ]
    };
    let rows: Vec<Vec<String>> = status.conditions.iter().map(row).collect();
    format!("\n{}", table(&["CONDITION", "STATUS", "REASON", "WHOSE TURN", "WORDS"], &rows))
}

/// Whose turn it is; a code of another release says nothing.
fn turn(code: &str) -> &'static str {
    Reason::from_code(code).map_or("unknown", |reason| reason.turn().as_str())
}

/// The names that are wanted here by reason, and the first that wait.
fn names(firewall: &str, view: &View) -> String {
    let mut by_name: BTreeMap<&str, (&str, &str)> = BTreeMap::new();
    for identity in view.identities.iter().filter(|identity| identity.spec.firewall == firewall) {
        let stands = identity
            .condition(ENFORCED)
            .map_or((Reason::AwaitingFirewall.code(), "policy-sync has not looked at it yet"), |found| {
                (found.reason.as_str(), found.message.as_str())
            });
        for name in &identity.spec.dns_names {
            // Of two identities that share a name the one that waits is told.
            let known = by_name.entry(name).or_insert(stands);
            if settled(known.0) && !settled(stands.0) {
                *known = stands;
            }
        }
    }
    if by_name.is_empty() {
        return "\nno identity has a name on this firewall\n".to_owned();
    }
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (reason, _) in by_name.values() {
        *counts.entry(reason).or_default() += 1;
    }
    let mut rows: Vec<(usize, &str)> = counts.into_iter().map(|(reason, n)| (n, reason)).collect();
    rows.sort_by_key(|(n, reason)| (std::cmp::Reverse(*n), *reason));
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|(n, reason)| vec![n.to_string(), (*reason).to_owned(), turn(reason).to_owned()])
        .collect();
    let mut text = format!("\n{}", table(&["NAMES", "REASON", "WHOSE TURN"], &rows));
    let waiting: Vec<_> = by_name.into_iter().filter(|(_, (reason, _))| !settled(reason)).collect();
    if !waiting.is_empty() {
        let rows: Vec<Vec<String>> = waiting
            .iter()
            .take(MOST_TOLD)
            .map(|(name, (reason, words))| {
                vec![(*name).to_owned(), (*reason).to_owned(), (*words).to_owned()]
            })
            .collect();
        text.push('\n');
        text.push_str(&table(&["WAITING", "REASON", "WORDS"], &rows));
        if waiting.len() > MOST_TOLD {
            text.push_str(&format!("and {} more\n", waiting.len() - MOST_TOLD));
        }
    }
    text
}

/// Whether nothing more is to come.
fn settled(code: &str) -> bool {
    matches!(Reason::from_code(code), Some(Reason::Enforced | Reason::EnforcedPermissive | Reason::Observed))
}

/// Names that stand here and that nobody wants, with when they go.
fn quarantine(firewall: &Firewall, view: &View, now: Timestamp) -> String {
    let name = firewall.metadata.name.as_deref().unwrap_or_default();
    let members: BTreeSet<String> =
        Member::of(name, &firewall.spec).iter().map(ToString::to_string).collect();
    let here = view.identities.iter().filter(|identity| identity.spec.firewall == name);
    let wanted: BTreeSet<&str> =
        here.flat_map(|identity| identity.spec.dns_names.iter().map(String::as_str)).collect();
    let unwanted = view.claims.iter().filter(|claim| !wanted.contains(claim.spec.dns_name.as_str()));
    let mut rows = Vec::new();
    for claim in unwanted {
        for entry in claim.status.iter().flat_map(|status| &status.firewalls) {
            if members.contains(&entry.firewall) {
                let quarantine: SignedDuration = firewall.spec.removal.quarantine.as_signed();
                let end = entry.last_wanted.saturating_add(quarantine).unwrap_or(Timestamp::MAX);
                let goes = if end > now { format!("{end:.0}") } else { "with the next commit".to_owned() };
                rows.push(vec![claim.spec.dns_name.clone(), entry.app.clone(), entry.firewall.clone(), goes]);
            }
        }
    }
    if rows.is_empty() {
        return String::new();
    }
    rows.sort();
    format!("\n{}", table(&["IN QUARANTINE", "APP-ID", "FIREWALL", "GOES"], &rows))
}

#[cfg(test)]
mod tests;
