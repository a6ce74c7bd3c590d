//! Pods are created all the time while the webhook's replicas restart, change their certificate and CA, or are killed: none
//! is lost where nobody died, and none slips through.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use ground::{Ground, Options, Team, program::Program, team::TeamOptions, wait};
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, api::PostParams};
use sallyport_contract::keys;
use serde_json::{Value, json};
use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};

use crate::run::{Test, by_itself};

/// Fifty creations a second, whether the one before has its answer or not.
const BEAT: Duration = Duration::from_millis(20);
/// Creations that may wait for their answer at one time; a machine that cannot follow gets fewer.
const OPEN: usize = 400;
const SYSTEM: &str = "sallyport-system";
const CA_SECRET: &str = "sallyport-webhook-ca";
const TEAM: &str = "loaded";
const REPLICAS: u32 = 20;

pub(crate) fn tests() -> Vec<Test> {
    vec![by_itself("under_load::no_pod_is_lost_while_the_webhook_changes_and_none_slips_through", |_| {
        Box::pin(the_webhook_changes())
    })]
}

/// What became of the creations.
#[derive(Default)]
struct Tally {
    made: usize,
    /// How many a second.
    rate: f64,
    /// When it was refused, and what the API server said.
    failed: Vec<(Instant, String)>,
    bare: Vec<String>,
}

async fn the_webhook_changes() -> Result<()> {
    let options = Options { balanced: true, ..Options::fresh("under-load")? };
    let ground = Ground::start(options, |_| {}).await?;
    let old = (ground.another_webhook("webhook-1").await?, ground.another_webhook("webhook-2").await?);
    let team = Team::start(&ground, TEAM, TeamOptions::default()).await?;
    served(&ground, &team).await?;
    // The one that the ground began with.
    ground.webhook.lock().await.kill().await?;
    ready(&ground, 2).await?;

    let ((one, other), restarted) = load(&ground, &team, "restart", roll(&ground, old)).await?;
    lossless("a rolling restart", &restarted)?;
    let ((), rotated) = load(&ground, &team, "rotation", rotate(&ground)).await?;
    lossless("a change of certificate and CA", &rotated)?;
    // The API server keeps one connection for as long as it can: the replica at its other end has worked most.
    let (mut busy, _idle) =
        if one.cpu_seconds()? < other.cpu_seconds()? { (other, one) } else { (one, other) };
    let killed_at = Instant::now();
    let ((_again, all_exist), killed) = load(&ground, &team, "killed", async {
        busy.kill().await?;
        let web = team.deployment("web", REPLICAS, &json!({}));
        ground.cluster.kubectl.apply(&web.to_string()).await?;
        every_pod_exists(&team).await?;
        let all_exist = killed_at.elapsed();
        let again = ground.another_webhook("webhook-again").await?;
        ready(&ground, 2).await?;
        Ok((again, all_exist))
    })
    .await?;
    for (_, words) in &killed.failed {
        ensure!(words.contains("sallyport") && words.contains("webhook"), "nobody understands this: {words}");
    }
    none_slipped("a killed replica", &killed)?;
    let last = killed.failed.iter().map(|(at, _)| at.saturating_duration_since(killed_at)).max();
    let counted = json!({
        "restart": {"made": restarted.made, "per_second": restarted.rate},
        "rotation": {"made": rotated.made, "per_second": rotated.rate},
        "killed": {
            "made": killed.made, "per_second": killed.rate, "failed": killed.failed.len(),
            "last_failure_s": last.map(|last| last.as_secs_f64()),
            "every_pod_of_the_deployment_s": all_exist.as_secs_f64(),
            "words": killed.failed.first().map(|(_, words)| words)}});
    // For people, beside the programs' logs.
    std::fs::write(ground.folder.join("counted.json"), serde_json::to_string_pretty(&counted)?)?;
    drop(team);
    ground.stop().await
}

/// Waits until a pod of the team is let in: the policy is known everywhere.
async fn served(ground: &Ground, team: &Team<'_>) -> Result<()> {
    let api = pods(ground);
    wait::until("a first pod", wait::GENEROUS, || async {
        let made = api.create(&PostParams::default(), &pod(team, "first")?).await?;
        ensure!(injected(&made), "it was not injected");
        Ok(())
    })
    .await
}

async fn ready(ground: &Ground, count: usize) -> Result<()> {
    wait::until("the webhook's replicas", wait::GENEROUS, || async {
        let ready = ground.balancer.as_ref().context("no balancer")?.ready();
        ensure!(ready == count, "{ready} of {count} are ready");
        Ok(())
    })
    .await
}

/// A rolling restart as a Deployment does it: a new one first, and then an old one is asked to end.
async fn roll(ground: &Ground, old: (Program, Program)) -> Result<(Program, Program)> {
    let one = replaced(ground, old.0, "webhook-3").await?;
    let two = replaced(ground, old.1, "webhook-4").await?;
    Ok((one, two))
}

async fn replaced(ground: &Ground, old: Program, name: &str) -> Result<Program> {
    let new = ground.another_webhook(name).await?;
    ready(ground, 3).await?;
    ends(ground, old).await?;
    Ok(new)
}

/// Asks a replica to end, and sees that it ends well.
async fn ends(ground: &Ground, mut program: Program) -> Result<()> {
    program.terminate().await?;
    let ended = program.ends().await?;
    ensure!(ended.success(), "{} ended with {ended}", program.name);
    ready(ground, 2).await
}

/// The CA is made anew, and with it the serving certificate; a connection that begins then sees both.
async fn rotate(ground: &Ground) -> Result<()> {
    let before = serving(ground).await?;
    let spoilt = json!({"data": {"tls.crt": ""}}).to_string();
    let args = ["patch", "secret", CA_SECRET, "-n", SYSTEM, "--type=merge", "-p", &spoilt];
    ground.cluster.kubectl.run(&args).await?;
    wait::until("another serving certificate", wait::GENEROUS * 2, || async {
        ensure!(serving(ground).await? != before, "it is the one before");
        Ok(())
    })
    .await?;
    for entry in entries(ground).await? {
        let bundle = decoded(entry["clientConfig"]["caBundle"].as_str().unwrap_or_default())?;
        let trusted = bundle.matches("-----BEGIN CERTIFICATE-----").count();
        ensure!(trusted == 2, "the bundle holds {trusted} CAs, not the old one and the new one");
    }
    let passing = ground.another_webhook("webhook-5").await?;
    ready(ground, 3).await?;
    ends(ground, passing).await
}

async fn serving(ground: &Ground) -> Result<String> {
    let secret = ground.cluster.kubectl.get(&["secret", keys::WEBHOOK_SERVING_SECRET, "-n", SYSTEM]).await?;
    decoded(secret["data"]["tls.crt"].as_str().unwrap_or_default())
}

async fn entries(ground: &Ground) -> Result<Vec<Value>> {
    let name = keys::WEBHOOK_CONFIGURATION;
    let object = ground.cluster.kubectl.get(&["mutatingwebhookconfiguration", name]).await?;
    object["webhooks"].as_array().cloned().context("no webhooks")
}

fn decoded(text: &str) -> Result<String> {
    use base64::Engine as _;
    Ok(String::from_utf8(base64::engine::general_purpose::STANDARD.decode(text)?)?)
}

/// Creates pods beat by beat until `during` is done, and waits for every answer.
async fn load<T>(
    ground: &Ground,
    team: &Team<'_>,
    phase: &str,
    during: impl Future<Output = Result<T>>,
) -> Result<(T, Tally)> {
    let (mut tally, mut answers, begun) = (Tally::default(), JoinSet::new(), Instant::now());
    let mut during = std::pin::pin!(during);
    let mut beat = interval(BEAT);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut number = 0_usize;
    let done = loop {
        tokio::select! {
            done = &mut during => break done,
            Some(answer) = answers.join_next() => tally.note(answer?),
            _ = beat.tick(), if answers.len() < OPEN => {
                number += 1;
                let (api, pod) = (pods(ground), pod(team, &format!("{phase}-{number}"))?);
                answers.spawn(async move { api.create(&PostParams::default(), &pod).await });
            }
        }
    };
    while let Some(answer) = answers.join_next().await {
        tally.note(answer?);
    }
    #[expect(clippy::cast_precision_loss, reason = "far below the 52 bits of a mantissa")]
    let made = tally.made as f64;
    tally.rate = made / begun.elapsed().as_secs_f64();
    Ok((done?, tally))
}

impl Tally {
    fn note(&mut self, answer: kube::Result<Pod>) {
        match answer {
            Ok(pod) if injected(&pod) => self.made += 1,
            Ok(pod) => self.bare.push(pod.metadata.name.unwrap_or_default()),
            Err(error) => self.failed.push((Instant::now(), error.to_string())),
        }
    }
}

fn lossless(what: &str, tally: &Tally) -> Result<()> {
    let failed: Vec<&str> = tally.failed.iter().map(|(_, words)| words.as_str()).take(3).collect();
    ensure!(failed.is_empty(), "{what} cost {} of {} calls: {failed:?}", tally.failed.len(), tally.made);
    none_slipped(what, tally)
}

fn none_slipped(what: &str, tally: &Tally) -> Result<()> {
    ensure!(tally.bare.is_empty(), "{what} let pods through as they were: {:?}", tally.bare);
    ensure!(tally.made > 50, "{what}: only {} pods were made, which shows nothing", tally.made);
    Ok(())
}

fn pods(ground: &Ground) -> Api<Pod> {
    Api::namespaced(ground.cluster.client.clone(), TEAM)
}

/// A pod that nobody schedules: only its creation counts. All of them are of one identity.
fn pod(team: &Team<'_>, name: &str) -> Result<Pod> {
    Ok(serde_json::from_value(json!({
        "metadata": {"name": name, "annotations": {keys::SAN: team.dns_name("web")}},
        "spec": {"schedulerName": "nobody", "automountServiceAccountToken": false,
            "containers": [{"name": "main", "image": "nginx"}]},
    }))?)
}

fn injected(pod: &Pod) -> bool {
    let labelled = pod.metadata.labels.as_ref().is_some_and(|labels| labels.contains_key(keys::IDENTITY));
    let gates = pod.spec.as_ref().and_then(|spec| spec.readiness_gates.as_ref());
    labelled && gates.is_some_and(|gates| gates.iter().any(|gate| gate.condition_type == keys::GATE))
}

/// Every pod of the Deployment exists, and each is injected: controllers try again what was refused.
async fn every_pod_exists(team: &Team<'_>) -> Result<()> {
    wait::until("every pod of the Deployment", wait::GENEROUS, || async {
        let pods = team.pods("web").await?;
        ensure!(pods.len() == REPLICAS as usize, "{} of {REPLICAS}", pods.len());
        for pod in pods {
            ensure!(injected(&serde_json::from_value(pod)?), "one slipped through");
        }
        Ok(())
    })
    .await
}
