//! Law 11: no key, token, password or credential in anything that Sallyport prints or writes for people to read, also
//! not at the most verbose level.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ground::{
    Ground, Options, Team,
    firewall::ADMINISTRATOR,
    pca::SECRET_ACCESS_KEY,
    team::{Authority, TeamOptions},
    wait,
};
use serde_json::{Value, json};

use crate::{
    asked::done,
    run::{Test, by_itself},
};

const KEYSTORE_PASSWORD: &str = "open-sesame-4711-barley";
/// Shorter pieces of a key could be in a text by chance.
const LEAST: usize = 16;

pub(crate) fn tests() -> Vec<Test> {
    vec![by_itself("silence::law_11_a_whole_run_at_the_most_verbose_level_prints_no_secret", |_| {
        Box::pin(nothing_is_printed())
    })]
}

/// A ground of its own, whose programs tell everything.
async fn nothing_is_printed() -> Result<()> {
    let options = Options { log: "trace".to_owned(), ..Options::fresh("silence")? };
    let ground = Ground::start(options, |_| {}).await?;
    let team = run(&ground).await?;
    let secrets = secrets(&ground).await?;
    let kinds: BTreeSet<&str> =
        secrets.values().map(|where_| where_.split(' ').next().unwrap_or("")).collect();
    ensure!(kinds == BTreeSet::from(["credential", "key", "password", "token"]), "only {kinds:?} are known");
    let printed = printed(&ground).await?;
    let trace =
        printed.iter().filter(|(name, text)| name.ends_with(".log") && text.contains("TRACE")).count();
    ensure!(trace >= 3, "only {trace} programs tell everything");
    // The same search finds what may be told.
    for (place, what) in [
        ("cert-agent.log", "/namespaces/silent/"),
        ("policy-sync.log", "/namespaces/silent/"),
        ("the objects of namespaces", "web.silent.corp.example"),
        ("the objects of the cluster", "web.silent.corp.example"),
    ] {
        let told = printed.get(place).is_some_and(|text| text.contains(what));
        ensure!(told, "{place} does not even tell {what}");
    }
    let mut found = Vec::new();
    for (name, text) in &printed {
        for (secret, whose) in &secrets {
            let encoded = STANDARD.encode(secret);
            let told = text.lines().find(|line| line.contains(secret.as_str()) || line.contains(&encoded));
            found.extend(told.map(|_| format!("{name} holds a part of the {whose}")));
        }
    }
    ensure!(found.is_empty(), "{} places: {found:#?}", found.len());
    drop(team);
    ground.stop().await
}

/// The journey, a renewal, a revocation, faults at either side, a restart.
async fn run(ground: &Ground) -> Result<Team<'_>> {
    let forms = json!({"combinedPem": true, "pkcs12": {"passwordSecret": "keystore"}});
    let spec = json!({"certificate": {"forms": forms}});
    let options = TeamOptions { authority: Authority::Aws, policy_spec: spec, ..TeamOptions::default() };
    let team = Team::start(ground, "silent", options).await?;
    let kubectl = &ground.cluster.kubectl;
    let password = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keystore", "namespace": team.name},
        "stringData": {"password": KEYSTORE_PASSWORD}});
    kubectl.apply(&password.to_string()).await?;
    ground
        .pca
        .fault(&json!({"operation": "IssueCertificate", "times": 1,
        "action": {"error": {"type": "AccessDeniedException", "message": "not now", "status": 400}}}))
        .await?;
    kubectl.apply(&team.deployment("web", 1, &json!({})).to_string()).await?;
    team.ready("web", 1).await?;
    team.apply_credentials("wrong-horse-entirely").await?;
    ground.restart_cert_agent().await?;
    done(ground, &team, "lost", &json!({"revoke": {"reason": "KeyCompromise"}})).await?;
    team.apply_credentials(ADMINISTRATOR.1).await?;
    Ok(team)
}

/// Every secret of the run, with whose it is.
async fn secrets(ground: &Ground) -> Result<BTreeMap<String, String>> {
    let mut secrets = BTreeMap::new();
    secrets.insert(ADMINISTRATOR.1.to_owned(), "password of the firewall's administrator".to_owned());
    secrets.insert(SECRET_ACCESS_KEY.to_owned(), "credential for AWS".to_owned());
    secrets.insert(KEYSTORE_PASSWORD.to_owned(), "password of the keystore".to_owned());
    for program in ["cert-agent", "policy-sync", "webhook"] {
        let file = ground.folder.join(format!("{program}.kubeconfig"));
        let config: Value = serde_json::from_str(&std::fs::read_to_string(file)?)?;
        let token = config["users"][0]["user"]["token"].as_str().context("no token")?;
        // The first part of a token is the same for all.
        let signature = token.rsplit('.').next().context("no signature")?;
        secrets.insert(signature.to_owned(), format!("token of {program}"));
    }
    let all = ground.cluster.kubectl.get(&["secrets", "-A"]).await?;
    for secret in all["items"].as_array().context("no list")? {
        let name = format!("{}/{}", secret["metadata"]["namespace"], secret["metadata"]["name"]);
        for (key, value) in secret["data"].as_object().into_iter().flatten() {
            let bytes = STANDARD.decode(value.as_str().unwrap_or_default())?;
            let Ok(text) = String::from_utf8(bytes) else { continue };
            for line in lines_of_keys(&text) {
                secrets.insert(line, format!("key in {name} {key}"));
            }
        }
    }
    Ok(secrets)
}

/// The lines of the private keys in a PEM text.
fn lines_of_keys(text: &str) -> Vec<String> {
    let mut inside = false;
    let mut lines = Vec::new();
    for line in text.lines() {
        if line.starts_with("-----") {
            inside = line.contains("BEGIN") && line.contains("PRIVATE KEY");
        } else if inside && line.len() >= LEAST {
            // What all keys of a kind begin with is no secret.
            let own: String = line.chars().skip(if lines.is_empty() { 40 } else { 0 }).collect();
            lines.push(own);
        }
    }
    lines.into_iter().filter(|line| line.len() >= LEAST).collect()
}

/// Everything that was printed or written for people: logs, metrics, and every object but Secrets.
async fn printed(ground: &Ground) -> Result<BTreeMap<String, String>> {
    let mut printed = BTreeMap::new();
    for program in ["cert-agent", "policy-sync", "webhook"] {
        let log = std::fs::read_to_string(ground.folder.join(format!("{program}.log")))?;
        printed.insert(format!("{program}.log"), log);
        let health = ground.health(program)?;
        let metrics = wait::until("the metrics", wait::GENEROUS, || async {
            let answer = reqwest::get(format!("{health}/metrics")).await?.error_for_status()?;
            Ok(answer.text().await?)
        })
        .await?;
        ensure!(metrics.contains("sallyport_"), "{program} has no metrics: {metrics}");
        printed.insert(format!("the metrics of {program}"), metrics);
    }
    let kinds = "events,pods,deployments,replicasets,namespaces,configmaps,wid,nsb,idreq,leases,rolebindings";
    let all = ground.cluster.kubectl.get(&[kinds, "-A", "--show-managed-fields"]).await?;
    ensure!(all["items"].as_array().is_some_and(|items| items.len() > 20), "too few objects: {all}");
    printed.insert("the objects of namespaces".to_owned(), serde_json::to_string_pretty(&all)?);
    let kinds = "idpol,ca,fw,nclaim,mutatingwebhookconfigurations";
    let all = ground.cluster.kubectl.get(&[kinds]).await?;
    printed.insert("the objects of the cluster".to_owned(), serde_json::to_string_pretty(&all)?);
    Ok(printed)
}
