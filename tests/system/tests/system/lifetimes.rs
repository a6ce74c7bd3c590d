//! An identity lives as long as its workload: at no replicas, between runs, after the last run; then it goes
//! by quarantine. What the CA and the firewall hold is the evidence.

use anyhow::{Result, ensure};
use ground::{Ground, Team, wait};
use serde_json::{Value, json};

use crate::{
    certificates::issued,
    firewall::entries,
    rollouts::{gone, identities, options, others_go, serial},
    run::{Test, test},
};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test("lifetimes::law_10_a_workload_at_zero_keeps_its_identity_and_comes_back_with_it", |g| {
            Box::pin(scaled(g))
        }),
        test("lifetimes::law_10_a_cron_job_keeps_its_identity_between_its_runs", |g| Box::pin(cron(g))),
        test("lifetimes::law_10_a_finished_job_keeps_its_identity_until_the_job_goes", |g| {
            Box::pin(finished(g))
        }),
    ]
}

/// It is wanted, was issued once with this serial number, and stands on the firewall.
async fn is_kept(ground: &Ground, team: &Team<'_>, workload: &str, had: &str) -> Result<()> {
    let name = team.dns_name(workload);
    ensure!(identities(ground, team, &name).await? == 1, "no identity has {name}");
    let status = &team.identity(&name).await?["status"];
    ensure!(status["unwantedSince"].is_null(), "{name} is not wanted: {status}");
    ensure!(serial(team, &name).await? == had, "another certificate for {name}");
    let count = issued(ground, &name).await?;
    ensure!(count == 1, "{count} certificates for {name}");
    let apps = entries(&team.firewall.running().await?, &format!("sp-{workload}-"));
    ensure!(apps == 1, "{apps} App-IDs for {name}");
    Ok(())
}

async fn no_pods(team: &Team<'_>, app: &str) -> Result<()> {
    wait::until(&format!("no pods of {app}"), wait::GENEROUS, || async {
        let left = team.pods(app).await?.len();
        ensure!(left == 0, "{left} are left");
        Ok(())
    })
    .await
}

async fn scaled(ground: &Ground) -> Result<()> {
    let team = Team::start(ground, "scaled", options()).await?;
    let kubectl = &ground.cluster.kubectl;
    kubectl.apply(&team.deployment("web", 2, &json!({})).to_string()).await?;
    team.ready("web", 2).await?;
    let had = serial(&team, &team.dns_name("web")).await?;
    let scale = |replicas: &'static str| async move {
        kubectl.run(&["scale", "deployment/web", replicas, "-n", "scaled"]).await
    };
    scale("--replicas=0").await?;
    no_pods(&team, "web").await?;
    others_go(ground, &team).await?;
    is_kept(ground, &team, "web", &had).await?;
    scale("--replicas=2").await?;
    team.ready("web", 2).await?;
    is_kept(ground, &team, "web", &had).await?;
    kubectl.run(&["delete", "deployment/web", "-n", "scaled"]).await?;
    gone(ground, &team, &team.dns_name("web")).await
}

/// The template of pods that end by themselves.
fn short_lived(app: &str) -> Value {
    json!({"metadata": {"labels": {"app": app}, "annotations": {"sallyport.test/run-seconds": "1"}},
        "spec": {"restartPolicy": "Never", "containers": [{"name": "nginx", "image": "nginx"}]}})
}

async fn completes(ground: &Ground, team: &Team<'_>, job: &str) -> Result<()> {
    let target = format!("job/{job}");
    let args = ["wait", "--for=condition=Complete", &target, "-n", &team.name, "--timeout=180s"];
    ground.cluster.kubectl.run(&args).await?;
    Ok(())
}

/// Waits until the firewall holds a workload's App-ID.
async fn stands(team: &Team<'_>, workload: &str) -> Result<()> {
    let app = format!("sp-{workload}-");
    wait::until(&format!("the App-ID of {workload}"), wait::GENEROUS, || async {
        ensure!(entries(&team.firewall.running().await?, &app) == 1, "not yet");
        Ok(())
    })
    .await
}

async fn cron(ground: &Ground) -> Result<()> {
    let team = Team::start(ground, "cron", options()).await?;
    let kubectl = &ground.cluster.kubectl;
    // It never runs by itself: the test runs it, as people do by hand.
    let cron_job = json!({"apiVersion": "batch/v1", "kind": "CronJob",
        "metadata": {"name": "report", "namespace": team.name},
        "spec": {"schedule": "0 0 1 1 *", "suspend": true,
            "jobTemplate": {"spec": {"template": short_lived("report")}}}});
    kubectl.apply(&cron_job.to_string()).await?;
    team.identity(&team.dns_name("report")).await?;
    stands(&team, "report").await?;
    let run = |job: &'static str| async move {
        kubectl.run(&["create", "job", job, "--from=cronjob/report", "-n", "cron"]).await
    };
    run("report-29000001").await?;
    completes(ground, &team, "report-29000001").await?;
    let had = serial(&team, &team.dns_name("report")).await?;
    kubectl.run(&["delete", "job/report-29000001", "-n", "cron"]).await?;
    no_pods(&team, "report").await?;
    others_go(ground, &team).await?;
    is_kept(ground, &team, "report", &had).await?;
    run("report-29000002").await?;
    completes(ground, &team, "report-29000002").await?;
    is_kept(ground, &team, "report", &had).await?;
    kubectl.run(&["delete", "cronjob/report", "-n", "cron"]).await?;
    gone(ground, &team, &team.dns_name("report")).await
}

async fn finished(ground: &Ground) -> Result<()> {
    let team = Team::start(ground, "finished", options()).await?;
    let kubectl = &ground.cluster.kubectl;
    let job = json!({"apiVersion": "batch/v1", "kind": "Job",
        "metadata": {"name": "import", "namespace": team.name}, "spec": {"template": short_lived("import")}});
    kubectl.apply(&job.to_string()).await?;
    completes(ground, &team, "import").await?;
    stands(&team, "import").await?;
    let had = serial(&team, &team.dns_name("import")).await?;
    kubectl.run(&["delete", "pods", "-l", "app=import", "-n", "finished"]).await?;
    no_pods(&team, "import").await?;
    others_go(ground, &team).await?;
    is_kept(ground, &team, "import", &had).await?;
    kubectl.run(&["delete", "job/import", "-n", "finished"]).await?;
    gone(ground, &team, &team.dns_name("import")).await
}
