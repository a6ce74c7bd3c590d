//! Whether what a policy asks for lies within what the network security team allows.

use sallyport_contract::{
    DnsName,
    object::{Action, Bounds, Traffic},
};

use crate::network::Network;

/// A bound that is not kept: which one, what was asked and what it allows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{asked} is outside Firewall.spec.bounds.{bound}, which allows {allowed}")]
pub struct Outside {
    /// The field of `Firewall.spec.bounds`.
    pub bound: &'static str,
    /// What was asked, and where.
    pub asked: String,
    /// What the bound allows.
    pub allowed: String,
}

/// Whether one name with one action under one policy may stand on the firewall.
///
/// # Errors
/// The first bound that is not kept.
pub fn check(
    bounds: &Bounds,
    policy: &str,
    traffic: &Traffic,
    name: &DnsName,
    action: Action,
) -> Result<(), Outside> {
    let outside = |bound, asked: String, allowed: &[String]| {
        Err(Outside { bound, asked, allowed: format!("[{}]", allowed.join(", ")) })
    };
    if !bounds.policies.iter().any(|allowed| allowed == policy) {
        return outside("policies", format!("IdentityPolicy {policy}"), &bounds.policies);
    }
    if !bounds.name_suffixes.iter().any(|suffix| lies_under(name, suffix)) {
        return outside("nameSuffixes", format!("name {name}"), &bounds.name_suffixes);
    }
    if !bounds.actions.contains(&action) {
        let allowed: Vec<String> = bounds.actions.iter().map(|action| format!("{action:?}")).collect();
        return outside("actions", format!("action {action:?}"), &allowed);
    }
    for (side, zones) in [("from", &traffic.from.zones), ("to", &traffic.to.zones)] {
        if let Some(zone) = zones.iter().find(|zone| !bounds.zones.contains(zone)) {
            return outside(
                "zones",
                format!("IdentityPolicy {policy} spec.traffic.{side} zone {zone}"),
                &bounds.zones,
            );
        }
    }
    for (side, bound, asked, allowed) in [
        ("from", "sources", &traffic.from.addresses, &bounds.sources),
        ("to", "destinations", &traffic.to.addresses, &bounds.destinations),
    ] {
        if let Some(address) = asked.iter().find(|address| !covered(address, allowed)) {
            let asked = format!("IdentityPolicy {policy} spec.traffic.{side} address {address}");
            return outside(bound, asked, allowed);
        }
    }
    if let Some(port) = traffic.ports.iter().find(|port| !bounds.ports.contains(port)) {
        let allowed: Vec<String> = bounds.ports.iter().map(ToString::to_string).collect();
        return outside("ports", format!("IdentityPolicy {policy} spec.traffic port {port}"), &allowed);
    }
    Ok(())
}

fn lies_under(name: &DnsName, suffix: &str) -> bool {
    let suffix = suffix.trim_start_matches('.').to_ascii_lowercase();
    name.as_str() == suffix || name.as_str().strip_suffix(&suffix).is_some_and(|rest| rest.ends_with('.'))
}

/// Whether one of the allowed entries holds the address. `any` lies only in `any`; what is no network is
/// a name of the firewall's own and must be listed as it is.
fn covered(address: &str, allowed: &[String]) -> bool {
    if allowed.iter().any(|entry| entry == "any" || entry == address) {
        return true;
    }
    address.parse::<Network>().is_ok_and(|inner| {
        allowed.iter().filter_map(|entry| entry.parse::<Network>().ok()).any(|outer| outer.contains(&inner))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use sallyport_contract::object::{DenyWith, Side};

    fn bounds() -> Bounds {
        let texts = |list: &[&str]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
        Bounds {
            policies: texts(&["shop"]),
            name_suffixes: texts(&["corp.example"]),
            actions: vec![Action::Allow],
            zones: texts(&["trust"]),
            sources: texts(&["any"]),
            destinations: texts(&["10.20.0.0/16"]),
            ports: vec![443],
            max_names: 10,
        }
    }

    fn traffic() -> Traffic {
        let side = |address: &str| Side { zones: vec!["trust".into()], addresses: vec![address.into()] };
        Traffic {
            actions: vec![Action::Allow],
            default: Action::Allow,
            from: side("any"),
            to: side("10.20.3.0/24"),
            ports: vec![443],
            deny_with: DenyWith::ResetBoth,
            profile_group: None,
            log_setting: None,
        }
    }

    fn judge(
        policy: &str,
        name: &str,
        action: Action,
        change: impl FnOnce(&mut Traffic),
    ) -> Result<(), String> {
        let mut traffic = traffic();
        change(&mut traffic);
        check(&bounds(), policy, &traffic, &name.parse().unwrap(), action)
            .map_err(|outside| outside.to_string())
    }

    #[test]
    fn names_the_bound_and_both_values() {
        let name = "web.shop.corp.example";
        assert_eq!(judge("shop", name, Action::Allow, |_| ()), Ok(()));
        for (result, words) in [
            (
                judge("pay", name, Action::Allow, |_| ()),
                "IdentityPolicy pay is outside Firewall.spec.bounds.policies, which allows [shop]",
            ),
            (
                judge("shop", "web.evilcorp.example", Action::Allow, |_| ()),
                "name web.evilcorp.example is outside Firewall.spec.bounds.nameSuffixes, which allows [corp.example]",
            ),
            (
                judge("shop", name, Action::Deny, |_| ()),
                "action Deny is outside Firewall.spec.bounds.actions, which allows [Allow]",
            ),
            (
                judge("shop", name, Action::Allow, |t| t.to.zones = vec!["dmz".into()]),
                "IdentityPolicy shop spec.traffic.to zone dmz is outside Firewall.spec.bounds.zones, which allows [trust]",
            ),
            (
                judge("shop", name, Action::Allow, |t| t.to.addresses = vec!["any".into()]),
                "IdentityPolicy shop spec.traffic.to address any is outside Firewall.spec.bounds.destinations, which allows [10.20.0.0/16]",
            ),
            (
                judge("shop", name, Action::Allow, |t| t.to.addresses = vec!["10.0.0.0/8".into()]),
                "IdentityPolicy shop spec.traffic.to address 10.0.0.0/8 is outside Firewall.spec.bounds.destinations, which allows [10.20.0.0/16]",
            ),
            (
                judge("shop", name, Action::Allow, |t| t.ports = vec![443, 22]),
                "IdentityPolicy shop spec.traffic port 22 is outside Firewall.spec.bounds.ports, which allows [443]",
            ),
        ] {
            assert_eq!(result, Err(words.to_owned()));
        }
    }
}
