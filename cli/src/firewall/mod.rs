//! `sallyport firewall …`: what stands on a firewall, what would be changed there, the brake on one name, and names that change hands.

mod block;
mod cluster;
mod files;
mod handover;
mod source;
mod status;

use std::process::ExitCode;

pub(crate) use cluster::world;
use sallyport_contract::DnsName;
use sallyport_policy_sync::{
    cycle,
    panos::Panos,
    preview::{
        Preview,
        lines::{as_cli, as_xml},
        report::Report,
    },
};
use sallyport_process::clock::Clock;
use source::Source;

use crate::people::{self, print};

/// What to do with a firewall.
#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// How a firewall stands: device, job, last commit, conditions, and which names wait for whom.
    ///
    /// Read from the cluster; the firewall itself is not asked.
    Status {
        /// The `Firewall` object; all of them if absent.
        name: Option<String>,
    },
    /// What policy-sync would change on a firewall now, as the lines of its CLI. Reads only.
    ///
    /// Suspension and change windows are told and otherwise left out: these are the changes that go out once they are
    /// released. Nothing is written, neither on the firewall nor in the cluster.
    Diff {
        #[command(flatten)]
        source: Source,
        /// The bodies of the multi-config requests instead, one on each line, exactly as they would be sent.
        #[arg(long)]
        xml: bool,
    },
    /// What stands in the way of the first write: for network security, before anything is installed or enabled. Reads only.
    ///
    /// Each line is a check: ✓ as it should be, ? cannot be told, ! somebody should look, ✗ in the way. Ends with 0 if
    /// nothing is in the way, with 1 if something is, with 2 if it could not be found out.
    Preflight {
        #[command(flatten)]
        source: Source,
    },
    /// Deny one name now, whatever the workloads say, also outside the change windows.
    Block(Brake),
    /// Take that back.
    Unblock(Brake),
    /// Take names over that another cluster holds on this firewall: one commit brings our App-IDs and takes theirs away.
    ///
    /// The other cluster must stand in `spec.sharedWith`. Written is only `spec.adopted`; policy-sync does the rest.
    Adopt {
        /// The DNS names in normal form: lower case, no trailing dot.
        #[arg(required = true)]
        names: Vec<String>,
        /// The `Firewall` object.
        #[arg(long, value_name = "FIREWALL")]
        on: String,
    },
    /// Let another cluster take names over, and go on with what it holds from then on. Written is only `spec.sharedWith`.
    Handover {
        /// The `Firewall` object.
        #[arg(long, value_name = "FIREWALL")]
        on: String,
        /// The other cluster: `spec.clusterName` of its `Firewall`.
        #[arg(long, value_name = "CLUSTER")]
        to: String,
    },
}

/// One name on one firewall.
#[derive(clap::Args)]
pub(crate) struct Brake {
    /// The DNS name in normal form: lower case, no trailing dot.
    name: String,
    /// The `Firewall` object.
    #[arg(long, value_name = "FIREWALL")]
    on: String,
}

/// Runs one command; what keeps it from an answer is told and ends with 2.
pub(crate) fn run(command: Command) -> ExitCode {
    people::run(answer(command))
}

async fn answer(command: Command) -> Result<ExitCode, String> {
    let clock = Clock::system();
    match command {
        Command::Status { name } => {
            let view = cluster::view(name.as_deref()).await?;
            print(&status::print(&view, clock.now()))?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Diff { source, xml } => {
            for preview in previews(source, &clock).await? {
                print(&if xml { as_xml(&preview) } else { as_cli(&preview) })?;
            }
            Ok(ExitCode::SUCCESS)
        }
        Command::Preflight { source } => {
            let mut clear = true;
            for preview in previews(source, &clock).await? {
                let report = Report::of(&preview);
                clear &= report.is_clear();
                print(&report.to_string())?;
            }
            Ok(if clear { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Command::Block(brake) => pull(brake, block::Wish::Block).await,
        Command::Unblock(brake) => pull(brake, block::Wish::Unblock).await,
        Command::Adopt { names, on } => {
            let names = names.iter().map(|name| normal(name)).collect::<Result<Vec<_>, _>>()?;
            print(&cluster::change(&on, |found| handover::adopt(found, &names)).await?)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Handover { on, to } => {
            print(&cluster::change(&on, |found| handover::hand_over(found, &to)).await?)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Every firewall behind one object, looked at one after the other.
async fn previews(source: Source, clock: &Clock) -> Result<Vec<Preview>, String> {
    let (world, members) = source.read().await?;
    let mut previews = Vec::new();
    for member in members {
        let name = member.to_string();
        let look = cycle::preview(Panos::new, member, &world, clock.clone()).await;
        previews.push(look.map_err(|fault| {
            let (reason, turn) = (fault.fate.reason(), fault.fate.reason().turn().as_str());
            format!("firewall {name} could not be looked at ({reason}): {fault}; the next step is for {turn}")
        })?);
    }
    Ok(previews)
}

async fn pull(brake: Brake, wish: block::Wish) -> Result<ExitCode, String> {
    let name = normal(&brake.name)?;
    print(&cluster::block(&brake.on, &name, wish).await?)?;
    Ok(ExitCode::SUCCESS)
}

/// A name that is in normal form already: what is blocked must be what was meant.
fn normal(text: &str) -> Result<DnsName, String> {
    match text.parse::<DnsName>() {
        Ok(name) if name.as_str() == text => Ok(name),
        Ok(name) => Err(format!("{text:?} is not in normal form; did you mean {name}?")),
        Err(error) => {
            Err(format!("{text:?} is no DNS name ({error}); give the name as `kubectl get wid -A` shows it"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::normal;

    #[test]
    fn only_names_in_normal_form_are_taken() {
        assert_eq!(normal("web.shop.corp.example").unwrap().as_str(), "web.shop.corp.example");
        assert!(
            normal("Web.Shop.corp.example").unwrap_err().ends_with("did you mean web.shop.corp.example?")
        );
        assert!(normal("web..example").unwrap_err().contains("is no DNS name"));
    }
}
