//! What people ask of an identity, and what a renewal leads to: another certificate, the end of the old one, a restart.

use anyhow::{Context as _, Result, ensure};
use ground::{
    Ground, Team, leaf,
    person::{Person, Verb},
    team::{Authority, TeamOptions, condition},
    wait,
};
use serde_json::{Value, json};

use crate::{
    certificates::name_of,
    run::{Test, test},
};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test("asked::a_renewal_that_is_asked_for_comes_once_and_ends_nothing", |g| Box::pin(renewed(g))),
        test("asked::law_8_a_revocation_ends_the_noted_certificate_and_no_other", |g| Box::pin(revoked(g))),
        test("asked::a_workload_that_reads_once_is_restarted_where_its_policy_and_its_team_say_so", |g| {
            Box::pin(restarted(g))
        }),
    ]
}

fn aws() -> TeamOptions {
    TeamOptions { authority: Authority::Aws, ..TeamOptions::default() }
}

/// Asks something of the identity of `web`, and waits until it is done; gives the request.
pub(crate) async fn done(ground: &Ground, team: &Team<'_>, name: &str, what: &Value) -> Result<Value> {
    let identity = name_of(team, &team.dns_name("web")).await?;
    let mut spec = json!({"identity": identity});
    if let (Some(spec), Some(what)) = (spec.as_object_mut(), what.as_object()) {
        spec.extend(what.clone());
    }
    let request = json!({"apiVersion": "sallyport.dev/v1alpha1", "kind": "IdentityRequest",
        "metadata": {"name": name, "namespace": team.name}, "spec": spec});
    ground.cluster.kubectl.apply(&request.to_string()).await?;
    wait::until(&format!("request {name} to be done"), wait::GENEROUS, || async {
        let request = ground.cluster.kubectl.get(&["idreq", name, "-n", &team.name]).await?;
        let done = condition(&request, "Done").context("no condition Done")?;
        ensure!(done["status"] == "True", "{done}");
        Ok(request)
    })
    .await
}

/// A team whose Deployment `web` is Ready; its identity and its first leaf.
async fn scene<'g>(
    ground: &'g Ground,
    name: &str,
    options: TeamOptions,
) -> Result<(Team<'g>, String, String)> {
    let team = Team::start(ground, name, options).await?;
    ground.cluster.kubectl.apply(&team.deployment("web", 1, &json!({})).to_string()).await?;
    team.ready("web", 1).await?;
    let identity = name_of(&team, &team.dns_name("web")).await?;
    let chain = team.certificate(&identity).await?.chain;
    leaf::read(&chain)?;
    Ok((team, identity, chain))
}

/// What the CA issued for the team: serial number and whether it was revoked, in order.
async fn issued(ground: &Ground, team: &Team<'_>) -> Result<Vec<(String, bool)>> {
    let all = ground.pca.issued().await?;
    let name = team.dns_name("web");
    let ours =
        all.as_array().context("no list")?.iter().filter(|one| one["names"].to_string().contains(&name));
    ours.map(|one| {
        let serial = one["serial"].as_str().with_context(|| format!("no serial in {one}"))?;
        Ok((serial.replace(':', "").to_lowercase(), one["revoked"] == true))
    })
    .collect()
}

async fn renewed(ground: &Ground) -> Result<()> {
    let (team, identity, before) = scene(ground, "renewing", aws()).await?;
    let request = done(ground, &team, "another", &json!({"renew": {}})).await?;
    let after = team.certificate(&identity).await?.chain;
    ensure!(after != before, "the same certificate");
    let issued = issued(ground, &team).await?;
    ensure!(issued.len() == 2 && issued.iter().all(|(_, revoked)| !revoked), "{issued:?}");
    ensure!(request["status"]["doneAt"].is_string(), "{request}");
    // It is done, whatever is looked at again.
    ground.cluster.kubectl.run(&["scale", "deployment/web", "--replicas=2", "-n", &team.name]).await?;
    team.ready("web", 2).await?;
    ensure!(team.certificate(&identity).await?.chain == after, "asked once, renewed twice");
    Ok(())
}

async fn revoked(ground: &Ground) -> Result<()> {
    let (team, identity, before) = scene(ground, "revoking", aws()).await?;
    let request = done(ground, &team, "lost", &json!({"revoke": {"reason": "KeyCompromise"}})).await?;
    ensure!(team.certificate(&identity).await?.chain != before, "the pods still have the lost one");
    let issued = issued(ground, &team).await?;
    let ends: Vec<bool> = issued.iter().map(|(_, revoked)| *revoked).collect();
    ensure!(ends == [true, false], "{issued:?}");
    let noted = request["status"]["serial"].as_str().context("nothing was noted")?.replace(':', "");
    ensure!(issued.first().is_some_and(|(serial, _)| *serial == noted), "{noted} of {issued:?}");
    // Nothing else revokes: not the end of the request, nor of the workload.
    ground.cluster.kubectl.run(&["delete", "idreq/lost", "deployment/web", "-n", &team.name]).await?;
    let still: Vec<bool> =
        self::issued(ground, &team).await?.into_iter().map(|(_, revoked)| revoked).collect();
    ensure!(still == [true, false], "{still:?}");
    Ok(())
}

async fn restarted(ground: &Ground) -> Result<()> {
    let spec = json!({"certificate": {"onRenewal": "RestartWorkload"}});
    let options = TeamOptions { policy_spec: spec, ..aws() };
    let (team, _, _) = scene(ground, "restarting", options).await?;
    let kubectl = &ground.cluster.kubectl;
    let uid = async || -> Result<Vec<String>> {
        let pods = team.pods("web").await?;
        Ok(pods.iter().filter_map(|pod| Some(pod["metadata"]["uid"].as_str()?.to_owned())).collect())
    };
    let first = uid().await?;
    done(ground, &team, "another", &json!({"renew": {}})).await?;
    let patience = wait::GENEROUS * 2;
    wait::until("the identity to say what is missing", patience, || async {
        let identity = team.identity(&team.dns_name("web")).await?;
        let issued = condition(&identity, "CertificateIssued").context("no condition")?;
        let said = issued["message"].as_str().unwrap_or_default();
        ensure!(issued["status"] == "True" && said.contains("sallyport-workload-restarter"), "{issued}");
        Ok(())
    })
    .await?;
    ensure!(uid().await? == first, "restarted without the right to");
    let role = "--clusterrole=sallyport-workload-restarter";
    let account = "--serviceaccount=sallyport-system:sallyport-cert-agent";
    kubectl.run(&["create", "rolebinding", "restarts", role, account, "-n", &team.name]).await?;
    wait::until("another pod", patience, || async {
        let now = uid().await?;
        ensure!(now.len() == 1 && now != first, "{now:?}");
        Ok(())
    })
    .await?;
    team.ready("web", 1).await?;
    only_the_annotation(ground, &team).await
}

/// The right to patch is the right to change one annotation.
async fn only_the_annotation(ground: &Ground, team: &Team<'_>) -> Result<()> {
    let thief = Person::with_token_of(&ground.cluster, "sallyport-system", "sallyport-cert-agent").await?;
    let path = format!("/apis/apps/v1/namespaces/{}/deployments/web", team.name);
    let template = |more: Value| json!({"spec": {"template": more}});
    for (body, words) in [
        (json!({"spec": {"replicas": 0}}), "changes nothing else of its spec"),
        (template(json!({"spec": {"serviceAccountName": "admin"}})), "changes nothing else of its spec"),
        (template(json!({"metadata": {"labels": {"more": "labels"}}})), "changes nothing else of its spec"),
        (
            template(
                json!({"metadata": {"annotations": {"sallyport.dev/san": "a.restarting.corp.example"}}}),
            ),
            "restarted-for alone",
        ),
        (json!({"metadata": {"labels": {"more": "labels"}}}), "changes nothing of its metadata"),
    ] {
        thief
            .ask(Verb::Strategic, &path, Some(&body))
            .await?
            .refused(words)
            .with_context(|| body.to_string())?;
    }
    let restart = template(json!({"metadata": {"annotations": {"sallyport.dev/restarted-for": "by-hand"}}}));
    let said = thief.ask(Verb::Strategic, &path, Some(&restart)).await?;
    ensure!(said.done(), "what it is for was refused: {} {}", said.status, said.text);
    Ok(())
}
