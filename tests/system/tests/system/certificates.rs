//! The certificate: exactly one for each identity, delivered only when whole, repaired when broken.

use anyhow::{Context as _, Result, ensure};
use ground::{
    Ground, Team, leaf,
    team::{Authority, TeamOptions},
    wait,
};
use serde_json::{Value, json};

use crate::run::{Test, alone, test};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test("certificates::law_8_one_certificate_serves_all_who_share_an_identity", |g| Box::pin(shared(g))),
        test("certificates::a_deleted_secret_is_repaired_without_a_new_certificate", |g| {
            Box::pin(repaired(g))
        }),
        test("certificates::law_4_a_secret_of_somebody_else_is_never_touched", |g| {
            Box::pin(held_by_other(g))
        }),
        test("certificates::law_5_a_name_is_given_to_one_namespace", |g| Box::pin(claimed(g))),
        alone("certificates::law_8_a_killed_agent_asks_for_no_second_certificate", |g| {
            Box::pin(restarted(g))
        }),
    ]
}

fn aws() -> TeamOptions {
    TeamOptions { authority: Authority::Aws, ..TeamOptions::default() }
}

/// How many certificates the CA issued for a name.
pub(crate) async fn issued(ground: &Ground, name: &str) -> Result<usize> {
    let all = ground.pca.issued().await?;
    let all = all.as_array().context("not a list")?;
    Ok(all.iter().filter(|one| one["names"].to_string().contains(name)).count())
}

pub(crate) async fn name_of(team: &Team<'_>, dns_name: &str) -> Result<String> {
    let identity = team.identity(dns_name).await?;
    Ok(identity["metadata"]["name"].as_str().context("no name")?.to_owned())
}

async fn shared(ground: &Ground) -> Result<()> {
    let team = Team::start(ground, "sharing", aws()).await?;
    let wish = json!({"sallyport.dev/san": "api.sharing.corp.example"});
    for app in ["blue", "green"] {
        ground.cluster.kubectl.apply(&team.deployment(app, 2, &wish).to_string()).await?;
    }
    team.ready("blue", 2).await?;
    team.ready("green", 2).await?;
    let count = issued(ground, "api.sharing.corp.example").await?;
    ensure!(count == 1, "{count} certificates for one identity");
    Ok(())
}

async fn repaired(ground: &Ground) -> Result<()> {
    let team = Team::start(ground, "repair", aws()).await?;
    ground.cluster.kubectl.apply(&team.deployment("web", 1, &json!({})).to_string()).await?;
    team.ready("web", 1).await?;
    let name = team.dns_name("web");
    let identity = name_of(&team, &name).await?;
    let before = leaf::read(&team.certificate(&identity).await?.chain)?;
    let secret = format!("{identity}-tls");
    ground.cluster.kubectl.run(&["delete", "secret", &secret, "-n", "repair"]).await?;
    // Any change of the identity's workload makes the agent look again.
    ground.cluster.kubectl.run(&["scale", "deployment/web", "--replicas=2", "-n", "repair"]).await?;
    let after =
        wait::until("the Secret to be back", wait::GENEROUS, || async { team.certificate(&identity).await })
            .await?;
    ensure!(leaf::read(&after.chain)? == before, "another certificate came");
    ensure!(issued(ground, &name).await? == 1, "the CA was asked again");
    team.ready("web", 2).await?;
    Ok(())
}

async fn held_by_other(ground: &Ground) -> Result<()> {
    let team = Team::start(ground, "squat", TeamOptions::default()).await?;
    let kubectl = &ground.cluster.kubectl;
    let dns_names = sallyport_contract::DnsNames::new([team.dns_name("web").parse()?]).context("no names")?;
    let delivery = sallyport_contract::object::Delivery::Secret;
    let secret = sallyport_contract::IdentityName::of("squat", &dns_names, delivery).secret();
    let theirs = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": secret, "namespace": "squat"},
        "type": "kubernetes.io/tls", "stringData": {"tls.crt": "theirs", "tls.key": "theirs"}});
    kubectl.create(&theirs).await?;
    let stored = kubectl.get(&["secret", &secret, "-n", "squat"]).await?;
    kubectl.apply(&team.deployment("web", 1, &json!({})).to_string()).await?;
    team.gate_waits("web", "SecretHeldByOther", &secret).await?;
    let after = kubectl.get(&["secret", &secret, "-n", "squat"]).await?;
    ensure!(after == stored, "the Secret was changed");
    kubectl.run(&["delete", "secret", &secret, "-n", "squat"]).await?;
    team.ready("web", 1).await?;
    Ok(())
}

async fn claimed(ground: &Ground) -> Result<()> {
    let first = Team::start(ground, "holder", TeamOptions::default()).await?;
    let spec: Value = json!({"dnsNames": {"allowed": ["*.holder.corp.example"]}});
    let second =
        Team::start(ground, "taker", TeamOptions { policy_spec: spec, ..TeamOptions::default() }).await?;
    let kubectl = &ground.cluster.kubectl;
    let wish = json!({"sallyport.dev/san": "api.holder.corp.example"});
    kubectl.apply(&first.deployment("web", 1, &wish).to_string()).await?;
    first.ready("web", 1).await?;
    kubectl.apply(&second.deployment("web", 1, &wish).to_string()).await?;
    second.gate_waits("web", "NameHeldElsewhere", "holder").await?;
    let identity = name_of(&second, "api.holder.corp.example").await?;
    ensure!(
        second.certificate(&identity).await.is_err(),
        "the second namespace got a certificate for the first one's name"
    );
    Ok(())
}

async fn restarted(ground: &Ground) -> Result<()> {
    let team = Team::start(ground, "crash", aws()).await?;
    ground.pca.fault(&json!({"operation": "GetCertificate", "times": "forever",
        "action": {"error": {"type": "RequestInProgressException", "message": "The request is in progress", "status": 400}}})).await?;
    ground.cluster.kubectl.apply(&team.deployment("web", 1, &json!({})).to_string()).await?;
    let name = team.dns_name("web");
    wait::until("the CA to have been asked", wait::GENEROUS, || async {
        ensure!(issued(ground, &name).await? == 1, "not yet");
        Ok(())
    })
    .await?;
    ground.restart_cert_agent().await?;
    ground.pca.heal().await?;
    team.ready("web", 1).await?;
    let count = issued(ground, &name).await?;
    ensure!(count == 1, "{count} certificates after a crash");
    Ok(())
}
