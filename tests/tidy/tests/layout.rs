//! Size, purpose and rings.

use tidy::{Source, sources};

const CRATES: [&str; 17] = [
    "contract",
    "process",
    "webhook",
    "cert-agent",
    "policy-sync",
    "cli",
    "tests/panos-sim",
    "tests/pca-sim",
    "tests/ground",
    "tests/corpus",
    "tests/conformance",
    "tests/mistakes",
    "tests/system",
    "tests/node",
    "tests/demo",
    "tests/bench",
    "tests/tidy",
];

fn everything() -> Vec<Source> {
    let all: Vec<Source> = CRATES.iter().flat_map(|folder| sources(folder)).collect();
    assert!(all.len() > 100, "the source tree is not where it should be: {} files", all.len());
    all
}

fn complain(rule: &str, offenders: &[String]) {
    assert!(offenders.is_empty(), "{rule}:\n  {}", offenders.join("\n  "));
}

#[test]
fn every_file_says_what_it_is_for() {
    let silent: Vec<String> = everything()
        .into_iter()
        .filter(|file| !file.text.starts_with("//! "))
        .map(|file| file.path)
        .collect();
    complain("every file opens with a //! line", &silent);
}

#[test]
fn files_stay_small() {
    let large: Vec<String> = everything()
        .iter()
        .filter(|file| file.text.lines().count() > 400)
        .map(|file| format!("{} has {} lines", file.path, file.text.lines().count()))
        .collect();
    complain("400 lines a file at most", &large);
}

#[test]
fn no_code_is_commented_out_or_left_for_later() {
    let offenders: Vec<String> = everything()
        .iter()
        .flat_map(|file| {
            let lines = file.text.lines().enumerate();
            lines
                .filter(|(_, line)| unfinished(line))
                .map(|(n, line)| format!("{}:{}: {line}", file.path, n + 1))
                .collect::<Vec<_>>()
        })
        .collect();
    complain("no commented-out code, nothing left for later", &offenders);
}

fn unfinished(line: &str) -> bool {
    let line = line.trim_start();
    let Some(comment) = line.strip_prefix("// ") else { return false };
    let code = comment.ends_with(';') || comment.starts_with("let ") || comment.starts_with("#[");
    code || ["TODO", "FIXME", "XXX", "HACK"].iter().any(|word| comment.starts_with(word))
}

/// A field of that name would take the place of the line's own words, for both are `message` in JSON.
#[test]
fn no_log_line_has_a_field_called_message() {
    let mut offenders = Vec::new();
    for file in everything() {
        for level in ["error", "warn", "info", "debug", "trace"] {
            let call = format!("tracing::{level}!(");
            let lines = file.text.split(&call).skip(1);
            let fields = lines.map(|rest| rest.split_once('"').map_or(rest, |(fields, _)| fields));
            let named = |fields: &str| {
                fields
                    .split(',')
                    .any(|field| field.split('=').next().is_some_and(|name| name.trim() == "message"))
            };
            offenders.extend(
                fields.filter(|fields| named(fields)).map(|fields| format!("{}: {fields}", file.path)),
            );
        }
    }
    complain("a log field has another name than message", &offenders);
}

#[test]
fn services_never_import_each_other() {
    let services = ["sallyport_webhook", "sallyport_cert_agent", "sallyport_policy_sync"];
    let mut offenders = Vec::new();
    for folder in ["contract", "process", "webhook", "cert-agent", "policy-sync"] {
        for file in sources(&format!("{folder}/src")) {
            let own = format!("sallyport_{}", folder.replace('-', "_"));
            for service in services.iter().filter(|service| **service != own) {
                if file.text.contains(service) {
                    offenders.push(format!("{} names {service}", file.path));
                }
            }
        }
    }
    complain("services meet only in Kubernetes objects, through contract", &offenders);
}

#[test]
fn simulators_share_no_code_with_what_they_test() {
    let mut offenders = Vec::new();
    for folder in ["tests/panos-sim/src", "tests/pca-sim/src"] {
        let found = sources(folder).into_iter().filter(|file| file.text.contains("sallyport_"));
        offenders.extend(found.map(|file| file.path));
    }
    complain("a simulator imports nothing of Sallyport", &offenders);
}
