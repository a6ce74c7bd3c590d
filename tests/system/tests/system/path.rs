//! Path proof: real probes under their own account, a firewall between two networks, and a route around it.

use std::{net::TcpListener, path::PathBuf};

use anyhow::{Context as _, Result, ensure};
use ground::{
    Ground, Team, manifests,
    person::{Person, Verb},
    team::{TeamOptions, condition},
    wait,
};
use serde_json::{Value, json};
use tokio::process::{Child, Command};

use crate::run::{Test, test};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test("path::a_way_around_the_firewall_is_found_and_named", |ground| Box::pin(around(ground))),
        test("path::law_11_a_probe_reads_one_firewall_and_writes_its_report", |ground| {
            Box::pin(rights(ground))
        }),
    ]
}

/// Where the probes' objects live.
const NAMESPACE: &str = "sallyport-path-proof";
/// A probe in each network, and where the firewall stands for it.
const A: (&str, &str) = ("127.0.1.9", "127.0.1.1");
const B: (&str, &str) = ("127.0.2.9", "127.0.2.1");

async fn around(ground: &Ground) -> Result<()> {
    let port = free_port()?;
    let plane = |(probe, firewall): (&str, &str)| {
        let ends = "from=trust,to=trust,source=10.20.1.10,destination=10.20.2.20,port=443";
        format!("listen={firewall}:{port},upstream={probe}:{port},{ends}")
    };
    let planes = [A, B].map(|side| ["--data-plane".to_owned(), plane(side)]);
    let firewall_spec = json!({"pathProof": {
        "control": "probe.paths.corp.example", "canary": "canary.paths.corp.example", "period": "30s",
        "networks": [{"name": "az-a", "cidrs": ["127.0.1.0/24"]}, {"name": "az-b", "cidrs": ["127.0.2.0/24"]}]}});
    let options = TeamOptions { firewall_args: planes.concat(), firewall_spec, ..TeamOptions::default() };
    let team = Team::start(ground, "paths", options).await?;
    says(ground, &team.name, "Unknown", "no identity asks this firewall to deny canary.paths.corp.example")
        .await?;
    let deny = json!({"sallyport.dev/action": "deny"});
    for deployment in [team.deployment("probe", 1, &json!({})), team.deployment("canary", 0, &deny)] {
        ground.cluster.kubectl.apply(&deployment.to_string()).await?;
    }
    team.gate_opens("probe").await?;
    says(ground, &team.name, "Unknown", "no probe has told anything from az-a").await?;

    let account = account(ground, &team.name).await?;
    let mut probes = vec![account.probe("probe-a", A.0, B.1, port).await?];
    probes.push(account.probe("probe-b", B.0, A.1, port).await?);
    says(ground, &team.name, "True", "2 of 2 pairs of networks cross it").await?;

    // Network b gets a route of its own to network a.
    if let Some(mut probe) = probes.pop() {
        probe.kill().await?;
    }
    probes.push(account.probe("probe-b", B.0, A.0, port).await?);
    says(ground, &team.name, "False", "have a way around the firewall: az-b → az-a (127.0.2.9 to 127.0.1.9)")
        .await?;
    let events = ["events", "-A", "--field-selector", "reason=PathBypassed,type=Warning"];
    wait::until("people to hear of it", wait::GENEROUS, || async {
        let events = ground.cluster.kubectl.get(&events).await?;
        ensure!(events["items"].as_array().is_some_and(|events| !events.is_empty()), "{events}");
        Ok(())
    })
    .await?;
    // The next round finds the route taken back.
    if let Some(mut probe) = probes.pop() {
        probe.kill().await?;
    }
    probes.push(account.probe("probe-b", B.0, A.1, port).await?);
    says(ground, &team.name, "True", "2 of 2 pairs of networks cross it").await
}

async fn says(ground: &Ground, firewall: &str, status: &str, words: &str) -> Result<()> {
    wait::until(&format!("PathProven to be {status}: {words}"), wait::GENEROUS, || async {
        let firewall = ground.cluster.kubectl.get(&["fw", firewall]).await?;
        let path = condition(&firewall, "PathProven").context("no condition")?;
        let said = path["message"].as_str().unwrap_or_default();
        ensure!(path["status"] == status && said.contains(words), "{path}");
        Ok(())
    })
    .await
}

/// The account as the manifests make it, for the firewall of this name; the namespace holds nothing else here.
async fn account<'a>(ground: &'a Ground, firewall: &str) -> Result<Account<'a>> {
    let mut objects = manifests::path_proof()?;
    objects.retain(|object| {
        let kinds =
            ["Namespace", "ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"];
        object["kind"].as_str().is_some_and(|kind| kinds.contains(&kind))
    });
    for object in &mut objects {
        // A role of this test's own: another one has another firewall.
        let role = json!(format!("sallyport-path-probe-{firewall}"));
        match object["kind"].as_str() {
            Some("ClusterRole") => {
                object["metadata"]["name"] = role;
                object["rules"][0]["resourceNames"] = json!([firewall]);
            }
            Some("ClusterRoleBinding") => {
                object["metadata"]["name"] = role.clone();
                object["roleRef"]["name"] = role;
            }
            _ => {}
        }
        // Nothing here but pods that only lend their UIDs.
        if object["kind"] == "Namespace" {
            object["metadata"]["labels"] = json!({});
        }
    }
    ground.cluster.kubectl.apply(&manifests::stream(&objects)).await?;
    let args = ["create", "token", "path-probe", "-n", NAMESPACE];
    let token = ground.cluster.kubectl.run(&args).await?;
    let cluster =
        json!({"server": ground.cluster.server, "certificate-authority-data": ground.cluster.ca_data});
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "ground",
        "clusters": [{"name": "ground", "cluster": cluster}],
        "users": [{"name": "path-probe", "user": {"token": token.trim()}}],
        "contexts": [{"name": "ground", "context": {"cluster": "ground", "user": "path-probe"}}],
    });
    let file = ground.folder.join("path-probe.kubeconfig");
    std::fs::write(&file, config.to_string())?;
    Ok(Account { ground, kubeconfig: file, firewall: firewall.to_owned() })
}

struct Account<'a> {
    ground: &'a Ground,
    kubeconfig: PathBuf,
    firewall: String,
}

impl Account<'_> {
    /// A probe that runs at `own` and finds the other one at `other`.
    async fn probe(&self, name: &str, own: &str, other: &str, port: u16) -> Result<Child> {
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": NAMESPACE},
            "spec": {"containers": [{"name": "probe", "image": "probe"}]}});
        let kubectl = &self.ground.cluster.kubectl;
        kubectl.apply(&pod.to_string()).await?;
        let pod = kubectl.get(&["pod", name, "-n", NAMESPACE]).await?;
        let log = self.ground.folder.join(format!("{name}.log"));
        let log = std::fs::File::options().create(true).append(true).open(log)?;
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL", "--"])
            .arg(ground::built("sallyport")?)
            .args(["path-probe", "--firewall", &self.firewall, "--peers", other])
            .args(["--port", &port.to_string()])
            .env("KUBECONFIG", &self.kubeconfig)
            .env("POD_IP", own)
            .env("POD_NAME", name)
            .env("POD_UID", pod["metadata"]["uid"].as_str().context("no UID")?);
        command.stdout(log.try_clone()?).stderr(log).kill_on_drop(true).spawn().context("no probe")
    }
}

/// A port that was free at every address a moment ago.
fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("0.0.0.0:0")?.local_addr()?.port())
}

async fn rights(ground: &Ground) -> Result<()> {
    account(ground, "edge-of-another").await?;
    let thief = Person::with_token_of(&ground.cluster, NAMESPACE, "path-probe").await?;
    let group = "/apis/sallyport.dev/v1alpha1";
    for path in [
        "/firewalls".to_owned(),
        "/firewalls/another".to_owned(),
        format!("/namespaces/{NAMESPACE}/pathreports"),
        "/namespaces/default/pathreports/probe".to_owned(),
        "/workloadidentities".to_owned(),
    ] {
        thief.ask(Verb::Get, &format!("{group}{path}"), None).await?.refused("cannot")?;
    }
    thief
        .ask(Verb::Get, &format!("/api/v1/namespaces/{NAMESPACE}/secrets"), None)
        .await?
        .refused("cannot")?;
    let report = |namespace: &str, met: Value| {
        json!({"apiVersion": "sallyport.dev/v1alpha1", "kind": "PathReport",
            "metadata": {"name": "stolen", "namespace": namespace},
            "spec": {"firewall": "edge-of-another", "address": "10.0.0.1", "at": "2026-11-21T12:00:00Z", "met": met}})
    };
    let reports = |namespace: &str| format!("{group}/namespaces/{namespace}/pathreports");
    let elsewhere = report("default", json!([]));
    thief.ask(Verb::Create, &reports("default"), Some(&elsewhere)).await?.refused("cannot create")?;
    let met = json!({"address": "10.0.0.2", "control": "Answered", "canary": "Reset"});
    let long = report(NAMESPACE, Value::Array(vec![met.clone(); 65]));
    thief.ask(Verb::Create, &reports(NAMESPACE), Some(&long)).await?.refused("at most 64")?;
    let made = thief.ask(Verb::Create, &reports(NAMESPACE), Some(&report(NAMESPACE, json!([met])))).await?;
    ensure!(made.done(), "its own report it may write: {made:?}");
    Ok(())
}
