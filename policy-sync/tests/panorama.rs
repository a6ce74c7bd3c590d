//! Panorama: written to a device group, committed, pushed to each group that holds firewalls, proven on each firewall.
#![cfg(test)]

mod support;

use sallyport_contract::Reason;
use sallyport_policy_sync::preview::lines::as_cli;
use serde_json::json;
use support::{Colleague, Ground, counts, fleet::SERIALS, foreign};

const WEB: &str = "web.shop.corp.example";
const PAY: &str = "pay.shop.corp.example";
const EKS: &str = "/config/devices/entry[@name='localhost.localdomain']/device-group/entry[@name='eks']";

#[tokio::test]
async fn law_2_a_name_is_proven_on_every_firewall_of_every_group() {
    let mut ground = Ground::fleet(|_| ()).await;
    ground.twin.want("web-1", &[WEB], "Allow");
    ground.twin.want("pay-1", &[PAY], "Deny");
    ground.until_enforced(&[WEB, PAY]).await;
    assert_eq!(ground.sent(), (1, 2), "one commit, one push for each group with firewalls");
    let mut devices = ground.twin.entry(WEB).unwrap().evidence.unwrap().devices;
    devices.sort();
    assert_eq!(devices, SERIALS);
    assert_eq!(counts(&ground.sim.panorama.running_xml(), WEB), (1, 1));
    let status = ground.firewall().status.clone().unwrap();
    assert_eq!(status.devices.len(), 4);
    assert!(status.devices.iter().all(|device| device.counts && device.disconnected_since.is_none()));
    assert_eq!(ground.condition("InSync").1, "all 2 names are enforced on 4 devices");
}

#[tokio::test]
async fn law_9_a_preview_counts_commit_and_pushes_and_sends_nothing() {
    let mut ground = Ground::fleet(|_| ()).await;
    ground.twin.want("web-1", &[WEB], "Allow");
    let candidate = ground.sim.panorama.candidate_xml();
    let before = support::look(&ground).await.unwrap();
    assert_eq!((ground.sim.panorama.candidate_xml(), ground.sent()), (candidate, (0, 0)));
    assert!(
        before.tally().to_string().ends_with("would be written, one commit, 2 pushes"),
        "{}",
        before.tally()
    );
    assert!(as_cli(&before).contains("\nmove device-group eks pre-rulebase security rules sp-shop-allow-"));
    assert_eq!((before.engines.len(), before.rounds.len()), (4, 4), "every firewall was asked");
    ground.until_enforced(&[WEB]).await;
    assert!(support::look(&ground).await.unwrap().tally().is_nothing());
}

#[tokio::test]
async fn law_10_what_is_removed_goes_from_every_firewall() {
    let mut ground = Ground::fleet(|spec| spec["removal"]["quarantine"] = "0s".into()).await;
    ground.twin.want("web-1", &[WEB], "Allow");
    ground.until_enforced(&[WEB]).await;
    let own = |serial: &&str| {
        let running = foreign(&ground.sim.firewall(serial).unwrap().running_xml());
        running.split("<panorama>").next().unwrap().to_owned()
    };
    let before: Vec<String> = SERIALS.iter().map(own).collect();
    ground.twin.unwant("web-1");
    ground.until("the claim lets go", |ground| ground.twin.entry(WEB).is_none()).await;
    for (serial, before) in SERIALS.iter().zip(before) {
        let running = ground.sim.firewall(serial).unwrap().running_xml();
        assert!(!running.contains("sp-") && !running.contains("sallyport:"), "{serial} {running}");
        assert!(foreign(&running).starts_with(&before), "{serial}");
    }
}

#[tokio::test]
async fn law_9_what_a_colleague_committed_and_holds_back_is_named_and_not_shipped() {
    let mut ground = Ground::fleet(|_| ()).await;
    ground.twin.want("web-1", &[WEB], "Allow");
    ground.until_enforced(&[WEB]).await;
    let colleague = Colleague::new(&ground.sim.panorama).await;
    let rule = "<from><member>any</member></from><to><member>any</member></to><source><member>any</member></source><destination><member>any</member></destination><application><member>any</member></application><service><member>any</member></service><action>deny</action>";
    colleague
        .config("set", &format!("{EKS}/post-rulebase/security/rules/entry[@name='held-back']"), rule)
        .await;
    colleague.commit().await;
    let pushes = ground.sent().1;
    ground.twin.want("pay-1", &[PAY], "Allow");
    let words = ground.until_reason(PAY, Reason::OthersUnpushed).await;
    assert!(words.contains("by admin"), "{words}");
    assert_eq!(ground.sent().1, pushes, "nothing is pushed");
    for serial in SERIALS {
        assert!(!ground.sim.firewall(serial).unwrap().running_xml().contains("held-back"), "{serial}");
    }
    ground.twin.change_firewall(|spec| spec["push"] = json!({"shipOthers": true}));
    ground.until_enforced(&[PAY]).await;
    for serial in SERIALS {
        assert!(ground.sim.firewall(serial).unwrap().running_xml().contains("held-back"), "{serial}");
    }
}

#[tokio::test]
async fn law_9_once_the_colleague_pushed_we_go_on() {
    let mut ground = Ground::fleet(|_| ()).await;
    ground.twin.want("web-1", &[WEB], "Allow");
    ground.until_enforced(&[WEB]).await;
    let colleague = Colleague::new(&ground.sim.panorama).await;
    let tag = "<color>color3</color>";
    colleague.config("set", &format!("{EKS}/tag/entry[@name='theirs']"), tag).await;
    let rule = "<from><member>any</member></from><to><member>any</member></to><source><member>any</member></source><destination><member>any</member></destination><application><member>any</member></application><service><member>any</member></service><action>deny</action><tag><member>theirs</member></tag>";
    colleague.config("set", &format!("{EKS}/post-rulebase/security/rules/entry[@name='last']"), rule).await;
    colleague.commit().await;
    ground.twin.want("pay-1", &[PAY], "Allow");
    ground.until_reason(PAY, Reason::OthersUnpushed).await;
    for group in ["prod", "dev"] {
        colleague.push(group).await;
    }
    ground.until_enforced(&[WEB, PAY]).await;
}

#[tokio::test]
async fn law_2_a_firewall_that_went_away_counts_for_a_while() {
    let mut ground = Ground::fleet(|spec| {
        spec["panorama"]["devices"] = json!({"count": "All"});
    })
    .await;
    ground.sim.set_connected(SERIALS[3], false);
    ground.twin.want("web-1", &[WEB], "Allow");
    let words = ground.until_reason(WEB, Reason::DeviceOutOfSync).await;
    assert!(words.contains(SERIALS[3]), "{words}");
    ground.twin.change_firewall(|spec| {
        spec["panorama"]["devices"] = json!({"ignoreDisconnectedAfter": "1s"});
    });
    ground.until_enforced(&[WEB]).await;
    let evidence = ground.twin.entry(WEB).unwrap().evidence.unwrap();
    assert_eq!(evidence.devices.len(), 3);
    ground.sim.set_connected(SERIALS[3], true);
    ground
        .until("it gets its own proof", |ground| {
            let evidence = ground.twin.entry(WEB).and_then(|entry| entry.evidence);
            evidence.is_some_and(|evidence| evidence.devices.len() == 4)
        })
        .await;
}

#[tokio::test]
async fn law_7_a_rule_of_ours_in_a_related_group_is_told_and_left_alone() {
    let mut ground = Ground::fleet(|_| ()).await;
    ground.twin.want("web-1", &[WEB], "Allow");
    ground.until_enforced(&[WEB]).await;
    let rule = ground.twin.entry(WEB).unwrap().rule;
    let colleague = Colleague::new(&ground.sim.panorama).await;
    // Somebody moved it up into the shared rulebase.
    let ours = format!("{EKS}/pre-rulebase/security/rules/entry[@name='{rule}']");
    colleague.config("delete", &ours, "").await;
    let element = "<from><member>any</member></from><to><member>any</member></to><source><member>any</member></source><destination><member>any</member></destination><application><member>any</member></application><service><member>any</member></service><action>allow</action>";
    let moved = format!("/config/shared/pre-rulebase/security/rules/entry[@name='{rule}']");
    colleague.config("set", &moved, element).await;
    colleague.commit().await;
    let words = ground.until_reason(WEB, Reason::CopiedMark).await;
    assert!(words.contains("shared, pre-rulebase"), "{words}");
}
