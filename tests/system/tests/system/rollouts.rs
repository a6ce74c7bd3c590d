//! Through rollouts: names and actions that change, changes that are undone, workloads that share a name.
//! What the CA and the firewall hold is the evidence.

use anyhow::{Context as _, Result, ensure};
use ground::{
    Ground, Team, leaf,
    team::{Authority, TeamOptions, gate},
    wait,
};
use sallyport_contract::{firewall_names, object::Action};
use serde_json::{Value, json};

use crate::{
    certificates::{issued, name_of},
    firewall::entries,
    run::{Test, test},
};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test("rollouts::law_10_a_changed_name_lives_beside_the_old_one_and_an_undo_finds_what_it_had", |g| {
            Box::pin(renamed(g))
        }),
        test("rollouts::the_newest_revision_decides_the_action_and_an_undo_is_newer", |g| {
            Box::pin(changed_action(g))
        }),
        test("rollouts::blue_and_green_with_one_name_leave_the_firewall_as_it_is", |g| {
            Box::pin(blue_green(g))
        }),
        test("rollouts::of_two_that_differ_in_the_action_the_second_is_refused", |g| Box::pin(differ(g))),
    ]
}

/// Certificates that are counted, and a firewall that lets go soon.
pub(crate) fn options() -> TeamOptions {
    let firewall_spec = json!({"removal": {"quarantine": "3s"}});
    TeamOptions { authority: Authority::Aws, firewall_spec, ..TeamOptions::default() }
}

async fn rolled_out(ground: &Ground, team: &Team<'_>, deployment: &str) -> Result<()> {
    let target = format!("deployment/{deployment}");
    let args = ["rollout", "status", &target, "-n", &team.name, "--timeout=180s"];
    ground.cluster.kubectl.run(&args).await?;
    Ok(())
}

/// The serial number of the certificate that is delivered for a name.
pub(crate) async fn serial(team: &Team<'_>, dns_name: &str) -> Result<String> {
    let identity = name_of(team, dns_name).await?;
    Ok(leaf::read(&team.certificate(&identity).await?.chain)?.serial)
}

/// How many identities of a team have that name; not more than one ever has.
pub(crate) async fn identities(ground: &Ground, team: &Team<'_>, dns_name: &str) -> Result<usize> {
    let list = ground.cluster.kubectl.get(&["wid", "-n", &team.name]).await?;
    let items = list["items"].as_array().context("no list")?;
    Ok(items.iter().filter(|item| item["spec"]["dnsNames"] == json!([dns_name])).count())
}

/// Waits until a name is gone: identity, App-ID and claim.
pub(crate) async fn gone(ground: &Ground, team: &Team<'_>, dns_name: &str) -> Result<()> {
    let app = format!("sp-{}-", dns_name.split('.').next().unwrap_or_default());
    wait::until(&format!("{dns_name} to be gone"), wait::GENEROUS, || async {
        ensure!(identities(ground, team, dns_name).await? == 0, "the identity is still there");
        ensure!(entries(&team.firewall.running().await?, &app) == 0, "the App-ID is still there");
        let path = "jsonpath={.items[*].spec.dnsName}";
        let claims = ground.cluster.kubectl.run(&["get", "nclaim", "-o", path]).await?;
        ensure!(!claims.split(' ').any(|name| name == dns_name), "the claim is still there");
        Ok(())
    })
    .await
}

fn wish(name: &str, action: &str) -> Value {
    json!({"sallyport.dev/san": name, "sallyport.dev/action": action})
}

async fn renamed(ground: &Ground) -> Result<()> {
    // Long enough to see both revisions at once.
    let commit_time = std::time::Duration::from_secs(3);
    let team = Team::start(ground, "renamed", TeamOptions { commit_time, ..options() }).await?;
    let kubectl = &ground.cluster.kubectl;
    let (old, new) = ("first.renamed.corp.example", "second.renamed.corp.example");
    kubectl.apply(&team.deployment("web", 2, &wish(old, "allow")).to_string()).await?;
    team.ready("web", 2).await?;
    let had = serial(&team, old).await?;
    kubectl.apply(&team.deployment("web", 2, &wish(new, "allow")).to_string()).await?;
    team.identity(new).await?;
    let beside = team.identity(old).await?;
    ensure!(beside["status"]["unwantedSince"].is_null(), "pods still carry the first: {}", beside["status"]);
    rolled_out(ground, &team, "web").await?;
    gone(ground, &team, old).await?;
    ensure!(entries(&team.firewall.running().await?, "sp-second-") == 1, "the second App-ID must stay");
    kubectl.run(&["rollout", "undo", "deployment/web", "-n", &team.name]).await?;
    team.identity(old).await?;
    rolled_out(ground, &team, "web").await?;
    ensure!(serial(&team, old).await? == had, "another certificate than it had");
    gone(ground, &team, new).await?;
    ensure!(entries(&team.firewall.running().await?, "sp-first-") == 1, "the first App-ID must be back");
    for name in [old, new] {
        let count = issued(ground, name).await?;
        ensure!(count == 1, "{count} certificates for {name}");
    }
    Ok(())
}

/// Waits until the running configuration has a rule for this action, and none for the other.
async fn enforces(team: &Team<'_>, action: Action, other: Action) -> Result<()> {
    let rule = |action| firewall_names::rule(&team.name, &team.name, action);
    wait::until(&format!("a rule to {}", action.as_str()), wait::GENEROUS, || async {
        let xml = team.firewall.running().await?;
        let (wanted, unwanted) = (entries(&xml, &rule(action)), entries(&xml, &rule(other)));
        ensure!((wanted, unwanted) == (1, 0), "{wanted} rules for it and {unwanted} for the other");
        ensure!(entries(&xml, "sp-web-") == 1, "the App-ID is not there");
        Ok(())
    })
    .await
}

async fn changed_action(ground: &Ground) -> Result<()> {
    let team = Team::start(ground, "turned", options()).await?;
    let kubectl = &ground.cluster.kubectl;
    let name = team.dns_name("web");
    kubectl.apply(&team.deployment("web", 2, &wish(&name, "allow")).to_string()).await?;
    team.ready("web", 2).await?;
    enforces(&team, Action::Allow, Action::Deny).await?;
    kubectl.apply(&team.deployment("web", 2, &wish(&name, "deny")).to_string()).await?;
    rolled_out(ground, &team, "web").await?;
    enforces(&team, Action::Deny, Action::Allow).await?;
    ensure!(team.identity(&name).await?["spec"]["action"] == "Deny", "the identity says otherwise");
    kubectl.run(&["rollout", "undo", "deployment/web", "-n", &team.name]).await?;
    rolled_out(ground, &team, "web").await?;
    enforces(&team, Action::Allow, Action::Deny).await?;
    ensure!(
        identities(ground, &team, &name).await? == 1,
        "the action belongs to the name, not to an identity"
    );
    let count = issued(ground, &name).await?;
    ensure!(count == 1, "{count} certificates for one name");
    Ok(())
}

/// How many changes the firewall was asked for.
async fn writes(team: &Team<'_>) -> Result<usize> {
    let log = team.firewall.log().await?;
    Ok(log.iter().filter(|call| call["action"] == "multi-config" || call["type"] == "commit").count())
}

async fn blue_green(ground: &Ground) -> Result<()> {
    let team = Team::start(ground, "bluegreen", options()).await?;
    let kubectl = &ground.cluster.kubectl;
    let name = "api.bluegreen.corp.example";
    kubectl.apply(&team.deployment("blue", 2, &wish(name, "allow")).to_string()).await?;
    team.ready("blue", 2).await?;
    let (running, written) = (team.firewall.running().await?, writes(&team).await?);
    let (identity, had) = (team.identity(name).await?, serial(&team, name).await?);
    kubectl.apply(&team.deployment("green", 2, &wish(name, "allow")).to_string()).await?;
    team.ready("green", 2).await?;
    kubectl.run(&["delete", "deployment/blue", "-n", &team.name]).await?;
    wait::until("blue's pods to be gone", wait::GENEROUS, || async {
        let left = team.pods("blue").await?.len();
        ensure!(left == 0, "{left} are left");
        Ok(())
    })
    .await?;
    ensure!(writes(&team).await? == written, "the firewall was asked for a change");
    others_go(ground, &team).await?;
    let after = team.identity(name).await?;
    ensure!(after["metadata"]["uid"] == identity["metadata"]["uid"], "another identity");
    ensure!(after["status"]["unwantedSince"].is_null(), "green wants it: {}", after["status"]);
    ensure!(serial(&team, name).await? == had && issued(ground, name).await? == 1, "another certificate");
    team.ready("green", 2).await?;
    ensure!(team.firewall.running().await? == running, "the running configuration is another one");
    Ok(())
}

/// Time passes: a workload that ends now has lost its identity, which ends as slowly as any other would.
pub(crate) async fn others_go(ground: &Ground, team: &Team<'_>) -> Result<()> {
    let (kubectl, name) = (&ground.cluster.kubectl, team.dns_name("passer"));
    kubectl.apply(&team.deployment("passer", 0, &json!({})).to_string()).await?;
    team.identity(&name).await?;
    kubectl.run(&["delete", "deployment/passer", "-n", &team.name]).await?;
    gone(ground, team, &name).await
}

async fn differ(ground: &Ground) -> Result<()> {
    let team = Team::start(ground, "differ", options()).await?;
    let kubectl = &ground.cluster.kubectl;
    let name = "api.differ.corp.example";
    kubectl.apply(&team.deployment("first", 1, &wish(name, "allow")).to_string()).await?;
    team.ready("first", 1).await?;
    let (running, written) = (team.firewall.running().await?, writes(&team).await?);
    kubectl.apply(&team.deployment("second", 1, &wish(name, "deny")).to_string()).await?;
    wait::until("the second to be refused", wait::GENEROUS, || async {
        let events = kubectl.get(&["events.events.k8s.io", "-n", &team.name]).await?;
        let items = events["items"].as_array().context("no list")?;
        let refused = |event: &&Value| {
            event["reason"] == "ActionConflict"
                && event["regarding"]["kind"] == "Deployment"
                && event["regarding"]["name"] == "second"
        };
        let event = items.iter().find(refused).context("no such event")?;
        let note = event["note"].as_str().unwrap_or_default();
        for words in ["Deployment differ/second asks to deny", "Deployment differ/first asks to allow", name]
        {
            ensure!(note.contains(words), "{words:?} is not in {note}");
        }
        Ok(())
    })
    .await?;
    wait::until("the second's pod to be judged", wait::GENEROUS, || async {
        let pods = team.pods("second").await?;
        let gate = pods.first().and_then(gate).context("no gate condition yet")?;
        ensure!(gate["status"] == "False", "its gate is open: {gate}");
        Ok(())
    })
    .await?;
    team.ready("first", 1).await?;
    ensure!(team.identity(name).await?["spec"]["action"] == "Allow", "the first was overruled");
    ensure!(
        team.firewall.running().await? == running && writes(&team).await? == written,
        "the firewall changed"
    );
    kubectl.run(&["delete", "deployment/first", "-n", &team.name]).await?;
    enforces_deny_after_all(&team, name).await
}

/// The positive control: what was refused is given once nobody says otherwise.
async fn enforces_deny_after_all(team: &Team<'_>, name: &str) -> Result<()> {
    team.ready("second", 1).await?;
    ensure!(team.identity(name).await?["spec"]["action"] == "Deny", "nobody else speaks any more");
    let rule = firewall_names::rule(&team.name, &team.name, Action::Deny);
    ensure!(entries(&team.firewall.running().await?, &rule) == 1, "no rule denies it");
    Ok(())
}
