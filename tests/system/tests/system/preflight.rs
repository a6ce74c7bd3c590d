//! `sallyport preflight` on a whole installation: every part of it is asked, and what is in the way is named.

use anyhow::{Result, ensure};
use ground::{Ground, Team, team::TeamOptions};
use serde_json::json;

use crate::{
    run::{Test, test},
    served::{POD_CERTIFICATES, TRUST_BUNDLES},
    verdict::sallyport,
};

pub(crate) fn tests() -> Vec<Test> {
    vec![test("preflight::all_that_the_installation_needs_is_asked", |ground| Box::pin(asked(ground)))]
}

async fn asked(ground: &Ground) -> Result<()> {
    let team = Team::start(ground, "preflight", TeamOptions::default()).await?;
    let asked = ["preflight", "--firewall", "preflight", "--authority", "preflight"];
    let (code, text) = sallyport(ground, &asked, "").await?;
    let features = [
        if POD_CERTIFICATES.served(ground).await? {
            "✓ features       podcertificaterequests of certificates.k8s.io/v1: delivery: Pod is possible\n"
        } else {
            "✓ features       no podcertificaterequests of certificates.k8s.io/v1: policies take delivery: Secret\n"
        },
        if TRUST_BUNDLES.served(ground).await? {
            "✓ features       clustertrustbundles of certificates.k8s.io/v1: roots are published there too\n"
        } else {
            "✓ features       no clustertrustbundles of certificates.k8s.io/v1 or certificates.k8s.io/v1beta1: roots are published in ConfigMaps alone\n"
        },
    ];
    for line in features {
        ensure!(text.contains(line), "{line:?} is not in {text}");
    }
    for line in [
        "✓ version        Kubernetes v1.",
        "✓ clock          the API server's clock and this one agree\n",
        "✓ your rights    all ",
        "✓ cert-agent     its account has all ",
        "✓ policy-sync    its account has all ",
        "✓ webhook        its account has all ",
        "✓ webhook calls  the API server reaches the webhook (a dry run in ",
        "✓ preflight      PA-VM 11.1.6, content 8900-9000, answers with the expected certificate",
        "✓ preflight clock agrees with this one",
        "\nnothing is in the way\n",
        "set rulebase security rules way-in-management-1 from trust to trust source PODS destination 127.0.0.1 ",
    ] {
        ensure!(text.contains(line), "{line:?} is not in {text}");
    }
    ensure!(code == Some(0), "{code:?} {text}");

    team.patch(
        "fw",
        &json!({"tls": {"caBundle": null, "fingerprint": format!("SHA256:{}", "0".repeat(64))}}),
    )
    .await?;
    let (code, text) = sallyport(ground, &asked, "").await?;
    ensure!(code == Some(1) && text.contains("\nin the way: preflight\n"), "{code:?} {text}");
    ensure!(text.contains("(FirewallUnreachable); the next step is for the network security team"), "{text}");
    Ok(())
}
