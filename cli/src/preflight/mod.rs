//! `sallyport preflight`: what the installation itself needs, asked before it and after it.
//!
//! [`cluster`] asks the API server, [`rights`] tells from the manifests what must be allowed, [`device`] asks a firewall's
//! management interface, [`ways`] lists the sessions that must never be denied.

mod cluster;
mod device;
mod finding;
mod rights;
mod ways;

use std::process::ExitCode;

use finding::{Finding, told};
use kube::{Resource, ResourceExt as _};
use sallyport_contract::object::{CertificateAuthority, Firewall};
use sallyport_process::clock::Clock;

use crate::{
    cluster::{client, list},
    people::{self, print},
};

/// What the installation itself needs: before it, what can be seen from outside; after it, all. Changes nothing.
///
/// Asked are the API server's version, clock and features, your rights, and once Sallyport is installed its accounts'
/// rights, whether the webhook is reached (by a dry run), each firewall's management interface, and DNS, from where this
/// runs. At the end stand the sessions that must never be denied, with rules for the firewall to create first.
///
/// Each line is a check: ✓ as it should be, ? cannot be told, ✗ in the way. Exit codes: 0 nothing is in the way, 1 something
/// is, 2 it could not be found out.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only this `Firewall` object; all of them if absent.
    #[arg(long, value_name = "NAME")]
    firewall: Option<String>,
    /// Only this `CertificateAuthority` object; all of them if absent.
    #[arg(long, value_name = "NAME")]
    authority: Option<String>,
    #[command(flatten)]
    places: ways::Places,
}

/// Tests; what keeps it from an answer is told and ends with 2.
pub(crate) fn run(args: Args) -> ExitCode {
    people::run(answer(args))
}

async fn answer(args: Args) -> Result<ExitCode, String> {
    let client = client().await?;
    let clock = Clock::system();
    let mut findings = cluster::server(&client, &clock).await?;
    findings.push(cluster::own_rights(&client).await);
    let (mut firewalls, mut authorities) = (Vec::new(), Vec::new());
    if cluster::installed(&client).await? {
        findings.extend(cluster::accounts(&client).await);
        findings.push(cluster::webhook(&client).await);
        firewalls = chosen(list::<Firewall>(&client).await?, args.firewall.as_deref())?;
        authorities = chosen(list::<CertificateAuthority>(&client).await?, args.authority.as_deref())?;
        for firewall in &firewalls {
            findings.extend(device::look(firewall, &clock).await);
        }
    } else {
        let words = "it is not installed here: its accounts, webhook and firewalls are asked after it is";
        findings.push(Finding::unknown("installed", words));
    }
    let ways = ways::ways(&firewalls, &authorities);
    findings.extend(device::names(&ways::hosts(&ways)).await);
    print(&told(&findings))?;
    print(&ways::told(&args.places, &ways))?;
    let clear = findings.iter().all(Finding::is_clear);
    Ok(if clear { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The one that is named, or all.
fn chosen<K: Resource<DynamicType = ()>>(mut objects: Vec<K>, name: Option<&str>) -> Result<Vec<K>, String> {
    let Some(name) = name else { return Ok(objects) };
    objects.retain(|object| object.name_any() == name);
    if objects.is_empty() {
        return Err(format!("there is no {} {name}", K::kind(&())));
    }
    Ok(objects)
}
