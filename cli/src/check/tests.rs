//! Manifests in, findings out: the whole flow over files.

use std::path::Path;

use super::*;

const POLICY: &str = r#"
apiVersion: sallyport.dev/v1alpha1
kind: IdentityPolicy
metadata: {name: shop}
spec:
  namespaces: [shop]
  dnsNames: {default: "{workload}.shop.corp.example", allowed: ["*.shop.corp.example"], wildcards: Allow}
  traffic:
    actions: [Allow, Deny]
    default: Allow
    from: {zones: [trust], addresses: [any]}
    to: {zones: [trust], addresses: [10.20.0.0/16]}
    ports: [443]
  certificate: {authority: corp, usages: [ServerAuth]}
  firewall: edge
"#;
const NAMESPACE: &str =
    "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {sallyport.dev/inject: enabled}}\n";

fn deployment(name: &str, annotations: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {name}\n  namespace: shop\nspec:\n  selector: {{}}\n  \
         template:\n    metadata:\n      annotations: {{}}\n{annotations}    spec:\n      containers: [{{name: main, image: x}}]\n"
    )
    .replace("      annotations: {}\n      annotations:", "      annotations:")
}

fn san(name: &str) -> String {
    format!("      annotations:\n        sallyport.dev/san: {name}\n")
}

fn check_in(folder: &Path, files: &[(&str, String)], more: &[&str]) -> Report {
    for (name, text) in files {
        std::fs::write(folder.join(name), text).unwrap();
    }
    let folder = folder.display().to_string();
    let mut line = vec!["check", folder.as_str()];
    line.extend(more);
    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }
    let line = <Line as clap::Parser>::try_parse_from(line).unwrap();
    judge(&line.args, Known::default())
}

fn check(files: &[(&str, String)]) -> Report {
    let folder = tempfile::tempdir().unwrap();
    let mut all = vec![("0-policy.yaml", POLICY.to_owned()), ("0-namespace.yaml", NAMESPACE.to_owned())];
    all.extend(files.iter().cloned());
    check_in(folder.path(), &all, &[])
}

/// The findings without their folder: file, line, word.
fn told(report: &Report) -> Vec<(String, usize, String)> {
    let text: serde_json::Value = serde_json::from_str(&output::print(report, Format::Json, false)).unwrap();
    let one = |finding: &serde_json::Value| {
        let file = finding["file"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
        let word = finding["refusal"]["reason"].as_str().or(finding["outcome"].as_str()).unwrap().to_owned();
        (file, usize::try_from(finding["line"].as_u64().unwrap()).unwrap(), word)
    };
    text["findings"].as_array().unwrap().iter().map(one).collect()
}

fn expected(rows: &[(&str, usize, &str)]) -> Vec<(String, usize, String)> {
    rows.iter().map(|(file, line, word)| ((*file).to_owned(), *line, (*word).to_owned())).collect()
}

#[test]
fn names_are_given_and_refused_in_the_clusters_words() {
    let report = check(&[
        ("a.yaml", deployment("web", "")),
        ("b.yaml", deployment("bill", &san("web.billing.corp.example"))),
    ]);
    assert_eq!(told(&report), expected(&[("a.yaml", 4, "ok"), ("b.yaml", 11, "NameRefused")]));
    assert_eq!(report.code(), REFUSED);
    let text = output::print(&report, Format::Human, false);
    assert!(text.contains("Deployment shop/web  web.shop.corp.example\n"), "{text}");
    assert!(text.contains("name \"web.billing.corp.example\" is not allowed in namespace shop\n      where: Deployment shop/bill"), "{text}");
    assert!(text.ends_with("2 workloads, 1 refused\n"), "{text}");
}

#[test]
fn what_only_all_together_show_is_found() {
    let other = POLICY.replace("shop", "pay").replace("pay.corp", "shop.corp");
    let namespace = NAMESPACE.replace("shop", "pay");
    let same = deployment("web", "").replace("namespace: shop", "namespace: pay");
    let deny = "      annotations:\n        sallyport.dev/san: web.shop.corp.example\n        sallyport.dev/action: deny\n";
    let report = check(&[
        ("1-other.yaml", format!("{other}---\n{namespace}")),
        ("a.yaml", deployment("web", "")),
        ("b.yaml", same),
        ("c.yaml", deployment("deny", deny)),
        ("d.yaml", deployment("wild", &san("'*.shop.corp.example'"))),
    ]);
    let rows = [
        ("a.yaml", 4, "ok"),
        ("b.yaml", 4, "NameHeldElsewhere"),
        ("c.yaml", 4, "ActionConflict"),
        ("d.yaml", 4, "NameHeldElsewhere"),
    ];
    assert_eq!(told(&report), expected(&rows));
    let text = output::print(&report, Format::Human, false);
    assert!(text.contains("is wanted by Deployment shop/web (") && text.contains("a.yaml:4) too"), "{text}");
}

#[test]
fn a_firewall_among_the_manifests_says_what_it_does_not_take() {
    let firewall = include_str!("../../../manifests/examples/firewall.yaml");
    let firewall = firewall.replace("10.20.0.0/16", "192.168.0.0/16");
    assert!(firewall.contains("192.168.0.0/16"));
    let report = check(&[("1-firewall.yaml", firewall), ("a.yaml", deployment("web", ""))]);
    assert_eq!(told(&report), expected(&[("a.yaml", 4, "OutsideFirewallBounds")]));
}

#[test]
fn what_stands_in_the_way_of_injection_is_found_before_there_are_pods() {
    let taken = deployment("web", "").replace(
        "    spec:\n      containers",
        "    spec:\n      volumes: [{name: sallyport-tls, emptyDir: {}}]\n      containers",
    );
    assert_eq!(check(&[("a.yaml", taken)]).code(), REFUSED);
}

#[test]
fn law_13_what_cannot_be_judged_is_told_in_its_place_and_the_rest_is_judged() {
    let folder = tempfile::tempdir().unwrap();
    let binary = folder.path().join("b.yaml");
    std::fs::write(&binary, [0xff, 0xfe, 0]).unwrap();
    let report = check_in(
        folder.path(),
        &[
            ("0.yaml", POLICY.to_owned()),
            ("a.yaml", format!("x: [1\n---\n{}", deployment("web", ""))),
            ("c.yaml", "apiVersion: v1\nkind: ConfigMap\n---\nno: object\n".to_owned()),
            ("notes.txt", "not a manifest".to_owned()),
        ],
        &["--enabled", "shop"],
    );
    let rows = [
        ("a.yaml", 2, "not judged"),
        ("a.yaml", 6, "ok"),
        ("b.yaml", 1, "not judged"),
        ("c.yaml", 4, "not judged"),
    ];
    let mut told = told(&report);
    told.iter_mut()
        .filter(|(_, line, _)| *line <= 2)
        .for_each(|row| row.1 = if row.0 == "a.yaml" { 2 } else { 1 });
    assert_eq!(told, expected(&rows));
    assert_eq!(report.code(), UNJUDGED);
}

#[test]
fn an_unknown_namespace_is_not_judged_and_a_plain_one_passes() {
    let folder = tempfile::tempdir().unwrap();
    let report = check_in(folder.path(), &[("a.yaml", deployment("web", ""))], &[]);
    assert_eq!((report.code(), told(&report)[0].2.as_str()), (UNJUDGED, "not judged"));
    let plain = NAMESPACE.replace("enabled", "no");
    let report = check_in(folder.path(), &[("0.yaml", plain)], &[]);
    assert_eq!((report.code(), told(&report)[0].2.as_str()), (0, "not enabled"));
}

#[test]
fn pipelines_read_the_same_findings() {
    let report = check(&[
        ("a b.yaml", deployment("bill", &san("web.billing.corp.example"))),
        ("c.yaml", deployment("web", "")),
    ]);
    let junit = output::print(&report, Format::Junit, false);
    let read = sallyport_policy_sync::xml::parse(junit.split_once('\n').unwrap().1).unwrap();
    assert_eq!((read.attribute("tests"), read.attribute("failures")), (Some("2"), Some("1")));
    let failure = read.walk().find(|element| element.name == "failure").unwrap();
    assert_eq!(failure.attribute("type"), Some("NameRefused"));
    let sarif: serde_json::Value =
        serde_json::from_str(&output::print(&report, Format::Sarif, false)).unwrap();
    let result = &sarif["runs"][0]["results"][0];
    let place = &result["locations"][0]["physicalLocation"];
    assert_eq!((&result["ruleId"], &place["region"]["startLine"]), (&"NameRefused".into(), &11.into()));
    assert!(place["artifactLocation"]["uri"].as_str().unwrap().ends_with("a%20b.yaml"));
    let rules = sarif["runs"][0]["tool"]["driver"]["rules"].as_array().unwrap();
    assert!(rules.iter().any(|rule| rule["id"] == "NameRefused" && rule["shortDescription"]["text"] != ""));
    let github = output::print(&report, Format::Github, false);
    let command = github.lines().find(|line| line.starts_with("::error ")).unwrap();
    assert!(
        command.contains("a b.yaml,line=11,title=NameRefused::name \"web.billing") && command.contains("%0A"),
        "{command}"
    );
}

#[test]
fn law_13_half_a_bundle_or_a_spoiled_one_is_survived() {
    let bundle = format!("{POLICY}---\n{NAMESPACE}---\n{}", deployment("web", &san("web.shop.corp.example")));
    let judged = |text: String| {
        let mut bundle = Bundle::new(Known::default(), "shop", &[]);
        let source = gather::Source { file: "x".to_owned(), text: Ok(text) };
        bundle.add(std::iter::once(source), true);
        let (candidates, bundle) = bundle.complete();
        let verdicts: Vec<Finding> =
            candidates.into_iter().map(|candidate| verdict::of(candidate, &bundle).0).collect();
        verdicts.len() + bundle.findings.len()
    };
    assert_eq!(judged(bundle.clone()), 1);
    let mut most = 0;
    for at in (0..bundle.len()).step_by(7) {
        most = most.max(judged(bundle[..at].to_owned()));
        for odd in ["\0", "{", "]", "- ", "&a *a", "!!binary ", "---\n", "\t", "é"] {
            let spoiled = format!("{}{odd}{}", &bundle[..at], &bundle[at + 1..]);
            most = most.max(judged(spoiled));
        }
    }
    assert!((2..=4).contains(&most), "{most} findings of one bundle");
}
