//! What people are told: `sallyport check` says before a merge, word for word, what the API server says of the same
//! manifest, and `sallyport explain` why a pod waits.

use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use ground::{Ground, Team, team::TeamOptions};
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt as _, process::Command};

use crate::run::{Test, test};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test("verdict::the_check_says_what_the_api_server_says", |g| Box::pin(same_words(g))),
        test("verdict::explain_tells_why_a_pod_waits", |g| Box::pin(explained(g))),
    ]
}

async fn explained(ground: &Ground) -> Result<()> {
    let spec = json!({"suspend": true});
    let options = TeamOptions { firewall_spec: spec, ..TeamOptions::default() };
    let team = Team::start(ground, "explained", options).await?;
    ground.cluster.kubectl.apply(&team.deployment("web", 1, &json!({})).to_string()).await?;
    team.gate_waits("web", "Suspended", "suspend").await?;
    let pods = team.pods("web").await?;
    let name = pods.first().and_then(|pod| pod["metadata"]["name"].as_str()).context("no pod")?;
    let pod = format!("pod/{name}");
    let explain = ["explain", pod.as_str(), "-n", "explained"];
    let (code, text) = sallyport(ground, &explain, "").await?;
    for told in [
        "waits for the network security team",
        "✓ admitted    policy explained: allow web.explained.corp.example",
        "✓ certificate explained, serial ",
        "✗ firewall    Suspended",
        "whose turn: the network security team. ",
        "not proven: PathProven",
    ] {
        ensure!(code == Some(1) && text.contains(told), "no {told:?} in {code:?} {text}");
    }
    team.patch("fw", &json!({"suspend": false})).await?;
    team.ready("web", 1).await?;
    let (code, text) = sallyport(ground, &explain, "").await?;
    ensure!(code == Some(0) && text.contains("is let in by Sallyport\n"), "{code:?} {text}");
    Ok(())
}

/// The command, its exit code and what it prints.
pub(crate) async fn sallyport(ground: &Ground, args: &[&str], input: &str) -> Result<(Option<i32>, String)> {
    let mut child = Command::new(ground::built("sallyport")?)
        .args(args)
        .env("KUBECONFIG", &ground.cluster.kubectl.kubeconfig)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let mut pipe = child.stdin.take().context("no pipe")?;
    pipe.write_all(input.as_bytes()).await?;
    drop(pipe);
    let done = child.wait_with_output().await?;
    let told = [done.stdout, done.stderr].concat();
    Ok((done.status.code(), String::from_utf8_lossy(&told).into_owned()))
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
    let check = ["check", "--from-cluster", "--output", "json", "-"];
    let (code, text) = sallyport(ground, &check, &manifest.to_string()).await?;
    let report: Value = serde_json::from_str(&text).with_context(|| text.clone())?;
    let refused = report["refused"].as_u64().unwrap_or_default();
    ensure!(code == Some(i32::from(refused > 0)), "{code:?}: {report}");
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
