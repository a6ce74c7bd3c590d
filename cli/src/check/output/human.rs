//! For people: one line for each finding.

use crate::terminal::printable;

use super::{Finding, Outcome, Report, summary, word, words};

pub(super) fn print(report: &Report, colour: bool) -> String {
    let places: Vec<String> = report.findings.iter().map(place).collect();
    let width = places.iter().map(|place| place.chars().count()).max().unwrap_or_default();
    let mut text = String::new();
    for (finding, place) in report.findings.iter().zip(&places) {
        let word = painted(&finding.outcome, colour);
        let object = if finding.object.is_empty() { "" } else { "  " };
        let object = format!("{}{object}", finding.object);
        text.push_str(&format!(
            "{place:width$}  {word}  {object}{}\n",
            indented(&printable(&words(&finding.outcome)))
        ));
        for warning in &finding.warnings {
            text.push_str(&format!("{:width$}  {:10}  {}\n", "", "warning", indented(&printable(warning))));
        }
    }
    text.push_str(&summary(report));
    text.push('\n');
    text
}

fn place(finding: &Finding) -> String {
    format!("{}:{}", finding.file, finding.line)
}

/// Further lines stand below the first.
fn indented(text: &str) -> String {
    text.replace('\n', "\n    ")
}

fn painted(outcome: &Outcome, colour: bool) -> String {
    let word = format!("{:10}", word(outcome));
    let paint = match outcome {
        Outcome::Refused(_) => "31;1",
        Outcome::Unjudged(_) | Outcome::Audited(Some(_)) => "33;1",
        Outcome::Granted(_) => "32",
        Outcome::LeftOut | Outcome::NotEnabled | Outcome::Passed | Outcome::Audited(None) => "2",
    };
    if colour { format!("\u{1b}[{paint}m{word}\u{1b}[0m") } else { word }
}
