//! An authority that cannot sign, one that is nearly used up, and a cap that is reached.

use anyhow::Result;
use ground::{
    Team,
    team::{Authority, TeamOptions},
};
use serde_json::json;

use super::Drill;

pub(super) async fn all(drill: &Drill<'_>) -> Result<()> {
    disabled(drill).await?;
    capped(drill).await?;
    used_up(drill).await
}

fn aws() -> TeamOptions {
    TeamOptions { authority: Authority::Aws, ..TeamOptions::default() }
}

async fn disabled(drill: &Drill<'_>) -> Result<()> {
    let quiet = drill.quiet("SallyportAuthorityNotReady").await?;
    drill.ground.pca.state("DISABLED").await?;
    let team = Team::start(drill.ground, "al-disabled", aws()).await?;
    let fires = quiet.fires().await?;
    fires.command("kubectl describe ca", &[("NAME", &team.name)], &["DISABLED", "Ready"]).await?;
    drill.ground.pca.state("ACTIVE").await
}

async fn capped(drill: &Drill<'_>) -> Result<()> {
    let quiet = drill.quiet("SallyportSpendingCapReached").await?;
    let caps = json!({"caps": {"perIdentityPerHour": 6, "perNamespacePerHour": 600, "perDay": 1}});
    let team = Team::start(drill.ground, "al-capped", TeamOptions { authority_spec: caps, ..aws() }).await?;
    for workload in ["web", "pay"] {
        drill.ground.cluster.kubectl.apply(&team.deployment(workload, 1, &json!({})).to_string()).await?;
    }
    quiet.fires().await?.command("kubectl get wid -A", &[], &["al-capped", "SpendingCapReached"]).await
}

async fn used_up(drill: &Drill<'_>) -> Result<()> {
    let kubectl = &drill.ground.cluster.kubectl;
    let quiet = drill.quiet("SallyportAuthorityNearlyUsedUp").await?;
    let team = Team::start(drill.ground, "al-used-up", aws()).await?;
    // As it would stand there after some years.
    let status = json!({"status": {"issuedTotal": 850_000}}).to_string();
    let args = ["patch", "ca", &team.name, "--subresource=status", "--type=merge", "-p", &status];
    kubectl.run(&args).await?;
    drill.ground.restart_cert_agent().await?;
    quiet.fires().await?.command("kubectl get ca -o yaml", &[], &["issuedTotal: 850000"]).await
}
