//! A `Firewall` object that is deleted: what stands on the device stays, or leaves first, as `deletionPolicy` says.
#![cfg(test)]

mod support;

use sallyport_contract::{Reason, object::DeletionPolicy};
use support::{Ground, dns, options};

const WEB: &str = "web.shop.corp.example";
const PAY: &str = "pay.shop.corp.example";

/// Two names are enforced on a firewall with this policy. Hands back how the device was before.
async fn enforced(policy: DeletionPolicy) -> (Ground, String) {
    let mut ground = Ground::with(options(), |spec| {
        spec["deletionPolicy"] = serde_json::to_value(policy).unwrap();
        spec["commit"]["maxRemovals"] = 1.into();
    })
    .await;
    let before = ground.sim.running_xml();
    ground.twin.want("web-1", &[WEB], "Allow");
    ground.twin.want("pay-1", &[PAY], "Deny");
    ground.until_enforced(&[WEB, PAY]).await;
    (ground, before)
}

fn is_gone(ground: &Ground) -> bool {
    ground.twin.world().firewalls.get("edge").is_none()
}

#[tokio::test]
async fn remove_takes_all_that_is_ours_and_nothing_else_in_one_commit() {
    let (mut ground, before) = enforced(DeletionPolicy::Remove).await;
    let (commits, batches) = (ground.count("commit", ""), ground.count("config", "multi-config"));
    ground.twin.delete_firewall("edge");
    assert!(!is_gone(&ground), "the finalizer keeps it");
    ground.step().await;
    let (reason, words) = {
        let standing = ground.board.standing("edge").unwrap();
        standing.refused.iter().next().map(|(_, held)| held.clone()).unwrap()
    };
    assert!(reason == Reason::NotFound && words.contains("is being deleted"), "{words}");
    ground.until("the object is gone", is_gone).await;
    assert_eq!(ground.sim.running_xml(), before);
    assert_eq!(ground.sim.candidate_xml(), before);
    assert_eq!(ground.count("commit", ""), commits + 1);
    assert_eq!(ground.count("config", "multi-config"), batches + 1);
    for name in [WEB, PAY] {
        assert_eq!(ground.twin.entry(name), None, "{name}");
        assert!(!before.contains(&sallyport_contract::firewall_names::app_id("prod-eu-1", &dns(name))));
    }
}

#[tokio::test]
async fn retain_leaves_all_where_it_is() {
    let (mut ground, before) = enforced(DeletionPolicy::Retain).await;
    let stands = ground.sim.running_xml();
    assert_ne!(stands, before);
    ground.twin.delete_firewall("edge");
    assert!(is_gone(&ground), "nothing keeps it");
    ground.step().await;
    assert_eq!(ground.sim.running_xml(), stands);
}

#[tokio::test]
async fn a_deletion_waits_for_suspend_and_is_let_go_by_retain() {
    let (mut ground, _) = enforced(DeletionPolicy::Remove).await;
    ground.twin.change_firewall(|spec| spec["suspend"] = true.into());
    ground.twin.delete_firewall("edge");
    let stands = ground.sim.candidate_xml();
    for _ in 0..5 {
        ground.step().await;
    }
    assert!(!is_gone(&ground), "suspend holds it");
    ground.twin.change_firewall(|spec| spec["deletionPolicy"] = "Retain".into());
    ground.until("the object is gone", is_gone).await;
    assert_eq!(ground.sim.candidate_xml(), stands);
}

#[tokio::test]
async fn a_crash_on_the_way_out_begins_it_again() {
    let (mut ground, before) = enforced(DeletionPolicy::Remove).await;
    ground.twin.delete_firewall("edge");
    for _ in 0..2 {
        ground.step().await;
    }
    let mut ground = ground.restart();
    ground.until("the object is gone", is_gone).await;
    assert_eq!(ground.sim.running_xml(), before);
}
