//! Other administrators: what they commit counts, what they break is repaired, what they hold is waited for, and
//! what is theirs is left as it is.

use anyhow::{Context as _, Result, ensure};
use ground::{
    Ground, Team,
    team::{TeamOptions, condition},
    wait,
};
use sallyport_contract::{firewall_names, object::Action};
use serde_json::{Value, json};

use crate::{
    census::{Foreign, exactly_one},
    run::{Test, test},
};
use ground::team::Authority::Embedded;

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test("devices::law_2_what_another_administrator_commits_for_us_counts", |g| Box::pin(carried(g))),
        test("devices::law_7_a_rule_that_was_moved_goes_back", |g| Box::pin(moved(g))),
        test("devices::law_7_a_rule_that_was_renamed_is_told_and_not_touched", |g| Box::pin(renamed(g))),
        test("devices::law_7_a_copied_mark_is_told_and_not_touched", |g| Box::pin(copied(g))),
        test("devices::a_config_lock_is_waited_for", |g| Box::pin(locked(g, "config-lock"))),
        test("devices::a_commit_lock_is_waited_for", |g| Box::pin(locked(g, "commit-lock"))),
        test("devices::what_another_administrator_reverts_is_written_again", |g| Box::pin(reverted(g))),
    ]
}

const VSYS: &str = "/config/devices/entry[@name='localhost.localdomain']/vsys/entry[@name='vsys1']";

/// The other administrator does something, which succeeds.
async fn alice(team: &Team<'_>, parameters: &[(&str, &str)]) -> Result<()> {
    let said = team.firewall.colleague(parameters).await?;
    ensure!(said.contains("status=\"success\""), "{parameters:?}: {said}");
    Ok(())
}

/// The other administrator commits everything, once the device is not busy with another commit.
async fn alice_commits(team: &Team<'_>) -> Result<()> {
    let commit = [("type", "commit"), ("cmd", "<commit></commit>")];
    wait::until("the other administrator to commit", wait::GENEROUS, || alice(team, &commit)).await?;
    wait::until("that commit to end", wait::GENEROUS, || async {
        let jobs =
            team.firewall.colleague(&[("type", "op"), ("cmd", "<show><jobs><all/></jobs></show>")]).await?;
        ensure!(!jobs.contains("<status>ACT</status>") && !jobs.contains("<status>PEND</status>"), "it runs");
        Ok(())
    })
    .await
}

fn rule_of(team: &Team<'_>) -> (String, String) {
    let name = firewall_names::rule(&team.name, &team.name, Action::Allow);
    let xpath = format!("{VSYS}/rulebase/security/rules/entry[@name='{name}']");
    (name, xpath)
}

/// Any change of the Firewall makes the syncer look at once.
async fn look(team: &Team<'_>, max_names: u16) -> Result<()> {
    team.patch("fw", &json!({"bounds": {"maxNames": max_names}})).await
}

/// A condition of the team's Firewall has this reason and these words.
async fn firewall_says(
    ground: &Ground,
    team: &Team<'_>,
    kind: &str,
    reason: &str,
    words: &str,
) -> Result<()> {
    wait::until(&format!("the Firewall to say {reason}"), wait::GENEROUS, || async {
        let object = ground.cluster.kubectl.get(&["fw", &team.name]).await?;
        let said = condition(&object, kind).context("no condition")?;
        let message = said["message"].as_str().unwrap_or_default();
        ensure!(said["reason"] == reason && message.contains(words), "{said}");
        Ok(())
    })
    .await
}

async fn start<'g>(ground: &'g Ground, name: &str) -> Result<(Team<'g>, Foreign)> {
    let team = Team::start(ground, name, TeamOptions::default()).await?;
    let foreign = Foreign::of(&team).await?;
    Ok((team, foreign))
}

async fn apply(ground: &Ground, team: &Team<'_>) -> Result<()> {
    ground.cluster.kubectl.apply(&team.deployment("web", 1, &json!({})).to_string()).await?;
    Ok(())
}

async fn carried(ground: &Ground) -> Result<()> {
    let (team, foreign) = start(ground, "carried").await?;
    let busy = json!({"refuse": {"code": 13, "text": "Another commit/validate is in progress"}});
    let ours = json!({"where": "commit", "action": busy, "times": "forever", "match": "<partial>"});
    team.firewall.fault(&ours).await?;
    apply(ground, &team).await?;
    team.gate_waits("web", "AwaitingCommit", "in progress").await?;
    alice_commits(&team).await?;
    team.gate_opens("web").await?;
    let log = team.firewall.log().await?;
    let taken =
        |call: &&Value| call["type"] == "commit" && call["user"] == "sallyport" && call["job"].is_number();
    ensure!(log.iter().filter(taken).count() == 0, "a commit job of ours was needed");
    let identity = team.identity(&team.dns_name("web")).await?;
    ensure!(identity["status"]["firewall"]["apps"][0]["job"].is_null(), "{}", identity["status"]);
    team.firewall.heal().await?;
    exactly_one(ground, &team, Embedded).await?;
    foreign.untouched(&team).await
}

async fn moved(ground: &Ground) -> Result<()> {
    let (team, foreign) = start(ground, "moved").await?;
    apply(ground, &team).await?;
    team.gate_opens("web").await?;
    let (rule, xpath) = rule_of(&team);
    alice(&team, &[("type", "config"), ("action", "move"), ("xpath", &xpath), ("where", "bottom")]).await?;
    look(&team, 1999).await?;
    firewall_says(ground, &team, "InSync", "InSync", "").await?;
    let place = |xml: &str| (xml.find(&format!("\"{rule}\"")), xml.find("\"deny-east-west\""));
    let (ours, deny) = place(&team.firewall.candidate().await?);
    ensure!(ours > deny, "what is not committed is still the other administrator's to decide");
    alice_commits(&team).await?;
    look(&team, 1998).await?;
    wait::until("the rule to stand before its anchor again", wait::GENEROUS, || async {
        let (ours, deny) = place(&team.firewall.running().await?);
        ensure!(ours.is_some() && ours < deny, "not yet");
        Ok(())
    })
    .await?;
    exactly_one(ground, &team, Embedded).await?;
    foreign.untouched(&team).await
}

async fn renamed(ground: &Ground) -> Result<()> {
    let (team, foreign) = start(ground, "rule-renamed").await?;
    apply(ground, &team).await?;
    team.gate_opens("web").await?;
    let (rule, xpath) = rule_of(&team);
    let rename = [("type", "config"), ("action", "rename"), ("xpath", &xpath), ("newname", "taken-by-alice")];
    alice(&team, &rename).await?;
    alice_commits(&team).await?;
    look(&team, 1999).await?;
    wait::until("the rule to be there again", wait::GENEROUS, || async {
        ensure!(team.firewall.running().await?.contains(&format!("<entry name=\"{rule}\"")), "not yet");
        Ok(())
    })
    .await?;
    team.gate_opens("web").await?;
    ensure!(team.firewall.running().await?.contains("\"taken-by-alice\""), "it was touched");
    let theirs = format!("{VSYS}/rulebase/security/rules/entry[@name='taken-by-alice']");
    alice(&team, &[("type", "config"), ("action", "delete"), ("xpath", &theirs)]).await?;
    alice_commits(&team).await?;
    look(&team, 1998).await?;
    firewall_says(ground, &team, "InSync", "InSync", "").await?;
    exactly_one(ground, &team, Embedded).await?;
    foreign.untouched(&team).await
}

async fn copied(ground: &Ground) -> Result<()> {
    let (team, foreign) = start(ground, "copied").await?;
    let mark = firewall_names::mark("copied", "copied", &team.dns_name("web").parse()?);
    let app = format!("{VSYS}/application/entry[@name='alices-own']");
    let element = format!(
        "<category>business-systems</category><subcategory>general-business</subcategory>\
         <technology>client-server</technology><risk>1</risk><description>{mark}</description>"
    );
    alice(&team, &[("type", "config"), ("action", "set"), ("xpath", &app), ("element", &element)]).await?;
    alice_commits(&team).await?;
    let theirs = Foreign::of(&team).await?;
    apply(ground, &team).await?;
    team.gate_opens("web").await?;
    firewall_says(ground, &team, "InSync", "CopiedMark", "alices-own").await?;
    theirs.untouched(&team).await?;
    alice(&team, &[("type", "config"), ("action", "delete"), ("xpath", &app)]).await?;
    alice_commits(&team).await?;
    look(&team, 1999).await?;
    firewall_says(ground, &team, "InSync", "InSync", "").await?;
    exactly_one(ground, &team, Embedded).await?;
    foreign.untouched(&team).await
}

async fn locked(ground: &Ground, lock: &str) -> Result<()> {
    let (team, foreign) = start(ground, lock).await?;
    let request = |what: &str| format!("<request><{lock}>{what}</{lock}></request>");
    let add = request("<add><comment>a change of mine</comment></add>");
    alice(&team, &[("type", "op"), ("cmd", &add), ("vsys", "vsys1")]).await?;
    apply(ground, &team).await?;
    team.gate_waits("web", "LockedByOther", "lock").await?;
    ensure!(!team.firewall.running().await?.contains("<entry name=\"sp-web-"), "the lock was passed over");
    alice(&team, &[("type", "op"), ("cmd", &request("<remove/>")), ("vsys", "vsys1")]).await?;
    team.gate_opens("web").await?;
    exactly_one(ground, &team, Embedded).await?;
    foreign.untouched(&team).await
}

async fn reverted(ground: &Ground) -> Result<()> {
    let (team, foreign) = start(ground, "reverted").await?;
    let save = "<save><config><to>before.xml</to></config></save>";
    alice(&team, &[("type", "op"), ("cmd", save)]).await?;
    let busy = json!({"refuse": {"code": 13, "text": "Another commit/validate is in progress"}});
    let ours = json!({"where": "commit", "action": busy, "times": "forever", "match": "<partial>"});
    team.firewall.fault(&ours).await?;
    apply(ground, &team).await?;
    team.gate_waits("web", "AwaitingCommit", "in progress").await?;
    // What we wrote and did not commit yet goes with a revert of everything.
    alice(&team, &[("type", "op"), ("cmd", "<revert><config></config></revert>")]).await?;
    team.firewall.heal().await?;
    team.gate_opens("web").await?;
    exactly_one(ground, &team, Embedded).await?;
    // So does what we committed, when an older configuration is loaded and committed.
    let load = "<load><config><from>before.xml</from></config></load>";
    alice(&team, &[("type", "op"), ("cmd", load)]).await?;
    alice_commits(&team).await?;
    look(&team, 1999).await?;
    wait::until("our rule to be there again", wait::GENEROUS, || async {
        let (rule, _) = rule_of(&team);
        ensure!(team.firewall.running().await?.contains(&format!("<entry name=\"{rule}\"")), "not yet");
        Ok(())
    })
    .await?;
    exactly_one(ground, &team, Embedded).await?;
    foreign.untouched(&team).await
}
