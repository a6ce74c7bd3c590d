//! The status as people read it, line by line.

use serde_json::{Value, json};

use super::*;

fn object<K: serde::de::DeserializeOwned>(kind: &str, name: &str, mut rest: Value) -> K {
    rest["apiVersion"] = "sallyport.dev/v1alpha1".into();
    rest["kind"] = kind.into();
    rest["metadata"] = json!({"name": name, "namespace": "shop"});
    serde_json::from_value(rest).unwrap()
}

fn condition(kind: &str, status: &str, reason: &str, message: &str) -> Value {
    json!({"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": "2026-11-21T12:00:00Z"})
}

fn firewall(status: Value) -> Firewall {
    let spec = json!({
        "haPair": {"hosts": ["fw-1", "fw-2"], "vsys": "vsys1"}, "clusterName": "prod-eu-1",
        "credentials": {"secretName": "edge"}, "tls": {}, "rules": {"at": "Top"}, "blocked": ["bad.shop.corp.example"],
        "bounds": {"policies": ["shop"], "nameSuffixes": ["corp.example"], "actions": ["Allow"], "zones": ["trust"],
            "destinations": ["any"], "ports": [443]},
        "removal": {"quarantine": "1h"},
    });
    object("Firewall", "edge", json!({"spec": spec, "status": status}))
}

fn identity(name: &str, on: &str, reason: &str, words: &str) -> WorkloadIdentity {
    let spec = json!({"dnsNames": [format!("{name}.shop.corp.example")], "delivery": "Secret", "action": "Allow",
        "policy": "shop", "certificate": {"authority": "ca"}, "firewall": on});
    let conditions = [condition("FirewallEnforced", "False", reason, words)];
    object("WorkloadIdentity", name, json!({"spec": spec, "status": {"conditions": conditions}}))
}

fn claim(name: &str, last_wanted: &str) -> NameClaim {
    let entry = json!({"firewall": "edge", "app": format!("sp-{name}"), "rule": "r", "action": "Allow", "lastWanted": last_wanted});
    let spec = json!({"dnsName": format!("{name}.shop.corp.example"), "namespace": "shop"});
    object("NameClaim", name, json!({"spec": spec, "status": {"firewalls": [entry]}}))
}

fn view() -> View {
    let status = json!({
        "model": "PA-VM", "version": "11.1.6", "serial": "0072", "active": "fw-2", "names": {"used": 3, "limit": 6000},
        "job": {"id": "4711", "started": "2026-11-21T12:01:07Z"},
        "lastCommit": {"job": "4710", "result": "OK", "finished": "2026-11-21T12:00:30Z", "tookSeconds": 41},
        "conditions": [
            condition("Reachable", "True", "Accepted", "PA-VM 11.1.6"),
            condition("InSync", "False", "LockedByOther", "Configuration is locked by anna"),
        ],
    });
    View {
        firewalls: vec![firewall(status)],
        identities: vec![
            identity("web", "edge", "Enforced", ""),
            identity("api", "edge", "Enforced", ""),
            identity("pay", "edge", "LockedByOther", "firewall edge: Configuration is locked by anna"),
            identity("elsewhere", "other", "Enforced", ""),
        ],
        claims: vec![
            claim("web", "2026-11-21T11:00:00Z"),
            claim("old", "2026-11-21T11:30:00Z"),
            claim("older", "2026-11-21T10:00:00Z"),
        ],
    }
}

#[test]
fn one_firewall_on_one_screen() {
    let now = "2026-11-21T12:02:00Z".parse().unwrap();
    assert_eq!(print(&view(), now), include_str!("pair.txt"));
}

#[test]
fn what_nobody_has_looked_at_yet_says_so() {
    let fresh = View { firewalls: vec![firewall(json!({}))], identities: Vec::new(), claims: Vec::new() };
    let text = print(&fresh, Timestamp::UNIX_EPOCH);
    for expected in ["not asked yet", "is it running?", "no identity has a name on this firewall"] {
        assert!(text.contains(expected), "{text}");
    }
    let none = View { firewalls: Vec::new(), identities: Vec::new(), claims: Vec::new() };
    assert!(print(&none, Timestamp::UNIX_EPOCH).starts_with("there is no Firewall"));
}
