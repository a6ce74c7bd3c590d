//! Rights: each program holds only what its job needs.

use anyhow::{Context as _, Result, ensure};
use ground::{Ground, wait};
use serde_json::Value;

use crate::run::{Test, test};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test("rights::law_11_no_program_can_do_more_than_its_job", |g| Box::pin(limits(g))),
        test("rights::law_3_the_webhook_only_reads", |g| Box::pin(only_reads(g))),
        test("rights::the_guards_type_check_and_are_in_force", |g| Box::pin(guards(g))),
    ]
}

async fn limits(ground: &Ground) -> Result<()> {
    for (account, verb, resource, namespace, may) in [
        ("sallyport-webhook", "create", "pods", "default", false),
        ("sallyport-webhook", "list", "secrets", "sallyport-system", false),
        ("sallyport-webhook", "get", "secrets/sallyport-webhook-ca", "sallyport-system", false),
        ("sallyport-webhook", "get", "secrets/sallyport-webhook-tls", "sallyport-system", true),
        ("sallyport-webhook", "patch", "mutatingwebhookconfigurations", "", false),
        ("sallyport-cert-agent", "get", "secrets", "default", false),
        ("sallyport-cert-agent", "patch", "secrets", "default", false),
        ("sallyport-cert-agent", "get", "secrets", "kube-system", false),
        ("sallyport-cert-agent", "get", "secrets", "sallyport-firewall", false),
        ("sallyport-cert-agent", "get", "firewalls", "", false),
        ("sallyport-cert-agent", "patch", "pods", "default", false),
        ("sallyport-cert-agent", "patch", "deployments.apps", "default", false),
        ("sallyport-cert-agent", "patch", "nameclaims/status", "", false),
        ("sallyport-cert-agent", "patch", "validatingadmissionpolicies/sallyport-own-objects", "", false),
        ("sallyport-cert-agent", "patch", "validatingadmissionpolicies/sallyport-end-state", "", true),
        ("sallyport-cert-agent", "delete", "validatingadmissionpolicies/sallyport-end-state", "", false),
        ("sallyport-cert-agent", "get", "customresourcedefinitions/firewalls.sallyport.dev", "", false),
        ("sallyport-cert-agent", "create", "podcertificaterequests.certificates.k8s.io", "default", false),
        ("sallyport-cert-agent", "delete", "podcertificaterequests.certificates.k8s.io", "default", false),
        ("sallyport-policy-sync", "get", "secrets", "default", false),
        ("sallyport-policy-sync", "get", "secrets", "sallyport-system", false),
        ("sallyport-policy-sync", "get", "secrets", "sallyport-firewall", true),
        ("sallyport-policy-sync", "patch", "pods", "default", false),
        ("sallyport-policy-sync", "patch", "workloadidentities", "default", false),
        ("sallyport-policy-sync", "create", "nameclaims", "", false),
        ("sallyport-policy-sync", "list", "gateoverrides", "default", true),
        ("sallyport-policy-sync", "create", "gateoverrides", "default", false),
        ("sallyport-policy-sync", "delete", "gateoverrides", "default", false),
        ("sallyport-cert-agent", "create", "gateoverrides", "default", false),
    ] {
        let user = format!("--as=system:serviceaccount:sallyport-system:{account}");
        let mut args = vec!["auth", "can-i", verb, resource, user.as_str()];
        if !namespace.is_empty() {
            args.extend(["-n", namespace]);
        }
        let said = ground.cluster.kubectl.attempt(&args, None).await?;
        let can = said.stdout.trim() == "yes";
        ensure!(can == may, "{account} {verb} {resource} in {namespace:?}: {} {}", said.stdout, said.stderr);
    }
    Ok(())
}

/// The API server's own log of requests: the webhook never asked for anything but reads.
async fn only_reads(ground: &Ground) -> Result<()> {
    let text =
        std::fs::read_to_string(ground.cluster.folder.join("logs/audit.log")).context("no audit log")?;
    let mut seen = 0;
    for line in text.lines() {
        let Ok(event) = serde_json::from_str::<Value>(line) else { continue };
        if event["user"]["username"] != "system:serviceaccount:sallyport-system:sallyport-webhook" {
            continue;
        }
        seen += 1;
        let verb = event["verb"].as_str().unwrap_or_default();
        ensure!(
            ["get", "list", "watch"].contains(&verb),
            "the webhook asked to {verb} {}",
            event["requestURI"]
        );
    }
    ensure!(seen > 0, "the webhook never asked for anything: the log is not what it should be");
    Ok(())
}

/// An expression that does not type-check would fail only on the object that it is about.
async fn guards(ground: &Ground) -> Result<()> {
    wait::until("the guards to be type-checked", wait::GENEROUS, || async {
        let policies = ground.cluster.kubectl.get(&["validatingadmissionpolicies"]).await?;
        let policies = policies["items"].as_array().context("no list")?;
        ensure!(policies.len() >= 13, "only {} guards are installed", policies.len());
        for policy in policies {
            let (name, status) = (&policy["metadata"]["name"], &policy["status"]);
            ensure!(status["typeChecking"].is_object(), "{name} is not checked yet");
            ensure!(status["typeChecking"]["expressionWarnings"].is_null(), "{name}: {status}");
            ensure!(policy["spec"]["failurePolicy"] == "Fail", "{name} lets pass what it cannot judge");
            let binding = ["validatingadmissionpolicybinding", name.as_str().context("no name")?];
            let binding = ground.cluster.kubectl.get(&binding).await?;
            ensure!(binding["spec"]["validationActions"][0] == "Deny", "{name} only watches");
        }
        Ok(())
    })
    .await
}
