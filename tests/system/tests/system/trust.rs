//! By which roots certificates are trusted: published where the authority says, put back when edited, before they are used.

use anyhow::{Context as _, Result, ensure};
use ground::{
    Ground, Team, leaf,
    person::{Person, Verb},
    team::{TeamOptions, condition},
    wait,
};
use serde_json::{Value, json};

use crate::{
    certificates::name_of,
    run::{Test, test},
    served::TRUST_BUNDLES,
};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test("trust::what_somebody_changes_is_put_back", |g| Box::pin(put_back(g))).needs(TRUST_BUNDLES),
        test("trust::a_new_root_is_everywhere_before_it_is_used", |g| Box::pin(changed(g))),
        test("trust::law_11_cert_agents_token_writes_no_bundle_but_its_own", |g| Box::pin(thief(g))),
        test("trust::law_11_nor_a_bundle_of_the_cluster", |g| Box::pin(thief_of_the_cluster(g)))
            .needs(TRUST_BUNDLES),
    ]
}

const NAME: &str = "sallyport-trust";

/// A team whose authority tells its namespace of its roots.
async fn told<'g>(ground: &'g Ground, name: &str) -> Result<Team<'g>> {
    let selector = json!({"matchLabels": {"kubernetes.io/metadata.name": name}});
    let authority_spec = json!({"trust": {"namespaceSelector": selector, "overlap": "1h"}});
    Team::start(ground, name, TeamOptions { authority_spec, ..TeamOptions::default() }).await
}

async fn config_map(ground: &Ground, namespace: &str) -> Result<Value> {
    ground.cluster.kubectl.get(&["configmap", NAME, "-n", namespace]).await
}

/// The roots that the namespace is told of, once there are so many.
async fn roots(ground: &Ground, namespace: &str, count: usize) -> Result<String> {
    wait::until(&format!("{count} roots in {namespace}"), wait::GENEROUS, || async {
        let found = config_map(ground, namespace).await?;
        let text = found["data"]["ca.crt"].as_str().context("no ca.crt")?;
        let roots = text.matches("BEGIN CERTIFICATE").count();
        ensure!(roots == count, "{roots} roots");
        Ok(text.to_owned())
    })
    .await
}

async fn put_back(ground: &Ground) -> Result<()> {
    let team = told(ground, "trusted").await?;
    let kubectl = &ground.cluster.kubectl;
    let root = roots(ground, &team.name, 1).await?;
    let bundle = ["clustertrustbundle", "sallyport.dev:workload:trusted"];
    let everywhere = || async {
        let found = config_map(ground, &team.name).await?;
        let data = json!({"ca.crt": root, "trusted.pem": root});
        ensure!(found["data"] == data, "{}", found["data"]);
        let found = kubectl.get(&bundle).await?;
        ensure!(
            found["spec"] == json!({"signerName": "sallyport.dev/workload", "trustBundle": root}),
            "{found}"
        );
        Ok(())
    };
    wait::until("both to be written", wait::GENEROUS, everywhere).await?;
    let edit = json!({"data": {"ca.crt": "theirs", "extra.crt": "theirs"}}).to_string();
    kubectl.run(&["patch", "configmap", NAME, "-n", &team.name, "--type=merge", "-p", &edit]).await?;
    wait::until("the edit to be put back", wait::GENEROUS, everywhere).await?;
    kubectl.run(&["delete", "configmap", NAME, "-n", &team.name]).await?;
    kubectl.run(&["delete", bundle[0], bundle[1]]).await?;
    wait::until("both to be back", wait::GENEROUS, everywhere).await?;
    wait::until("the edits to be told", wait::GENEROUS, || async {
        // Events of one reason about one object come as a series, which shows one of their notes.
        let events = kubectl.run(&["get", "events", "-A", "--field-selector=reason=TrustEdited"]).await?;
        ensure!(
            events.contains("certificateauthority/trusted") && events.contains("it was put back"),
            "{events}"
        );
        let authority = kubectl.get(&["certificateauthority", &team.name]).await?;
        let published = condition(&authority, "TrustPublished").context("nothing is told")?;
        ensure!(
            published["status"] == "True" && published["message"].to_string().contains("in 1 namespace,"),
            "{published}"
        );
        Ok(())
    })
    .await
}

/// The root of an embedded CA changes when its Secret is deleted.
async fn changed(ground: &Ground) -> Result<()> {
    let team = told(ground, "rooted").await?;
    let kubectl = &ground.cluster.kubectl;
    kubectl.apply(&team.deployment("web", 1, &json!({})).to_string()).await?;
    team.ready("web", 1).await?;
    let identity = name_of(&team, &team.dns_name("web")).await?;
    let (old, first) = (roots(ground, &team.name, 1).await?, team.certificate(&identity).await?);
    ensure!(first.ca == old, "the certificate's own root is published");
    kubectl.run(&["delete", "secret", "embedded-ca-rooted", "-n", "sallyport-system"]).await?;
    // Any change of the authority makes cert-agent ask it again.
    team.patch("certificateauthority", &json!({"trust": {"overlap": "2h"}})).await?;
    let both = roots(ground, &team.name, 2).await?;
    ensure!(both.ends_with(&old), "the new root comes first");
    team.patch("identitypolicy", &json!({"certificate": {"lifetime": "100h"}})).await?;
    wait::until("the next certificate to wait", wait::GENEROUS, || async {
        let found = team.identity(&team.dns_name("web")).await?;
        let issued = condition(&found, "CertificateIssued").context("nothing is told")?;
        ensure!(issued["message"].to_string().contains("AwaitingTrust"), "{issued}");
        Ok(())
    })
    .await?;
    let waiting = team.certificate(&identity).await?;
    ensure!(leaf::read(&waiting.chain)? == leaf::read(&first.chain)?, "another certificate came");
    ensure!(waiting.ca.matches("BEGIN").count() == 2, "both roots stand beside it");
    team.patch("certificateauthority", &json!({"trust": {"overlap": "1s"}})).await?;
    wait::until("the first certificate under the new root", wait::GENEROUS, || async {
        let after = team.certificate(&identity).await?;
        ensure!(leaf::read(&after.chain)? != leaf::read(&first.chain)?, "not yet");
        ensure!(after.ca == both, "its own root first, and the old one beside: {}", after.ca);
        Ok(())
    })
    .await?;
    ensure!(
        roots(ground, &team.name, 2).await? == both,
        "the old root stays: its last certificate has not ended"
    );
    Ok(())
}

async fn thief(ground: &Ground) -> Result<()> {
    let thief = Person::with_token_of(&ground.cluster, "sallyport-system", "sallyport-cert-agent").await?;
    let kubectl = &ground.cluster.kubectl;
    kubectl.run(&["create", "namespace", "untrusted"]).await?;
    let map = |name: &str, labels: Value| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": labels}, "data": {"ca.crt": "x"}});
    let (ours, nobodys) = (json!({"app.kubernetes.io/managed-by": "sallyport"}), json!({}));
    let maps = |namespace: &str| format!("/api/v1/namespaces/{namespace}/configmaps");
    let apply = |namespace: &str, name: &str| {
        format!("{}/{name}?fieldManager=sallyport-cert-agent&force=true&dryRun=All", maps(namespace))
    };
    let theirs = map(NAME, nobodys.clone());
    let stored = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": NAME, "namespace": "untrusted"}, "data": {"a": "b"}});
    let guard = "cert-agent writes only the ConfigMap sallyport-trust that it made itself";
    let may = thief.ask(Verb::Apply, &apply("untrusted", NAME), Some(&map(NAME, ours.clone()))).await?;
    ensure!(may.done(), "its own it may make: {}", may.text);
    kubectl.apply(&stored.to_string()).await?;
    for (verb, path, body, words) in [
        (Verb::Apply, apply("untrusted", NAME), Some(map(NAME, ours.clone())), guard),
        (Verb::Delete, format!("{}/{NAME}", maps("untrusted")), None, guard),
        (Verb::Apply, apply("default", NAME), Some(theirs), guard),
        (Verb::Apply, apply("kube-system", NAME), Some(map(NAME, ours.clone())), guard),
        (Verb::Apply, apply("sallyport-system", NAME), Some(map(NAME, ours.clone())), guard),
        (Verb::Apply, apply("untrusted", "other"), Some(map("other", ours.clone())), "forbidden"),
        (Verb::Create, maps("untrusted"), Some(map("other", ours.clone())), "forbidden"),
        (Verb::Get, format!("{}/kube-root-ca.crt", maps("untrusted")), None, "forbidden"),
        (Verb::Get, "/api/v1/configmaps".to_owned(), None, "forbidden"),
    ] {
        let said = thief.ask(verb, &path, body.as_ref()).await?;
        said.refused(words).with_context(|| format!("{verb:?} {path}"))?;
    }
    kubectl.run(&["delete", "namespace", "untrusted", "--wait=false"]).await.map(drop)
}

async fn thief_of_the_cluster(ground: &Ground) -> Result<()> {
    let thief = Person::with_token_of(&ground.cluster, "sallyport-system", "sallyport-cert-agent").await?;
    let bundles = "/apis/certificates.k8s.io/v1/clustertrustbundles";
    let bundle = |name: &str, signer: Option<&str>| {
        json!({"apiVersion": "certificates.k8s.io/v1", "kind": "ClusterTrustBundle",
            "metadata": {"name": name, "labels": {"app.kubernetes.io/managed-by": "sallyport"}},
            "spec": {"signerName": signer, "trustBundle": ground.pca.root_pem}})
    };
    let guard = "cert-agent writes only the ClusterTrustBundles of the signer";
    for (bundle, words) in [
        (bundle("somebodys", None), guard),
        (bundle("example.com:signer:x", Some("example.com/signer")), "not permitted"),
    ] {
        let said = thief.ask(Verb::Create, bundles, Some(&bundle)).await?;
        said.refused(words).with_context(|| format!("{bundle}"))?;
    }
    Ok(())
}
