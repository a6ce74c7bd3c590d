//! Pushes: what reaches which firewall, and what is in force there.

use crate::{
    managed::{FW_1, FW_2, FW_3, group, push_cmd, rule_at, start, write_pair},
    support::{Client, PAY, VSYS, app, between, rule},
    traffic::{End, client_hello, echo, flow, last, say, session},
};
use tokio::task::JoinSet;

const NAME: &str = "pay.shop.corp.example";
const PUSHED: &str = "/config/panorama/vsys/entry[@name='vsys1']";
const SHARED: &str = "/config/shared";

fn pushed_rule(name: &str) -> String {
    rule_at(PUSHED, "pre-rulebase", name)
}

/// A rule that needs nothing that is not everywhere.
fn plain(action: &str) -> String {
    rule("ssl", action).replace("<tag><member>ours</member></tag>", "")
}

#[tokio::test]
async fn a_name_is_written_committed_pushed_and_let_through() {
    let mut tasks = JoinSet::new();
    let upstream = echo(&mut tasks).await;
    let (running, us) = start().await;
    let firewall = running.firewall(FW_1).unwrap();
    let through = flow(firewall, upstream, "").await;
    let hello = client_hello(NAME);
    assert_eq!(say(firewall, through, &hello).await, End::Silence, "before there is a rule");
    assert_eq!(us.sync_status(FW_1).await, "In Sync");

    write_pair(&us, &group("prod"), "sp-pay", PAY, "allow").await;
    us.commit_of(&["sallyport"]).await.has("<result>OK</result>");
    assert_eq!(say(firewall, through, &hello).await, End::Silence, "a commit on Panorama is not a push");
    assert_eq!(us.sync_status(FW_1).await, "Out of Sync");
    assert_eq!(us.sync_status(FW_3).await, "In Sync", "another group");
    us.config_on(FW_1, "show", &pushed_rule("sp-pay-rule"), "").await.has("No such node");

    us.pushed("prod")
        .await
        .has("<type>CommitAll</type>")
        .has("<result>OK</result>")
        .has("<dgname>prod</dgname>")
        .has(&format!("<serial-no>{FW_1}</serial-no><devicename>fw-1</devicename>"))
        .has("<status>commit succeeded</status>")
        .has("<errors><line>Configuration committed successfully</line></errors>")
        .has(&format!("<serial-no>{FW_2}</serial-no>"))
        .lacks(FW_3);
    assert_eq!(say(firewall, through, &hello).await, End::Echoed);
    assert_eq!(last(firewall), session("sp-pay", "sp-pay-rule", "allow"));
    assert_eq!(us.sync_status(FW_1).await, "In Sync");
    us.config_on(FW_1, "show", &pushed_rule("sp-pay-rule"), "").await.has("loc=\"prod\"");
    us.config_on(FW_3, "show", &pushed_rule("sp-pay-rule"), "").await.has("No such node");
    us.op_on(
        FW_1,
        "<show><config><pushed-shared-policy><vsys>vsys1</vsys></pushed-shared-policy></config></show>",
    )
    .await
    .has("<panorama>")
    .has("<entry name=\"sp-pay\" loc=\"prod\">");

    us.at("delete", &rule_at(&group("prod"), "pre-rulebase", "sp-pay-rule"), "").await.has("code=\"20\"");
    us.commit_of(&["sallyport"]).await.has("<result>OK</result>");
    us.pushed("prod").await.has("<result>OK</result>");
    assert_eq!(say(firewall, through, &hello).await, End::Silence, "the rule is gone");
}

#[tokio::test]
async fn pushed_rules_stand_before_and_after_the_firewalls_own() {
    let (_running, us) = start().await;
    let order = [
        (SHARED.to_owned(), "pre-rulebase", "shared-pre"),
        (group("eks"), "pre-rulebase", "eks-pre"),
        (group("prod"), "pre-rulebase", "prod-pre"),
        (group("prod"), "post-rulebase", "prod-post"),
        (group("eks"), "post-rulebase", "eks-post"),
        (SHARED.to_owned(), "post-rulebase", "shared-post"),
    ];
    for (scope, rulebase, name) in &order {
        let disabled = format!("{}<disabled>yes</disabled>", plain("allow"));
        us.at("set", &rule_at(scope, rulebase, name), &disabled).await.has("code=\"20\"");
    }
    us.commit_of(&["sallyport"]).await.has("<result>OK</result>");
    us.pushed("prod").await.has("<result>OK</result>");
    let positions = [
        ("shared-pre", 1),
        ("eks-pre", 2),
        ("prod-pre", 3),
        ("prod-post", 6),
        ("eks-post", 7),
        ("shared-post", 8),
    ];
    for (name, index) in positions {
        let scope = order.iter().find(|(_, _, n)| *n == name).unwrap();
        let path = rule_at(&scope.0, scope.1, name);
        us.at("set", &path, "<disabled>no</disabled>").await.has("code=\"20\"");
        us.commit_of(&["sallyport"]).await.has("<result>OK</result>");
        us.pushed("prod").await.has("<result>OK</result>");
        let own = format!("{VSYS}/rulebase/security/rules/entry[@name='deny-east-west']");
        let off = if index > 5 { "yes" } else { "no" };
        us.config_on(FW_1, "set", &own, &format!("<disabled>{off}</disabled>")).await.has("code=\"20\"");
        let commit = us.send(&[("type", "commit"), ("target", FW_1), ("cmd", "<commit/>")]).await;
        if commit.body.contains("<job>") {
            finished_on(&us, FW_1, &between(&commit.body, "<job>", "</job>")).await;
        }
        us.match_on(FW_1, "ssl").await.has(&format!("<entry name=\"{name}\"><index>{index}</index>"));
        us.at("set", &path, "<disabled>yes</disabled>").await.has("code=\"20\"");
    }
}

async fn finished_on(us: &Client, serial: &str, job: &str) {
    let deadline = std::time::Instant::now() + crate::traffic::PATIENCE;
    while !us.op_on(serial, &format!("<show><jobs><id>{job}</id></jobs></show>")).await.body.contains(">FIN<")
    {
        assert!(std::time::Instant::now() < deadline, "job {job} on {serial} does not end");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_push_ships_all_that_is_committed_and_nothing_that_is_not() {
    let (running, us) = start().await;
    let alice = Client::login(&running.panorama, "alice", "wonder").await;
    alice.at("set", &rule_at(&group("eks"), "pre-rulebase", "hers"), &plain("drop")).await.has("code=\"20\"");
    alice.commit_of(&["alice"]).await.has("<result>OK</result>");
    let late = rule_at(&group("eks"), "pre-rulebase", "late");
    alice.at("set", &late, &plain("drop")).await.has("code=\"20\"");
    assert_eq!(us.sync_status(FW_1).await, "Out of Sync");
    us.pushed("prod").await.has("<result>OK</result>");
    us.config_on(FW_1, "show", &pushed_rule("hers"), "").await.has("loc=\"eks\"");
    us.config_on(FW_1, "show", &pushed_rule("late"), "").await.has("No such node");
    us.at("get", &late, "").await.has("admin=\"alice\"");
}

#[tokio::test]
async fn a_push_to_a_parent_does_not_reach_the_firewalls_of_its_children() {
    let (_running, us) = start().await;
    us.at("set", &rule_at(&group("eks"), "pre-rulebase", "r"), &plain("allow")).await.has("code=\"20\"");
    us.commit_of(&["sallyport"]).await.has("<result>OK</result>");
    us.pushed("eks").await.has("<result>OK</result>").lacks("serial-no");
    us.config_on(FW_1, "show", &pushed_rule("r"), "").await.has("No such node");
    us.pushed("dev").await.has("<result>OK</result>");
    us.config_on(FW_3, "show", &pushed_rule("r"), "").await.has("loc=\"eks\"");
    us.config_on(FW_1, "show", &pushed_rule("r"), "").await.has("No such node");
}

#[tokio::test]
async fn an_object_of_a_group_hides_the_one_above_it() {
    let (_running, us) = start().await;
    let address = |scope: &str| format!("{scope}/address/entry[@name='net']");
    us.at("set", &address(SHARED), "<ip-netmask>10.1.0.0/16</ip-netmask>").await.has("code=\"20\"");
    us.at("set", &address(&group("prod")), "<ip-netmask>10.2.0.0/16</ip-netmask>").await.has("code=\"20\"");
    us.commit_of(&["sallyport"]).await.has("<result>OK</result>");
    us.pushed("prod").await.has("<result>OK</result>");
    us.pushed("dev").await.has("<result>OK</result>");
    us.config_on(FW_1, "show", &address(PUSHED), "").await.has("10.2.0.0").has("loc=\"prod\"");
    us.config_on(FW_3, "show", &address(PUSHED), "").await.has("10.1.0.0").has("loc=\"shared\"");
}

#[tokio::test]
async fn a_rule_goes_to_the_firewalls_that_it_targets() {
    let (_running, us) = start().await;
    let target = |negate: &str| {
        format!("<target><devices><entry name='{FW_1}'/></devices><negate>{negate}</negate></target>")
    };
    for (name, negate) in [("only-1", "no"), ("not-1", "yes")] {
        let path = rule_at(&group("prod"), "pre-rulebase", name);
        us.at("set", &path, &format!("{}{}", plain("allow"), target(negate))).await.has("code=\"20\"");
    }
    us.commit_of(&["sallyport"]).await.has("<result>OK</result>");
    us.pushed("prod").await.has("<result>OK</result>");
    us.config_on(FW_1, "show", &pushed_rule("only-1"), "").await.has("only-1").lacks("target");
    us.config_on(FW_2, "show", &pushed_rule("only-1"), "").await.has("No such node");
    us.config_on(FW_2, "show", &pushed_rule("not-1"), "").await.has("not-1");
    us.config_on(FW_1, "show", &pushed_rule("not-1"), "").await.has("No such node");
}

#[tokio::test]
async fn a_firewalls_own_rules_and_tests_see_pushed_objects() {
    let (_running, us) = start().await;
    us.at("set", &format!("{}/application/entry[@name='sp-pay']", group("eks")), &app(PAY)).await;
    us.commit_of(&["sallyport"]).await.has("<result>OK</result>");
    let own = format!("{VSYS}/rulebase/security/rules/entry[@name='own']");
    let names_it = rule("sp-pay", "allow").replace("<tag><member>ours</member></tag>", "");
    us.config_on(FW_1, "set", &own, &names_it).await.has("'sp-pay' is not a valid reference");
    us.pushed("prod").await.has("<result>OK</result>");
    us.config_on(FW_1, "set", &own, &names_it).await.has("code=\"20\"");
    us.match_on(FW_1, "sp-pay").await.has("deny-east-west");
    us.match_on(FW_3, "sp-pay").await.has("is not a valid reference");
    let pushed_app = format!("{PUSHED}/application/entry[@name='sp-pay']");
    us.config_on(FW_1, "delete", &pushed_app, "").await.has("read-only");
}

#[tokio::test]
async fn one_group_and_some_firewalls_of_it_can_be_named() {
    let (_running, us) = start().await;
    us.at("set", &rule_at(&group("prod"), "pre-rulebase", "r"), &plain("allow")).await.has("code=\"20\"");
    us.commit_of(&["sallyport"]).await.has("<result>OK</result>");
    let one = push_cmd("prod", "").replace(
        "name=\"prod\"/>",
        &format!("name=\"prod\"><devices><entry name=\"{FW_2}\"/></devices></entry>"),
    );
    let job = us.push(&one).await;
    us.finished(&job).await.has(FW_2).lacks(FW_1);
    us.config_on(FW_2, "show", &pushed_rule("r"), "").await.has("<action");
    us.config_on(FW_1, "show", &pushed_rule("r"), "").await.has("No such node");
    let nowhere = [("type", "commit"), ("action", "all"), ("cmd", &push_cmd("nowhere", ""))];
    us.send(&nowhere).await.has("'nowhere' is not a valid reference");
    let firewall = [("type", "commit"), ("action", "all"), ("target", FW_1), ("cmd", &push_cmd("prod", ""))];
    us.send(&firewall).await.has("commit-all is unexpected");
}
