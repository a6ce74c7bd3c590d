//! What a thief of one of our tokens can do: the limits that the threat model tells.

use anyhow::{Context as _, Result, ensure};
use ground::{
    Ground, Team,
    person::{Person, Verb},
    team::TeamOptions,
};
use serde_json::{Value, json};

use crate::run::{Test, test};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test("tokens::law_3_the_webhooks_token_writes_nothing", |g| Box::pin(webhook(g))),
        test("tokens::law_11_cert_agents_token_reads_no_secret_outside_enabled_namespaces", |g| {
            Box::pin(cert_agent_outside(g))
        }),
        test("tokens::law_11_cert_agents_token_touches_no_foreign_secret_in_an_enabled_namespace", |g| {
            Box::pin(cert_agent_inside(g))
        }),
        test("tokens::law_11_cert_agents_token_binds_itself_only_where_it_should", |g| {
            Box::pin(cert_agent_binding(g))
        }),
        test("tokens::law_11_policy_syncs_token_reads_no_certificates_secret", |g| Box::pin(sync_secrets(g))),
        test("tokens::law_4_policy_syncs_token_changes_one_condition_of_a_pod", |g| Box::pin(sync_pods(g))),
    ]
}

const SYSTEM: &str = "sallyport-system";

async fn thief(ground: &Ground, account: &str) -> Result<Person> {
    Person::with_token_of(&ground.cluster, SYSTEM, account).await
}

/// A team with one proven pod; the paths of the pod and of its certificate's Secret.
async fn scene<'g>(ground: &'g Ground, name: &str) -> Result<(Team<'g>, String, String)> {
    let team = Team::start(ground, name, TeamOptions::default()).await?;
    ground.cluster.kubectl.apply(&team.deployment("web", 1, &json!({})).to_string()).await?;
    let pods = team.ready("web", 1).await?;
    let pod = pods.first().context("no pod")?;
    let (pod_name, label) = (&pod["metadata"]["name"], &pod["metadata"]["labels"]["sallyport.dev/identity"]);
    let namespace = format!("/api/v1/namespaces/{name}");
    let secret = format!("{namespace}/secrets/{}-tls", label.as_str().context("no identity")?);
    Ok((team, format!("{namespace}/pods/{}", pod_name.as_str().context("no name")?), secret))
}

/// By what the API server says of its rights, in every namespace that matters, and by trying.
async fn webhook(ground: &Ground) -> Result<()> {
    let thief = thief(ground, "sallyport-webhook").await?;
    for namespace in ["default", "kube-system", SYSTEM, "sallyport-firewall"] {
        let review = json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview", "spec": {"namespace": namespace}});
        let said = thief
            .ask(Verb::Create, "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", Some(&review))
            .await?;
        let said: Value = serde_json::from_str(&said.text)?;
        let rules = said["status"]["resourceRules"].as_array().context("no rules")?;
        ensure!(!rules.is_empty(), "no rules at all: the question was wrong");
        for rule in rules {
            let groups = rule["apiGroups"].to_string();
            // Every account may ask what it may do.
            if groups.contains("authorization.k8s.io") || groups.contains("authentication.k8s.io") {
                continue;
            }
            let verbs = rule["verbs"].as_array().context("no verbs")?;
            let reads = |verb: &Value| ["get", "list", "watch"].iter().any(|read| verb == read);
            ensure!(verbs.iter().all(reads), "in {namespace}: {rule}");
        }
    }
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": {"containers": [{"name": "x", "image": "x"}]}});
    thief.ask(Verb::Create, "/api/v1/namespaces/default/pods", Some(&pod)).await?.refused("forbidden")
}

/// An empty patch would return the Secret, so it counts as reading.
async fn cert_agent_outside(ground: &Ground) -> Result<()> {
    let thief = thief(ground, "sallyport-cert-agent").await?;
    let kubectl = &ground.cluster.kubectl;
    kubectl.run(&["create", "namespace", "token-outside"]).await?;
    for namespace in ["token-outside", "kube-system", "sallyport-firewall"] {
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "token-prey", "namespace": namespace}, "stringData": {"a": "b"}});
        kubectl.apply(&secret.to_string()).await?;
        let path = format!("/api/v1/namespaces/{namespace}/secrets/token-prey");
        for (verb, path, body) in [
            (Verb::Get, path.clone(), None),
            (Verb::Merge, path.clone(), Some(json!({}))),
            (Verb::Merge, format!("{path}?dryRun=All"), Some(json!({}))),
            (Verb::Strategic, format!("{path}?dryRun=All"), Some(json!({}))),
            (Verb::Delete, path.clone(), None),
        ] {
            thief.ask(verb, &path, body.as_ref()).await?.refused("forbidden")?;
        }
        kubectl.run(&["delete", "secret", "token-prey", "-n", namespace]).await?;
    }
    kubectl.run(&["delete", "namespace", "token-outside", "--wait=false"]).await.map(drop)
}

/// RBAC knows no exceptions, so in an enabled namespace it may read every Secret: that is told in the threat
/// model. It may change none that is not an identity's.
async fn cert_agent_inside(ground: &Ground) -> Result<()> {
    let (team, _, certificate) = scene(ground, "token-inside").await?;
    let thief = thief(ground, "sallyport-cert-agent").await?;
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "prey", "namespace": team.name}, "stringData": {"a": "b"}});
    ground.cluster.kubectl.apply(&secret.to_string()).await?;
    let secrets = format!("/api/v1/namespaces/{}/secrets", team.name);
    let words = "cert-agent writes only Secrets of type kubernetes.io/tls that belong to a WorkloadIdentity";
    let prey = format!("{secrets}/prey");
    for (verb, path, body) in [
        (Verb::Merge, format!("{prey}?dryRun=All"), Some(json!({}))),
        (Verb::Merge, prey.clone(), Some(json!({"data": {"a": "Yw=="}}))),
        (Verb::Delete, prey.clone(), None),
        (
            Verb::Create,
            secrets.clone(),
            Some(json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "planted"}})),
        ),
        (Verb::Merge, certificate.clone(), Some(json!({"metadata": {"ownerReferences": null}}))),
    ] {
        let said = thief.ask(verb, &path, body.as_ref()).await?;
        said.refused(words).with_context(|| format!("{verb:?} {path}"))?;
    }
    let own = thief.ask(Verb::Merge, &format!("{certificate}?dryRun=All"), Some(&json!({}))).await?;
    ensure!(own.done(), "its own Secrets it writes: {own:?}");
    Ok(())
}

async fn cert_agent_binding(ground: &Ground) -> Result<()> {
    let (team, ..) = scene(ground, "token-binding").await?;
    let thief = thief(ground, "sallyport-cert-agent").await?;
    let kubectl = &ground.cluster.kubectl;
    kubectl.run(&["create", "namespace", "token-off"]).await?;
    let binding = |name: &str, role: &str, account: &str| {
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": name},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
            "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": SYSTEM}]})
    };
    let (writer, agent) = ("sallyport-certificate-writer", "sallyport-cert-agent");
    let path =
        |namespace: &str| format!("/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/rolebindings");
    let only_enabled = "only in namespaces that are enabled";
    let itself = "cert-agent binds itself";
    for (namespace, binding, words) in [
        ("token-off", binding(writer, writer, agent), only_enabled),
        ("kube-system", binding(writer, writer, agent), only_enabled),
        ("sallyport-firewall", binding(writer, writer, agent), only_enabled),
        (SYSTEM, binding(writer, writer, agent), only_enabled),
        (&team.name, binding("another", writer, agent), itself),
        (&team.name, binding("another", writer, "sallyport-webhook"), itself),
        // The API server's own rule against escalation comes first.
        (&team.name, binding(writer, "cluster-admin", agent), "forbidden"),
    ] {
        let said = thief.ask(Verb::Create, &path(namespace), Some(&binding)).await?;
        said.refused(words).with_context(|| format!("{namespace}: {binding}"))?;
    }
    // Not even a label makes our own namespaces a team's.
    kubectl.run(&["label", "namespace", "sallyport-firewall", "sallyport.dev/inject=enabled"]).await?;
    let said =
        thief.ask(Verb::Create, &path("sallyport-firewall"), Some(&binding(writer, writer, agent))).await;
    kubectl.run(&["label", "namespace", "sallyport-firewall", "sallyport.dev/inject-"]).await?;
    said?.refused(only_enabled)?;
    let mine = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "mine", "namespace": team.name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"}, "subjects": []});
    kubectl.apply(&mine.to_string()).await?;
    thief.ask(Verb::Delete, &format!("{}/mine", path(&team.name)), None).await?.refused(itself)?;
    let own = format!("{}/{writer}?dryRun=All", path(&team.name));
    ensure!(thief.ask(Verb::Delete, &own, None).await?.done(), "its own right it may give back");
    kubectl.run(&["delete", "namespace", "token-off", "--wait=false"]).await.map(drop)
}

async fn sync_secrets(ground: &Ground) -> Result<()> {
    let (_, _, certificate) = scene(ground, "token-sync").await?;
    let thief = thief(ground, "sallyport-policy-sync").await?;
    for path in [certificate.as_str(), "/api/v1/namespaces/sallyport-system/secrets/sallyport-webhook-tls"] {
        thief.ask(Verb::Get, path, None).await?.refused("forbidden")?;
        thief
            .ask(Verb::Merge, &format!("{path}?dryRun=All"), Some(&json!({})))
            .await?
            .refused("forbidden")?;
    }
    let own = thief.ask(Verb::Get, "/api/v1/namespaces/sallyport-firewall/secrets/token-sync", None).await?;
    ensure!(own.done(), "the firewall's credentials are its own: {own:?}");
    Ok(())
}

async fn sync_pods(ground: &Ground) -> Result<()> {
    let (_, pod, _) = scene(ground, "token-pods").await?;
    let thief = thief(ground, "sallyport-policy-sync").await?;
    let status = format!("{pod}/status");
    let label = json!({"metadata": {"labels": {"app": "stolen"}}});
    thief.ask(Verb::Merge, &pod, Some(&label)).await?.refused("forbidden")?;
    for body in [
        label,
        json!({"metadata": {"annotations": {"resolved.sallyport.dev/dns-names": "pay.bank.example"}}}),
        json!({"metadata": {"annotations": {"note": "stolen"}}}),
        json!({"metadata": {"finalizers": ["example.com/stuck"]}}),
        json!({"status": {"phase": "Succeeded"}}),
        json!({"status": {"podIP": "10.9.9.9", "podIPs": [{"ip": "10.9.9.9"}]}}),
        json!({"status": {"conditions": [{"type": "Ready", "status": "False"}]}}),
        json!({"status": {"conditions": [{"type": "example.com/mine", "status": "True"}]}}),
        json!({"status": {"message": "stolen"}}),
    ] {
        let said = thief.ask(Verb::Strategic, &status, Some(&body)).await?;
        ensure!(said.status >= 400, "{body} was done");
        said.refused("").with_context(|| format!("{body}"))?;
    }
    let gate = json!({"status": {"conditions": [{"type": "sallyport.dev/identity-ready", "status": "True", "reason": "Enforced", "message": "by the test"}]}});
    let said = thief.ask(Verb::Strategic, &status, Some(&gate)).await?;
    ensure!(said.done(), "the gate is its own: {said:?}");
    Ok(())
}
