//! Forgeries, tried with the token of a member of the team who has a built-in role: each is refused, or is
//! without effect.

use anyhow::{Context as _, Result, ensure};
use ground::{
    Ground, Team,
    person::{Person, Verb},
    team::{TeamOptions, condition, gate},
    wait,
};
use serde_json::{Value, json};

use crate::run::{Test, test};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test("forgeries::law_4_the_role_edit_forges_nothing", |g| Box::pin(by_role(g, "edit"))),
        test("forgeries::law_4_the_role_admin_forges_nothing", |g| Box::pin(by_role(g, "admin"))),
        test("forgeries::law_4_not_even_with_every_right_on_our_objects", |g| Box::pin(by_every_right(g))),
        test("forgeries::law_4_answers_change_only_with_the_template", |g| Box::pin(workload_answers(g))),
        test("forgeries::law_4_somebody_elses_owner_gives_no_name", |g| Box::pin(foreign_owner(g))),
        test("forgeries::law_4_a_secret_placed_beforehand_is_not_used", |g| Box::pin(placed_secret(g))),
        test("forgeries::law_5_opting_out_takes_the_policys_leave", |g| Box::pin(opting_out(g))),
        test("forgeries::law_5_the_label_of_another_teams_policy_is_guarded", |g| {
            Box::pin(anothers_label(g))
        }),
    ]
}

/// A team with one proven pod, and one of its members.
async fn scene<'g>(ground: &'g Ground, name: &str, role: &str) -> Result<(Team<'g>, Person)> {
    let team = Team::start(ground, name, TeamOptions::default()).await?;
    ground.cluster.kubectl.apply(&team.deployment("web", 1, &json!({})).to_string()).await?;
    team.ready("web", 1).await?;
    let person = Person::with_role(&ground.cluster, name, role).await?;
    Ok((team, person))
}

async fn pod_path(team: &Team<'_>) -> Result<String> {
    let pods = team.pods("web").await?;
    let name = pods.first().and_then(|pod| pod["metadata"]["name"].as_str()).context("no pod")?;
    Ok(format!("/api/v1/namespaces/{}/pods/{name}", team.name))
}

/// The group's path in a namespace.
fn ours(namespace: &str, resource: &str) -> String {
    format!("/apis/sallyport.dev/v1alpha1/namespaces/{namespace}/{resource}")
}

async fn by_role(ground: &Ground, role: &str) -> Result<()> {
    let (team, person) = scene(ground, &format!("forge-{role}"), role).await?;
    let pod = pod_path(&team).await?;
    let annotation = |key: &str, value: Value| json!({"metadata": {"annotations": {key: value}}});
    let label = |value: Value| json!({"metadata": {"labels": {"sallyport.dev/identity": value}}});
    let answer = "are Sallyport's answer to this pod";
    for (body, words) in [
        (annotation("resolved.sallyport.dev/dns-names", json!("pay.bank.example")), answer),
        (annotation("resolved.sallyport.dev/action", json!("deny")), answer),
        (annotation("resolved.sallyport.dev/policy", Value::Null), answer),
        (annotation("resolved.sallyport.dev/made-up", json!("x")), answer),
        (label(json!("pay-00000000")), "the label sallyport.dev/identity"),
        (label(Value::Null), "the label sallyport.dev/identity"),
    ] {
        let said = person.ask(Verb::Merge, &pod, Some(&body)).await?;
        said.refused(words).with_context(|| format!("{role}: {body}"))?;
    }
    let harmless = person.ask(Verb::Merge, &pod, Some(&annotation("note", json!("mine")))).await?;
    ensure!(harmless.done(), "the role changes other annotations: {harmless:?}");
    let open =
        json!({"status": {"conditions": [{"type": "sallyport.dev/identity-ready", "status": "True"}]}});
    person.ask(Verb::Strategic, &format!("{pod}/status"), Some(&open)).await?.refused("forbidden")?;
    for (path, object) in our_objects(&team) {
        person.ask(Verb::Create, &path, Some(&object)).await?.refused("forbidden")?;
    }
    let shown = person.ask(Verb::Get, &ours(&team.name, "workloadidentities"), None).await?;
    ensure!(shown.done() && shown.text.contains("web."), "people see their identities: {shown:?}");
    Ok(())
}

/// Forged objects of ours, with the path at which each is created.
fn our_objects(team: &Team<'_>) -> Vec<(String, Value)> {
    let object = |kind: &str, name: &str, spec: Value| json!({"apiVersion": "sallyport.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec});
    let identity = json!({"dnsNames": ["pay.bank.example"], "delivery": "Secret", "action": "Allow", "policy": team.name,
        "certificate": {"authority": team.name}, "firewall": team.name});
    vec![
        (ours(&team.name, "workloadidentities"), object("WorkloadIdentity", "pay-00000000", identity)),
        (
            ours(&team.name, "namespacebindings"),
            object("NamespaceBinding", "mine", json!({"policy": "bank"})),
        ),
        (
            "/apis/sallyport.dev/v1alpha1/nameclaims".to_owned(),
            object("NameClaim", "pay", json!({"dnsName": "pay.bank.example", "namespace": team.name})),
        ),
    ]
}

/// RBAC is not all that stands in the way: with every right on our group, and on the status of pods, the
/// admission policies refuse. Deleting by hand takes a verb of its own.
async fn by_every_right(ground: &Ground) -> Result<()> {
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "forge-every-right"},
        "rules": [
            {"apiGroups": ["sallyport.dev"], "resources": ["*"], "verbs": ["get", "list", "create", "update", "patch", "delete"]},
            {"apiGroups": [""], "resources": ["pods", "pods/status"], "verbs": ["get", "list", "patch"]}]});
    ground.cluster.kubectl.apply(&role.to_string()).await?;
    let (team, person) = scene(ground, "forge-rights", "forge-every-right").await?;
    for (path, object) in our_objects(&team).into_iter().filter(|(path, _)| path.contains("namespaces/")) {
        person.ask(Verb::Create, &path, Some(&object)).await?.refused("written by Sallyport alone")?;
    }
    let identity = team.identity(&team.dns_name("web")).await?;
    let name = identity["metadata"]["name"].as_str().context("no name")?;
    let path = format!("{}/{name}", ours(&team.name, "workloadidentities"));
    let spec = json!({"spec": {"action": "Deny"}});
    person.ask(Verb::Merge, &path, Some(&spec)).await?.refused("written by Sallyport alone")?;
    let annotation = json!({"metadata": {"annotations": {"resolved.sallyport.dev/made-for": "x"}}});
    person.ask(Verb::Merge, &path, Some(&annotation)).await?.refused("written by Sallyport alone")?;
    let status = json!({"status": {"conditions": []}});
    let said = person.ask(Verb::Merge, &format!("{path}/status"), Some(&status)).await?;
    said.refused("written by Sallyport alone")?;
    person.ask(Verb::Delete, &path, None).await?.refused("hold the verb override on workloadidentities")?;
    let binding = format!("{}/sallyport/status", ours(&team.name, "namespacebindings"));
    person.ask(Verb::Merge, &binding, Some(&status)).await?.refused("written by Sallyport alone")?;
    let pod = pod_path(&team).await?;
    let gate =
        json!({"status": {"conditions": [{"type": "sallyport.dev/identity-ready", "status": "False"}]}});
    let said = person.ask(Verb::Strategic, &format!("{pod}/status"), Some(&gate)).await?;
    said.refused("the condition sallyport.dev/identity-ready tells what Sallyport has proven")?;
    let smuggled =
        json!({"metadata": {"annotations": {"resolved.sallyport.dev/dns-names": "pay.bank.example"}}});
    let said = person.ask(Verb::Strategic, &format!("{pod}/status"), Some(&smuggled)).await?;
    said.refused("are Sallyport's answer to this pod")?;
    let other = json!({"status": {"conditions": [{"type": "example.com/mine", "status": "True"}]}});
    let said = person.ask(Verb::Strategic, &format!("{pod}/status"), Some(&other)).await?;
    ensure!(said.done(), "other conditions are not ours to guard: {said:?}");
    team.ready("web", 1).await.map(drop)
}

async fn workload_answers(ground: &Ground) -> Result<()> {
    let (team, person) = scene(ground, "forge-workload", "edit").await?;
    let path = format!("/apis/apps/v1/namespaces/{}/deployments/web", team.name);
    let forged =
        json!({"metadata": {"annotations": {"resolved.sallyport.dev/dns-names": "pay.bank.example"}}});
    let said = person.ask(Verb::Merge, &path, Some(&forged)).await?;
    said.refused("are Sallyport's answer to this template and change only with it")?;
    let name = format!("www.{}.corp.example", team.name);
    let template = json!({"metadata": {"annotations": {"sallyport.dev/san": name}}});
    let with_template = json!({"metadata": forged["metadata"], "spec": {"template": template}});
    let said = person.ask(Verb::Merge, &path, Some(&with_template)).await?;
    let stored: Value = serde_json::from_str(&said.text)?;
    let answer = &stored["metadata"]["annotations"]["resolved.sallyport.dev/dns-names"];
    ensure!(
        said.done() && *answer == name,
        "with its template the answer is computed, not believed: {stored}"
    );
    Ok(())
}

/// A pod that names another namespace's ReplicaSet as its owner, and wears its hash.
async fn foreign_owner(ground: &Ground) -> Result<()> {
    let (victim, _) = scene(ground, "forge-victim", "view").await?;
    let (team, person) = scene(ground, "forge-owner", "edit").await?;
    let pods = victim.pods("web").await?;
    let meta = &pods.first().context("no pod")?["metadata"];
    let pod = json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "thief", "labels": {"app": "thief", "pod-template-hash": meta["labels"]["pod-template-hash"]},
            "ownerReferences": meta["ownerReferences"],
            "annotations": {"resolved.sallyport.dev/dns-names": victim.dns_name("web"), "sallyport.dev/san": victim.dns_name("web")}},
        "spec": {"automountServiceAccountToken": false, "containers": [{"name": "thief", "image": "thief"}]}});
    let path = format!("/api/v1/namespaces/{}/pods", team.name);
    person.ask(Verb::Create, &path, Some(&pod)).await?.refused("is not allowed in namespace forge-owner")?;
    let mut modest = pod;
    modest["metadata"]["annotations"] = json!({"resolved.sallyport.dev/dns-names": victim.dns_name("web")});
    let said = person.ask(Verb::Create, &path, Some(&modest)).await?;
    let stored: Value = serde_json::from_str(&said.text)?;
    let answer = stored["metadata"]["annotations"]["resolved.sallyport.dev/dns-names"].as_str();
    let within = answer.context("no answer")?.ends_with(".forge-owner.corp.example");
    ensure!(said.done() && within, "only a name of its own namespace: {stored}");
    let claims = ground.cluster.kubectl.get(&["nameclaims"]).await?;
    let holder = claims["items"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|claim| claim["spec"]["dnsName"] == victim.dns_name("web"));
    ensure!(holder.is_some_and(|claim| claim["spec"]["namespace"] == "forge-victim"), "{holder:?}");
    Ok(())
}

/// The pod would mount what lies there, so nothing opens before the team has taken it away.
async fn placed_secret(ground: &Ground) -> Result<()> {
    let team = Team::start(ground, "forge-secret", TeamOptions::default()).await?;
    let person = Person::with_role(&ground.cluster, "forge-secret", "edit").await?;
    let shown = ground.cluster.kubectl.dry_run(&team.deployment("web", 1, &json!({})).to_string()).await?;
    ensure!(shown.ok, "{}", shown.stderr);
    // The name follows from the content, so whoever may dry-run a pod knows it beforehand.
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": team.name, "labels": {"app": "probe"}},
        "spec": {"automountServiceAccountToken": false, "containers": [{"name": "web", "image": "web"}]}});
    let pods = format!("/api/v1/namespaces/{}/pods", team.name);
    let told = wait::until("the account to be there", wait::GENEROUS, || async {
        let said = person.ask(Verb::Create, &format!("{pods}?dryRun=All"), Some(&pod)).await?;
        ensure!(said.done(), "{said:?}");
        Ok(serde_json::from_str::<Value>(&said.text)?)
    })
    .await?;
    let volumes = told["spec"]["volumes"].as_array().context("no volumes")?;
    let secret =
        volumes.iter().find_map(|volume| volume["secret"]["secretName"].as_str()).context("no Secret")?;
    let placed = json!({"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
        "metadata": {"name": secret, "labels": {"app.kubernetes.io/managed-by": "sallyport"}}, "stringData": {"tls.crt": "", "tls.key": ""}});
    let secrets = format!("/api/v1/namespaces/{}/secrets", team.name);
    ensure!(person.ask(Verb::Create, &secrets, Some(&placed)).await?.done(), "edit makes Secrets");
    ground.cluster.kubectl.apply(&team.deployment("web", 1, &json!({})).to_string()).await?;
    team.gate_waits("web", "SecretHeldByOther", secret).await?;
    ensure!(
        person.ask(Verb::Delete, &format!("{secrets}/{secret}"), None).await?.done(),
        "edit takes it away"
    );
    team.gate_opens("web").await
}

async fn opting_out(ground: &Ground) -> Result<()> {
    let (team, person) = scene(ground, "forge-out", "edit").await?;
    let pods = format!("/api/v1/namespaces/{}/pods", team.name);
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "out", "labels": {"sallyport.dev/inject": "disabled"}},
        "spec": {"automountServiceAccountToken": false, "containers": [{"name": "out", "image": "out"}]}});
    person.ask(Verb::Create, &pods, Some(&pod)).await?.refused("optOut: Forbid")?;
    // On a pod that runs already the wish comes too late: it keeps what it was given.
    let label = json!({"metadata": {"labels": {"sallyport.dev/inject": "disabled"}}});
    ensure!(
        person.ask(Verb::Merge, &pod_path(&team).await?, Some(&label)).await?.done(),
        "a wish is no answer"
    );
    let pods = team.ready("web", 1).await?;
    let gate = pods.first().and_then(gate).context("no gate")?;
    ensure!(gate["status"] == "True", "{gate}");
    let identity = team.identity(&team.dns_name("web")).await?;
    let ready = condition(&identity, "Ready").context("no condition Ready")?;
    ensure!(ready["status"] == "True", "{ready}");
    Ok(())
}

/// Whoever may label namespaces does not thereby choose the policy that holds them.
async fn anothers_label(ground: &Ground) -> Result<()> {
    let kubectl = &ground.cluster.kubectl;
    let options = TeamOptions {
        policy_spec: json!({"namespaces": null, "namespaceSelector": {"matchLabels": {"team": "forge-bank"}}}),
        ..TeamOptions::default()
    };
    let bank = Team::start(ground, "forge-bank", options).await?;
    kubectl.run(&["label", "namespace", "forge-bank", "team=forge-bank"]).await?;
    let team = Team::start(ground, "forge-label", TeamOptions::default()).await?;
    let labeller = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "forge-labeller"},
        "rules": [{"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get", "patch"]},
            {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}]});
    let enroller = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "forge-enroller"},
        "rules": [{"apiGroups": ["sallyport.dev"], "resources": ["identitypolicies"], "resourceNames": [bank.name], "verbs": ["enroll"]}]});
    for role in [&labeller, &enroller] {
        kubectl.apply(&role.to_string()).await?;
    }
    let person = Person::with_role(&ground.cluster, &team.name, "forge-labeller").await?;
    let namespace = format!("/api/v1/namespaces/{}", team.name);
    let labels = |value: Value| json!({"metadata": {"labels": value}});
    ensure!(
        person.ask(Verb::Merge, &namespace, Some(&labels(json!({"note": "mine"})))).await?.done(),
        "other labels"
    );
    ensure!(
        person.ask(Verb::Merge, &namespace, Some(&labels(json!({"team": "other"})))).await?.done(),
        "selects nothing"
    );
    let theirs = labels(json!({"team": "forge-bank"}));
    person.ask(Verb::Merge, &namespace, Some(&theirs)).await?.refused("IdentityPolicy forge-bank")?;
    let off = labels(json!({"sallyport.dev/inject": null}));
    person.ask(Verb::Merge, &namespace, Some(&off)).await?.refused("IdentityPolicy forge-label")?;
    let grant = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "forge-enroller"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "forge-enroller"},
        "subjects": [{"kind": "ServiceAccount", "name": "person-forge-labeller", "namespace": team.name}]});
    kubectl.apply(&grant.to_string()).await?;
    wait::until("the verb enroll to hold", wait::GENEROUS, || async {
        let said = person.ask(Verb::Merge, &namespace, Some(&theirs)).await?;
        ensure!(said.done(), "{said:?}");
        Ok(())
    })
    .await?;
    person.ask(Verb::Merge, &namespace, Some(&off)).await?.refused("IdentityPolicy forge-label")
}
