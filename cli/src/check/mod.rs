//! `sallyport check`: the verdict of admission on manifests, before they reach a cluster.
//!
//! In the order of the flow: [`gather`] the files · [`document`] what stands in them, and where · [`bundle`] policies,
//! namespaces and workloads · [`verdict`] each by itself, by the webhook's own code · [`together`] what only all of them
//! show · [`output`] for people and for pipelines.

mod bundle;
mod cluster;
mod document;
mod gather;
mod output;
mod together;
mod verdict;

use std::{io::IsTerminal as _, path::PathBuf, process::ExitCode};

use bundle::{Bundle, Known};
use output::Format;

use crate::people::{self, print};

/// Something was refused.
const REFUSED: u8 = 1;
/// Something could not be judged, and nothing was refused.
const UNJUDGED: u8 = 2;

/// Judge manifests as the cluster would, without a cluster: same derivation, same words.
///
/// Exit codes: 0 nothing is refused, 1 something is, 2 nothing is but something could not be judged.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Files and folders with manifests (YAML or JSON); `-` reads standard input, for example of `helm template` or
    /// `kustomize build`.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// More files and folders with policies, firewalls and namespaces: they help to judge and are not judged.
    #[arg(long, value_name = "PATH")]
    with: Vec<PathBuf>,
    /// Take policies, namespaces, firewalls and the names that are held from the cluster of KUBECONFIG.
    #[arg(long)]
    from_cluster: bool,
    /// The namespace of manifests that name none.
    #[arg(long, short, default_value = "default")]
    namespace: String,
    /// A namespace that carries the label `sallyport.dev/inject: enabled`, where no manifest of it says so. May be given more
    /// than once.
    #[arg(long, value_name = "NAMESPACE")]
    enabled: Vec<String>,
    /// How to tell.
    #[arg(long, short, value_enum, default_value_t = Format::Human)]
    output: Format,
}

/// How one workload, or one document, came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// The file as it was given, or `-`.
    pub(crate) file: String,
    /// The line in it, from 1.
    pub(crate) line: usize,
    /// `Deployment shop/web`.
    pub(crate) object: String,
    /// How it came out.
    pub(crate) outcome: Outcome,
    /// Allowed, but unwise.
    pub(crate) warnings: Vec<String>,
}

/// How something came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It gets these names.
    Granted(Vec<String>),
    /// It asked to be left out and may be.
    LeftOut,
    /// Its policy only audits: what it says.
    Audited(Option<String>),
    /// Its namespace is not enabled.
    NotEnabled,
    /// A rule forbids it.
    Refused(Box<sallyport_contract::Refusal>),
    /// It could not be judged, and why.
    Unjudged(String),
}

/// All findings, in the order of the files.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) findings: Vec<Finding>,
}

impl Report {
    pub(crate) fn refused(&self) -> usize {
        self.findings.iter().filter(|one| matches!(one.outcome, Outcome::Refused(_))).count()
    }

    pub(crate) fn unjudged(&self) -> usize {
        self.findings.iter().filter(|one| matches!(one.outcome, Outcome::Unjudged(_))).count()
    }

    fn code(&self) -> u8 {
        match (self.refused(), self.unjudged()) {
            (0, 0) => 0,
            (0, _) => UNJUDGED,
            _ => REFUSED,
        }
    }
}

/// Judges everything that was given; what keeps it from an answer is told and ends with 2.
pub(crate) fn run(args: &Args) -> ExitCode {
    people::run(answer(args))
}

async fn answer(args: &Args) -> Result<ExitCode, String> {
    let known = if args.from_cluster { cluster::known().await? } else { Known::default() };
    let report = judge(args, known);
    let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    print(&output::print(&report, args.output, colour))?;
    Ok(ExitCode::from(report.code()))
}

/// The whole judgement of what was given, in memory.
fn judge(args: &Args, known: Known) -> Report {
    let mut bundle = Bundle::new(known, &args.namespace, &args.enabled);
    for source in gather::all(&args.with) {
        bundle.add(source, false);
    }
    for source in gather::all(&args.paths) {
        bundle.add(source, true);
    }
    let bundle = bundle.complete();
    let mut report = Report { findings: bundle.findings.clone() };
    let mut granted = Vec::new();
    for candidate in &bundle.candidates {
        let (finding, identities) = verdict::of(candidate, &bundle);
        granted.extend(identities.into_iter().map(|identity| (report.findings.len(), identity)));
        report.findings.push(finding);
    }
    for (at, refusal) in together::conflicts(&granted, &report.findings, &bundle) {
        if let Some(finding) =
            report.findings.get_mut(at).filter(|one| matches!(one.outcome, Outcome::Granted(_)))
        {
            finding.outcome = Outcome::Refused(Box::new(refusal));
        }
    }
    report.findings.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
    report
}

#[cfg(test)]
mod tests;
