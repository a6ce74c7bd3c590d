//! For programs: everything that was found.

use serde_json::{Value, json};

use super::{Finding, Outcome, Report, word};

pub(super) fn print(report: &Report) -> String {
    let findings: Vec<Value> = report.findings.iter().map(finding).collect();
    let whole = json!({"findings": findings, "refused": report.refused(), "notJudged": report.unjudged()});
    format!("{whole:#}\n")
}

fn finding(finding: &Finding) -> Value {
    let mut value = json!({
        "file": finding.file,
        "line": finding.line,
        "object": finding.object,
        "outcome": word(&finding.outcome),
        "warnings": finding.warnings,
    });
    match &finding.outcome {
        Outcome::Granted(names) => value["dnsNames"] = json!(names),
        Outcome::Refused(refusal) => {
            value["refusal"] = json!({
                "reason": refusal.reason.code(),
                "what": refusal.what,
                "where": refusal.place,
                "rule": refusal.rule,
                "do": refusal.remedy,
            });
        }
        Outcome::Audited(Some(words)) | Outcome::Unjudged(words) => value["words"] = json!(words),
        Outcome::Audited(None) | Outcome::LeftOut | Outcome::NotEnabled | Outcome::Passed => {}
    }
    value
}
