//! SARIF 2.1.0: what is refused, not judged or unwise, with its line, as code scanning asks for it
//! (<https://docs.github.com/en/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning>).

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Finding, Outcome, Report, code, words};

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

pub(super) fn print(report: &Report) -> String {
    let results: Vec<Value> = report.findings.iter().flat_map(results).collect();
    let rules: BTreeSet<&str> = results.iter().filter_map(|result| result["ruleId"].as_str()).collect();
    let rules: Vec<Value> = rules.iter().map(|id| rule(id)).collect();
    let driver = json!({"name": "sallyport", "version": env!("CARGO_PKG_VERSION"), "rules": rules});
    let run = json!({"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results});
    format!("{:#}\n", json!({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}))
}

/// All that is required of a rule; an empty text does not count.
fn rule(id: &str) -> Value {
    let reason = sallyport_contract::Reason::from_code(id);
    let (meaning, action) = match (reason, id) {
        (Some(reason), _) => (reason.meaning(), reason.action()),
        (None, "NotJudged") => {
            ("A document or workload that could not be judged.", "Read the message; the rest was judged.")
        }
        (None, _) => ("Allowed, and unwise.", "Read the message; nothing is refused for it."),
    };
    json!({
        "id": id,
        "name": id,
        "shortDescription": {"text": meaning},
        "fullDescription": {"text": meaning},
        "help": {"text": action},
    })
}

fn results(finding: &Finding) -> Vec<Value> {
    let result = |id: &str, level: &str, text: &str| {
        json!({
            "ruleId": id,
            "level": level,
            "message": {"text": text},
            "locations": [{"physicalLocation": {
                "artifactLocation": {"uri": uri(&finding.file)},
                "region": {
                    "startLine": finding.line,
                    "startColumn": 1,
                    "endLine": finding.line,
                    "endColumn": finding.width + 1,
                },
            }}],
            "partialFingerprints": {"primaryLocationLineHash": fingerprint(&[id, &finding.file, &finding.object, text])},
        })
    };
    let words = words(&finding.outcome);
    let mut results: Vec<Value> =
        finding.warnings.iter().map(|warning| result("Warning", "warning", warning)).collect();
    match &finding.outcome {
        Outcome::Refused(_) | Outcome::Unjudged(_) => results.push(result(code(finding), "error", &words)),
        Outcome::Audited(Some(_)) => results.push(result("Warning", "warning", &words)),
        Outcome::Granted(_)
        | Outcome::LeftOut
        | Outcome::Audited(None)
        | Outcome::NotEnabled
        | Outcome::Passed => {}
    }
    results
}

/// By what a result is known again when lines move: all but the line. FNV-1a, which is the same everywhere and always.
fn fingerprint(parts: &[&str]) -> String {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01b3;
    let bytes = parts.iter().flat_map(|part| part.bytes().chain([0]));
    let hash = bytes.fold(OFFSET, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME));
    format!("{hash:016x}:1")
}

/// A path as a relative reference: what a URI does not take is escaped.
fn uri(file: &str) -> String {
    let mut uri = String::new();
    for byte in file.trim_start_matches("./").bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' | b'~' => {
                uri.push(char::from(byte))
            }
            other => uri.push_str(&format!("%{other:02X}")),
        }
    }
    uri
}
