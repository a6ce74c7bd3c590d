//! Admission on the real API server: what is stored, what is refused, and that nothing else happens.

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use ground::{Ground, Team, team::TeamOptions, wait};
use serde_json::{Value, json};

use crate::run::{Test, test};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test("admission::law_3_an_unlabelled_namespace_is_stored_byte_for_byte", |g| Box::pin(unlabelled(g))),
        test("admission::law_3_a_second_pass_over_a_stored_pod_is_empty", |g| Box::pin(second_pass(g))),
        test("admission::law_3_a_dry_run_tells_and_leaves_nothing", |g| Box::pin(dry_run(g))),
        test("admission::law_12_hostile_names_are_refused_with_the_reason", |g| Box::pin(hostile_names(g))),
        test("admission::hostile_reviews_are_answered", |g| Box::pin(hostile_reviews(g))),
        test("admission::every_kind_of_workload_gets_a_verdict", |g| Box::pin(every_kind(g))),
        test("admission::law_13_scaling_and_deleting_work_under_a_tightened_policy", |g| {
            Box::pin(tightened(g))
        }),
    ]
}

async fn unlabelled(ground: &Ground) -> Result<()> {
    let after = ground::stored(&ground.cluster, "after").await?;
    ensure!(after == ground.before, "before: {}\nafter: {after}", ground.before);
    Ok(())
}

async fn second_pass(ground: &Ground) -> Result<()> {
    let team = Team::start(ground, "twice", TeamOptions::default()).await?;
    ground.cluster.kubectl.apply(&team.deployment("web", 1, &json!({})).to_string()).await?;
    let pods = wait::until("a pod", wait::GENEROUS, || async {
        let pods = team.pods("web").await?;
        ensure!(!pods.is_empty(), "no pod");
        Ok(pods)
    })
    .await?;
    let pod = pods.first().context("no pod")?;
    let answer = review(ground, "/pods", &admission_review(pod, "pods", "Pod")).await?;
    let response: Value = serde_json::from_str(&answer.1)?;
    ensure!(answer.0 == 200 && response["response"]["allowed"] == true, "{answer:?}");
    let patch = response["response"]["patch"]
        .as_str()
        .map(|text| base64::engine::general_purpose::STANDARD.decode(text));
    let patch = patch.transpose()?.unwrap_or_else(|| b"[]".to_vec());
    ensure!(patch == b"[]", "the second pass patches: {}", String::from_utf8_lossy(&patch));
    Ok(())
}

fn admission_review(object: &Value, resource: &str, kind: &str) -> String {
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
        "uid": "0d3a2c9e-7f0e-4c59-9a3c-000000000001", "operation": "CREATE", "dryRun": true,
        "kind": {"group": "", "version": "v1", "kind": kind},
        "resource": {"group": "", "version": "v1", "resource": resource},
        "namespace": object["metadata"]["namespace"], "userInfo": {"username": "test"}, "object": object}})
    .to_string()
}

/// Speaks to the webhook as the API server does: over TLS that its caBundle must verify.
async fn review(ground: &Ground, path: &str, body: &str) -> Result<(u16, String)> {
    let object = ground.cluster.kubectl.get(&["mutatingwebhookconfiguration", "sallyport"]).await?;
    let bundle = object["webhooks"][0]["clientConfig"]["caBundle"].as_str().context("no caBundle")?;
    let bundle = base64::engine::general_purpose::STANDARD.decode(bundle)?;
    let client =
        reqwest::Client::builder().tls_certs_only(reqwest::Certificate::from_pem_bundle(&bundle)?).build()?;
    let url = format!("https://{}{path}", ground.webhook_address);
    let answer =
        client.post(url).header("content-type", "application/json").body(body.to_owned()).send().await?;
    Ok((answer.status().as_u16(), answer.text().await?))
}

async fn dry_run(ground: &Ground) -> Result<()> {
    let team = Team::start(ground, "dry", TeamOptions::default()).await?;
    let kubectl = &ground.cluster.kubectl;
    wait::until("the firewall to have been read", wait::GENEROUS, || async {
        let object = kubectl.get(&["fw", "dry"]).await?;
        let synced = ground::team::condition(&object, "InSync").context("no condition")?;
        ensure!(synced["status"] == "True", "{synced}");
        Ok(())
    })
    .await?;
    let good = kubectl.dry_run(&team.deployment("web", 1, &json!({})).to_string()).await?;
    ensure!(
        good.ok && good.stdout.contains("resolved.sallyport.dev/dns-names: web.dry.corp.example"),
        "{good:?}"
    );
    let wish = json!({"sallyport.dev/san": "web.billing.corp.example"});
    let bad = kubectl.dry_run(&team.deployment("bad", 1, &wish).to_string()).await?;
    ensure!(!bad.ok, "{bad:?}");
    for part in [
        "name \"web.billing.corp.example\" is not allowed in namespace dry",
        "where: Deployment dry/bad, spec.template.metadata.annotations[\"sallyport.dev/san\"]",
        "rule:  IdentityPolicy dry allows *.dry.corp.example",
        "do:    ",
    ] {
        ensure!(bad.stderr.contains(part), "{part:?} is not in {}", bad.stderr);
    }
    let left = kubectl.run(&["get", "deployments,pods,wid,secrets", "-n", "dry", "-o", "name"]).await?;
    ensure!(left.trim().is_empty(), "left behind: {left}");
    let claims = kubectl.run(&["get", "nclaim", "-o", "jsonpath={.items[*].spec.dnsName}"]).await?;
    ensure!(!claims.contains("dry.corp.example"), "a claim was left: {claims}");
    let issued = ground.pca.issued().await?.to_string();
    ensure!(!issued.contains("dry.corp.example"), "the CA was asked");
    let writes = team
        .firewall
        .log()
        .await?
        .into_iter()
        .filter(|call| call["type"] == "commit" || call["action"] == "multi-config")
        .count();
    ensure!(writes == 0, "{writes} writes to the firewall");
    Ok(())
}

async fn hostile_names(ground: &Ground) -> Result<()> {
    let team = Team::start(ground, "hostile", TeamOptions::default()).await?;
    let kubectl = &ground.cluster.kubectl;
    let long = format!("{}.hostile.corp.example", vec!["a"; 117].join("."));
    for (name, because) in [
        ("a'b.hostile.corp.example", "holds '\\''"),
        ("a\"b.hostile.corp.example", "holds '\"'"),
        ("a]b.hostile.corp.example", "holds ']'"),
        ("a<b.hostile.corp.example", "holds '<'"),
        ("a\\b.hostile.corp.example", "holds '\\\\'"),
        (".*.hostile.corp.example", "whole left-most label"),
        ("a\nb.hostile.corp.example", "holds '\\n'"),
        ("a\u{0}b.hostile.corp.example", "holds '\\0'"),
        (long.as_str(), "254 characters"),
        ("web", "single label"),
        ("10.20.0.1", "IP address"),
        ("web.hostile.corp.example.", "empty label"),
        ("xn--a.hostile.corp.example", "international"),
        ("web.hostile.corp.example/x", "holds '/'"),
    ] {
        let wish = json!({"sallyport.dev/san": name});
        let said = kubectl.dry_run(&team.deployment("web", 1, &wish).to_string()).await?;
        ensure!(!said.ok && said.stderr.contains(because), "{name:?}: {} {}", said.stdout, said.stderr);
    }
    for (name, normal) in [
        ("WEB.Hostile.corp.example", "web.hostile.corp.example"),
        ("bücher.hostile.corp.example", "xn--bcher-kva.hostile.corp.example"),
    ] {
        let said = kubectl
            .dry_run(&team.deployment("web", 1, &json!({"sallyport.dev/san": name})).to_string())
            .await?;
        ensure!(said.ok && said.stdout.contains(&format!("dns-names: {normal}")), "{name}: {said:?}");
    }
    for workload in ["a.b".to_owned(), format!("w.{}", vec!["a"; 125].join("."))] {
        let mut object = team.deployment("web", 1, &json!({}));
        object["metadata"]["name"] = json!(workload);
        let said = kubectl.dry_run(&object.to_string()).await?;
        ensure!(
            !said.ok && said.stderr.contains("a dot cannot stand inside one label"),
            "{workload}: {said:?}"
        );
    }
    Ok(())
}

async fn hostile_reviews(ground: &Ground) -> Result<()> {
    let huge = format!("{{\"padding\": \"{}\"}}", "x".repeat(3 * 1024 * 1024 + 1));
    let unknown =
        json!({"apiVersion": "admission.k8s.io/v9", "kind": "AdmissionReview", "request": {"uid": "x"}})
            .to_string();
    for (body, status) in
        [("", 400), ("{", 400), ("[]", 400), ("\u{0}", 400), (unknown.as_str(), 400), (huge.as_str(), 413)]
    {
        for path in ["/pods", "/workloads"] {
            let (answered, text) = review(ground, path, body).await?;
            let start: String = body.chars().take(40).collect();
            ensure!(answered == status && !text.is_empty(), "{path} {start:?}: {answered} {text}");
        }
    }
    Ok(())
}

async fn every_kind(ground: &Ground) -> Result<()> {
    let team = Team::start(ground, "kinds", TeamOptions::default()).await?;
    let kubectl = &ground.cluster.kubectl;
    let template = team.deployment("web", 1, &json!({}))["spec"]["template"].clone();
    let mut once = template.clone();
    once["spec"]["restartPolicy"] = json!("Never");
    let selector = json!({"matchLabels": {"app": "web"}});
    let object = |kind: &str, version: &str, name: &str, spec: Value| json!({"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": "kinds"}, "spec": spec});
    for (workload, name) in [
        (
            object(
                "StatefulSet",
                "apps/v1",
                "db",
                json!({"serviceName": "db", "selector": selector, "template": template}),
            ),
            "db",
        ),
        (
            object("DaemonSet", "apps/v1", "agent", json!({"selector": selector, "template": template})),
            "agent",
        ),
        (object("Job", "batch/v1", "once", json!({"template": once})), "once"),
        (
            object(
                "CronJob",
                "batch/v1",
                "report",
                json!({"schedule": "@daily", "jobTemplate": {"spec": {"template": once}}}),
            ),
            "report",
        ),
    ] {
        let said = kubectl.dry_run(&workload.to_string()).await?;
        let wanted = format!("dns-names: {name}.kinds.corp.example");
        ensure!(said.ok && said.stdout.contains(&wanted), "{name}: {said:?}");
        kubectl.apply(&workload.to_string()).await?;
        let identity = team.identity(&format!("{name}.kinds.corp.example")).await?;
        ensure!(identity["spec"]["action"] == "Allow", "{identity}");
    }
    let run = kubectl.run(&["create", "job", "by-hand", "--from=cronjob/report", "-n", "kinds"]).await?;
    ensure!(run.contains("created"), "{run}");
    let pod = wait::until("the CronJob's pod", wait::GENEROUS, || async {
        let pods = team.pods("web").await?;
        pods.into_iter().find(|pod| pod["metadata"]["generateName"] == "by-hand-").context("no pod yet")
    })
    .await?;
    let names = &pod["metadata"]["annotations"]["resolved.sallyport.dev/dns-names"];
    ensure!(names == "report.kinds.corp.example", "the CronJob's pod was given {names}");
    Ok(())
}

async fn tightened(ground: &Ground) -> Result<()> {
    let team = Team::start(ground, "tight", TeamOptions::default()).await?;
    let kubectl = &ground.cluster.kubectl;
    let wish = json!({"sallyport.dev/san": "api.tight.corp.example"});
    kubectl.apply(&team.deployment("web", 2, &wish).to_string()).await?;
    team.ready("web", 2).await?;
    team.patch("idpol", &json!({"dnsNames": {"allowed": []}})).await?;
    wait::until("the policy to hold", wait::GENEROUS, || async {
        let said = kubectl.dry_run(&team.deployment("other", 1, &wish).to_string()).await?;
        ensure!(!said.ok, "still allowed");
        Ok(())
    })
    .await?;
    kubectl.run(&["scale", "deployment/web", "--replicas=1", "-n", "tight"]).await?;
    team.ready("web", 1).await?;
    kubectl.run(&["label", "deployment/web", "note=mine", "-n", "tight"]).await?;
    kubectl
        .run(&["delete", "deployment/web", "-n", "tight", "--cascade=foreground", "--timeout=60s"])
        .await?;
    Ok(())
}
