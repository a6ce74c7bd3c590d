//! Counts what one workload came to, at the far sides themselves: exactly one of each.

use anyhow::{Context as _, Result, ensure};
use ground::{
    Ground, Team,
    team::{Authority, condition},
    wait,
};
use serde_json::Value;

/// Label of a state Secret: the namespace of its identity.
const OF_NAMESPACE: &str = "sallyport.dev/namespace";

/// Exactly one claim, identity, state Secret, certificate Secret, App-ID, membership, and, where AWS
/// signs, certificate of the workload `web`, once its identity says that it is ready.
pub(crate) async fn exactly_one(ground: &Ground, team: &Team<'_>, authority: Authority) -> Result<()> {
    let dns_name = team.dns_name("web");
    wait::until("the identity to be ready", wait::GENEROUS, || async {
        let identity = team.identity(&dns_name).await?;
        let ready = condition(&identity, "Ready").context("no condition Ready")?;
        ensure!(ready["status"] == "True", "{ready}");
        Ok(())
    })
    .await?;
    let app = in_the_cluster(ground, team, &dns_name).await?;
    if authority == Authority::Aws {
        let issued = ground.pca.issued().await?;
        let names = |one: &&Value| {
            one["names"].as_array().is_some_and(|names| names.contains(&dns_name.clone().into()))
        };
        let certificates = issued.as_array().context("no list")?.iter().filter(names).count();
        ensure!(certificates == 1, "{certificates} certificates were issued for {dns_name}");
    }
    for (which, xml) in
        [("candidate", team.firewall.candidate().await?), ("running", team.firewall.running().await?)]
    {
        let pattern = dns_name.replace('.', "\\.");
        let patterns = xml.matches(&pattern).count();
        let entries = xml.matches(&format!("<entry name=\"{app}\"")).count();
        let members = xml.matches(&format!("<member>{app}</member>")).count();
        ensure!(
            (patterns, entries, members) == (1, 1, 1),
            "the {which} configuration has {patterns} patterns, {entries} App-IDs and {members} memberships of {dns_name}"
        );
    }
    Ok(())
}

/// The objects of a name, of each one; gives the App-ID that the claim remembers.
async fn in_the_cluster(ground: &Ground, team: &Team<'_>, dns_name: &str) -> Result<String> {
    let all = ground.cluster.kubectl.get(&["nclaim,wid,secrets,pods", "-A"]).await?;
    let all = all["items"].as_array().context("no list")?;
    let claims: Vec<&Value> = all.iter().filter(|claim| claim["spec"]["dnsName"] == dns_name).collect();
    let own = || all.iter().filter(|object| object["metadata"]["namespace"] == team.name.as_str());
    let count = |kind: &str| own().filter(|object| object["kind"] == kind).count();
    let certificates = own().filter(|object| object["type"] == "kubernetes.io/tls").count();
    let of_team = |object: &&Value| {
        let meta = &object["metadata"];
        meta["namespace"] == "sallyport-system" && meta["labels"][OF_NAMESPACE] == team.name.as_str()
    };
    let states = all.iter().filter(of_team).count();
    let counted = [claims.len(), count("WorkloadIdentity"), certificates, states, count("Pod")];
    ensure!(counted == [1; 5], "claims, identities, certificate Secrets, state Secrets, pods: {counted:?}");
    let held =
        claims.first().and_then(|claim| claim["status"]["firewalls"].as_array()).context("no status")?;
    ensure!(held.len() == 1, "the claim remembers {} firewalls", held.len());
    let app = held.first().and_then(|held| held["app"].as_str()).context("the claim knows no App-ID")?;
    Ok(app.to_owned())
}

/// What others have on a firewall: both configurations without the entries that are ours.
#[derive(PartialEq, Eq)]
pub(crate) struct Foreign {
    candidate: String,
    running: String,
}

impl Foreign {
    /// As it stands now.
    pub(crate) async fn of(team: &Team<'_>) -> Result<Self> {
        Ok(Self {
            candidate: without_ours(&team.firewall.candidate().await?)?,
            running: without_ours(&team.firewall.running().await?)?,
        })
    }

    /// It is as it was, byte for byte.
    pub(crate) async fn untouched(&self, team: &Team<'_>) -> Result<()> {
        let now = Self::of(team).await?;
        ensure!(now.candidate == self.candidate, "foreign objects changed: {}", now.candidate);
        ensure!(now.running == self.running, "running foreign objects changed: {}", now.running);
        Ok(())
    }
}

/// The text without each `<entry name="sp-…">` and `<entry name="sallyport:…">`.
fn without_ours(xml: &str) -> Result<String> {
    let mut rest = xml;
    let mut kept = String::new();
    while let Some(at) =
        ["<entry name=\"sp-", "<entry name=\"sallyport:"].iter().filter_map(|m| rest.find(m)).min()
    {
        let (before, entry) = rest.split_at_checked(at).context("not at a character")?;
        kept.push_str(before);
        rest = after_entry(entry).context("an entry does not end")?;
    }
    kept.push_str(rest);
    Ok(kept)
}

/// What follows the entry that the text begins with.
fn after_entry(text: &str) -> Option<&str> {
    let (mut depth, mut at) = (0_u32, 0);
    loop {
        let rest = text.get(at..)?;
        let next = rest.find("<entry").into_iter().chain(rest.find("</entry>")).min()?;
        let tag = rest.get(next..)?;
        let end = at + next + tag.find('>')? + 1;
        if tag.starts_with("</entry>") {
            depth = depth.checked_sub(1)?;
        } else if !text.get(..end)?.ends_with("/>") {
            depth += 1;
        }
        at = end;
        if depth == 0 {
            return text.get(at..);
        }
    }
}

/// The scissors cut our entries whole and nothing else, as the test of the tests shows on a configuration.
pub(crate) fn only_ours_is_cut() -> Result<()> {
    let ours = "<entry name=\"sp-a-1\"><x><entry name=\"c\"/><entry name=\"d\">1</entry></x></entry>";
    let tag = "<entry name=\"sallyport:team\"/>";
    let foreign = "<entry name=\"legacy\"><entry name=\"x\"/></entry>";
    let cut = without_ours(&format!("<a>{ours}{foreign}{tag}</a>"))?;
    ensure!(cut == format!("<a>{foreign}</a>"), "{cut}");
    Ok(())
}
