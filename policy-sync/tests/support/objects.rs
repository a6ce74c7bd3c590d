//! The objects that people write, by example.

use serde_json::{Value, json};

/// A `Firewall` for a simulated device.
pub(crate) fn firewall_spec(host: &str, ca: &str) -> Value {
    json!({
        "standalone": {"host": host, "vsys": "vsys1"},
        "clusterName": "prod-eu-1",
        "credentials": {"secretName": "edge"},
        "tls": {"caBundle": ca},
        "rules": {"before": "deny-east-west"},
        "bounds": {
            "policies": ["shop"],
            "nameSuffixes": ["corp.example"],
            "actions": ["Allow", "Deny"],
            "zones": ["trust"],
            "destinations": ["10.20.0.0/16"],
            "ports": [443],
            "maxNames": 100
        },
        "commit": {"coalesce": "0s", "longestWait": "0s"},
        "removal": {"quarantine": "1s"},
        "drift": {"period": "1s"}
    })
}

/// An `IdentityPolicy` for one namespace.
pub(crate) fn policy_spec(namespace: &str) -> Value {
    json!({
        "namespaces": [namespace],
        "dnsNames": {
            "default": "{workload}.{namespace}.corp.example",
            "allowed": ["*.{namespace}.corp.example", "*.*.{namespace}.corp.example"],
            "wildcards": "Allow",
            "max": 10
        },
        "traffic": {
            "actions": ["Allow", "Deny"],
            "default": "Allow",
            "from": {"zones": ["trust"], "addresses": ["any"]},
            "to": {"zones": ["trust"], "addresses": ["10.20.0.0/16"]},
            "ports": [443]
        },
        "certificate": {"authority": "ca"},
        "firewall": "edge"
    })
}

/// A `WorkloadIdentity` of policy `shop`.
pub(crate) fn identity_spec(names: &[&str], action: &str) -> Value {
    json!({
        "dnsNames": names,
        "delivery": "Secret",
        "action": action,
        "policy": "shop",
        "certificate": {"authority": "ca"},
        "firewall": "edge"
    })
}
