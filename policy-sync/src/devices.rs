//! Which firewalls of a device group must enforce a name before it counts as enforced.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sallyport_contract::object::{Count, FirewallSpec, Target};

use crate::{firewall::Managed, pace::later};

/// A managed firewall, and whether it counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    /// The firewall.
    pub managed: Managed,
    /// Since when it has not been connected.
    pub away_since: Option<Timestamp>,
    /// Whether it must enforce a name.
    pub counts: bool,
}

/// Judges the firewalls of the group by `spec.panorama.devices`. `away`: since when those that were not connected
/// have not been. A firewall that is listed and not in the group counts as one that is away.
#[must_use]
pub fn counted(
    found: Vec<Managed>,
    spec: &FirewallSpec,
    away: &BTreeMap<String, Timestamp>,
    now: Timestamp,
) -> Vec<Counted> {
    let Some(Target::Panorama(panorama)) = spec.target() else { return Vec::new() };
    let rules = &panorama.devices;
    let since =
        |managed: &Managed| (!managed.connected).then(|| away.get(&managed.serial).copied().unwrap_or(now));
    let missing = rules.serials.iter().filter(|serial| found.iter().all(|one| one.serial != **serial));
    let missing: Vec<Managed> = missing
        .map(|serial| Managed {
            serial: serial.clone(),
            hostname: String::new(),
            group: panorama.device_group.clone(),
            connected: false,
            in_sync: None,
        })
        .collect();
    let judge = |managed: Managed| {
        let away_since = since(&managed);
        let patience = rules.ignore_disconnected_after.as_signed();
        let counts = match rules.count {
            Count::All => true,
            Count::Serials => rules.serials.contains(&managed.serial),
            Count::Connected => away_since.is_none_or(|since| later(since, patience) > now),
        };
        Counted { managed, away_since, counts }
    };
    found.into_iter().chain(missing).map(judge).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn judge(devices: Value, away_for: i64) -> Vec<(String, bool)> {
        let now = Timestamp::from_second(10_000).unwrap();
        let spec = json!({
            "panorama": {"hosts": ["p"], "deviceGroup": "eks", "devices": devices},
            "clusterName": "c1", "credentials": {"secretName": "edge"}, "tls": {}, "rules": {"at": "Top"},
            "bounds": {"policies": ["shop"], "nameSuffixes": ["x"], "actions": ["Allow"], "zones": ["z"], "destinations": ["any"], "ports": [443]},
        });
        let managed = |serial: &str, connected| Managed {
            serial: serial.into(),
            hostname: String::new(),
            group: "eks".into(),
            connected,
            in_sync: None,
        };
        let away = [("02".to_owned(), now - jiff::SignedDuration::from_secs(away_for))].into();
        let spec = serde_json::from_value(spec).unwrap();
        let judged = counted(vec![managed("01", true), managed("02", false)], &spec, &away, now);
        judged.into_iter().map(|one| (one.managed.serial, one.counts)).collect()
    }

    #[test]
    fn a_firewall_that_went_away_counts_for_a_while() {
        let both = |first, second| vec![("01".to_owned(), first), ("02".to_owned(), second)];
        assert_eq!(judge(json!({}), 899), both(true, true));
        assert_eq!(judge(json!({}), 900), both(true, false), "15 minutes are the default");
        assert_eq!(judge(json!({"ignoreDisconnectedAfter": "1s"}), 1), both(true, false));
        assert_eq!(judge(json!({"count": "All"}), 90_000), both(true, true));
    }

    #[test]
    fn listed_firewalls_count_wherever_they_are() {
        let listed = json!({"count": "Serials", "serials": ["02", "03"]});
        assert_eq!(
            judge(listed, 90_000),
            [("01".to_owned(), false), ("02".to_owned(), true), ("03".to_owned(), true)]
        );
    }
}
