//! What each firewall's management interface tells, and whether DNS knows the hosts: from where this runs, which need not
//! be where the programs run.

use std::{collections::BTreeSet, time::Duration};

use jiff::{SignedDuration, Timestamp, civil::DateTime, fmt::strtime, tz::TimeZone};
use kube::ResourceExt as _;
use sallyport_contract::object::Firewall;
use sallyport_policy_sync::{cycle, firewall::Facts, member::Member, panos::Panos};
use sallyport_process::clock::Clock;

use super::finding::{Finding, said};
use crate::firewall::world;

/// How long DNS may take.
const DNS_DEADLINE: Duration = Duration::from_secs(5);
/// Further off, the device's logs and a change window mean another time than they say.
const MOST_SKEW: SignedDuration = SignedDuration::from_secs(60);
/// Time zones differ by whole quarters of an hour, and the device does not tell its own.
const QUARTER: i64 = 900;

/// Reads as policy-sync reads before its first write: the login, the TLS certificate, the configuration, jobs, locks. What
/// the rules in force make of ours is told by `sallyport firewall preflight`.
pub(super) async fn look(firewall: &Firewall, clock: &Clock) -> Vec<Finding> {
    let name = firewall.name_any();
    let world = match world(&name).await {
        Ok(world) => world,
        Err(words) => return vec![Finding::unknown(&name, words)],
    };
    let mut findings = Vec::new();
    for member in Member::of(&name, &firewall.spec) {
        let topic = member.to_string();
        match cycle::preview(Panos::new, member, &world, clock.clone()).await {
            Ok(preview) => findings.extend(judged(&topic, &preview.facts, clock.now())),
            Err(fault) => {
                let turn = fault.fate.reason().turn().as_str();
                let words = format!(
                    "{} ({}); the next step is for {turn}",
                    said(&fault.message),
                    fault.fate.reason()
                );
                findings.push(Finding::bad(&topic, words));
            }
        }
    }
    findings
}

fn judged(topic: &str, facts: &Facts, now: Timestamp) -> Vec<Finding> {
    let Facts { model, version, content, time, .. } = facts;
    let content = if content.is_empty() { "none that it tells" } else { content };
    let found = format!(
        "{model} {version}, content {content}, answers with the expected certificate; the account may read configuration and \
         ask; whether it may commit, only a commit shows"
    );
    vec![Finding::good(topic, found), skew(topic, time, now)]
}

/// The device's clock, whatever its time zone.
fn skew(topic: &str, time: &str, now: Timestamp) -> Finding {
    let topic = format!("{topic} clock");
    let Some(there) = read(time) else {
        return Finding::unknown(&topic, format!("the device says {}: compare it yourself", said(time)));
    };
    let off = there.duration_since(now).as_secs();
    let rest = (off + QUARTER / 2).rem_euclid(QUARTER) - QUARTER / 2;
    if rest.abs() <= MOST_SKEW.as_secs() {
        return Finding::good(
            &topic,
            "agrees with this one, but for whole quarters of an hour, which may be its time zone",
        );
    }
    let side = if rest > 0 { "ahead" } else { "behind" };
    Finding::bad(&topic, format!("{} s {side}, whatever its time zone: set NTP on the device", rest.abs()))
}

/// A time as `show system info` writes it on one release or another, taken for UTC.
fn read(time: &str) -> Option<Timestamp> {
    ["%a %b %d %H:%M:%S %Y", "%Y/%m/%d %H:%M:%S"].iter().find_map(|format| {
        let civil: DateTime = strtime::parse(format, time.trim()).ok()?.to_datetime().ok()?;
        Some(civil.to_zoned(TimeZone::UTC).ok()?.timestamp())
    })
}

/// Whether DNS knows each host.
pub(super) async fn names(hosts: &BTreeSet<String>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for host in hosts {
        let found = tokio::time::timeout(DNS_DEADLINE, tokio::net::lookup_host((host.as_str(), 443))).await;
        findings.push(match found {
            Ok(Ok(mut addresses)) => match addresses.next() {
                Some(address) => Finding::good("DNS", format!("{host} is {}", address.ip())),
                None => Finding::bad("DNS", format!("{host} has no address: see its zone")),
            },
            Ok(Err(error)) => Finding::bad(
                "DNS",
                format!(
                    "{host} is not found ({}): see that this name server knows it",
                    said(&error.to_string())
                ),
            ),
            Err(_) => Finding::bad("DNS", format!("no answer about {host} in {} s", DNS_DEADLINE.as_secs())),
        });
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_devices_clock_is_judged_whatever_its_time_zone() {
        let now: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        let good = Finding::good("", "").is_clear();
        for (time, clear) in [
            ("Sat Nov 21 12:00:30 2026", good),
            ("2026/11/21 11:59:01", good),
            ("Sat Nov 21 17:45:10 2026", good),
            ("Sat Nov 21 12:01:01 2026", false),
            ("2026/11/21 07:58:59", false),
        ] {
            assert_eq!(skew("edge", time, now).is_clear(), clear, "{time}");
        }
        assert_eq!(skew("edge", "Sat Nov 21 12:00:30 2026", now), skew("edge", "2026/11/21 08:15:00", now));
        for odd in ["", "yesterday", "2026-11-21"] {
            let words = format!("the device says {}: compare it yourself", said(odd));
            assert_eq!(skew("edge", odd, now), Finding::unknown("edge clock", words));
        }
    }

    #[test]
    fn a_device_tells_its_content_and_what_nothing_but_a_commit_shows() {
        let facts = Facts {
            model: "PA-VM".into(),
            version: "11.1.6".into(),
            content: "8900-9000".into(),
            ..Facts::default()
        };
        let found = judged("edge", &facts, Timestamp::UNIX_EPOCH);
        let words = "PA-VM 11.1.6, content 8900-9000, answers with the expected certificate; the account may read configuration \
                     and ask; whether it may commit, only a commit shows";
        assert_eq!(found[0], Finding::good("edge", words));
    }
}
