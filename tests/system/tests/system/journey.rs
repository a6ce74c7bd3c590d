//! The journey: from one `kubectl apply` to Ready, and no sooner.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use ground::{
    Ground, Team, leaf,
    network::{Outcome, dial, dial_for},
    team::{Authority, TeamOptions, condition, gate},
    wait,
};
use serde_json::json;

use crate::run::{Test, test};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test("journey::by_kubectl_alone", |ground| Box::pin(by_kubectl_alone(ground))),
        test("journey::law_2_no_gate_opens_before_the_running_configuration_holds_it", |ground| {
            Box::pin(not_before_the_running_configuration(ground))
        }),
        test("journey::law_2_a_new_pod_of_a_proven_identity_opens_at_once", |ground| Box::pin(warm(ground))),
        test("journey::allowed_passes_denied_is_reset_unknown_fails", |ground| Box::pin(traffic(ground))),
        test("journey::law_9_many_identities_cost_few_commits", |ground| Box::pin(coalesced(ground))),
    ]
}

async fn by_kubectl_alone(ground: &Ground) -> Result<()> {
    let team =
        Team::start(ground, "alone", TeamOptions { authority: Authority::Aws, ..TeamOptions::default() })
            .await?;
    let wish = json!({"sallyport.dev/san": "Api.alone.corp.example", "sallyport.dev/containers": "nginx"});
    ground.cluster.kubectl.apply(&team.deployment("web", 3, &wish).to_string()).await?;
    let pods = team.ready("web", 3).await?;
    let name = "api.alone.corp.example";
    let identity = team.identity(name).await?;
    let identity_name = identity["metadata"]["name"].as_str().context("no name")?;
    for pod in &pods {
        let meta = &pod["metadata"];
        ensure!(meta["annotations"]["resolved.sallyport.dev/dns-names"] == name, "{meta}");
        ensure!(meta["annotations"]["resolved.sallyport.dev/action"] == "allow", "{meta}");
        ensure!(meta["annotations"]["resolved.sallyport.dev/policy"] == "alone", "{meta}");
        ensure!(meta["annotations"]["paloaltonetworks.com/firewall"] == "pan-fw", "{meta}");
        ensure!(meta["labels"]["sallyport.dev/identity"] == identity_name, "{meta}");
        let mounts = pod["spec"]["containers"][0]["volumeMounts"].as_array().context("no mounts")?;
        let mount =
            mounts.iter().find(|mount| mount["name"] == "sallyport-tls").context("no mount of ours")?;
        ensure!(mount["mountPath"] == "/var/run/sallyport/tls" && mount["readOnly"] == true, "{mount}");
        let gate = gate(pod).context("no gate")?;
        ensure!(gate["reason"] == "Enforced", "{gate}");
        ensure!(gate["message"].as_str().is_some_and(|text| text.contains("path not proven")), "{gate}");
    }
    let deployment = ground.cluster.kubectl.get(&["deployment", "web", "-n", "alone"]).await?;
    ensure!(
        deployment["metadata"]["annotations"]["resolved.sallyport.dev/dns-names"] == name,
        "{deployment}"
    );
    let template = &deployment["spec"]["template"]["metadata"]["annotations"];
    ensure!(template == &wish, "the template was changed: {template}");
    conditions_say_so(&team, name).await?;
    openssl_accepts(&team, identity_name, name).await
}

async fn conditions_say_so(team: &Team<'_>, name: &str) -> Result<()> {
    wait::until("all conditions to be True", wait::GENEROUS, || async {
        let identity = team.identity(name).await?;
        for kind in ["CertificateIssued", "FirewallEnforced", "Ready"] {
            let condition = condition(&identity, kind).with_context(|| format!("no condition {kind}"))?;
            ensure!(condition["status"] == "True", "{condition}");
        }
        let status = &identity["status"];
        ensure!(status["pods"]["summary"] == "3/3", "{}", status["pods"]);
        ensure!(
            status["certificate"]["arn"].as_str().is_some_and(|arn| arn.starts_with("arn:aws:acm-pca:")),
            "{status}"
        );
        ensure!(status["firewall"]["apps"][0]["dnsName"] == name, "{status}");
        Ok(())
    })
    .await
}

async fn openssl_accepts(team: &Team<'_>, identity: &str, name: &str) -> Result<()> {
    let delivered = team.certificate(identity).await?;
    let (chain, root) = (team.file("tls.crt"), team.file("ca.crt"));
    std::fs::write(&chain, &delivered.chain)?;
    std::fs::write(&root, &delivered.ca)?;
    let openssl = tokio::process::Command::new("openssl")
        .args(["verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", name, "-CAfile"])
        .args([&root, &chain])
        .output()
        .await?;
    ensure!(openssl.status.success(), "openssl: {}", String::from_utf8_lossy(&openssl.stderr));
    ensure!(leaf::read(&delivered.chain)?.dns_names == [name], "other names");
    Ok(())
}

async fn not_before_the_running_configuration(ground: &Ground) -> Result<()> {
    // Long enough for a slow machine to look while the commit runs.
    let options = TeamOptions { commit_time: Duration::from_secs(20), ..TeamOptions::default() };
    let team = Team::start(ground, "early", options).await?;
    ground.cluster.kubectl.apply(&team.deployment("web", 1, &json!({})).to_string()).await?;
    team.gate_waits("web", "AwaitingCommit", "job").await?;
    let holds = || async { Ok(team.firewall.running().await?.contains(r"web\.early\.corp\.example")) };
    ensure!(!holds().await?, "the running configuration held the App-ID before the commit ended");
    wait::until("the gate to open", wait::GENEROUS, || async {
        let pods = team.pods("web").await?;
        ensure!(pods.first().and_then(gate).is_some_and(|gate| gate["status"] == "True"), "still closed");
        // Read after the gate: what is open now must already have been there.
        Ok(ensure_held(holds().await))
    })
    .await?
}

fn ensure_held(held: Result<bool>) -> Result<()> {
    ensure!(held?, "the gate opened although the running configuration does not hold the App-ID");
    Ok(())
}

async fn warm(ground: &Ground) -> Result<()> {
    let team = Team::start(ground, "warm", TeamOptions::default()).await?;
    let kubectl = &ground.cluster.kubectl;
    kubectl.apply(&team.deployment("web", 1, &json!({})).to_string()).await?;
    team.ready("web", 1).await?;
    // The firewall is away: a second pod needs nothing from it.
    team.firewall.vanish().await?;
    kubectl.run(&["scale", "deployment/web", "--replicas=3", "-n", "warm"]).await?;
    team.ready("web", 3).await?;
    Ok(())
}

async fn traffic(ground: &Ground) -> Result<()> {
    let team = Team::start(ground, "traffic", TeamOptions::default()).await?;
    let kubectl = &ground.cluster.kubectl;
    kubectl.apply(&team.deployment("web", 1, &json!({})).to_string()).await?;
    kubectl.apply(&team.deployment("old", 1, &json!({"sallyport.dev/action": "deny"})).to_string()).await?;
    team.ready("web", 1).await?;
    team.ready("old", 1).await?;
    let allowed = team.dns_name("web");
    let seen = obeyed(&team).await?;
    ensure!(seen == Outcome::Verified(format!("hello from {allowed}")), "{seen:?}");
    Ok(())
}

/// Sends traffic through the firewall for `web`, which is allowed, `old`, which is denied, and a name that nobody
/// has. Gives what a client of `web` sees; the others must be refused.
pub(crate) async fn obeyed(team: &Team<'_>) -> Result<Outcome> {
    let (allowed, denied) = (team.dns_name("web"), team.dns_name("old"));
    let identity = team.identity(&allowed).await?;
    let delivered = team.certificate(identity["metadata"]["name"].as_str().context("no name")?).await?;
    team.server.serve(&allowed, &delivered.chain, &delivered.key)?;
    let through = |name: String| {
        let (address, root) = (team.firewall.data_plane, delivered.ca.clone());
        async move { dial(address, &name, &root).await }
    };
    let seen = through(allowed.clone()).await?;
    let upper = through(allowed.to_uppercase()).await?;
    ensure!(
        matches!(upper, Outcome::Verified(_)) == matches!(seen, Outcome::Verified(_)),
        "upper case in the ClientHello: {upper:?}, lower case: {seen:?}"
    );
    let refused = through(denied).await?;
    ensure!(!matches!(refused, Outcome::Verified(_)), "{refused:?}");
    ensure!(matches!(seen, Outcome::Verified(_)) == (refused == Outcome::Reset), "{refused:?}");
    let patience = Duration::from_secs(2);
    let nobody = team.dns_name("nobody");
    let unknown = dial_for(patience, team.firewall.data_plane, &nobody, &delivered.ca).await?;
    ensure!(!matches!(unknown, Outcome::Verified(_)), "{unknown:?}");
    Ok(seen)
}

async fn coalesced(ground: &Ground) -> Result<()> {
    // How fast they come is the machine's choice: so they come while nothing is written.
    let options = TeamOptions {
        firewall_spec: json!({"suspend": true}),
        commit_time: Duration::from_secs(2),
        ..TeamOptions::default()
    };
    let team = Team::start(ground, "many", options).await?;
    let list: Vec<_> = (0..20).map(|n| team.deployment(&format!("app-{n}"), 1, &json!({}))).collect();
    ground.cluster.kubectl.apply(&ground::manifests::stream(&list)).await?;
    for n in 0..20 {
        team.gate_waits(&format!("app-{n}"), "Suspended", "suspend").await?;
    }
    team.patch("fw", &json!({"suspend": false})).await?;
    for n in 0..20 {
        team.ready(&format!("app-{n}"), 1).await?;
    }
    let log = team.firewall.log().await?;
    let commits = log.iter().filter(|call| call["type"] == "commit").count();
    let writes = log.iter().filter(|call| call["action"] == "multi-config").count();
    ensure!(commits == 1, "{commits} commits for 20 identities");
    ensure!(writes == 1, "{writes} write calls for 20 identities");
    Ok(())
}
