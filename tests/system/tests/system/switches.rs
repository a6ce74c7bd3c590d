//! Open questions about PAN-OS: the same short journey under every answer that the simulator can give.

use anyhow::{Result, ensure};
use ground::{Ground, Team, network::Outcome, team::TeamOptions, wait};
use serde_json::json;

use crate::{
    census::Foreign,
    journey::obeyed,
    run::{Test, test},
};

pub(crate) fn tests() -> Vec<Test> {
    let position = |(n, (name, quirks, expected)): (usize, &(&'static str, &'static str, Expected))| {
        let (quirks, expected) = (*quirks, *expected);
        test(name, move |g| Box::pin(journey(g, n, quirks, expected)))
    };
    POSITIONS.iter().enumerate().map(position).collect()
}

/// What is to come of a journey.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expected {
    /// The gates open, what is allowed passes, what is denied and what is unknown does not, and all of ours
    /// goes again.
    Works,
    /// The same, but nothing passes: the device says that it enforces and does not. Why `PathProven` is
    /// Unknown until somebody shows it.
    PassesNothing,
    /// The gate waits with this reason, and these words among the device's own.
    Waits(&'static str, &'static str),
}

use Expected::{PassesNothing, Waits, Works};

/// Every position of a switch that is not the default, with what is to come of it.
const POSITIONS: &[(&str, &str, Expected)] = &[
    ("switches::anchors_are_ignored", r#"{"anchors":"ignored"}"#, Works),
    ("switches::anchors_never_hold", r#"{"anchors":"never_hold"}"#, PassesNothing),
    ("switches::case_is_ignored", r#"{"case_sensitive":false}"#, Works),
    ("switches::the_last_app_id_wins", r#"{"overlap_winner":"last"}"#, Works),
    ("switches::the_first_app_id_by_name_wins", r#"{"overlap_winner":"alphabetical"}"#, Works),
    ("switches::the_engine_is_classic", r#"{"pattern_engine":"classic"}"#, Waits("EngineTooOld", "pattern")),
    (
        "switches::the_engine_is_classic_and_tells_late",
        r#"{"pattern_engine":"classic","bad_pattern":"bad_signature"}"#,
        Waits("EngineTooOld", "pattern"),
    ),
    ("switches::bad_patterns_are_told_late", r#"{"bad_pattern":"bad_signature"}"#, Works),
    (
        "switches::the_content_does_not_know_the_sni",
        r#"{"sni_context_known":false}"#,
        Waits("ContextMissing", "newer content version"),
    ),
    ("switches::a_member_is_a_rule_change", r#"{"member_edit_is_rule_change":true}"#, Works),
    ("switches::rules_are_committed_apart", r#"{"rules_commit_together":false}"#, Works),
    (
        "switches::a_partial_commit_does_nothing",
        r#"{"partial_commit_takes_effect":false}"#,
        Waits("PartialCommitIneffective", "running configuration"),
    ),
    ("switches::no_forced_partial_commit", r#"{"forced_partial_commit":false}"#, Works),
    ("switches::no_multi_config", r#"{"multi_config_enabled":false}"#, Works),
    ("switches::config_locks_do_not_hold_the_api", r#"{"config_locks_hold_the_api":false}"#, Works),
    ("switches::a_queued_job_says_that_it_runs", r#"{"queued_status":"act"}"#, Works),
    ("switches::the_progress_of_an_ended_job_is_a_time", r#"{"finished_progress":"timestamp"}"#, Works),
    ("switches::job_ids_are_cut", r#"{"job_ids_cut":true}"#, Works),
    ("switches::keys_live_three_seconds", r#"{"key_lifetime_ms":3000}"#, Works),
    ("switches::descriptions_are_short", r#"{"application_description_limit":255}"#, Works),
    ("switches::an_app_id_needs_what_the_form_asks", r#"{"application_needs":"what_the_form_asks"}"#, Works),
    ("switches::an_app_id_needs_nothing", r#"{"application_needs":"nothing"}"#, Works),
    (
        "switches::there_is_room_for_one_app_id",
        r#"{"application_limit":1}"#,
        Waits("CommitFailed", "capacity"),
    ),
    ("switches::a_rule_needs_tag_and_description", r#"{"rule_needs":"tag_and_description"}"#, Works),
    ("switches::a_rule_needs_an_audit_comment", r#"{"rule_needs":"audit_comment"}"#, Works),
    ("switches::bad_signatures_are_lines", r#"{"bad_signature_list":"lines"}"#, Works),
    ("switches::a_set_at_the_list_loses_its_owner", r#"{"parent_set_loses_owner":true}"#, Works),
    ("switches::nothing_is_written_while_a_commit_runs", r#"{"writes_during_commit":false}"#, Works),
    ("switches::no_commit_waits_for_another", r#"{"commit_queue_limit":0}"#, Works),
    (
        "switches::application_default_is_every_port",
        r#"{"portless_application_default":"every_port"}"#,
        Works,
    ),
    ("switches::the_policy_test_knows_no_default_rules", r#"{"policy_match_names_defaults":false}"#, Works),
    ("switches::the_policy_test_answers_in_text", r#"{"policy_match_lists":"text"}"#, Works),
    ("switches::live_sessions_are_not_looked_up_again", r#"{"rematch_sessions":false}"#, Works),
];

async fn journey(ground: &Ground, n: usize, quirks: &str, expected: Expected) -> Result<()> {
    let options = TeamOptions {
        firewall_args: vec!["--quirks".to_owned(), quirks.to_owned()],
        firewall_spec: json!({"removal": {"quarantine": "1s"}}),
        ..TeamOptions::default()
    };
    let team = Team::start(ground, &format!("switch-{n}"), options).await?;
    let (kubectl, foreign, before) =
        (&ground.cluster.kubectl, Foreign::of(&team).await?, team.firewall.running().await?);
    kubectl.apply(&team.deployment("web", 1, &json!({})).to_string()).await?;
    if let Waits(reason, words) = expected {
        team.gate_waits("web", reason, words).await?;
        return foreign.untouched(&team).await;
    }
    kubectl.apply(&team.deployment("old", 1, &json!({"sallyport.dev/action": "deny"})).to_string()).await?;
    team.gate_opens("web").await?;
    team.gate_opens("old").await?;
    let seen = obeyed(&team).await?;
    ensure!(matches!(seen, Outcome::Verified(_)) == (expected == Works), "{seen:?}");
    foreign.untouched(&team).await?;
    kubectl.run(&["delete", "deployment/web", "deployment/old", "-n", &team.name]).await?;
    wait::until("everything of ours to be gone", wait::GENEROUS, || async {
        let xml = team.firewall.running().await?;
        ensure!(xml == before, "still there: {}", xml.matches("<entry name=\"sp-").count());
        Ok(())
    })
    .await
}
