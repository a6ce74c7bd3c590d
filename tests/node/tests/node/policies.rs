//! The chart's NetworkPolicies, obeyed: what each program needs it reaches, as all other tests here show, and nothing else.

use std::net::SocketAddr;

use anyhow::{Result, ensure};
use ground::{team::TeamOptions, wait};
use node::{NodeGround, settings, workload};
use serde_json::json;

use crate::{
    run::{Test, where_policies_are_obeyed},
    scene::Scene,
};

pub(crate) fn tests() -> Vec<Test> {
    vec![where_policies_are_obeyed("policies::a_program_reaches_what_it_needs_and_nothing_else", |g| {
        Box::pin(reach(g))
    })]
}

const SYSTEM: &str = "sallyport-system";
const FIREWALL: &str = "sallyport-firewall";

async fn reach(ground: &NodeGround) -> Result<String> {
    let scene = Scene::start(ground, "fenced", TeamOptions::default()).await?;
    let firewall = scene.team.firewall.api;
    let aws: SocketAddr = ground.pca.endpoint.trim_start_matches("https://").trim_end_matches('/').parse()?;
    let here: SocketAddr = ground.cluster.server.trim_start_matches("https://").parse()?;
    let api_server = SocketAddr::new(settings::ADDRESS, here.port());
    let policy_sync = Probe::start(ground, SYSTEM, "as-policy-sync", Some("sallyport-policy-sync")).await?;
    let cert_agent = Probe::start(ground, SYSTEM, "as-cert-agent", Some("sallyport-cert-agent")).await?;
    let nobody = Probe::start(ground, SYSTEM, "as-nobody", None).await?;
    let beside_secrets = Probe::start(ground, FIREWALL, "beside-secrets", None).await?;
    let mut told = Vec::new();
    for (who, to, called, reached) in [
        (&policy_sync, firewall, "the firewall", true),
        (&policy_sync, api_server, "the API server", true),
        (&policy_sync, aws, "AWS", false),
        (&cert_agent, aws, "AWS", true),
        (&cert_agent, api_server, "the API server", true),
        (&cert_agent, firewall, "the firewall", false),
        (&nobody, api_server, "the API server", false),
        (&nobody, firewall, "the firewall", false),
        (&beside_secrets, api_server, "the API server", false),
    ] {
        let what = format!("{} and {called}", who.name);
        // The rules follow a new pod a moment later.
        let said = wait::until(&what, wait::GENEROUS, || async {
            let outcome = who.call(to).await?;
            let through = !matches!(outcome.as_str(), "refused" | "silence");
            ensure!(through == reached, "{} to {called}: {outcome}", who.name);
            Ok(format!("{} to {called}: {}", who.name, if through { "through" } else { &outcome }))
        });
        told.push(said.await?);
    }
    Ok(told.join("\n"))
}

/// A pod that calls from one of Sallyport's namespaces, with the labels of one of its programs.
struct Probe<'g> {
    ground: &'g NodeGround,
    namespace: &'static str,
    name: &'static str,
}

impl<'g> Probe<'g> {
    async fn start(
        ground: &'g NodeGround,
        namespace: &'static str,
        name: &'static str,
        program: Option<&str>,
    ) -> Result<Self> {
        let labels = program.map(
            |program| json!({"app.kubernetes.io/part-of": "sallyport", "app.kubernetes.io/name": program}),
        );
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "namespace": namespace, "labels": labels},
            "spec": {"terminationGracePeriodSeconds": 0, "automountServiceAccountToken": false,
                "securityContext": {"runAsNonRoot": true, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
                "containers": [{"name": "probe", "image": settings::POD_IMAGE, "args": ["pause"],
                    "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}}}]}});
        let kubectl = &ground.cluster.kubectl;
        kubectl.create(&pod).await?;
        let args = ["wait", "--for=condition=Ready", "--timeout=60s", "pod", name, "-n", namespace];
        kubectl.run(&args).await?;
        Ok(Self { ground, namespace, name })
    }

    /// How a TLS call ends. Nobody there has a certificate that it trusts; only whether packets come through is asked.
    async fn call(&self, address: SocketAddr) -> Result<String> {
        let root = std::fs::read_to_string(&self.ground.pca.ca_file)?;
        let from = (self.namespace, self.name);
        Ok(workload::call_from(&self.ground.cluster, from, address, "probe.example", &root).await?.outcome)
    }
}
