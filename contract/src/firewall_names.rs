//! What the names are called on the firewall: App-IDs, rules, services, the tag and the mark.
//!
//! Every generated name is readable, stable, within the device's limits and unique by a hash over all
//! that it stands for, the cluster included, so that several clusters can share one firewall.

use crate::{
    dns_name::DnsName,
    hash,
    object::{Action, DenyWith, Style},
};

/// Longest pattern of a custom signature in characters:
/// <https://docs.paloaltonetworks.com/advanced-threat-prevention/custom-signatures/custom-application-and-threat-signatures>.
pub const PATTERN_LIMIT: usize = 127;
/// Longest name of a custom App-ID in characters:
/// <https://docs.paloaltonetworks.com/ngfw/help/12-1/objects/objects-applications/defining-applications>.
pub const APP_ID_NAME_LIMIT: usize = 31;
/// Longest name of a security rule or a service in characters:
/// <https://docs.paloaltonetworks.com/ngfw/help/12-1/policies/policies-security/building-blocks-in-a-security-policy-rule>.
pub const RULE_NAME_LIMIT: usize = 63;
/// Longest description of a custom App-ID that the web page can edit, in characters.
pub const DESCRIPTION_LIMIT: usize = 255;
/// Longest `Firewall.spec.clusterName` in characters, so that a mark fits [`DESCRIPTION_LIMIT`].
pub const CLUSTER_NAME_LIMIT: usize = 32;

const HASH: usize = 8;

/// Name of the custom App-ID for a DNS name: `sp-web-3f9a2c1b`.
#[must_use]
pub fn app_id(cluster: &str, dns_name: &DnsName) -> String {
    let label = readable(dns_name, APP_ID_NAME_LIMIT - "sp--".len() - HASH);
    format!("sp-{label}-{}", hash::short(&["app", cluster, dns_name.as_str()]))
}

/// Name of the rule that carries a policy's App-IDs of one action: `sp-shop-allow-9c04d7e2`.
#[must_use]
pub fn rule(cluster: &str, policy: &str, action: Action) -> String {
    let verb = action.as_str();
    let room = RULE_NAME_LIMIT - "sp---".len() - verb.len() - HASH;
    let policy_part: String = policy.chars().map(|c| if c == '.' { '-' } else { c }).take(room).collect();
    format!("sp-{policy_part}-{verb}-{}", hash::short(&["rule", cluster, policy, verb]))
}

/// Name of the rule that carries one DNS name by itself: `sp-web-allow-1f0c55aa`.
#[must_use]
pub fn rule_for_name(cluster: &str, policy: &str, action: Action, dns_name: &DnsName) -> String {
    let verb = action.as_str();
    let label = readable(dns_name, RULE_NAME_LIMIT - "sp---".len() - verb.len() - HASH);
    format!("sp-{label}-{verb}-{}", hash::short(&["rule", cluster, policy, verb, dns_name.as_str()]))
}

/// Name of the rule that carries a DNS name, as `Firewall.spec.rules.style` says.
#[must_use]
pub fn rule_of(cluster: &str, style: Style, policy: &str, action: Action, dns_name: &DnsName) -> String {
    match style {
        Style::PerPolicy => rule(cluster, policy, action),
        Style::PerIdentity => rule_for_name(cluster, policy, action, dns_name),
    }
}

/// Name of the service object for a TCP port: `sp-tcp-443-5b21e0aa`.
#[must_use]
pub fn service(cluster: &str, port: u16) -> String {
    format!("sp-tcp-{port}-{}", hash::short(&["service", cluster, &port.to_string()]))
}

/// Name of the tag on everything of ours that can carry one: `sallyport:prod-eu-1`.
#[must_use]
pub fn tag(cluster: &str) -> String {
    format!("sallyport:{cluster}")
}

/// First line of an App-ID's description, which has no tags: by it, by the name and by the claim's
/// status an App-ID is known as ours.
#[must_use]
pub fn mark(cluster: &str, namespace: &str, dns_name: &DnsName) -> String {
    let full = format!("sallyport {cluster} {namespace} {dns_name}  (managed: changes here are reverted)");
    if full.len() <= DESCRIPTION_LIMIT { full } else { format!("sallyport {cluster} {namespace} {dns_name}") }
}

/// The pattern of the App-ID's signature on `ssl-req-chello-sni`: anchored, case-insensitive, dots
/// escaped, an optional trailing dot (some clients send one), `*` as exactly one label.
#[must_use]
pub fn sni_pattern(dns_name: &DnsName) -> String {
    sni_pattern_of(dns_name.as_str())
}

pub(crate) fn sni_pattern_of(name: &str) -> String {
    let (first, rest) = match name.strip_prefix("*.") {
        Some(rest) => ("[^.]+\\.", rest),
        None => ("", name),
    };
    format!("(?i)^{first}{}\\.?$", rest.replace('.', "\\."))
}

/// The PAN-OS action of a rule. Never plain `deny`, which means the application's own default.
#[must_use]
pub fn rule_action(action: Action, deny_with: DenyWith) -> &'static str {
    match (action, deny_with) {
        (Action::Allow, DenyWith::ResetBoth | DenyWith::Drop) => "allow",
        (Action::Deny, DenyWith::ResetBoth) => "reset-both",
        (Action::Deny, DenyWith::Drop) => "drop",
    }
}

/// The left-most label for reading, cut to `room`; a wildcard reads `wildcard`.
pub(crate) fn readable(dns_name: &DnsName, room: usize) -> String {
    let label = dns_name.labels().next().unwrap_or_default();
    let label = if label == "*" { "wildcard" } else { label };
    let cut: String = label.chars().take(room).collect();
    cut.trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> DnsName {
        text.parse().unwrap()
    }

    #[test]
    fn names_fit_and_differ_by_cluster() {
        let long = name(&format!("{}.shop.corp.example", "w".repeat(63)));
        for dns_name in [name("web.shop.corp.example"), long, name("*.shop.corp.example")] {
            let ours = app_id("prod-eu-1", &dns_name);
            assert!(ours.len() <= APP_ID_NAME_LIMIT && ours.starts_with("sp-"), "{ours}");
            assert_ne!(ours, app_id("prod-eu-0", &dns_name));
            assert!(mark(&"c".repeat(32), &"n".repeat(63), &dns_name).len() <= DESCRIPTION_LIMIT);
        }
        assert!(app_id("c", &name("*.shop.corp.example")).starts_with("sp-wildcard-"));
        let policy = "p.".repeat(126);
        let ours = rule("prod-eu-1", &policy, Action::Allow);
        assert!(ours.len() <= RULE_NAME_LIMIT && !ours.contains('.'), "{ours}");
        let long = name(&format!("{}.shop.corp.example", "w".repeat(63)));
        let one = rule_for_name("prod-eu-1", &policy, Action::Deny, &long);
        assert!(one.len() <= RULE_NAME_LIMIT && one.starts_with("sp-ww"), "{one}");
        assert!(service("prod-eu-1", 65535).len() <= RULE_NAME_LIMIT);
    }

    #[test]
    fn law_6_patterns_are_anchored_case_insensitive_and_escaped() {
        assert_eq!(sni_pattern(&name("web.shop.corp.example")), r"(?i)^web\.shop\.corp\.example\.?$");
        assert_eq!(sni_pattern(&name("*.shop.corp.example")), r"(?i)^[^.]+\.shop\.corp\.example\.?$");
    }
}
