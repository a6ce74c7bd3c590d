//! The webhook is away, and the policy has become stricter: nobody is kept from scaling down, going back or
//! leaving, nothing new comes in, and what is smuggled in gets nothing.

use anyhow::{Result, ensure};
use ground::{
    Ground, Team,
    person::{Person, Verb},
    team::TeamOptions,
    wait,
};
use serde_json::{Value, json};

use crate::run::{Test, alone};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        alone("absence::law_13_without_the_webhook_scaling_down_undo_and_deletion_work", |g| {
            Box::pin(without(g, leave))
        }),
        alone("absence::law_4_without_the_webhook_no_pod_comes_in", |g| Box::pin(without(g, stay_out))),
        alone("absence::law_4_a_pod_that_slipped_past_the_webhook_gets_nothing", |g| {
            Box::pin(without(g, slipped))
        }),
    ]
}

/// A scene that begins while the webhook is there, and goes on, by `next`, when it is away.
pub(crate) type Scene =
    for<'t> fn(&'t Ground) -> std::pin::Pin<Box<dyn Future<Output = Result<()>> + Send + 't>>;

/// Runs a scene that takes the webhook away, and brings it back however the scene ends.
pub(crate) async fn without(ground: &Ground, scene: Scene) -> Result<()> {
    let done = scene(ground).await;
    configure(ground, &format!("https://{}", ground.webhook_address), "Fail").await?;
    done
}

/// Points the entries at an address, and says what becomes of pods when nobody answers there.
async fn configure(ground: &Ground, url: &str, pods: &str) -> Result<()> {
    let patch = json!([
        {"op": "replace", "path": "/webhooks/0/clientConfig/url", "value": format!("{url}/pods")},
        {"op": "replace", "path": "/webhooks/1/clientConfig/url", "value": format!("{url}/workloads")},
        {"op": "replace", "path": "/webhooks/0/failurePolicy", "value": pods},
    ]);
    let patch = patch.to_string();
    let args = ["patch", "mutatingwebhookconfiguration", "sallyport", "--type=json", "-p", &patch];
    ground.cluster.kubectl.run(&args).await.map(drop)
}

/// Nobody listens on port 1 of this machine. The API server takes the change in by a watch.
pub(crate) async fn gone(ground: &Ground, team: &Team<'_>, pods: &str) -> Result<()> {
    configure(ground, "https://127.0.0.1:1", pods).await?;
    let probe = bare_pod(team, "probe", json!({}));
    wait::until("the webhook to be away", wait::GENEROUS, || async {
        let said = ground.cluster.kubectl.dry_run(&probe.to_string()).await?;
        let seen = if pods == "Fail" {
            said.stderr.contains("failed calling webhook")
        } else {
            said.stderr.contains("did not pass through Sallyport's webhook")
        };
        ensure!(seen, "{said:?}");
        Ok(())
    })
    .await
}

pub(crate) fn bare_pod(team: &Team<'_>, name: &str, metadata: Value) -> Value {
    let mut pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata,
        "spec": {"automountServiceAccountToken": false, "containers": [{"name": "a", "image": "a"}]}});
    pod["metadata"]["name"] = json!(name);
    pod["metadata"]["namespace"] = json!(team.name);
    pod
}

fn leave(ground: &Ground) -> std::pin::Pin<Box<dyn Future<Output = Result<()>> + Send + '_>> {
    Box::pin(async move {
        let kubectl = &ground.cluster.kubectl;
        let team = Team::start(ground, "away-leave", TeamOptions::default()).await?;
        let wish = |name: &str| json!({"sallyport.dev/san": format!("{name}.away-leave.corp.example")});
        kubectl.apply(&team.deployment("web", 2, &wish("one")).to_string()).await?;
        team.ready("web", 2).await?;
        kubectl.apply(&team.deployment("web", 2, &wish("two")).to_string()).await?;
        kubectl.run(&["rollout", "status", "deployment/web", "-n", &team.name, "--timeout=90s"]).await?;
        kubectl.apply(&team.deployment("other", 1, &json!({})).to_string()).await?;
        team.ready("other", 1).await?;
        team.patch("idpol", &json!({"dnsNames": {"allowed": []}})).await?;
        gone(ground, &team, "Fail").await?;
        kubectl.run(&["scale", "deployment/web", "--replicas=1", "-n", &team.name]).await?;
        wait::until("one pod to be left", wait::GENEROUS, || async {
            ensure!(team.pods("web").await?.len() == 1, "more than one");
            Ok(())
        })
        .await?;
        kubectl.run(&["rollout", "undo", "deployment/web", "-n", &team.name]).await?;
        let object = kubectl.get(&["deployment", "web", "-n", &team.name]).await?;
        let names = &object["spec"]["template"]["metadata"]["annotations"]["sallyport.dev/san"];
        ensure!(*names == "one.away-leave.corp.example", "the undo did not arrive: {names}");
        let args = ["delete", "deployment/web", "-n", &team.name, "--cascade=foreground", "--timeout=60s"];
        kubectl.run(&args).await?;
        kubectl.run(&["delete", "namespace", &team.name, "--timeout=120s"]).await?;
        Ok(())
    })
}

fn stay_out(ground: &Ground) -> std::pin::Pin<Box<dyn Future<Output = Result<()>> + Send + '_>> {
    Box::pin(async move {
        let team = Team::start(ground, "away-out", TeamOptions::default()).await?;
        let person = Person::with_role(&ground.cluster, &team.name, "edit").await?;
        gone(ground, &team, "Fail").await?;
        let forged = json!({"labels": {"sallyport.dev/identity": "web-00000000"},
            "annotations": {"resolved.sallyport.dev/dns-names": "web.bank.example", "resolved.sallyport.dev/action": "allow"}});
        let path = format!("/api/v1/namespaces/{}/pods", team.name);
        let said = person.ask(Verb::Create, &path, Some(&bare_pod(&team, "smuggled", forged))).await?;
        ensure!(said.status == 500 && said.text.contains("pods.sallyport.dev"), "{said:?}");
        Ok(())
    })
}

/// An operator has chosen `failurePolicy: Ignore`. A pod comes in as its maker wrote it: with the label and
/// the answers of another workload's identity, and with the gate.
fn slipped(ground: &Ground) -> std::pin::Pin<Box<dyn Future<Output = Result<()>> + Send + '_>> {
    Box::pin(async move {
        let team = Team::start(ground, "away-slip", TeamOptions::default()).await?;
        let person = Person::with_role(&ground.cluster, &team.name, "edit").await?;
        gone(ground, &team, "Ignore").await?;
        let path = format!("/api/v1/namespaces/{}/pods", team.name);
        let name = "pay.bank.corp.example";
        let forged = json!({"labels": {"app": "slipped", "sallyport.dev/identity": "pay-00000000"},
            "annotations": {"resolved.sallyport.dev/dns-names": name, "resolved.sallyport.dev/action": "allow",
                "resolved.sallyport.dev/policy": "bank"}});
        let mut pod = bare_pod(&team, "slipped", forged);
        pod["spec"]["readinessGates"] = json!([{"conditionType": "sallyport.dev/identity-ready"}]);
        let said = person.ask(Verb::Create, &path, Some(&pod)).await?;
        ensure!(said.done(), "with Ignore it comes in: {said:?}");
        wait::until("it to be called tampered", wait::GENEROUS, || async {
            let args = ["events.events.k8s.io", "-n", &team.name];
            let events = ground.cluster.kubectl.get(&args).await?;
            let told =
                |event: &Value| event["reason"] == "Tampered" && event["regarding"]["name"] == "slipped";
            ensure!(events["items"].as_array().is_some_and(|events| events.iter().any(told)), "not yet");
            Ok(())
        })
        .await?;
        team.gate_waits("slipped", "AwaitingCertificate", "pay-00000000").await?;
        let claims = ground.cluster.kubectl.get(&["nameclaims"]).await?;
        let claimed =
            claims["items"].as_array().into_iter().flatten().any(|claim| claim["spec"]["dnsName"] == name);
        ensure!(!claimed, "a forged name was claimed");
        ensure!(!team.firewall.candidate().await?.contains("pay"), "a forged name reached the firewall");
        Ok(())
    })
}
