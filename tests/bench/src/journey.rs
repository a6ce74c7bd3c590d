//! The journey: how long until Ready, and which part took it. Once on a quiet cluster, and once more beside the thousand
//! policies and five thousand namespaces that the admission is measured with.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use futures::{Stream, StreamExt as _, TryStreamExt as _};
use ground::{
    Ground, Team,
    team::{Authority, TeamOptions},
    wait,
};
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api,
    runtime::{WatchStreamExt as _, watcher},
};
use sallyport_contract::keys;
use serde_json::json;

use crate::report::{Report, line, quantile};

const COMMIT: Duration = Duration::from_secs(10);
const WARM_PODS: u32 = 21;

/// A first pod of a new identity, then further pods of the proven one. `kind`: the first word of the figures' names, and of
/// the team that travels.
pub(crate) async fn cold_and_warm(report: &mut Report, ground: &Ground, kind: &str) -> Result<()> {
    line(&format!("{kind} at a commit time of {} s", COMMIT.as_secs()));
    let options = TeamOptions { authority: Authority::Aws, commit_time: COMMIT, ..TeamOptions::default() };
    let team = Team::start(ground, &kind.replace('_', "-"), options).await?;
    settled(ground, &team).await?;
    cold(report, ground, &team, kind).await?;
    warm(report, ground, &team, kind).await
}

async fn settled(ground: &Ground, team: &Team<'_>) -> Result<()> {
    wait::until("the firewall to have been read", wait::GENEROUS, || async {
        let object = ground.cluster.kubectl.get(&["fw", &team.name]).await?;
        let synced = ground::team::condition(&object, "InSync").context("no condition")?;
        ensure!(synced["status"] == "True", "{synced}");
        Ok(())
    })
    .await
}

async fn cold(report: &mut Report, ground: &Ground, team: &Team<'_>, kind: &str) -> Result<()> {
    let deployment = team.deployment("web", 1, &json!({}));
    let name = team.dns_name("web");
    let start = Instant::now();
    ground.cluster.kubectl.apply(&deployment.to_string()).await?;
    report.note(format!("{kind}.admit_s"), start.elapsed().as_secs_f64());
    let marks = tokio::try_join!(
        certificate(ground, team, &name, start),
        written(team, start),
        running(team, start),
        async {
            team.ready("web", 1).await?;
            Ok(start.elapsed().as_secs_f64())
        }
    )?;
    let (certificate, pushed, committed, ready) = marks;
    report.note(format!("{kind}.certificate_s"), certificate);
    report.note(format!("{kind}.push_s"), pushed);
    report.note(format!("{kind}.commit_s"), committed - pushed);
    report.note(format!("{kind}.gate_s"), ready - committed);
    report.note(format!("{kind}.cold_s"), ready);
    report.note(format!("{kind}.above_commit_s"), ready - COMMIT.as_secs_f64());
    Ok(())
}

async fn certificate(ground: &Ground, team: &Team<'_>, name: &str, start: Instant) -> Result<f64> {
    let identity = team.identity(name).await?;
    let secret = format!("{}-tls", identity["metadata"]["name"].as_str().context("no name")?);
    wait::until("the Secret", wait::GENEROUS, || async {
        ground.cluster.kubectl.get(&["secret", &secret, "-n", &team.name]).await
    })
    .await?;
    Ok(start.elapsed().as_secs_f64())
}

async fn written(team: &Team<'_>, start: Instant) -> Result<f64> {
    wait::until("the candidate configuration", wait::GENEROUS, || async {
        ensure!(team.firewall.candidate().await?.contains("sp-web-"), "not yet");
        Ok(())
    })
    .await?;
    Ok(start.elapsed().as_secs_f64())
}

async fn running(team: &Team<'_>, start: Instant) -> Result<f64> {
    wait::until("the running configuration", wait::GENEROUS, || async {
        ensure!(team.firewall.running().await?.contains("sp-web-"), "not yet");
        Ok(())
    })
    .await?;
    Ok(start.elapsed().as_secs_f64())
}

/// One more pod at a time: from the moment in which the watch shows it to the moment in which it shows its
/// gate open.
async fn warm(report: &mut Report, ground: &Ground, team: &Team<'_>, kind: &str) -> Result<()> {
    let pods: Api<Pod> = Api::namespaced(ground.cluster.client.clone(), &team.name);
    let mut events = watcher(pods, watcher::Config::default().labels("app=web")).applied_objects().boxed();
    let mut known = BTreeSet::new();
    let mut times = Vec::new();
    for replicas in 1..=WARM_PODS {
        let replicas = format!("--replicas={replicas}");
        ground.cluster.kubectl.run(&["scale", "deployment/web", &replicas, "-n", &team.name]).await?;
        let opened = next_gate(&mut events, &mut known);
        let time = tokio::time::timeout(wait::GENEROUS, opened).await.context("the gate did not open")??;
        times.push(time.as_secs_f64() * 1000.0);
    }
    // The first pod's gate was open before the watch began.
    times.remove(0);
    times.sort_by(f64::total_cmp);
    report.note(format!("{kind}.warm_ms"), quantile(&times, 0.5));
    report.note(format!("{kind}.warm_p95_ms"), quantile(&times, 0.95));
    Ok(())
}

/// Waits for a pod that was not known to open its gate, and tells how long that took.
async fn next_gate(
    events: &mut (impl Stream<Item = Result<Pod, watcher::Error>> + Unpin),
    known: &mut BTreeSet<String>,
) -> Result<Duration> {
    let mut first = None;
    while let Some(pod) = events.try_next().await? {
        let uid = pod.metadata.uid.clone().unwrap_or_default();
        if known.contains(&uid) {
            continue;
        }
        let start = *first.get_or_insert_with(Instant::now);
        if open(&pod) {
            known.insert(uid);
            return Ok(start.elapsed());
        }
    }
    anyhow::bail!("the watch ended")
}

fn open(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions
        .into_iter()
        .flatten()
        .any(|condition| condition.type_ == keys::GATE && condition.status == "True")
}
