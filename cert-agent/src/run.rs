//! Puts the program together: watches, worker, health endpoint.

use std::{path::PathBuf, sync::Arc, time::Duration};

use k8s_openapi::{
    Resource as _,
    api::{
        apps::v1::{DaemonSet, Deployment, StatefulSet},
        batch::v1::{CronJob, Job},
        certificates::{v1, v1::PodCertificateRequest, v1beta1},
        core::v1::{ConfigMap, Namespace, Pod},
    },
};
use kube::{Api, Client, runtime::watcher};
use prometheus_client::registry::Registry;
use sallyport_contract::{
    keys,
    object::{NameClaim, WorkloadIdentity},
};
use sallyport_process::{
    clock::Clock,
    endpoint::Endpoint,
    kubernetes::{ConnectError, connect, connect_behind, in_time, serves},
    lease::{Campaign, Fence, Leadership},
    readiness::Readiness,
    report,
    shutdown::{Signals, Stop},
    tasks::{TaskError, TaskResult, Tasks},
};
use tokio::time::Instant;

use crate::{
    args::Args,
    claim::Claim,
    cluster::{Cluster, kube_api::KubeCluster},
    flow::{
        agent::{Agent, Settings},
        intake::Intake,
        queue::Work,
        worker,
    },
    issuer::{
        aws_client::{Clients, Way},
        foundry::Foundry,
        governor::gate::Governors,
    },
    metrics::Metrics,
    observe::{
        facts::{NamespaceFacts, PodFacts, Workload},
        made::Made,
        watch,
        world::Served,
    },
    trust::bundle::Found,
};

/// Why the program ended.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// There is no way to the API server.
    #[error("cannot connect to Kubernetes")]
    Connect(#[source] ConnectError),
    /// The health address cannot be bound.
    #[error("cannot serve health and metrics at {address}")]
    Bind {
        /// The address.
        address: std::net::SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The ready file cannot be written.
    #[error("cannot write the ready file {path}")]
    ReadyFile {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Signals cannot be taken over.
    #[error("cannot take over the signals that end the program")]
    Signals(#[source] std::io::Error),
    /// A task ended.
    #[error("the program cannot go on")]
    Task(#[source] TaskError),
}

/// The Lease of the replica that works.
const LEASE: &str = "sallyport-cert-agent";
/// What runs is given so long to come to its end: longer than any call to the API server or to AWS.
const GRACE: Duration = Duration::from_secs(15);

/// Runs the certificate agent until a signal.
///
/// # Errors
/// What it needs at the start is not there, or a task ended.
pub async fn run(args: Args) -> Result<(), RunError> {
    let Args { process, lease, namespace, identity_grace, webhook_names, aws_ca_bundle, .. } = args;
    let Args { aws_session_name, aws_rates, certificate_price, restart_within, resync, ready_file, .. } =
        args;
    let (stop, readiness, clock) = (Stop::new(), Readiness::new(), Clock::system());
    let unfenced = connect().await.map_err(RunError::Connect)?;
    let campaign = Campaign::new(unfenced, &namespace, LEASE, lease, clock.clone());
    let leadership = campaign.leadership();
    let client = connect_behind(Fence(leadership.clone())).await.map_err(RunError::Connect)?;
    let listed = readiness.wait_for("the first lists");
    let mut registry = Registry::default();
    let metrics = Metrics::new(&mut registry).priced(certificate_price);
    let address = process.health_address;
    let bound = Endpoint::bind(address, readiness, Arc::new(registry)).await;
    let endpoint = bound.map_err(|source| RunError::Bind { address, source })?;
    let bound_at = endpoint.address().map_err(|source| RunError::Bind { address, source })?;
    let cluster = KubeCluster::new(client.clone());
    let way = Way { ca_bundle: aws_ca_bundle, session_name: aws_session_name, ..Way::default() };
    let governors = Governors::new(aws_rates, metrics.governor.clone());
    let issuers = Foundry::new(cluster.clone(), &namespace, clock.clone(), Clients::new(way), governors);
    let settings = Settings {
        system: namespace,
        identity_grace: identity_grace.as_std(),
        resync: resync.as_std(),
        restart_within: restart_within.as_std(),
        webhook_names,
    };
    let agent = Arc::new(Agent::new(cluster, Arc::new(issuers), clock, settings, metrics));
    let intake = Intake::new(agent.world.clone(), Arc::clone(&agent.queue));
    let mut tasks = Tasks::new(stop.clone());
    tasks.start("health", endpoint.serve(stop.clone()));
    watch_inputs(&mut tasks, &client, &intake, &stop);
    watch_workloads(&mut tasks, &client, &intake, &stop);
    watch_outputs(&mut tasks, &client, &intake, &stop);
    tasks.start("cluster trust bundles", watch_cluster_bundles(client.clone(), intake.clone(), stop.clone()));
    tasks.start("pod requests", watch_pod_requests(client, intake.clone(), stop.clone()));
    let signals = Signals::install().map_err(RunError::Signals)?;
    tasks.start("lease", campaign.clone().run(stop.clone()));
    tasks.start("work", work(agent, intake, listed, leadership, stop));
    if let Some(path) = ready_file {
        let text = serde_json::json!({"health": bound_at}).to_string();
        sallyport_process::ready_file::write(&path, &text)
            .map_err(|source| RunError::ReadyFile { path, source })?;
    }
    let ended = tasks.run(signals, GRACE).await.map_err(RunError::Task);
    campaign.give_back().await;
    ended
}

/// Works, once every first list is in and this replica leads.
async fn work<C: Cluster>(
    agent: Arc<Agent<C>>,
    intake: Intake,
    listed: sallyport_process::readiness::Handle,
    leadership: Leadership,
    stop: Stop,
) -> TaskResult {
    tokio::select! {
        () = stop.wait() => return Ok(()),
        () = intake.complete() => {}
    }
    listed.done();
    tracing::info!("every first list is in");
    tokio::select! {
        () = stop.wait() => return Ok(()),
        () = leadership.won() => {}
    }
    agent.metrics.leads();
    agent.queue.add(Work::Webhook, Instant::now(), true);
    agent.queue.add(Work::Policies, Instant::now(), true);
    agent.queue.add(Work::Trust, Instant::now(), true);
    agent.queue.add(Work::Sweep, Instant::now() + agent.settings.resync, true);
    worker::run(agent, stop).await
}

fn watch_inputs(tasks: &mut Tasks, client: &Client, intake: &Intake, stop: &Stop) {
    let config = watcher::Config::default;
    let (to, from) = (intake.clone(), Api::all(client.clone()));
    let read = |namespace: &Namespace| Some(NamespaceFacts::read(namespace));
    tasks.start("namespaces", watch::objects(from, config(), stop.clone(), read, move |c| to.namespace(c)));
    let (to, from) = (intake.clone(), Api::all(client.clone()));
    let living = config().fields("status.phase!=Succeeded,status.phase!=Failed");
    let read = |pod: &Pod| Some(PodFacts::read(pod));
    tasks.start("pods", watch::objects(from, living, stop.clone(), read, move |c| to.pod(c)));
    let (to, from) = (intake.clone(), Api::all(client.clone()));
    tasks.start("policies", watch::objects(from, config(), stop.clone(), kept, move |c| to.policy(c)));
    let (to, from) = (intake.clone(), Api::all(client.clone()));
    tasks.start("authorities", watch::objects(from, config(), stop.clone(), kept, move |c| to.authority(c)));
}

fn watch_workloads(tasks: &mut Tasks, client: &Client, intake: &Intake, stop: &Stop) {
    let config = watcher::Config::default;
    let (to, from) = (intake.clone(), Api::all(client.clone()));
    let take = move |c| to.workload(|shelves| &mut shelves.deployments, c);
    let read = |object: &Deployment| Some(Workload::deployment(object));
    tasks.start("deployments", watch::objects(from, config(), stop.clone(), read, take));
    let (to, from) = (intake.clone(), Api::all(client.clone()));
    let take = move |c| to.workload(|shelves| &mut shelves.stateful_sets, c);
    let read = |object: &StatefulSet| Some(Workload::stateful_set(object));
    tasks.start("statefulsets", watch::objects(from, config(), stop.clone(), read, take));
    let (to, from) = (intake.clone(), Api::all(client.clone()));
    let take = move |c| to.workload(|shelves| &mut shelves.daemon_sets, c);
    let read = |object: &DaemonSet| Some(Workload::daemon_set(object));
    tasks.start("daemonsets", watch::objects(from, config(), stop.clone(), read, take));
    let (to, from) = (intake.clone(), Api::all(client.clone()));
    let take = move |c| to.workload(|shelves| &mut shelves.replica_sets, c);
    tasks.start("replicasets", watch::metadata(from, stop.clone(), Workload::replica_set, take));
    let (to, from) = (intake.clone(), Api::all(client.clone()));
    let take = move |c| to.workload(|shelves| &mut shelves.jobs, c);
    let read = |object: &Job| Some(Workload::job(object));
    tasks.start("jobs", watch::objects(from, config(), stop.clone(), read, take));
    let (to, from) = (intake.clone(), Api::all(client.clone()));
    let take = move |c| to.workload(|shelves| &mut shelves.cron_jobs, c);
    let read = |object: &CronJob| Some(Workload::cron_job(object));
    tasks.start("cronjobs", watch::objects(from, config(), stop.clone(), read, take));
}

fn watch_outputs(tasks: &mut Tasks, client: &Client, intake: &Intake, stop: &Stop) {
    let config = watcher::Config::default;
    let (to, from) = (intake.clone(), Api::all(client.clone()));
    let read = |object: &WorkloadIdentity| Some(Made::read(object));
    tasks.start("identities", watch::objects(from, config(), stop.clone(), read, move |c| to.identity(c)));
    let (to, from) = (intake.clone(), Api::all(client.clone()));
    tasks.start("bindings", watch::objects(from, config(), stop.clone(), kept, move |c| to.binding(c)));
    let (to, from) = (intake.clone(), Api::all(client.clone()));
    tasks.start("requests", watch::objects(from, config(), stop.clone(), kept, move |c| to.request(c)));
    let (to, from) = (intake.clone(), Api::all(client.clone()));
    let read = |object: &NameClaim| Claim::read(object);
    tasks.start("claims", watch::objects(from, config(), stop.clone(), read, move |c| to.claim(c)));
    let (to, from) = (intake.clone(), Api::all(client.clone()));
    // Our right is to this one name, which the request has to say.
    let ours = config().fields(&format!("metadata.name={}", keys::TRUST));
    let read = |object: &ConfigMap| Some(Found::config_map(object));
    tasks.start("trust bundles", watch::objects(from, ours, stop.clone(), read, move |c| to.bundle(c)));
}

/// How often a cluster that does not serve what we would watch is asked again: it may be upgraded.
const ASK_AGAIN: Duration = Duration::from_secs(60);

/// Waits until the cluster serves one of these versions of a kind of object, and tells which; none when the stop is asked.
/// `missing` hears each time that it serves none.
async fn await_served<V: Copy>(
    client: &Client,
    plural: &str,
    versions: &[(&str, V)],
    missing: impl Fn(),
    stop: &Stop,
) -> Option<V> {
    loop {
        let mut absent = 0;
        for (version, served) in versions {
            match in_time(serves(client, version, plural)).await {
                Ok(Ok(true)) => return Some(*served),
                Ok(Ok(false)) => {
                    tracing::info!("this cluster serves no {plural} of {version}");
                    absent += 1;
                }
                Ok(Err(error)) => tracing::warn!(error = report::chain(&error), "cannot tell what is served"),
                Err(late) => tracing::warn!(error = %late, "cannot tell what is served"),
            }
        }
        if absent == versions.len() {
            missing();
        }
        tokio::select! {
            () = stop.wait() => return None,
            () = tokio::time::sleep(ASK_AGAIN) => {}
        }
    }
}

/// Watches the pods' requests to our signer, as soon as the cluster serves them.
async fn watch_pod_requests(client: Client, intake: Intake, stop: Stop) -> TaskResult {
    let versions = [(PodCertificateRequest::API_VERSION, ())];
    let plural = PodCertificateRequest::URL_PATH_SEGMENT;
    let missing = || intake.pod_requests_served(false);
    if await_served(&client, plural, &versions, missing, &stop).await.is_none() {
        return Ok(());
    }
    let config = watcher::Config::default().fields(&format!("spec.signerName={}", keys::SIGNER));
    watch::objects(Api::all(client), config, stop, kept, move |c| intake.pod_request(c)).await
}

/// Watches the ClusterTrustBundles of our signer, as soon as the cluster serves any, in the newest version.
async fn watch_cluster_bundles(client: Client, intake: Intake, stop: Stop) -> TaskResult {
    let versions = [
        (v1::ClusterTrustBundle::API_VERSION, Served::V1),
        (v1beta1::ClusterTrustBundle::API_VERSION, Served::V1beta1),
    ];
    let plural = v1::ClusterTrustBundle::URL_PATH_SEGMENT;
    let Some(served) = await_served(&client, plural, &versions, || {}, &stop).await else { return Ok(()) };
    let config = watcher::Config::default().fields(&format!("spec.signerName={}", keys::SIGNER));
    let take = move |change| intake.cluster_bundle(served, change);
    match served {
        Served::V1 => {
            let read = |object: &v1::ClusterTrustBundle| {
                Some(Found::cluster(&object.metadata, &object.spec.trust_bundle))
            };
            watch::objects(Api::all(client), config, stop, read, take).await
        }
        Served::V1beta1 => {
            let read = |object: &v1beta1::ClusterTrustBundle| {
                Some(Found::cluster(&object.metadata, &object.spec.trust_bundle))
            };
            watch::objects(Api::all(client), config, stop, read, take).await
        }
    }
}

/// The object as it is, without the book-keeping of its fields.
fn kept<K: kube::Resource + Clone>(object: &K) -> Option<K> {
    let mut object = object.clone();
    object.meta_mut().managed_fields = None;
    Some(object)
}
