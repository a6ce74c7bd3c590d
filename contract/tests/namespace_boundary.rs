//! Law 5: a namespace is the boundary. No policy gives one name to two namespaces.
#![cfg(test)]

use proptest::prelude::*;
use sallyport_contract::{
    DnsName,
    object::IdentityPolicySpec,
    policy::Policy,
    template::{NamePattern, Values},
};
use serde_json::json;

fn policy(default: &str, allowed: &[String]) -> Option<Policy> {
    let spec: IdentityPolicySpec = serde_json::from_value(json!({
        "namespaceSelector": {"matchLabels": {"team": "a"}},
        "dnsNames": {"default": default, "allowed": allowed, "wildcards": "Allow"},
        "traffic": {"actions": ["Allow"], "default": "Allow", "ports": [443],
            "from": {"zones": ["trust"], "addresses": ["any"]}, "to": {"zones": ["trust"], "addresses": ["any"]}},
        "certificate": {"authority": "ca"}, "firewall": "edge"}))
    .unwrap();
    Policy::read("p", &spec).ok()
}

/// Labels of patterns: what people write, and what they should not.
fn label() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("{namespace}".to_owned()),
        Just("{workload}".to_owned()),
        Just("{serviceAccount}".to_owned()),
        Just("{workload}-{namespace}".to_owned()),
        Just("*".to_owned()),
        Just("x".to_owned()),
        Just("a{workload}".to_owned()),
    ]
}

fn pattern() -> impl Strategy<Value = String> {
    prop::collection::vec(label(), 1..4).prop_map(|labels| format!("{}.example", labels.join(".")))
}

fn word() -> impl Strategy<Value = String> {
    prop_oneof![Just("x".to_owned()), Just("y".to_owned()), Just("ax".to_owned()), "[a-z]{1,3}(-[a-z]{1,2})?"]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn law_5_no_two_namespaces_can_have_one_name(
        default in pattern(),
        allowed in prop::collection::vec(pattern(), 0..3),
        one in (word(), word(), word()),
        other in (word(), word(), word()),
        asked in prop::collection::vec(word(), 1..4),
    ) {
        prop_assume!(one.0 != other.0);
        let Some(policy) = policy(&default, &allowed) else { return Ok(()) };
        let values = |of: &'_ (String, String, String)| (of.0.clone(), of.1.clone(), of.2.clone());
        let ((n1, w1, a1), (n2, w2, a2)) = (values(&one), values(&other));
        let first = Values { workload: Some(&w1), namespace: &n1, service_account: &a1, service: None, pod: None };
        let second = Values { workload: Some(&w2), namespace: &n2, service_account: &a2, service: None, pod: None };

        let mut names: Vec<DnsName> = policy.patterns().filter_map(|p: &NamePattern| p.expand(&first).ok()).collect();
        names.extend(format!("{}.example", asked.join(".")).parse::<DnsName>());
        names.extend(format!("*.{}.example", asked.join(".")).parse::<DnsName>());
        for name in names {
            let may = |values: &Values<'_>| policy.patterns().any(|pattern| pattern.allows(&name, values));
            prop_assert!(!(may(&first) && may(&second)), "{name} is allowed in {n1} and in {n2}");
        }
    }
}
