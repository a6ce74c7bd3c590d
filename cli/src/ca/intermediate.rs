//! `sallyport ca intermediate …`: goes the way of `cert-agent`'s journey, step by step, and waits between.

use std::{path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use kube::{Api, Client};
use sallyport_cert_agent::{
    cluster::kube_api::KubeCluster,
    intermediate::journey::{Journey, Order, Step},
    issuer::{
        aws_client::{Clients, Way},
        aws_parent::{self, AwsParent},
        aws_pca::Arn,
    },
};
use sallyport_contract::{
    keys,
    object::{CertificateAuthority, IntermediateCa},
};
use sallyport_process::clock::Clock;
use tokio::time::Instant;

use super::words;
use crate::{
    cluster::{client, timely},
    people::print,
};

/// What to do with an intermediate.
#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Make the intermediate of a CertificateAuthority. Costs one certificate of AWS Private CA.
    Create(Args),
    /// Make another one with a new key in its place; what the one before signed stays valid until it ends. Costs one
    /// certificate of AWS Private CA.
    Renew(Args),
}

/// For which, and how AWS is reached.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The CertificateAuthority, whose spec.intermediate says what is made.
    authority: String,
    /// The namespace of cert-agent's own Secrets.
    #[arg(long, env = "SALLYPORT_NAMESPACE", default_value = keys::SYSTEM_NAMESPACE)]
    namespace: String,
    /// A PEM file with the only CAs that the AWS endpoint is trusted by, instead of the public ones.
    #[arg(long, env = "AWS_CA_BUNDLE", value_name = "FILE")]
    aws_ca_bundle: Option<PathBuf>,
}

/// AWS takes seconds; what takes longer is taken up again by another run.
const PATIENCE: Duration = Duration::from_secs(120);

/// Does it, and tells each step.
pub(crate) async fn answer(command: Command) -> Result<ExitCode, String> {
    let (order, args) = match command {
        Command::Create(args) => (Order::Create, args),
        Command::Renew(args) => (Order::Renew, args),
    };
    let client = client().await?;
    let spec = spec(&client, &args.authority).await?;
    let arn = parent(&client, &args.authority, &spec.parent).await?;
    let clients = Arc::new(Clients::new(Way { ca_bundle: args.aws_ca_bundle, ..Way::default() }));
    let caller = aws_parent::caller(&clients, &arn.region).await;
    let caller = caller.map_err(|error| words::no_credentials(&error))?;
    let journey = Journey {
        cluster: KubeCluster::new(client),
        parent: AwsParent::new(clients, arn, caller),
        clock: Clock::system(),
        system: args.namespace,
        authority: args.authority,
        spec,
        order,
    };
    let before = journey.standing().await.map_err(|error| words::trouble(&journey.authority, &error))?;
    let end = Instant::now() + PATIENCE;
    loop {
        match journey.step().await.map_err(|error| words::trouble(&journey.authority, &error))? {
            Step::Done(made) => {
                print(&words::done(&journey.authority, &journey.system, &made, before.as_ref()))?;
                return Ok(ExitCode::SUCCESS);
            }
            Step::Next(_, told) if Instant::now() >= end => {
                return Err(format!(
                    "{told} within two minutes. Run this again to go on: nothing is asked for twice"
                ));
            }
            Step::Next(wait, told) => {
                print(&format!("{told}\n"))?;
                tokio::time::sleep(wait).await;
            }
        }
    }
}

async fn get(client: &Client, name: &str) -> Result<Option<CertificateAuthority>, String> {
    let api: Api<CertificateAuthority> = Api::all(client.clone());
    timely(&format!("read CertificateAuthority {name}"), api.get_opt(name)).await
}

async fn spec(client: &Client, name: &str) -> Result<IntermediateCa, String> {
    let found = get(client, name).await?;
    let found = found.ok_or_else(|| {
        format!("there is no CertificateAuthority {name}; `kubectl get ca` shows those there are")
    })?;
    found.spec.intermediate.ok_or_else(|| {
        format!("CertificateAuthority {name} has no spec.intermediate; there is nothing to make for it")
    })
}

async fn parent(client: &Client, name: &str, parent: &str) -> Result<Arn, String> {
    let no = |why: &str| {
        format!(
            "CertificateAuthority {name} names {parent} as spec.intermediate.parent, {why}. Make an object whose parent has \
             spec.awsPrivateCA"
        )
    };
    let found = get(client, parent).await?.ok_or_else(|| no("which does not exist"))?;
    let aws = found.spec.aws_private_ca.ok_or_else(|| no("which is no CA of AWS Private CA"))?;
    Arn::read(&aws.arn).ok_or_else(|| no("whose ARN is not that of a CA"))
}
