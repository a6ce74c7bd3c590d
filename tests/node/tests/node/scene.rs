//! What most tests begin with: a team, a Deployment `web` of TLS servers with its Service, and a client pod.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, ensure};
use ground::{Team, leaf, team::TeamOptions, wait};
use node::{
    NodeGround,
    workload::{self, Client, Seen, Traffic},
};
use serde_json::json;

/// A team, its servers `web`, and somebody who calls them.
pub(crate) struct Scene<'g> {
    pub(crate) ground: &'g NodeGround,
    pub(crate) team: Team<'g>,
    pub(crate) client: Client<'g>,
    /// The Service `web`.
    pub(crate) service: SocketAddr,
}

impl<'g> Scene<'g> {
    /// Sets up the team, the Service and the client; there are no servers yet.
    pub(crate) async fn start(ground: &'g NodeGround, name: &str, options: TeamOptions) -> Result<Self> {
        let team = Team::start(ground, name, options).await?;
        let client = Client::start(&ground.cluster, &format!("{name}-clients")).await?;
        ground.cluster.kubectl.apply(&workload::service(name, "web").to_string()).await?;
        let service = workload::address(&ground.cluster, name, "web").await?;
        Ok(Self { ground, team, client, service })
    }

    /// [`Scene::start`], and so many servers are Ready and answer by their Service.
    pub(crate) async fn ready(
        ground: &'g NodeGround,
        name: &str,
        options: TeamOptions,
        replicas: u32,
    ) -> Result<Self> {
        let scene = Self::start(ground, name, options).await?;
        scene.apply(replicas).await?;
        scene.team.ready("web", usize::try_from(replicas)?).await?;
        scene.answers().await?;
        Ok(scene)
    }

    /// Applies the servers.
    pub(crate) async fn apply(&self, replicas: u32) -> Result<()> {
        self.apply_with(replicas, &["serve"]).await
    }

    /// Applies servers with other arguments.
    pub(crate) async fn apply_with(&self, replicas: u32, args: &[&str]) -> Result<()> {
        let mut web = workload::deployment(&self.team.name, "web", replicas, &json!({}));
        web["spec"]["template"]["spec"]["containers"][0]["args"] = json!(args);
        self.ground.cluster.kubectl.apply(&web.to_string()).await?;
        Ok(())
    }

    /// The name of `web`.
    pub(crate) fn name(&self) -> String {
        self.team.dns_name("web")
    }

    /// The name of the identity of `web`.
    pub(crate) async fn identity(&self) -> Result<String> {
        let identity = self.team.identity(&self.name()).await?;
        identity["metadata"]["name"].as_str().map(str::to_owned).context("the identity has no name")
    }

    /// What clients trust.
    pub(crate) async fn roots(&self) -> Result<String> {
        Ok(self.team.certificate(&self.identity().await?).await?.ca)
    }

    /// The serial number of the delivered leaf, as a client tells it.
    pub(crate) async fn serial(&self) -> Result<String> {
        let delivered = self.team.certificate(&self.identity().await?).await?;
        Ok(workload::serial(&leaf::read(&delivered.chain)?.serial))
    }

    /// Calls the Service once.
    pub(crate) async fn call(&self) -> Result<Seen> {
        self.client.call(self.service, &self.name(), &self.roots().await?).await
    }

    /// Waits until the Service answers: kube-proxy hears of endpoints a moment after they are there.
    pub(crate) async fn answers(&self) -> Result<Seen> {
        let roots = self.roots().await?;
        self.client.reaches(self.service, &self.name(), &roots).await
    }

    /// Asks for another certificate, as a person does, and waits until it is delivered; gives its serial number.
    pub(crate) async fn renewed(&self) -> Result<String> {
        let before = self.serial().await?;
        let said =
            cli(self.ground, &["cert", "renew", &format!("{}/{}", self.team.name, self.identity().await?)])
                .await?;
        wait::until("another certificate", wait::GENEROUS, || async {
            let now = self.serial().await?;
            ensure!(now != before, "the same certificate; asked: {said}");
            Ok(now)
        })
        .await
    }

    /// Where the only pod of `web` itself is.
    pub(crate) async fn pod_address(&self) -> Result<SocketAddr> {
        let pods = self.team.pods("web").await?;
        let ip =
            pods.first().and_then(|pod| pod["status"]["podIP"].as_str()).context("no pod has an address")?;
        Ok(SocketAddr::new(ip.parse()?, 8443))
    }

    /// The uids of the pods of `web` that are not on their way out.
    pub(crate) async fn uids(&self) -> Result<Vec<String>> {
        let pods = self.team.pods("web").await?;
        let staying = pods.iter().filter(|pod| pod["metadata"]["deletionTimestamp"].is_null());
        let mut uids: Vec<String> =
            staying.filter_map(|pod| Some(pod["metadata"]["uid"].as_str()?.to_owned())).collect();
        uids.sort();
        Ok(uids)
    }

    /// Somebody who calls this address ten times a second, and has begun.
    pub(crate) async fn traffic(&self, address: SocketAddr) -> Result<Traffic<'_>> {
        let traffic = self.client.traffic(address, &self.name(), &self.roots().await?).await?;
        traffic.has_made(10).await?;
        Ok(traffic)
    }

    /// Calls the Service ten times a second from before `change` until after it is through; gives how many calls there
    /// were, and fails if one of them was lost.
    pub(crate) async fn without_loss(&self, change: impl Future<Output = Result<()>>) -> Result<usize> {
        self.without_loss_at(self.service, change).await
    }

    /// [`Scene::without_loss`], with another address than the Service's.
    pub(crate) async fn without_loss_at(
        &self,
        address: SocketAddr,
        change: impl Future<Output = Result<()>>,
    ) -> Result<usize> {
        let traffic = self.traffic(address).await?;
        change.await?;
        // Also those that have begun and hang.
        let begun = traffic.seen().await?.iter().map(|seen| seen.number).max().unwrap_or(0);
        let all = traffic.has_made(begun + 20).await?;
        let lost = lost(&all);
        ensure!(lost.is_empty(), "of {} calls {} were lost: {lost:?}", all.len(), lost.len());
        Ok(all.len())
    }
}

/// The calls that got no verified answer.
pub(crate) fn lost(all: &[Seen]) -> Vec<&Seen> {
    all.iter().filter(|seen| seen.outcome != "verified").collect()
}

/// `sallyport ARGS`, which must succeed.
pub(crate) async fn cli(ground: &NodeGround, args: &[&str]) -> Result<String> {
    let done = ground.cluster.sallyport(args).await?;
    ensure!(done.ok, "sallyport {}: {}{}", args.join(" "), done.stdout, done.stderr);
    Ok(done.stdout)
}

/// The root of a team's embedded CA: with certificates of their own, pods have no `ca.crt`.
pub(crate) async fn embedded_root(ground: &NodeGround, team: &str) -> Result<String> {
    let path = "go-template={{index .data \"tls.crt\" | base64decode}}";
    let secret = format!("embedded-ca-{team}");
    ground.cluster.kubectl.run(&["get", "secret", &secret, "-n", "sallyport-system", "-o", path]).await
}
