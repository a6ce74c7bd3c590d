//! One verdict: over the whole corpus the real API server, the webhook in process and `sallyport check` say the same, word
//! for word, and what we add is taken by the API server.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context as _, Result, ensure};
use corpus::Manifest;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use ground::{Ground, manifests, wait};
use http::Request;
use kube::client::Body;
use sallyport_webhook::{facts::Snapshot, judge::Judged, review::Ruling};
use serde_json::{Value, json};

use crate::{
    run::{Test, test},
    served::POD_CERTIFICATES,
    verdict::sallyport,
};

/// How many dry runs are under way at once.
const AT_ONCE: usize = 16;
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn tests() -> Vec<Test> {
    vec![test("verdict::the_whole_corpus_gets_one_verdict", |g| Box::pin(one_verdict(g)))]
}

/// What the API server said to a dry run.
struct Said {
    code: u16,
    /// The object as it would be stored, or a Status.
    body: Value,
    warnings: Vec<String>,
}

async fn one_verdict(ground: &Ground) -> Result<()> {
    let setting = corpus::setting()?;
    ground.cluster.kubectl.apply(&manifests::stream(&setting)).await?;
    accounts_are_there(ground, &setting).await?;
    let (mut snapshot, all) = (corpus::snapshot()?, corpus::manifests()?);
    snapshot.pod_certificates = POD_CERTIFICATES.served(ground).await?;
    let findings = checked(ground).await?;
    let dry_runs: Vec<(Manifest, Said)> = stream::iter(all)
        .map(|manifest| tried(ground, manifest))
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await?;
    let count = dry_runs.len();
    let (mut granted, mut refused, mut wrong) = (0, 0, Vec::new());
    for (manifest, said) in dry_runs {
        match compare(&manifest, &said, findings.get(&manifest.name), &snapshot) {
            Ok(true) => granted += 1,
            Ok(false) => refused += 1,
            Err(error) => wrong.push(format!("{}: {error:#}", manifest.name)),
        }
    }
    ensure!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
    ensure!(granted >= 80 && refused >= 60, "{granted} granted and {refused} refused of {count}");
    Ok(())
}

/// The API server takes no pod whose service account is not there, and makes the one called `default` by and by.
async fn accounts_are_there(ground: &Ground, setting: &[Value]) -> Result<()> {
    for namespace in setting.iter().filter(|object| object["kind"] == "Namespace") {
        let name = namespace["metadata"]["name"].as_str().context("a namespace without a name")?;
        let get = ["serviceaccount", "default", "-n", name];
        wait::until("the default service account", wait::GENEROUS, || ground.cluster.kubectl.get(&get))
            .await?;
    }
    Ok(())
}

/// The findings of `sallyport check` by manifest, with the cluster's own policies.
async fn checked(ground: &Ground) -> Result<BTreeMap<String, Value>> {
    let folder = corpus::folder().join("manifests").display().to_string();
    let check = ["check", "--from-cluster", "--output", "json", folder.as_str()];
    let (code, text) = sallyport(ground, &check, "").await?;
    let report: Value = serde_json::from_str(&text).with_context(|| text.clone())?;
    ensure!(code == Some(1), "{code:?}");
    let findings = report["findings"].as_array().context("no findings")?;
    let named = |finding: &Value| {
        let file = finding["file"].as_str()?.rsplit('/').next()?.strip_suffix(".yaml")?;
        Some((file.to_owned(), finding.clone()))
    };
    Ok(findings.iter().filter_map(named).collect())
}

async fn tried(ground: &Ground, manifest: Manifest) -> Result<(Manifest, Said)> {
    let said = dry_run(ground, &manifest.object).await.with_context(|| manifest.name.clone())?;
    Ok((manifest, said))
}

async fn dry_run(ground: &Ground, object: &Value) -> Result<Said> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (version, kind) = (text(&object["apiVersion"]), text(&object["kind"]));
    let root = if version.contains('/') { "apis" } else { "api" };
    let path = format!(
        "/{root}/{version}/namespaces/{}/{}s?dryRun=All&fieldManager=corpus",
        text(&object["metadata"]["namespace"]),
        kind.to_lowercase()
    );
    let request = Request::post(path)
        .header("content-type", "application/json")
        .body(Body::from(object.to_string().into_bytes()))?;
    let answer = tokio::time::timeout(PATIENCE, ground.cluster.client.send(request)).await??;
    let warnings = answer.headers().get_all("warning").iter();
    let warnings = warnings.filter_map(|value| String::from_utf8(value.as_bytes().to_vec()).ok()).collect();
    let code = answer.status().as_u16();
    let bytes = tokio::time::timeout(PATIENCE, answer.into_body().collect_bytes()).await??;
    Ok(Said { code, body: serde_json::from_slice(&bytes)?, warnings })
}

/// Whether it is let in, if all three say the same.
fn compare(manifest: &Manifest, said: &Said, finding: Option<&Value>, snapshot: &Snapshot) -> Result<bool> {
    let message = said.body["message"].as_str().unwrap_or_default();
    if let Some(words) = &manifest.kubernetes {
        ensure!(said.code >= 400 && message.contains(words.as_str()), "{} {message}", said.code);
        return Ok(false);
    }
    let judged = corpus::judged(&manifest.object, snapshot)?;
    warned(&judged, said, finding)?;
    let outcome = finding.map_or("nothing", |finding| finding["outcome"].as_str().unwrap_or_default());
    match &judged.answer.ruling {
        Ruling::Denied { message: words, .. } => {
            let denied = format!("denied the request: {words}");
            ensure!(
                said.code >= 400 && message.ends_with(&denied),
                "{} {message:?}, not {denied:?}",
                said.code
            );
            let told = finding.map(refusal).unwrap_or_default();
            ensure!(outcome == "refused" && told == *words, "check says {outcome} {told:?}, not {words:?}");
            Ok(false)
        }
        Ruling::Allowed(patch) => {
            ensure!(said.code == 201, "{} {message}", said.code);
            ensure!(outcome != "refused" && outcome != "not judged", "check says {finding:?}");
            let mut patched = manifest.object.clone();
            json_patch::patch(&mut patched, patch.operations())?;
            let (ours, theirs) = (given(&patched), given(&said.body));
            ensure!(ours == theirs, "in process {ours:#}\nthe API server {theirs:#}");
            Ok(true)
        }
    }
}

/// The refusal of a finding, put together as people see it.
fn refusal(finding: &Value) -> String {
    let text = |key: &str| finding["refusal"][key].as_str().unwrap_or_default().to_owned();
    format!(
        "{}\n  where: {}\n  rule:  {}\n  do:    {}",
        text("what"),
        text("where"),
        text("rule"),
        text("do")
    )
}

/// Every warning reaches who asks, by either way.
fn warned(judged: &Judged, said: &Said, finding: Option<&Value>) -> Result<()> {
    let answer: Value = serde_json::from_slice(&judged.answer.to_json()?)?;
    for warning in answer["response"]["warnings"].as_array().into_iter().flatten() {
        let text = warning.as_str().unwrap_or_default();
        let quoted = text.replace('\\', "\\\\").replace('"', "\\\"");
        let heard = said.warnings.iter().any(|header| header.contains(text) || header.contains(&quoted));
        ensure!(heard, "no {text:?} among {:?}", said.warnings);
    }
    for warning in &judged.answer.warnings {
        let told = finding.map(|finding| finding.to_string()).unwrap_or_default();
        let escaped = json!(warning).to_string();
        ensure!(told.contains(escaped.trim_matches('"')), "check does not warn of {warning:?}: {told}");
    }
    Ok(())
}

/// All that Sallyport gives to an object, without what Kubernetes adds.
fn given(object: &Value) -> Value {
    let keys = |map: &Value, ours: &dyn Fn(&str) -> bool| -> BTreeMap<String, Value> {
        let all = map.as_object().into_iter().flatten();
        all.filter(|(key, _)| ours(key)).map(|(key, value)| (key.clone(), value.clone())).collect()
    };
    let meta = &object["metadata"];
    let named = |list: &Value, ours: &dyn Fn(&Value) -> bool| -> Vec<Value> {
        list.as_array().into_iter().flatten().filter(|one| ours(one)).cloned().collect()
    };
    let spec = &object["spec"];
    let container = |container: &Value| {
        let mounts = named(&container["volumeMounts"], &|one| one["name"] == "sallyport-tls");
        let variables = named(&container["env"], &|one| {
            one["name"].as_str().is_some_and(|name| name.starts_with("SALLYPORT_TLS_"))
        });
        json!({"name": container["name"], "mounts": mounts, "variables": variables})
    };
    let containers =
        |kind: &str| -> Vec<Value> { spec[kind].as_array().into_iter().flatten().map(container).collect() };
    let in_template = &spec["jobTemplate"]["spec"]["template"]["metadata"]["annotations"];
    json!({
        "annotations": keys(&meta["annotations"], &|key| {
            key.starts_with("resolved.sallyport.dev/") || key == "paloaltonetworks.com/firewall"
        }),
        "label": meta["labels"]["sallyport.dev/identity"],
        "template": keys(in_template, &|key| key.starts_with("resolved.sallyport.dev/")),
        "gates": named(&spec["readinessGates"], &|_| true),
        "volumes": named(&spec["volumes"], &|one| one["name"] == "sallyport-tls")
            .into_iter()
            .map(without_defaults)
            .collect::<Vec<_>>(),
        "containers": containers("containers"),
        "initContainers": containers("initContainers"),
    })
}

/// The mode of files is set by Kubernetes where nobody says it.
fn without_defaults(mut volume: Value) -> Value {
    for kind in ["secret", "projected"] {
        if let Some(source) = volume[kind].as_object_mut() {
            source.remove("defaultMode");
        }
    }
    // Looking for a member of a Value leaves null where there is none.
    if let Some(volume) = volume.as_object_mut() {
        volume.retain(|_, value| !value.is_null());
    }
    volume
}
