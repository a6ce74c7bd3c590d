//! Containers that wait for the proof: what starts them comes with the gate, from policy-sync alone.
//!
//! The stand-in for the kubelet starts all containers at once, so a test plays the part of the real one: it shows the
//! pod's annotation in a file, and the real `sallyport hold` looks at that.

use std::{ffi::OsStr, path::Path, process::Stdio};

use anyhow::{Context as _, Result, ensure};
use ground::{
    Ground, Team,
    person::{Person, Verb},
    team::{TeamOptions, gate},
    wait,
};
use serde_json::{Value, json};
use tokio::process::{Child, Command};

use crate::{
    absence::{gone, without},
    end_state::{attempt, forged, said},
    overrides::{asked, on_call, overrides},
    run::{Test, alone, test},
};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test("hold::law_2_a_held_job_starts_with_its_gate", |g| Box::pin(job(g))),
        test("hold::law_2_break_glass_starts_it_too", |g| Box::pin(by_person(g))),
        test("hold::law_4_nobody_else_starts_it", |g| Box::pin(forgers(g))),
        alone("hold::law_4_what_slips_past_the_webhook_unheld_is_refused", |g| {
            Box::pin(without(g, |g| Box::pin(slipped(g))))
        }),
    ]
}

const PROVEN: &str = "sallyport.dev/proven";
const HOLD: &str = "sallyport-hold";
const IMAGE: &str = "registry.example/sallyport:1";

/// A team that holds containers back, and whose firewall is suspended, so that nothing is proven there for now.
async fn held<'g>(ground: &'g Ground, name: &str) -> Result<Team<'g>> {
    let options = TeamOptions {
        firewall_spec: json!({"suspend": true}),
        policy_spec: json!({"hold": {"startInit": {"image": IMAGE}}}),
        ..TeamOptions::default()
    };
    Team::start(ground, name, options).await
}

/// A Job whose pod waits, and the pod.
async fn waiting_job(ground: &Ground, team: &Team<'_>) -> Result<Value> {
    let job = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "web", "namespace": team.name},
        "spec": {"template": {"metadata": {"labels": {"app": "web"}}, "spec": {"restartPolicy": "Never",
            "initContainers": [{"name": "migrate", "image": "migrate"}], "containers": [{"name": "import", "image": "import"}]}}}});
    ground.cluster.kubectl.apply(&job.to_string()).await?;
    team.gate_waits("web", "Suspended", "suspend").await?;
    team.pods("web").await?.into_iter().next().context("no pod")
}

fn proven(pod: &Value) -> Option<&str> {
    pod["metadata"]["annotations"][PROVEN].as_str()
}

/// Shows the annotation as the kubelet does: empty while there is none, and never half.
fn show(file: &Path, pod: &Value) -> Result<()> {
    let new = file.with_extension("new");
    std::fs::write(&new, proven(pod).unwrap_or_default())?;
    Ok(std::fs::rename(new, file)?)
}

/// The init container, run as the pod says.
fn init_container(pod: &Value, file: &Path) -> Result<Child> {
    let args = pod["spec"]["initContainers"][0]["args"].as_array().context("no arguments")?;
    let args = args.iter().filter_map(Value::as_str).map(|arg| match arg {
        "/var/run/sallyport/hold/proven" => file.as_os_str(),
        arg => OsStr::new(arg),
    });
    let mut command = Command::new(ground::built("sallyport")?);
    Ok(command.args(args).stderr(Stdio::piped()).kill_on_drop(true).spawn()?)
}

/// The pod of `web` once its gate is open. Whoever sees the gate open sees what starts the containers.
async fn opened(team: &Team<'_>) -> Result<Value> {
    wait::until("the gate to open", wait::GENEROUS, || async {
        let pods = team.pods("web").await?;
        let pod = pods.into_iter().next().context("no pod")?;
        let open = gate(&pod).is_some_and(|gate| gate["status"] == "True");
        ensure!(open, "{:?}", gate(&pod));
        Ok(pod)
    })
    .await
}

async fn job(ground: &Ground) -> Result<()> {
    let team = held(ground, "held").await?;
    let pod = waiting_job(ground, &team).await?;
    let names = pod["spec"]["initContainers"].as_array().context("no init containers")?;
    let names: Vec<&Value> = names.iter().map(|container| &container["name"]).collect();
    ensure!(names == [HOLD, "migrate"], "{names:?}");
    let ours = &pod["spec"]["initContainers"][0];
    ensure!(ours["image"] == IMAGE && ours["securityContext"]["runAsNonRoot"] == true, "{ours}");
    ensure!(proven(&pod).is_none(), "{pod}");
    let file = team.file("proven");
    show(&file, &pod)?;
    let mut init = init_container(&pod, &file)?;
    let template =
        ground.cluster.kubectl.get(&["job", "web", "-n", &team.name]).await?["spec"]["template"].clone();
    ensure!(!template.to_string().contains(HOLD), "templates stay as they are: {template}");
    ensure!(init.try_wait()?.is_none(), "it started the others without proof");
    team.patch("fw", &json!({"suspend": false})).await?;
    let pod = opened(&team).await?;
    let why = proven(&pod).with_context(|| format!("the gate came without it: {pod}"))?;
    ensure!(why.starts_with("Enforced 20"), "{why}");
    ensure!(init.try_wait()?.is_none(), "the kubelet had not shown it yet");
    show(&file, &pod)?;
    let done = tokio::time::timeout(wait::GENEROUS, init.wait_with_output()).await??;
    let told = String::from_utf8_lossy(&done.stderr);
    ensure!(done.status.success() && told.contains(&format!("the gate is open: {why}")), "{told}");
    Ok(())
}

async fn by_person(ground: &Ground) -> Result<()> {
    let team = held(ground, "held-glass").await?;
    waiting_job(ground, &team).await?;
    let person = on_call(ground, &team).await?;
    let made = person.ask(Verb::Create, &overrides(&team.name), Some(&asked(&person, "mine", 600)?)).await?;
    ensure!(made.done(), "{made:?}");
    let pod = opened(&team).await?;
    ensure!(proven(&pod).is_some_and(|why| why.starts_with("BreakGlass 20")), "{pod}");
    Ok(())
}

async fn forgers(ground: &Ground) -> Result<()> {
    let team = held(ground, "held-forged").await?;
    let pod = waiting_job(ground, &team).await?;
    let name = pod["metadata"]["name"].as_str().context("no name")?;
    let pods = format!("/api/v1/namespaces/{}/pods", team.name);
    let path = format!("{pods}/{name}");
    let person = Person::with_role(&ground.cluster, &team.name, "edit").await?;
    let says = |value: Value| json!({"metadata": {"annotations": {PROVEN: value}}});
    let mut new = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "mine"}, "spec": {"containers": [{"name": "a", "image": "a"}]}});
    ensure!(
        person.ask(Verb::Create, &format!("{pods}?dryRun=All"), Some(&new)).await?.done(),
        "without it, it comes in"
    );
    new["metadata"]["annotations"] = json!({PROVEN: "Enforced"});
    person.ask(Verb::Create, &pods, Some(&new)).await?.refused("proven of a pod that is only being made")?;
    // Where no webhook of ours looks, an admission policy does.
    new["metadata"]["namespace"] = json!("default");
    said(&attempt(&ground.cluster.kubectl, &new).await?, &["can neither set, change nor remove it"])?;
    let refused = "can neither set, change nor remove it";
    person.ask(Verb::Merge, &path, Some(&says(json!("Enforced")))).await?.refused(refused)?;
    let note = json!({"metadata": {"annotations": {"note": "mine"}}});
    ensure!(person.ask(Verb::Merge, &path, Some(&note)).await?.done(), "what is his he writes");
    // Not even who may do everything, by whatever way.
    let patch = says(json!("Enforced")).to_string();
    for way in [&[][..], &["--subresource=status"]] {
        let args = [&["patch", "pod", name, "-n", &team.name, "--type=merge", "-p", &patch], way].concat();
        said(&ground.cluster.kubectl.attempt(&args, None).await?, &[refused]).context(format!("{way:?}"))?;
    }
    let thief = Person::with_token_of(&ground.cluster, "sallyport-system", "sallyport-policy-sync").await?;
    let status = format!("{path}/status");
    let early = thief.ask(Verb::Strategic, &status, Some(&says(json!("Enforced")))).await?;
    early.refused("whose gate is open")?;
    team.patch("fw", &json!({"suspend": false})).await?;
    ensure!(proven(&opened(&team).await?).is_some(), "policy-sync writes it");
    thief
        .ask(Verb::Strategic, &status, Some(&says(Value::Null)))
        .await?
        .refused("is held back and whose gate is open")?;
    person.ask(Verb::Merge, &path, Some(&says(Value::Null))).await?.refused(refused)
}

async fn slipped(ground: &Ground) -> Result<()> {
    let team = held(ground, "held-slipped").await?;
    let kubectl = &ground.cluster.kubectl;
    wait::until("the binding to follow", wait::GENEROUS, || async {
        let binding = kubectl.get(&["nsb", "sallyport", "-n", &team.name]).await?;
        ensure!(binding["spec"]["hold"] == "StartInit", "{}", binding["spec"]);
        Ok(())
    })
    .await?;
    gone(ground, &team, "Ignore").await?;
    let mut pod = forged(&team, "unheld");
    said(&attempt(kubectl, &pod).await?, &["it has not the init container sallyport-hold. "])?;
    pod["spec"]["initContainers"] = json!([{"name": HOLD, "image": IMAGE, "restartPolicy": "Always"}]);
    said(&attempt(kubectl, &pod).await?, &["it has not the init container sallyport-hold. "])
        .context("nothing waits for a sidecar")?;
    pod["spec"]["initContainers"] = json!([{"name": HOLD, "image": IMAGE}]);
    ensure!(attempt(kubectl, &pod).await?.ok, "what has it all is not refused here");
    Ok(())
}
