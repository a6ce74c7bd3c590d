//! Pushes: what reaches which firewall, and what is in force there.

use crate::{
    managed::{FW_1, FW_2, FW_3, group, rule_at, start, write_pair},
    support::PAY,
    traffic::{End, client_hello, echo, flow, last, say, session},
};
use tokio::task::JoinSet;

const NAME: &str = "pay.shop.corp.example";
const PUSHED: &str = "/config/panorama/vsys/entry[@name='vsys1']";

#[tokio::test]
async fn a_name_is_written_committed_pushed_and_let_through() {
    let mut tasks = JoinSet::new();
    let upstream = echo(&mut tasks).await;
    let (running, us) = start().await;
    let firewall = running.firewall(FW_1).unwrap();
    let through = flow(firewall, upstream, "").await;
    let hello = client_hello(NAME);
    assert_eq!(say(firewall, through, &hello).await, End::Silence, "before there is a rule");

    write_pair(&us, &group("prod"), "sp-pay", PAY, "allow").await;
    us.commit_of(&["sallyport"]).await.has("<result>OK</result>");
    assert_eq!(say(firewall, through, &hello).await, End::Silence, "a commit on Panorama is not a push");
    assert_eq!(us.sync_status(FW_1).await, "Out of Sync");
    us.config_on(FW_1, "show", &rule_at(PUSHED, "pre-rulebase", "sp-pay-rule"), "").await.has("No such node");

    us.pushed("prod")
        .await
        .has("<type>CommitAll</type>")
        .has("<result>OK</result>")
        .has(&format!("<serial-no>{FW_1}</serial-no><devicename>fw-1</devicename>"))
        .has(&format!("<serial-no>{FW_2}</serial-no>"))
        .lacks(FW_3);
    assert_eq!(say(firewall, through, &hello).await, End::Echoed);
    assert_eq!(last(firewall), session("sp-pay", "sp-pay-rule", "allow"));
    assert_eq!(us.sync_status(FW_1).await, "In Sync");
    us.config_on(FW_1, "show", &rule_at(PUSHED, "pre-rulebase", "sp-pay-rule"), "").await.has("sp-pay");
    us.config_on(FW_3, "show", &rule_at(PUSHED, "pre-rulebase", "sp-pay-rule"), "").await.has("No such node");
}
