//! Pods with certificates of their own, on the real API server and under its own validation. The test asks as the
//! kubelet does, with the certificate of the pod's node.

use anyhow::{Context as _, Result, ensure};
use ground::{
    Ground, Team,
    interposer::rules::{Action, Rule},
    kubelet::Asking,
    leaf,
    network::{Outcome, dial},
    person::{Person, Verb},
    team::{Authority, TeamOptions, condition},
    wait,
};
use serde_json::{Value, json};

use crate::{
    certificates::issued,
    interposed::{PATIENCE, PROGRAMS, Side, joined, options, travel},
    run::{Test, alone, interposed, test},
    served::POD_CERTIFICATES,
};

const STATE: &str = "resolved.sallyport.dev/pod-certificate";

/// The calls at which cert-agent is killed: each outward step of a request's journey.
const POINTS: &[(Side, &str, u32)] = &[
    (Side::Agent, "replace podcertificaterequests", 1),
    (Side::Authority, "IssueCertificate", 1),
    (Side::Agent, "replace podcertificaterequests", 2),
    (Side::Authority, "GetCertificate", 1),
    (Side::Agent, "replace podcertificaterequests/status", 1),
];

pub(crate) fn tests() -> Vec<Test> {
    let mut tests = vec![
        test("pod_certificates::law_2_from_apply_to_an_open_gate_without_a_secret", |g| Box::pin(journey(g))),
        test("pod_certificates::law_4_whoever_claims_anothers_name_gets_its_own", |g| Box::pin(own_name(g))),
        test("pod_certificates::law_4_a_pod_outside_the_policy_is_denied_with_the_reason", |g| {
            Box::pin(outside(g))
        }),
        test("pod_certificates::law_4_only_the_kubelet_of_the_pods_node_asks", |g| Box::pin(tenants(g))),
        test("pod_certificates::law_4_the_answer_is_cert_agents_and_all_that_it_may_change", |g| {
            Box::pin(answers(g))
        }),
        alone("pod_certificates::law_8_an_outage_leaves_it_pending_and_heals", |g| Box::pin(outage(g))),
        alone(
            "pod_certificates::law_8_an_authority_that_refuses_it_is_asked_again_and_nothing_fails_for_good",
            |g| Box::pin(refused(g)),
        ),
    ];
    for (index, (side, call, nth)) in POINTS.iter().copied().enumerate() {
        for (moment, action) in [("before", Action::HoldBefore), ("after", Action::HoldAfter)] {
            let name = format!("pod_certificates::law_8_killed_{moment}_{}_{nth}", joined(call, "_"));
            let team = format!("pods-{index}-{moment}");
            tests.push(interposed(name, move |g| {
                let (action, team) = (action.clone(), team.clone());
                Box::pin(async move { killed(g, side, call, nth, action, &team).await })
            }));
        }
    }
    tests.into_iter().map(|test| test.needs(POD_CERTIFICATES)).collect()
}

pub(crate) fn to_the_pod(authority: Authority) -> TeamOptions {
    let policy_spec = json!({"certificate": {"delivery": "Pod", "lifetime": "24h"}, "optOut": "Allow"});
    let authority_spec = match authority {
        Authority::Embedded => json!({}),
        Authority::Aws => {
            json!({"awsPrivateCA": {"templates": ["EndEntityServerAuthCertificate_APIPassthrough/V1"]}})
        }
    };
    TeamOptions { authority, authority_spec, policy_spec, ..TeamOptions::default() }
}

/// The workload web, whose pod's kubelet is about to ask.
pub(crate) async fn web(ground: &Ground, team: &Team<'_>) -> Result<Asking> {
    ground.cluster.kubectl.apply(&team.deployment("web", 1, &json!({})).to_string()).await?;
    of_web(ground, team).await
}

async fn of_web(ground: &Ground, team: &Team<'_>) -> Result<Asking> {
    let name = wait::until("the pod", wait::GENEROUS, || async {
        let pods = team.pods("web").await?;
        pods.first().and_then(|pod| pod["metadata"]["name"].as_str()).map(str::to_owned).context("no pod yet")
    })
    .await?;
    Asking::of(&ground.cluster, &team.name, &name).await
}

async fn request(ground: &Ground, team: &Team<'_>, name: &str) -> Result<Value> {
    ground.cluster.kubectl.get(&["podcertificaterequest", name, "-n", &team.name]).await
}

/// Waits until a request has this answer; gives it whole.
pub(crate) async fn answered(ground: &Ground, team: &Team<'_>, name: &str, kind: &str) -> Result<Value> {
    wait::until(&format!("request {}/{name} to be {kind}", team.name), wait::GENEROUS, || async {
        let request = request(ground, team, name).await?;
        ensure!(condition(&request, kind).is_some(), "{}", request["status"]);
        Ok(request)
    })
    .await
}

pub(crate) fn chain(request: &Value) -> Result<&str> {
    request["status"]["certificateChain"].as_str().context("no chain")
}

async fn journey(ground: &Ground) -> Result<()> {
    let team = Team::start(ground, "pods", to_the_pod(Authority::Aws)).await?;
    let asking = web(ground, &team).await?;
    let name = asking.ask(&ground.cluster).await?;
    let answer = answered(ground, &team, &name, "Issued").await?;
    let dns_name = team.dns_name("web");
    let leaf = leaf::read(chain(&answer)?)?;
    ensure!(leaf.dns_names == [dns_name.clone()], "{leaf:?}");
    let status = &answer["status"];
    for time in ["notBefore", "beginRefreshAt", "notAfter"] {
        ensure!(status[time].is_string(), "{status}");
    }
    ensure!(issued(ground, &dns_name).await? == 1, "more than one certificate");
    let pods = team.pods("web").await?;
    ensure!(pods[0]["spec"]["volumes"][0]["projected"].is_object(), "{}", pods[0]["spec"]["volumes"]);
    team.gate_opens("web").await?;
    let identity = wait::until("the identity to count it", wait::GENEROUS, || async {
        let identity = team.identity(&dns_name).await?;
        ensure!(identity["status"]["certificates"]["count"] == 1, "{}", identity["status"]);
        Ok(identity)
    })
    .await?;
    let said = &identity["status"]["certificates"]["earliestNotAfter"];
    ensure!(*said == status["notAfter"], "{said} is not {}", status["notAfter"]);
    ensure!(identity["status"]["certificate"].is_null(), "no one certificate serves all");
    let identity = identity["metadata"]["name"].as_str().context("no name")?;
    for (namespace, secret) in [
        (team.name.as_str(), format!("{identity}-tls")),
        ("sallyport-system", format!("state.{}.{identity}", team.name)),
    ] {
        let found =
            ground.cluster.kubectl.attempt(&["get", "secret", &secret, "-n", namespace], None).await?;
        ensure!(
            !found.ok && found.stderr.contains("NotFound"),
            "{secret}: {} {}",
            found.stdout,
            found.stderr
        );
    }
    team.server.serve(&dns_name, chain(&answer)?, &asking.key)?;
    let seen = dial(team.server.address, &dns_name, &ground.pca.root_pem).await?;
    ensure!(matches!(seen, Outcome::Verified(_)), "{seen:?}");
    Ok(())
}

async fn own_name(ground: &Ground) -> Result<()> {
    let team = Team::start(ground, "pods-claim", to_the_pod(Authority::Embedded)).await?;
    let mut asking = web(ground, &team).await?;
    let theirs = "pay.bank.corp.example";
    asking.object["spec"]["unverifiedUserAnnotations"] =
        json!({"sallyport.dev/san": theirs, "resolved.sallyport.dev/dns-names": theirs});
    let name = asking.ask(&ground.cluster).await?;
    let answer = answered(ground, &team, &name, "Issued").await?;
    let leaf = leaf::read(chain(&answer)?)?;
    ensure!(leaf.dns_names == [team.dns_name("web")], "{leaf:?}");
    Ok(())
}

/// A pod that was left out, and mounts a volume of our signer all the same.
async fn outside(ground: &Ground) -> Result<()> {
    let team = Team::start(ground, "pods-outside", to_the_pod(Authority::Embedded)).await?;
    let certificate = json!({"signerName": "sallyport.dev/workload", "keyType": "ECDSAP256", "credentialBundlePath": "x.pem"});
    let pod = json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "stray", "namespace": team.name, "labels": {"sallyport.dev/inject": "disabled"}},
        "spec": {"containers": [{"name": "stray", "image": "stray"}],
            "volumes": [{"name": "x", "projected": {"sources": [{"podCertificate": certificate}]}}]}});
    wait::until("the pod to be taken", wait::GENEROUS, || ground.cluster.kubectl.create(&pod)).await?;
    let stray = Asking::of(&ground.cluster, &team.name, "stray").await?;
    let name = stray.ask(&ground.cluster).await?;
    let answer = answered(ground, &team, &name, "Denied").await?;
    let denied = condition(&answer, "Denied").context("not denied")?;
    let said = denied["message"].as_str().unwrap_or_default();
    ensure!(denied["reason"] == "NameRefused" && said.contains("was given no identity"), "{denied}");
    ensure!(answer["status"]["certificateChain"].is_null(), "{}", answer["status"]);
    let inside = web(ground, &team).await?.ask(&ground.cluster).await?;
    answered(ground, &team, &inside, "Issued").await.map(drop)
}

/// Somebody with every right on requests in the team's namespace, and a node that is not the pod's.
async fn tenants(ground: &Ground) -> Result<()> {
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "pods-tenant"},
        "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]},
            {"apiGroups": ["certificates.k8s.io"], "resources": ["podcertificaterequests"], "verbs": ["*"]}]});
    ground.cluster.kubectl.apply(&role.to_string()).await?;
    let team = Team::start(ground, "pods-tenant", to_the_pod(Authority::Embedded)).await?;
    let asking = web(ground, &team).await?;
    let person = Person::with_role(&ground.cluster, &team.name, "pods-tenant").await?;
    let path = format!("/apis/certificates.k8s.io/v1/namespaces/{}/podcertificaterequests", team.name);
    let said = person.ask(Verb::Create, &path, Some(&asking.object)).await?;
    said.refused("only the kubelet of a pod's own node asks the signer sallyport.dev/workload")?;
    let mut elsewhere = asking.object.clone();
    elsewhere["spec"]["signerName"] = json!("example.com/another");
    let said = person.ask(Verb::Create, &path, Some(&elsewhere)).await?;
    ensure!(said.done(), "another signer's requests are none of ours: {said:?}");
    let mut prepared =
        Asking::of(&ground.cluster, &team.name, asking.object["spec"]["podName"].as_str().context("no pod")?)
            .await?;
    prepared.object["metadata"]["annotations"] = json!({STATE: "{}"});
    let error = prepared.ask(&ground.cluster).await.err().context("a memory of ours came with a request")?;
    ensure!(error.to_string().contains("is what cert-agent remembers of a request"), "{error}");
    let name = asking.ask(&ground.cluster).await?;
    answered(ground, &team, &name, "Issued").await?;
    let forged = json!({"metadata": {"annotations": {STATE: "{\"generation\":9}"}}});
    let said = person.ask(Verb::Merge, &format!("{path}/{name}"), Some(&forged)).await?;
    said.refused("is what cert-agent remembers of this request")?;
    let harmless = json!({"metadata": {"annotations": {"note": "mine"}}});
    let said = person.ask(Verb::Merge, &format!("{path}/{name}"), Some(&harmless)).await?;
    ensure!(said.done(), "other annotations are not ours to guard: {said:?}");
    Ok(())
}

/// With every right on requests and on signing: the answers of our signer are cert-agent's. And with the token of
/// cert-agent's own account: nothing but its annotation, and no other signer's requests.
async fn answers(ground: &Ground) -> Result<()> {
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "pods-signer"},
        "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]},
            {"apiGroups": ["certificates.k8s.io"], "resources": ["podcertificaterequests", "podcertificaterequests/status", "signers"], "verbs": ["*"]}]});
    ground.cluster.kubectl.apply(&role.to_string()).await?;
    let team = Team::start(ground, "pods-answers", to_the_pod(Authority::Embedded)).await?;
    let signer = Person::with_role(&ground.cluster, &team.name, "pods-signer").await?;
    let asking = web(ground, &team).await?;
    let name = asking.ask(&ground.cluster).await?;
    answered(ground, &team, &name, "Issued").await?;
    let path = format!("/apis/certificates.k8s.io/v1/namespaces/{}/podcertificaterequests", team.name);
    let denial = json!({"status": {"conditions": [{"type": "Denied", "status": "True", "reason": "Mine", "message": "",
        "lastTransitionTime": "2027-01-01T00:00:00Z"}]}});
    let said = signer.ask(Verb::Merge, &format!("{path}/{name}/status"), Some(&denial)).await?;
    ensure!(!said.done(), "an answer never changes: {said:?}");
    let agent = Person::with_token_of(&ground.cluster, "sallyport-system", "sallyport-cert-agent").await?;
    let mut stored = request(ground, &team, &name).await?;
    stored["metadata"]["labels"] = json!({"mine": "too"});
    let said = agent.ask(Verb::Replace, &format!("{path}/{name}"), Some(&stored)).await?;
    said.refused("cert-agent changes its own annotation and the status of a request, and nothing else")?;
    let mut elsewhere = asking.object.clone();
    elsewhere["spec"]["signerName"] = json!("example.com/another");
    let said = signer.ask(Verb::Create, &path, Some(&elsewhere)).await?;
    let made: Value = serde_json::from_str(&said.text)?;
    let other = made["metadata"]["name"].as_str().with_context(|| format!("{said:?}"))?;
    let mut touched = made.clone();
    touched["metadata"]["annotations"] = json!({STATE: "{}"});
    let said = agent.ask(Verb::Replace, &format!("{path}/{other}"), Some(&touched)).await?;
    said.refused("cert-agent answers the signer sallyport.dev/workload and no other")?;
    let mut signed = made.clone();
    signed["status"] = denial["status"].clone();
    let said = agent.ask(Verb::Replace, &format!("{path}/{other}/status"), Some(&signed)).await?;
    ensure!(!said.done(), "{said:?}");
    Ok(())
}

async fn outage(ground: &Ground) -> Result<()> {
    let team = Team::start(ground, "pods-outage", to_the_pod(Authority::Aws)).await?;
    let asking = web(ground, &team).await?;
    let dns_name = team.dns_name("web");
    team.identity(&dns_name).await?;
    ground.pca.state("DISABLED").await?;
    let name = asking.ask(&ground.cluster).await?;
    let pending = wait::until("the identity to say so", wait::GENEROUS, || async {
        let identity = team.identity(&dns_name).await?;
        let said = condition(&identity, "CertificateIssued").context("nothing said")?;
        ensure!(said["reason"] == "AuthorityUnavailable", "{said}");
        request(ground, &team, &name).await
    })
    .await;
    ground.pca.state("ACTIVE").await?;
    ensure!(pending?["status"]["conditions"].is_null(), "neither Denied nor Failed");
    answered(ground, &team, &name, "Issued").await?;
    ensure!(issued(ground, &dns_name).await? == 1, "more than one certificate");
    Ok(())
}

/// AWS says that a CSR must have a subject or names, and a kubelet's has neither. Should it not take names beside
/// it either, this is what it would say.
async fn refused(ground: &Ground) -> Result<()> {
    let team = Team::start(ground, "pods-refused", to_the_pod(Authority::Aws)).await?;
    let asking = web(ground, &team).await?;
    let words = "CSR must contain a subject or a subject alternative name.";
    ground
        .pca
        .fault(&json!({"operation": "IssueCertificate", "times": "forever",
        "action": {"error": {"type": "MalformedCSRException", "message": words, "status": 400}}}))
        .await?;
    let name = asking.ask(&ground.cluster).await?;
    let dns_name = team.dns_name("web");
    let pending = wait::until("the identity to say so", wait::GENEROUS, || async {
        let identity = team.identity(&dns_name).await?;
        let said = condition(&identity, "CertificateIssued").context("nothing said")?;
        let text = said["message"].as_str().unwrap_or_default();
        ensure!(said["reason"] == "CertificateRefused" && text.contains(words), "{said}");
        request(ground, &team, &name).await
    })
    .await;
    ground.pca.heal().await?;
    ensure!(pending?["status"]["conditions"].is_null(), "neither Denied nor Failed");
    answered(ground, &team, &name, "Issued").await.map(drop)
}

/// cert-agent is killed at a call of a request's journey; afterwards there is one certificate.
async fn killed(ground: &Ground, side: Side, call: &str, nth: u32, action: Action, name: &str) -> Result<()> {
    let commit_time = options(Authority::Aws).commit_time;
    let options = TeamOptions { commit_time, interposed: true, ..to_the_pod(Authority::Aws) };
    let team = Team::lay(ground, name, &options).await?;
    let turn = PROGRAMS.write().await;
    travel(ground, &team, &options).await?;
    let asking = of_web(ground, &team).await?;
    let mut armed = side.arm(ground, &team, Rule { nth, ..Rule::first(call, "", action) })?;
    let crash = async {
        armed.struck(PATIENCE).await?;
        ground.restart_cert_agent().await?;
        drop(armed);
        anyhow::Ok(())
    };
    let (request, ()) = tokio::try_join!(asking.ask(&ground.cluster), crash)?;
    answered(ground, &team, &request, "Issued").await?;
    drop(turn);
    let count = issued(ground, &team.dns_name("web")).await?;
    ensure!(count == 1, "{count} certificates after a crash");
    Ok(())
}
