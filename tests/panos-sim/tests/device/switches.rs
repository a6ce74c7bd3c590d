//! Every open question has a switch, and each of its positions is seen here or beside the code that obeys it.

use crate::support::{Client, PAY, VSYS, app, batch, between, hang, options, rule, start_with};
use panos_sim::{
    ApplicationNeeds, BadPattern, BadSignatureList, FinishedProgress, Options, PolicyMatchLists,
    PortlessDefault, QueuedStatus, Quirks, RuleNeeds, Running,
};
use std::time::{Duration, Instant};

const TAG: &str = "/tag/entry[@name='ours']";
const COLOR: &str = "<color>color1</color>";
const RULE: &str = "/rulebase/security/rules/entry[@name='r']";
const APP: &str = "/application/entry[@name='sp-pay']";
const OURS: &str = "<partial><admin><member>sallyport</member></admin></partial>";

/// A device that answers one question otherwise.
async fn with(change: impl FnOnce(&mut Quirks)) -> (Running, Client) {
    let mut quirks = Quirks::default();
    change(&mut quirks);
    start_with(Options { quirks, ..options() }).await
}

#[tokio::test]
async fn a_set_at_the_parent_list_keeps_or_loses_its_owner() {
    for (loses, answer) in [(false, "enqueued"), (true, "There are no changes to commit")] {
        let (_running, us) = with(|quirks| quirks.parent_set_loses_owner = loses).await;
        us.config("set", "/tag", "<entry name='ours'><color>color1</color></entry>").await.has("code=\"20\"");
        us.commit(&format!("<commit>{OURS}</commit>")).await.has(answer);
    }
}

#[tokio::test]
async fn writes_are_taken_or_refused_during_a_commit() {
    for (taken, answer) in [(true, "code=\"20\""), (false, "code=\"13\"")] {
        let (running, us) = with(|quirks| quirks.writes_during_commit = taken).await;
        running.plant(hang());
        us.commit("<commit><force/></commit>").await.has("enqueued");
        us.config("set", TAG, COLOR).await.has(answer);
    }
}

#[tokio::test]
async fn the_queue_takes_more_commits_or_none_while_one_runs() {
    for (limit, answer) in [(10, "enqueued"), (0, "Another commit/validate is in progress")] {
        let (running, us) = with(|quirks| quirks.commit_queue_limit = limit).await;
        running.plant(hang());
        us.commit("<commit><force/></commit>").await.has("enqueued");
        us.commit("<commit><force/></commit>").await.has(answer);
    }
}

#[tokio::test]
async fn an_application_without_ports_has_every_default_port_or_none() {
    let portless = app(PAY).replace("<default><port><member>tcp/443</member></port></default>", "");
    let rule = rule("sp-pay", "allow").replace("service-https", "application-default");
    let move_up = format!("<move xpath=\"{VSYS}{RULE}\" where=\"top\"/>");
    for (position, expected) in
        [(PortlessDefault::EveryPort, "\"r\""), (PortlessDefault::NoPort, "\"deny-east-west\"")]
    {
        let (_running, us) = with(|quirks| quirks.portless_application_default = position).await;
        us.config("set", TAG, COLOR).await;
        us.config("set", APP, &portless).await.has("code=\"20\"");
        us.config("set", RULE, &rule).await.has("code=\"20\"");
        us.multi(&move_up).await.has("code=\"20\"");
        us.commit_of(&["sallyport"]).await.has("<result>OK</result>");
        us.policy_match("sp-pay", "10.20.2.7", 443).await.has(&format!("<entry name={expected}>"));
    }
}

#[tokio::test]
async fn the_policy_test_names_default_rules_or_nothing() {
    let test = "<test><security-policy-match><from>trust</from><to>untrust</to><source>10.20.1.1</source>\
                <destination>10.10.0.9</destination><destination-port>443</destination-port>\
                <protocol>6</protocol></security-policy-match></test>";
    for (names, expected) in [(true, "<entry name=\"interzone-default\">"), (false, "<rules/>")] {
        let (_running, us) = with(|quirks| quirks.policy_match_names_defaults = names).await;
        us.op(test).await.has(expected);
    }
}

#[tokio::test]
async fn the_policy_test_writes_lists_as_members_or_as_text() {
    for (form, expected) in [
        (PolicyMatchLists::Members, "<from><member>trust</member></from>"),
        (PolicyMatchLists::Text, "<from>trust</from>"),
    ] {
        let (_running, us) = with(|quirks| quirks.policy_match_lists = form).await;
        us.policy_match("ssl", "10.20.2.7", 443).await.has("deny-east-west").has(expected);
    }
}

#[tokio::test]
async fn rules_of_several_administrators_are_committed_together_or_apart() {
    for (together, answer) in [(true, "<result>FAIL</result>"), (false, "<result>OK</result>")] {
        let (running, us) = with(|quirks| quirks.rules_commit_together = together).await;
        let alice = Client::login(&running, "alice", "wonder").await;
        us.multi(&batch("sp-pay", PAY, "allow")).await.has("code=\"20\"");
        alice.config("delete", "/rulebase/security/rules/entry[@name='allow-legacy']", "").await;
        us.commit_of(&["sallyport"]).await.has(answer);
        us.config("show", "/rulebase/security/rules/entry[@name='allow-legacy']", "")
            .await
            .has("legacy-corp");
    }
}

#[tokio::test]
async fn a_partial_commit_takes_effect_or_only_says_so() {
    for effect in [true, false] {
        let (_running, us) = with(|quirks| quirks.partial_commit_takes_effect = effect).await;
        us.config("set", TAG, COLOR).await;
        us.commit_of(&["sallyport"]).await.has("<result>OK</result>").has("committed successfully");
        us.config("show", TAG, "").await.has(if effect { "color1" } else { "No such node" });
        us.op("<check><pending-changes/></check>").await.has(if effect { "no" } else { "yes" });
        let full = us.commit("<commit><force/></commit>").await;
        us.finished(&between(&full.body, "<job>", "</job>")).await.has("<result>OK</result>");
        us.config("show", TAG, "").await.has("color1");
    }
}

#[tokio::test]
async fn force_around_a_partial_commit_is_taken_or_refused() {
    for (taken, answer) in [(true, "enqueued"), (false, "code=\"17\"")] {
        let (_running, us) = with(|quirks| quirks.forced_partial_commit = taken).await;
        us.commit(&format!("<commit><force>{OURS}</force></commit>")).await.has(answer);
        us.commit("<commit><force/></commit>").await.has("enqueued");
    }
}

#[tokio::test]
async fn multi_config_is_on_or_off() {
    for (enabled, answer) in [(true, "code=\"20\""), (false, "code=\"17\"")] {
        let (_running, us) = with(|quirks| quirks.multi_config_enabled = enabled).await;
        us.multi(&batch("sp-pay", PAY, "allow")).await.has(answer);
        us.config("set", TAG, COLOR).await.has("code=\"20\"");
    }
}

#[tokio::test]
async fn config_locks_hold_the_api_or_not() {
    for (hold, answer) in [(true, "Configuration is locked by"), (false, "code=\"20\"")] {
        let (running, us) = with(|quirks| quirks.config_locks_hold_the_api = hold).await;
        let alice = Client::login(&running, "alice", "wonder").await;
        alice.op("<request><config-lock><add/></config-lock></request>").await.has("success");
        us.config("set", TAG, COLOR).await.has(answer);
    }
}

#[tokio::test]
async fn a_queued_job_is_pending_or_called_active() {
    for (position, status) in [(QueuedStatus::Pend, "PEND"), (QueuedStatus::Act, "ACT")] {
        let (running, us) = with(|quirks| quirks.queued_status = position).await;
        running.plant(hang());
        us.commit("<commit><force/></commit>").await.has("jobid 1");
        us.commit("<commit><force/></commit>").await.has("jobid 2");
        us.job("2").await.has(&format!("<status>{status}</status>")).has("<queued>YES</queued>");
    }
}

#[tokio::test]
async fn a_finished_job_shows_a_hundred_or_a_time() {
    for (position, progress) in
        [(FinishedProgress::Percent, "<progress>100<"), (FinishedProgress::Timestamp, "<progress>20")]
    {
        let (_running, us) = with(|quirks| quirks.finished_progress = position).await;
        us.commit("<commit><force/></commit>").await;
        us.finished("1").await.has(progress);
    }
}

#[tokio::test]
async fn job_numbers_are_whole_or_cut_to_16_bits() {
    let (_running, us) = with(|quirks| quirks.job_ids_cut = true).await;
    us.commit("<commit><force/></commit>").await.has("<job>4465</job>");
    us.job("4465").await.has("job 4465 not found");
    us.finished("70001").await.has("<result>OK</result>");
    let (_running, us) = with(|_| {}).await;
    us.commit("<commit><force/></commit>").await.has("<job>1</job>");
    us.finished("1").await.has("<result>OK</result>");
}

#[tokio::test]
async fn keys_live_on_or_die_with_their_time() {
    let info = "<show><system><info/></system></show>";
    let (running, us) = with(|quirks| quirks.key_lifetime_ms = 1).await;
    let deadline = Instant::now() + Duration::from_secs(20);
    while us.op(info).await.http != 403 {
        assert!(Instant::now() < deadline, "the key lives on");
    }
    let again = Client::login(&running, "sallyport", "s3cret").await;
    assert_ne!(again.key, us.key);
    let (running, us) = with(|_| {}).await;
    assert_eq!(us.op(info).await.http, 200);
    assert_eq!(Client::login(&running, "sallyport", "s3cret").await.key, us.key);
}

#[tokio::test]
async fn descriptions_of_applications_are_long_or_short() {
    for (limit, answer) in [(1023, "code=\"20\""), (255, "at most 255 characters, but current length: 256")] {
        let (_running, us) = with(|quirks| quirks.application_description_limit = limit).await;
        let description = |length: usize| format!("<description>{}</description>", "x".repeat(length));
        us.config("set", APP, &description(256)).await.has(answer);
        us.config("set", APP, &description(255)).await.has("code=\"20\"");
        us.config("set", APP, &description(limit + 1)).await.has("code=\"12\"");
    }
}

#[tokio::test]
async fn an_application_needs_much_or_little() {
    let edit = |content: &str| format!("<entry name='sp-pay'>{content}</entry>");
    let (category, risk) = ("<category>business-systems</category>", "<risk>1</risk>");
    for (needs, bare, two) in [
        (ApplicationNeeds::Nothing, "code=\"20\"", "code=\"20\""),
        (ApplicationNeeds::CategoryAndRisk, "is missing 'category'", "code=\"20\""),
        (ApplicationNeeds::WhatTheFormAsks, "is missing 'category'", "is missing 'subcategory'"),
    ] {
        let (_running, us) = with(|quirks| quirks.application_needs = needs).await;
        us.config("edit", APP, &edit("")).await.has(bare);
        us.config("edit", APP, &edit(&format!("{category}{risk}"))).await.has(two);
        us.config("edit", APP, &edit(&app(PAY))).await.has("code=\"20\"");
    }
}

#[tokio::test]
async fn a_vsys_holds_many_applications_or_few() {
    for (limit, answer) in
        [(6416, "<result>OK</result>"), (1, "2 custom applications exceed the capacity of 1")]
    {
        let (_running, us) = with(|quirks| quirks.application_limit = limit).await;
        us.config("set", APP, &app(PAY)).await.has("code=\"20\"");
        us.commit_of(&["sallyport"]).await.has(answer);
    }
}

#[tokio::test]
async fn rules_need_nothing_a_tag_and_a_description_or_an_audit_comment() {
    let plain = rule("ssl", "allow").replace("<tag><member>ours</member></tag>", "");
    let dressed = format!("{plain}<tag><member>legacy</member></tag><description>why</description>");
    let comment = format!(
        "<set><audit-comment><xpath>{VSYS}{RULE}</xpath><comment>CHG-1</comment></audit-comment></set>"
    );
    let refused = |what: &str| format!("r is missing '{what}'");
    for (needs, first, second) in [
        (RuleNeeds::Nothing, "code=\"20\"".to_owned(), "code=\"20\"".to_owned()),
        (RuleNeeds::TagAndDescription, refused("tag"), "code=\"20\"".to_owned()),
        (RuleNeeds::AuditComment, refused("audit comment"), refused("audit comment")),
    ] {
        let (_running, us) = with(|quirks| quirks.rule_needs = needs).await;
        us.config("set", RULE, &plain).await.has(&first);
        us.config("set", RULE, &dressed).await.has(&second);
        us.op(&comment).await.has("success");
        us.config("set", RULE, &dressed).await.has("code=\"20\"");
        us.config("set", TAG, COLOR).await.has("code=\"20\"");
        us.commit_of(&["sallyport"]).await.has("<result>OK</result>");
        // The comment went into the archive with the commit; a deletion asks for none.
        let again = us.config("set", RULE, "<disabled>yes</disabled>").await;
        again.has(if needs == RuleNeeds::AuditComment { "audit comment" } else { "code=\"20\"" });
        us.config("delete", RULE, "").await.has("code=\"20\"");
    }
}

#[tokio::test]
async fn bad_signatures_come_as_entries_or_as_lines() {
    for (form, none, one) in [
        (BadSignatureList::Entries, "<result></result>", "<entry name=\"sp-pay\"><vsys>vsys1</vsys>"),
        (BadSignatureList::Lines, "no bad custom signature", "<result>vsys1 sp-pay sni: "),
    ] {
        let (_running, us) = with(|quirks| {
            quirks.bad_signature_list = form;
            quirks.bad_pattern = BadPattern::BadSignature;
        })
        .await;
        us.op("<show><bad-custom-signature/></show>").await.has(none);
        us.config("set", APP, &app("(")).await;
        us.commit_of(&["sallyport"]).await.has("<result>OK</result>");
        us.op("<show><bad-custom-signature/></show>").await.has(one);
    }
}

#[tokio::test]
async fn a_filter_holds_custom_applications_or_only_predefined_ones() {
    let filter = "<category><member>business-systems</member></category>";
    let by_filter = rule("all-business", "allow").replace("<tag><member>ours</member></tag>", "");
    for (holds, decides) in [(true, "\"r\""), (false, "\"deny-east-west\"")] {
        let (_running, us) = with(|quirks| quirks.filters_hold_custom_applications = holds).await;
        us.config("set", "/application-filter/entry[@name='all-business']", filter).await.has("code=\"20\"");
        us.config("set", "/application-filter/entry[@name='all-business']", "<tag/>")
            .await
            .has("code=\"12\"");
        us.config("set", APP, &app(PAY)).await.has("code=\"20\"");
        us.config("set", RULE, &by_filter).await.has("code=\"20\"");
        us.multi(&format!("<move xpath=\"{VSYS}{RULE}\" where=\"top\"/>")).await.has("code=\"20\"");
        us.commit_of(&["sallyport"]).await.has("<result>OK</result>");
        us.policy_match("sp-pay", "10.20.2.7", 443).await.has(&format!("<entry name={decides}>"));
        us.policy_match("ssl", "10.20.2.7", 443).await.has("deny-east-west");
    }
}
