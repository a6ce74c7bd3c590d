//! A name's journey over a simulated firewall: written, committed, proven, changed, removed.

mod support;

use std::time::Duration;

use jiff::SignedDuration;
use sallyport_contract::{DnsName, Reason, firewall_names, object::Action};
use sallyport_process::clock::Clock;
use support::{Colleague, Ground, VSYS, options, without_uuids};

const WEB: &str = "web.shop.corp.example";
const PAY: &str = "pay.shop.corp.example";

#[tokio::test]
async fn a_new_name_is_written_committed_and_proven() {
    let mut ground = Ground::new().await;
    ground.twin.want("web-1", &[WEB], "Allow");
    ground.until_enforced(&[WEB]).await;

    let entry = ground.twin.entry(WEB).unwrap();
    let evidence = entry.evidence.clone().unwrap();
    assert_eq!((evidence.rule.as_str(), evidence.devices.len()), (entry.rule.as_str(), 1));
    assert!(evidence.job.is_some(), "the job that carried it is told");
    assert!(ground.sim.running_xml().contains(&entry.app));
    assert_eq!(ground.count("config", "multi-config"), 1);
    assert_eq!(ground.condition("InSync").0, "InSync");
    assert_eq!(ground.condition("Reachable").0, "Accepted");
    assert_eq!(ground.condition("PathProven").0, "NotShown");
    let status = ground.firewall().status.clone().unwrap();
    assert_eq!((status.names.used, status.job, status.model.as_deref()), (1, None, Some("PA-VM")));
    assert_eq!(status.last_commit.map(|commit| commit.result).as_deref(), Some("OK"));

    // The rule stands before the anchor, with everything explicit.
    let running = ground.sim.running_xml();
    let (ours, anchor) = (running.find(&entry.rule).unwrap(), running.find("deny-east-west").unwrap());
    assert!(ours < anchor);
}

#[tokio::test]
async fn law_9_fifty_names_cost_one_batch_and_one_commit() {
    let mut ground = Ground::with(options(), |spec| {
        spec["commit"] = serde_json::json!({"coalesce": "1s", "longestWait": "15s"});
    })
    .await;
    ground.step().await;
    let names: Vec<String> = (0..50).map(|n| format!("n{n}.shop.corp.example")).collect();
    for name in &names {
        ground.twin.want(&format!("id-{name}"), &[name], "Allow");
        ground.step().await;
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    ground.until_enforced(&names).await;
    assert_eq!(ground.count("config", "multi-config"), 1);
    assert_eq!(ground.count("commit", ""), 1);
}

#[tokio::test]
async fn while_one_commit_runs_the_next_gathers() {
    let mut options = options();
    options.commit_time = Duration::from_millis(400);
    let mut ground = Ground::with(options, |_| ()).await;
    ground.twin.want("web-1", &[WEB], "Allow");
    let web: DnsName = WEB.parse().unwrap();
    ground.until("a job runs", |ground| ground.reason(&web) == Some(Reason::AwaitingCommit)).await;
    ground.twin.want("pay-1", &[PAY], "Allow");
    ground.twin.want("api-1", &["api.shop.corp.example"], "Allow");
    ground.until_enforced(&[WEB, PAY, "api.shop.corp.example"]).await;
    assert_eq!(ground.count("commit", ""), 2);
}

#[tokio::test]
async fn idle_for_ten_periods_means_no_write_no_commit_and_few_reads() {
    let mut ground = Ground::with(options(), |spec| spec["drift"]["period"] = "10m".into()).await;
    ground.twin.want("web-1", &[WEB], "Allow");
    ground.until_enforced(&[WEB]).await;
    let clock = Clock::manual(Clock::system().now());
    let mut ground = ground.restart_with(clock.clone());
    // After a restart everything is proven anew; from then on a glance will do.
    ground.step().await;
    let period = SignedDuration::from_mins(10);
    let before = (ground.twin.writes(), ground.sim.log_lines().len());
    for _ in 0..10 {
        clock.advance(period);
        ground.step().await;
    }
    let asked: Vec<_> = ground.sim.log_lines().into_iter().skip(before.1).collect();
    assert_eq!(ground.twin.writes(), before.0);
    assert!((10..=20).contains(&asked.len()), "{} questions: {asked:?}", asked.len());
    assert!(asked.iter().all(|line| line.kind == "op" && line.cmd.starts_with("<show>")), "{asked:?}");
    // And a glance is enough to notice.
    let colleague = Colleague::new(&ground.sim).await;
    let rule = ground.twin.entry(WEB).unwrap().rule;
    colleague.config("delete", &format!("{VSYS}/rulebase/security/rules/entry[@name='{rule}']"), "").await;
    colleague.commit().await;
    clock.advance(period);
    ground.step().await;
    assert_eq!(ground.count("config", "multi-config"), 2, "it is put back");
}

#[tokio::test]
async fn everything_is_proven_anew_now_and_then() {
    let mut ground = Ground::with(options(), |spec| spec["drift"]["period"] = "10m".into()).await;
    ground.twin.want("web-1", &[WEB], "Allow");
    ground.until_enforced(&[WEB]).await;
    let clock = Clock::manual(Clock::system().now());
    let mut ground = ground.restart_with(clock.clone());
    ground.step().await;
    let releases = |ground: &Ground| {
        ground
            .sim
            .log_lines()
            .iter()
            .filter(|line| line.cmd == "<show><system><info/></system></show>")
            .count()
    };
    let (reads, asked) = (ground.count("config", "show"), releases(&ground));
    clock.advance(SignedDuration::from_hours(6));
    ground.step().await;
    assert!(ground.count("config", "show") > reads, "a quarter of spec.proofMaxAge has passed");
    assert_eq!(releases(&ground), asked + 1, "it may run another release by now");
}

#[tokio::test]
async fn who_turns_a_name_to_deny_hears_what_becomes_of_old_sessions() {
    for (set, told) in
        [(None, "may live on"), (Some("no"), "live on, for Rematch Sessions is off"), (Some("yes"), "is on")]
    {
        let mut ground = Ground::new().await;
        if let Some(set) = set {
            let colleague = Colleague::new(&ground.sim).await;
            let xpath = "/config/devices/entry[@name='localhost.localdomain']/deviceconfig/setting";
            colleague.config("set", xpath, &format!("<config><rematch>{set}</rematch></config>")).await;
            colleague.commit().await;
        }
        ground.twin.want("web-1", &[WEB], "Allow");
        ground.until_enforced(&[WEB]).await;
        ground.twin.want("web-1", &[WEB], "Deny");
        ground.step().await;
        ground.until_enforced(&[WEB]).await;
        let app = ground.twin.entry(WEB).unwrap().app;
        let notes = ground.twin.notes.lock().unwrap();
        let words: Vec<&str> = notes.iter().map(|note| note.words.as_str()).collect();
        let command = format!("clear session all filter application {app}");
        assert!(words.iter().any(|words| words.contains(told) && words.ends_with(&command)), "{words:?}");
    }
}

#[tokio::test]
async fn an_action_that_changes_moves_the_name_in_one_batch() {
    let mut ground = Ground::new().await;
    ground.twin.want("web-1", &[WEB], "Allow");
    ground.twin.want("pay-1", &[PAY], "Allow");
    ground.until_enforced(&[WEB, PAY]).await;
    let batches = ground.count("config", "multi-config");
    ground.twin.want("web-1", &[WEB], "Deny");
    let denied = firewall_names::rule("prod-eu-1", "shop", Action::Deny);
    ground.step().await;
    ground.until_enforced(&[WEB]).await;
    assert_eq!(ground.twin.entry(WEB).unwrap().rule, denied);
    assert_eq!(ground.count("config", "multi-config"), batches + 1);
    let (mut app, running) = (ground.twin.entry(WEB).unwrap().app, ground.sim.running_xml());
    app = format!("<member>{app}</member>");
    assert_eq!(running.matches(&app).count(), 1, "it stands in one rule only");
}

#[tokio::test]
async fn law_10_removal_waits_for_the_quarantine_and_leaves_nothing() {
    let before = Ground::new().await.sim.running_xml();
    let mut ground = Ground::with(options(), |spec| spec["removal"]["quarantine"] = "2s".into()).await;
    ground.twin.want("web-1", &[WEB], "Allow");
    ground.until_enforced(&[WEB]).await;
    let app = ground.twin.entry(WEB).unwrap().app;

    ground.twin.unwant("web-1");
    ground.step().await;
    let commits = ground.count("commit", "");
    let unwanted = ground.twin.entry(WEB).unwrap().last_wanted;
    ground.until("the entry is gone", |ground| ground.twin.entry(WEB).is_none()).await;
    let waited = sallyport_process::clock::Clock::system().now().duration_since(unwanted);
    assert!(waited.as_secs() >= 2, "{waited}");
    assert_eq!(ground.count("commit", ""), commits + 1);
    let running = ground.sim.running_xml();
    assert!(!running.contains(&app) && !running.contains("sallyport"), "{running}");
    assert_eq!(without_uuids(&running), without_uuids(&before), "everything else is as it was");
}

#[tokio::test]
async fn law_10_a_name_that_is_wanted_again_in_time_stays() {
    let mut ground = Ground::with(options(), |spec| spec["removal"]["quarantine"] = "1h".into()).await;
    ground.twin.want("web-1", &[WEB], "Allow");
    ground.until_enforced(&[WEB]).await;
    let commits = ground.count("commit", "");
    ground.twin.unwant("web-1");
    ground.step().await;
    assert_eq!(ground.reason(&WEB.parse().unwrap()), None);
    let notes = ground.twin.notes.lock().unwrap().clone();
    let told = notes.iter().any(|note| note.reason == Reason::Quarantined && note.words.contains(WEB));
    assert!(told, "people are told when it goes: {notes:?}");
    ground.twin.want("web-2", &[WEB], "Allow");
    ground.step().await;
    assert_eq!(
        ground.reason(&WEB.parse().unwrap()),
        Some(Reason::Enforced),
        "on the stored evidence, at once"
    );
    assert_eq!(ground.count("commit", ""), commits);
}

#[tokio::test]
async fn law_10_a_rule_loses_members_one_by_one_and_goes_with_the_last() {
    let mut ground = Ground::new().await;
    ground.twin.want("web-1", &[WEB], "Allow");
    ground.twin.want("pay-1", &[PAY], "Allow");
    ground.until_enforced(&[WEB, PAY]).await;
    let rule = ground.twin.entry(WEB).unwrap().rule;
    ground.twin.unwant("web-1");
    ground.until("web is gone", |ground| ground.twin.entry(WEB).is_none()).await;
    assert!(ground.sim.running_xml().contains(&rule));
    assert_eq!(ground.reason(&PAY.parse().unwrap()), Some(Reason::Enforced));
    ground.twin.unwant("pay-1");
    ground.until("pay is gone", |ground| ground.twin.entry(PAY).is_none()).await;
    assert!(!ground.sim.running_xml().contains(&rule));
}

#[tokio::test]
async fn a_restart_picks_the_running_job_up() {
    let mut options = options();
    options.commit_time = Duration::from_millis(500);
    let mut ground = Ground::with(options, |_| ()).await;
    ground.twin.want("web-1", &[WEB], "Allow");
    let job = |ground: &Ground| ground.firewall().status.as_ref().and_then(|status| status.job.clone());
    ground.until("the job is stored", |ground| job(ground).is_some()).await;
    let asked = ground.sim.log_lines().iter().filter(|line| line.cmd.contains("<jobs><id>")).count();
    assert_eq!(asked, 0, "it is stored before it is asked about");
    let mut ground = ground.restart();
    ground.until_enforced(&[WEB]).await;
    assert_eq!((ground.count("commit", ""), ground.count("config", "multi-config")), (1, 1));
}

#[tokio::test]
async fn after_a_restart_stored_evidence_counts_although_the_firewall_is_away() {
    let mut ground = Ground::new().await;
    ground.twin.want("web-1", &[WEB], "Allow");
    ground.until_enforced(&[WEB]).await;
    let evidence = ground.twin.entry(WEB).unwrap().evidence;
    let mut ground = ground.restart();
    ground.sim.plant(support::always(panos_sim::Where::Connect, panos_sim::Action::DropBefore));
    ground.step().await;
    assert_eq!(ground.reason(&WEB.parse().unwrap()), Some(Reason::Enforced));
    assert_eq!(ground.condition("Reachable").0, "FirewallUnreachable");
    assert_eq!(ground.twin.entry(WEB).unwrap().evidence, evidence);
}

#[tokio::test]
async fn what_somebody_changes_is_put_right_and_proven_again() {
    let mut ground = Ground::new().await;
    ground.twin.want("web-1", &[WEB], "Allow");
    ground.until_enforced(&[WEB]).await;
    let entry = ground.twin.entry(WEB).unwrap();
    let colleague = support::Colleague::new(&ground.sim).await;
    let rule = format!("{}/rulebase/security/rules/entry[@name='{}']", support::VSYS, entry.rule);
    colleague
        .config("set", &rule, "<disabled>yes</disabled><negate-destination>yes</negate-destination>")
        .await;
    let app = format!("{}/application/entry[@name='{}']", support::VSYS, entry.app);
    colleague
        .config("set", &app, "<risk>5</risk><default><port><member>tcp/1</member></port></default>")
        .await;
    colleague.commit().await;
    ground.until("the loss is seen", |ground| ground.twin.entry(WEB).unwrap().evidence.is_none()).await;
    ground.until_enforced(&[WEB]).await;
    let running = ground.sim.running_xml();
    assert!(
        !running.contains("<negate-destination>yes")
            && !running.contains("<disabled>yes")
            && !running.contains("tcp/1")
    );
}
