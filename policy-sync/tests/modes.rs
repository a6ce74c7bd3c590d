//! Whose word counts when a gate opens: the policy that holds the namespace now, and everything checked again.
#![cfg(test)]

mod support;

use panos_sim::{Action, Where};
use sallyport_contract::object::{ConditionStatus, WorkloadIdentity};
use support::{
    Ground, Twin, always,
    pods::{WEB, gates, pod},
};

#[tokio::test]
async fn law_2_observe_opens_at_once_and_enforce_closes_nothing() {
    let mut ground = Ground::new().await;
    let mut gates = gates(&ground);
    ground.twin.want("web-1", &[WEB], "Allow");
    ground.sim.plant(always(Where::Connect, Action::DropBefore));
    ground.step().await;
    ground.twin.put_pod("web-1", "web-a", pod("a"));
    ground.judge(&mut gates).await;
    assert!(!ground.twin.gate("web-1", "web-a").unwrap().open);

    ground.put_policy(|policy| policy["mode"] = "Observe".into());
    ground.judge(&mut gates).await;
    let gate = ground.twin.gate("web-1", "web-a").unwrap();
    assert!(
        gate.open && gate.reason == "Observed" && gate.message.contains("not proven: AwaitingCertificate"),
        "{gate}"
    );
    let ready = ("Ready".to_owned(), ConditionStatus::True, "Observed".to_owned());
    let lost = ("FirewallEnforced".to_owned(), ConditionStatus::False, "FirewallUnreachable".to_owned());
    assert!(ground.conditions().contains(&ready) && ground.conditions().contains(&lost));

    ground.put_policy(|_| ());
    ground.twin.put_pod("web-1", "web-b", pod("b"));
    ground.judge(&mut gates).await;
    assert!(ground.twin.gate("web-1", "web-a").unwrap().open, "nothing closes");
    assert!(!ground.twin.gate("web-1", "web-b").unwrap().open, "a new pod waits again");

    ground.put_policy(|policy| policy["mode"] = "Observe".into());
    ground.sim.clear_faults();
    ground.twin.issue("web-1");
    ground.until_enforced(&[WEB]).await;
    ground.judge(&mut gates).await;
    assert_eq!(ground.twin.gate("web-1", "web-b").unwrap().reason, "Enforced", "what is proven says so");
    assert!(ground.conditions().contains(&("Ready".into(), ConditionStatus::True, "Enforced".into())));
}

#[tokio::test]
async fn law_2_audit_opens_nothing_by_itself() {
    let mut ground = Ground::new().await;
    let mut gates = gates(&ground);
    ground.put_policy(|policy| policy["mode"] = "Audit".into());
    ground.twin.want("web-1", &[WEB], "Allow");
    ground.twin.issue("web-1");
    ground.step().await;
    ground.twin.put_pod("web-1", "web-a", pod("a"));
    ground.judge(&mut gates).await;
    let gate = ground.twin.gate("web-1", "web-a").unwrap();
    assert!(!gate.open && gate.message.contains("spec.mode: Audit"), "{gate}");
    assert_eq!(ground.count("config", "multi-config"), 0, "nothing new is made");
}

/// The firewall's worker has posted that the name is enforced, and has not looked since.
#[tokio::test]
async fn law_4_everything_is_checked_again_before_a_gate_opens() {
    let mut ground = Ground::new().await;
    ground.twin.want("web-1", &[WEB], "Allow");
    ground.twin.issue("web-1");
    ground.until_enforced(&[WEB]).await;
    let spec = |twin: &Twin| serde_json::to_value(&twin.world().firewalls["edge"].spec).unwrap();
    for (change, reason) in [
        ("nothing", "Enforced"),
        ("the identity is being deleted", "AwaitingCertificate"),
        ("the certificate has ended", "AwaitingCertificate"),
        ("no certificate is named", "AwaitingCertificate"),
        ("the policy forbids the name", "NameRefused"),
        ("the policy forbids the action", "NameRefused"),
        ("the policy holds other namespaces", "NameRefused"),
        ("another namespace has the claim", "NameHeldElsewhere"),
        ("the bounds are narrower", "OutsideFirewallBounds"),
        ("the action is another", "AwaitingFirewall"),
        ("nothing again", "Enforced"),
    ] {
        ground.twin.want("web-1", &[WEB], "Allow");
        ground.twin.issue("web-1");
        ground.put_policy(|_| ());
        let mut firewall = spec(&ground.twin);
        firewall["bounds"]["nameSuffixes"] = serde_json::json!(["corp.example"]);
        let identity = |change: fn(&mut WorkloadIdentity)| ground.twin.change_identity("web-1", change);
        let mut carrier = pod("fresh");
        match change {
            "the identity is being deleted" => identity(|identity| {
                let now = k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(jiff::Timestamp::UNIX_EPOCH);
                identity.metadata.deletion_timestamp = Some(now);
            }),
            "the certificate has ended" => identity(|identity| {
                let certificate = identity.status.as_mut().unwrap().certificate.as_mut().unwrap();
                certificate.not_after = jiff::Timestamp::UNIX_EPOCH;
            }),
            "no certificate is named" => {
                identity(|identity| identity.status.as_mut().unwrap().certificate = None)
            }
            "the policy forbids the name" => {
                ground.put_policy(|policy| {
                    policy["dnsNames"] =
                        serde_json::json!({"default": "x-{workload}.{namespace}.corp.example"})
                });
            }
            "the policy forbids the action" => ground.put_policy(|policy| {
                policy["traffic"]["actions"] = serde_json::json!(["Deny"]);
                policy["traffic"]["default"] = "Deny".into();
            }),
            "the policy holds other namespaces" => {
                ground.put_policy(|policy| policy["namespaces"] = serde_json::json!(["elsewhere"]));
            }
            "another namespace has the claim" => ground.twin.give_claim(WEB, "billing"),
            "the bounds are narrower" => {
                firewall["bounds"]["nameSuffixes"] = serde_json::json!(["other.example"])
            }
            "the action is another" => {
                identity(|identity| identity.spec.action = sallyport_contract::object::Action::Deny);
                carrier.action = Some("deny".into());
            }
            _ => ground.twin.give_claim(WEB, "shop"),
        }
        ground.twin.put_firewall("edge", firewall);
        ground.twin.put_pod("web-1", "web-a", carrier);
        ground.judge(&mut gates(&ground)).await;
        let gate = ground.twin.gate("web-1", "web-a").unwrap();
        assert_eq!((gate.reason.as_str(), gate.open), (reason, reason == "Enforced"), "{change}: {gate}");
        ground.twin.give_claim(WEB, "shop");
    }
}
