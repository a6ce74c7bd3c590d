//! What goes wrong at the far side: each fault has its reason and words, and heals when it ends.

mod support;

use std::time::Duration;

use panos_sim::{Action, Fault, Options, Quirks, RuleNeeds, TlsOptions, Where};
use sallyport_contract::Reason;
use sallyport_process::clock::Clock;
use support::{Ground, always, once, options};

const WEB: &str = "web.shop.corp.example";
const PAY: &str = "pay.shop.corp.example";

async fn wanting_web() -> Ground {
    let ground = Ground::new().await;
    ground.twin.want("web-1", &[WEB], "Allow");
    ground
}

#[tokio::test]
async fn an_unreachable_firewall_is_told_and_heals() {
    let mut ground = wanting_web().await;
    ground.sim.plant(always(Where::Connect, Action::DropBefore));
    let words = ground.until_reason(WEB, Reason::FirewallUnreachable).await;
    assert!(words.starts_with("firewall edge: logging in, https://"), "{words}");
    assert_eq!(ground.condition("Reachable").0, "FirewallUnreachable");
    assert!(
        ground
            .twin
            .notes
            .lock()
            .unwrap()
            .iter()
            .any(|note| note.reason == Reason::FirewallUnreachable && note.warning)
    );
    ground.sim.clear_faults();
    ground.until_enforced(&[WEB]).await;
    assert_eq!(ground.condition("Reachable").0, "Accepted");
}

#[tokio::test]
async fn every_lost_or_broken_answer_is_survived() {
    let places = [Where::Keygen, Where::Config, Where::Op, Where::Commit];
    let actions =
        [Action::DropBefore, Action::DropAfter, Action::HttpStatus(502), Action::Truncate, Action::Garbage];
    let pairs = places.iter().flat_map(|place| actions.iter().map(move |action| (*place, action.clone())));
    let journeys = pairs.map(|(place, action)| async move {
        let mut ground = wanting_web().await;
        ground.sim.plant(once(place, action.clone()));
        ground.until_enforced(&[WEB]).await;
        let member = format!("<member>{}</member>", ground.twin.entry(WEB).unwrap().app);
        assert_eq!(ground.sim.running_xml().matches(&member).count(), 1, "{place:?} {action:?}");
    });
    futures::future::join_all(journeys).await;
}

#[tokio::test]
async fn a_wrong_password_is_tried_twice_and_then_never_until_the_secret_changes() {
    let mut ground = wanting_web().await;
    ground.twin.login("edge", support::USER, "wrong", "2");
    let keygens = |ground: &Ground| ground.count("keygen", "");
    ground.until("two refusals", |ground| keygens(ground) == 2).await;
    let words = ground.until_reason(WEB, Reason::CredentialsRefused).await;
    assert!(words.contains("Invalid Credential") && words.contains("until the Secret changes"), "{words}");
    assert!(!words.contains("wrong"), "the password is told nobody");
    ground.twin.change_firewall(|spec| spec["bounds"]["maxNames"] = 99.into());
    for _ in 0..5 {
        ground.step().await;
        ground.twin.change_firewall(|spec| spec["bounds"]["maxNames"] = 98.into());
    }
    assert_eq!(keygens(&ground), 2);
    ground.twin.login("edge", support::USER, support::PASSWORD, "3");
    ground.until_enforced(&[WEB]).await;
    assert_eq!(keygens(&ground), 3);
}

#[tokio::test]
async fn a_key_that_died_is_renewed_once() {
    let mut ground = wanting_web().await;
    ground.until_enforced(&[WEB]).await;
    ground.sim.expire_keys();
    ground.twin.want("pay-1", &[PAY], "Allow");
    ground.until_enforced(&[PAY]).await;
    assert_eq!(ground.count("keygen", ""), 2);
}

#[tokio::test]
async fn a_missing_secret_is_told_and_heals() {
    let mut ground = Ground::with(options(), |spec| spec["credentials"]["secretName"] = "other".into()).await;
    ground.twin.want("web-1", &[WEB], "Allow");
    let words = ground.until_reason(WEB, Reason::CredentialsRefused).await;
    assert!(words.contains("Secret sallyport-firewall/other does not exist"), "{words}");
    ground.twin.login("other", support::USER, support::PASSWORD, "1");
    ground.until_enforced(&[WEB]).await;
}

#[tokio::test]
async fn another_certificate_than_the_expected_one_is_told_with_its_fingerprint() {
    let mut ground = Ground::with(options(), |spec| {
        spec["tls"] = serde_json::json!({"fingerprint": format!("SHA256:{}", "00".repeat(32))});
    })
    .await;
    ground.twin.want("web-1", &[WEB], "Allow");
    let words = ground.until_reason(WEB, Reason::FirewallUnreachable).await;
    let seen = words
        .split("SHA256:")
        .nth(1)
        .map(|rest| rest.chars().take_while(char::is_ascii_hexdigit).collect::<String>());
    let seen = format!("SHA256:{}", seen.unwrap());
    assert_eq!(seen.len(), 71, "{words}");
    assert_eq!(ground.sim.log_lines().len(), 0, "nothing was sent");
    ground.twin.change_firewall(|spec| spec["tls"] = serde_json::json!({"fingerprint": seen}));
    ground.until_enforced(&[WEB]).await;
}

#[tokio::test]
async fn a_certificate_that_no_known_ca_signed_is_refused() {
    let (mut one, other) = (options(), Ground::new().await);
    one.tls = TlsOptions { self_signed: true, ..TlsOptions::default() };
    let mut ground =
        Ground::with(one, |spec| spec["tls"]["caBundle"] = other.sim.ca_pem.clone().into()).await;
    ground.twin.want("web-1", &[WEB], "Allow");
    let words = ground.until_reason(WEB, Reason::FirewallUnreachable).await;
    assert!(words.contains("not the one expected") && words.contains("SHA256:"), "{words}");
    assert_eq!(ground.sim.log_lines().len(), 0, "nothing was sent");
}

#[tokio::test]
async fn a_commit_that_fails_is_told_in_the_devices_words_and_tried_again() {
    let mut ground = wanting_web().await;
    ground.sim.plant(once(Where::Job, Action::FailJob("shared -> zone is broken".to_owned())));
    let words = ground.until_reason(WEB, Reason::CommitFailed).await;
    assert!(words.contains("shared -> zone is broken"), "{words}");
    assert_eq!(ground.firewall().status.as_ref().unwrap().last_commit.as_ref().unwrap().result, "FAIL");
    ground.until_enforced(&[WEB]).await;
}

#[tokio::test]
async fn content_without_the_sni_context_is_told_as_such() {
    let quirks = Quirks { sni_context_known: false, ..Quirks::default() };
    let mut ground = Ground::with(Options { quirks, ..options() }, |_| ()).await;
    ground.twin.want("web-1", &[WEB], "Allow");
    let words = ground.until_reason(WEB, Reason::ContextMissing).await;
    assert!(words.contains("does not know ssl-req-chello-sni") && words.contains("newer content"), "{words}");
}

#[tokio::test]
async fn names_that_do_not_commit_are_taken_back_so_that_colleagues_can() {
    let quirks = Quirks { application_limit: 3, ..Quirks::default() };
    let clock = Clock::manual(Clock::system().now());
    let ground = Ground::with(Options { quirks, ..options() }, |_| ()).await;
    let mut ground = ground.restart_with(clock.clone());
    let names: Vec<String> = (0..5).map(|n| format!("n{n}.shop.corp.example")).collect();
    ground.twin.want("all", &names.iter().map(String::as_str).collect::<Vec<_>>(), "Allow");
    let told = |ground: &Ground| {
        let states: Vec<_> = names.iter().filter_map(|name| ground.state(&support::dns(name))).collect();
        let enforced = states.iter().filter(|(reason, _)| *reason == Reason::Enforced).count();
        let failed = states.iter().filter(|(reason, words)| {
            *reason == Reason::CommitFailed && words.contains("exceed the capacity of 3")
        });
        (enforced, failed.count()) == (2, 3)
    };
    let ours = |xml: String| xml.matches("managed: changes here").count();
    let settled = |ground: &Ground| ours(ground.sim.candidate_xml()) == ours(ground.sim.running_xml());
    let mut steps = 0;
    while !(told(&ground) && settled(&ground)) {
        steps += 1;
        assert!(steps < 1000, "not told, or left in the candidate; {}", ground.twin.describe());
        let wake = ground.step().await;
        support::pass_time(&clock, wake).await;
    }
}

#[tokio::test]
async fn a_commit_that_never_ends_keeps_its_job_and_goes_on_when_it_does() {
    let mut ground = wanting_web().await;
    ground.sim.plant(always(Where::Job, Action::NeverFinish));
    let words = ground.until_reason(WEB, Reason::AwaitingCommit).await;
    assert!(words.starts_with("firewall edge runs job "), "{words}");
    ground
        .until("it is asked again and again", |ground| {
            ground.sim.log_lines().iter().filter(|line| line.cmd.contains("<jobs><id>")).count() > 5
        })
        .await;
    assert_eq!(ground.count("commit", ""), 1);
    ground.sim.clear_faults();
    ground.until_enforced(&[WEB]).await;
}

#[tokio::test]
async fn law_2_a_signature_that_does_not_compile_is_no_proof() {
    let mut ground = wanting_web().await;
    ground.sim.plant(always(Where::Job, Action::CommitNotCompiled(Vec::new())));
    let words = ground.until_reason(WEB, Reason::SignatureNotCompiled).await;
    assert!(words.contains("did not compile"), "{words}");
    assert_eq!(ground.twin.entry(WEB).unwrap().evidence, None);
    ground.sim.clear_faults();
    ground.until_enforced(&[WEB]).await;
}

#[tokio::test]
async fn one_refused_entry_holds_back_only_itself() {
    let mut ground = wanting_web().await;
    ground.twin.want("pay-1", &[PAY], "Allow");
    let profile =
        |spec: &mut serde_json::Value, group: Option<&str>| spec["traffic"]["profileGroup"] = group.into();
    let mut policy = support::objects::policy_spec("shop");
    profile(&mut policy, Some("no-such-group"));
    ground.twin.put_policy("shop", policy.clone());
    let words = ground.until_reason(WEB, Reason::EntryRefused).await;
    assert!(words.contains("no-such-group"), "{words}");
    profile(&mut policy, Some("strict"));
    ground.twin.put_policy("shop", policy);
    ground.until_enforced(&[WEB, PAY]).await;
}

#[tokio::test]
async fn a_busy_or_locked_device_is_waited_for() {
    let mut ground = wanting_web().await;
    let text = "Configuration is locked by anna".to_owned();
    ground.sim.plant(Fault {
        matching: Some("<multi-config>".into()),
        ..once(Where::Config, Action::Refuse { code: 13, text })
    });
    let words = ground.until_reason(WEB, Reason::LockedByOther).await;
    assert!(words.contains("locked by anna"), "{words}");
    ground.until_enforced(&[WEB]).await;
}

#[tokio::test]
async fn an_api_server_that_is_away_holds_writes_back_and_loses_nothing() {
    let mut ground = wanting_web().await;
    ground.twin.down.store(true, std::sync::atomic::Ordering::Relaxed);
    for _ in 0..5 {
        ground.step().await;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(ground.count("config", "multi-config"), 0, "nothing is written that is not in the inventory");
    ground.twin.down.store(false, std::sync::atomic::Ordering::Relaxed);
    ground.until_enforced(&[WEB]).await;
}

#[tokio::test]
async fn law_9_a_replica_that_does_not_lead_writes_nothing_to_the_firewall() {
    let mut ground = wanting_web().await.deposed();
    let before = ground.sim.candidate_xml();
    ground.step().await;
    ground
        .until("the refusal to be told", |ground| {
            ground.condition("InSync").1.contains("does not hold its Lease")
        })
        .await;
    assert_eq!(ground.sim.candidate_xml(), before);
    // The same replica, were it the one that leads.
    ground.restart().until_enforced(&[WEB]).await;
}

#[tokio::test]
async fn a_device_that_demands_an_audit_comment_gets_one_and_others_do_not() {
    for (needs, comments) in [(RuleNeeds::AuditComment, true), (RuleNeeds::Nothing, false)] {
        let quirks = Quirks { rule_needs: needs, ..Quirks::default() };
        let mut ground = Ground::with(Options { quirks, ..options() }, |_| ()).await;
        ground.twin.want("web-1", &[WEB], "Allow");
        ground.until_enforced(&[WEB]).await;
        let said = ground.sim.log_lines().iter().any(|line| line.cmd.contains("<audit-comment>"));
        assert_eq!(said, comments, "{needs:?}");
    }
}
