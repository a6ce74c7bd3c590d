//! A device that takes no multi-config requests is written in single calls, and ends up with the same.
#![cfg(test)]

mod support;

use sallyport_contract::Reason;
use serde_json::Value;
use support::{Ground, counts, foreign, objects, options, without_uuids};

const WEB: &str = "web.shop.corp.example";
const PAY: &str = "pay.shop.corp.example";

async fn ground(multi_config: bool) -> Ground {
    let mut options = options();
    options.quirks.multi_config_enabled = multi_config;
    Ground::with(options, |_| ()).await
}

#[tokio::test]
async fn both_ways_lead_to_the_same_configuration() {
    let mut configurations = Vec::new();
    for multi_config in [true, false] {
        let mut ground = ground(multi_config).await;
        ground.twin.want("web-1", &[WEB], "Allow");
        ground.twin.want("pay-1", &[PAY], "Deny");
        ground.until_enforced(&[WEB, PAY]).await;
        ground.twin.unwant("web-1");
        ground
            .until("the name to be gone", |ground| {
                counts(&ground.sim.running_xml(), WEB) == (0, 0) && ground.twin.entry(WEB).is_none()
            })
            .await;
        let singles = ["set", "edit", "delete", "move"].map(|action| ground.count("config", action));
        if multi_config {
            assert_eq!(singles, [0; 4]);
        } else {
            assert_eq!(ground.count("config", "multi-config"), 1, "one refusal is enough");
            assert!(singles.iter().sum::<usize>() > 5, "{singles:?}");
        }
        configurations.push(without_uuids(&ground.sim.running_xml()));
    }
    assert_eq!(configurations[0], configurations[1]);
}

#[tokio::test]
async fn the_first_refused_call_is_found_and_holds_back_only_its_own() {
    let mut ground = ground(false).await;
    let before = foreign(&ground.sim.running_xml());
    ground.twin.want("web-1", &[WEB], "Allow");
    let broken = |group: Option<&str>| {
        let mut spec: Value = objects::policy_spec("shop");
        spec["traffic"]["profileGroup"] = group.into();
        spec
    };
    ground.twin.put_policy("shop", broken(Some("no-such-group")));
    let words = ground.until_reason(WEB, Reason::EntryRefused).await;
    assert!(words.contains("no-such-group") && words.contains("writing a change"), "{words}");
    ground.twin.put_policy("shop", broken(None));
    ground.until_enforced(&[WEB]).await;
    assert_eq!(foreign(&ground.sim.running_xml()), before);
}

#[tokio::test]
async fn a_batch_that_is_refused_for_what_is_in_it_is_not_repeated_in_single_calls() {
    let mut ground = ground(true).await;
    ground.twin.want("web-1", &[WEB], "Allow");
    let mut spec = objects::policy_spec("shop");
    spec["traffic"]["profileGroup"] = "no-such-group".into();
    ground.twin.put_policy("shop", spec);
    ground.until_reason(WEB, Reason::EntryRefused).await;
    assert_eq!(ground.count("config", "set"), 0);
}
