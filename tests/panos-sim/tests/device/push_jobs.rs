//! Push jobs: firewalls that are away, busy or refuse, and what a push does to their own pending work.

use crate::{
    managed::{FW_1, FW_2, FW_3, group, push_cmd, rule_at, start, start_with, write_pair},
    support::{Client, PAY, VSYS, app, between, hang, options, rule},
};
use panos_sim::{
    Action, Fault, Options, PushJobEnds, PushJobResult, Quirks, Running, RunningPanorama, Times, Where,
};

const PUSHED: &str = "/config/panorama/vsys/entry[@name='vsys1']";
const COLOR: &str = "<color>color1</color>";

fn own_tag(name: &str) -> String {
    format!("{VSYS}/tag/entry[@name='{name}']")
}

/// A committed tag in a group, to have something to push.
async fn tag_in(us: &Client, scope: &str, name: &str) {
    us.at("set", &format!("{scope}/tag/entry[@name='{name}']"), COLOR).await.has("code=\"20\"");
    us.commit_of(&["sallyport"]).await.has("<result>OK</result>");
}

async fn has_tag(us: &Client, serial: &str, name: &str) -> bool {
    let path = format!("{PUSHED}/tag/entry[@name='{name}']");
    us.config_on(serial, "show", &path, "").await.body.contains("color1")
}

fn entry_of(body: &str, serial: &str) -> String {
    between(body, &format!("<serial-no>{serial}</serial-no>"), "</entry>")
}

/// Waits until a job of a firewall is running.
async fn active(firewall: &Running, us: &Client, serial: &str) {
    let deadline = std::time::Instant::now() + crate::traffic::PATIENCE;
    while !us.op_on(serial, "<show><jobs><all/></jobs></show>").await.body.contains("<status>ACT</status>") {
        assert!(std::time::Instant::now() < deadline, "nothing runs on {}", firewall.serial);
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_firewall_that_is_away_fails_and_gets_the_next_push() {
    let (running, us) = start().await;
    assert!(running.set_connected(FW_2, false));
    assert!(!running.set_connected("nobody", false));
    tag_in(&us, &group("prod"), "ours").await;
    let done = us.pushed("prod").await;
    done.has("<result>FAIL</result>");
    assert!(entry_of(&done.body, FW_1).contains("<result>OK</result>"));
    let away = entry_of(&done.body, FW_2);
    assert!(away.contains("<result>FAIL</result>") && away.contains("not connected"), "{away}");
    us.op_on(FW_2, "<show><system><info/></system></show>").await.has("code=\"13\"").has("not connected");
    us.op_on("nobody", "<show><system><info/></system></show>").await.has("not connected");
    us.op("<show><devices><all/></devices></show>").await.has(FW_2).has("<connected>no</connected>");
    us.op("<show><devices><connected/></devices></show>").await.lacks(FW_2).has(FW_1);
    assert_eq!(us.sync_status(FW_1).await, "In Sync");
    assert_eq!(us.sync_status(FW_2).await, "Out of Sync");
    running.set_connected(FW_2, true);
    us.pushed("prod").await.has("<result>OK</result>");
    assert!(has_tag(&us, FW_2, "ours").await);
    assert_eq!(us.sync_status(FW_2).await, "In Sync");
}

#[tokio::test]
async fn a_connection_that_is_lost_on_the_way_fails_the_push() {
    let (running, us) = start().await;
    tag_in(&us, &group("dev"), "ours").await;
    running.firewall(FW_3).unwrap().plant(hang());
    let job = us.push(&push_cmd("dev", "")).await;
    active(running.firewall(FW_3).unwrap(), &us, FW_3).await;
    running.set_connected(FW_3, false);
    us.finished(&job).await.has("<result>FAIL</result>").has("the connection was lost");
}

#[tokio::test]
async fn requests_go_through_to_the_firewall_that_is_named() {
    let (running, us) = start().await;
    us.op_on(FW_1, "<show><system><info/></system></show>")
        .await
        .has(&format!("<serial>{FW_1}</serial>"))
        .has("<hostname>fw-1</hostname>")
        .has("<model>PA-VM</model>");
    us.config_on(FW_1, "set", &own_tag("mine"), COLOR).await.has("code=\"20\"");
    us.config_on(FW_1, "get", &own_tag("mine"), "").await.has("admin=\"sallyport\"");
    us.config_on(FW_2, "get", &own_tag("mine"), "").await.has("code=\"7\"");
    us.op("<check><pending-changes/></check>").await.has("no");
    us.op_on(FW_1, "<check><pending-changes/></check>").await.has("yes");
    let commit = us.send(&[("type", "commit"), ("target", FW_1), ("cmd", "<commit/>")]).await;
    commit.has("<job>1</job>");
    us.job("1").await.has("job 1 not found");
    let keygen = [("type", "keygen"), ("target", FW_1), ("user", "alice"), ("password", "wonder")];
    let key = between(&us.send(&keygen).await.body, "<key>", "</key>");
    let firewall = running.firewall(FW_1).unwrap();
    let mut direct = Client::login(firewall, "sallyport", "s3cret").await;
    direct.key = key;
    direct.op("<show><system><info/></system></show>").await.has(FW_1);
    let log = running.panorama.log_lines();
    assert!(log.iter().any(|line| line.target == FW_1 && line.kind == "commit" && line.job == Some(1)));
    assert!(firewall.log_lines().iter().any(|line| line.kind == "commit" && line.user == "sallyport"));
    let mut nobody = us;
    nobody.key = "LUFRPT1x".to_owned();
    assert_eq!(nobody.op_on(FW_1, "<show><system><info/></system></show>").await.http, 403);
}

#[tokio::test]
async fn a_fault_of_one_firewall_strikes_what_is_relayed_to_it() {
    let (running, us) = start().await;
    let info = "<show><system><info/></system></show>";
    let refuse = Action::Refuse { code: 13, text: "later".to_owned() };
    let fault = |place, action| Fault { place, action, times: Times::Forever, matching: None };
    running.firewall(FW_1).unwrap().plant(fault(Where::Op, refuse));
    us.op_on(FW_1, info).await.has("later");
    us.op_on(FW_2, info).await.has(FW_2);
    us.op(info).await.has("Panorama");
    running.firewall(FW_1).unwrap().clear_faults();
    us.op_on(FW_1, info).await.has(FW_1);
    running.firewall(FW_1).unwrap().plant(fault(Where::Job, Action::FailJob("out of memory".to_owned())));
    tag_in(&us, &group("prod"), "ours").await;
    let done = us.pushed("prod").await;
    let failed = entry_of(&done.body, FW_1);
    assert!(failed.contains("<result>FAIL</result>") && failed.contains("out of memory"), "{failed}");
    assert!(!has_tag(&us, FW_1, "ours").await && has_tag(&us, FW_2, "ours").await);
}

#[tokio::test]
async fn what_is_pending_on_a_firewall_goes_along_unless_the_push_says_no() {
    let (_running, us) = start().await;
    for (more, merged) in [("", false), ("<merge-with-candidate-cfg>yes</merge-with-candidate-cfg>", true)] {
        us.config_on(FW_1, "set", &own_tag("local"), COLOR).await.has("code=\"20\"");
        let job = us.push(&push_cmd("prod", more)).await;
        us.finished(&job).await.has("<result>OK</result>");
        let shown = us.config_on(FW_1, "show", &own_tag("local"), "").await;
        assert_eq!(shown.body.contains("color1"), merged, "{more}");
        us.op_on(FW_1, "<check><pending-changes/></check>").await.has(if merged { "no" } else { "yes" });
    }
    us.config_on(FW_2, "set", &own_tag("local"), COLOR).await.has("code=\"20\"");
    let silent = "<commit-all><shared-policy><device-group><entry name='prod'/></device-group></shared-policy></commit-all>";
    let job = us.push(silent).await;
    us.finished(&job).await.has("<result>OK</result>");
    us.config_on(FW_2, "show", &own_tag("local"), "").await.has("color1");
}

#[tokio::test]
async fn a_firewall_takes_no_edits_and_commits_while_a_push_runs_on_it() {
    let (running, us) = start().await;
    us.config_on(FW_1, "set", &own_tag("before"), COLOR).await.has("code=\"20\"");
    running.firewall(FW_1).unwrap().plant(hang());
    let job = us.push(&push_cmd("prod", "")).await;
    active(running.firewall(FW_1).unwrap(), &us, FW_1).await;
    us.config_on(FW_1, "set", &own_tag("during"), COLOR).await.has("code=\"13\"");
    let commit = [("type", "commit"), ("target", FW_1), ("cmd", "<commit/>")];
    us.send(&commit).await.has("code=\"13\"").has("Another commit/validate is in progress");
    us.at("set", &format!("{}/tag/entry[@name='t']", group("prod")), COLOR).await.has("code=\"20\"");
    us.job(&job).await.has("<status>ACT</status>").has("<result>PEND</result>").has("<progress>");
    running.firewall(FW_1).unwrap().clear_faults();
    us.finished(&job).await.has("<result>OK</result>");
    us.config_on(FW_1, "set", &own_tag("after"), COLOR).await.has("code=\"20\"");
    us.send(&commit).await.has("enqueued");
}

#[tokio::test]
async fn a_second_push_waits_for_the_first() {
    let (running, us) = start().await;
    running.firewall(FW_1).unwrap().plant(hang());
    let first = us.push(&push_cmd("prod", "")).await;
    let second = us.push(&push_cmd("dev", "")).await;
    us.job(&second).await.has("<status>PEND</status>").has("<queued>YES</queued>").lacks("serial-no");
    active(running.firewall(FW_1).unwrap(), &us, FW_1).await;
    us.job(&second).await.has("<status>PEND</status>");
    running.firewall(FW_1).unwrap().clear_faults();
    us.finished(&second).await.has("<result>OK</result>").has(FW_3);
    us.job(&first).await.has("<status>FIN</status>");
}

#[tokio::test]
async fn a_policy_that_does_not_fit_a_firewall_fails_there_and_changes_nothing() {
    let (_running, us) = start().await;
    let zone = rule("ssl", "allow").replace("<from><member>trust", "<from><member>dmz");
    let zone = zone.replace("<tag><member>ours</member></tag>", "");
    let at = |name: &str| rule_at(&group("prod"), "pre-rulebase", name);
    us.at("set", &at("r"), &zone).await.has("code=\"20\"");
    us.commit_of(&["sallyport"]).await.has("<result>OK</result>");
    us.pushed("prod")
        .await
        .has("<result>FAIL</result>")
        .has("'dmz' is not a valid reference")
        .has("<status>commit failed</status>");
    us.config_on(FW_1, "show", &rule_at(PUSHED, "pre-rulebase", "r"), "").await.has("No such node");
    us.at("delete", &at("r"), "").await.has("code=\"20\"");
    let taken = rule("ssl", "allow").replace("<tag><member>ours</member></tag>", "");
    us.at("set", &at("allow-legacy"), &taken).await.has("code=\"20\"");
    us.commit_of(&["sallyport"]).await.has("<result>OK</result>");
    us.pushed("prod").await.has("<result>FAIL</result>").has("allow-legacy is already in use");
    assert_eq!(us.sync_status(FW_1).await, "Out of Sync");
}

#[tokio::test]
async fn a_push_can_carry_one_administrators_commits_or_only_try() {
    let (running, us) = start().await;
    let alice = Client::login(&running.panorama, "alice", "wonder").await;
    let ours = "<admin><member>sallyport</member></admin>";
    let job = us.push(&push_cmd("prod", ours)).await;
    us.finished(&job).await.has("a full push is required");
    us.pushed("prod").await.has("<result>OK</result>");
    tag_in(&us, &group("prod"), "ours").await;
    alice.at("set", &format!("{}/tag/entry[@name='hers']", group("eks")), COLOR).await.has("code=\"20\"");
    alice.commit_of(&["alice"]).await.has("<result>OK</result>");

    let job = us.push(&push_cmd("prod", "<validate-only>yes</validate-only>")).await;
    us.finished(&job).await.has("<result>OK</result>").has("Configuration is valid");
    assert!(!has_tag(&us, FW_1, "ours").await);

    let job = us.push(&push_cmd("prod", ours)).await;
    us.finished(&job).await.has("<result>OK</result>");
    assert!(has_tag(&us, FW_1, "ours").await && !has_tag(&us, FW_1, "hers").await);
    assert_eq!(us.sync_status(FW_1).await, "Out of Sync");
    us.pushed("prod").await.has("<result>OK</result>");
    assert!(has_tag(&us, FW_1, "hers").await);
}

#[tokio::test]
async fn a_pushed_signature_that_does_not_compile_is_listed_on_its_firewall() {
    let (running, us) = start().await;
    write_pair(&us, &group("prod"), "sp-pay", PAY, "allow").await;
    us.commit_of(&["sallyport"]).await.has("<result>OK</result>");
    let broken = Fault {
        place: Where::Job,
        action: Action::CommitNotCompiled(vec!["sp-pay".to_owned()]),
        times: Times::Count(1),
        matching: None,
    };
    running.firewall(FW_1).unwrap().plant(broken);
    us.pushed("prod").await.has("<result>OK</result>");
    us.op_on(FW_1, "<show><bad-custom-signature/></show>").await.has("<entry name=\"sp-pay\">");
    us.op_on(FW_2, "<show><bad-custom-signature/></show>").await.lacks("sp-pay");
}

async fn with(change: impl FnOnce(&mut Quirks)) -> (RunningPanorama, Client) {
    let mut quirks = Quirks::default();
    change(&mut quirks);
    start_with(Options { quirks, ..options() }).await
}

#[tokio::test]
async fn a_push_job_ends_with_its_firewalls_or_before_them() {
    let (running, us) = with(|quirks| quirks.push_job_ends = PushJobEnds::WhenSent).await;
    running.firewall(FW_1).unwrap().plant(hang());
    let job = us.push(&push_cmd("prod", "")).await;
    let sent = us.finished(&job).await;
    assert!(entry_of(&sent.body, FW_1).contains("<result>PEND</result>"), "{}", sent.body);
    sent.lacks("<progress>100");
    running.firewall(FW_1).unwrap().clear_faults();
    let deadline = std::time::Instant::now() + crate::traffic::PATIENCE;
    while !us.job(&job).await.body.contains("<progress>100") {
        assert!(std::time::Instant::now() < deadline, "the firewalls are never done");
        tokio::task::yield_now().await;
    }
    us.job(&job).await.lacks("PEND");

    let (running, us) = with(|_| {}).await;
    running.firewall(FW_1).unwrap().plant(hang());
    let job = us.push(&push_cmd("prod", "")).await;
    active(running.firewall(FW_1).unwrap(), &us, FW_1).await;
    us.job(&job).await.has("<status>ACT</status>");
}

#[tokio::test]
async fn a_push_job_says_what_its_firewalls_say_or_always_ok() {
    for (result, said) in [(PushJobResult::AsItsFirewalls, "FAIL"), (PushJobResult::AlwaysOk, "OK")] {
        let (running, us) = with(|quirks| quirks.push_job_result = result).await;
        running.set_connected(FW_2, false);
        let done = us.pushed("prod").await;
        let job = between(&done.body, "<stoppable>", "<devices>");
        assert!(job.contains(&format!("<result>{said}</result>")), "{job}");
        assert!(entry_of(&done.body, FW_2).contains("<result>FAIL</result>"));
    }
}

#[tokio::test]
async fn show_devices_tells_of_the_sync_or_leaves_it_to_the_groups() {
    for (told, status) in [(true, "<shared-policy-status>In Sync</"), (false, "<shared-policy-status/>")] {
        let (_running, us) = with(|quirks| quirks.devices_tell_sync_status = told).await;
        us.op("<show><devices><all/></devices></show>")
            .await
            .has(status)
            .lacks("<shared-policy-md5sum/>")
            .lacks("Out of Sync");
    }
}

#[tokio::test]
async fn pushed_applications_count_with_the_firewalls_own_or_apart() {
    for (count, said) in [(true, "<result>FAIL</result>"), (false, "<result>OK</result>")] {
        let (_running, us) = with(|quirks| {
            quirks.pushed_applications_count = count;
            quirks.application_limit = 1;
        })
        .await;
        us.at("set", &format!("{}/application/entry[@name='one']", group("prod")), &app(PAY)).await;
        us.commit_of(&["sallyport"]).await.has("<result>OK</result>");
        us.pushed("prod").await.has(said);
    }
}
