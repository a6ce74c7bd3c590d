//! The firewall: thousands of identities at once, on the real control plane; and what the vendor's SDK needs for as many.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use futures::{StreamExt as _, TryStreamExt as _};
use ground::{
    Ground, Team,
    team::{TeamOptions, condition},
    wait,
};
use kube::{
    Api, Client, Config,
    api::PostParams,
    config::{KubeConfigOptions, Kubeconfig},
};
use sallyport_contract::{
    DnsName,
    identity::claim_of,
    object::{Firewall, NameClaim, WorkloadIdentity},
};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::report::{Report, float, line};

/// New identities at once, unless this variable of the environment says another number.
const IDENTITIES: usize = 5000;
const NUMBER: &str = "SALLYPORT_BENCH_IDENTITIES";
const TEAM: &str = "thousands";
const COMMIT: Duration = Duration::from_secs(10);
/// Objects that are created at once.
const AT_ONCE: usize = 16;
/// Far more than any of it takes.
const PATIENCE: Duration = Duration::from_secs(1800);

/// Creates the identities while the `Firewall` is suspended, lets go, and counts until all are enforced.
pub(crate) async fn thousands(report: &mut Report, ground: &Ground) -> Result<()> {
    let count = match std::env::var(NUMBER) {
        Ok(text) => text.parse().with_context(|| format!("{NUMBER} is no number"))?,
        Err(_) => IDENTITIES,
    };
    line(&format!("{count} identities at once, at a commit time of {} s", COMMIT.as_secs()));
    let spec = json!({"suspend": true, "bounds": {"maxNames": 6000}, "commit": {"maxChanges": 6000}});
    let options = TeamOptions { commit_time: COMMIT, firewall_spec: spec, ..TeamOptions::default() };
    let team = Team::start(ground, TEAM, options).await?;
    // What cert-agent would take for nobody's it must not see.
    ground.cert_agent.lock().await.kill().await?;
    create(ground, &team, count).await?;
    let before = Calls::of(&team).await?;
    let start = Instant::now();
    team.patch("firewall", &json!({"suspend": false})).await?;
    enforced(ground, count).await?;
    let took = start.elapsed();
    let calls = Calls::of(&team).await?.without(&before);
    report.note("firewall.identities", float(count));
    report.note("firewall.commits", float(calls.commits));
    report.note("firewall.write_calls", float(calls.writes));
    report.note("firewall.read_calls", float(calls.reads));
    let committing = COMMIT.as_secs_f64() * float(calls.commits);
    report.note("firewall.sync_ms_excluding_commit", (took.as_secs_f64() - committing) * 1000.0);
    let program = ground.policy_sync.lock().await;
    report.note("firewall.rss_mib", program.rss_mib()?);
    report.note("firewall.rss_peak_mib", program.peak_mib()?);
    Ok(())
}

/// The identities and their claims, as cert-agent would write them for as many workloads.
async fn create(ground: &Ground, team: &Team<'_>, count: usize) -> Result<()> {
    let kubeconfig = Kubeconfig::read_from(ground.folder.join("cert-agent.kubeconfig"))?;
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    let client = Client::try_from(config)?;
    let identities: Api<WorkloadIdentity> = Api::namespaced(client.clone(), TEAM);
    let claims: Api<NameClaim> = Api::all(client);
    let (identities, claims) = (&identities, &claims);
    let all = futures::stream::iter(0..count).map(|n| async move {
        let (identity, claim) = objects(&team.dns_name(&format!("w{n:04}")), n)?;
        claims.create(&PostParams::default(), &claim).await?;
        identities.create(&PostParams::default(), &identity).await?;
        anyhow::Ok(())
    });
    all.buffer_unordered(AT_ONCE).try_collect().await
}

fn objects(name: &str, n: usize) -> Result<(WorkloadIdentity, NameClaim)> {
    let dns: DnsName = name.parse()?;
    let identity = json!({
        "apiVersion": "sallyport.dev/v1alpha1",
        "kind": "WorkloadIdentity",
        "metadata": {"name": format!("w{n:04}"), "namespace": TEAM},
        "spec": {
            "dnsNames": [name], "delivery": "Secret", "action": "Allow", "policy": TEAM,
            "certificate": {"authority": TEAM}, "firewall": TEAM,
        },
    });
    let claim = json!({
        "apiVersion": "sallyport.dev/v1alpha1",
        "kind": "NameClaim",
        "metadata": {"name": claim_of(&dns)},
        "spec": {"dnsName": name, "namespace": TEAM},
    });
    Ok((serde_json::from_value(identity)?, serde_json::from_value(claim)?))
}

/// Waits until the `Firewall` says that all of them are enforced.
async fn enforced(ground: &Ground, count: usize) -> Result<()> {
    let expected = format!("all {count} names are enforced");
    let firewalls: Api<Firewall> = Api::all(ground.cluster.client.clone());
    wait::until(&expected, PATIENCE, || async {
        let object = serde_json::to_value(firewalls.get(TEAM).await?)?;
        let synced = condition(&object, "InSync").context("no condition")?;
        let told = synced["message"].as_str().unwrap_or_default();
        ensure!(synced["status"] == "True" && told.contains(&expected), "{synced}");
        Ok(())
    })
    .await
}

/// What came to the firewall so far.
struct Calls {
    commits: usize,
    writes: usize,
    reads: usize,
}

impl Calls {
    async fn of(team: &Team<'_>) -> Result<Self> {
        let counters: Value = team.firewall.counters().await?;
        let counters = counters.as_object().context("no counters")?;
        let sum = |counts: &dyn Fn(&str) -> bool| {
            let counted = counters.iter().filter(|(kind, _)| counts(kind));
            counted.filter_map(|(_, count)| usize::try_from(count.as_u64()?).ok()).sum()
        };
        let read = |kind: &str| matches!(kind, "config.get" | "config.show" | "op" | "keygen");
        let written = |kind: &str| kind.starts_with("config.") || kind.starts_with("commit");
        Ok(Self {
            commits: sum(&|kind| kind == "commit"),
            writes: sum(&|kind| written(kind) && !read(kind)),
            reads: sum(&read),
        })
    }

    const fn without(&self, before: &Self) -> Self {
        Self {
            commits: self.commits - before.commits,
            writes: self.writes - before.writes,
            reads: self.reads - before.reads,
        }
    }
}

/// How many calls pan-os-python makes for 1,000 names with one rule: one by one, and by its bulk methods.
pub(crate) async fn of_the_sdk(report: &mut Report) -> Result<()> {
    let conformance = ground::repository().join("tests/conformance");
    let output = Command::new(conformance.join("run.sh"))
        .arg(ground::target()?.join("conformance"))
        .arg("bench_bulk.py")
        .env("PANOS_SIM", std::env::current_exe()?.with_file_name("panos-sim"))
        .output()
        .await
        .context("cannot run tests/conformance/run.sh")?;
    let (text, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "bench_bulk.py: {errors}");
    let last = text.lines().last().context("bench_bulk.py says nothing")?;
    let counted: Value = serde_json::from_str(last).with_context(|| format!("bench_bulk.py says {last}"))?;
    let calls = |way: &str| counted[way].as_f64().with_context(|| format!("no {way} in {counted}"));
    report.note("firewall.pan_os_python.one_by_one", calls("one_by_one")?);
    report.note("firewall.pan_os_python.bulk", calls("bulk")?);
    Ok(())
}
