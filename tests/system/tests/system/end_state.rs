//! What slips past the webhook is refused by the admission policy where a policy enforces, and told by the audit
//! where it does not; and neither keeps the cluster from starting.

use anyhow::{Context as _, Result, ensure};
use ground::{
    Ground, Team,
    kubectl::{Kubectl, Output},
    person::{Person, Verb},
    team::{TeamOptions, condition},
    wait,
};
use serde_json::{Value, json};

use crate::{
    absence::{bare_pod, gone, without},
    run::{Test, alone, test},
    verdict::sallyport,
};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        alone("end_state::law_4_what_slips_past_the_webhook_is_refused", |g| Box::pin(without(g, refused))),
        alone("end_state::law_4_a_webhook_that_is_not_configured_changes_nothing", |g| Box::pin(deleted(g))),
        alone("end_state::law_4_only_a_kubelet_makes_mirror_pods", |g| Box::pin(without(g, mirrors))),
        alone("end_state::law_12_what_slips_past_under_observe_is_told", |g| Box::pin(without(g, observed))),
        alone("end_state::law_13_without_the_webhook_the_cluster_itself_still_starts", |g| {
            Box::pin(without(g, cluster_starts))
        }),
        alone("end_state::sallyport_breakglass_opens_and_undoes", |g| Box::pin(without(g, breakglass))),
        test("end_state::law_12_a_label_that_comes_later_is_told_with_the_command_that_mends", |g| {
            Box::pin(label_later(g))
        }),
    ]
}

type Running<'g> = std::pin::Pin<Box<dyn Future<Output = Result<()>> + Send + 'g>>;

const GATE: &str = "sallyport.dev/identity-ready";

/// A pod as its author would forge it to look injected.
pub(crate) fn forged(team: &Team<'_>, name: &str) -> Value {
    let mut pod = bare_pod(
        team,
        name,
        json!({"labels": {"sallyport.dev/identity": "web-00000000"}, "annotations": {
            "resolved.sallyport.dev/dns-names": "web.example", "resolved.sallyport.dev/action": "allow",
            "resolved.sallyport.dev/policy": team.name}}),
    );
    pod["spec"]["readinessGates"] = json!([{"conditionType": GATE}]);
    pod
}

pub(crate) async fn attempt(kubectl: &Kubectl, pod: &Value) -> Result<Output> {
    kubectl.attempt(&["create", "-f", "-"], Some(&pod.to_string())).await
}

pub(crate) fn said(output: &Output, words: &[&str]) -> Result<()> {
    ensure!(!output.ok, "it came in: {}", output.stdout);
    let missing: Vec<_> = words.iter().filter(|words| !output.stderr.contains(**words)).collect();
    ensure!(missing.is_empty(), "no {missing:?} in {}", output.stderr);
    Ok(())
}

/// Waits until the namespace's binding says this.
async fn bound(ground: &Ground, team: &Team<'_>, say: impl Fn(&Value) -> bool) -> Result<Value> {
    wait::until("the binding to follow", wait::GENEROUS, || async {
        let binding = ground.cluster.kubectl.get(&["nsb", "sallyport", "-n", &team.name]).await?;
        ensure!(say(&binding), "{}", json!([binding["spec"], binding["status"]]));
        Ok(binding)
    })
    .await
}

fn injected<'v>(binding: &'v Value, status: &str) -> Option<&'v str> {
    let found = condition(binding, "PodsInjected").filter(|found| found["status"] == status)?;
    found["message"].as_str()
}

fn refused(ground: &Ground) -> Running<'_> {
    Box::pin(async move {
        let kubectl = &ground.cluster.kubectl;
        let team = Team::start(ground, "slip-refused", TeamOptions::default()).await?;
        bound(ground, &team, |binding| binding["spec"]["mode"] == "Enforce").await?;
        let out = || json!({"labels": {"sallyport.dev/inject": "disabled"}});
        let with_it = attempt(kubectl, &bare_pod(&team, "out", out())).await?;
        said(&with_it, &["optOut: Forbid"])?;
        gone(ground, &team, "Ignore").await?;
        let bare = attempt(kubectl, &bare_pod(&team, "bare", json!({}))).await?;
        let whole = "Pod slip-refused/bare did not pass through Sallyport's webhook: it has not the readiness gate \
                     sallyport.dev/identity-ready, the label sallyport.dev/identity, the annotation \
                     resolved.sallyport.dev/dns-names, the annotation resolved.sallyport.dev/action, the annotation \
                     resolved.sallyport.dev/policy. Rule: IdentityPolicy slip-refused enforces namespace slip-refused. Do: ";
        said(&bare, &[whole, "sallyport breakglass"])?;
        let without_it = attempt(kubectl, &bare_pod(&team, "out", out())).await?;
        said(&without_it, &["asks to be left out", "IdentityPolicy slip-refused", "optOut: Forbid"])?;
        let mut ungated = forged(&team, "ungated");
        ungated["spec"]["readinessGates"] = json!([{"conditionType": "example.com/mine"}]);
        said(
            &attempt(kubectl, &ungated).await?,
            &["it has not the readiness gate sallyport.dev/identity-ready. "],
        )?;
        ensure!(attempt(kubectl, &forged(&team, "forged")).await?.ok, "what has it all is not refused here");
        kubectl.apply(&team.deployment("web", 1, &json!({})).to_string()).await?;
        wait::until("the ReplicaSet to be told", wait::GENEROUS, || async {
            let sets = kubectl.get(&["replicasets", "-n", &team.name]).await?;
            let told = sets["items"].as_array().into_iter().flatten().any(|set| {
                let failure = condition(set, "ReplicaFailure").and_then(|found| found["message"].as_str());
                failure.is_some_and(|words| words.contains("did not pass through Sallyport's webhook"))
            });
            ensure!(told && team.pods("web").await?.is_empty(), "{sets}");
            Ok(())
        })
        .await?;
        team.patch("idpol", &json!({"optOut": "Allow"})).await?;
        bound(ground, &team, |binding| binding["spec"]["optOut"] == "Allow").await?;
        wait::until("who may be left out to come in", wait::GENEROUS, || async {
            let said = attempt(kubectl, &bare_pod(&team, "out", out())).await?;
            ensure!(said.ok, "{}", said.stderr);
            Ok(())
        })
        .await?;
        said(&attempt(kubectl, &bare_pod(&team, "still", json!({}))).await?, &["did not pass through"])
    })
}

/// Somebody has deleted the whole configuration: the API server does not even try.
async fn deleted(ground: &Ground) -> Result<()> {
    let kubectl = &ground.cluster.kubectl;
    let team = Team::start(ground, "slip-deleted", TeamOptions::default()).await?;
    bound(ground, &team, |binding| binding["spec"]["mode"] == "Enforce").await?;
    let mut whole = kubectl.get(&["mutatingwebhookconfiguration", "sallyport"]).await?;
    whole["metadata"] = json!({"name": "sallyport"});
    kubectl.run(&["delete", "mutatingwebhookconfiguration", "sallyport"]).await?;
    let scene = async {
        wait::until("pods to be refused without it", wait::GENEROUS, || async {
            let refused = attempt(kubectl, &bare_pod(&team, "bare", json!({}))).await?;
            said(&refused, &["Pod slip-deleted/bare did not pass through Sallyport's webhook"])
        })
        .await?;
        let out = json!({"labels": {"sallyport.dev/inject": "disabled"}});
        said(&attempt(kubectl, &bare_pod(&team, "out", out)).await?, &["optOut: Forbid"])?;
        let (code, text) = sallyport(ground, &["breakglass"], "").await?;
        ensure!(code == Some(0) && text.contains("there is no webhook entry pods.sallyport.dev"), "{text}");
        Ok(())
    };
    let done = scene.await;
    kubectl.create(&whole).await?;
    done
}

fn mirrors(ground: &Ground) -> Running<'_> {
    Box::pin(async move {
        let team = Team::start(ground, "slip-mirror", TeamOptions::default()).await?;
        bound(ground, &team, |binding| binding["spec"]["mode"] == "Enforce").await?;
        gone(ground, &team, "Ignore").await?;
        let kubectl = &ground.cluster.kubectl;
        let nodes = kubectl.get(&["nodes"]).await?;
        let node = nodes["items"][0]["metadata"]["name"].as_str().context("no node")?;
        let mut pod = bare_pod(&team, "static", json!({"annotations": {"kubernetes.io/config.mirror": "x"}}));
        pod["spec"]["nodeName"] = json!(node);
        pod["metadata"]["ownerReferences"] = json!([{"apiVersion": "v1", "kind": "Node", "name": node,
            "uid": nodes["items"][0]["metadata"]["uid"], "controller": true}]);
        let person = Person::with_role(&ground.cluster, &team.name, "edit").await?;
        let path = format!("/api/v1/namespaces/{}/pods", team.name);
        let by_hand = person.ask(Verb::Create, &path, Some(&pod)).await?;
        by_hand.refused("did not pass through Sallyport's webhook")?;
        let kubelet = Kubectl {
            program: kubectl.program.clone(),
            kubeconfig: ground.cluster.folder.join("kubeconfigs").join(node),
        };
        let said = attempt(&kubelet, &pod).await?;
        ensure!(said.ok, "the kubelet's own: {}", said.stderr);
        Ok(())
    })
}

fn observed(ground: &Ground) -> Running<'_> {
    Box::pin(async move {
        let kubectl = &ground.cluster.kubectl;
        let team = Team::start(ground, "slip-observed", TeamOptions::default()).await?;
        bound(ground, &team, |binding| binding["spec"]["mode"] == "Enforce").await?;
        gone(ground, &team, "Ignore").await?;
        team.patch("idpol", &json!({"mode": "Observe"})).await?;
        bound(ground, &team, |binding| binding["spec"]["mode"] == "Observe").await?;
        kubectl.apply(&team.deployment("web", 1, &json!({})).to_string()).await?;
        // The controller backs off between its tries.
        let binding = bound(ground, &team, |binding| injected(binding, "False").is_some()).await?;
        let words = injected(&binding, "False").context("no condition")?;
        let command = "do: kubectl -n slip-observed rollout restart deployment/web";
        ensure!(words.contains("Deployment slip-observed/web") && words.contains(command), "{words}");
        wait::until("the event on the workload", wait::GENEROUS, || async {
            let events = kubectl.get(&["events.events.k8s.io", "-n", &team.name]).await?;
            let told = |event: &Value| {
                event["reason"] == "NotInjected" && event["regarding"]["kind"] == "Deployment"
            };
            ensure!(events["items"].as_array().is_some_and(|events| events.iter().any(told)), "not yet");
            Ok(())
        })
        .await?;
        team.patch("idpol", &json!({"mode": "Audit"})).await?;
        bound(ground, &team, |binding| injected(binding, "True").is_some()).await.map(drop)
    })
}

/// Also if somebody labels these namespaces. A webhook that is away names itself to whom it keeps out.
fn cluster_starts(ground: &Ground) -> Running<'_> {
    Box::pin(async move {
        const OWN: [&str; 3] = ["kube-system", "sallyport-system", "sallyport-firewall"];
        let kubectl = &ground.cluster.kubectl;
        let team = Team::start(ground, "slip-cluster", TeamOptions::default()).await?;
        bound(ground, &team, |binding| binding["spec"]["mode"] == "Enforce").await?;
        gone(ground, &team, "Fail").await?;
        let out = json!({"labels": {"sallyport.dev/inject": "disabled"}});
        for pod in [bare_pod(&team, "bare", json!({})), bare_pod(&team, "out", out)] {
            let refused = attempt(kubectl, &pod).await?;
            said(
                &refused,
                &[
                    "failed calling webhook \"pods.sallyport.dev\": failed to call webhook: ",
                    "connection refused",
                ],
            )?;
        }
        let labelled = async {
            for namespace in OWN {
                let label = ["label", "--overwrite", "namespace", namespace, "sallyport.dev/inject=enabled"];
                kubectl.run(&label).await?;
                let mut pod = bare_pod(&team, "own", json!({}));
                pod["metadata"]["namespace"] = json!(namespace);
                pod["spec"]["securityContext"] =
                    json!({"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}});
                pod["spec"]["containers"][0]["securityContext"] =
                    json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}});
                let said = attempt(kubectl, &pod).await?;
                ensure!(said.ok, "{namespace}: {}", said.stderr);
                kubectl
                    .run(&["delete", "pod", "own", "-n", namespace, "--force", "--grace-period=0"])
                    .await?;
            }
            Ok(())
        };
        let done = labelled.await;
        for namespace in OWN {
            kubectl.run(&["label", "namespace", namespace, "sallyport.dev/inject-"]).await?;
        }
        done
    })
}

/// Runs the commands that stand under a heading, as a person pastes them.
async fn paste(ground: &Ground, text: &str, heading: &str) -> Result<()> {
    let commands: Vec<&str> = text
        .lines()
        .skip_while(|line| !line.starts_with(heading))
        .skip(1)
        .take_while(|line| line.starts_with("  "))
        .collect();
    ensure!(commands.len() == 2, "{heading}: {commands:?}");
    for command in commands {
        let plain = command.trim().strip_prefix("kubectl ").context("no kubectl")?;
        let kubectl = &ground.cluster.kubectl;
        let line = format!(
            "'{}' --kubeconfig '{}' {plain}",
            kubectl.program.display(),
            kubectl.kubeconfig.display()
        );
        let done = tokio::process::Command::new("sh").args(["-c", &line]).output().await?;
        ensure!(done.status.success(), "{command}: {}", String::from_utf8_lossy(&done.stderr));
    }
    Ok(())
}

fn breakglass(ground: &Ground) -> Running<'_> {
    Box::pin(async move {
        let kubectl = &ground.cluster.kubectl;
        let team = Team::start(ground, "slip-glass", TeamOptions::default()).await?;
        bound(ground, &team, |binding| binding["spec"]["mode"] == "Enforce").await?;
        gone(ground, &team, "Fail").await?;
        let (code, text) = sallyport(ground, &["breakglass"], "").await?;
        ensure!(
            code == Some(0) && text.contains("pods.sallyport.dev fails closed (failurePolicy: Fail)"),
            "{text}"
        );
        ensure!(text.contains("sallyport-end-state refuses pods"), "{text}");
        let opened = async {
            paste(ground, &text, "to open:").await?;
            wait::until("a pod to come in", wait::GENEROUS, || async {
                let said = attempt(kubectl, &bare_pod(&team, "urgent", json!({}))).await?;
                let warned =
                    said.stderr.contains("Warning: ") && said.stderr.contains("did not pass through");
                ensure!(said.ok && warned, "{}", said.stderr);
                Ok(())
            })
            .await?;
            bound(ground, &team, |binding| {
                injected(binding, "False").is_some_and(|words| words.contains("Pod slip-glass/urgent"))
            })
            .await?;
            let (_, open) = sallyport(ground, &["breakglass"], "").await?;
            ensure!(open.contains("fails open already") && open.contains("only warns already"), "{open}");
            Ok(())
        };
        let done = opened.await;
        paste(ground, &text, "to undo").await?;
        done?;
        wait::until("pods to be refused again", wait::GENEROUS, || async {
            let refused = attempt(kubectl, &bare_pod(&team, "late", json!({}))).await?;
            said(&refused, &["failed calling webhook"])
        })
        .await
    })
}

async fn label_later(ground: &Ground) -> Result<()> {
    let kubectl = &ground.cluster.kubectl;
    let team = Team::start(ground, "slip-later", TeamOptions::default()).await?;
    kubectl.run(&["label", "namespace", &team.name, "sallyport.dev/inject-"]).await?;
    kubectl.apply(&team.deployment("web", 2, &json!({})).to_string()).await?;
    wait::until("pods without an identity", wait::GENEROUS, || async {
        let pods = team.pods("web").await?;
        let bare =
            pods.iter().filter(|pod| pod["metadata"]["labels"]["sallyport.dev/identity"].is_null()).count();
        ensure!(bare == 2, "{bare} of {}", pods.len());
        Ok(())
    })
    .await?;
    kubectl.run(&["label", "namespace", &team.name, "sallyport.dev/inject=enabled"]).await?;
    let binding = bound(ground, &team, |binding| injected(binding, "False").is_some()).await?;
    let words = injected(&binding, "False").context("no condition")?;
    ensure!(words.starts_with("2 pods in all: 2 pods of Deployment slip-later/web run without"), "{words}");
    let command = words.rsplit("do: kubectl ").next().context("no command")?;
    kubectl.run(&command.split(' ').collect::<Vec<_>>()).await?;
    team.ready("web", 2).await?;
    bound(ground, &team, |binding| injected(binding, "True").is_some()).await.map(drop)
}
