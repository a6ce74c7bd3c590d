//! Commit jobs: validation, queue, partial commits, locks.

use crate::support::{Client, PAY, VSYS, batch, between, hang, options, rule, start, start_with};
use panos_sim::{Options, Quirks};
use std::time::Duration;

#[tokio::test]
async fn a_rule_without_a_service_fails_its_commit() {
    let (_running, us) = start().await;
    let incomplete = rule("ssl", "allow")
        .replace("<service><member>service-https</member></service>", "")
        .replace("<tag><member>ours</member></tag>", "");
    us.config("set", "/rulebase/security/rules/entry[@name='r']", &incomplete).await.has(r#"code="20""#);
    us.commit_of(&["sallyport"])
        .await
        .has("<result>FAIL</result>")
        .has("<line>Validation Error:</line><line> r is missing 'service'</line>");
    us.op("<check><pending-changes/></check>").await.has("yes");
    us.config("show", "/rulebase/security/rules/entry[@name='r']", "").await.has("No such node");
    us.op("<validate><full/></validate>").await.has("Validate job enqueued");
    us.finished("2").await.has("<type>Validate</type>").has("<result>FAIL</result>");
}

#[tokio::test]
async fn commits_queue_up_and_carry_whose_work_they_name() {
    let (running, us) = start().await;
    let alice = Client::login(&running, "alice", "wonder").await;
    running.plant(hang());
    us.config("set", "/tag/entry[@name='ours']", "<color>color1</color>").await;
    alice.config("set", "/tag/entry[@name='hers']", "<color>color2</color>").await;
    us.op("<show><config><list><changes/></list></config></show>")
        .await
        .has("<owner>alice</owner>")
        .has("<owner>sallyport</owner>");
    us.op("<show><config><list><changes><partial><admin><member>alice</member></admin></partial></changes></list></config></show>")
        .await
        .has("hers")
        .lacks("ours");
    us.op("<show><config><list><admins/></list></config></show>").await.has("alice").has("sallyport");
    let partial = "<commit><partial><admin><member>sallyport</member></admin></partial><description>ours</description></commit>";
    let first = between(&us.commit(partial).await.body, "<job>", "</job>");
    let second = between(&alice.commit("<commit><force/></commit>").await.body, "<job>", "</job>");
    us.config("show", "/tag/entry[@name='hers']", "").await.has("No such node");
    us.job(&second)
        .await
        .has("<status>PEND</status>")
        .has("<queued>YES</queued>")
        .has("<positionInQ>1</positionInQ>");
    running.clear_faults();
    us.finished(&first).await.has("<description>ours</description>").has("<user>sallyport</user>");
    us.op("<show><jobs><all/></jobs></show>")
        .await
        .has(&format!("<id>{first}</id>"))
        .has(&format!("<id>{second}</id>"));
    us.finished(&second).await.has("<result>OK</result>");
    us.config("show", "/tag/entry[@name='hers']", "").await.has("color2");
    us.job("99").await.has("job 99 not found");
}

#[tokio::test]
async fn several_administrators_in_one_rulebase_must_be_committed_together() {
    let (running, us) = start().await;
    let alice = Client::login(&running, "alice", "wonder").await;
    us.multi(&batch("sp-pay", PAY, "allow")).await.has(r#"code="20""#);
    alice
        .config("delete", "/rulebase/security/rules/entry[@name='allow-legacy']", "")
        .await
        .has(r#"code="20""#);
    us.commit_of(&["sallyport"]).await.has("<result>FAIL</result>").has("alice");
    us.commit_of(&["alice", "sallyport"]).await.has("<result>OK</result>");
    us.config("show", "/rulebase/security/rules/entry[@name='allow-legacy']", "").await.has("No such node");
}

#[tokio::test]
async fn locks_hold_others_back_until_a_commit() {
    let (running, us) = start().await;
    let alice = Client::login(&running, "alice", "wonder").await;
    let lock = "<request><config-lock><add><comment>mine</comment></add></config-lock></request>";
    alice.op(lock).await.has(r#"status="success""#);
    alice.op(lock).await.has("You already own a config lock for scope shared");
    us.op(lock).await.has("Config for scope shared is currently locked");
    us.op("<show><config-locks/></show>")
        .await
        .has(r#"<config-locks><entry name="alice">"#)
        .has("<comment>mine</comment>");
    us.config("set", "/tag/entry[@name='ours']", "<color>color1</color>")
        .await
        .has("Configuration is locked by");
    us.op("<request><commit-lock><remove/></commit-lock></request>")
        .await
        .has("Commit lock is not currently held");
    alice.op("<request><commit-lock><add/></commit-lock></request>").await.has(r#"status="success""#);
    us.op("<request><commit-lock><add/></commit-lock></request>").await.has("Commit lock is already held");
    us.commit("<commit><force/></commit>").await.has("Other administrators are holding commit locks.");
    alice.config("set", "/tag/entry[@name='hers']", "<color>color1</color>").await;
    alice.commit_of(&["alice"]).await.has("<result>OK</result>");
    us.op("<show><config-locks/></show>").await.has("<config-locks/>");
    us.config("set", "/tag/entry[@name='ours']", "<color>color1</color>").await.has(r#"code="20""#);
}

#[tokio::test]
async fn strict_transactions_and_reverts_wait_for_commits() {
    let (running, us) = start().await;
    us.config("set", "/tag/entry[@name='ours']", "<color>color1</color>").await;
    running.set_commit_time(Duration::from_secs(3600));
    us.commit("<commit/>").await.has("jobid 1");
    let element = format!("<multi-config><delete xpath=\"{VSYS}/tag/entry[@name='x']\"/></multi-config>");
    let strict = [
        ("type", "config"),
        ("action", "multi-config"),
        ("strict-transactional", "yes"),
        ("element", &element),
    ];
    us.send(&strict).await.has(r#"code="13""#).has("A commit is pending");
    us.op("<revert><config/></revert>").await.has("A commit is pending");
    us.multi(&format!("<delete xpath=\"{VSYS}/tag/entry[@name='x']\"/>")).await.has(r#"code="7""#);
    us.job("1").await.has("<status>ACT</status>").has("<tfin>Still Active</tfin>");
}

#[tokio::test]
async fn a_full_queue_refuses() {
    let quirks = Quirks { commit_queue_limit: 1, writes_during_commit: false, ..Quirks::default() };
    let (_running, us) =
        start_with(Options { quirks, commit_time: Duration::from_secs(3600), ..options() }).await;
    us.config("set", "/tag/entry[@name='ours']", "<color>color1</color>").await;
    us.commit("<commit/>").await.has("jobid 1");
    while !us.job("1").await.body.contains("<status>ACT</status>") {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    us.commit("<commit/>").await.has("jobid 2");
    us.commit("<commit/>").await.has(r#"code="13""#).has("Another commit/validate is in progress");
    us.op("<clear><job><id>2</id></job></clear>").await.has("cancelled");
    us.config("set", "/tag/entry[@name='x']", "<color>color1</color>").await.has(r#"code="13""#);
}
