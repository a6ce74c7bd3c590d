//! Everything together, in the order in which an operator would do it.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use serde_json::Value;

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
    pub webhook: Program,
    /// The certificate agent.
    pub cert_agent: Program,
    /// The policy syncer.
    pub policy_sync: Program,
    /// Where the admission server listens.
    pub webhook_address: SocketAddr,
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
        let ground =
            Self { folder, cluster, pca, webhook, cert_agent, policy_sync, webhook_address, options };
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

    /// Starts cert-agent again after it was killed.
    ///
    /// # Errors
    /// It does not start.
    pub async fn restart_cert_agent(&mut self) -> Result<()> {
        self.cert_agent.kill().await?;
        self.cert_agent = cert_agent(&self.cluster, &self.pca, &self.options).await?;
        Ok(())
    }

    /// Starts policy-sync again after it was killed.
    ///
    /// # Errors
    /// It does not start.
    pub async fn restart_policy_sync(&mut self) -> Result<()> {
        self.policy_sync.kill().await?;
        self.policy_sync = policy_sync(&self.cluster, &self.options).await?;
        Ok(())
    }

    /// Stops everything and waits for the end.
    ///
    /// # Errors
    /// Something did not stop.
    pub async fn stop(mut self) -> Result<()> {
        for program in [&mut self.webhook, &mut self.cert_agent, &mut self.policy_sync, &mut self.pca.program]
        {
            program.kill().await?;
        }
        self.cluster.stop().await
    }
}

async fn established(cluster: &ControlPlane) -> Result<()> {
    let args = ["wait", "--for=condition=Established", "--timeout=60s", "crd", "--all"];
    cluster.kubectl.run(&args).await?;
    Ok(())
}

async fn cert_agent(cluster: &ControlPlane, pca: &PcaSim, options: &Options) -> Result<Program> {
    let mut args = process_args("cert-agent", options);
    args.extend(["--webhook-name", "127.0.0.1", "--webhook-name", "localhost"].map(str::to_owned));
    let mut env = pca.environment();
    env.push(account(cluster, "sallyport-cert-agent", &options.folder).await?);
    let (program, _): (Program, Health) =
        Program::start("cert-agent", "sallyport", &args, &env, &options.folder).await?;
    Ok(program)
}

async fn policy_sync(cluster: &ControlPlane, options: &Options) -> Result<Program> {
    let mut args = process_args("policy-sync", options);
    args.extend(["--job-poll".to_owned(), format!("{}ms", options.job_poll.as_millis())]);
    let env = [account(cluster, "sallyport-policy-sync", &options.folder).await?];
    let (program, _): (Program, Health) =
        Program::start("policy-sync", "sallyport", &args, &env, &options.folder).await?;
    Ok(program)
}

async fn webhook(cluster: &ControlPlane, options: &Options) -> Result<(Program, SocketAddr)> {
    let mut args = process_args("webhook", options);
    args.extend(["--listen", "127.0.0.1:0"].map(str::to_owned));
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
