//! Sallyport goes, whatever goes first: nothing of it keeps others' pods and namespaces from being made and deleted, and what
//! is left is told and taken away. It comes back by its chart, and is upgraded and rolled back under load.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use ground::{Ground, Options, Team, program::Program, team::TeamOptions, wait};
use serde_json::{Value, json};

use crate::{
    absence::bare_pod,
    helm::Helm,
    run::{Test, by_itself},
    verdict::sallyport,
};

pub(crate) fn tests() -> Vec<Test> {
    vec![by_itself("leaving::in_the_worst_order_nothing_blocks_and_the_chart_comes_back", |_| {
        Box::pin(leaving())
    })]
}

const SYSTEM: &str = "sallyport-system";
const WEBHOOK: [&str; 2] = ["mutatingwebhookconfiguration", "sallyport"];
/// What refuses requests, and what each goes with.
const OWNED: [(&str, &str, &str); 4] = [
    ("mutatingwebhookconfiguration", "sallyport", SYSTEM),
    ("validatingadmissionpolicy", "sallyport-end-state", SYSTEM),
    ("validatingadmissionpolicybinding", "sallyport-end-state", "namespacebindings.sallyport.dev"),
    ("validatingadmissionpolicybinding", "sallyport-namespaces", "identitypolicies.sallyport.dev"),
];
/// Longer than the garbage collector takes on a machine that has nothing else to do.
const SOON: Duration = Duration::from_secs(60);

async fn leaving() -> Result<()> {
    let options = Options { balanced: true, ..Options::fresh("leaving")? };
    let ground = Ground::start(options, |_| {}).await?;
    let team = Team::start(&ground, "leaving", TeamOptions::default()).await?;
    owned(&ground).await?;
    let mut seconds = json!({});

    ground.webhook.lock().await.kill().await?;
    seconds["webhook first"] = json!(elsewhere(&ground, "webhook-first").await?);
    programs_end(&ground).await?;
    waits_for_policy_sync(&ground, &team.name).await?;
    ground.cluster.kubectl.run(&["delete", "crd", "--all", "--wait=false"]).await?;
    seconds["definitions first"] = json!(elsewhere(&ground, "definitions-first").await?);
    // This API server still remembers the definitions; one that starts now would refuse every namespace by these.
    seconds["bindings without parameters"] = json!(went(&ground, "validatingadmissionpolicybinding").await?);
    undone(&ground, &["deleted, and something keeps it", "firewall leaving: its deletion waits"]).await?;
    drop(team);

    let helm = Helm::new(&ground).await?;
    helm.install().await?;
    let webhook = programs_begin(&ground).await?;
    owned(&ground).await?;
    let team = Team::start(&ground, "returned", TeamOptions::default()).await?;
    upgraded(&ground, &team, &helm).await?;

    programs_end(&ground).await?;
    drop(webhook);
    let free = bare_pod(&team, "free", json!({}));
    ensure!(made(&ground, &free).await.is_err(), "the policy enforces nothing, so there is nothing to go");
    ground.cluster.kubectl.run(&["delete", "namespace", SYSTEM, "--wait=false"]).await?;
    seconds["namespace first"] = json!(elsewhere(&ground, "namespace-first").await?);
    // The team's policy still enforces, and nobody is there to make a pod what it asks for.
    let began = Instant::now();
    wait::until("pods of the enabled namespace", SOON, || made(&ground, &free)).await?;
    seconds["namespace first, an enabled one"] = json!(began.elapsed().as_secs_f64());
    undone(&ground, &["customresourcedefinitions: ", "goes with every object of its kind"]).await?;
    drop(team);
    std::fs::write(ground.folder.join("seconds.json"), serde_json::to_string_pretty(&seconds)?)?;
    ground.stop().await
}

/// Waits until cert-agent has written what everything goes with.
async fn owned(ground: &Ground) -> Result<()> {
    wait::until("the owners of what refuses requests", wait::GENEROUS, || async {
        for (kind, name, owner) in OWNED {
            let object = ground.cluster.kubectl.get(&[kind, name]).await?;
            ensure!(
                object["metadata"]["ownerReferences"][0]["name"] == owner,
                "{kind} {name} has not {owner} yet"
            );
        }
        Ok(())
    })
    .await
}

/// Waits until what is of this kind went with its owner. How many seconds it took.
async fn went(ground: &Ground, kind: &str) -> Result<f64> {
    let began = Instant::now();
    for (_, name, _) in OWNED.iter().filter(|(owned, _, _)| *owned == kind) {
        wait::until("the garbage collector", SOON, || async {
            let said = ground.cluster.kubectl.attempt(&["get", kind, name], None).await?;
            ensure!(said.stderr.contains("NotFound"), "{kind} {name} is still there: {}", said.stderr);
            Ok(())
        })
        .await?;
    }
    Ok(began.elapsed().as_secs_f64())
}

/// A namespace of others comes, with a pod, and goes. How many seconds it took until it came.
async fn elsewhere(ground: &Ground, name: &str) -> Result<f64> {
    let kubectl = &ground.cluster.kubectl;
    let began = Instant::now();
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
    wait::until("a namespace of others", SOON, || made(ground, &namespace)).await?;
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "plain", "namespace": name},
        "spec": {"automountServiceAccountToken": false, "containers": [{"name": "a", "image": "a"}]}});
    wait::until("a pod of others", SOON, || made(ground, &pod)).await?;
    let came = began.elapsed().as_secs_f64();
    kubectl.run(&["delete", "pod", "plain", "-n", name, "--grace-period=0", "--force"]).await?;
    kubectl.run(&["delete", "namespace", name, "--timeout=60s"]).await?;
    Ok(came)
}

async fn made(ground: &Ground, object: &Value) -> Result<()> {
    let said = ground.cluster.kubectl.attempt(&["create", "-f", "-"], Some(&object.to_string())).await?;
    ensure!(said.ok || said.stderr.contains("AlreadyExists"), "{}", said.stderr);
    Ok(())
}

async fn programs_end(ground: &Ground) -> Result<()> {
    for program in [&ground.webhook, &ground.cert_agent, &ground.policy_sync] {
        program.lock().await.kill().await?;
    }
    Ok(())
}

async fn programs_begin(ground: &Ground) -> Result<Program> {
    ground.restart_cert_agent().await?;
    ground.restart_policy_sync().await?;
    ground.another_webhook("webhook-returned").await
}

/// A Firewall whose deletion waits for a policy-sync that is not there any more.
async fn waits_for_policy_sync(ground: &Ground, firewall: &str) -> Result<()> {
    let patch = json!({"metadata": {"finalizers": ["sallyport.dev/remove-from-firewall"]}}).to_string();
    let args = ["patch", "firewalls.sallyport.dev", firewall, "--type=merge", "-p", &patch];
    ground.cluster.kubectl.run(&args).await.map(drop)
}

/// What is left is told, taken away, and then nothing is left.
async fn undone(ground: &Ground, words: &[&str]) -> Result<()> {
    let (code, told) = sallyport(ground, &["uninstall"], "").await?;
    ensure!(code == Some(1), "{code:?}: {told}");
    let missing: Vec<_> = words.iter().filter(|words| !told.contains(**words)).collect();
    ensure!(missing.is_empty(), "no {missing:?} in {told}");
    let (code, told) = sallyport(ground, &["uninstall", "--yes", "--purge"], "").await?;
    ensure!(code == Some(0), "{code:?}: {told}");
    let (code, told) = sallyport(ground, &["uninstall"], "").await?;
    ensure!(code == Some(0) && told.starts_with("nothing of Sallyport is left"), "{code:?}: {told}");
    Ok(())
}

/// An upgrade that changes a definition and every program, and its rollback, while pods are made: none is refused, and what
/// cert-agent wrote stays.
async fn upgraded(ground: &Ground, team: &Team<'_>, helm: &Helm) -> Result<()> {
    let pod = bare_pod(team, "load", json!({})).to_string();
    wait::until("a first pod", wait::GENEROUS, || async {
        let said = ground.cluster.kubectl.dry_run(&pod).await?;
        ensure!(said.ok && said.stdout.contains("resolved.sallyport.dev/dns-names"), "{}", said.stderr);
        Ok(())
    })
    .await?;
    let before = written(ground).await?;
    let changes = async {
        helm.change("Chart.yaml", "appVersion: 0.", "appVersion: 1.")?;
        helm.change(
            "definitions/gateoverrides.sallyport.dev.yaml",
            "    shortNames:\n",
            "    shortNames:\n    - later\n",
        )?;
        helm.upgrade().await?;
        let upgraded = written(ground).await?;
        helm.rollback().await?;
        anyhow::Ok(upgraded)
    };
    let mut count = 0;
    let load = async {
        loop {
            let said = ground.cluster.kubectl.dry_run(&pod).await?;
            ensure!(
                said.ok && said.stdout.contains("resolved.sallyport.dev/dns-names"),
                "pod {count}: {}",
                said.stderr
            );
            count += 1;
        }
    };
    let upgraded = tokio::select! {
        upgraded = changes => upgraded?,
        failed = load => return failed,
    };
    ensure!(
        upgraded == before && written(ground).await? == before,
        "what cert-agent wrote was lost: {before} {upgraded}"
    );
    ensure!(count > 3, "only {count} pods were made meanwhile");
    Ok(())
}

/// What cert-agent wrote into the webhook's configuration.
async fn written(ground: &Ground) -> Result<Value> {
    let configuration = ground.cluster.kubectl.get(&WEBHOOK).await?;
    let entries = configuration["webhooks"].as_array().context("no webhooks")?;
    let bundles: Vec<&Value> = entries.iter().map(|entry| &entry["clientConfig"]["caBundle"]).collect();
    ensure!(bundles.iter().all(|bundle| bundle.is_string()), "no caBundle: {configuration}");
    Ok(json!([bundles, configuration["metadata"]["ownerReferences"]]))
}
