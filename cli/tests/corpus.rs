//! `sallyport check` on the whole corpus: it says what the webhook says, and points at the line.
#![cfg(test)]

mod support;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use corpus::{Manifest, folder, judged, manifests, snapshot};
use sallyport_webhook::{
    judge::{Judged, Outcome},
    review::Ruling,
};
use serde_json::Value;
use support::{out, sallyport};

/// One run over the folder, as a person makes it.
async fn checked(format: &str) -> (Option<i32>, String) {
    let arguments = ["--with", "setting.yaml", "--output", format, "manifests"];
    let output = sallyport("check", &arguments).current_dir(folder()).output().await.unwrap();
    (output.status.code(), out(&output))
}

async fn findings() -> BTreeMap<String, Value> {
    let (code, text) = checked("json").await;
    assert_eq!(code, Some(1), "{text}");
    let report: Value = serde_json::from_str(&text).unwrap();
    let all = report["findings"].as_array().unwrap();
    let name = |finding: &Value| {
        let file = finding["file"].as_str().unwrap();
        file.strip_prefix("manifests/").unwrap().strip_suffix(".yaml").unwrap().to_owned()
    };
    let named: BTreeMap<String, Value> = all.iter().map(|finding| (name(finding), finding.clone())).collect();
    assert_eq!(named.len(), all.len(), "one finding a file");
    named
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// What of the finding differs from the webhook's answer.
fn difference(manifest: &Manifest, finding: Option<&Value>, judged: &Judged) -> Option<String> {
    let Some(finding) = finding else {
        return (judged.outcome != Outcome::Untouched).then(|| format!("no finding, and {judged:?}"));
    };
    let outcome = match (&judged.answer.ruling, judged.outcome) {
        (Ruling::Denied { .. }, _) => "refused",
        (_, Outcome::Granted) => "ok",
        (_, Outcome::LeftOut) => "left out",
        (_, Outcome::Audited) => "audited",
        (_, Outcome::Untouched) if text(&finding["outcome"]) == "not enabled" => "not enabled",
        (_, _) => "passed by",
    };
    if text(&finding["outcome"]) != outcome {
        return Some(format!("{} where the webhook says {outcome}", finding["outcome"]));
    }
    match &judged.answer.ruling {
        Ruling::Denied { message, .. } => {
            let refusal = &finding["refusal"];
            let [what, place, rule, remedy] =
                ["what", "where", "rule", "do"].map(|key| text(&refusal[key]).to_owned());
            let told = format!("{what}\n  where: {place}\n  rule:  {rule}\n  do:    {remedy}");
            (told != *message).then(|| format!("{told}\nwhere the webhook says\n{message}"))
        }
        Ruling::Allowed(patch) => {
            let mut patched = manifest.object.clone();
            json_patch::patch(&mut patched, patch.operations()).unwrap();
            let told = finding["dnsNames"].as_array().into_iter().flatten().map(text);
            let mut told: Vec<&str> = told.collect();
            told.sort_unstable();
            let given = text(&patched["metadata"]["annotations"]["resolved.sallyport.dev/dns-names"]);
            let fits = match given.split_once(",…(+") {
                Some((shown, _)) => told.join(",").starts_with(shown),
                None => outcome != "ok" || told.join(",") == given,
            };
            (!fits).then(|| format!("{told:?} where the webhook gives {given}"))
        }
    }
}

#[tokio::test]
async fn law_1_the_check_says_of_the_whole_corpus_what_the_webhook_says() {
    let (findings, snapshot) = (findings().await, snapshot().unwrap());
    let (mut wrong, mut refused) = (Vec::new(), 0);
    for manifest in manifests().unwrap() {
        let judged = judged(&manifest.object, &snapshot).unwrap();
        refused += usize::from(matches!(judged.answer.ruling, Ruling::Denied { .. }));
        let finding = findings.get(&manifest.name);
        wrong.extend(
            difference(&manifest, finding, &judged).map(|words| format!("{}: {words}", manifest.name)),
        );
        let warned = finding.map(|finding| finding["warnings"].clone()).unwrap_or_default();
        let audited = finding.is_some_and(|finding| finding["outcome"] == "audited");
        if !audited && warned.as_array().map_or(0, Vec::len) != judged.answer.warnings.len() {
            wrong.push(format!("{}: warnings {warned} and {:?}", manifest.name, judged.answer.warnings));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(refused > 60, "only {refused} are refused");
}

#[tokio::test]
async fn law_12_every_refusal_points_at_its_line() {
    let mut pointed = 0;
    for (name, finding) in findings().await {
        let place = text(&finding["refusal"]["where"]);
        let Some((_, path)) = place.split_once(", ") else { continue };
        let file = fs::read_to_string(folder().join("manifests").join(format!("{name}.yaml"))).unwrap();
        let line = usize::try_from(finding["line"].as_u64().unwrap()).unwrap();
        let shown = file.lines().nth(line - 1).unwrap();
        let key = path.rsplit("[\"").next().and_then(|rest| rest.strip_suffix("\"]"));
        let wanted = key.unwrap_or(if path.contains("env[") { "SALLYPORT_TLS_" } else { "name" });
        assert!(shown.contains(wanted), "{name}: {place} is not at line {line}: {shown}");
        pointed += 1;
    }
    assert!(pointed > 60, "only {pointed} have a place");
}

#[tokio::test]
async fn github_shows_one_annotation_for_each_refusal_on_one_line() {
    let (code, text) = checked("github").await;
    assert_eq!(code, Some(1));
    let findings = findings().await;
    let commands: Vec<&str> = text.lines().filter(|line| line.starts_with("::error ")).collect();
    let refused: Vec<(&String, &Value)> =
        findings.iter().filter(|(_, finding)| finding["outcome"] == "refused").collect();
    assert_eq!(
        commands.len(),
        refused.len(),
        "what is refused holds line ends and colons, and each is one command"
    );
    for (name, finding) in refused {
        let head = format!(
            "::error file=manifests/{name}.yaml,line={},title={}::",
            finding["line"],
            text_of(finding)
        );
        assert_eq!(commands.iter().filter(|command| command.starts_with(&head)).count(), 1, "{head}");
    }
}

fn text_of(finding: &Value) -> &str {
    text(&finding["refusal"]["reason"])
}

#[tokio::test]
async fn a_reader_that_others_wrote_reads_the_junit_report() {
    let (_, text) = checked("junit").await;
    let read = junit_parser::from_reader(text.as_bytes()).unwrap();
    let findings = findings().await;
    let refused = findings.values().filter(|finding| finding["outcome"] == "refused").count();
    assert_eq!((read.tests, read.failures, read.errors), (findings.len() as u64, refused as u64, 0));
    let cases: Vec<_> = read.suites.iter().flat_map(|suite| &suite.cases).collect();
    assert_eq!(cases.len(), findings.len());
    let failed: Vec<_> = cases.iter().filter(|case| case.status.is_failure()).collect();
    assert_eq!(failed.len(), refused);
    let one = failed.iter().find(|case| case.original_name.contains("store/n-of-another-namespace")).unwrap();
    let failure = one.status.failure_as_ref();
    assert_eq!(failure.failure_type, "NameRefused");
    assert_eq!(failure.message, "name \"web.lab.corp.example\" is not allowed in namespace store");
    assert!(failure.text.contains("rule:  IdentityPolicy store allows"), "{}", failure.text);
}

/// What code scanning requires of a file that is uploaded to it:
/// <https://docs.github.com/en/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning>.
#[tokio::test]
async fn the_sarif_report_has_what_code_scanning_requires() {
    let (_, text) = checked("sarif").await;
    let sarif: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(sarif["version"], "2.1.0");
    assert!(sarif["$schema"].as_str().unwrap().ends_with("sarif-2.1.0.json"));
    let runs = sarif["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 1);
    let driver = &runs[0]["tool"]["driver"];
    assert_eq!(driver["name"], "sallyport");
    let rules: Vec<&str> =
        driver["rules"].as_array().unwrap().iter().map(|rule| text_at(rule, "id")).collect();
    for rule in driver["rules"].as_array().unwrap() {
        for part in ["shortDescription", "fullDescription", "help"] {
            assert!(!text_at(&rule[part], "text").is_empty(), "{part} of {rule}");
        }
    }
    let results = runs[0]["results"].as_array().unwrap();
    assert!(results.len() > 60, "{}", results.len());
    for result in results {
        assert!(rules.contains(&text_at(result, "ruleId")), "{result}");
        assert!(["error", "warning", "note"].contains(&text_at(result, "level")), "{result}");
        assert!(!text_at(&result["message"], "text").is_empty(), "{result}");
        assert!(!text_at(&result["partialFingerprints"], "primaryLocationLineHash").is_empty(), "{result}");
        let places = result["locations"].as_array().unwrap();
        assert_eq!(places.len(), 1, "{result}");
        let place = &places[0]["physicalLocation"];
        let uri = text_at(&place["artifactLocation"], "uri");
        assert!(uri.starts_with("manifests/") && !uri.contains([' ', '\\', ':']), "{uri}");
        let [from, to] = ["startLine", "endLine"].map(|key| place["region"][key].as_u64().unwrap());
        let [first, after] = ["startColumn", "endColumn"].map(|key| place["region"][key].as_u64().unwrap());
        assert!(from >= 1 && from == to && first == 1 && after > first, "{result}");
    }
    let prints: BTreeSet<&str> = results
        .iter()
        .map(|result| text_at(&result["partialFingerprints"], "primaryLocationLineHash"))
        .collect();
    assert_eq!(prints.len(), results.len(), "code scanning tells results apart by their fingerprints");
}

fn text_at<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}
