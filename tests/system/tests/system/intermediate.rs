//! An intermediate of our own, from the command of a person to a pod that is Ready, on the real API server.

use std::process::Output;

use anyhow::{Context as _, Result, ensure};
use ground::{
    Ground, Team, built, leaf, manifests,
    network::{Outcome, dial},
    pca::PcaSim,
    person::{Person, Verb},
    team::{Authority, condition},
    wait,
};
use serde_json::json;

use crate::{
    pod_certificates::{answered, chain, to_the_pod, web},
    run::{Test, test},
    served::POD_CERTIFICATES,
};

pub(crate) fn tests() -> Vec<Test> {
    let journey =
        test("intermediate::law_4_from_a_persons_command_to_an_open_gate", |g| Box::pin(journey(g)));
    vec![journey.needs(POD_CERTIFICATES)]
}

const AUTHORITY: &str = "below-app";

/// A person with the administrator's kubeconfig and AWS credentials.
async fn command(ground: &Ground) -> Result<Output> {
    let mut command = tokio::process::Command::new(built("sallyport")?);
    command.args(["ca", "intermediate", "create", AUTHORITY]);
    command.env("KUBECONFIG", &ground.cluster.kubectl.kubeconfig);
    command.envs(PcaSim::environment(&ground.pca.endpoint, &ground.pca.ca_file));
    Ok(command.env("AWS_ENDPOINT_URL_STS", &ground.pca.endpoint).output().await?)
}

async fn authority_says(ground: &Ground, status: &str, words: &str) -> Result<()> {
    wait::until(&format!("CertificateAuthority {AUTHORITY} to be {status}"), wait::GENEROUS, || async {
        let authority = ground.cluster.kubectl.get(&["certificateauthority", AUTHORITY]).await?;
        let ready = condition(&authority, "Ready").context("nothing said yet")?;
        ensure!(ready["status"] == status && ready["message"].to_string().contains(words), "{ready}");
        Ok(())
    })
    .await
}

async fn journey(ground: &Ground) -> Result<()> {
    let mut options = to_the_pod(Authority::Aws);
    options.policy_spec["certificate"]["authority"] = json!(AUTHORITY);
    let team = Team::start(ground, "below", options).await?;
    let mut authority = manifests::example("certificate-authority-intermediate")?;
    authority["metadata"]["name"] = json!(AUTHORITY);
    authority["spec"]["intermediate"]["parent"] = json!("below");
    ground.cluster.kubectl.apply(&authority.to_string()).await?;
    authority_says(ground, "False", "sallyport ca intermediate create below-app").await?;
    let made = command(ground).await?;
    let told = String::from_utf8_lossy(&made.stdout);
    ensure!(made.status.success(), "{told}{}", String::from_utf8_lossy(&made.stderr));
    authority_says(ground, "True", "can sign").await?;

    let asking = web(ground, &team).await?;
    let name = asking.ask(&ground.cluster).await?;
    let answer = answered(ground, &team, &name, "Issued").await?;
    let dns_name = team.dns_name("web");
    ensure!(leaf::read(chain(&answer)?)?.dns_names == [dns_name.clone()], "another name");
    ensure!(crate::certificates::issued(ground, &dns_name).await? == 0, "AWS was asked for the pod");
    team.gate_opens("web").await?;
    team.server.serve(&dns_name, chain(&answer)?, &asking.key)?;
    let seen = dial(team.server.address, &dns_name, &ground.pca.root_pem).await?;
    ensure!(matches!(seen, Outcome::Verified(_)), "{seen:?}");

    let thief = Person::with_token_of(&ground.cluster, "sallyport-system", "sallyport-cert-agent").await?;
    let secret = "/api/v1/namespaces/sallyport-system/secrets/intermediate-ca-below-app";
    ensure!(thief.ask(Verb::Get, secret, None).await?.done(), "it signs with this key");
    for (verb, body) in [(Verb::Merge, Some(json!({"data": {"tls.key": "AA=="}}))), (Verb::Delete, None)] {
        thief.ask(verb, secret, body.as_ref()).await?.refused("made, renewed and taken away by people")?;
    }
    immutable(ground).await
}

/// Neither the kind nor the parent of an authority changes, and there is exactly one kind.
async fn immutable(ground: &Ground) -> Result<()> {
    for (spec, words) in [
        (json!({"intermediate": {"parent": "another"}}), "the parent never changes"),
        (json!({"embedded": {}}), "exactly one of awsPrivateCA, embedded and intermediate"),
        (json!({"intermediate": null, "embedded": {}}), "the kind of a CertificateAuthority never changes"),
        (json!({"intermediate": {"permittedDNSDomains": []}}), "permittedDNSDomains"),
    ] {
        let patch = json!({"spec": spec}).to_string();
        let args = ["patch", "certificateauthority", AUTHORITY, "--type=merge", "-p", &patch];
        let said = ground.cluster.kubectl.attempt(&args, None).await?;
        ensure!(!said.ok && said.stderr.contains(words), "{spec}: {}{}", said.stdout, said.stderr);
    }
    Ok(())
}
