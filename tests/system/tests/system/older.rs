//! What people see of Sallyport on a cluster that does not serve all that newer ones do.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use ground::{
    Ground, Options, Team,
    kubectl::Output,
    team::{Authority, TeamOptions, condition},
    wait,
};
use serde_json::{Value, json};

use crate::{
    absence::bare_pod,
    end_state::said,
    pod_certificates::to_the_pod,
    run::{Test, by_itself, test},
    served::{Kind, POD_CERTIFICATES, TRUST_BUNDLES},
};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test("older::delivery_to_the_pod_is_refused_with_the_way_out", |g| Box::pin(refused(g)))
            .without(POD_CERTIFICATES),
        test("older::roots_are_published_in_config_maps_alone", |g| Box::pin(published(g)))
            .without(TRUST_BUNDLES),
        by_itself("older::where_the_beta_of_trust_bundles_is_turned_on_it_is_used", |_| Box::pin(beta()))
            .without(TRUST_BUNDLES),
    ]
}

/// What clusters between the oldest and 1.37 serve when they are told to.
const BETA: Kind = Kind("certificates.k8s.io/v1beta1", "clustertrustbundles");

async fn apply(ground: &Ground, object: &Value) -> Result<Output> {
    ground.cluster.kubectl.attempt(&["apply", "-f", "-"], Some(&object.to_string())).await
}

/// The policy's condition, once it says this.
async fn policy_says(
    ground: &Ground,
    team: &Team<'_>,
    status: &str,
    reason: &str,
    words: &str,
) -> Result<()> {
    wait::until(&format!("policy {} to say {reason}", team.name), wait::GENEROUS, || async {
        let policy = ground.cluster.kubectl.get(&["identitypolicy", &team.name]).await?;
        let accepted = condition(&policy, "Accepted").context("nothing is told")?;
        ensure!(
            accepted["status"] == status
                && accepted["reason"] == reason
                && accepted["message"].to_string().contains(words),
            "{accepted}"
        );
        Ok(())
    })
    .await
}

async fn refused(ground: &Ground) -> Result<()> {
    let team = Team::start(ground, "too-old", to_the_pod(Authority::Embedded)).await?;
    policy_says(ground, &team, "False", "NotSupportedHere", "this cluster does not serve them").await?;
    let deployment = team.deployment("web", 1, &json!({}));
    let words = [
        "NotSupportedHere",
        "this cluster has no certificates that the kubelet asks for itself",
        "IdentityPolicy too-old has spec.certificate.delivery: Pod",
        "set spec.certificate.delivery: Secret, or upgrade the cluster",
    ];
    // The webhook's view of a policy that was made a moment ago comes by a watch.
    wait::until("the Deployment to be refused for it", wait::GENEROUS, || async {
        said(&apply(ground, &deployment).await?, &words)
    })
    .await?;
    said(&apply(ground, &bare_pod(&team, "bare", json!({}))).await?, &words)?;
    ensure!(team.pods("web").await?.is_empty(), "a pod came in that would wait for ever");
    // The way out that the message names.
    team.patch("identitypolicy", &json!({"certificate": {"delivery": "Secret"}})).await?;
    policy_says(ground, &team, "True", "Accepted", "in force").await?;
    wait::until("the Deployment to be taken", wait::GENEROUS, || async {
        let taken = apply(ground, &deployment).await?;
        ensure!(taken.ok, "{}", taken.stderr);
        Ok(())
    })
    .await?;
    team.ready("web", 1).await.map(drop)
}

/// A team whose authority tells its namespace of its roots.
async fn told<'g>(ground: &'g Ground, name: &str) -> Result<Team<'g>> {
    let selector = json!({"matchLabels": {"kubernetes.io/metadata.name": name}});
    let authority_spec = json!({"trust": {"namespaceSelector": selector, "overlap": "1h"}});
    Team::start(ground, name, TeamOptions { authority_spec, ..TeamOptions::default() }).await
}

/// The root in the ConfigMap of the namespace, once the authority says that it stands there, and this beside.
async fn root(ground: &Ground, team: &Team<'_>, beside: &str) -> Result<String> {
    wait::until("the roots to be published", wait::GENEROUS, || async {
        let kubectl = &ground.cluster.kubectl;
        let authority = kubectl.get(&["certificateauthority", &team.name]).await?;
        let published = condition(&authority, "TrustPublished").context("nothing is told")?;
        let words = format!("its roots stand in 1 namespace, {beside}");
        ensure!(
            published["status"] == "True" && published["message"].to_string().contains(&words),
            "{published}"
        );
        let map = kubectl.get(&["configmap", "sallyport-trust", "-n", &team.name]).await?;
        let root = map["data"]["ca.crt"].as_str().context("no ca.crt")?;
        ensure!(root.matches("BEGIN CERTIFICATE").count() == 1, "{root}");
        Ok(root.to_owned())
    })
    .await
}

async fn published(ground: &Ground) -> Result<()> {
    let team = told(ground, "config-maps").await?;
    let alone = "and not as ClusterTrustBundle, which this cluster does not serve";
    let before = root(ground, &team, alone).await?;
    let edit = json!({"data": {"ca.crt": "theirs"}}).to_string();
    let map = ["configmap", "sallyport-trust", "-n", &team.name];
    let kubectl = &ground.cluster.kubectl;
    kubectl.run(&[&["patch", "--type=merge", "-p", &edit], &map[..]].concat()).await?;
    ensure!(root(ground, &team, alone).await? == before, "the edit was put back as something else");
    kubectl.apply(&team.deployment("web", 1, &json!({})).to_string()).await?;
    team.ready("web", 1).await.map(drop)
}

/// A cluster as before 1.37, whose operator turned the beta of trust bundles on. One of 1.37 cannot be made to look like it:
/// without the kinds of its own version its API server never becomes ready.
async fn beta() -> Result<()> {
    let options = Options {
        api_server_args: vec![
            format!("runtime-config={}/{}=true", BETA.0, BETA.1),
            "feature-gates=ClusterTrustBundle=true".to_owned(),
        ],
        resync: Duration::from_secs(15),
        ..Options::fresh("older-beta")?
    };
    let ground = Ground::start(options, |_| {}).await?;
    ensure!(BETA.served(&ground).await?, "the beta is not served");
    let team = told(&ground, "beta").await?;
    let root = root(&ground, &team, "as ClusterTrustBundle sallyport.dev:workload:beta").await?;
    let kubectl = &ground.cluster.kubectl;
    let bundle = ["clustertrustbundle", "sallyport.dev:workload:beta"];
    let written = || async {
        let found = kubectl.get(&bundle).await?;
        let wanted = json!({"signerName": "sallyport.dev/workload", "trustBundle": root});
        ensure!(found["spec"] == wanted, "{found}");
        Ok(())
    };
    wait::until("the bundle", wait::GENEROUS, written).await?;
    kubectl.run(&["delete", bundle[0], bundle[1]]).await?;
    wait::until("the bundle to be back", wait::GENEROUS, written).await?;
    drop(team);
    ground.stop().await
}
