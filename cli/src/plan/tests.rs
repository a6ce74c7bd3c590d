//! Two folders in, a plan out: golden texts under `tests/cases/plan`, written by `UPDATE_CASES=1`.

use std::{fs, path::Path};

use clap::Parser;

use super::*;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: Args,
}

fn plan(case: &Path, more: &[&str]) -> (String, u8) {
    let at = |name: &str| case.join(name).display().to_string();
    let (shared, before, after) = (at("shared.yaml"), at("before.yaml"), at("after.yaml"));
    let mut line = vec!["plan", "--after", &after, "--with", &shared];
    if case.join("before.yaml").exists() {
        line.extend(["--before", &before]);
    }
    line.extend(more);
    let args = Line::try_parse_from(line).unwrap().args;
    let (before, mut after) = of_files(&args);
    after.keep(&before);
    let text = tell(&args, &before, &after).unwrap();
    (text.replace(&format!("{}/", case.display()), ""), after.code())
}

#[test]
fn every_plan_reads_as_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/cases/plan");
    let mut cases: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert!(cases.len() >= 6, "the cases are missing: {}", cases.len());
    let mut wrong = Vec::new();
    for case in cases {
        let (lines, code) = plan(&case, &["--lines"]);
        let is = format!("{lines}exit {code}\n");
        let golden = case.join("plan.txt");
        if fs::read_to_string(&golden).ok().as_ref() == Some(&is) {
            continue;
        }
        if std::env::var_os("UPDATE_CASES").is_some() {
            fs::write(&golden, is).unwrap();
        } else {
            wrong.push(format!("{}\nis:\n{is}", case.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_plan_tells_counts_lines_or_requests() {
    let case = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/cases/plan/action-turned");
    let (counts, _) = plan(&case, &[]);
    assert!(counts.contains("~ shop/web") && !counts.contains("\nset "), "{counts}");
    let (requests, _) = plan(&case, &["--xml"]);
    assert!(requests.contains("\n<multi-config><set xpath="), "{requests}");
}

#[test]
fn law_9_what_is_the_same_on_both_sides_changes_nothing() {
    let case = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/cases/plan/action-turned");
    let at = |name: &str| case.join(name).display().to_string();
    let (after, shared) = (at("after.yaml"), at("shared.yaml"));
    let line = ["plan", "--before", &after, "--after", &after, "--with", &shared];
    let args = Line::try_parse_from(line).unwrap().args;
    let (before, after) = of_files(&args);
    let text = tell(&args, &before, &after).unwrap();
    assert_eq!(text, "firewall edge, vsys vsys1: nothing changes\ncertificates: 0\n");
}
