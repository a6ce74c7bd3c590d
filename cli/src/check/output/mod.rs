//! How findings are told: to people, and to what reads them in a pipeline.

mod github;
mod human;
mod json;
mod junit;
mod sarif;

use super::{Finding, Outcome, Report};

/// How findings are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// One line for each finding, its reasons below, and a summary.
    Human,
    /// One JSON object with all findings.
    Json,
    /// JUnit XML, as most CI systems show it.
    Junit,
    /// SARIF 2.1.0, as code scanning reads it.
    Sarif,
    /// Workflow commands of GitHub Actions: annotations on the line.
    Github,
}

/// The whole text.
pub(super) fn print(report: &Report, format: Format, colour: bool) -> String {
    match format {
        Format::Human => human::print(report, colour),
        Format::Json => json::print(report),
        Format::Junit => junit::print(report),
        Format::Sarif => sarif::print(report),
        Format::Github => github::print(report),
    }
}

/// One word for an outcome.
const fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Granted(_) => "ok",
        Outcome::LeftOut => "left out",
        Outcome::Audited(_) => "audited",
        Outcome::NotEnabled => "not enabled",
        Outcome::Passed => "passed by",
        Outcome::Refused(_) => "refused",
        Outcome::Unjudged(_) => "not judged",
    }
}

/// What is said of an outcome; the refusal word for word as the cluster says it.
pub(crate) fn words(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Granted(names) => names.join(", "),
        Outcome::LeftOut => "asks to be left out, which its policy allows".to_owned(),
        Outcome::Audited(Some(would)) => would.clone(),
        Outcome::Audited(None) => "its policy only audits".to_owned(),
        Outcome::NotEnabled => "its namespace is not enabled".to_owned(),
        Outcome::Passed => {
            "not for admission to judge: something else controls it, or a kubelet runs it already".to_owned()
        }
        Outcome::Refused(refusal) => refusal.to_string(),
        Outcome::Unjudged(words) => words.clone(),
    }
}

/// The code of a rule for machines: the reason of the closed list.
fn code(finding: &Finding) -> &'static str {
    match &finding.outcome {
        Outcome::Refused(refusal) => refusal.reason.code(),
        Outcome::Unjudged(_) => "NotJudged",
        Outcome::Granted(_)
        | Outcome::LeftOut
        | Outcome::Audited(_)
        | Outcome::NotEnabled
        | Outcome::Passed => "Warning",
    }
}

/// `2 workloads, 1 refused`.
fn summary(report: &Report) -> String {
    let workloads = report.findings.iter().filter(|finding| !finding.object.is_empty()).count();
    let plural = if workloads == 1 { "" } else { "s" };
    let mut text = format!("{workloads} workload{plural}, {} refused", report.refused());
    if report.unjudged() > 0 {
        text = format!("{text}, {} not judged", report.unjudged());
    }
    text
}
