//! The rings of a service. A file is pure unless it is listed here as something else.

use tidy::{Source, sources};

/// Files that are not pure, and which one outside world they may talk to, by path prefix.
const ADAPTERS: &[(&str, &[&str])] = &[
    ("webhook/src/adapter/", &["kube"]),
    ("webhook/src/server/", &["tls"]),
    ("cert-agent/src/cluster/", &["kube"]),
    ("cert-agent/src/observe/watch.rs", &["kube"]),
    ("cert-agent/src/issuer/aws_", &["aws"]),
    ("cert-agent/src/issuer/embedded.rs", &[]),
    ("cert-agent/src/issuer/foundry.rs", &[]),
    ("cert-agent/src/issuer/governor/gate.rs", &[]),
    ("cert-agent/src/issuer/intermediate.rs", &[]),
    ("policy-sync/src/panos/", &["http"]),
    ("policy-sync/src/otlp.rs", &["http"]),
    ("policy-sync/src/kubernetes.rs", &["kube"]),
    ("policy-sync/src/observe/kubernetes.rs", &["kube"]),
];

/// Flows: they may wait and log, and talk to the world only through ports.
const FLOWS: &[&str] = &[
    "webhook/src/admit.rs",
    "cert-agent/src/flow/",
    "cert-agent/src/intermediate/journey.rs",
    "policy-sync/src/cycle/",
    "policy-sync/src/arrivals.rs",
    "policy-sync/src/gates.rs",
    "policy-sync/src/worker.rs",
    "policy-sync/src/board.rs",
    "policy-sync/src/observe/mod.rs",
];

/// Edges: arguments, wiring, metrics.
const EDGES: &[&str] = &["/args.rs", "/run.rs", "/metrics.rs", "/lib.rs"];

/// What shows that a file talks to an outside world.
const WORLDS: &[(&str, &[&str])] = &[
    ("kube", &["kube::Client", "kube::{Api", "Api<", "kube::runtime", "kube::Api"]),
    ("aws", &["aws_sdk", "aws_config", "aws_smithy"]),
    ("http", &["reqwest"]),
    ("tls", &["tokio_rustls", "hyper_util"]),
];

/// What a pure file never does.
const IMPURE: &[&str] = &[
    "tokio::",
    "async fn",
    "tracing::",
    "std::env",
    "SystemTime",
    "Instant::now",
    "rand::",
    "std::fs",
    "axum::",
    "Clock",
];

fn service_sources() -> Vec<Source> {
    let mut all = Vec::new();
    for folder in ["contract/src", "webhook/src", "cert-agent/src", "policy-sync/src"] {
        let found = sources(folder);
        assert!(found.len() > 5, "{folder} is not where it should be");
        all.extend(found);
    }
    all
}

fn listed(path: &str, list: &[&str]) -> bool {
    list.iter().any(|entry| path.starts_with(entry) || path.ends_with(entry))
}

fn adapter(path: &str) -> Option<&'static [&'static str]> {
    ADAPTERS.iter().find(|(prefix, _)| path.starts_with(prefix)).map(|(_, worlds)| *worlds)
}

/// Doubles for tests may do as they like.
fn double(path: &str) -> bool {
    path.ends_with("twin.rs")
        || path.contains("/twin/")
        || path.ends_with("/tests.rs")
        || path.contains("/tests/")
}

/// The code without its comments, so that a word about a thing is not the thing.
fn code(file: &Source) -> String {
    file.running().lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

#[test]
fn pure_files_do_nothing_but_decide() {
    let mut offenders = Vec::new();
    for file in service_sources() {
        let exempt = listed(&file.path, FLOWS) || listed(&file.path, EDGES) || double(&file.path);
        if exempt || adapter(&file.path).is_some() || is_port(&file) {
            continue;
        }
        let text = code(&file);
        offenders.extend(
            IMPURE.iter().filter(|sign| text.contains(**sign)).map(|sign| format!("{}: {sign}", file.path)),
        );
    }
    assert!(offenders.is_empty(), "pure files must not:\n  {}", offenders.join("\n  "));
}

/// What signs intermediates is a person's command: nothing that the agent runs goes on that way.
#[test]
fn law_11_the_running_agent_makes_no_intermediates() {
    let makes = |file: &Source| {
        let text = code(file);
        ["Journey {", "aws_parent::", "AwsParent"].iter().any(|sign| text.contains(sign))
    };
    let offenders: Vec<String> = sources("cert-agent/src")
        .into_iter()
        .filter(|file| !file.path.contains("/intermediate/") && !file.path.ends_with("aws_parent.rs"))
        .filter(|file| !double(&file.path) && makes(file))
        .map(|file| file.path)
        .collect();
    assert!(offenders.is_empty(), "only the command line makes intermediates: {offenders:?}");
}

/// A port declares what it needs from the outside world; it has async signatures and nothing behind them.
fn is_port(file: &Source) -> bool {
    let text = code(file);
    text.contains("pub trait ") && !text.contains(".await")
}

#[test]
fn only_adapters_know_a_vendor_client_and_each_knows_one() {
    let mut offenders = Vec::new();
    for file in service_sources() {
        if file.path.ends_with("/run.rs") || double(&file.path) {
            continue;
        }
        let allowed = adapter(&file.path).unwrap_or_default();
        let text = code(&file);
        for (world, signs) in WORLDS.iter().filter(|(world, _)| !allowed.contains(world)) {
            offenders.extend(
                signs
                    .iter()
                    .filter(|sign| text.contains(**sign))
                    .map(|sign| format!("{}: {world} ({sign})", file.path)),
            );
        }
    }
    assert!(offenders.is_empty(), "only its adapter knows a vendor client:\n  {}", offenders.join("\n  "));
}
