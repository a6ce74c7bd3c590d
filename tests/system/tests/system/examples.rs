//! The examples that people start from are taken by the API server as they stand.

use anyhow::{Context as _, Result, ensure};
use ground::{Ground, manifests, wait};
use serde_json::Value;

use crate::run::{Test, test};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test("examples::every_example_is_taken_as_it_stands", |g| Box::pin(taken(g))),
        test("examples::the_install_is_taken_without_a_warning_and_its_expressions_compile", |g| {
            Box::pin(installed(g))
        }),
    ]
}

/// Older versions know fewer fields, and their CEL fewer functions.
async fn installed(ground: &Ground) -> Result<()> {
    let kubectl = &ground.cluster.kubectl;
    let dry_run = ["apply", "--dry-run=server", "--validate=strict", "-f", "-"];
    for objects in [manifests::definitions()?, manifests::install()?] {
        let said = kubectl.attempt(&dry_run, Some(&manifests::stream(&objects))).await?;
        ensure!(said.ok && said.stderr.is_empty(), "{}", said.stderr);
    }
    for definition in items(ground, "crd").await? {
        let conditions = definition["status"]["conditions"].as_array().context("no conditions")?;
        let bad = conditions.iter().find(|one| one["status"] != "True");
        ensure!(bad.is_none(), "{}: {bad:?}", definition["metadata"]["name"]);
    }
    wait::until("the expressions to be checked", wait::GENEROUS, || async {
        let policies = items(ground, "validatingadmissionpolicy").await?;
        ensure!(policies.len() > 10, "only {} policies", policies.len());
        for policy in policies {
            let (name, status) = (&policy["metadata"]["name"], &policy["status"]);
            ensure!(
                status["observedGeneration"] == policy["metadata"]["generation"],
                "{name} is not checked yet"
            );
            ensure!(status["typeChecking"]["expressionWarnings"].is_null(), "{name}: {status}");
        }
        Ok(())
    })
    .await
}

async fn items(ground: &Ground, kind: &str) -> Result<Vec<Value>> {
    let list = ground.cluster.kubectl.get(&[kind]).await?;
    list["items"].as_array().cloned().context("no list")
}

async fn taken(ground: &Ground) -> Result<()> {
    let mut examples = manifests::examples()?;
    examples.extend(manifests::path_proof()?);
    let firewalls = examples.iter().filter(|example| example["kind"] == "Firewall");
    ensure!(firewalls.count() == 4, "an example for each kind of target");
    let kubectl = &ground.cluster.kubectl;
    let dry_run = ["apply", "--dry-run=server", "--validate=strict", "-f", "-"];
    for example in &examples {
        // A dry run makes no namespace for what would be in it.
        let example = &within(example.clone(), "default");
        let said = kubectl.attempt(&dry_run, Some(&example.to_string())).await?;
        ensure!(said.ok, "{} {}: {}", example["kind"], example["metadata"]["name"], said.stderr);
    }
    let mut wrong = examples.into_iter().find(|example| example["kind"] == "Firewall").unwrap_or_default();
    wrong["spec"]["clustername"] = wrong["spec"]["clusterName"].clone();
    let said = kubectl.attempt(&dry_run, Some(&wrong.to_string())).await?;
    ensure!(!said.ok && said.stderr.contains("clustername"), "a mistyped field is taken: {}", said.stdout);
    Ok(())
}

fn within(mut object: Value, namespace: &str) -> Value {
    if object["metadata"]["namespace"].is_string() {
        object["metadata"]["namespace"] = Value::from(namespace);
    }
    object
}
