//! Everything together, in the order in which an operator would do it.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::Mutex;

use crate::{accounts, control_plane::ControlPlane, manifests, pca::PcaSim, program::Program, wait};

const NAMESPACE: &str = "sallyport-system";

/// How the ground is laid.
#[derive(Clone, Debug)]
pub struct Options {
    /// The folder for everything that is written; must be new or empty.
    pub folder: PathBuf,
    /// How long the CA takes to issue.
    pub issue_delay: Duration,
    /// What the programs log.
    pub log: String,
    /// How often policy-sync asks for a job's state.
    pub job_poll: Duration,
    /// How long an identity that nobody wants is kept.
    pub identity_grace: Duration,
    /// How often the programs look at everything again.
    pub resync: Duration,
}

impl Options {
    /// Usual choices for a fresh folder under `target/ground`.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn fresh(name: &str) -> Result<Self> {
        let folder = crate::target()?.join("ground").join(name);
        if folder.exists() {
            std::fs::remove_dir_all(&folder).with_context(|| format!("cannot clear {}", folder.display()))?;
        }
        std::fs::create_dir_all(&folder)?;
        Ok(Self {
            folder,
            issue_delay: Duration::from_millis(200),
            log: "info".to_owned(),
            job_poll: Duration::from_secs(2),
            identity_grace: Duration::from_secs(600),
            resync: Duration::from_secs(60),
        })
    }
}

/// A laid ground. Everything on it stops when it is dropped or the process ends.
pub struct Ground {
    /// The folder with everything that is written.
    pub folder: PathBuf,
    /// The cluster.
    pub cluster: ControlPlane,
    /// The AWS Private CA stand-in.
    pub pca: PcaSim,
    /// The admission server.
    pub webhook: Mutex<Program>,
    /// The certificate agent.
    pub cert_agent: Mutex<Program>,
    /// The policy syncer.
    pub policy_sync: Mutex<Program>,
    /// Where the admission server listens.
    pub webhook_address: SocketAddr,
    /// A pod as the API server stored it before Sallyport was installed.
    pub before: Value,
    options: Options,
}

#[derive(Deserialize)]
struct Health {
    #[expect(dead_code, reason = "told for people who read the file")]
    health: SocketAddr,
}

#[derive(Deserialize)]
struct Listening {
    listen: SocketAddr,
}

impl Ground {
    /// Lays the ground; `tell` hears of each step.
    ///
    /// # Errors
    /// The first step that failed.
    pub async fn start(options: Options, tell: impl Fn(&str)) -> Result<Self> {
        let folder = options.folder.clone();
        tell("a Kubernetes control plane");
        let cluster = ControlPlane::start(&folder.join("cluster")).await?;
        tell("the AWS Private CA stand-in");
        let pca = PcaSim::start(&folder, options.issue_delay).await?;
        let before = stored(&cluster, "before").await?;
        tell("the install: definitions, accounts, roles");
        cluster.kubectl.apply(&manifests::stream(&manifests::definitions()?)).await?;
        established(&cluster).await?;
        let (webhook_configuration, rest): (Vec<Value>, Vec<Value>) = manifests::install()?
            .into_iter()
            .partition(|object| object["kind"] == "MutatingWebhookConfiguration");
        let rest: Vec<Value> = rest.into_iter().map(|object| manifests::overlay(object, "")).collect();
        cluster.kubectl.apply(&manifests::stream(&rest)).await?;
        tell("the programs, each under its own account");
        let cert_agent = cert_agent(&cluster, &pca, &options).await?;
        let policy_sync = policy_sync(&cluster, &options).await?;
        let (webhook, webhook_address) = webhook(&cluster, &options).await?;
        tell("the webhook configuration");
        let url = format!("https://{webhook_address}");
        let overlaid: Vec<Value> =
            webhook_configuration.into_iter().map(|object| manifests::overlay(object, &url)).collect();
        cluster.kubectl.apply(&manifests::stream(&overlaid)).await?;
        let ground = Self {
            folder,
            cluster,
            pca,
            webhook: Mutex::new(webhook),
            cert_agent: Mutex::new(cert_agent),
            policy_sync: Mutex::new(policy_sync),
            webhook_address,
            before,
            options,
        };
        ground.trusted().await?;
        Ok(ground)
    }

    /// Waits until cert-agent has written the caBundle into every entry.
    async fn trusted(&self) -> Result<()> {
        wait::until("the webhook's caBundle", wait::GENEROUS, || async {
            let object = self.cluster.kubectl.get(&["mutatingwebhookconfiguration", "sallyport"]).await?;
            let entries = object["webhooks"].as_array().context("no webhooks")?;
            let bundled = |entry: &Value| {
                entry["clientConfig"]["caBundle"].as_str().is_some_and(|text| !text.is_empty())
            };
            ensure!(entries.iter().all(bundled), "no caBundle yet");
            Ok(())
        })
        .await
    }

    /// Kills cert-agent and starts it again.
    ///
    /// # Errors
    /// It does not start.
    pub async fn restart_cert_agent(&self) -> Result<()> {
        let mut program = self.cert_agent.lock().await;
        program.kill().await?;
        *program = cert_agent(&self.cluster, &self.pca, &self.options).await?;
        Ok(())
    }

    /// Kills policy-sync and starts it again.
    ///
    /// # Errors
    /// It does not start.
    pub async fn restart_policy_sync(&self) -> Result<()> {
        let mut program = self.policy_sync.lock().await;
        program.kill().await?;
        *program = policy_sync(&self.cluster, &self.options).await?;
        Ok(())
    }

    /// Stops everything and waits for the end.
    ///
    /// # Errors
    /// Something did not stop.
    pub async fn stop(mut self) -> Result<()> {
        for program in [self.webhook, self.cert_agent, self.policy_sync] {
            program.into_inner().kill().await?;
        }
        self.pca.program.kill().await?;
        self.cluster.stop().await
    }
}

/// A plain pod as it is stored in a new namespace of that name, without what differs from pod to pod.
///
/// # Errors
/// It was refused.
pub async fn stored(cluster: &ControlPlane, namespace: &str) -> Result<Value> {
    let kubectl = &cluster.kubectl;
    kubectl.run(&["create", "namespace", namespace]).await?;
    let pod = serde_json::json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "plain", "namespace": namespace, "labels": {"app": "plain"}, "annotations": {"note": "mine"}},
        "spec": {"automountServiceAccountToken": false, "containers": [{"name": "nginx", "image": "nginx"}]},
    });
    // The service account controller needs a moment in a new namespace.
    wait::until("a pod to be accepted", wait::GENEROUS, || kubectl.create(&pod)).await?;
    let mut stored = kubectl.get(&["pod", "plain", "-n", namespace]).await?;
    kubectl.run(&["delete", "namespace", namespace, "--wait=false"]).await?;
    if let Some(metadata) = stored["metadata"].as_object_mut() {
        for key in ["uid", "resourceVersion", "creationTimestamp", "namespace", "generation"] {
            metadata.remove(key);
        }
    }
    if let Some(pod) = stored.as_object_mut() {
        pod.remove("status");
    }
    if let Some(spec) = stored["spec"].as_object_mut() {
        spec.remove("nodeName");
    }
    Ok(stored)
}

async fn established(cluster: &ControlPlane) -> Result<()> {
    let args = ["wait", "--for=condition=Established", "--timeout=60s", "crd", "--all"];
    cluster.kubectl.run(&args).await?;
    Ok(())
}

async fn cert_agent(cluster: &ControlPlane, pca: &PcaSim, options: &Options) -> Result<Program> {
    let mut args = process_args("cert-agent", options);
    args.extend(["--webhook-name", "127.0.0.1", "--webhook-name", "localhost"].map(str::to_owned));
    args.extend(["--identity-grace".to_owned(), format!("{}s", options.identity_grace.as_secs())]);
    args.extend(["--resync".to_owned(), format!("{}s", options.resync.as_secs())]);
    let mut env = pca.environment();
    env.push(account(cluster, "sallyport-cert-agent", &options.folder).await?);
    let (program, _): (Program, Health) =
        Program::start("cert-agent", "sallyport", &args, &env, &options.folder).await?;
    Ok(program)
}

async fn policy_sync(cluster: &ControlPlane, options: &Options) -> Result<Program> {
    let mut args = process_args("policy-sync", options);
    args.extend(["--job-poll".to_owned(), format!("{}ms", options.job_poll.as_millis())]);
    args.extend(["--resync".to_owned(), format!("{}s", options.resync.as_secs())]);
    let env = [account(cluster, "sallyport-policy-sync", &options.folder).await?];
    let (program, _): (Program, Health) =
        Program::start("policy-sync", "sallyport", &args, &env, &options.folder).await?;
    Ok(program)
}

async fn webhook(cluster: &ControlPlane, options: &Options) -> Result<(Program, SocketAddr)> {
    let mut args = process_args("webhook", options);
    args.extend(["--listen", "127.0.0.1:0", "--drain-delay", "0s"].map(str::to_owned));
    let env = [account(cluster, "sallyport-webhook", &options.folder).await?];
    let (program, ready): (Program, Listening) =
        Program::start("webhook", "sallyport", &args, &env, &options.folder).await?;
    Ok((program, ready.listen))
}

fn process_args(subcommand: &str, options: &Options) -> Vec<String> {
    [subcommand, "--health-address", "127.0.0.1:0", "--log", &options.log, "--log-format", "text"]
        .map(str::to_owned)
        .to_vec()
}

async fn account(cluster: &ControlPlane, name: &str, folder: &Path) -> Result<(&'static str, String)> {
    let file = accounts::kubeconfig(cluster, NAMESPACE, name, folder).await?;
    Ok(("KUBECONFIG", file.display().to_string()))
}
