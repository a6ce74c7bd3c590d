//! `sallyport status`: how a namespace stands, on one screen: its policy, its identities, and what they wait for.
//!
//! [`answer`] reads the objects, [`view`] tells what they say.

mod view;

use std::process::ExitCode;

use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use sallyport_contract::{derive::enabled, keys, object::NamespaceBinding};
use sallyport_process::clock::Clock;
use view::View;

use crate::{
    cluster::{client, list_in, timely},
    people::{self, print},
};

/// How a namespace stands, on one screen: its policy, its identities, whose turn it is, and what to do. Reads only.
///
/// Exit codes: 0 all identities are Ready, 1 some wait, 2 it could not be found out.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The namespace.
    #[arg(long, short, default_value = "default")]
    namespace: String,
}

/// Tells how a namespace stands; what keeps it from an answer is told and ends with 2.
pub(crate) fn run(args: &Args) -> ExitCode {
    people::run(answer(args))
}

async fn answer(args: &Args) -> Result<ExitCode, String> {
    let view = read(&args.namespace).await?;
    print(&view.print(Clock::system().now()))?;
    Ok(if view.waits() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

async fn read(namespace: &str) -> Result<View, String> {
    let client = client().await?;
    let home = timely("read the namespace", Api::<Namespace>::all(client.clone()).get_opt(namespace)).await?;
    let Some(home) = home else { return Err(format!("there is no namespace {namespace}")) };
    let bindings = Api::<NamespaceBinding>::namespaced(client.clone(), namespace);
    Ok(View {
        namespace: namespace.to_owned(),
        enabled: enabled(&home.metadata.labels.unwrap_or_default()),
        binding: timely("read the NamespaceBinding", bindings.get_opt(keys::BINDING)).await?,
        identities: list_in(&client, namespace).await?,
        pods: list_in(&client, namespace).await?,
    })
}
