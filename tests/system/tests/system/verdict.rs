//! One verdict: `sallyport check` says before a merge, word for word, what the API server says of the same manifest.

use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use ground::{Ground, Team, team::TeamOptions};
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt as _, process::Command};

use crate::run::{Test, test};

pub(crate) fn tests() -> Vec<Test> {
    vec![test("verdict::the_check_says_what_the_api_server_says", |g| Box::pin(same_words(g)))]
}

async fn same_words(ground: &Ground) -> Result<()> {
    let team = Team::start(ground, "verdict", TeamOptions::default()).await?;
    let (mut granted, mut refused) = (0, 0);
    for (what, manifest) in manifests(&team) {
        let said = ground.cluster.kubectl.dry_run(&manifest.to_string()).await?;
        let finding = checked(ground, &manifest).await?;
        match finding["outcome"].as_str() {
            Some("ok") => {
                let names: Vec<&str> =
                    finding["dnsNames"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
                let given = format!("dns-names: {}\n", names.join(","));
                ensure!(said.ok && said.stdout.contains(&given), "{what}: {finding} and {said:?}");
                granted += 1;
            }
            Some("refused") => {
                let text = |key: &str| finding["refusal"][key].as_str().unwrap_or_default().to_owned();
                let words = format!(
                    "{}\n  where: {}\n  rule:  {}\n  do:    {}",
                    text("what"),
                    text("where"),
                    text("rule"),
                    text("do")
                );
                ensure!(!said.ok && said.stderr.contains(&words), "{what}: {words} and {said:?}");
                refused += 1;
            }
            other => ensure!(false, "{what}: {other:?}: {finding}"),
        }
    }
    ensure!(granted >= 6 && refused >= 9, "{granted} granted and {refused} refused");
    Ok(())
}

/// One finding of `sallyport check`, with the cluster's own policies.
async fn checked(ground: &Ground, manifest: &Value) -> Result<Value> {
    let mut child = Command::new(ground::built("sallyport")?)
        .args(["check", "--from-cluster", "--output", "json", "-"])
        .env("KUBECONFIG", &ground.cluster.kubectl.kubeconfig)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let mut pipe = child.stdin.take().context("no pipe")?;
    pipe.write_all(manifest.to_string().as_bytes()).await?;
    drop(pipe);
    let done = child.wait_with_output().await?;
    let report: Value = serde_json::from_slice(&done.stdout)
        .with_context(|| String::from_utf8_lossy(&done.stderr).into_owned())?;
    let refused = report["refused"].as_u64().unwrap_or_default();
    ensure!(done.status.code() == Some(i32::from(refused > 0)), "{:?}: {report}", done.status);
    Ok(report["findings"][0].clone())
}

/// Manifests of every kind, wishes that are granted and ones that are not.
fn manifests(team: &Team<'_>) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    for san in [
        "web.verdict.corp.example",
        "WEB.Verdict.corp.example",
        "a.verdict.corp.example, b.verdict.corp.example",
        "web.billing.corp.example",
        "*.verdict.corp.example",
        "a'b.verdict.corp.example",
        "a\nb.verdict.corp.example",
        "web",
        "10.20.0.1",
        "xn--a.verdict.corp.example",
        "",
    ] {
        let wish = json!({"sallyport.dev/san": san});
        all.push((format!("san {san:?}"), team.deployment("web", 1, &wish)));
    }
    for (key, value) in [("sallyport.dev/action", "permit"), ("sallyport.dev/containers", "nobody")] {
        all.push((format!("{key}: {value}"), team.deployment("web", 1, &json!({key: value}))));
    }
    let mut dotted = team.deployment("web", 1, &json!({}));
    dotted["metadata"]["name"] = json!("a.b");
    all.push(("a name with a dot".to_owned(), dotted));

    let template = team.deployment("web", 1, &json!({}))["spec"]["template"].clone();
    let mut once = template.clone();
    once["spec"]["restartPolicy"] = json!("Never");
    let selector = json!({"matchLabels": {"app": "web"}});
    let object = |version: &str, kind: &str, spec: Value| {
        let metadata = json!({"name": "one", "namespace": "verdict"});
        (kind.to_owned(), json!({"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec}))
    };
    let set = json!({"serviceName": "db", "selector": selector, "template": template});
    all.push(object("apps/v1", "StatefulSet", set));
    all.push(object("apps/v1", "DaemonSet", json!({"selector": selector, "template": template})));
    all.push(object("batch/v1", "Job", json!({"template": once})));
    let nightly = json!({"schedule": "@daily", "jobTemplate": {"spec": {"template": once}}});
    all.push(object("batch/v1", "CronJob", nightly));

    let mut taken = once["spec"].clone();
    taken["volumes"] = json!([{"name": "sallyport-tls", "emptyDir": {}}]);
    all.push(object("v1", "Pod", once["spec"].clone()));
    all.push(("a Pod with a volume of our name".to_owned(), object("v1", "Pod", taken).1));
    all
}
