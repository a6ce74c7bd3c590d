//! How each program is started: its flags, its environment, its account, and by which way it reaches the
//! API server.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use anyhow::Result;
use serde::Deserialize;

use crate::{
    Options, accounts, accounts::Route, balancer::Replica, control_plane::ControlPlane, pca::PcaSim,
    program::Program,
};

/// So long a webhook behind a balancer goes on after it was told to end: longer than it takes to be noticed.
const DRAIN: Duration = Duration::from_secs(5);

/// One copy of a program. A second one differs by its name and, as it has a proxy of its own, by its route.
pub(crate) struct Copy<'a> {
    /// What it is called in file names.
    pub(crate) name: &'a str,
    /// How it reaches the API server.
    pub(crate) api: Route,
}

#[derive(Deserialize)]
struct Health {
    #[expect(dead_code, reason = "told for people who read the file")]
    health: SocketAddr,
}

#[derive(Deserialize)]
struct Listening {
    listen: SocketAddr,
    health: SocketAddr,
}

/// How cert-agent reaches AWS: the endpoint, and the file with the CA that it is trusted by.
pub(crate) struct Aws {
    pub(crate) endpoint: String,
    pub(crate) ca_file: PathBuf,
}

pub(crate) async fn cert_agent(
    cluster: &ControlPlane,
    copy: &Copy<'_>,
    aws: &Aws,
    options: &Options,
) -> Result<Program> {
    let mut args = process_args("cert-agent", options);
    args.extend(["--lease-holder", copy.name].map(str::to_owned));
    args.extend(["--webhook-name", "127.0.0.1", "--webhook-name", "localhost"].map(str::to_owned));
    args.extend(["--identity-grace".to_owned(), format!("{}s", options.identity_grace.as_secs())]);
    args.extend(["--resync".to_owned(), format!("{}s", options.resync.as_secs())]);
    args.extend(["--restart-within", "1s"].map(str::to_owned));
    args.extend(options.cert_agent_args.iter().cloned());
    let mut env = PcaSim::environment(&aws.endpoint, &aws.ca_file);
    env.push(account(cluster, copy, "sallyport-cert-agent", options).await?);
    let (program, _): (Program, Health) =
        Program::start(copy.name, "sallyport", &args, &env, &options.folder).await?;
    Ok(program)
}

pub(crate) async fn policy_sync(
    cluster: &ControlPlane,
    copy: &Copy<'_>,
    options: &Options,
) -> Result<Program> {
    let mut args = process_args("policy-sync", options);
    args.extend(["--lease-holder", copy.name].map(str::to_owned));
    args.extend(["--job-poll".to_owned(), format!("{}ms", options.job_poll.as_millis())]);
    args.extend(["--resync".to_owned(), format!("{}s", options.resync.as_secs())]);
    let env = [account(cluster, copy, "sallyport-policy-sync", options).await?];
    let (program, _): (Program, Health) =
        Program::start(copy.name, "sallyport", &args, &env, &options.folder).await?;
    Ok(program)
}

pub(crate) async fn webhook(
    cluster: &ControlPlane,
    copy: &Copy<'_>,
    options: &Options,
) -> Result<(Program, Replica)> {
    let mut args = process_args("webhook", options);
    args.extend(["--listen", "127.0.0.1:0", "--drain-delay"].map(str::to_owned));
    args.push(format!("{}s", if options.balanced { DRAIN.as_secs() } else { 0 }));
    let env = [account(cluster, copy, "sallyport-webhook", options).await?];
    let (program, ready): (Program, Listening) =
        Program::start(copy.name, "sallyport", &args, &env, &options.folder).await?;
    Ok((program, Replica { serves: ready.listen, health: ready.health }))
}

fn process_args(subcommand: &str, options: &Options) -> Vec<String> {
    [subcommand, "--health-address", "127.0.0.1:0", "--log", &options.log, "--log-format", "text"]
        .map(str::to_owned)
        .to_vec()
}

async fn account(
    cluster: &ControlPlane,
    copy: &Copy<'_>,
    account: &str,
    options: &Options,
) -> Result<(&'static str, String)> {
    let file = options.folder.join(format!("{}.kubeconfig", copy.name));
    accounts::kubeconfig(cluster, account, &copy.api, &file).await?;
    Ok(("KUBECONFIG", file.display().to_string()))
}
