//! Everything together, in the order in which an operator would do it.

use std::{convert::Infallible, net::SocketAddr, path::PathBuf, time::Duration};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tokio::sync::Mutex;

use crate::{
    balancer::{Balancer, Replica},
    control_plane::ControlPlane,
    interposer::Interposer,
    interposers::{self, Interposers},
    manifests,
    pca::PcaSim,
    program::Program,
    programs::{self, Aws, Copy},
    wait,
};

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
    /// Further flags of cert-agent.
    pub cert_agent_args: Vec<String>,
    /// Further flags of the API server, each as `name=value`.
    pub api_server_args: Vec<String>,
    /// Whether proxies stand between the programs and what they call.
    pub interposed: bool,
    /// Whether the webhook stands behind a [`Balancer`], so that there may be several.
    pub balanced: bool,
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
            cert_agent_args: Vec::new(),
            api_server_args: Vec::new(),
            interposed: false,
            balanced: false,
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
    /// Where the API server finds the admission server.
    pub webhook_address: SocketAddr,
    /// The proxies between the programs and what they call, if there are any.
    pub interposers: Option<Interposers>,
    /// The proxy between the API server and the webhook, if there is one.
    pub before_webhook: Option<Interposer>,
    /// The Service before the webhook's replicas, if there is one.
    pub balancer: Option<Balancer>,
    /// A pod as the API server stored it before Sallyport was installed.
    pub before: Value,
    options: Options,
}

impl Ground {
    /// Lays the ground; `tell` hears of each step.
    ///
    /// # Errors
    /// The first step that failed.
    pub async fn start(options: Options, tell: impl Fn(&str)) -> Result<Self> {
        let folder = options.folder.clone();
        tell("a Kubernetes control plane");
        let cluster = ControlPlane::start(&folder.join("cluster"), &options.api_server_args).await?;
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
        let interposers =
            if options.interposed { Some(Interposers::start(&cluster, &pca).await?) } else { None };
        let ways =
            Ways { cluster: &cluster, pca: &pca, interposers: interposers.as_ref(), options: &options };
        let cert_agent = ways.cert_agent("cert-agent").await?;
        let policy_sync = ways.policy_sync("policy-sync").await?;
        let (webhook, replica) = ways.webhook("webhook").await?;
        let listens = replica.serves;
        let balancer = if options.balanced { Some(Balancer::start().await?) } else { None };
        if let Some(balancer) = &balancer {
            balancer.add(replica);
        }
        let before_webhook = if options.interposed {
            Some(interposers::before_the_webhook(&cluster, listens).await?)
        } else {
            None
        };
        let proxy = before_webhook.as_ref().map(|interposer| interposer.address);
        let webhook_address = proxy.or(balancer.as_ref().map(|balancer| balancer.address)).unwrap_or(listens);
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
            interposers,
            before_webhook,
            balancer,
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

    /// Where a program answers about its health and serves its metrics, as it said when it became ready.
    ///
    /// # Errors
    /// There is no such program, or it has never been ready.
    pub fn health(&self, program: &str) -> Result<String> {
        let ready = std::fs::read_to_string(self.folder.join(format!("{program}.ready")))?;
        let ready: Value = serde_json::from_str(&ready)?;
        let address = ready["health"].as_str().context("no health address")?;
        Ok(format!("http://{address}"))
    }

    /// Kills cert-agent and starts it again.
    ///
    /// # Errors
    /// It does not start.
    pub async fn restart_cert_agent(&self) -> Result<()> {
        let mut program = self.cert_agent.lock().await;
        program.kill().await?;
        *program = self.ways().cert_agent("cert-agent").await?;
        Ok(())
    }

    /// Kills cert-agent and starts it again with other further flags, which it keeps.
    ///
    /// # Errors
    /// It does not start.
    pub async fn restart_cert_agent_with(&mut self, args: &[&str]) -> Result<()> {
        self.options.cert_agent_args = args.iter().map(|arg| (*arg).to_owned()).collect();
        self.restart_cert_agent().await
    }

    /// Kills policy-sync and starts it again.
    ///
    /// # Errors
    /// It does not start.
    pub async fn restart_policy_sync(&self) -> Result<()> {
        let mut program = self.policy_sync.lock().await;
        program.kill().await?;
        *program = self.ways().policy_sync("policy-sync").await?;
        Ok(())
    }

    /// Does what a kubelet does, for as long as it is polled: an agent or a syncer that ended by itself, as one
    /// does that lost its Lease, is started again. Whoever holds one of them under its lock is left alone. The
    /// webhook has no reason to end.
    ///
    /// # Errors
    /// One does not start.
    pub async fn keeps_running(&self) -> Result<Infallible> {
        loop {
            if let Ok(mut program) = self.cert_agent.try_lock()
                && program.has_ended()?
            {
                *program = self.ways().cert_agent("cert-agent").await?;
            }
            if let Ok(mut program) = self.policy_sync.try_lock()
                && program.has_ended()?
            {
                *program = self.ways().policy_sync("policy-sync").await?;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    /// Kills the webhook and starts it again. The API server finds it only through a proxy, for it listens
    /// elsewhere now.
    ///
    /// # Errors
    /// It does not start, or there is no proxy.
    pub async fn restart_webhook(&self) -> Result<()> {
        let before = self.before_webhook.as_ref().context("this ground has no proxies")?;
        let mut program = self.webhook.lock().await;
        program.kill().await?;
        let (started, replica) = self.ways().webhook("webhook").await?;
        *program = started;
        before.turn_to(replica.serves);
        Ok(())
    }

    /// Starts a further replica of the webhook behind the balancer.
    ///
    /// # Errors
    /// It does not start, or there is no balancer.
    pub async fn another_webhook(&self, name: &str) -> Result<Program> {
        let balancer = self.balancer.as_ref().context("this ground has no balancer")?;
        let (program, replica) = self.aside_webhook(name).await?;
        balancer.add(replica);
        Ok(program)
    }

    /// Starts a replica of the webhook that nobody calls.
    ///
    /// # Errors
    /// It does not start.
    pub async fn aside_webhook(&self, name: &str) -> Result<(Program, Replica)> {
        self.ways().webhook(name).await
    }

    /// Starts a second replica of cert-agent, beside the one that runs.
    ///
    /// # Errors
    /// It does not start.
    pub async fn another_cert_agent(&self) -> Result<Program> {
        self.ways().cert_agent("cert-agent-2").await
    }

    /// Starts a second replica of policy-sync, beside the one that runs.
    ///
    /// # Errors
    /// It does not start.
    pub async fn another_policy_sync(&self) -> Result<Program> {
        self.ways().policy_sync("policy-sync-2").await
    }

    fn ways(&self) -> Ways<'_> {
        let Self { cluster, pca, interposers, options, .. } = self;
        Ways { cluster, pca, interposers: interposers.as_ref(), options }
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

/// What the programs are started with.
struct Ways<'a> {
    cluster: &'a ControlPlane,
    pca: &'a PcaSim,
    interposers: Option<&'a Interposers>,
    options: &'a Options,
}

impl Ways<'_> {
    async fn cert_agent(&self, name: &str) -> Result<Program> {
        let (api, aws) = match self.interposers {
            Some(interposers) => (interposers.cert_agent.route(), interposers.aws(&self.options.folder)?),
            None => (
                self.cluster.route(),
                Aws { endpoint: self.pca.endpoint.clone(), ca_file: self.pca.ca_file.clone() },
            ),
        };
        programs::cert_agent(self.cluster, &Copy { name, api }, &aws, self.options).await
    }

    async fn policy_sync(&self, name: &str) -> Result<Program> {
        let api = self.interposers.map_or_else(|| self.cluster.route(), |all| all.policy_sync.route());
        programs::policy_sync(self.cluster, &Copy { name, api }, self.options).await
    }

    async fn webhook(&self, name: &str) -> Result<(Program, Replica)> {
        let copy = Copy { name, api: self.cluster.route() };
        programs::webhook(self.cluster, &copy, self.options).await
    }
}
