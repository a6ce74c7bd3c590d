//! The examples that people start from are taken by the API server as they stand.

use anyhow::{Result, ensure};
use ground::{Ground, manifests};
use serde_json::Value;

use crate::run::{Test, test};

pub(crate) fn tests() -> Vec<Test> {
    vec![test("examples::every_example_is_taken_as_it_stands", |g| Box::pin(taken(g)))]
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
