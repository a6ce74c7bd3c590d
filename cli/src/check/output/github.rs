//! Workflow commands of GitHub Actions, which become annotations on the line
//! (<https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands>).

use super::{Finding, Outcome, Report, code, summary, words};

pub(super) fn print(report: &Report) -> String {
    let mut text: String = report.findings.iter().flat_map(commands).collect();
    text.push_str(&summary(report));
    text.push('\n');
    text
}

fn commands(finding: &Finding) -> Vec<String> {
    let command = |level: &str, words: &str| {
        format!(
            "::{level} file={},line={},title={}::{}\n",
            property(&finding.file),
            finding.line,
            property(code(finding)),
            data(words)
        )
    };
    let mut commands: Vec<String> =
        finding.warnings.iter().map(|warning| command("warning", warning)).collect();
    let words = words(&finding.outcome);
    match &finding.outcome {
        Outcome::Refused(_) | Outcome::Unjudged(_) => commands.push(command("error", &words)),
        Outcome::Audited(Some(_)) => commands.push(command("warning", &words)),
        Outcome::Granted(_)
        | Outcome::LeftOut
        | Outcome::Audited(None)
        | Outcome::NotEnabled
        | Outcome::Passed => {}
    }
    commands
}

/// The escapes of `actions/toolkit:packages/core/src/command.ts`.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
