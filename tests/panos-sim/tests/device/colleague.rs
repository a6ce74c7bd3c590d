//! Another administrator on the same device: edits, commits, locks, and configurations loaded over ours.

use crate::support::{Client, PAY, VSYS, batch, between, hang, rule, start};
use panos_sim::Running;

const RULES: &str = "/rulebase/security/rules";
const OUR_RULE: &str = "/rulebase/security/rules/entry[@name='sp-pay-rule']";
const OUR_APP: &str = "/application/entry[@name='sp-pay']";
const COLOR: &str = "<color>color1</color>";

async fn both() -> (Running, Client, Client) {
    let (running, us) = start().await;
    let alice = Client::login(&running, "alice", "wonder").await;
    (running, us, alice)
}

async fn full_commit(who: &Client) {
    let reply = who.commit("<commit/>").await;
    who.finished(&between(&reply.body, "<job>", "</job>")).await.has("<result>OK</result>");
}

async fn rename(who: &Client, below: &str, newname: &str) {
    let xpath = format!("{VSYS}{below}");
    let form = [("type", "config"), ("action", "rename"), ("xpath", &xpath), ("newname", newname)];
    who.send(&form).await.has("code=\"20\"");
}

async fn clone(who: &Client, list: &str, from: &str, newname: &str) {
    let (xpath, from) = (format!("{VSYS}{list}"), format!("{VSYS}{list}/entry[@name='{from}']"));
    let form =
        [("type", "config"), ("action", "clone"), ("xpath", &xpath), ("from", &from), ("newname", newname)];
    who.send(&form).await.has("code=\"20\"");
}

#[tokio::test]
async fn nothing_is_in_force_before_its_commit() {
    let (_running, us) = start().await;
    let allow = rule("ssl", "allow").replace("<tag><member>ours</member></tag>", "");
    us.config("set", &format!("{RULES}/entry[@name='allow-ssl']"), &allow).await.has("code=\"20\"");
    us.multi(&format!("<move xpath=\"{VSYS}{RULES}/entry[@name='allow-ssl']\" where=\"top\"/>")).await;
    us.policy_match("ssl", "10.20.2.7", 443).await.has("<entry name=\"deny-east-west\">");
    us.commit_of(&["sallyport"]).await.has("<result>OK</result>");
    us.policy_match("ssl", "10.20.2.7", 443).await.has("<entry name=\"allow-ssl\">");
}

#[tokio::test]
async fn a_full_commit_carries_everybodys_work_and_leaves_nothing_to_commit() {
    let (_running, us, alice) = both().await;
    us.multi(&batch("sp-pay", PAY, "allow")).await.has("code=\"20\"");
    full_commit(&alice).await;
    us.config("show", OUR_RULE, "").await.has("sp-pay");
    us.policy_match("sp-pay", "10.20.2.7", 443).await.has("<entry name=\"sp-pay-rule\">");
    let ours = "<commit><partial><admin><member>sallyport</member></admin></partial></commit>";
    us.commit(ours).await.has("There are no changes to commit.").lacks("<job>");
}

#[tokio::test]
async fn a_partial_commit_leaves_the_others_work_pending() {
    let (_running, us, alice) = both().await;
    us.config("set", "/tag/entry[@name='ours']", COLOR).await;
    alice.config("set", "/tag/entry[@name='hers']", COLOR).await;
    alice.commit_of(&["alice"]).await.has("<result>OK</result>");
    us.config("show", "/tag/entry[@name='ours']", "").await.has("No such node");
    us.op("<show><config><list><changes/></list></config></show>")
        .await
        .has("<owner>sallyport</owner>")
        .lacks("alice");
    us.commit_of(&["sallyport"]).await.has("<result>OK</result>");
    us.config("show", "/tag/entry[@name='ours']", "").await.has("color1");
    us.config("show", "/tag/entry[@name='hers']", "").await.has("color1");
    us.op("<check><pending-changes/></check>").await.has("no");
}

#[tokio::test]
async fn what_is_written_during_a_commit_is_not_in_it() {
    let (running, us, alice) = both().await;
    us.config("set", "/tag/entry[@name='ours']", COLOR).await;
    running.plant(hang());
    let job = between(&us.commit("<commit/>").await.body, "<job>", "</job>");
    while !us.job(&job).await.body.contains("<status>ACT</status>") {
        tokio::task::yield_now().await;
    }
    alice.config("set", "/tag/entry[@name='late']", COLOR).await.has("code=\"20\"");
    running.clear_faults();
    us.finished(&job).await.has("<result>OK</result>");
    us.config("show", "/tag/entry[@name='ours']", "").await.has("color1");
    us.config("show", "/tag/entry[@name='late']", "").await.has("No such node");
    us.op("<check><pending-changes/></check>").await.has("yes");
}

#[tokio::test]
async fn our_rule_and_app_id_can_be_moved_renamed_and_deleted() {
    let (running, us, alice) = both().await;
    us.multi(&batch("sp-pay", PAY, "allow")).await.has("code=\"20\"");
    full_commit(&us).await;
    alice.multi(&format!("<move xpath=\"{VSYS}{OUR_RULE}\" where=\"bottom\"/>")).await.has("code=\"20\"");
    full_commit(&alice).await;
    us.policy_match("sp-pay", "10.20.2.7", 443).await.has("<entry name=\"deny-east-west\">");
    rename(&alice, OUR_APP, "pay-2").await;
    rename(&alice, OUR_RULE, "pay-rule").await;
    full_commit(&alice).await;
    us.config("show", OUR_APP, "").await.has("No such node");
    us.config("show", OUR_RULE, "").await.has("No such node");
    us.config("show", &format!("{RULES}/entry[@name='pay-rule']/application"), "").await.has("pay-2");
    alice.config("delete", &format!("{RULES}/entry[@name='pay-rule']"), "").await.has("code=\"20\"");
    alice.config("delete", "/application/entry[@name='pay-2']", "").await.has("code=\"20\"");
    full_commit(&alice).await;
    assert!(!running.running_xml().contains("pay"), "nothing of it is left");
}

#[tokio::test]
async fn a_clone_keeps_the_mark_and_gets_its_own_uuid() {
    let (_running, us, alice) = both().await;
    us.multi(&batch("sp-pay", PAY, "allow")).await.has("code=\"20\"");
    clone(&alice, "/application", "sp-pay", "copy").await;
    clone(&alice, RULES, "sp-pay-rule", "copy-rule").await;
    us.config("get", "/application/entry[@name='copy']", "").await.has("<description admin=\"alice\"");
    let copied = us.config("get", &format!("{RULES}/entry[@name='copy-rule']"), "").await;
    copied.has(">ours</member>").has("admin=\"alice\"");
    let original = us.config("get", OUR_RULE, "").await;
    let uuid = |body: &str| between(body, "uuid=\"", "\"");
    assert_ne!(uuid(&copied.body), uuid(&original.body));
}

#[tokio::test]
async fn a_revert_takes_back_everybodys_changes_or_those_of_one() {
    let (_running, us, alice) = both().await;
    us.multi(&batch("sp-pay", PAY, "allow")).await.has("code=\"20\"");
    alice.config("set", "/tag/entry[@name='hers']", COLOR).await;
    alice
        .op("<revert><config><partial><admin><member>alice</member></admin></partial></config></revert>")
        .await
        .has("reverted");
    us.config("get", "/tag/entry[@name='hers']", "").await.has("code=\"7\"");
    us.config("get", OUR_RULE, "").await.has("sp-pay-rule");
    alice.op("<revert><config/></revert>").await.has("reverted");
    us.config("get", OUR_RULE, "").await.has("code=\"7\"");
    us.op("<check><pending-changes/></check>").await.has("no");
}

#[tokio::test]
async fn a_loaded_configuration_replaces_ours_and_wants_a_full_commit() {
    let (_running, us, alice) = both().await;
    alice.op("<save><config><to>before.xml</to></config></save>").await.has("saved");
    us.multi(&batch("sp-pay", PAY, "allow")).await.has("code=\"20\"");
    us.commit_of(&["sallyport"]).await.has("<result>OK</result>");
    let load = "<load><config><from>before.xml</from></config></load>";
    alice.op(load).await.has("loaded from before.xml");
    us.config("get", OUR_RULE, "").await.has("code=\"7\"");
    us.config("show", OUR_RULE, "").await.has("sp-pay");
    us.op("<check><full-commit-required/></check>").await.has("yes");
    us.config("set", "/tag/entry[@name='ours']", COLOR).await.has("code=\"20\"");
    let ours = "<commit><partial><admin><member>sallyport</member></admin></partial></commit>";
    us.commit(ours).await.has("code=\"14\"").has("a full commit is required");
    full_commit(&alice).await;
    us.op("<check><full-commit-required/></check>").await.has("no");
    us.config("show", OUR_RULE, "").await.has("No such node");
    us.config("show", "/tag/entry[@name='ours']", "").await.has("color1");
    us.config("set", "/tag/entry[@name='next']", COLOR).await.has("code=\"20\"");
    us.commit_of(&["sallyport"]).await.has("<result>OK</result>");
}

#[tokio::test]
async fn earlier_versions_and_the_last_saved_one_can_be_loaded() {
    let (_running, us, alice) = both().await;
    us.config("set", "/tag/entry[@name='second']", COLOR).await;
    full_commit(&us).await;
    us.config("set", "/tag/entry[@name='third']", COLOR).await;
    alice.op("<save><config/></save>").await.has("saved");
    full_commit(&us).await;
    let load = async |what: &str, there: &str, absent: &str| {
        alice.op(&format!("<load><config>{what}</config></load>")).await.has("loaded");
        let tags = us.config("get", "/tag", "").await;
        assert!(tags.body.contains(there) && !tags.body.contains(absent), "{what}: {}", tags.body);
    };
    load("<version>1</version>", "legacy", "second").await;
    load("<version>2</version>", "second", "third").await;
    load("<from>running-config.xml</from>", "third", "nothing").await;
    us.op("<check><pending-changes/></check>").await.has("no");
    load("<version>1</version>", "legacy", "second").await;
    load("<last-saved/>", "third", "nothing").await;
    for absent in ["<from>nowhere.xml</from>", "<version>99</version>", "<version>x</version>"] {
        alice.op(&format!("<load><config>{absent}</config></load>")).await.has("does not exist");
    }
}

#[tokio::test]
async fn loading_and_reverting_wait_for_commits_and_for_the_others_lock() {
    let (running, us, alice) = both().await;
    us.op("<request><config-lock><add/></config-lock></request>").await.has("success");
    for command in ["<load><config><version>1</version></config></load>", "<revert><config/></revert>"] {
        alice.op(command).await.has("Configuration is locked by administrator sallyport");
        us.op(command).await.has("Config");
    }
    us.op("<request><config-lock><remove/></config-lock></request>").await.has("success");
    running.plant(hang());
    us.commit("<commit><force/></commit>").await.has("enqueued");
    alice.op("<load><config><version>1</version></config></load>").await.has("A commit is pending");
}

#[tokio::test]
async fn a_lock_is_removed_by_its_owner_or_by_a_superuser_who_names_the_owner() {
    let (_running, us, alice) = both().await;
    for kind in ["config-lock", "commit-lock"] {
        let request = |what: &str| format!("<request><{kind}>{what}</{kind}></request>");
        alice.op(&request("<add/>")).await.has("success");
        us.op(&request("<remove/>")).await.has("status=\"error\"").has("not currently");
        us.op(&format!("<show><{kind}s/></show>")).await.has("alice");
        us.op(&request("<remove><admin>alice</admin></remove>")).await.has("success");
        us.op(&format!("<show><{kind}s/></show>")).await.lacks("alice");
        alice.op(&request("<add/>")).await.has("success");
        alice.op(&request("<remove/>")).await.has("success");
    }
}
