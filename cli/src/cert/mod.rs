//! `sallyport cert …`: how certificates stand, and what may be asked of one identity.

mod ask;
mod status;

use std::process::ExitCode;

use kube::Api;
use sallyport_contract::object::{
    CertificateAuthority, IdentityRequest, Renew, RevocationReason, Revoke, WorkloadIdentity,
};
use sallyport_process::clock::Clock;

use crate::{
    cluster::{client, list, timely},
    people::{self, print},
};

/// What to do with certificates.
#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// How certificates stand: reason, serial number, end and renewal of each, the first to end first.
    Status {
        /// Only of this namespace.
        #[arg(short, long)]
        namespace: Option<String>,
    },
    /// Everything about the certificate of one identity: what it waits for, whose turn it is, its authority's counts.
    Explain {
        /// The identity, as `kubectl get wid -A` shows it: NAMESPACE/NAME.
        #[arg(value_parser = ask::identity)]
        identity: ask::Identity,
    },
    /// Ask for a new certificate with a new key, now. The one there is stays valid until it ends.
    Renew {
        /// The identity: NAMESPACE/NAME.
        #[arg(value_parser = ask::identity)]
        identity: ask::Identity,
    },
    /// Ask for the end of the certificate that the identity has now, and for a new one with a new key.
    Revoke {
        /// The identity: NAMESPACE/NAME.
        #[arg(value_parser = ask::identity)]
        identity: ask::Identity,
        /// Why: `KeyCompromise`, `PrivilegeWithdrawn` (revoked at once), `Superseded`, `CessationOfOperation`,
        /// `AffiliationChanged`, `Unspecified` (revoked when the new one is delivered).
        #[arg(long, value_parser = ask::reason)]
        reason: RevocationReason,
    },
}

/// Runs one command; what keeps it from an answer is told and ends with 2.
pub(crate) fn run(command: Command) -> ExitCode {
    people::run(answer(command))
}

async fn answer(command: Command) -> Result<ExitCode, String> {
    match command {
        Command::Status { namespace } => {
            let identities = list::<WorkloadIdentity>(&client().await?).await?;
            let wanted =
                |identity: &WorkloadIdentity| namespace.is_none() || identity.metadata.namespace == namespace;
            let identities: Vec<_> = identities.into_iter().filter(wanted).collect();
            print(&status::all(&identities, Clock::system().now()))?;
        }
        Command::Explain { identity } => {
            let client = client().await?;
            let found = get(&client, &identity).await?;
            let authorities = list::<CertificateAuthority>(&client).await?;
            let requests = list::<IdentityRequest>(&client).await?;
            print(&status::one(&found, &authorities, &requests, Clock::system().now()))?;
        }
        Command::Renew { identity } => request(&identity, Some(Renew {}), None).await?,
        Command::Revoke { identity, reason } => request(&identity, None, Some(Revoke { reason })).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn get(client: &kube::Client, identity: &ask::Identity) -> Result<WorkloadIdentity, String> {
    let api: Api<WorkloadIdentity> = Api::namespaced(client.clone(), &identity.namespace);
    let found = timely(&format!("read WorkloadIdentity {identity}"), api.get_opt(&identity.name)).await?;
    found.ok_or_else(|| {
        format!("there is no WorkloadIdentity {identity}; `kubectl get wid -A` shows those there are")
    })
}

async fn request(
    identity: &ask::Identity,
    renew: Option<Renew>,
    revoke: Option<Revoke>,
) -> Result<(), String> {
    let client = client().await?;
    let found = get(&client, identity).await?;
    let api: Api<IdentityRequest> = Api::namespaced(client, &identity.namespace);
    let object = ask::request(identity, renew, revoke);
    let made = timely("create an IdentityRequest", api.create(&Default::default(), &object)).await?;
    print(&ask::words(&found, &made))
}
