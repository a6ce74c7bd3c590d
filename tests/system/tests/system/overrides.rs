//! Break-glass on a real API server: who may, for how long, what it opens, how it shows, how it ends.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use ground::{
    Ground, Team,
    person::{Answer, Person, Verb},
    team::{TeamOptions, gate},
    wait,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::{
    run::{Test, test},
    verdict::sallyport,
};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test("overrides::law_2_granted_used_seen_and_ended_by_time", |g| Box::pin(journey(g))),
        test("overrides::law_4_without_the_right_nobody_breaks_glass", |g| Box::pin(rights(g))),
        test("overrides::law_4_an_override_has_bounds_a_name_and_a_reason", |g| Box::pin(bounds(g))),
        test("overrides::law_5_an_override_opens_nothing_outside_its_namespace", |g| Box::pin(elsewhere(g))),
    ]
}

/// A role that may break glass and look at pods, as a person on call has it.
const ON_CALL: &str = "sallyport-test-on-call";

/// Somebody on call in the team's namespace.
pub(crate) async fn on_call(ground: &Ground, team: &Team<'_>) -> Result<Person> {
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": ON_CALL},
        "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}]});
    ground.cluster.kubectl.apply(&role.to_string()).await?;
    let person = Person::with_role(&ground.cluster, &team.name, ON_CALL).await?;
    let account =
        json!({"kind": "ServiceAccount", "name": format!("person-{ON_CALL}"), "namespace": team.name});
    let binding = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
        "metadata": {"name": "break-glass", "namespace": team.name}, "subjects": [account],
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "sallyport-break-glass"}});
    ground.cluster.kubectl.apply(&binding.to_string()).await?;
    wait::until("the right to hold", wait::GENEROUS, || async {
        ensure!(person.ask(Verb::Get, &overrides(&team.name), None).await?.done(), "not yet");
        Ok(())
    })
    .await?;
    Ok(person)
}

pub(crate) fn overrides(namespace: &str) -> String {
    format!("/apis/sallyport.dev/v1alpha1/namespaces/{namespace}/gateoverrides")
}

fn after(seconds: i64) -> Result<String> {
    #[expect(clippy::disallowed_methods, reason = "the API server's clock is this machine's")]
    let now = Timestamp::now();
    Ok(now.checked_add(SignedDuration::from_secs(seconds))?.to_string())
}

/// An override of the pods of `web`, as this person asks for it.
pub(crate) fn asked(person: &Person, name: &str, seconds: i64) -> Result<Value> {
    Ok(json!({"apiVersion": "sallyport.dev/v1alpha1", "kind": "GateOverride", "metadata": {"name": name},
        "spec": {"selector": {"matchLabels": {"app": "web"}}, "reason": "firewall upgrade, CHG-4242",
            "expiresAt": after(seconds)?, "requestedBy": person.name}}))
}

/// A team whose firewall is suspended, so that nothing is ever proven there, with one pod that waits.
async fn waiting<'g>(ground: &'g Ground, name: &str) -> Result<Team<'g>> {
    let options = TeamOptions { firewall_spec: json!({"suspend": true}), ..TeamOptions::default() };
    let team = Team::start(ground, name, options).await?;
    ground.cluster.kubectl.apply(&team.deployment("web", 1, &json!({})).to_string()).await?;
    team.gate_waits("web", "Suspended", "suspend").await?;
    Ok(team)
}

/// Waits until the gates of all pods of `web` say this; gives the pods.
async fn gates_say(team: &Team<'_>, what: &str, say: impl Fn(&Value) -> bool) -> Result<Vec<Value>> {
    wait::until(what, wait::GENEROUS, || async {
        let pods = team.pods("web").await?;
        let gates: Vec<&Value> = pods.iter().filter_map(gate).collect();
        ensure!(
            !pods.is_empty() && gates.len() == pods.len() && gates.iter().all(|gate| say(gate)),
            "{gates:?}"
        );
        Ok(pods)
    })
    .await
}

fn says(gate: &Value, status: &str, begins: &str) -> bool {
    gate["status"] == status && gate["message"].as_str().is_some_and(|text| text.starts_with(begins))
}

async fn told(ground: &Ground, team: &Team<'_>, pod: &str, begins: &str) -> Result<()> {
    wait::until("the event on the pod", wait::GENEROUS, || async {
        let events = ground.cluster.kubectl.get(&["events.events.k8s.io", "-n", &team.name]).await?;
        let found = events["items"].as_array().into_iter().flatten().any(|event| {
            event["regarding"]["name"] == pod
                && event["note"].as_str().is_some_and(|note| note.starts_with(begins))
        });
        ensure!(found, "{begins:?} is not told of {pod}");
        Ok(())
    })
    .await
}

async fn journey(ground: &Ground) -> Result<()> {
    /// Long enough for a slow machine to look at everything while it lasts.
    const LASTS: u32 = 90;
    let team = waiting(ground, "glass").await?;
    let person = on_call(ground, &team).await?;
    let made = person
        .ask(Verb::Create, &overrides("glass"), Some(&asked(&person, "incident-4242", LASTS.into())?))
        .await?;
    ensure!(made.done(), "{made:?}");
    let begins = format!("BreakGlass: GateOverride incident-4242 of {} until ", person.name);
    let pods = gates_say(&team, "the gate to open", |gate| says(gate, "True", &begins)).await?;
    let said =
        pods.first().and_then(gate).context("no gate")?["message"].as_str().unwrap_or_default().to_owned();
    ensure!(said.contains(": firewall upgrade, CHG-4242; not proven: Suspended: "), "{said}");
    let name = pods.first().and_then(|pod| pod["metadata"]["name"].as_str()).context("no pod")?.to_owned();
    told(ground, &team, &name, "GateOverride incident-4242 of ").await?;
    let pod = format!("pod/{name}");
    let (code, text) = sallyport(ground, &["explain", &pod, "-n", "glass"], "").await?;
    for words in
        ["is let in without proof, by a GateOverride", "incident-4242", "CHG-4242", "✗ firewall    Suspended"]
    {
        ensure!(code == Some(0) && text.contains(words), "no {words:?} in {code:?} {text}");
    }
    let ended = format!("BreakGlass: ended: GateOverride incident-4242 of {}", person.name);
    wait::until("the override to end", Duration::from_secs(LASTS.into()) + wait::GENEROUS, || async {
        let pods = team.pods("web").await?;
        let gate = pods.first().and_then(gate).context("no gate")?;
        ensure!(gate["status"] == "True", "an open gate was closed: {gate}");
        ensure!(says(gate, "True", &ended), "{gate}");
        Ok(())
    })
    .await?;
    told(ground, &team, &name, "ended: GateOverride incident-4242").await?;
    ground.cluster.kubectl.run(&["scale", "deployment/web", "--replicas=2", "-n", "glass"]).await?;
    wait::until("the new pod to wait", wait::GENEROUS, || async {
        let pods = team.pods("web").await?;
        let shut: Vec<&Value> =
            pods.iter().filter_map(gate).filter(|gate| gate["status"] == "False").collect();
        ensure!(
            pods.len() == 2 && shut.len() == 1 && shut.iter().all(|g| g["reason"] == "Suspended"),
            "{shut:?}"
        );
        Ok(())
    })
    .await?;
    team.patch("fw", &json!({"suspend": false})).await?;
    gates_say(&team, "both to be proven", |gate| says(gate, "True", "Enforced: ")).await.map(drop)
}

async fn rights(ground: &Ground) -> Result<()> {
    let team = waiting(ground, "glass-rights").await?;
    for role in ["view", "edit", "admin"] {
        let person = Person::with_role(&ground.cluster, &team.name, role).await?;
        let said =
            person.ask(Verb::Create, &overrides(&team.name), Some(&asked(&person, "mine", 600)?)).await?;
        said.refused("cannot create resource \\\"gateoverrides\\\"")?;
        let seen = person.ask(Verb::Get, &overrides(&team.name), None).await?;
        ensure!(seen.done(), "{role} sees what is granted: {seen:?}");
    }
    let person = on_call(ground, &team).await?;
    let there = overrides("default");
    person.ask(Verb::Create, &there, Some(&asked(&person, "there", 600)?)).await?.refused("cannot create")?;
    team.gate_waits("web", "Suspended", "suspend").await.map(drop)
}

async fn bounds(ground: &Ground) -> Result<()> {
    let team = waiting(ground, "glass-bounds").await?;
    let person = on_call(ground, &team).await?;
    let ask = async |change: Value| -> Result<Answer> {
        let mut object = asked(&person, "bounded", 600)?;
        if let (Some(spec), Some(change)) = (object["spec"].as_object_mut(), change.as_object()) {
            spec.extend(change.clone());
        }
        person.ask(Verb::Create, &overrides(&team.name), Some(&object)).await
    };
    const DAY: i64 = 24 * 3600;
    for (change, words) in [
        (json!({"expiresAt": after(DAY + 60)?}), "lasts for 24 hours at most"),
        (json!({"expiresAt": after(-60)?}), "would have ended before it begins"),
        (json!({"requestedBy": "platform-oncall"}), "an override is asked for in one's own name"),
        (json!({"reason": ""}), "spec.reason"),
        (json!({"reason": "  "}), "say why"),
        (json!({"selector": {}}), "an empty selector would take every pod"),
        (json!({"selector": {"matchLabels": {}}}), "an empty selector would take every pod"),
    ] {
        ask(change.clone()).await?.refused(words).with_context(|| change.to_string())?;
    }
    team.gate_waits("web", "Suspended", "suspend").await?;
    let made = ask(json!({"expiresAt": after(DAY - 60)?})).await?;
    ensure!(made.done(), "just under a day: {made:?}");
    let later = json!({"spec": {"expiresAt": after(DAY)?}});
    let path = format!("{}/bounded", overrides(&team.name));
    let said = person.ask(Verb::Merge, &path, Some(&later)).await?;
    said.refused("cannot patch")?;
    let args =
        ["patch", "gateoverride", "bounded", "-n", &team.name, "--type=merge", "-p", &later.to_string()];
    let said = ground.cluster.kubectl.attempt(&args, None).await?;
    ensure!(!said.ok && said.stderr.contains("stays as it was granted"), "{said:?}");
    gates_say(&team, "the gate to open", |gate| says(gate, "True", "BreakGlass: GateOverride bounded"))
        .await?;
    ensure!(person.ask(Verb::Delete, &path, None).await?.done(), "who grants may end it early");
    gates_say(&team, "its end to show", |gate| says(gate, "True", "BreakGlass: ended: ")).await.map(drop)
}

async fn elsewhere(ground: &Ground) -> Result<()> {
    let here = waiting(ground, "glass-here").await?;
    let there = waiting(ground, "glass-there").await?;
    let person = on_call(ground, &here).await?;
    let made =
        person.ask(Verb::Create, &overrides("glass-here"), Some(&asked(&person, "mine", 600)?)).await?;
    ensure!(made.done(), "{made:?}");
    gates_say(&here, "the gate here to open", |gate| says(gate, "True", "BreakGlass: ")).await?;
    there.gate_waits("web", "Suspended", "suspend").await.map(drop)
}
