//! Certificates: a tenth on a cold start at AWS's own quotas, the rest as fast as the machine goes, what all of them weigh,
//! and how long one takes. Everything is counted at the far sides: the CA's counters, the API server's audit log.

use std::{
    collections::{BTreeSet, HashSet},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use futures::{StreamExt as _, TryStreamExt as _};
use ground::{Ground, Options, manifests, wait};
use k8s_openapi::api::{apps::v1::Deployment, core::v1::Secret};
use kube::{
    Api, Client,
    api::{ListParams, PostParams},
};
use serde_json::{Value, json};

use crate::report::{Report, float, line, quantile};

/// Identities in all, unless this variable of the environment says another number.
const IDENTITIES: usize = 10_000;
const NUMBER: &str = "SALLYPORT_BENCH_CERTIFICATES";
const PER_NAMESPACE: usize = 200;
/// How long the CA takes, as `docs/CERTIFICATES.md` compares it.
const LATENCY: Duration = Duration::from_millis(50);
/// The default of `--aws-rate`, for `IssueCertificate`.
const GOVERNED_RATE: f64 = 10.0;
const UNGOVERNED: [&str; 2] = ["--aws-rate", "issue=10000,get=10000,others=10000"];
/// Objects that are created at once.
const AT_ONCE: usize = 16;
/// How many are measured one by one.
const SINGLE: usize = 50;
/// Thousands of certificates are counted so often.
const SELDOM: Duration = Duration::from_millis(500);
/// Far more than any of it takes.
const PATIENCE: Duration = Duration::from_secs(1800);
const AGENT: &str = "system:serviceaccount:sallyport-system:sallyport-cert-agent";

/// Measures on a ground of its own.
pub(crate) async fn measure(report: &mut Report) -> Result<()> {
    let all = match std::env::var(NUMBER) {
        Ok(text) => text.parse().with_context(|| format!("{NUMBER} is no number"))?,
        Err(_) => IDENTITIES,
    };
    let mut options = Options::fresh("bench-certificates")?;
    options.issue_delay = LATENCY;
    let mut ground = Ground::start(options, |what| line(&format!("certificates: starting {what}"))).await?;
    // Neither is measured here, and both would take their share of the machine.
    ground.policy_sync.lock().await.kill().await?;
    let workloads: Vec<(String, String)> =
        (0..all).map(|n| (format!("certs-{:03}", n / PER_NAMESPACE), format!("w{n:05}"))).collect();
    furnish(&ground, &workloads).await?;
    let (first, rest) = workloads.split_at(all / 10);
    governed(report, &mut ground, first).await?;
    ungoverned(report, &mut ground, first.len(), rest).await?;
    one_by_one(report, &ground).await?;
    weight(report, &mut ground).await?;
    ground.stop().await
}

/// The CA, the policy and the namespaces.
async fn furnish(ground: &Ground, workloads: &[(String, String)]) -> Result<()> {
    let mut authority = manifests::example("certificate-authority-aws")?;
    authority["metadata"]["name"] = json!("certs");
    authority["spec"]["awsPrivateCA"]["arn"] = json!(ground.pca.ca_arn);
    authority["spec"]["caps"] = json!({"perNamespacePerHour": 100_000, "perDay": 1_000_000});
    let mut namespaces: Vec<&str> = workloads.iter().map(|(namespace, _)| namespace.as_str()).collect();
    namespaces.dedup();
    let mut policy = manifests::example("identity-policy")?;
    policy["metadata"]["name"] = json!("certs");
    policy["spec"]["namespaces"] = json!(namespaces);
    policy["spec"]["dnsNames"]["allowed"] = json!(["*.{namespace}.corp.example"]);
    policy["spec"]["certificate"]["authority"] = json!("certs");
    let mut objects = vec![authority, policy];
    for name in namespaces {
        let mut namespace = manifests::example("namespace")?;
        namespace["metadata"]["name"] = json!(name);
        objects.push(namespace);
    }
    ground.cluster.kubectl.apply(&manifests::stream(&objects)).await?;
    Ok(())
}

/// Many identities at once, at the rates that AWS allows and cert-agent keeps by default.
async fn governed(report: &mut Report, ground: &mut Ground, workloads: &[(String, String)]) -> Result<()> {
    let count = workloads.len();
    line(&format!("certificates: {count} on a cold start, at the default rate"));
    ground.cert_agent.lock().await.kill().await?;
    create(ground, workloads).await?;
    ground.pca.quotas(true).await?;
    let start = Instant::now();
    ground.restart_cert_agent().await?;
    delivered(ground, count).await?;
    let took = start.elapsed();
    let calls = Calls::of(ground).await?;
    report.note("certificates.issued", calls.issued);
    report.note("certificates.issue_calls", calls.issue);
    report.note("certificates.get_calls", calls.get);
    report.note("certificates.get_calls_mean", calls.get / float(count));
    report.note("certificates.per_second", float(count) / took.as_secs_f64());
    report.note("certificates.governor_per_second", GOVERNED_RATE);
    ensure!(
        (calls.issued - float(count)).abs() < 0.5,
        "{} certificates for {count} identities",
        calls.issued
    );
    Ok(())
}

/// The rest, as fast as it goes.
async fn ungoverned(
    report: &mut Report,
    ground: &mut Ground,
    before: usize,
    workloads: &[(String, String)],
) -> Result<()> {
    let count = workloads.len();
    line(&format!(
        "certificates: {count} more, as fast as it goes, at a CA latency of {} ms",
        LATENCY.as_millis()
    ));
    ground.cert_agent.lock().await.kill().await?;
    ground.pca.quotas(false).await?;
    create(ground, workloads).await?;
    let written = writes(ground)?;
    let start = Instant::now();
    ground.restart_cert_agent_with(&UNGOVERNED).await?;
    delivered(ground, before + count).await?;
    let took = start.elapsed();
    report.note("certificates.per_second_ungoverned", float(count) / took.as_secs_f64());
    told(ground, before + count).await?;
    let more = Writes::of(&writes(ground)?, &written);
    line(&format!("certificates: writes of cert-agent by kind: {}", more.shown));
    report.note("certificates.kube_writes_per_certificate", more.sum / float(count));
    let program = ground.cert_agent.lock().await;
    report.note("certificates.rss_peak_mib", program.peak_mib()?);
    report.note("certificates.rss_mib_10000", program.rss_mib()?);
    report.note("certificates.own_mib_10000", program.own_mib()?);
    Ok(())
}

/// From the moment in which a Deployment is accepted until its Secret is there, one at a time.
async fn one_by_one(report: &mut Report, ground: &Ground) -> Result<()> {
    let secrets: Api<Secret> = Api::namespaced(ground.cluster.client.clone(), "certs-000");
    let deployments: Api<Deployment> = Api::namespaced(ground.cluster.client.clone(), "certs-000");
    let mut known = names(&secrets).await?;
    let mut times = Vec::new();
    for n in 0..SINGLE {
        let start = Instant::now();
        deployments
            .create(&PostParams::default(), &deployment("certs-000", &format!("single{n:02}"))?)
            .await?;
        known = wait::until("one more Secret", wait::GENEROUS, || async {
            let now = names(&secrets).await?;
            ensure!(now.len() > known.len(), "not yet");
            Ok(now)
        })
        .await?;
        times.push(start.elapsed().as_secs_f64() * 1000.0);
    }
    times.sort_by(f64::total_cmp);
    report.note("certificates.to_secret_p50_ms", quantile(&times, 0.5));
    report.note("certificates.to_secret_p99_ms", quantile(&times, 0.99));
    Ok(())
}

/// What a start with all of them weighs, and what it asks of the CA: nothing.
async fn weight(report: &mut Report, ground: &mut Ground) -> Result<()> {
    let before = Calls::of(ground).await?;
    ground.restart_cert_agent().await?;
    // By then it has looked at every identity: each is due when the program begins to work.
    let quiet = wait::until("cert-agent to come to rest", PATIENCE, || async {
        let before = cpu(ground).await?;
        tokio::time::sleep(Duration::from_secs(2)).await;
        let used = cpu(ground).await? - before;
        ensure!(used < 20, "it works: {used} ticks in two seconds");
        Ok(())
    });
    quiet.await?;
    let program = ground.cert_agent.lock().await;
    report.note("certificates.rss_after_start_mib", program.rss_mib()?);
    report.note("certificates.rss_after_start_peak_mib", program.peak_mib()?);
    report.note("certificates.own_after_start_mib", program.own_mib()?);
    let calls = Calls::of(ground).await?;
    ensure!((calls.issue - before.issue).abs() < 0.5, "a start asks for certificates");
    report.note("certificates.get_calls_of_a_start", calls.get - before.get);
    Ok(())
}

/// Clock ticks that cert-agent has used.
async fn cpu(ground: &Ground) -> Result<u64> {
    let id = ground.cert_agent.lock().await.id().context("cert-agent does not run")?;
    let text = tokio::fs::read_to_string(format!("/proc/{id}/stat")).await?;
    // https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html: utime and stime are the 14th and 15th field.
    let fields = text.rsplit(')').next().unwrap_or_default().split_whitespace();
    Ok(fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum())
}

/// The workloads, seen by their controller too: what that writes of thousands at once is none of cert-agent's time.
async fn create(ground: &Ground, workloads: &[(String, String)]) -> Result<()> {
    let client: &Client = &ground.cluster.client;
    let all = futures::stream::iter(workloads).map(|(namespace, name)| async move {
        let api: Api<Deployment> = Api::namespaced(client.clone(), namespace);
        api.create(&PostParams::default(), &deployment(namespace, name)?).await?;
        anyhow::Ok(())
    });
    all.buffer_unordered(AT_ONCE).try_collect::<()>().await?;
    let namespaces: BTreeSet<&String> = workloads.iter().map(|(namespace, _)| namespace).collect();
    wait::until("the controller to have seen all workloads", PATIENCE, || async {
        for &namespace in &namespaces {
            let api: Api<Deployment> = Api::namespaced(client.clone(), namespace);
            let all = api.list(&ListParams::default()).await?;
            let seen =
                |one: &Deployment| one.status.as_ref().is_some_and(|s| s.observed_generation.is_some());
            let unseen = all.items.iter().filter(|one| !seen(one)).count();
            ensure!(unseen == 0, "{unseen} of {namespace} are not");
        }
        Ok(())
    })
    .await
}

/// Paused and without pods: the controllers have nothing to do with it, and an identity is wanted all the same.
fn deployment(namespace: &str, name: &str) -> Result<Deployment> {
    Ok(serde_json::from_value(json!({
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"replicas": 0, "paused": true, "selector": {"matchLabels": {"app": name}}, "template": {
            "metadata": {"labels": {"app": name}},
            "spec": {"containers": [{"name": "nginx", "image": "nginx"}]}}},
    }))?)
}

async fn names(secrets: &Api<Secret>) -> Result<HashSet<String>> {
    let tls = ListParams::default().fields("type=kubernetes.io/tls");
    let list = secrets.list_metadata(&tls).await?;
    Ok(list.items.into_iter().filter_map(|item| item.metadata.name).collect())
}

/// Waits until so many Secrets are there. The CA is asked first, for that costs the API server nothing; seldom, for its
/// answer has a line for each certificate.
async fn delivered(ground: &Ground, count: usize) -> Result<()> {
    wait::every(SELDOM, &format!("{count} certificates"), PATIENCE, || async {
        let issued = Calls::of(ground).await?.issued;
        ensure!(issued > float(count) - 0.5, "{issued} so far");
        Ok(())
    })
    .await?;
    let secrets: Api<Secret> = Api::all(ground.cluster.client.clone());
    let tls = ListParams::default().fields("type=kubernetes.io/tls").labels("sallyport.dev/identity");
    wait::until(&format!("{count} Secrets"), PATIENCE, || async {
        let there = secrets.list_metadata(&tls).await?.items.len();
        ensure!(there == count, "{there} so far");
        Ok(())
    })
    .await
}

/// Waits until every identity says that it is issued.
async fn told(ground: &Ground, count: usize) -> Result<()> {
    let identities: Api<sallyport_contract::object::WorkloadIdentity> =
        Api::all(ground.cluster.client.clone());
    wait::until(&format!("{count} identities that are issued"), PATIENCE, || async {
        let list = identities.list(&ListParams::default()).await?;
        let issued = list.items.iter().filter(|identity| {
            let status = identity.status.as_ref();
            status.is_some_and(|status| status.certificate.is_some())
        });
        let issued = issued.count();
        ensure!(issued == count, "{issued} so far");
        Ok(())
    })
    .await
}

/// What came to the CA so far.
struct Calls {
    issued: f64,
    issue: f64,
    get: f64,
}

impl Calls {
    async fn of(ground: &Ground) -> Result<Self> {
        let counters = ground.pca.counters().await?;
        let calls = |operation: &str| {
            let by_outcome = counters["calls"][operation].as_object();
            by_outcome.into_iter().flatten().filter_map(|(_, count)| count.as_f64()).sum()
        };
        Ok(Self {
            issued: counters["certificates_issued"].as_f64().context("no count of certificates")?,
            issue: calls("IssueCertificate"),
            get: calls("GetCertificate"),
        })
    }
}

/// What cert-agent wrote, by verb and resource.
type ByKind = std::collections::BTreeMap<String, usize>;

struct Writes {
    sum: f64,
    shown: String,
}

impl Writes {
    fn of(now: &ByKind, before: &ByKind) -> Self {
        let more = |kind: &String, count: usize| count - before.get(kind).copied().unwrap_or(0);
        let sum: usize = now.iter().map(|(kind, count)| more(kind, *count)).sum();
        let shown: Vec<String> =
            now.iter().map(|(kind, count)| format!("{kind} {}", more(kind, *count))).collect();
        Self { sum: float(sum), shown: shown.join(", ") }
    }
}

/// Every write of cert-agent that the API server carried out, but for its Lease, by the server's own log.
fn writes(ground: &Ground) -> Result<ByKind> {
    let mut counted = ByKind::new();
    for file in std::fs::read_dir(ground.cluster.folder.join("logs"))? {
        let path = file?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if !name.starts_with("audit") {
            continue;
        }
        let text = std::fs::read_to_string(&path)?;
        for line in text.lines().filter(|line| line.contains(AGENT)) {
            let Ok(event) = serde_json::from_str::<Value>(line) else { continue };
            let said = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
            let verb = said("/verb");
            let resource = [said("/objectRef/resource"), said("/objectRef/subresource")].join("/");
            if !matches!(verb, "get" | "list" | "watch") && resource != "leases/" {
                *counted.entry(format!("{verb} {}", resource.trim_end_matches('/'))).or_default() += 1;
            }
        }
    }
    Ok(counted)
}
