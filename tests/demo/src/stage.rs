//! What the two grounds do each in its own way: what serves, and who calls it.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Result, ensure};
use ground::{
    Ground, Site, Team,
    kubectl::{Kubectl, Output},
    leaf,
    network::{Outcome, dial_for},
    team::Delivered,
    wait,
};
use node::{
    NodeGround,
    workload::{self, Client},
};
use serde_json::Value;

/// A client on this machine gives up after so long.
const PATIENCE: Duration = Duration::from_secs(3);

/// Where the story plays.
pub(crate) enum Stage<'g> {
    /// Nobody runs containers: a server and a client of ours stand for them.
    Machine(&'g Ground),
    /// A kubelet runs them, and a pod calls them.
    Node(&'g NodeGround, Client<'g>),
}

impl<'g> Stage<'g> {
    /// The ground.
    pub(crate) fn site(&self) -> &'g dyn Site {
        match self {
            Self::Machine(ground) => *ground,
            Self::Node(ground, _) => *ground,
        }
    }

    /// `kubectl`, for a cluster's administrator.
    pub(crate) fn kubectl(&self) -> &'g Kubectl {
        &self.site().cluster().kubectl
    }

    /// A Deployment that asks for nothing but what `annotations` say.
    pub(crate) fn deployment(
        &self,
        shop: &Team<'_>,
        name: &str,
        replicas: u32,
        annotations: &Value,
    ) -> Value {
        match self {
            Self::Machine(_) => shop.deployment(name, replicas, annotations),
            Self::Node(..) => workload::deployment(&shop.name, name, replicas, annotations),
        }
    }

    /// Where a client finds a workload through the firewall.
    pub(crate) async fn through_the_firewall(&self, shop: &Team<'_>, workload: &str) -> Result<SocketAddr> {
        match self {
            Self::Machine(_) => Ok(shop.firewall.data_plane),
            Self::Node(ground, _) => {
                let service = service(ground, shop, workload).await?;
                shop.firewall.data_plane_to(service).await
            }
        }
    }

    /// Sees to it that this is what `web` serves. On a node its containers read it from what the kubelet mounted.
    pub(crate) async fn serves(&self, shop: &Team<'_>, delivered: &Delivered) -> Result<()> {
        let name = shop.dns_name("web");
        match self {
            Self::Machine(_) => shop.server.serve(&name, &delivered.chain, &delivered.key),
            Self::Node(ground, client) => {
                let service = service(ground, shop, "web").await?;
                let serial = workload::serial(&leaf::read(&delivered.chain)?.serial);
                wait::until("the containers to serve it", wait::GENEROUS, || async {
                    let seen = client.call(service, &name, &delivered.ca).await?;
                    ensure!(seen.outcome == "verified" && seen.serial == serial, "they serve {seen:?}");
                    Ok(())
                })
                .await
            }
        }
    }

    /// A client says `name` there and trusts `roots` alone.
    pub(crate) async fn call(&self, address: SocketAddr, name: &str, roots: &str) -> Result<Outcome> {
        match self {
            Self::Machine(_) => dial_for(PATIENCE, address, name, roots).await,
            Self::Node(_, client) => {
                let seen = client.call(address, name, roots).await?;
                Ok(match seen.outcome.as_str() {
                    "verified" => Outcome::Verified(seen.said.trim().to_owned()),
                    "reset" => Outcome::Reset,
                    "closed" => Outcome::Closed,
                    "silence" => Outcome::Silence,
                    _ => Outcome::Tls(seen.said),
                })
            }
        }
    }

    /// `sallyport ARGS`, as a person types it.
    pub(crate) async fn sallyport(&self, args: &[&str]) -> Result<Output> {
        self.site().cluster().sallyport(args).await
    }
}

/// The Service before a workload's containers.
async fn service(ground: &NodeGround, shop: &Team<'_>, workload: &str) -> Result<SocketAddr> {
    ground.cluster.kubectl.apply(&workload::service(&shop.name, workload).to_string()).await?;
    workload::address(&ground.cluster, &shop.name, workload).await
}
