//! The webhook as a program, over TLS: with a thousand policies and five thousand namespaces, while policies change.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use futures::{StreamExt as _, TryStreamExt as _, future::try_join_all};
use ground::{Ground, Team, manifests, team::TeamOptions};
use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::{
    Api,
    api::{Patch, PatchParams, PostParams},
};
use sallyport_contract::object::IdentityPolicy;
use serde_json::{Value, json};
use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};

use crate::{
    admission::review,
    report::{Report, float, line, quantile},
};

const TEAM: &str = "shop";
const POLICIES: usize = 1_000;
const NAMESPACES: usize = 5_000;
/// Objects that are created at once.
const AT_ONCE: usize = 16;
/// One change of a policy: a hundred a second.
const CHANGE: Duration = Duration::from_millis(10);
/// One review: five hundred a second, whether the one before has its answer or not.
const BEAT: Duration = Duration::from_millis(2);
const LOAD: Duration = Duration::from_secs(10);
/// Pods that are created one after the other, with us and without.
const PODS: usize = 100;

/// All figures of the program.
pub(crate) async fn over_https(report: &mut Report, ground: &Ground) -> Result<()> {
    // The namespace and the policy that the review names.
    let team = Team::start(ground, TEAM, TeamOptions::default()).await?;
    line(&format!("admission over TLS: {POLICIES} policies, {NAMESPACES} namespaces"));
    crowd(ground).await?;
    let object = ground.cluster.kubectl.get(&["mutatingwebhookconfiguration", "sallyport"]).await?;
    let bundle = object["webhooks"][0]["clientConfig"]["caBundle"].as_str().context("no caBundle")?;
    let bundle = base64::engine::general_purpose::STANDARD.decode(bundle)?;
    let far = Far { address: ground.webhook_address, bundle };
    let changing = async {
        tokio::select! {
            changed = change(ground) => changed,
            asked = open_loop(&far) => asked,
        }
    };
    let mut times = changing.await?;
    times.sort_by(f64::total_cmp);
    report.note("admission.https_p50_ms", quantile(&times, 0.5));
    report.note("admission.https_p99_ms", quantile(&times, 0.99));
    for (name, connections) in
        [("admission.https_rps_1", 1), ("admission.https_rps_8", 8), ("admission.https_rps_32", 32)]
    {
        let before = ground.webhook.lock().await.cpu_seconds()?;
        let start = Instant::now();
        let counts = try_join_all((0..connections).map(|_| far.asks_on())).await?;
        let total = float(counts.iter().sum());
        report.note(name, total / start.elapsed().as_secs_f64());
        if connections == 8 {
            let used = ground.webhook.lock().await.cpu_seconds()? - before;
            report.note("admission.cpu_s_per_10000", used / total * 10_000.0);
        }
    }
    report.note("admission.rss_mib_1000_policies", ground.webhook.lock().await.rss_mib()?);
    let with = created(ground, &team.name, json!({"sallyport.dev/san": team.dns_name("bench")})).await?;
    let without = created(ground, "crowd-0", json!({})).await?;
    report.note("admission.added_create_ms", with - without);
    Ok(())
}

/// The other policies, each of which holds one namespace, and the other namespaces.
async fn crowd(ground: &Ground) -> Result<()> {
    let client = &ground.cluster.client;
    let (policies, namespaces): (Api<IdentityPolicy>, Api<Namespace>) =
        (Api::all(client.clone()), Api::all(client.clone()));
    let example = manifests::example("identity-policy")?;
    let (policies, namespaces, example) = (&policies, &namespaces, &example);
    // First the namespaces: the guard of their labels looks at every policy, which with a thousand of them takes the API
    // server a second for each namespace.
    let made = futures::stream::iter(0..NAMESPACES).map(|number| async move {
        let namespace = json!({"metadata": {"name": format!("crowd-{number}")}});
        namespaces.create(&PostParams::default(), &serde_json::from_value(namespace)?).await?;
        anyhow::Ok(())
    });
    made.buffer_unordered(AT_ONCE).try_collect::<Vec<()>>().await?;
    let made = futures::stream::iter(1..POLICIES).map(|number| async move {
        policies.create(&PostParams::default(), &serde_json::from_value(policy(example, number))?).await?;
        anyhow::Ok(())
    });
    made.buffer_unordered(AT_ONCE).try_collect::<Vec<()>>().await?;
    Ok(())
}

fn policy(example: &Value, number: usize) -> Value {
    let (mut policy, namespace) = (example.clone(), format!("crowd-{number}"));
    policy["metadata"]["name"] = json!(namespace);
    policy["spec"]["namespaces"] = json!([namespace]);
    policy["spec"]["dnsNames"]["allowed"] = json!([format!("*.{namespace}.corp.example")]);
    policy
}

/// Changes one policy after the other, for ever.
async fn change(ground: &Ground) -> Result<Vec<f64>> {
    let api: Api<IdentityPolicy> = Api::all(ground.cluster.client.clone());
    let (mut beat, mut answers) = (interval(CHANGE), JoinSet::new());
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for turn in 0.. {
        let (round, number) = (turn / (POLICIES - 1) + 1, turn % (POLICIES - 1) + 1);
        beat.tick().await;
        while answers.len() >= AT_ONCE {
            answers.join_next().await.context("none runs")???;
        }
        let api = api.clone();
        answers.spawn(async move {
            let patch = json!({"spec": {"priority": round}});
            api.patch(&format!("crowd-{number}"), &PatchParams::default(), &Patch::Merge(&patch)).await?;
            anyhow::Ok(())
        });
    }
    Ok(Vec::new())
}

/// The webhook.
struct Far {
    address: SocketAddr,
    bundle: Vec<u8>,
}

impl Far {
    fn client(&self) -> Result<reqwest::Client> {
        Ok(reqwest::Client::builder()
            .tls_certs_only(reqwest::Certificate::from_pem_bundle(&self.bundle)?)
            .http1_only()
            .build()?)
    }

    /// One connection that asks again as soon as it has its answer; how often.
    async fn asks_on(&self) -> Result<usize> {
        let (client, url) = (self.client()?, self.url());
        let (start, mut count) = (Instant::now(), 0);
        while start.elapsed() < LOAD / 2 {
            ask(&client, &url).await?;
            count += 1;
        }
        Ok(count)
    }

    fn url(&self) -> String {
        format!("https://{}/pods", self.address)
    }
}

async fn ask(client: &reqwest::Client, url: &str) -> Result<()> {
    let request = client.post(url).header("content-type", "application/json").body(review());
    let answer = request.send().await?.error_for_status()?.text().await?;
    ensure!(answer.contains("\"allowed\":true"), "{answer}");
    Ok(())
}

/// Reviews beat by beat; how long each took, in milliseconds, counted from its beat.
async fn open_loop(far: &Far) -> Result<Vec<f64>> {
    let (client, url) = (far.client()?, far.url());
    let (mut times, mut answers, mut beat) = (Vec::new(), JoinSet::new(), interval(BEAT));
    beat.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let start = Instant::now();
    while start.elapsed() < LOAD {
        tokio::select! {
            Some(answer) = answers.join_next() => times.push(answer??),
            due = beat.tick() => {
                let (client, url) = (client.clone(), url.clone());
                answers.spawn(async move {
                    ask(&client, &url).await?;
                    anyhow::Ok(due.elapsed().as_secs_f64() * 1e3)
                });
            }
        }
    }
    while let Some(answer) = answers.join_next().await {
        times.push(answer??);
    }
    Ok(times)
}

/// The median of what the API server needs for the creation of a pod, in milliseconds.
async fn created(ground: &Ground, namespace: &str, annotations: Value) -> Result<f64> {
    let api: Api<Pod> = Api::namespaced(ground.cluster.client.clone(), namespace);
    let mut times = Vec::with_capacity(PODS);
    for number in 0..PODS {
        let pod = serde_json::from_value(json!({
            "metadata": {"name": format!("bench-{number}"), "annotations": annotations},
            "spec": {"schedulerName": "nobody", "automountServiceAccountToken": false,
                "containers": [{"name": "main", "image": "nginx"}]},
        }))?;
        let start = Instant::now();
        api.create(&PostParams::default(), &pod).await?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    Ok(quantile(&times, 0.5))
}
