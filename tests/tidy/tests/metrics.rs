//! `docs/METRICS.md` is what the programs show; alerts and dashboard name nothing else. `UPDATE_DOCS=1` writes it.
#![cfg(test)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use prometheus_client::{encoding::text::encode, registry::Registry};
use sallyport_cert_agent::issuer::{Call, governor::line::Line};
use sallyport_contract::{
    Reason,
    object::{Condition, ConditionStatus, WorkloadIdentity},
};
use sallyport_policy_sync::{
    gate::{Carrier, Overridden},
    journey::{Journey, Waiting},
    path::Tally,
};
use sallyport_webhook::{judge::Outcome, metrics::Cache, review::Entry};
use serde_json::{Value, json};
use tidy::{repository, sources};

/// What may be a label although its values are not a closed list of the program: names of objects that a few people write, and AWS
/// accounts with their Region.
const OPEN: [&str; 3] = ["firewall", "authority", "account"];
/// What a name ends with when it has a unit; the others count things.
const UNITS: [&str; 4] = ["_seconds", "_ratio", "_timestamp_seconds", "_total"];

/// One family of metrics.
struct Family {
    help: String,
    kind: String,
    labels: BTreeSet<String>,
}

/// Every family of one program by the name under which Prometheus stores it, each shown once.
fn families(registry: &Registry) -> BTreeMap<String, Family> {
    let mut text = String::new();
    encode(&mut text, registry).unwrap();
    let mut found: BTreeMap<String, Family> = BTreeMap::new();
    let mut name = String::new();
    for line in text.lines() {
        if let Some((of, help)) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')) {
            name = of.to_owned();
            let help = help.strip_suffix('.').unwrap_or(help).to_owned();
            found.insert(name.clone(), Family { help, kind: String::new(), labels: BTreeSet::new() });
        } else if let Some(kind) = line.strip_prefix("# TYPE ").and_then(|rest| rest.rsplit(' ').next()) {
            found.get_mut(&name).unwrap().kind = kind.to_owned();
        } else if let Some(family) = found.get_mut(&name) {
            let labels = line
                .split_once('{')
                .and_then(|(_, rest)| rest.split_once('}'))
                .map_or("", |(labels, _)| labels);
            let names = labels.split(',').filter_map(|label| label.split_once('=')).map(|(name, _)| name);
            family.labels.extend(names.filter(|name| *name != "le").map(ToOwned::to_owned));
        }
    }
    let stored = |(name, family): (String, Family)| {
        (if family.kind == "counter" { format!("{name}_total") } else { name }, family)
    };
    found.into_iter().map(stored).collect()
}

fn webhook() -> Registry {
    let mut registry = Registry::default();
    let metrics = sallyport_webhook::metrics::Metrics::new(&mut registry);
    metrics.judged(Entry::Pods, Outcome::Refused, Some("NameRefused"), Duration::from_millis(1));
    metrics.read(Cache::Policies, true);
    metrics.cache_behind(Cache::Policies, None);
    registry
}

fn cert_agent() -> Registry {
    let mut registry = Registry::default();
    let metrics = sallyport_cert_agent::metrics::Metrics::new(&mut registry);
    metrics.asked("issue", &Ok(()));
    metrics.told(Reason::Issued);
    drop(metrics.time("identity"));
    metrics.missed("refused", 0);
    metrics.authority("ca", true, 1, Some(1_000_000));
    metrics.authority_ends("ca", Timestamp::UNIX_EPOCH);
    metrics.trust_roots("ca", 1);
    metrics.governor.show(
        "123456789012/eu-central-1",
        Call::Issue,
        &Line::new(10, std::time::Instant::now()),
    );
    registry
}

fn policy_sync() -> Registry {
    let (now, mut registry) = (Timestamp::UNIX_EPOCH, Registry::default());
    let metrics = sallyport_policy_sync::metrics::Metrics::new(&mut registry);
    let identity: WorkloadIdentity = serde_json::from_value(json!({
        "apiVersion": "sallyport.dev/v1alpha1", "kind": "WorkloadIdentity", "metadata": {"name": "web-1", "namespace": "shop"},
        "spec": {"dnsNames": ["web.x.example"], "delivery": "Secret", "action": "Allow", "policy": "p",
            "certificate": {"authority": "ca"}, "firewall": "fw"}}))
    .unwrap();
    let reachable = Condition {
        kind: "Reachable".into(),
        status: ConditionStatus::True,
        reason: "Accepted".into(),
        message: String::new(),
        observed_generation: None,
        last_transition_time: now,
    };
    metrics.fault(Reason::FirewallUnreachable);
    metrics.called("commit", "success");
    metrics.room("fw", 1);
    metrics.wrote(1);
    metrics.queued(SignedDuration::ZERO);
    metrics.names("fw", [Reason::Enforced].into_iter());
    metrics.gate("Enforced");
    metrics.overridden(Overridden::default());
    metrics.waiting(&Waiting::of([Carrier { gated: true, living: true, ..Carrier::default() }].iter()));
    metrics.traced("sent", 1);
    metrics.arrived(&Journey::of(now, &identity.into(), None, now));
    metrics.conditions("fw", &[reachable]);
    metrics.paths("fw", Tally::default());
    registry
}

fn programs() -> [(&'static str, &'static str, BTreeMap<String, Family>); 3] {
    [
        ("webhook", "webhook", families(&webhook())),
        ("cert-agent", "cert-agent", families(&cert_agent())),
        ("policy-sync", "policy-sync", families(&policy_sync())),
    ]
}

#[test]
fn every_metric_is_documented() {
    let mut text = String::from(
        "# Metrics\n\nEvery metric of the three programs, at `/metrics` on port 9402 (`--health-address`), in the format of OpenMetrics. Labels are bounded: reason \
         codes ([REASONS.md](REASONS.md)) and other closed lists, the names of Firewalls and CertificateAuthorities, and AWS accounts with their Region; \
         never pods, names or namespaces. What to watch: [ALERTS.md](ALERTS.md). Generated from the programs.\n",
    );
    for (program, folder, families) in programs() {
        let sources = sources(&format!("{folder}/src"));
        let registering = sources.iter().filter(|file| file.path.contains("src/metrics"));
        let registered: usize = registering
            .map(|file| {
                file.running().matches(".register(\n").count()
                    + file.running().matches(".register(\"").count()
            })
            .sum();
        assert_eq!(
            families.len(),
            registered,
            "not every metric of {program} is shown here: {:?}",
            families.keys()
        );
        text.push_str(&format!(
            "\n## {program}\n\n| Metric | Type | Labels | What it tells |\n|---|---|---|---|\n"
        ));
        for (name, family) in families {
            let labels: Vec<String> = family.labels.iter().map(|label| format!("`{label}`")).collect();
            text.push_str(&format!(
                "| `{name}` | {} | {} | {} |\n",
                family.kind,
                labels.join(", "),
                family.help
            ));
        }
    }
    check("docs/METRICS.md", &text);
}

#[test]
fn every_metric_says_what_it_is_and_in_which_unit() {
    for (program, _, families) in programs() {
        let prefix = format!("sallyport_{}_", program.replace('-', "_"));
        for (name, family) in families {
            assert!(name.starts_with(&prefix), "{name}");
            assert!(family.help.chars().count() > 10, "{name} has no HELP");
            let seconds = name.ends_with("_seconds");
            assert!(
                family.kind != "histogram" || seconds || name.ends_with("_operations"),
                "{name} has no unit"
            );
            assert!(family.kind != "counter" || UNITS.iter().any(|unit| name.ends_with(unit)), "{name}");
        }
    }
}

/// A label whose values anybody can make is a series for each, and the end of somebody's Prometheus.
#[test]
fn labels_are_bounded() {
    for folder in ["webhook", "cert-agent", "policy-sync", "process"] {
        for file in sources(&format!("{folder}/src")) {
            for set in file.running().split("EncodeLabelSet)]\n").skip(1) {
                let fields = set
                    .split_once('{')
                    .and_then(|(_, rest)| rest.split_once('}'))
                    .map_or("", |(fields, _)| fields);
                for field in fields.lines().map(str::trim).filter(|field| !field.is_empty()) {
                    let (name, kind) = field.trim_end_matches(',').split_once(": ").unwrap();
                    let name = name.trim_start_matches("pub ").trim_start_matches("pub(super) ");
                    let bounded = kind == "&'static str" || OPEN.contains(&name);
                    assert!(bounded, "{}: label {name} is a {kind}: use a closed list", file.path);
                }
            }
        }
    }
}

/// Everything in a text that looks like a metric of ours.
fn named(text: &str) -> BTreeSet<String> {
    let word = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
    text.split(word).filter(|word| word.starts_with("sallyport_")).map(ToOwned::to_owned).collect()
}

fn stored() -> BTreeSet<String> {
    let all = programs().into_iter().flat_map(|(_, _, families)| families);
    let series = |(name, family): (String, Family)| match family.kind.as_str() {
        "histogram" => vec![format!("{name}_bucket"), format!("{name}_sum"), format!("{name}_count")],
        _ => vec![name],
    };
    all.flat_map(series).collect()
}

#[test]
fn alerts_and_dashboard_name_metrics_that_exist() {
    let stored = stored();
    for file in ["rules.yaml", "rules-test.yaml", "dashboard.json"] {
        let text = fs::read_to_string(repository().join("manifests/monitoring").join(file)).unwrap();
        let unknown: Vec<String> = named(&text).into_iter().filter(|name| !stored.contains(name)).collect();
        assert!(unknown.is_empty(), "{file} names metrics that no program has: {unknown:?}");
    }
}

#[test]
fn every_alert_has_a_runbook_and_a_test() {
    let read = |path: &str| fs::read_to_string(repository().join(path)).unwrap();
    let rules: Value = serde_saphyr::from_str(&read("manifests/monitoring/rules.yaml")).unwrap();
    let (pages, tests) = (read("docs/ALERTS.md"), read("manifests/monitoring/rules-test.yaml"));
    let groups = rules["groups"].as_array().unwrap().iter();
    let alerts: Vec<&Value> = groups.flat_map(|group| group["rules"].as_array().unwrap()).collect();
    assert!(alerts.len() >= 20, "{}", alerts.len());
    for alert in &alerts {
        let name = alert["alert"].as_str().unwrap();
        let url = alert["annotations"]["runbook_url"].as_str().unwrap();
        assert!(url.ends_with(&format!("docs/ALERTS.md#{}", name.to_lowercase())), "{name}: {url}");
        assert!(pages.contains(&format!("\n## {name}\n")), "docs/ALERTS.md has no section {name}");
        assert!(tests.contains(&format!("- name: {name} fires\n")), "no test makes {name} fire");
        assert!(tests.contains(&format!("{name} does not fire: ")), "no test keeps {name} quiet");
        assert!(
            ["critical", "warning", "info"].contains(&alert["labels"]["severity"].as_str().unwrap()),
            "{name}"
        );
    }
    let sections = pages.matches("\n## Sallyport").count();
    assert_eq!(sections, alerts.len(), "docs/ALERTS.md has sections of alerts that are no more");
}

fn check(path: &str, text: &str) {
    let file = repository().join(path);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&file, text).unwrap();
    }
    assert_eq!(
        fs::read_to_string(&file).unwrap_or_default(),
        text,
        "{path} is stale: run the test with UPDATE_DOCS=1"
    );
}
