//! `docs/REASONS.md` is the closed list, `docs/RUNBOOK.md` what to do about each. `UPDATE_DOCS=1` writes them.
#![cfg(test)]

use std::fs;

use sallyport_contract::Reason;
use tidy::{Source, sources};

/// The programs that can give a reason.
const PROGRAMS: [&str; 6] = ["contract", "process", "webhook", "cert-agent", "policy-sync", "cli"];

#[test]
fn law_12_the_reasons_are_documented() {
    let mut text = String::from(
        "# Reasons\n\nThe same codes stand on pods' gates, on conditions, in events and in metrics. What to do about each stands \
         in the [runbook](RUNBOOK.md). Generated from the types.\n\n\
         | Reason | What it means | Whose turn it is |\n|---|---|---|\n",
    );
    for reason in Reason::ALL {
        text.push_str(&format!("| `{reason}` | {} | {} |\n", reason.meaning(), reason.turn().as_str()));
    }
    check("docs/REASONS.md", &text);
}

#[test]
fn law_12_the_runbook_says_what_to_do_about_each_reason() {
    let mut text = String::from(
        "# Runbook\n\nFor whoever is called: find the reason, read whose turn it is, do what stands there. The message beside the \
         reason has the particulars: names, numbers, the far side's own words. Generated from the types.\n\n\
         ```sh cluster\nkubectl get fw,wid -A                       # what waits, and why\n\
         kubectl describe fw NAME                    # the conditions of a firewall\n\
         kubectl describe wid NAME -n NAMESPACE      # the conditions of an identity\n\
         kubectl get events -A --field-selector type=Warning\n```\n\n\
         In metrics: `sallyport_policy_sync_names` counts DNS names by firewall and reason, `sallyport_policy_sync_faults_total` \
         what a firewall could not be used for.\nTo stop all writing to a firewall at once: \
         `kubectl patch fw NAME --type=merge -p '{\"spec\":{\"suspend\":true}}'`. More: [the firewall side](FIREWALL.md).\n",
    );
    for reason in Reason::ALL {
        let places: Vec<&str> = reason.places().iter().map(|place| place.as_str()).collect();
        let shows = if places.is_empty() { "nowhere yet".to_owned() } else { places.join("; ") };
        text.push_str(&format!(
            "\n## {reason}\n\n{}\n\n- Whose turn: {}\n- Where it shows: {shows}\n- What to do: {}\n",
            reason.meaning(),
            reason.turn().as_str(),
            reason.action(),
        ));
    }
    check("docs/RUNBOOK.md", &text);
}

#[test]
fn law_12_a_reason_shows_somewhere_if_and_only_if_a_program_gives_it() {
    let programs: Vec<Source> = PROGRAMS.iter().flat_map(|folder| sources(folder)).collect();
    let given = |reason: &Reason| {
        let name = format!("Reason::{reason}");
        let ends = |rest: &str| !rest.starts_with(|next: char| next.is_ascii_alphanumeric());
        programs.iter().any(|file| file.running().split(&name).skip(1).any(ends))
    };
    let wrong: Vec<&Reason> =
        Reason::ALL.iter().filter(|reason| given(reason) == reason.places().is_empty()).collect();
    assert!(wrong.is_empty(), "the places of these do not fit what the programs do: {wrong:?}");
}

fn check(path: &str, text: &str) {
    let file = tidy::repository().join(path);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&file, text).unwrap();
    }
    assert_eq!(
        fs::read_to_string(&file).unwrap_or_default(),
        text,
        "{path} is stale: run the test with UPDATE_DOCS=1"
    );
}
