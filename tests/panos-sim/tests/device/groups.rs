//! Device groups of a Panorama: inheritance, names of rules, partial commits and locks by group.

use crate::{
    managed::{FW_1, group, rule_at, start, write_pair},
    support::{Client, PAY, VSYS, app, between, rule},
};

const COLOR: &str = "<color>color1</color>";

fn without_tag(app: &str) -> String {
    rule(app, "allow").replace("<tag><member>ours</member></tag>", "")
}

#[tokio::test]
async fn objects_above_can_be_named_and_those_below_or_beside_cannot() {
    let (_running, us) = start().await;
    let pay = app(PAY);
    for (scope, name) in
        [("/config/shared".to_owned(), "of-shared"), (group("eks"), "of-eks"), (group("dev"), "of-dev")]
    {
        us.at("set", &format!("{scope}/application/entry[@name='{name}']"), &pay).await.has("code=\"20\"");
    }
    let in_prod = rule_at(&group("prod"), "pre-rulebase", "r");
    for above in ["of-shared", "of-eks"] {
        us.at("set", &in_prod, &without_tag(above)).await.has("code=\"20\"");
    }
    us.at("set", &in_prod, &without_tag("of-dev")).await.has("'of-dev' is not a valid reference");
    let in_eks = rule_at(&group("eks"), "pre-rulebase", "q");
    us.at("set", &in_eks, &without_tag("of-dev")).await.has("'of-dev' is not a valid reference");
    let delete = format!("{}/application/entry[@name='of-eks']", group("eks"));
    us.at("delete", &delete, "").await.has("code=\"10\"").has(
        "device-group -&gt; prod -&gt; pre-rulebase -&gt; security -&gt; rules -&gt; r -&gt; application",
    );
}

#[tokio::test]
async fn a_rules_name_is_taken_above_and_below_and_free_beside() {
    let (_running, us) = start().await;
    let set = async |scope: &str, rulebase: &str| {
        us.at("set", &rule_at(scope, rulebase, "r"), &without_tag("ssl")).await
    };
    set(&group("prod"), "pre-rulebase").await.has("code=\"20\"");
    set(&group("prod"), "pre-rulebase").await.has("code=\"20\"");
    set(&group("dev"), "post-rulebase").await.has("code=\"20\"");
    for (scope, rulebase) in [
        (group("prod"), "post-rulebase"),
        (group("eks"), "pre-rulebase"),
        ("/config/shared".to_owned(), "post-rulebase"),
    ] {
        set(&scope, rulebase).await.has("code=\"12\"").has("r is already in use");
    }
}

#[tokio::test]
async fn the_hierarchy_and_the_members_can_be_read() {
    let (_running, us) = start().await;
    us.op("<show><dg-hierarchy/></show>").await.has(
        "<dg-hierarchy><dg name=\"eks\" dg_id=\"11\"><dg name=\"prod\" dg_id=\"12\"/><dg name=\"dev\" dg_id=\"13\"/></dg>",
    );
    let parents = "/config/readonly/devices/entry[@name='localhost.localdomain']/device-group/entry[@name='prod']/parent-dg";
    us.at("get", parents, "").await.has("<parent-dg>eks</parent-dg>");
    us.at("set", parents, "<x/>").await.has("read-only");
    us.op("<show><devicegroups><name>prod</name></devicegroups></show>")
        .await
        .has("<entry name=\"prod\"><shared-policy-md5sum>")
        .has(FW_1)
        .lacks("\"dev\"");
    us.at("get", &format!("{}/devices/entry[@name='{FW_1}']", group("prod")), "").await.has("vsys1");
    us.op("<show><system><info/></system></show>").await.has("<model>Panorama</model>");
    us.op("<test><security-policy-match/></test>").await.has("is unexpected");
}

#[tokio::test]
async fn a_panorama_has_groups_and_no_vsys_and_a_firewall_the_other_way_round() {
    let (running, us) = start().await;
    us.at("set", &format!("{VSYS}/tag/entry[@name='t']"), COLOR).await.has("Could not find schema node");
    us.at("set", &format!("{}/tag/entry[@name='t']", group("nowhere")), COLOR)
        .await
        .has("Could not find schema node");
    us.at("set", &group("new"), "<description>made</description>").await.has("code=\"20\"");
    us.at("set", &format!("{}/tag/entry[@name='t']", group("new")), COLOR).await.has("code=\"20\"");
    us.op("<show><config><list><changes/></list></config></show>").await.has("entry[@name='new']");
    let firewall = Client::login(running.firewall(FW_1).unwrap(), "sallyport", "s3cret").await;
    firewall
        .at("set", &group("prod"), "<description>x</description>")
        .await
        .has("Could not find schema node");
    let shared = rule_at("/config/shared", "pre-rulebase", "r");
    firewall.at("set", &shared, &without_tag("ssl")).await.has("Could not find schema node");
    let rules = format!(
        "<pre-rulebase><security><rules><entry name='r'>{}</entry></rules></security></pre-rulebase>",
        without_tag("ssl")
    );
    firewall.at("set", "/config/shared", &rules).await.has("unexpected here");
    firewall.op("<show><devicegroups/></show>").await.has("is unexpected");
    firewall.config("set", "/tag/entry[@name='t']", COLOR).await.has("code=\"20\"");
}

#[tokio::test]
async fn a_partial_commit_names_groups_and_administrators() {
    let (running, us) = start().await;
    let alice = Client::login(&running.panorama, "alice", "wonder").await;
    let tag = |scope: &str, name: &str| format!("{scope}/tag/entry[@name='{name}']");
    us.at("set", &tag(&group("prod"), "ours"), COLOR).await.has("code=\"20\"");
    us.at("set", &tag(&group("dev"), "ours"), COLOR).await.has("code=\"20\"");
    us.at("set", &tag("/config/shared", "ours"), COLOR).await.has("code=\"20\"");
    alice.at("set", &tag(&group("prod"), "hers"), COLOR).await.has("code=\"20\"");
    let partial = "<commit><partial><admin><member>sallyport</member></admin><device-group><member>prod</member></device-group>\
                   <shared-object>excluded</shared-object></partial></commit>";
    let job = between(&us.commit(partial).await.body, "<job>", "</job>");
    us.finished(&job).await.has("<result>OK</result>");
    us.at("show", &tag(&group("prod"), "ours"), "").await.has("color1");
    for left in [tag(&group("prod"), "hers"), tag(&group("dev"), "ours"), tag("/config/shared", "ours")] {
        us.at("show", &left, "").await.has("No such node");
    }
    us.commit(partial).await.has("There are no changes to commit.");
    us.commit_of(&["sallyport"]).await.has("<result>OK</result>");
    us.at("show", &tag(&group("dev"), "ours"), "").await.has("color1");
    us.at("show", &tag(&group("prod"), "hers"), "").await.has("No such node");
}

#[tokio::test]
async fn a_lock_holds_one_group_and_a_lock_of_shared_holds_all() {
    let (running, us) = start().await;
    let alice = Client::login(&running.panorama, "alice", "wonder").await;
    let lock = async |who: &Client, vsys: &str, what: &str| {
        let cmd = format!("<request><config-lock>{what}</config-lock></request>");
        who.send(&[("type", "op"), ("vsys", vsys), ("cmd", &cmd)]).await.has("success").body.clone()
    };
    let tag = |name: &str| format!("{}/tag/entry[@name='ours']", group(name));
    lock(&alice, "prod", "<add/>").await;
    us.op("<show><config-locks/></show>").await.has("<name>prod</name>");
    us.at("set", &tag("prod"), COLOR).await.has("Configuration is locked by");
    us.at("set", &tag("dev"), COLOR).await.has("code=\"20\"");
    lock(&alice, "prod", "<remove/>").await;
    lock(&alice, "shared", "<add/>").await;
    us.at("set", &tag("dev"), COLOR).await.has("Configuration is locked by");
    lock(&alice, "shared", "<remove/>").await;
    us.at("set", &tag("prod"), COLOR).await.has("code=\"20\"");
}

#[tokio::test]
async fn new_lists_of_a_group_belong_to_who_made_them() {
    let (_running, us) = start().await;
    write_pair(&us, &group("prod"), "sp-pay", PAY, "allow").await;
    us.op("<show><config><list><changes/></list></config></show>")
        .await
        .has("<owner>sallyport</owner>")
        .has("pre-rulebase/security/rules/entry[@name='sp-pay-rule']")
        .has("<component-type>pre-rulebase</component-type>");
    us.commit_of(&["sallyport"]).await.has("<result>OK</result>");
    us.op("<check><pending-changes/></check>").await.has("no");
}
